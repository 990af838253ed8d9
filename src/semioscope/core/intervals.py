"""Half-open intervals of time, in seconds from the first displayed frame of a recording."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Interval:
    """The stretch of time ``[start_seconds, end_seconds)``.

    Args:
        start_seconds: Beginning, included; finite.
        end_seconds: End, excluded; finite and after the beginning.
    """

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_seconds) and math.isfinite(self.end_seconds)):
            msg = f"An interval needs finite ends, got [{self.start_seconds}, {self.end_seconds})."
            raise ValueError(msg)
        if self.end_seconds <= self.start_seconds:
            msg = f"An interval must end after it starts, got [{self.start_seconds}, {self.end_seconds})."
            raise ValueError(msg)

    @property
    def duration_seconds(self) -> float:
        """Length in seconds, above 0."""
        return self.end_seconds - self.start_seconds

    @property
    def centre_seconds(self) -> float:
        """The middle."""
        return (self.start_seconds + self.end_seconds) / 2

    def contains(self, time_seconds: float) -> bool:
        """Return whether a time lies inside; the start does, the end does not."""
        return self.start_seconds <= time_seconds < self.end_seconds

    def overlaps(self, other: "Interval") -> bool:
        """Return whether the two share any time; touching ends share none."""
        return self.start_seconds < other.end_seconds and other.start_seconds < self.end_seconds

    def intersection(self, other: "Interval") -> "Interval | None":
        """Return what both share, or None."""
        start = max(self.start_seconds, other.start_seconds)
        end = min(self.end_seconds, other.end_seconds)
        return Interval(start_seconds=start, end_seconds=end) if start < end else None

    def extended(self, before_seconds: float, after_seconds: float) -> "Interval":
        """Return the interval with its ends moved outwards; the start is clipped at 0."""
        return Interval(
            start_seconds=max(0.0, self.start_seconds - before_seconds),
            end_seconds=self.end_seconds + after_seconds,
        )


def union(intervals: Iterable[Interval], *, merge_gap_seconds: float = 0.0) -> list[Interval]:
    """Return disjoint ascending intervals that cover the same time.

    Args:
        intervals: In any order, overlapping or not.
        merge_gap_seconds: Intervals that are this close or closer become one.
    """
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start_seconds <= merged[-1].end_seconds + merge_gap_seconds:
            end = max(merged[-1].end_seconds, interval.end_seconds)
            merged[-1] = Interval(start_seconds=merged[-1].start_seconds, end_seconds=end)
        else:
            merged.append(interval)
    return merged
