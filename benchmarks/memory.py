"""The memory of a process and all its children, looked at from outside."""

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def peak_memory(pid: int | None = None, *, every_seconds: float = 1.0) -> Iterator[list[float]]:
    """Watch the memory of a process and its children; the list holds the highest sum in bytes.

    The sum is over the memory that is a process's own and its share of what it has in common with others.

    Args:
        pid: The process; None is this one.
        every_seconds: Time between two looks.
    """
    highest, stop = [0.0], threading.Event()
    first = os.getpid() if pid is None else pid

    def watch() -> None:
        while not stop.wait(every_seconds):
            highest[0] = max(highest[0], sum(_proportional_bytes(one) for one in _family(first)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        stop.set()
        thread.join()
        if highest[0] == 0:
            highest[0] = math.nan  # where the system does not tell


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def _proportional_bytes(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * float(line.split()[1])
    except OSError:
        pass  # it has ended
    return 0.0
