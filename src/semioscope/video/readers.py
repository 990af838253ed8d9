"""Opens whatever a cohort names as a recording, one file or a list of parts, behind one way of reading."""

import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, UInt8

from semioscope.core.errors import VideoError
from semioscope.video.decode import DecodeReport, Frame, FrameReader, check_times
from semioscope.video.parts import is_parts_list, read_parts
from semioscope.video.probe import probe

_TOLERANCE_SECONDS = 5e-4  # start times in a parts list are often written in milliseconds


class PartsReader:
    """Reads a recording that was cut into parts, with the times and rules of ``FrameReader``.

    One part is open at a time. A time belongs to the last part that has started; between the end of that part
    and the start of the next one, pictures are missing. All parts must have the displayed size of the first.

    Args:
        path: A parts list.
        max_hold_seconds: As in ``FrameReader``.
        pixel_format: As in ``FrameReader``.

    Raises:
        VideoError: If the list breaks a rule or its first or last part is not a video; later, when reading
            reaches a part that is none.
    """

    def __init__(
        self, path: Path, *, max_hold_seconds: float | None = None, pixel_format: str = "rgb24"
    ) -> None:
        self._parts = read_parts(path)
        self._starts = np.array([part.start_seconds for part in self._parts])
        self._max_hold_seconds = max_hold_seconds
        self._pixel_format = pixel_format
        self._number = -1
        self._reader: FrameReader | None = None
        self._num_packets_before = 0
        self.report = DecodeReport()
        self.info = probe(path)
        self._open(0)
        self.close()

    def __enter__(self) -> "PartsReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def num_packets_read(self) -> int:
        """How many packets have been taken so far: what reading cost."""
        return self._num_packets_before + (self._reader.num_packets_read if self._reader is not None else 0)

    def close(self) -> None:
        """Close the open part."""
        if self._reader is not None:
            self._num_packets_before += self._reader.num_packets_read
            self._reader.close()
        self._reader, self._number = None, -1

    def read(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        """Yield the picture at each time, in order; see ``FrameReader.read``."""
        check_times(times_seconds)
        return self._read(times_seconds)

    def _read(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        numbers = np.searchsorted(self._starts, times_seconds + _TOLERANCE_SECONDS, side="right") - 1
        for time_seconds, number in zip(times_seconds.tolist(), numbers.tolist(), strict=True):
            frame = self._frame_at(time_seconds, number)
            self.report = self.report.counting(frame)
            yield frame

    def _frame_at(self, time_seconds: float, number: int) -> Frame:
        if number < 0:
            return Frame(time_seconds=time_seconds, pts_seconds=math.nan, picture=None, status="missing")
        start = self._parts[number].start_seconds
        inside = max(0.0, time_seconds - start)
        frame = next(self._open(number).read(np.array([inside])))
        return Frame(
            time_seconds=time_seconds,
            pts_seconds=start + frame.pts_seconds,
            picture=frame.picture,
            status=frame.status,
        )

    def _open(self, number: int) -> FrameReader:
        if self._reader is not None and self._number == number:
            return self._reader
        self.close()
        part = self._parts[number]
        reader = FrameReader(
            part.path, max_hold_seconds=self._max_hold_seconds, pixel_format=self._pixel_format
        )
        if (reader.info.width, reader.info.height) != (self.info.width, self.info.height):
            came = f"{reader.info.width}x{reader.info.height}"
            reader.close()
            msg = (
                f"{self.info.path.name}: all parts must show pictures of one size, {self.info.width}x"
                f"{self.info.height} as the first part; {part.path.name} has {came}. Make it a recording of its own."
            )
            raise VideoError(msg)
        self._reader, self._number = reader, number
        return reader


Reader: TypeAlias = FrameReader | PartsReader
"""What reads a recording; both have ``info``, ``report``, ``read``, ``close`` and ``num_packets_read``."""


def open_reader(path: Path, *, max_hold_seconds: float | None = None, pixel_format: str = "rgb24") -> Reader:
    """Open a video file or a parts list (``*.parts.tsv``) for reading.

    Raises:
        VideoError: If it is neither.
    """
    maker = PartsReader if is_parts_list(path) else FrameReader
    return maker(path, max_hold_seconds=max_hold_seconds, pixel_format=pixel_format)


def read_pictures(
    path: Path, times_seconds: Float[np.ndarray, " num_times"]
) -> tuple[UInt8[np.ndarray, "num_times height width 3"], DecodeReport]:
    """Return the pictures at given times, in one array.

    Args:
        path: A video file or a parts list.
        times_seconds: Ascending, in seconds from the first displayed frame.

    Raises:
        VideoError: If a picture is missing.
    """
    with open_reader(path) as reader:
        pictures = np.zeros((len(times_seconds), reader.info.height, reader.info.width, 3), dtype=np.uint8)
        for number, frame in enumerate(reader.read(times_seconds)):
            if frame.picture is None:
                msg = (
                    f"{path.name} must show a picture at {frame.time_seconds:g} s, but has none there; it "
                    f"lasts {reader.info.duration_seconds:g} s. Ask for times inside it."
                )
                raise VideoError(msg)
            pictures[number] = frame.picture
        return pictures, reader.report
