"""``semioscope run``: from a cohort folder to a report, in one command."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import (
    ExecutorOption,
    ProgressOption,
    SkipUnmatchedOption,
    StoreOption,
    WorkersOption,
)
from semioscope.cli.run_benefit import refuse_without_pretraining, run_benefit
from semioscope.cli.saying import say, say_next, say_nothing_done

if TYPE_CHECKING:
    from semioscope.core.progress import Progress
    from semioscope.recipes import RunConfig


def command(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, or the config.yaml of a run.", metavar="RECIPE")
    ],
    *,
    cohort: Annotated[Path | None, typer.Option("--cohort", help="Cohort folder.", metavar="DIR")] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="A published feature set, in place of a cohort.", metavar="DIR"),
    ] = None,
    skip_unmatched: SkipUnmatchedOption = False,
    out: Annotated[
        Path, typer.Option("--out", help="Run folder; the same command goes on in it.", metavar="RUN")
    ],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="patient (default), paper or released: folds and selection as published.", metavar="NAME"
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="A task's name or a YAML file.", metavar="NAME")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Frozen network, such as r2plus1d_34_8 or motion.", metavar="NAME")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="pretrained, random (trials only) or a file.", metavar="WHICH")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto, torch or openvino.", metavar="NAME")] = None,
    precision: Annotated[str | None, typer.Option(help="f32 or bf16.", metavar="NAME")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same bytes.", metavar="N")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override any setting; repeat it.", metavar="KEY=VALUE")
    ] = None,
    folds: Annotated[
        Path | None, typer.Option(help="Use the folds of this folds.json.", metavar="FILE")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            "--pretrained",
            help="Folder of a pre-training; run with and without it, and say whether it helped.",
            metavar="RUN",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="With --pretrained: refuse tested patients whose video pre-training has seen."
        ),
    ] = False,
    thumbnails: Annotated[
        str | None,
        typer.Option(
            help="Pictures in the report: off, blurred or shown (faces are patients).", metavar="HOW"
        ),
    ] = None,
    store: StoreOption = None,
    executor: ExecutorOption = "local",
    workers: WorkersOption = 2,
    progress: ProgressOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run a recipe on a cohort and write a report."""
    from semioscope.core.progress import make_progress

    given = {
        "backbone.name": backbone,
        "backbone.weights": weights,
        "backbone.engine": engine,
        "backbone.precision": precision,
        "seed": None if seed is None else str(seed),
        "report.thumbnails": thumbnails if thumbnails is None else f"'{thumbnails}'",
    }
    if skip_unmatched and features is None:
        from semioscope.core.errors import ConfigError

        msg = (
            "--skip-unmatched is about a feature set, so it must be given with --features DIR, got none. "
            "Leave it out."
        )
        raise ConfigError(msg)
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    if is_series(recipe):
        from semioscope.cli.run_series import run_series

        run_series(
            recipe,
            cohort=cohort,
            out=out,
            protocol=protocol,
            overrides=overrides,
            settings=settings or [],
            refused={
                "--features": features,
                "--task": task,
                "--folds": folds,
                "--pretrained": pretrained,
                "--strict": strict,
            },
            store=store,
            executor=executor,
            workers=workers,
            display=make_progress(progress),
            dry_run=dry_run,
        )
        return
    if pretrained is None:
        refuse_without_pretraining(strict=strict)
    if features is not None:
        from semioscope.runs import IMPORTED_STRIDE

        overrides.insert(0, f"clips.stride={IMPORTED_STRIDE}")
    config = chosen_config(recipe, protocol, task, overrides, settings or [])
    display = make_progress(progress)
    if config.is_study:
        from semioscope.runs import check_grid

        check_grid(config)
    if dry_run and features is not None and not (features / "recordings.tsv").exists():
        from semioscope.core.errors import ConfigError

        msg = (
            f"--dry-run needs a set that was imported, so that nothing is computed. Give semioscope cohort import "
            f"gestures-features {features} COHORT{' --skip-unmatched' if skip_unmatched else ''}, then --features "
            "COHORT."
        )
        raise ConfigError(msg)
    folder = _cohort_folder(
        cohort, features, out, store=store, progress=display, skip_unmatched=skip_unmatched
    )
    do: Callable[..., None] = _study if config.is_study else _run
    if pretrained is not None:
        do = partial(run_benefit, pretrained=pretrained, strict=strict)
    do(
        config,
        folder,
        out,
        store=store,
        folds=folds,
        executor=executor,
        workers=workers,
        display=display,
        dry_run=dry_run,
    )
    if features is not None and not dry_run:
        _tell_lost_views(folder)


def is_series(recipe: str) -> bool:
    """Return whether a recipe is a series of runs."""
    from semioscope.recipes import SERIES

    return recipe in SERIES


