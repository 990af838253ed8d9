"""A NumPy file of 16-bit frames (frames, height, width) as a source; it stays on the disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt16

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video.containers import check_file, short_reason
from semioscope.video.stored import StoredFrame, span_inside
from semioscope.video.timetable import TICK_SECONDS, read_timetable

SUFFIX = ".npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFile:
    """The frames of an array that is mapped into memory; see ``StoredFrames``."""

    path: Path
    frames: np.ndarray
    width: int
    height: int
    times_seconds: Float[np.ndarray, " num_frames"]
    frame_seconds: float
    duration_seconds: float
    num_lacking: int = 0
    tick_seconds: float = TICK_SECONDS
    codec: str = "npy"

    def stored(self, index: int) -> StoredFrame:
        """Return one frame, copied from the disk."""
        picture: UInt16[np.ndarray, "height width"] = np.array(self.frames[index], dtype=np.uint16)
        return StoredFrame(picture=picture)

    def close(self) -> None:
        """The mapping ends with the last reference to it."""


def is_array(path: Path) -> bool:
    """Return whether a path names an array, by its ending ``.npy``."""
    return path.suffix.casefold() == SUFFIX and not path.is_dir()


def open_array(path: Path, interval: Interval | None = None) -> ArrayFile:
    """Open a ``.npy`` file.

    Args:
        path: The file; never unpickled.
        interval: Only frames shown inside it; None for all.

    Raises:
        VideoError: If it is not an array of uint16 of the shape (frames, height, width), or has no times.
    """
    check_file(path, "a NumPy array")
    try:
        frames: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    except Exception as err:
        msg = (
            f"{path.name} must be a NumPy file of plain numbers, written by numpy.save: {short_reason(err)}. "
            "Write it again, or copy it again if it was cut off."
        )
        raise VideoError(msg) from err
    if frames.dtype.kind != "u" or frames.dtype.itemsize != 2:
        msg = (
            f"{path.name} must hold 16-bit whole numbers (uint16), got {frames.dtype}. Save the raw values; from "
            "8 bits they cannot be had."
        )
        raise VideoError(msg)
    if frames.ndim != 3 or 0 in frames.shape:
        msg = (
            f"{path.name} must have the shape (frames, height, width), each at least 1, got {frames.shape}. Save it "
            "again with the frames first."
        )
        raise VideoError(msg)
    timetable = read_timetable(path, num_frames=frames.shape[0])
    times = timetable.times_seconds
    end = float(times[-1]) + timetable.frame_seconds
    if interval is not None:
        first, last = span_inside(times, interval, TICK_SECONDS)
        frames, times = frames[first:last], times[first:last]
    return ArrayFile(
        path=path,
        frames=frames,
        width=frames.shape[2],
        height=frames.shape[1],
        times_seconds=times,
        frame_seconds=timetable.frame_seconds,
        duration_seconds=end,
    )
