"""The third class: parts of a recording before and after its seizures.

```
recording  0 ------------------------------------------------------------------------ duration
seizures              [ first )                      [ second )
parts         [ pre )           [ post )(half way)[ pre )        [ post )
                     ^ gap     ^ gap
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval

PART_SECONDS = 78.0
"""How far parts reach from a seizure: so long was the mean non-epileptic part of Karácsony 2022 on each side."""

GAP_SECONDS = 0.1
"""Distance of parts from every seizure: three frames of a Kinect, so that no picture of a part is still shown when a
seizure begins."""

MIN_PART_SECONDS = 10 / 30
"""The shortest part: ten frames of a Kinect, the shortest slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IctalPart:
    """A stretch of a recording beside a seizure, in which there is none.

    Args:
        side: ``pre`` for before the seizure, ``post`` for after it.
        seizure: Which one, as a position in what was given.
        interval: The stretch, in seconds from the recording's first displayed frame.
    """

    side: Literal["pre", "post"]
    seizure: int
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class IctalParts:
    """The parts of one recording.

    Args:
        parts: In the order of time; they share no time with each other.
        num_short: Parts that were shorter than asked for, and dropped.
        num_absent: Sides on which the recording leaves no room at all.
    """

    parts: tuple[IctalPart, ...]
    num_short: int
    num_absent: int


def nonepileptic_parts(
    duration_seconds: float,
    seizures: Sequence[Interval],
    *,
    seconds: float = PART_SECONDS,
    gap_seconds: float = GAP_SECONDS,
    min_seconds: float = MIN_PART_SECONDS,
) -> IctalParts:
    """Return the stretches of a recording before and after its seizures that hold none; cut each into its slices.

    A part begins or ends ``seconds`` from its seizure, where the recording or another seizure does not end it
    earlier. Two seizures with less than twice that between them share it: each has the half on its side. Seizures
    that overlap or have no more than two gaps between them have one part before and one after all of them.

    Args:
        duration_seconds: Length of the recording, above 0.
        seizures: Every seizure of the recording, also those that are not used, or that lie outside of it; in any
            order.
        seconds: How far parts reach from their seizure, above 0.
        gap_seconds: Distance that parts keep from every seizure, 0 or more.
        min_seconds: Shorter parts are dropped and counted.

    Raises:
        ConfigError: If a length is out of its range.

    References:
        Methods: Karácsony 2022, section 3 ("Third class"). The paper does not give the length of the parts; its
        recordings have 4663 frames of them on average, 78 s on each side.
    """
    for name, value, lowest in (
        ("duration_seconds", duration_seconds, 0.0),
        ("seconds", seconds, 0.0),
        ("gap_seconds", gap_seconds, -1.0),
        ("min_seconds", min_seconds, -1.0),
    ):
        if not (lowest < value < float("inf")) or value < 0:
            msg = (
                f"{name} must be a finite number {'above' if lowest == 0 else 'of at least'} 0, got {value}."
            )
            raise ConfigError(msg)
    groups = _groups(seizures, 2 * gap_seconds)
    parts, num_short, num_absent = [], 0, 0
    for number, (before, after, first, last) in enumerate(groups):
        earliest = (groups[number - 1][1] + before) / 2 if number else 0.0
        latest = (after + groups[number + 1][0]) / 2 if number + 1 < len(groups) else duration_seconds
        sides: tuple[tuple[Literal["pre", "post"], int, float, float], ...] = (
            ("pre", first, max(0.0, earliest, before - seconds), min(before - gap_seconds, duration_seconds)),
            ("post", last, max(0.0, after + gap_seconds), min(latest, after + seconds, duration_seconds)),
        )
        for side, seizure, start, end in sides:
            if end <= start:
                num_absent += 1
            elif end - start < min_seconds:
                num_short += 1
            else:
                interval = Interval(start_seconds=start, end_seconds=end)
                parts.append(IctalPart(side=side, seizure=seizure, interval=interval))
    return IctalParts(parts=tuple(parts), num_short=num_short, num_absent=num_absent)


def _groups(seizures: Sequence[Interval], apart: float) -> list[tuple[float, float, int, int]]:
    """Return start, end, first and last seizure of every group of seizures that are at most so far apart."""
    groups: list[tuple[float, float, int, int]] = []
    for index in sorted(range(len(seizures)), key=lambda i: seizures[i]):
        start, end = seizures[index].start_seconds, seizures[index].end_seconds
        if groups and start <= groups[-1][1] + apart:
            before, after, first, last = groups[-1]
            groups[-1] = (before, max(after, end), first, index if end > after else last)
        else:
            groups.append((start, end, index, index))
    return groups
