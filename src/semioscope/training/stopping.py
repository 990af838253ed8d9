"""Requests to end that wait for the end of a step, so that no step is lost."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from semioscope.core.progress import Progress
from semioscope.core.signals import is_main_thread

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class EndRequest:
    """Whether somebody has asked this process to end."""

    asked: bool = False

    def obey(self, keep: Callable[[], object]) -> None:
        """End if that was asked for, after something was kept.

        Raises:
            KeyboardInterrupt: If it was.
        """
        if self.asked:
            keep()
            raise KeyboardInterrupt


@contextlib.contextmanager
def ending_between_steps(progress: Progress) -> Iterator[EndRequest]:
    """Let the first Ctrl-C (or SIGTERM, of a scheduler) only be noted while the block lasts.

    A second one ends at once. Outside the main thread signals cannot be caught, and nothing changes.
    """
    request = EndRequest()
    if not is_main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(_number: int, _frame: FrameType | None) -> None:
        request.asked = True
        for number, handler in before.items():
            signal.signal(number, handler)
        progress.message(
            "Ending after this step, which is kept. Ask once more to end at once.", level="warning"
        )

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
