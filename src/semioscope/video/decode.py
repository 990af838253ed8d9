"""Reads the pictures of a recording at given times, exactly, and tells what it could not read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from semioscope.core.errors import ConfigError, VideoError, unknown_name
from semioscope.video.containers import as_video_error
from semioscope.video.frames import DecodedFrame, FrameStream
from semioscope.video.probe import VideoInfo, display_rotation, probe_stream

DECODER_VERSION = (
    f"pyav-{'.'.join(av.__version__.split('.')[:2])}"
    f"/ffmpeg-{'.'.join(str(number) for number in av.library_versions['libavcodec'])}/semioscope-2"
)

_SEEK_AHEAD_SECONDS = 4.0  # a nearer time is reached by decoding on; grows where key frames are rarer
_LEAST_HOLD_SECONDS = 0.2

PIXEL_FORMATS = ("rgb24", "gray16le")
Status = Literal["ok", "held", "damaged", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The picture that is shown at a time.

    Args:
        time_seconds: The time that was asked for, from the first displayed frame.
        pts_seconds: When the picture appeared, on the same axis; NaN if there is none.
        picture: As displayed (rotation applied); uint16 under ``gray16le``; None if missing.
        status: ``ok``; ``held``: a later picture should have replaced this one, but is lacking in the file;
            ``damaged``: the decoder or the container complained about it or about one since the last key frame,
            so it may show blocks or old pieces; ``missing``: before the first frame, or at or after the end of
            the last one. A frame that was lost with no other trace than the gap in time counts as held where
            it is lacking; pictures that were predicted from it cannot be told from whole ones.
    """

    time_seconds: float
    pts_seconds: float
    picture: UInt8[np.ndarray, "height width 3"] | UInt16[np.ndarray, "height width"] | None
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeReport:
    """How many of the times asked for got which picture; the four counts sum to ``num_requested``."""

    num_requested: int = 0
    num_ok: int = 0
    num_held: int = 0
    num_damaged: int = 0
    num_missing: int = 0
    largest_hold_seconds: float = 0.0

    def merged(self, other: "DecodeReport") -> "DecodeReport":
        """Return the report of both readings together."""
        return DecodeReport(
            num_requested=self.num_requested + other.num_requested,
            num_ok=self.num_ok + other.num_ok,
            num_held=self.num_held + other.num_held,
            num_damaged=self.num_damaged + other.num_damaged,
            num_missing=self.num_missing + other.num_missing,
            largest_hold_seconds=max(self.largest_hold_seconds, other.largest_hold_seconds),
        )

    def counting(self, frame: Frame) -> "DecodeReport":
        """Return the report with one more frame."""
        name = f"num_{frame.status}"
        largest = self.largest_hold_seconds
        if frame.status == "held":
            largest = max(largest, frame.time_seconds - frame.pts_seconds)
        counts = {name: getattr(self, name) + 1, "num_requested": self.num_requested + 1}
        return replace(self, **counts, largest_hold_seconds=largest)


