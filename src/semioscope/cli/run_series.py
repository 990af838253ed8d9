"""``semioscope run`` of a series: runs that make one table together."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from semioscope.cli.saying import say, say_next, say_nothing_done

if TYPE_CHECKING:
    from semioscope.core.progress import Progress


def run_series(
    name: str,
    *,
    cohort: Path | None,
    out: Path,
    protocol: str | None,
    overrides: list[str],
    settings: list[str],
    refused: dict[str, object],
    store: Path | None,
    executor: str,
    workers: int,
    display: "Progress",
    dry_run: bool,
) -> None:
    """Plan and do a series, and say how it went.

    Args:
        name: A key of ``SERIES``.
        cohort: The cohort.
        out: Folder of the series.
        protocol: Of all runs.
        overrides: ``key=value`` of the command's own options, for all runs.
        settings: ``key=value`` of ``--set``, for all runs.
        refused: Options that mean nothing here, as they were given.
        store: Feature store.
        executor: Where units of work run.
        workers: How many run at once.
        display: Where progress is shown.
        dry_run: Whether to stop after the plan.

    Raises:
        ConfigError: If an option means nothing here, or a setting is not valid.
    """
    from semioscope.core.errors import ConfigError
    from semioscope.recipes import SERIES, apply_overrides, given_settings, series_config
    from semioscope.report import write_report
    from semioscope.runs import perform_series, plan_series

    for option, value in refused.items():
        if value is not None and value is not False:
            msg = f"{name} is a series of runs, so {option} must not be given with it. Leave it out."
            raise ConfigError(msg)
    if cohort is None:
        msg = f"{name} needs --cohort DIR, a cohort with infrared and depth, got none."
        raise ConfigError(msg)
    _refuse_own(name, given_settings([*overrides, *settings]), protocol or "patient")
    configs = [
        (row, apply_overrides(series_config(row, protocol=protocol or "patient"), [*overrides, *settings]))
        for row in SERIES[name]()
    ]
    plan = plan_series(name, configs, cohort, store=store)
    say(plan.describe())
    if dry_run:
        say_nothing_done()
        return
    outcome = perform_series(
        plan, out, executor=executor, workers=workers, progress=display, report=write_report
    )
    say(outcome.describe())
    print(f"Report: {out / 'report.html'}")
    say_next("open the report in a browser; every run of the table has its own in its folder")
    if outcome.num_failures:
        raise typer.Exit(1)


def _refuse_own(name: str, given: dict[str, object], protocol: str) -> None:
    """Refuse settings in which the runs of a series differ: given for all, they would make runs the same."""
    from semioscope.core.errors import ConfigError
    from semioscope.recipes import SERIES, series_config

    configs = [series_config(row, protocol=protocol) for row in SERIES[name]()]
    for key in given:
        values = set()
        for config in configs:
            value: object = config
            for part in key.split("."):
                value = getattr(value, part, None)
            values.add(repr(value))
        if len(values) > 1:
            msg = (
                f"{key} tells the runs of {name} apart, so it must not be set for all of them. Leave it out, or run "
                f"one of them by itself: {', '.join(dict.fromkeys(row.recipe for row in SERIES[name]()))}."
            )
            raise ConfigError(msg)
