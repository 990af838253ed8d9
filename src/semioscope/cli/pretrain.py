"""``semioscope pretrain``: a Transformer learns from contextual video, without labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import CohortOption, ExecutorOption, ProgressOption, StoreOption, WorkersOption
from semioscope.cli.saying import say, say_next, say_nothing_done

if TYPE_CHECKING:
    from semioscope.recipes import PretrainingRunConfig
    from semioscope.training import ProcessGroup


def command(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, or the config.yaml of a pre-training.", metavar="RECIPE")
    ],
    *,
    cohort: CohortOption,
    out: Annotated[
        Path, typer.Option("--out", help="Its folder; the same command goes on in it.", metavar="RUN")
    ],
    num_clips: Annotated[
        int | None,
        typer.Option(min=1, help="Excerpts of 10 s, evenly over the video [default: all].", metavar="N"),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(help="day-night: as many by night as by day; or none [default: none].", metavar="HOW"),
    ] = None,
    num_crops: Annotated[
        int | None, typer.Option(min=1, help="Random cuts kept of each excerpt [default: 1].", metavar="N")
    ] = None,
    without_patients: Annotated[
        str | None,
        typer.Option(help="Leave out the video of these, such as who will be tested.", metavar="ID,ID"),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Of the backbone: pretrained, random (trials only) or a file.", metavar="WHICH"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of the Transformer: float32 or bfloat16.", metavar="NAME")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto.", metavar="NAME")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same bytes.", metavar="N")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override any setting; repeat it.", metavar="KEY=VALUE")
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop when so many steps are taken; without it the same command goes on.",
            metavar="STEPS",
        ),
    ] = None,
    store: StoreOption = None,
    executor: ExecutorOption = "local",
    workers: WorkersOption = 2,
    progress: ProgressOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print plan and times, and stop.")] = False,
) -> None:
    """Train a Transformer on contextual video: spoilt excerpts in, the original features wanted back."""
    from semioscope.training import EndedTogetherError, joined_processes

    given = {
        "excerpts.num_clips": num_clips,
        "balance": balance,
        "num_crops": num_crops,
        "without_patients": None if without_patients is None else listed(without_patients),
        "backbone.weights": weights,
        "training.precision": precision,
        "training.device": device,
        "seed": seed,
    }
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    try:
        with joined_processes() as group:
            _pretrain(
                recipe,
                [*overrides, *(settings or [])],
                cohort,
                out,
                group=group,
                store=store,
                executor=executor,
                workers=workers,
                progress=progress,
                stop_after=stop_after,
                dry_run=dry_run,
            )
    except EndedTogetherError as err:  # the process in which it began says why
        raise typer.Exit(
            _EXIT_INTERRUPTED if isinstance(err.__cause__, KeyboardInterrupt) else _EXIT_ERROR
        ) from err


def listed(ids: str) -> str:
    """Return ids that are separated by commas as the value of a setting; each stays text, also ``061``.

    Examples:
        >>> listed("p01, 061")
        '["p01", "061"]'
    """
    return json.dumps([name.strip() for name in ids.split(",") if name.strip()], ensure_ascii=False)


_EXIT_ERROR, _EXIT_INTERRUPTED = 2, 130


def _pretrain(
    recipe: str,
    settings: list[str],
    cohort: Path,
    out: Path,
    *,
    group: "ProcessGroup",
    store: Path | None,
    executor: str,
    workers: int,
    progress: str,
    stop_after: int | None,
    dry_run: bool,
) -> None:
    from semioscope.core.progress import make_progress
    from semioscope.recipes import make_pretraining_config
    from semioscope.report import write_pretraining_report
    from semioscope.runs.pretraining import perform_pretraining
    from semioscope.runs.pretraining_plan import PretrainingPlan, plan_pretraining

    config = make_pretraining_config(recipe, settings)

    def plan() -> PretrainingPlan:
        made = plan_pretraining(config, cohort, store=store)
        say(made.describe())
        return made

    if dry_run:
        group.from_first(lambda: _show(config, plan(), group), name="dry run")
        return
    outcome = perform_pretraining(
        config,
        plan,
        out,
        group=group,
        executor=executor,
        workers=workers,
        stop_after=stop_after,
        progress=make_progress(progress),
        tell=say,
        report=write_pretraining_report,
    )
    if group.is_first:
        say(outcome.describe())
        print(f"Report: {out / 'report.html'}")
        say_next(
            f"open the report in a browser, then semioscope run {config.recipe} --cohort {cohort} --pretrained {out} "
            "--out ANSWER"
            if outcome.is_finished
            else "the same command without --stop-after goes on"
        )
    if outcome.num_failures:
        raise typer.Exit(1)


def _show(config: "PretrainingRunConfig", plan: object, group: "ProcessGroup") -> None:
    from semioscope.runs.pretraining import own_device
    from semioscope.runs.pretraining_estimate import estimate_pretraining
    from semioscope.runs.pretraining_plan import PretrainingPlan

    assert isinstance(plan, PretrainingPlan)
    say(estimate_pretraining(plan, device=own_device(config), num_processes=group.size).describe())
    say_nothing_done()
