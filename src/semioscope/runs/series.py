"""A series: runs that make one table together, such as every data set and classifier of a paper.

Each run has a folder of its own below that of the series, with its own report, and goes on by itself after an
interruption. Features are shared through the store. A run that fails is told in the table; the others go on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.files import read_json, write_json
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.progress import Progress, format_seconds
from semioscope.models import AggregatorConfig
from semioscope.recipes import RunConfig, SeriesRow, followed_protocol, is_extended
from semioscope.recipes.published_karacsony import published_slices
from semioscope.runs.beside import DONE, FAILED, attempt, refuse_none_done
from semioscope.runs.folder import working_in
from semioscope.runs.planning import RunPlan, plan_run
from semioscope.synthetic import is_synthetic

SERIES_FILE = "series.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRun:
    """One run of a series, planned.

    Args:
        row: What it is.
        config: Its settings.
        plan: What it will do; None if it cannot be planned.
        message: Why it cannot.
    """

    row: SeriesRow
    config: RunConfig
    plan: RunPlan | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlan:
    """Everything that is known before a series begins.

    Args:
        name: A key of ``SERIES``.
        runs: In the order of the table; at least one has a plan.
    """

    name: str
    runs: tuple[SeriesRun, ...]

    def describe(self) -> str:
        """Return the plan in a few lines."""
        able = [run for run in self.runs if run.plan is not None]
        first = able[0]
        assert first.plan is not None
        lines = [f"{len(self.runs)} runs: {'; '.join(run.row.title for run in self.runs)}."]
        lines += first.plan.describe().splitlines()
        lines += [f"Cannot be run: {run.row.title}. {run.message}" for run in self.runs if run.plan is None]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesOutcome:
    """What a series left behind.

    Args:
        folder: The series' folder.
        content: Content of ``series.json``.
        num_failures: Failures of all its runs, and runs that could not be done.
        seconds: Wall time of this call.
    """

    folder: Path
    content: Mapping[str, Any]
    num_failures: int
    seconds: float

    def describe(self) -> str:
        """Return the result in a few lines."""
        lines = [_told(row) for row in self.content["rows"]]
        if self.content["synthetic"]:
            lines.append("Synthetic cohort: these scores mean nothing clinically.")
        lines.append(f"Done in {format_seconds(self.seconds)}.")
        return "\n".join(lines)


def plan_series(
    name: str, configs: Sequence[tuple[SeriesRow, RunConfig]], cohort: Path, *, store: Path | None = None
) -> SeriesPlan:
    """Return what a series will do; a run that cannot be planned is told, the others stay.

    Args:
        name: A key of ``SERIES``.
        configs: Its rows with their settings.
        cohort: The cohort.
        store: Feature store; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.

    Raises:
        SemioscopeError: If none of its runs can be planned: why the first one cannot.
    """
    runs, errors = [], []
    for row, config in configs:
        try:
            runs.append(SeriesRun(row=row, config=config, plan=plan_run(config, cohort, store=store)))
        except SemioscopeError as err:
            errors.append(err)
            runs.append(SeriesRun(row=row, config=config, plan=None, message=str(err)))
    if len(errors) == len(runs):
        raise errors[0]
    return SeriesPlan(name=name, runs=tuple(runs))


def perform_series(
    plan: SeriesPlan,
    out: Path,
    *,
    executor: str = "local",
    workers: int = 1,
    progress: Progress,
    report: Callable[[Path], object] | None = None,
) -> SeriesOutcome:
    """Do what a series plan says. The same call goes on where it was interrupted.

    Args:
        plan: From ``plan_series``.
        out: Folder; new, empty, or of the same series.
        executor: Where units of work run.
        workers: How many run at once.
        progress: Where it is reported.
        report: Called with the folder of every run, and with that of the series at the end.

    Raises:
        ConfigError: If the folder belongs to another series.
        StoreError: If the disk is full, no run could be done, or another series is working in the folder.
    """
    began = time.monotonic()
    _refuse_other(plan, out)
    with working_in(out):
        rows, num_failures = [], 0
        for number, run in enumerate(plan.runs, start=1):
            progress.message(f"{number} of {len(plan.runs)}: {run.row.title}")
            row, failed = _performed(
                run, out, executor=executor, workers=workers, progress=progress, report=report
            )
            rows.append(row)
            num_failures += failed
            write_json(out / SERIES_FILE, _content(plan, rows))
        refuse_none_done(rows, lead="No run of the series could be done.")
        if report is not None:
            report(out)
    return SeriesOutcome(
        folder=out,
        content=_content(plan, rows),
        num_failures=num_failures,
        seconds=time.monotonic() - began,
    )


def _refuse_other(plan: SeriesPlan, out: Path) -> None:
    path = out / SERIES_FILE
    held = read_json(path).get("name") if path.is_file() else plan.name
    if held != plan.name:
        msg = f"{out} holds the series {held}, not {plan.name}. Choose another --out."
        raise ConfigError(msg)


def _performed(
    run: SeriesRun,
    out: Path,
    *,
    executor: str,
    workers: int,
    progress: Progress,
    report: Callable[[Path], object] | None,
) -> tuple[dict[str, Any], int]:
    """Do one run; return its row of the table, and how many failures it had."""
    about: dict[str, Any] = {
        "name": run.row.name,
        "title": run.row.title,
        "data_set": run.row.data_set,
        "num_classes": len(run.config.task.classes),
        "classes": list(run.config.task.class_names),
        "classifier": run.row.classifier,
        "cropper": run.config.crops.method,
        "depth_crop": run.config.pictures == "gray" and run.config.gray.depth_crop,
        "folder": run.row.name,
        "published": _published(run.config),
    }
    if run.plan is None:
        return about | _failed(run.message), 1
    done = attempt(
        run.plan,
        out / run.row.name,
        title=run.row.title,
        executor=executor,
        workers=workers,
        progress=progress,
        report=report,
    )
    if isinstance(done, str):
        return about | _failed(done), 1
    row = about | {
        "status": DONE,
        "message": "",
        "slices": done.scores["slices"],
        "event": done.scores["event"],
        "crops": done.scores.get("crops", {}),
        "failures": done.num_failures,
    }
    return row, done.num_failures


def _failed(message: str) -> dict[str, Any]:
    return {"status": FAILED, "message": message, "slices": {}, "event": {}, "crops": {}}


def _published(config: RunConfig) -> dict[str, Any]:
    aggregator: AggregatorConfig = config.aggregator
    return published_slices(
        config.recipe,
        num_classes=len(config.task.classes),
        aggregator=aggregator.name,
        extended=is_extended(aggregator),
    )


def _content(plan: SeriesPlan, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    able = next(run for run in plan.runs if run.plan is not None)
    assert able.plan is not None
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "series",
        "name": plan.name,
        "protocol": followed_protocol(able.config),
        "rule": able.plan.folds.rule,
        "selection": able.plan.folds.selection,
        "synthetic": is_synthetic(able.plan.cohort.folder),
        "rows": list(rows),
    }


def _told(row: Mapping[str, Any]) -> str:
    if row["status"] == FAILED:
        return f"{row['title']}: failed. {row['message']}"
    f1 = row["slices"]["mean"]["macro_f1"]
    return f"{row['title']}: macro F1 per slice {f1['mean']:.3f} +- {f1['sd']:.3f}"
