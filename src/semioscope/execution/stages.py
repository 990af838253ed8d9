"""Run a stage: skip what is done, do the rest, note what is done, list what failed."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from semioscope.core.errors import ConfigError, StoreError, unknown_name
from semioscope.core.progress import Progress, format_seconds
from semioscope.core.progress import stage as progress_stage
from semioscope.execution.ledger import Ledger
from semioscope.execution.local import LocalExecutor
from semioscope.execution.units import Executor, Unit, UnitResult

EXECUTORS: dict[str, Callable[..., Executor]] = {"local": LocalExecutor}
"""Where units can run; each is made with ``workers`` and ``threads_per_worker``."""

ESTIMATE_AFTER_SECONDS = 2.0
ESTIMATE_ABOVE_SECONDS = 10.0


def make_executor(
    name: str = "local", *, workers: int = 1, threads_per_worker: int | None = None
) -> Executor:
    """Return the executor of a name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in EXECUTORS:
        raise ConfigError(unknown_name("executor", name, EXECUTORS))
    return EXECUTORS[name](workers=workers, threads_per_worker=threads_per_worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What became of a stage, each in the order of its units.

    Args:
        done: Units that were run.
        skipped: Units that had been done before; ``value`` is what was noted then.
        failed: Units that failed, with their messages.
        seconds: Wall time.
    """

    done: tuple[UnitResult, ...]
    skipped: tuple[UnitResult, ...]
    failed: tuple[UnitResult, ...]
    seconds: float


def run_stage(
    stage: str,
    function: Callable[[Any], Any],
    units: Sequence[Unit],
    *,
    ledger: Ledger | None,
    executor: Executor,
    progress: Progress,
    unit_name: str = "units",
    on_result: Callable[[UnitResult], None] | None = None,
) -> StageResult:
    """Run every unit of a stage that is not done yet.

    A unit that fails is listed and the others go on. The time left is estimated from the first
    units and told.

    Args:
        stage: Its name, for the display.
        function: What is called with the payload of each unit. Where several processes work, it is a function
            of a module, and returns plain data.
        units: The work; names and outputs are unique.
        ledger: Knows which units are done; None runs all of them.
        executor: What runs them.
        progress: Where the stage reports to; the work counts in the weights of the units.
        unit_name: What one unit of weight is, for the display.
        on_result: Called with each result as it comes.

    Returns:
        What became of each unit.

    Raises:
        StoreError: If a unit met a full disk or a folder that cannot be written: nothing else would succeed.
        KeyboardInterrupt: As it came; all work under way has been ended.
    """
    _check_unique(stage, units)
    began = time.perf_counter()
    results: dict[str, UnitResult] = {}
    for unit in units:
        record = ledger.record(unit) if ledger is not None else None
        if record is not None:
            results[unit.name] = UnitResult(unit=unit, status="skipped", value=record.get("value"))
            if on_result is not None:
                on_result(results[unit.name])
    waiting = [unit for unit in units if unit.name not in results]
    if results:
        progress.message(f"{stage}: {len(results)} of {len(units)} done before, going on with the rest.")
    if waiting:
        total = sum(unit.weight for unit in waiting)
        with (
            progress_stage(progress, stage, total, unit=unit_name),
            _closing(executor.map(function, waiting)) as coming,
        ):
            estimate = _Estimate(stage, total, progress)
            for result in coming:
                if result.stops_stage:
                    raise StoreError(result.message)
                if result.status == "failed":
                    progress.message(f"{stage}: {result.unit.name}: {result.message}", level="warning")
                elif ledger is not None:
                    ledger.mark_done(result.unit, result.seconds, value=result.value)
                results[result.unit.name] = result
                progress.advance(result.unit.weight, note=result.unit.name)
                estimate.after(result)
                if on_result is not None:
                    on_result(result)
    ordered = [results[unit.name] for unit in units]
    return StageResult(
        done=tuple(result for result in ordered if result.status == "done"),
        skipped=tuple(result for result in ordered if result.status == "skipped"),
        failed=tuple(result for result in ordered if result.status == "failed"),
        seconds=time.perf_counter() - began,
    )


class _Estimate:
    """Tells once, after the first units, how long the rest will take.

    The pace is that after the first unit, which also waits for processes to start and networks to load.
    """

    def __init__(self, stage: str, total: float, progress: Progress) -> None:
        self._stage, self._total, self._progress = stage, total, progress
        self._done = self._first = self._first_at = 0.0
        self._told = False

    def after(self, result: UnitResult) -> None:
        if result.status == "failed":
            self._total -= result.unit.weight
            return
        now = time.perf_counter()
        self._done += result.unit.weight
        if not self._first:
            self._first, self._first_at = result.unit.weight, now
        elapsed = now - self._first_at
        if self._told or elapsed < ESTIMATE_AFTER_SECONDS:
            return
        self._told = True
        left = elapsed * (self._total - self._done) / (self._done - self._first)
        if left >= ESTIMATE_ABOVE_SECONDS:
            self._progress.message(f"{self._stage}: about {format_seconds(left)} more, from the first units.")


def _check_unique(stage: str, units: Sequence[Unit]) -> None:
    names: set[str] = set()
    outputs: set[str] = set()
    for unit in units:
        own = {str(path) for path in unit.outputs}
        if unit.name in names or own & outputs:
            msg = f"Units of stage {stage!r} must differ in name and outputs, but {unit.name!r} comes twice."
            raise ValueError(msg)
        names.add(unit.name)
        outputs |= own


@contextlib.contextmanager
def _closing(results: Iterator[UnitResult]) -> Iterator[Iterator[UnitResult]]:
    try:
        yield results
    finally:
        close = getattr(results, "close", None)
        if close is not None:
            close()