class FrameReader:
    """Reads one video file at given times.

    The picture at t is the last frame with PTS <= t + half a tick of the time base. Near times are reached by
    decoding on, far ones by a seek; both give the same pictures and the same status. Memory does not depend
    on the length of the file. Interlaced frames are delivered woven, non-square pixels are not stretched, and a
    picture whose size differs from the first one's is scaled to it.

    Args:
        path: A video file (``open_reader`` also takes parts lists).
        max_hold_seconds: How old a picture may be at the time asked for before it counts as held. None: at a
            constant rate a picture is held from the moment at which the next one is due when that is lacking;
            at a variable rate when it is older than 1.5 usual distances, and at least 0.2 s.
        pixel_format: ``rgb24``, or ``gray16le`` for the raw values of a 16-bit gray video (depth, infrared). Of such
            a video ``rgb24`` shows the upper 8 bits of each value, rounded and without any stretching: three times
            min(255, (value + 128) // 256). Cameras that use a small part of the 16 bits look black then;
            ``grey.to_8bit`` spreads the part that is used.

    Raises:
        VideoError: If the file is not a video, or not 16-bit gray under ``gray16le``.
        ConfigError: If the pixel format is unknown.
    """

    def __init__(
        self, path: Path, *, max_hold_seconds: float | None = None, pixel_format: str = "rgb24"
    ) -> None:
        if pixel_format not in PIXEL_FORMATS:
            raise ConfigError(unknown_name("pixel format", pixel_format, PIXEL_FORMATS))
        if max_hold_seconds is not None and not max_hold_seconds > 0:
            msg = f"max_hold_seconds must be above 0 (or None), got {max_hold_seconds}."
            raise ConfigError(msg)
        self._pixel_format = pixel_format
        self._max_hold_seconds = max_hold_seconds
        self._stream = FrameStream(path)
        try:
            with as_video_error(path, "probing"):
                self.info: VideoInfo = probe_stream(self._stream)
            if pixel_format == "gray16le" and not self.info.is_gray16:
                msg = (
                    f"{path.name} must hold 16-bit gray pictures (gray16le), got {self.info.pixels}. Export this "
                    "stream again with 16 bits, best as FFV1 in .mkv."
                )
                raise VideoError(msg)
        except BaseException:
            self._stream.close()
            raise
        self.report = DecodeReport()
        self._is_closed = False
        self._tick_seconds = float(self._stream.time_base)
        self._zero = round(self.info.first_pts_seconds / self._stream.time_base)
        self._seek_ahead_ticks = _SEEK_AHEAD_SECONDS / self._tick_seconds
        self._current: DecodedFrame | None = None
        self._following: DecodedFrame | None = None
        self._end_tick: int | None = None  # known once the decoder has reached the end

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def num_packets_read(self) -> int:
        """How many packets have been taken from the file so far: what reading cost."""
        return self._stream.num_packets

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        self._current = self._following = None
        self._stream.close()

    def read(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        """Yield the picture at each time, in order.

        Args:
            times_seconds: Ascending (equal ones allowed), in seconds from the first displayed frame.

        Raises:
            ValueError: If the times are not finite and ascending, or the reader is closed.
            VideoError: If the file cannot be read any more.
        """
        check_times(times_seconds)
        if self._is_closed:
            msg = f"The reader of {self.info.path.name} is closed. Open another one."
            raise ValueError(msg)
        return self._read(times_seconds)

    def _read(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        for time_seconds in times_seconds.tolist():
            with as_video_error(self.info.path, "decoding"):
                frame = self._frame_at(time_seconds)
            self.report = self.report.counting(frame)
            yield frame

    def _frame_at(self, time_seconds: float) -> Frame:
        limit = self._zero + math.floor(time_seconds / self._tick_seconds + 0.5)
        if limit >= self._zero and (self._end_tick is None or limit < self._end_tick):
            self._move_to(limit)
            shown = self._current
            if shown is not None and shown.tick <= limit and not self._is_past_end(limit):
                return Frame(
                    time_seconds=time_seconds,
                    pts_seconds=(shown.tick - self._zero) * self._tick_seconds,
                    picture=self._picture(shown),
                    status=self._status(shown, limit),
                )
        return Frame(time_seconds=time_seconds, pts_seconds=math.nan, picture=None, status="missing")

    def _move_to(self, limit: int) -> None:
        """Make ``_current`` the last frame at or before a tick, ``_following`` the one after it, if any."""
        current, following = self._current, self._following
        reached = following if following is not None else current
        if current is None or reached is None or limit < current.tick:
            self._jump(limit)
        elif limit - reached.tick > self._seek_ahead_ticks and following is not None:
            self._jump(limit, reached=reached.tick)
        while self._following is not None and self._following.tick <= limit:
            self._current = self._following
            self._following = self._stream.next()
            if self._following is None:
                self._end_tick = self._current.end_tick

    def _jump(self, limit: int, *, reached: int | None = None) -> None:
        self._current = self._stream.seek(limit)
        self._following = None if self._current is None else self._stream.next()
        if self._current is not None and self._following is None:
            self._end_tick = self._current.end_tick
        if reached is not None and self._current is not None and self._current.tick <= reached:
            # The key frame lay behind us: decoding on would have been cheaper.
            self._seek_ahead_ticks = max(self._seek_ahead_ticks, 2.0 * (limit - self._current.tick))

    def _is_past_end(self, limit: int) -> bool:
        return self._end_tick is not None and limit >= self._end_tick

    def _status(self, shown: DecodedFrame, limit: int) -> Status:
        if shown.is_damaged:
            return "damaged"
        age_seconds = (limit - shown.tick) * self._tick_seconds
        if self._max_hold_seconds is not None:
            return "held" if age_seconds > self._max_hold_seconds else "ok"
        usual = self.info.frame_seconds
        if self.info.is_variable_rate:
            return "held" if age_seconds > max(1.5 * usual, _LEAST_HOLD_SECONDS) else "ok"
        if self._following is None:
            return "ok"
        lacks = (self._following.tick - shown.tick) * self._tick_seconds > 1.5 * usual
        return "held" if lacks and age_seconds > usual - 2 * self._tick_seconds - 0.05 * usual else "ok"

    def _picture(self, shown: DecodedFrame) -> np.ndarray:
        """Convert a frame; only frames that were asked for are ever converted."""
        raw = shown.raw
        turns = display_rotation(raw) // 90
        size = (self.info.width, self.info.height)
        if turns % 2:
            size = (size[1], size[0])
        made = raw.reformat(width=size[0], height=size[1], format=self._pixel_format, threads=1).to_ndarray()
        return np.ascontiguousarray(np.rot90(made, k=-turns)) if turns else made


def check_times(times_seconds: Float[np.ndarray, " num_times"]) -> None:
    """Check that times can be read in one pass.

    Raises:
        ValueError: If they are not finite and ascending.
    """
    if not np.all(np.isfinite(times_seconds)):
        msg = "times_seconds must be finite numbers of seconds, got NaN or infinity."
        raise ValueError(msg)
    if np.any(np.diff(times_seconds) < 0):
        msg = "times_seconds must ascend. Sort them, or call read once per run of ascending times."
        raise ValueError(msg)
