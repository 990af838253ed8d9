"""``semioscope crop``: plan what part of the picture is used, look at the plans, decide on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption, WorkersOption
from semioscope.cli.saying import say, say_next
from semioscope.core.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semioscope.cohort import Cohort
    from semioscope.core.records import Event
    from semioscope.preprocess import CropPlan

EXIT_PROBLEMS = 1

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_show_locals=False)

CohortArgument = Annotated[Path, typer.Argument(help="Cohort folder.", metavar="COHORT")]
EventsOption = Annotated[
    list[str] | None, typer.Option("--event", help="Only this event; repeat it.", metavar="ID")
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task", help="Also the parts before and after seizures, if this task has a class of them.",
        metavar="NAME",
    ),
]  # fmt: skip
PartSecondsOption = Annotated[
    float | None,
    typer.Option(
        "--part-seconds",
        min=0.34,
        help="How far such parts reach from their seizure [default: 78].",
        metavar="N",
    ),
]


@app.command("plan", help="Find the crop of every event and write crops.tsv.")
def plan(
    cohort: CohortArgument,
    cropper: Annotated[
        str, typer.Option(help="depth_box, depth, box, montage or identity.", metavar="NAME")
    ] = "depth_box",
    detector: Annotated[
        str,
        typer.Option(
            help="Finds bed and person: maskrcnn, fasterrcnn_mobilenet, ssd300_vgg16, own or recorded.",
            metavar="NAME",
        ),
    ] = "maskrcnn",
    weights: Annotated[
        str,
        typer.Option(help="Of the detector: pretrained, random (trials only) or a file.", metavar="WHICH"),
    ] = "pretrained",
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Leave out the check whether depth crops cut the patient.")
    ] = False,
    event: EventsOption = None,
    task: TaskOption = None,
    part_seconds: PartSecondsOption = None,
    workers: WorkersOption = 1,
    progress: ProgressOption = "auto",
) -> None:
    """Plan the crops of a cohort. Rows that were made by hand stay as they are."""
    from semioscope.cohort import read_cohort
    from semioscope.core.progress import make_progress
    from semioscope.preprocess.crop_finding import crop_method
    from semioscope.preprocess.crop_plans import make_crop_plans

    display = make_progress(progress)
    read = read_cohort(cohort)
    events = _events(read, event, task=task, part_seconds=part_seconds)
    eye, name = None, ""
    if crop_method(cropper).needs_detector:
        from semioscope.networks.detector_folder import detector_identity
        from semioscope.networks.detectors import load_detector

        eye = load_detector(detector, weights=weights, progress=display)
        name = detector_identity(detector, weights)
        for note in getattr(eye, "notes", ()):
            display.message(note, level="warning")
    done = make_crop_plans(
        read, events, method=cropper, detector=eye, check=not no_check, workers=workers, progress=display,
        detector_name=name,
    )  # fmt: skip
    if done.plans:
        print(_table(done.plans))
        print()
    say(_counts(done.plans, num_kept=done.num_kept))
    for note in done.notes:
        say(note)
    for flagged in done.flagged:
        why = " ".join(filter(None, (flagged.depth_doubt, flagged.box_reason)))
        say(
            f"Flagged: {flagged.event_id} in {flagged.recording_id}: {why or 'no reason stands in crops.tsv.'}"
        )
    for each in done.plans:
        if each.status == "accepted" and each.box_reason:
            say(f"Remark: {each.event_id} in {each.recording_id}: {each.box_reason}")
    num_remarks = sum(bool(each.depth_remark) for each in done.plans)
    if num_remarks:
        say(
            f"{num_remarks} of {counted(len(done.plans), 'plan')} {'has' if num_remarks == 1 else 'have'} a remark: "
            "the two readings of the bed's curvature disagree. That alone flags no plan; semioscope crop explain "
            "draws both."
        )
    for failure in done.failures:
        say(f"No plan: {failure.event_id} in {failure.recording_id}: {failure.message}")
    if done.flagged:
        print("Flagged plans keep the raw picture until somebody decides on them.")
    if done.plans:
        say_next(_sheet_command(read, cohort, cropper))
    if done.failures:
        say(f"Mend the recordings without a plan (semioscope cohort check {cohort}), then plan again.")
        raise typer.Exit(EXIT_PROBLEMS)


@app.command("explain", help="Draw the depth crop of one event step by step.")
def explain(
    cohort: CohortArgument,
    event: Annotated[
        str, typer.Argument(help="Which seizure, or which part (with --task).", metavar="EVENT")
    ],
    recording: Annotated[
        str | None,
        typer.Option(help="Which recording of it [default: the first].", metavar="ID"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Figure, .svg or .png [default: COHORT/derived/crops/depth-crop-EVENT.svg].", metavar="FILE"
        ),
    ] = None,
    task: TaskOption = None,
    part_seconds: PartSecondsOption = None,
) -> None:
    """Draw what the depth crop measures and concludes."""
    from semioscope.cohort import read_cohort
    from semioscope.preprocess.crop_finding import crop_method
    from semioscope.preprocess.cropper_rows import croppers_of
    from semioscope.report.crop_pages import write_explanation

    read = read_cohort(cohort)
    events = _events(read, [event], task=task, part_seconds=part_seconds, planned=_standing(read))
    told = write_explanation(read, event, events, recording_id=recording, out=out)
    say(told.verdict)
    print(f"Wrote {told.path}.")
    with_depth = (name for name in croppers_of(_standing(read)) if crop_method(name).uses_depth)
    cropper = next(with_depth, "")
    say_next(
        _sheet_command(read, cohort, cropper) if cropper else f"semioscope crop plan {cohort} --cropper depth"
    )


@app.command("sheet", help="Make the page on which a person looks at the plans and decides.")
def sheet(
    cohort: CohortArgument,
    cropper: Annotated[
        str | None,
        typer.Option(help="Whose plans [default: the only cropper in crops.tsv].", metavar="NAME"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page [default: COHORT/derived/crops/sheet.html].", metavar="FILE")
    ] = None,
    event: EventsOption = None,
    task: TaskOption = None,
    part_seconds: PartSecondsOption = None,
    progress: ProgressOption = "auto",
) -> None:
    """Make the contact sheet of the plans of one cropper in crops.tsv."""
    from semioscope.cohort import read_cohort
    from semioscope.core.progress import make_progress
    from semioscope.preprocess.cropper_rows import rows_of, the_cropper
    from semioscope.report.crop_pages import crops_to_show, write_sheet

    read = read_cohort(cohort)
    standing = crops_to_show(read)
    chosen = the_cropper(standing, cropper)
    shown = rows_of(standing, chosen)
    events = _events(read, event, task=task, part_seconds=part_seconds, planned=shown)
    done = write_sheet(read, events, cropper=chosen, out=out, progress=make_progress(progress))
    for each in (*done.failures, *done.unplanned):
        say(f"Not shown: {each.event_id} in {each.recording_id}: {each.message}")
    page = f"{done.path} (cropper {chosen})" if chosen else str(done.path)
    say(f"Wrote {page}: {counted(done.num_shown, 'plan')}, {done.num_flagged} flagged. It shows patients.")
    print("Open it in a browser, decide, and download the decisions.")
    say_next(f"semioscope crop apply crop-decisions.json {cohort}")
    if done.failures or done.unplanned:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command("apply", help="Write the decisions of a contact sheet into crops.tsv.")
def apply(
    file: Annotated[Path, typer.Argument(help="The file that the sheet downloads.", metavar="FILE")],
    cohort: CohortArgument,
    task: TaskOption = None,
    part_seconds: PartSecondsOption = None,
) -> None:
    """Apply decisions, all or none; what they say survives every later plan."""
    from semioscope.cohort import read_cohort
    from semioscope.preprocess.crop_decisions import apply_decisions
    from semioscope.preprocess.cropper_rows import views_of

    read = read_cohort(cohort)
    seizures = {seizure.seizure_id for seizure in read.seizures}
    events = _events(read, None, task=task, part_seconds=part_seconds, planned=_standing(read))
    done = apply_decisions(read, events, file)
    for change in done.changes:
        say(change)
    say(
        f"{counted(len(done.changes), 'row')} of crops.tsv changed, {done.num_unchanged} stood so already. "
        + _counts(done.plans, num_kept=0)
    )
    planned = {each.place: each.status for each in done.plans}
    views = views_of(events)
    # without a task, parts are among the events because any cropper has planned them
    wanted = set(views) if task else {place for place in views if place[0] in seizures or place in planned}
    if not wanted <= set(planned):
        say_next(f"semioscope crop plan {cohort}{f' --cropper {done.cropper}' if done.cropper else ''}")
    elif any(planned[place] == "flagged" for place in wanted):
        say_next(_sheet_command(read, cohort, done.cropper))
    else:
        say_next(f"semioscope cohort check {cohort}")


def _events(
    cohort: "Cohort",
    names: "Sequence[str] | None",
    *,
    task: str | None,
    part_seconds: float | None,
    planned: "Sequence[CropPlan]" = (),
) -> "tuple[Event, ...]":
    """Return the events that options ask for, and say what is to know of them.

    Args:
        cohort: The cohort.
        names: Only these.
        task: Its parts are among them.
        part_seconds: How far parts reach; None: as far as usual.
        planned: Without a task, parts that have a plan among these are among them.
    """
    from semioscope.cohort import read_task
    from semioscope.plans.parts import PART_SECONDS
    from semioscope.preprocess.crop_events import crop_events

    found = crop_events(
        cohort,
        names,
        task=None if task is None else read_task(task),
        part_seconds=PART_SECONDS if part_seconds is None else part_seconds,
        planned=planned,
    )
    for note in found.notes:
        say(note)
    return found.events


def _standing(cohort: "Cohort") -> "list[CropPlan]":
    """Return the rows of ``crops.tsv``; none where there is no table."""
    from semioscope.core.formats import CROPS
    from semioscope.preprocess.crops import standing_crops

    return standing_crops(cohort.folder / CROPS.file)


def _sheet_command(cohort: "Cohort", folder: Path, cropper: str) -> str:
    """Return the command that shows the plans of a cropper; it names the cropper where there are others."""
    from semioscope.preprocess.cropper_rows import croppers_of

    several = cropper and len(croppers_of(_standing(cohort))) > 1
    return f"semioscope crop sheet {folder}{f' --cropper {cropper}' if several else ''}"


def _table(plans: "tuple[CropPlan, ...]") -> str:
    """Return the plans as text in columns."""
    rows = [("event", "recording", "status", "origin", "depth", "box (left top right bottom)")]
    for each in plans:
        planes = "-" if each.planes is None else f"along {each.planes.axis}"
        edges = "-"
        if each.box is not None:
            right, bottom = each.box.x + each.box.width, each.box.y + each.box.height
            edges = f"{each.box.x:.2f} {each.box.y:.2f} {right:.2f} {bottom:.2f}"
        rows.append((each.event_id, each.recording_id, each.status, each.origin, planes, edges))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _counts(plans: "tuple[CropPlan, ...]", *, num_kept: int) -> str:
    from collections import Counter

    states = Counter(each.status for each in plans)
    told = ", ".join(f"{states[name]} {name}" for name in ("accepted", "flagged", "rejected") if states[name])
    text = f"{counted(len(plans), 'plan')}{f': {told}' if told else ''}."
    if num_kept:
        text += f" {num_kept} made by hand before {'stays' if num_kept == 1 else 'stay'} as written."
    return text
