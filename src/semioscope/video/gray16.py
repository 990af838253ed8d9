"""Reads 16-bit gray recordings (depth, raw infrared), whatever keeps them, with every bit as it was stored."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float, Int, UInt16

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video.arrays import is_array, open_array
from semioscope.video.containers import as_video_error
from semioscope.video.decode import DecodeReport, Frame, Status, check_times
from semioscope.video.gray_video import open_gray_video
from semioscope.video.images import open_images
from semioscope.video.probe import probe
from semioscope.video.stored import StoredFrames, span_inside

_MOST_FAULTS = 16  # are kept in words; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Gray16Kind:
    """One way to keep 16-bit frames.

    Args:
        matches: Whether a path is of this kind; a path is of exactly one.
        opens: Opens it, whole or the frames shown in an interval.
        note: For people.
    """

    matches: Callable[[Path], bool]
    opens: Callable[[Path, Interval | None], StoredFrames]
    note: str


GRAY16_KINDS: dict[str, Gray16Kind] = {
    "video": Gray16Kind(
        matches=lambda path: not path.is_dir() and not is_array(path),
        opens=open_gray_video,
        note="a video of 16-bit gray, best FFV1 in .mkv (lossless, checks itself), or a parts list of such",
    ),
    "folder": Gray16Kind(
        matches=Path.is_dir,
        opens=open_images,
        note="a folder of 16-bit PNG or TIFF pictures with timestamps.tsv, timestamps.txt or fps.txt in it",
    ),
    "array": Gray16Kind(
        matches=is_array,
        opens=open_array,
        note="NAME.npy (frames, height, width) uint16 with NAME.timestamps.tsv, .timestamps.txt or .fps.txt",
    ),
}


class Gray16Reader:
    """Reads the stored frames of one 16-bit source by number or by time.

    Frames are counted from 0, the first frame shown in the interval that was opened. Memory does not depend on
    the length of the source. What is missing is counted in ``report`` and named in ``faults``.

    Args:
        source: As an entry of ``GRAY16_KINDS`` opened it.
        kind: The name of that entry.
    """

    def __init__(self, source: StoredFrames, *, kind: str) -> None:
        self.source, self.kind = source, kind
        self.report = DecodeReport()
        self._faults: dict[str, None] = {}
        self._last_fault = ""
        self._is_closed = False

    def __enter__(self) -> "Gray16Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file or folder."""
        return self.source.path

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.source.width, self.source.height

    @property
    def num_frames(self) -> int:
        """How many stored frames can be asked for; some may turn out to be missing."""
        return int(self.source.times_seconds.shape[0])

    @property
    def times_seconds(self) -> Float[np.ndarray, " num_frames"]:
        """When each frame is shown, ascending, in seconds from the first frame of the source."""
        return self.source.times_seconds

    @property
    def faults(self) -> tuple[str, ...]:
        """What was missing so far, in words; the first 16."""
        return tuple(self._faults)

    def close(self) -> None:
        """Close the source."""
        self._is_closed = True
        self.source.close()

    def frames(self, frame_indices: Int[np.ndarray, " num_wanted"]) -> Iterator[Frame]:
        """Yield stored frames in any order; ascending is fastest.

        Each ``Frame`` has the stored time; its status is ``ok``, ``damaged``, or ``missing`` where the frame cannot
        be read.

        Raises:
            ValueError: If an index lies outside, or the reader is closed.
        """
        self._check_open()
        wrong = frame_indices[(frame_indices < 0) | (frame_indices >= self.num_frames)]
        if wrong.size:
            msg = f"Frame indices of {self.path.name} must lie in [0, {self.num_frames}), got {wrong[0]}."
            raise ValueError(msg)
        times = self.times_seconds
        return (self._frame(float(times[index]), index, "ok") for index in frame_indices.tolist())

    def frames_at(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        """Yield the frame that is shown at each time.

        It is the last one at or before the time, half a tick forgiven: ``held`` where the next one should have
        replaced it but is lacking, ``missing`` before the first, and at or after the end of the last frame.

        Args:
            times_seconds: Ascending, in seconds from the first frame of the source.

        Raises:
            ValueError: If the times are not finite and ascending, or the reader is closed.
        """
        self._check_open()
        check_times(times_seconds)
        indices = self.indices_at(times_seconds)
        return (
            self._frame(time, index, self._status(time, index))
            for time, index in zip(times_seconds.tolist(), indices.tolist(), strict=True)
        )

    def read(
        self, frame_indices: Int[np.ndarray, " num_wanted"]
    ) -> UInt16[np.ndarray, "num_wanted height width"]:
        """Return stored frames in one array.

        Raises:
            VideoError: If one of them is missing.
        """
        return self._stacked(self.frames(frame_indices), len(frame_indices))

    def read_at(
        self, times_seconds: Float[np.ndarray, " num_times"]
    ) -> UInt16[np.ndarray, "num_times height width"]:
        """Return the frames that are shown at given times in one array.

        Raises:
            VideoError: If one of them is missing.
        """
        return self._stacked(self.frames_at(times_seconds), len(times_seconds))

    def indices_at(self, times_seconds: Float[np.ndarray, " num_times"]) -> Int[np.ndarray, " num_times"]:
        """Return which frame is shown at each time; -1 where none is."""
        times = self.times_seconds
        if times.size == 0:
            return np.full(len(times_seconds), -1, dtype=np.int64)
        limits = times_seconds + self.source.tick_seconds / 2
        found = np.searchsorted(times, limits, side="right").astype(np.int64) - 1
        found[limits >= times[-1] + self._usual_seconds] = -1
        return found

    def span(self, interval: Interval) -> tuple[int, int]:
        """Return the stored frames [first, last) that begin inside an interval: those of an event."""
        return span_inside(self.times_seconds, interval, self.source.tick_seconds)

    @property
    def _usual_seconds(self) -> float:
        usual = self.source.frame_seconds
        return usual if math.isfinite(usual) else self.source.tick_seconds

    def _status(self, time_seconds: float, index: int) -> Status:
        if index < 0:
            return "missing"
        times, usual = self.times_seconds, self._usual_seconds
        age = time_seconds - times[index]
        lacks = index + 1 < times.size and times[index + 1] - times[index] > 1.5 * usual
        return "held" if lacks and age >= usual - self.source.tick_seconds else "ok"

    def _frame(self, time_seconds: float, index: int, status: Status) -> Frame:
        self._check_open()
        self._last_fault = ""
        if status == "missing":
            frame = Frame(time_seconds=time_seconds, pts_seconds=math.nan, picture=None, status="missing")
        else:
            stored = self.source.stored(index)
            self._last_fault = stored.fault
            if stored.fault and len(self._faults) < _MOST_FAULTS:
                self._faults[stored.fault] = None
            shown: Status = (
                "missing" if stored.picture is None else "damaged" if stored.is_damaged else status
            )
            pts = math.nan if stored.picture is None else float(self.times_seconds[index])
            frame = Frame(time_seconds=time_seconds, pts_seconds=pts, picture=stored.picture, status=shown)
        self.report = self.report.counting(frame)
        return frame

    def _stacked(self, frames: Iterator[Frame], num_frames: int) -> np.ndarray:
        pictures = np.zeros((num_frames, self.source.height, self.source.width), dtype=np.uint16)
        for place, frame in enumerate(frames):
            if frame.picture is None:
                reason = f" {self._last_fault}" if self._last_fault else ""
                msg = (
                    f"{self.path.name} must have a picture at {frame.time_seconds:g} s, but has none there.{reason} "
                    "Ask for other frames, or read them one by one and count what is missing."
                )
                raise VideoError(msg)
            pictures[place] = frame.picture
        return pictures

    def _check_open(self) -> None:
        if self._is_closed:
            msg = f"The reader of {self.path.name} is closed. Open another one."
            raise ValueError(msg)


def gray16_kind(path: Path) -> str:
    """Return which entry of ``GRAY16_KINDS`` a path is."""
    return next(name for name, kind in GRAY16_KINDS.items() if kind.matches(path))


def is_gray16(path: Path) -> bool:
    """Return whether a recording keeps 16 bits: a folder of pictures, an array, or a video of 16-bit gray.

    Raises:
        VideoError: If it is none of these and no video.
    """
    return gray16_kind(path) != "video" or probe(path).is_gray16


def open_gray16(path: Path, interval: Interval | None = None) -> Gray16Reader:
    """Open a depth or raw infrared recording.

    Args:
        path: A 16-bit video or parts list, a folder of 16-bit pictures, or a ``.npy`` file.
        interval: Only frames shown inside it, in seconds from the first frame of the source; None for all. Of a
            long video, only that stretch is listed then.

    Raises:
        VideoError: If it is absent, of another kind, or not of 16 bits.
    """
    with as_video_error(path, "opening"):
        kind = gray16_kind(path)
        return Gray16Reader(GRAY16_KINDS[kind].opens(path, interval), kind=kind)
