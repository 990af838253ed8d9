"""What every source of 16-bit pictures offers, whether a video, a folder of pictures or an array."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt16

from semioscope.core.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrame:
    """One frame as its source keeps it.

    Args:
        picture: uint16; None if it cannot be read.
        fault: Why it cannot be read, naming the file; empty if it can.
        is_damaged: The decoder complained about it, or about a frame that it was predicted from.
    """

    picture: UInt16[np.ndarray, "height width"] | None
    fault: str = ""
    is_damaged: bool = False


def span_inside(
    times_seconds: Float[np.ndarray, " num_frames"], interval: Interval, tick_seconds: float
) -> tuple[int, int]:
    """Return the frames [first, last) that begin inside an interval, half a tick forgiven.

    Examples:
        >>> span_inside(
        ...     np.array([0.0, 0.033, 0.067]), Interval(start_seconds=0.0333, end_seconds=0.0667), 1e-3
        ... )
        (1, 2)
    """
    ends = np.array([interval.start_seconds, interval.end_seconds]) - tick_seconds / 2
    first, last = np.searchsorted(times_seconds, ends, side="left").tolist()
    return first, last


@runtime_checkable
class StoredFrames(Protocol):
    """The frames of one 16-bit source in the order of time."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def width(self) -> int:
        """Of every picture, in pixels."""

    @property
    def height(self) -> int:
        """Of every picture, in pixels."""

    @property
    def times_seconds(self) -> Float[np.ndarray, " num_frames"]:
        """When each frame is shown, ascending, in seconds from the first frame of the source."""

    @property
    def frame_seconds(self) -> float:
        """Usual distance of two frames; NaN for a single frame without a rate."""

    @property
    def tick_seconds(self) -> float:
        """How finely the times are written."""

    @property
    def duration_seconds(self) -> float:
        """From the first frame of the source to the end of its last one; NaN if unknown."""

    @property
    def num_lacking(self) -> int:
        """How many frames must have been there by the times, but are not stored; of a video, in what was opened."""

    def stored(self, index: int) -> StoredFrame:
        """Return one frame, counted from the first of ``times_seconds``; a fault is told, not raised."""

    def close(self) -> None:
        """Give the file back."""
