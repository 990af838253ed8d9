"""``semioscope run`` with ``--pretrained``: did pre-training help?"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from semioscope.cli.saying import say, say_next, say_nothing_done

if TYPE_CHECKING:
    from semioscope.core.progress import Progress
    from semioscope.recipes import RunConfig


def refuse_without_pretraining(*, strict: bool) -> None:
    """Refuse ``--strict`` where there is no pre-training that could have seen anybody.

    Raises:
        ConfigError: If it is given.
    """
    if strict:
        from semioscope.core.errors import ConfigError

        msg = (
            "--strict is about patients whom a pre-training has seen, so it must be given with --pretrained RUN, got "
            "none. Leave it out."
        )
        raise ConfigError(msg)


def run_benefit(
    config: "RunConfig",
    cohort: Path,
    out: Path,
    *,
    pretrained: Path,
    strict: bool,
    store: Path | None,
    folds: Path | None,
    executor: str,
    workers: int,
    display: "Progress",
    dry_run: bool,
) -> None:
    """Plan and do the runs with and without pre-training, and say whether it helped.

    Args:
        config: Settings of all of them.
        cohort: The cohort.
        out: The common folder.
        pretrained: Folder of the pre-training.
        strict: Whether tested patients whom it has seen are refused.
        store: Feature store.
        folds: Folds to use again.
        executor: Where units of work run.
        workers: How many run at once.
        display: Where progress is shown.
        dry_run: Whether to stop after the plan.

    Raises:
        SemioscopeError: As for ``plan_benefit`` and ``perform_benefit``.
    """
    from semioscope.report import write_report
    from semioscope.runs import perform_benefit, plan_benefit, read_pretraining

    plan = plan_benefit(
        config, cohort, read_pretraining(pretrained), strict=strict, store=store, folds_file=folds
    )
    say(plan.describe())
    if dry_run:
        say_nothing_done()
        return
    outcome = perform_benefit(
        plan, out, executor=executor, workers=workers, progress=display, report=write_report
    )
    say(outcome.describe())
    print(f"Report: {out / 'report.html'}")
    say_next("open the report in a browser; each run has its own report in its folder")
    if outcome.num_failures:
        raise typer.Exit(1)
