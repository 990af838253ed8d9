"""Several processes that train one model together, started by ``torchrun``; or one alone.

They talk through gloo, which works between processors and between machines. When one of them ends, the others
cannot go on: each ends with an error, and exactly one of these errors is for a person to read.
"""

import contextlib
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.signals import is_main_thread

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What ``torchrun`` sets in the environment of every process."""

TIMEOUT_SECONDS = 600.0
"""How long a process waits for the others at a meeting point."""

_ENDED = "semioscope/ended"
_DONE = "semioscope/done"
_LINGER_SECONDS = 2.0
_POLL_SECONDS = 0.1

Result = TypeVar("Result")


class LostProcessError(SemioscopeError):
    """Another process of the group has ended, so this one cannot go on."""


class EndedTogetherError(SemioscopeError):
    """This process ended because the group did; another one says why, so this error need not be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGroup:
    """The processes that share a batch; what every one of them does at the same points.

    Args:
        rank: Number of this process, from 0.
        size: How many there are. 1 talks to nobody.
        board: Where they leave notes for each other before they meet; None for one alone.
        timeout_seconds: How long a process waits for the others where they meet.
    """

    rank: int = 0
    size: int = 1
    board: Any = field(default=None, repr=False, compare=False)
    timeout_seconds: float = field(default=TIMEOUT_SECONDS, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def share(self, num_items: int) -> slice:
        """Return which of so many items are this process's; sizes differ by one at most, and none is lost."""
        return slice(num_items * self.rank // self.size, num_items * (self.rank + 1) // self.size)

    def add_up(self, tensor: torch.Tensor) -> None:
        """Put the sum over all processes into the tensor of each.

        Raises:
            LostProcessError: If one of them has ended.
        """
        if self.size > 1:
            with _lost_process():
                self._meet()
                dist.all_reduce(tensor)

    def copy_from_first(self, tensor: torch.Tensor) -> None:
        """Put the first process's values into the tensor of each.

        Raises:
            LostProcessError: If one of them has ended.
        """
        if self.size > 1:
            with _lost_process():
                self._meet()
                dist.broadcast(tensor, src=0)

    def from_first(self, work: Callable[[], Result], *, name: str) -> Result:
        """Do some work in the first process only, and return what came of it in every process.

        The others wait, for hours if it takes so long.

        Args:
            work: What is done; its result can be pickled.
            name: Names the work; none comes twice in a group.

        Raises:
            LostProcessError: If the first process has ended.
        """
        if self.size == 1:
            return work()
        content = torch.zeros(0, dtype=torch.uint8)
        if self.is_first:
            result = work()
            content = torch.frombuffer(bytearray(pickle.dumps(result)), dtype=torch.uint8)
            with _lost_process():
                self.board.add(f"{_DONE}/{name}", 1)
        else:
            self._wait_for_first(name)
        length = torch.tensor(len(content))
        self.copy_from_first(length)
        content = content if self.is_first else torch.zeros(int(length), dtype=torch.uint8)
        self.copy_from_first(content)
        return result if self.is_first else cast("Result", pickle.loads(content.numpy().tobytes()))

    def _wait_for_first(self, name: str) -> None:
        while True:
            with _lost_process():
                if self.board.check([f"{_DONE}/{name}"]):
                    return
                ended = self.board.add(_ENDED, 0)
            if ended:
                raise LostProcessError(_LOST)
            time.sleep(_POLL_SECONDS)

    def _meet(self) -> None:
        """Connect the processes, which is done late: connections that are silent for hours may be cut."""
        if not dist.is_initialized():
            dist.init_process_group(
                "gloo",
                store=self.board,
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(seconds=self.timeout_seconds),
            )


@contextlib.contextmanager
def joined_processes(*, timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started, for the length of a block; without ``torchrun``, be alone.

    An error that ends the block in several processes is passed on in one of them: the one in which it came first.
    The others raise EndedTogetherError. A request to end (SIGTERM, which ``torchrun`` sends when a process dies)
    and Ctrl-C count as such errors.

    Args:
        timeout_seconds: How long a process waits for the others at a meeting point. One that does not answer for
            so long counts as lost; a process that has died is noticed at once.

    Raises:
        ConfigError: If the environment of ``torchrun`` is incomplete.
        LostProcessError: If the others cannot be reached, or one of them ends.
        EndedTogetherError: If another process says why the group ends.
    """
    if "WORLD_SIZE" not in os.environ or os.environ["WORLD_SIZE"] == "1":
        yield ProcessGroup()
        return
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        msg = (
            f"Several processes need the variables {', '.join(VARIABLES)}, but {', '.join(missing)} "
            "are not set. Start them with torchrun."
        )
        raise ConfigError(msg)
    with _lost_process():
        board, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=timeout_seconds)))
    group = ProcessGroup(rank=rank, size=size, board=board, timeout_seconds=timeout_seconds)
    with _ended_on_request():
        yield from _ended_together(group)


def _ended_together(group: ProcessGroup) -> Iterator[ProcessGroup]:
    try:
        yield group
    except BaseException as err:
        _stay_until_told()
        if not _speaks(group) and isinstance(err, (SemioscopeError, KeyboardInterrupt)):
            msg = "The group of processes ended; another process says why."
            raise EndedTogetherError(msg) from err
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _speaks(group: ProcessGroup) -> bool:
    """Return whether this process is the first that ends with an error.

    The first process keeps the list of those that ended, unless torchrun does; it waits a moment for the others. If
    it has died, the second one speaks.
    """
    try:
        speaks = group.board.add(_ENDED, 1) == 1
        until = time.monotonic() + _LINGER_SECONDS
        while group.is_first and time.monotonic() < until and group.board.add(_ENDED, 0) < group.size:
            time.sleep(0.02)
    except RuntimeError:
        return group.rank == 1
    return bool(speaks)


@contextlib.contextmanager
def _lost_process() -> Iterator[None]:
    try:
        yield
    except RuntimeError as err:
        raise LostProcessError(_LOST) from err


_LOST = (
    "All processes of the group must stay, but one has ended or does not answer. Its own output says why "
    "(a kill leaves none: look at the memory). Give the same command again to go on from the last checkpoint; "
    "there is one about every five minutes."
)


@contextlib.contextmanager
def _ended_on_request() -> Iterator[None]:
    """Raise LostProcessError when this process is asked to end."""
    if not is_main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        msg = (
            "This process was asked to end, as happens when another process of the group has ended or a scheduler "
            "takes the machine back. Give the same command again to go on from the last checkpoint; there is one "
            "about every five minutes."
        )
        _stay_until_told()
        raise LostProcessError(msg)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, end),
        signal.SIGINT: signal.getsignal(signal.SIGINT),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stay_until_told() -> None:
    """Hear no further request to end, until the one message is told."""
    if is_main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
