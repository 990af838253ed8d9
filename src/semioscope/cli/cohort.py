"""``semioscope cohort``: make, check, describe, fetch and import a cohort folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption, SkipUnmatchedOption, StoreOption
from semioscope.cli.saying import say
from semioscope.core.wording import counted

if TYPE_CHECKING:
    from semioscope.core.tables import Problem

EXIT_PROBLEMS = 1

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_show_locals=False)
importers = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_show_locals=False)
app.add_typer(importers, name="import", help="Fill a cohort folder from what there is.")

FolderArgument = Annotated[Path, typer.Argument(help="Cohort folder.", metavar="DIR")]
TaskOption = Annotated[str, typer.Option("--task", help="Preset task, or a YAML file.", metavar="NAME")]


@app.command("new", help="Make an empty cohort folder: three tables.")
def new(folder: FolderArgument) -> None:
    """Make an empty cohort folder."""
    from semioscope.cohort import new_cohort

    with _problems_exit():
        new_cohort(folder)
    print(f"Made {folder}: patients.tsv, recordings.tsv and seizures.tsv with headers, and a folder videos.")
    print("Fill the tables (docs/formats.md), or import what you have:")
    print(f"Next: semioscope cohort import table TABLE.xlsx {folder} --preview")
    print(f"      semioscope cohort check {folder}")


@app.command("check", help="Report every problem of tables and videos at once.")
def check(
    folder: FolderArgument,
    full: Annotated[
        bool, typer.Option("--full", help="Read all videos to the end; compare files byte by byte.")
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="Also check the classes of this task.", metavar="NAME")
    ] = None,
    progress: ProgressOption = "auto",
) -> None:
    """Check a cohort folder."""
    from semioscope.cohort import check_cohort, read_task
    from semioscope.core.progress import make_progress
    from semioscope.preprocess.crop_check import check_crops

    chosen = None if task is None else read_task(task)
    problems = check_cohort(folder, full=full, task=chosen, progress=make_progress(progress))
    errors = _print_problems([*problems, *check_crops(folder)])
    if errors:
        print(f"Next: mend these, then semioscope cohort check {folder}")
        raise typer.Exit(EXIT_PROBLEMS)
    print(f"Next: semioscope cohort summary {folder}")


@app.command("summary", help="Print the figures of a cohort beside published ones.")
def summary(
    folder: FolderArgument,
    task: TaskOption = "fos-vs-tcs",
    min_duration_seconds: Annotated[
        float, typer.Option("--min-duration-seconds", min=0, help="Leave out shorter seizures.", metavar="N")
    ] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Describe a cohort."""
    from semioscope.cohort import read_cohort, read_task, render_summary, summarise

    chosen = read_task(task)
    with _problems_exit(f"Next: mend these, then semioscope cohort check {folder}"):
        figures = summarise(read_cohort(folder), chosen, min_duration_seconds=min_duration_seconds)
    if as_json:
        import json

        from semioscope.core.files import canonical_json

        print(json.dumps(json.loads(canonical_json(figures)), indent=1, ensure_ascii=False))
        return
    print(render_summary(figures))
    from semioscope.features import read_imported
    from semioscope.recipes import RECIPES

    name, make = next(iter(RECIPES.items()))
    few = figures["patients"]["num"]
    folds = f" --set folds.num_folds={max(2, few // 2)}" if few < make().folds.num_folds else ""
    print(f"\nNext: semioscope run {name} --cohort {folder} --out RUN{folds}")
    if not read_imported(folder):
        print(
            "      (add --backbone motion while the weights of the network are not there: semioscope doctor)"
        )


@importers.command("table", help="Import an annotation table: csv, tsv or xlsx.")
def import_table_command(
    source: Annotated[Path, typer.Argument(help="The table.", metavar="TABLE")],
    folder: FolderArgument,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="TARGET=COLUMN",
            help="What a column means, such as onset=Beginn; repeat it. What is not said is guessed.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Leave a column out; repeat it.")
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", help="Sheet of a spreadsheet [default: the first].", metavar="NAME"),
    ] = None,
    annotator: Annotated[
        str | None,
        typer.Option("--annotator", help="Who annotated, where no column says so.", metavar="NAME"),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the first rows as they would be written; write nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a seizures.tsv that has rows.")] = False,
) -> None:
    """Import an annotation table."""
    from semioscope.cohort import import_table

    with _problems_exit(f"Next: semioscope cohort import table {source} {folder} --preview"):
        result = import_table(
            source,
            folder,
            mapping=parse_mapping(mapping or []),
            drop=drop or [],
            sheet=sheet,
            annotator=annotator,
            force=force,
            preview=preview,
        )
    if preview:
        print(result.preview())
        print()
        if _print_problems(result.problems):
            print(
                "Next: mend the table or the mapping (--map TARGET=COLUMN), then look again with --preview."
            )
            raise typer.Exit(EXIT_PROBLEMS)
        print("Nothing was written. Next: the same command without --preview.")
        return
    for note in result.notes:
        print(f"Note: {note}")
    counts = ", ".join(f"{file}: {len(rows)}" for file, rows in result.rows.items())
    print(f"Wrote {folder} (rows of {counts}).")
    print(f"Next: semioscope cohort check {folder}")


