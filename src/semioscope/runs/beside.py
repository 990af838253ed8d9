"""Runs that are done one after the other for one page: one that fails is told, and the others go on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from semioscope.core.errors import SemioscopeError, StoreError
from semioscope.core.progress import Progress
from semioscope.runs.finish import RunOutcome
from semioscope.runs.planning import RunPlan
from semioscope.runs.run import perform_run

DONE, FAILED = "done", "failed"
"""How a row of such a page says how its run ended, under ``status``."""


def attempt(
    plan: RunPlan,
    folder: Path,
    *,
    title: str,
    executor: str,
    workers: int,
    progress: Progress,
    report: Callable[[Path], object] | None,
) -> RunOutcome | str:
    """Do one run, as ``perform_run`` does; return why it could not be done in place of what it left behind."""
    try:
        return perform_run(plan, folder, executor=executor, workers=workers, progress=progress, report=report)
    except SemioscopeError as err:
        progress.message(f"{title}: {err}", level="warning")
        return str(err)


def refuse_none_done(rows: Sequence[Mapping[str, Any]], *, lead: str) -> None:
    """Refuse rows of which none is done.

    Raises:
        StoreError: With the reasons, behind a sentence.
    """
    if all(row["status"] == FAILED for row in rows):
        told = " ".join(dict.fromkeys(row["message"] for row in rows))
        msg = f"{lead} {told}"
        raise StoreError(msg)
