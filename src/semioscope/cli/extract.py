"""``semioscope extract``: compute the features that a task needs, and keep them."""

from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import (
    EngineOption,
    ExecutorOption,
    PrecisionOption,
    ProgressOption,
    StoreOption,
    WeightsOption,
    WorkersOption,
)
from semioscope.cli.saying import say


def command(
    cohort: Annotated[Path, typer.Argument(help="Cohort folder.", metavar="COHORT")],
    backbone: Annotated[
        str, typer.Option(help="Network; motion needs no weights.", metavar="NAME")
    ] = "r2plus1d_34_8",
    weights: WeightsOption = "pretrained",
    engine: EngineOption = "auto",
    precision: PrecisionOption = "f32",
    stride: Annotated[int, typer.Option(min=1, help="Frames between the starts of clips.", metavar="N")] = 4,
    fps: Annotated[
        float, typer.Option(min=1, help="Frames per second of the time grid.", metavar="N")
    ] = 15.0,
    task: Annotated[
        str, typer.Option(help="Which seizures: a preset task, or a YAML file.", metavar="NAME")
    ] = "fos-vs-tcs",
    min_duration_seconds: Annotated[
        float, typer.Option(min=0, help="Leave out shorter seizures.", metavar="N")
    ] = 0.0,
    store: StoreOption = None,
    plan_only: Annotated[bool, typer.Option("--plan", help="Show what would be done, and stop.")] = False,
    executor: ExecutorOption = "local",
    workers: WorkersOption = 1,
    progress: ProgressOption = "auto",
) -> None:
    """Compute the features that a task needs and store them. The same command goes on after an interruption."""
    from semioscope.cohort import events_of, read_cohort, read_task
    from semioscope.core.progress import make_progress
    from semioscope.execution import make_executor
    from semioscope.features import BackboneChoice, default_store, extract, load_backbone, plan_extraction
    from semioscope.networks import backbone_spec
    from semioscope.plans import ClipPlan

    display = make_progress(progress)
    runner = make_executor(executor, workers=workers)
    read = read_cohort(cohort)
    selection = events_of(read, read_task(task), min_duration_seconds=min_duration_seconds)
    choice = BackboneChoice(name=backbone, weights=weights, engine=engine, precision=precision)
    spec = backbone_spec(backbone)
    if any(recording.path is not None for recording in read.recordings.values()):
        for note in load_backbone(choice, fps=fps).notes:
            display.message(note, level="warning")
    plan = plan_extraction(
        read,
        selection.events,
        ClipPlan(fps=fps, frames_per_clip=spec.frames_per_clip, stride=stride),
        backbone=choice,
        store=default_store(cohort, store=store),
    )
    for reason, count in selection.reasons.items():
        say(f"Left out: {count} ({reason}).")
    for warning in selection.warnings:
        say(f"Note: {warning}")
    print(plan.describe())
    if plan_only:
        for failure in plan.failures:
            print(f"Recording {failure.recording_id}: {failure.message}")
        print("Next: the same command without --plan")
        return
    report = extract(plan, executor=runner, progress=display)
    say(report.describe())
    if report.failures:
        print(
            f"Next: mend the recordings above (semioscope cohort check {cohort}), then the same command again."
        )
        raise typer.Exit(1)
    from semioscope.recipes import RECIPES

    print(
        f"Next: semioscope run {next(iter(RECIPES))} --cohort {cohort} --out RUN --set backbone.name={backbone}"
    )
