"""What a stage is made of: units of work, their results, and the contract of whatever runs them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A piece of work whose result is files, and which can be done again without harm.

    Args:
        name: How it is shown to a person; unique in its stage.
        key: Digest of everything that the result depends on.
        outputs: The files that it leaves behind; each is written in one step.
        payload: What the function is called with; it can be pickled.
        weight: Expected cost against the other units of the stage, above 0.
    """

    name: str
    key: str
    outputs: tuple[Path, ...] = ()
    payload: Any = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            msg = f"The weight of unit {self.name!r} must be above 0, got {self.weight}."
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """What became of a unit.

    Args:
        unit: The unit.
        status: ``done``, ``skipped`` (was done before) or ``failed``.
        message: Why it failed; empty otherwise.
        seconds: Time it took.
        value: What the function returned.
        stops_stage: Whether every further unit would fail for the same reason, such as a full disk.
        details: Traceback of an unexpected error, for the log.
    """

    unit: Unit
    status: Status
    message: str = ""
    seconds: float = 0.0
    value: Any = None
    stops_stage: bool = False
    details: str = ""


@runtime_checkable
class Executor(Protocol):
    """Whatever can call a function on every unit.

    The contract, which one test holds for every entry of ``EXECUTORS``: each unit gives exactly one result,
    in any order; an error in one unit, or the death of the process that works on it, becomes a failed
    result and the others go on; closing the iterator ends all work under way; nothing is left running
    afterwards.
    """

    def map(self, function: Callable[[Any], Any], units: Sequence[Unit]) -> Iterator[UnitResult]:
        """Call the function on the payload of each unit and yield the results as they come."""
        ...
