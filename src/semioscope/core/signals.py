"""Requests of the system to end, and the only thread that can hear them."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


def is_main_thread() -> bool:
    """Return whether this is the thread in which signals can be caught."""
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, which schedulers send, end the block as Ctrl-C does. In other threads nothing changes.

    Raises:
        KeyboardInterrupt: In the block, when the signal comes.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if not is_main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