@importers.command("gestures-features", help="Import the public GESTURES feature set, unpacked.")
def import_gestures_command(
    source: Annotated[
        Path, typer.Argument(help="Folder with seizures.csv, or the one above it.", metavar="SRC")
    ],
    folder: Annotated[Path, typer.Argument(help="Cohort folder.", metavar="COHORT")],
    store: StoreOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace tables that hold something else.")] = False,
    skip_unmatched: SkipUnmatchedOption = False,
    progress: ProgressOption = "auto",
) -> None:
    """Import the public GESTURES feature set."""
    from semioscope.core.progress import make_progress
    from semioscope.features import import_gestures_features

    with _problems_exit():
        done = import_gestures_features(
            source,
            folder,
            store=store,
            force=force,
            skip_unmatched=skip_unmatched,
            progress=make_progress(progress),
        )
    say(done.describe())
    print(f"Wrote {folder}: {done.num_clips} vectors in {done.store}.")
    if done.num_left_out:
        print(f"{counted(done.num_left_out, 'view')} left out, listed in {folder / 'failures.tsv'}.")
    print(f"Next: semioscope cohort summary {folder}")
    if done.num_left_out:
        raise typer.Exit(EXIT_PROBLEMS)


@importers.command("contextual", help="Add long videos without seizures, for pre-training.")
def import_contextual_command(
    source: Annotated[
        Path, typer.Argument(help="Folder of videos, searched to the bottom.", metavar="FOLDER")
    ],
    folder: Annotated[Path, typer.Argument(help="Cohort folder; made if absent.", metavar="COHORT")],
    patient_from: Annotated[
        str,
        typer.Option(
            "--patient-from",
            help="Who is seen: folder (the first one below FOLDER), regex (--pattern) or table (--table).",
            metavar="WAY",
        ),
    ],
    pattern: Annotated[
        str | None,
        typer.Option(help="Finds the patient in the path; its group is the patient.", metavar="REGEX"),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="csv, tsv or xlsx with a column of patients and one of files.", metavar="FILE"),
    ] = None,
    view: Annotated[
        str, typer.Option(help="Name of the camera, where no table says it.", metavar="NAME")
    ] = "main",
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the first rows as they would be written; write nothing.")
    ] = False,
    progress: ProgressOption = "auto",
) -> None:
    """Add contextual recordings to a cohort."""
    from semioscope.cohort import import_contextual
    from semioscope.core.progress import make_progress

    with _problems_exit():
        result = import_contextual(
            source,
            folder,
            patient_from=patient_from,
            pattern=pattern,
            table=table,
            view=view,
            preview=preview,
            progress=make_progress(progress),
        )
    if preview:
        print(result.preview())
    else:
        for note in result.notes:
            say(f"Note: {note}")
        added = (
            f"{counted(result.num_new, 'contextual recording')} added, {result.total_seconds / 3600:.2f} h"
        )
        print(f"{added}, of {counted(result.num_patients, 'patient')}, to {folder}.")
    for problem in result.left_out:
        say(f"left out  {problem}")
    if preview:
        print("Nothing was written. Next: the same command without --preview.")
    else:
        print(f"Next: semioscope cohort check {folder}")
    if result.left_out:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command("fetch", help="Download a published data set by name, check and unpack it.")
def fetch(
    name: Annotated[str, typer.Argument(help="gestures-features.", metavar="NAME")],
    folder: Annotated[Path, typer.Argument(help="Where to unpack it.", metavar="DIR")],
    progress: ProgressOption = "auto",
) -> None:
    """Download a published data set."""
    from semioscope.core.progress import make_progress
    from semioscope.features import fetch_data_set

    with _problems_exit():
        done = fetch_data_set(name, folder, progress=make_progress(progress))
    print(f"{done.data_set.title}")
    print(f"  from     {done.data_set.landing}")
    say(f"  licence  {done.licence}")
    print(f"  sha256   {done.sha256}")
    say(f"  checked  {done.checked}")
    print(f"{counted(done.num_files, 'file')} unpacked in {folder}.")
    print(f"Next: {done.data_set.then.format(folder=folder)}")


def parse_mapping(items: list[str]) -> dict[str, str]:
    """Return column by target of ``TARGET=COLUMN`` options.

    Raises:
        ConfigError: If one is written otherwise, or a target comes twice.
    """
    from semioscope.core.errors import ConfigError

    mapping: dict[str, str] = {}
    for item in items:
        target, sign, column = (part.strip() for part in item.partition("="))
        if not (sign and target and column):
            msg = f"--map must be TARGET=COLUMN, got {item!r}. Write for example --map onset=Beginn."
            raise ConfigError(msg)
        if target in mapping:
            msg = f"--map {target} must be given once, got {mapping[target]!r} and {column!r}."
            raise ConfigError(msg)
        mapping[target] = column
    return mapping


def _print_problems(problems: "list[Problem] | tuple[Problem, ...]") -> int:
    """Print problems, errors first, and a count; return how many errors there are."""
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    for problem in errors:
        say(f"ERROR    {problem}")
    for problem in warnings:
        say(f"warning  {problem}")
    if not problems:
        print("No problems.")
    else:
        print(f"{counted(len(errors), 'error')}, {counted(len(warnings), 'warning')}.")
    return len(errors)


@contextmanager
def _problems_exit(then: str = "") -> Iterator[None]:
    """Turn problems of a cohort into text and exit code 1."""
    from semioscope.core.errors import CohortError

    try:
        yield
    except CohortError as err:
        say(str(err))
        if then:
            print(then)
        raise typer.Exit(EXIT_PROBLEMS) from err