def chosen_config(
    recipe: str, protocol: str | None, task: str | None, overrides: list[str], settings: list[str]
) -> "RunConfig":
    """Return the settings that a command asks for.

    Args:
        recipe: A recipe's name or a configuration file.
        protocol: Folds and selection; of a study, the only ones.
        task: A task's name or file.
        overrides: ``key=value`` of the command's own options.
        settings: ``key=value`` of ``--set``; they win.

    Raises:
        ConfigError: If any of them does not exist or is not valid, or the grid of a study sets it.
    """
    from semioscope.core.errors import ConfigError
    from semioscope.recipes import apply_overrides, given_settings, make_config, read_config

    wanted = None
    if task is not None:
        from semioscope.cohort import read_task

        wanted = read_task(task)
    is_file = recipe.endswith((".yaml", ".yml"))
    if is_file:
        config = read_config(Path(recipe))
        if protocol is not None:
            config = apply_overrides(config, protocol_overrides(config.recipe, protocol))
        if wanted is not None:
            config = config.model_copy(update={"task": wanted})
    else:
        config = make_config(recipe, protocol=protocol or "patient", task=wanted)
    if protocol is not None and config.is_study:
        config = apply_overrides(config, [f"grid.protocols=[{protocol}]"])
    for setting in settings:
        if setting.partition("=")[0].strip() in ("protocol", "recipe"):
            msg = f"--set {setting} would change the name only. Give the recipe first, and --protocol NAME."
            raise ConfigError(msg)
    config = apply_overrides(config, [*overrides, *settings])
    if config.is_study:
        from semioscope.runs import check_given, check_protocol

        given = given_settings([*overrides, *settings])
        check_protocol(protocol, given)
        check_given(config, given)
    return config


def _cohort_folder(
    cohort: Path | None,
    features: Path | None,
    out: Path,
    *,
    store: Path | None,
    progress: "Progress",
    skip_unmatched: bool,
) -> Path:
    from semioscope.core.errors import ConfigError

    if (cohort is None) == (features is None):
        given = "neither" if cohort is None else "both"
        msg = f"Give --cohort DIR (videos) or --features DIR (a published feature set), got {given}."
        raise ConfigError(msg)
    if features is None:
        assert cohort is not None
        return cohort
    from semioscope.runs import cohort_of_features

    return cohort_of_features(features, out, store=store, progress=progress, skip_unmatched=skip_unmatched)


def _tell_lost_views(cohort: Path) -> None:
    """Say which views of a feature set could not be imported, and exit as after any failure."""
    from semioscope.features import lost_views

    lost = lost_views(cohort)
    if lost:
        say(
            f"Left out at the import, as files are missing or damaged: {', '.join(lost)}; see "
            f"{cohort / 'failures.tsv'}."
        )
        raise typer.Exit(1)


def _run(
    config: "RunConfig",
    cohort: Path,
    out: Path,
    *,
    store: Path | None,
    folds: Path | None,
    executor: str,
    workers: int,
    display: "Progress",
    dry_run: bool,
) -> None:
    from semioscope.report import write_report
    from semioscope.runs import perform_run, plan_run
    from semioscope.runs.folder import check_run

    plan = plan_run(config, cohort, store=store, folds_file=folds)
    say(plan.describe())
    if dry_run:
        check_run(out, plan.config, cohort_hash=plan.cohort.hash, folds_digest=plan.folds_digest)
        say_nothing_done()
        return
    outcome = perform_run(
        plan, out, executor=executor, workers=workers, progress=display, report=write_report
    )
    say(outcome.describe())
    print(f"Report: {out / 'report.html'}")
    say_next(f"open the report in a browser, then semioscope predict VIDEO --model {outcome.bundle}")
    if outcome.num_failures:
        raise typer.Exit(1)


def _study(
    config: "RunConfig",
    cohort: Path,
    out: Path,
    *,
    store: Path | None,
    folds: Path | None,
    executor: str,
    workers: int,
    display: "Progress",
    dry_run: bool,
) -> None:
    from semioscope.report import write_report
    from semioscope.runs import perform_study, plan_study
    from semioscope.runs.folder import check_run

    plan = plan_study(config, cohort, store=store, folds_file=folds)
    say(plan.describe())
    if dry_run:
        any_plan = plan.any_plan
        check_run(out, plan.config, cohort_hash=any_plan.cohort.hash, folds_digest=any_plan.folds_digest)
        say_nothing_done()
        return
    outcome = perform_study(
        plan, out, executor=executor, workers=workers, progress=display, report=write_report
    )
    say(outcome.describe())
    print(f"Report: {out / 'report.html'}")
    first = plan.protocols[-1]
    names = list(outcome.scores["protocols"][first]["best"].values())
    say_next(
        f"open the report in a browser, then semioscope compare {out / first}@{names[0]} {out / first}@{names[-1]} "
        "(each is the best of its aggregator by test scores, so their difference is no fair test)"
        if len(names) > 1
        else "open the report in a browser"
    )
    if outcome.num_failures:
        raise typer.Exit(1)


def protocol_overrides(recipe: str, protocol: str) -> list[str]:
    """Return the settings of a protocol for a recipe as overrides.

    Raises:
        ConfigError: If there is no such protocol.
    """
    from semioscope.recipes import protocol_settings

    nested = protocol_settings(recipe, protocol)
    flat = [f"{section}.{key}={value}" for section, keys in nested.items() for key, value in keys.items()]
    return [f"protocol={protocol}", *flat]
