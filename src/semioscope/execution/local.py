"""Run units on this machine: in this process, or in processes that are started afresh.

Processes are spawned, never forked: a fork after a decoder has used threads hangs.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from semioscope.core.errors import ConfigError
from semioscope.execution.calls import call, result_of
from semioscope.execution.units import Unit, UnitResult

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


GRACE_SECONDS = 2.0
"""How long a process may take to remove its temporary files when the work is called off."""


class LocalExecutor:
    """Runs units on this machine.

    Args:
        workers: How many units run at once. 1 runs them in this process; more starts as many processes.
        threads_per_worker: Threads of the numerical libraries in each process; None shares the processors
            evenly. Without further processes the setting of this process is left alone.

    Raises:
        ConfigError: If there is less than one worker or thread.
    """

    def __init__(self, workers: int = 1, threads_per_worker: int | None = None) -> None:
        if workers < 1:
            msg = f"workers must be 1 or more, got {workers}. Use --workers 1 to run in one process."
            raise ConfigError(msg)
        if threads_per_worker is not None and threads_per_worker < 1:
            msg = (
                f"threads_per_worker must be 1 or more, got {threads_per_worker}. "
                "Leave it out to share the processors."
            )
            raise ConfigError(msg)
        self.workers = workers
        self.threads_per_worker = threads_per_worker or max(1, (os.cpu_count() or 1) // workers)

    def map(self, function: Callable[[Any], Any], units: Sequence[Unit]) -> Iterator[UnitResult]:
        """Yield the result of each unit, as they come; see ``Executor``."""
        if self.workers == 1 or len(units) < 2:
            for unit in units:
                yield result_of(unit, call(function, unit.payload))
            return
        pool = _Pool(function, threads=self.threads_per_worker)
        try:
            yield from pool.run(units, workers=min(self.workers, len(units)))
        finally:
            pool.close()


class _Pool:
    """Spawned processes that each work on one unit at a time, so that a dead one names its unit."""

    def __init__(self, function: Callable[[Any], Any], *, threads: int) -> None:
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._function, self._threads = function, threads
        self._workers: dict[Connection, SpawnProcess] = {}

    def run(self, units: Sequence[Unit], *, workers: int) -> Iterator[UnitResult]:
        waiting = list(reversed(units))
        at_work: dict[Connection, Unit] = {}
        starting = {self._start() for _ in range(workers)}
        while waiting or at_work:
            for pipe in wait([*starting, *at_work]):
                assert isinstance(pipe, Connection)
                if pipe in starting:
                    starting.discard(pipe)
                    self._await_ready(pipe)
                    yield from self._give_next(pipe, waiting, at_work)
                    continue
                unit = at_work.pop(pipe)
                try:
                    fields = pickle.loads(pipe.recv_bytes())
                except (EOFError, OSError):
                    yield result_of(unit, {"status": "failed", "message": self._death(pipe, unit)})
                    if len(waiting) > len(starting):
                        starting.add(self._start())
                    continue
                yield result_of(unit, fields)
                yield from self._give_next(pipe, waiting, at_work)

    def close(self) -> None:
        """End every process, at work or not."""
        for process in self._workers.values():
            process.terminate()
        for pipe, process in self._workers.items():
            process.join(GRACE_SECONDS)
            if process.is_alive():
                process.kill()
            process.join()
            process.close()
            pipe.close()
        self._workers.clear()

    def _start(self) -> Connection:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, self._function), daemon=True)
        with _environment(dict.fromkeys(THREAD_VARIABLES, str(self._threads))):
            process.start()
        there.close()
        self._workers[here] = process
        return here

    def _await_ready(self, pipe: Connection) -> None:
        try:
            pipe.recv_bytes()
        except (EOFError, OSError) as err:
            msg = (
                "Worker processes must be able to start, but one ended at once. "
                "In a script, put the call below `if __name__ == '__main__':`; or use one worker."
            )
            raise ConfigError(msg) from err

    def _give_next(
        self, pipe: Connection, waiting: list[Unit], at_work: dict[Connection, Unit]
    ) -> Iterator[UnitResult]:
        while waiting:
            unit = waiting.pop()
            try:
                content = pickle.dumps(unit.payload)
            except Exception as err:  # pickle raises whatever the object raises
                text = f"The payload of a unit must be picklable to reach a worker process: {err}."
                yield result_of(unit, {"status": "failed", "message": text})
                continue
            at_work[pipe] = unit
            with contextlib.suppress(OSError):  # a dead worker is noticed when its answer is read
                pipe.send_bytes(content)
            return

    def _death(self, pipe: Connection, unit: Unit) -> str:
        process = self._workers.pop(pipe)
        process.join()
        code = process.exitcode or 0
        process.close()
        pipe.close()
        how = f"by signal {-code} ({_signal_name(-code)})" if code < 0 else f"with exit code {code}"
        hint = " The system often does this when memory runs out: use fewer workers." if code == -9 else ""
        return (
            f"The process that worked on {unit.name} was ended {how}.{hint} "
            "Give the same command again to retry it."
        )


def _work(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Serve one worker process: receive payloads, send results, end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # lets writers remove their temporary files
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        pipe.send_bytes(b"ready")
        while True:
            content = pipe.recv_bytes()
            fields = call(lambda packed: function(pickle.loads(packed)), content)
            try:
                answer = pickle.dumps(fields)
            except Exception as err:  # pickle raises whatever the object raises
                text = f"The result of a unit must be picklable to leave a worker process: {err}."
                answer = pickle.dumps({"status": "failed", "message": text, "seconds": fields["seconds"]})
            pipe.send_bytes(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
