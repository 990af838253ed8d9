"""``semioscope run``: from a cohort folder to a report, in one command."""

from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import CohortOption, ExecutorOption, ProgressOption, StoreOption, WorkersOption
from semioscope.cli.saying import say, say_next


def command(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, or the config.yaml of a run.", metavar="RECIPE")
    ],
    cohort: CohortOption,
    out: Annotated[
        Path, typer.Option("--out", help="Run folder; the same command goes on in it.", metavar="RUN")
    ],
    protocol: Annotated[
        str | None,
        typer.Option(help="patient (default) or paper: folds and selection as published.", metavar="NAME"),
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
    from semioscope.core.errors import ConfigError
    from semioscope.core.progress import make_progress
    from semioscope.recipes import apply_overrides, make_config, read_config
    from semioscope.report import write_report
    from semioscope.runs import perform_run, plan_run

    is_file = recipe.endswith((".yaml", ".yml"))
    config = read_config(Path(recipe)) if is_file else make_config(recipe, protocol=protocol or "patient")
    if is_file and protocol is not None:
        config = apply_overrides(config, protocol_overrides(protocol))
    given = {
        "backbone.name": backbone,
        "backbone.weights": weights,
        "backbone.engine": engine,
        "backbone.precision": precision,
        "seed": None if seed is None else str(seed),
        "report.thumbnails": thumbnails if thumbnails is None else f"'{thumbnails}'",
    }
    for setting in settings or []:
        if setting.partition("=")[0].strip() in ("protocol", "recipe"):
            msg = f"--set {setting} would change the name only. Give the recipe first, and --protocol NAME."
            raise ConfigError(msg)
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    if task is not None:
        from semioscope.cohort import read_task

        config = config.model_copy(update={"task": read_task(task)})
    config = apply_overrides(config, [*overrides, *(settings or [])])
    display = make_progress(progress)
    plan = plan_run(config, cohort, store=store, folds_file=folds)
    say(plan.describe())
    if dry_run:
        print("Nothing was computed (--dry-run). Next: the same command without --dry-run.")
        return
    outcome = perform_run(
        plan, out, executor=executor, workers=workers, progress=display, report=write_report
    )
    page = out / "report.html"
    say(outcome.describe())
    print(f"Report: {page}")
    say_next(f"open the report in a browser, then semioscope predict VIDEO --model {outcome.bundle}")
    if outcome.num_failures:
        raise typer.Exit(1)


def protocol_overrides(protocol: str) -> list[str]:
    """Return the settings of a protocol as overrides.

    Raises:
        ConfigError: If there is no such protocol.
    """
    from semioscope.core.errors import ConfigError, unknown_name
    from semioscope.recipes import PROTOCOLS

    if protocol not in PROTOCOLS:
        raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
    nested = PROTOCOLS[protocol]
    flat = [f"{section}.{key}={value}" for section, keys in nested.items() for key, value in keys.items()]
    return [f"protocol={protocol}", *flat]
