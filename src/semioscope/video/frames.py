"""Decodes one file frame by frame in display order, and finds the frame at a time exactly.

Where a container lands after a seek is not to be trusted: MPEG program and transport streams land between
key frames, and open groups begin with frames whose references were never read. So after a seek everything
before the first key frame in display order is dropped, and when that key frame lies past the target the seek is
repeated further back (1, 2, 4 ... s), at last from the beginning of the file.
"""

import contextlib
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.video.stream

from semioscope.core.errors import VideoError
from semioscope.video.containers import OpenVideo, nominal_rate, open_video
from semioscope.video.damage import DamageTracker
from semioscope.video.stamps import StampMender, VideoPacket

_GUESSED_STAMPS = ("mpeg", "mpegts")  # containers that may stamp fewer pictures than they hold
_MOST_DEMUX_ERRORS = 64  # one after another; then the rest of the file counts as lost
_MOST_DROPPED_AT_START = 1000  # frames; a file without any key frame is shown from its first frame
_PICTURES_LOOKED_AT = 64
_MOST_GUESSED = 0.9  # of the pictures; behind a seek the others then place a group reliably
_GLITCH_SECONDS = 10.0  # a leap forward by more, after which time falls back, is a damaged stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedFrame:
    """A frame as the decoder gave it.

    Args:
        tick: Presentation time in units of the stream's time base, container's zero.
        end_tick: When the frame's own duration ends.
        raw: Not yet converted.
        is_key: Whether it needs no other frame.
        is_damaged: The decoder or the container flagged it, or a frame since the last key frame.
    """

    tick: int
    end_tick: int
    raw: av.VideoFrame
    is_key: bool
    is_damaged: bool


class FrameStream:
    """The frames of one file in display order, ascending in time.

    Memory does not depend on the length of the file. Frames whose time does not ascend are left out, and
    counted in ``num_unordered``; ``num_packets`` counts what was taken from the file.

    Args:
        path: A video file.

    Raises:
        VideoError: If it is not a video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_unordered = 0
        self.num_packets = 0
        self._any_start = False
        self._opened: OpenVideo = open_video(path)
        self.time_base: Fraction = self._opened.time_base
        rate = nominal_rate(self._opened.stream)
        self.nominal_fps = rate
        step_seconds = 1 / rate if math.isfinite(rate) else 1 / 25
        self.step_ticks = max(1, round(step_seconds / self.time_base))
        self._exact_step_ticks = float(step_seconds / self.time_base)
        self._mends = (
            math.isfinite(rate)
            and self._opened.container.format.name in _GUESSED_STAMPS
            and self.stream.codec_context.name in ("mpeg1video", "mpeg2video")
        )
        self._first_tick: int | None = None
        self._frames: Iterator[DecodedFrame] = iter(())
        self._reset(at_start=True)
        self._cannot_seek = self._mends and self._most_stamps_are_guessed()

    def __enter__(self) -> "FrameStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def stream(self) -> av.video.stream.VideoStream:
        """The open picture stream."""
        return self._opened.stream

    @property
    def format_name(self) -> str:
        """FFmpeg's name of the container, such as ``matroska,webm``."""
        return str(self._opened.container.format.name)

    @property
    def container_duration_seconds(self) -> float | None:
        """The length of the whole file by its header, or as FFmpeg estimates it; None if neither is there."""
        duration = self._opened.container.duration
        return None if duration is None else duration / 1_000_000

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        self._opened.container.close()

    def rewind(self) -> None:
        """Go to the beginning, as if the file had just been opened."""
        if self._fresh:
            return
        self._frames = iter(())
        self._opened.container.close()
        self._opened = open_video(self.path)
        self._reset(at_start=True)

    def next(self) -> DecodedFrame | None:
        """Return the next frame, or None at the end of what can be decoded."""
        frame = self._ascending()
        if frame is None and self._awaits_key and self._at_start and not self._any_start:
            # No key frame at all: show the file from its first frame, all of it as damaged.
            self._any_start = True
            self.rewind()
            frame = self._ascending()
        return frame

    def seek(self, target_tick: int) -> DecodedFrame | None:
        """Go to a whole frame at or before a time and return it; the frames that follow come from ``next``.

        When the file begins after that time, its first frame is returned; None if nothing can be decoded.
        """
        back_seconds = 0.0
        while not self._any_start:
            aim = target_tick - math.ceil(back_seconds / self.time_base)
            if self._first_tick is not None and aim <= self._first_tick:
                break
            if not self._land(aim):
                break
            first = self._ascending(most_tick=target_tick)
            if first is not None and first.tick <= target_tick:
                return first
            back_seconds = max(1.0, 2 * back_seconds)
            if back_seconds > 1e7:
                break
        self.rewind()
        return self.next()

    def packets(self, from_tick: int | None = None) -> Iterator[VideoPacket]:
        """Yield packets in the order of the file without decoding, from the beginning or near a time.

        Near a time means at the key frame before it where the container knows one, else where the container
        lands. Afterwards go on with ``seek`` or ``rewind``.
        """
        if from_tick is None or not self._land(from_tick):
            self.rewind()
        self._fresh = False
        for packet, _ in self._packets():
            if packet.size > 0:
                yield packet

    def _reset(self, *, at_start: bool) -> None:
        self._fresh = at_start
        self._at_start = at_start
        self._awaits_key = not (at_start and self._any_start)
        self._last_tick: int | None = None
        self._pushed: deque[DecodedFrame] = deque()
        self._frames = self._decode()

    def _most_stamps_are_guessed(self) -> bool:
        """Return whether fewer than one picture in ten has a packet of the container, and so a stamp, of its own.

        Read from the beginning the places of the others follow; behind a seek too little tells them. Such a file
        has pictures of some 100 bytes; it is always read from its beginning.
        """
        num_pictures = num_without = 0
        for packet in self._demuxed():
            num_pictures += packet.size > 0
            num_without += packet.size > 0 and packet.pos is None
            if num_pictures >= _PICTURES_LOOKED_AT:
                break
        self._fresh = False
        self.rewind()
        return num_without > _MOST_GUESSED * num_pictures

    def _land(self, aim: int) -> bool:
        if self._cannot_seek:
            return False
        self._frames = iter(())
        self._reset(at_start=False)
        try:
            self._opened.container.seek(aim, stream=self.stream, backward=True)
        except Exception:
            return False
        return True

    def _ascending(self, *, most_tick: int | None = None) -> DecodedFrame | None:
        """Return the next frame that is later than the last one.

        A single stamp that leaps far ahead of both its neighbours is damaged; the frame is left out.
        """
        while (frame := self._take(most_tick=most_tick)) is not None:
            if self._last_tick is not None:
                if frame.tick <= self._last_tick:
                    self.num_unordered += 1
                    continue
                if (frame.tick - self._last_tick) * self.time_base > _GLITCH_SECONDS:
                    after = self._take()
                    if after is not None:
                        self._pushed.appendleft(after)
                        if self._last_tick < after.tick < frame.tick:
                            self.num_unordered += 1
                            continue
            self._last_tick = frame.tick
            if self._at_start and self._first_tick is None:
                self._first_tick = frame.tick
            return frame
        return None

    def _take(self, *, most_tick: int | None = None) -> DecodedFrame | None:
        """Return the next whole frame; None at the end, or if frames past ``most_tick`` precede a key frame."""
        if self._pushed:
            return self._pushed.popleft()
        self._fresh = False
        for num_dropped, frame in enumerate(self._frames):
            if not self._awaits_key or frame.is_key:
                self._awaits_key = False
                return frame
            if most_tick is not None and frame.tick > most_tick:
                return None
            if most_tick is None and num_dropped >= _MOST_DROPPED_AT_START:
                return None
        return None

    def _decode(self) -> Iterator[DecodedFrame]:
        """Yield what the decoder gives, in its order, until the file ends or cannot be read further."""
        last_tick: int | None = None
        tracker = DamageTracker()
        for packet, is_doubtful in self._packets():
            tick = packet.pts if packet.pts is not None else packet.dts
            frames: list[av.VideoFrame] = []
            # Whatever is raised is this packet's; the tracker has noted it, and the next packet may be whole.
            with (
                contextlib.suppress(Exception),
                tracker.watching(
                    tick, is_key=packet.is_keyframe, is_corrupt=packet.is_corrupt or is_doubtful
                ),
            ):
                frames = packet.decode()
            for raw in frames:
                frame = self._made(raw, last_tick, tracker)
                if frame is not None:
                    last_tick = frame.tick
                    yield frame

    def _packets(self) -> Iterator[tuple[VideoPacket, bool]]:
        """Yield packets, and whether their stamps are wrong beyond mending."""
        if self._mends:
            return StampMender(self._exact_step_ticks, at_start=self._at_start).mended(self._demuxed())
        return ((packet, False) for packet in self._demuxed())

    def _demuxed(self) -> Iterator[VideoPacket]:
        num_errors = 0
        ended = False
        while not ended and num_errors < _MOST_DEMUX_ERRORS:
            try:
                for packet in self._opened.container.demux(self.stream):
                    num_errors = 0
                    self.num_packets += 1
                    ended = packet.size == 0
                    yield packet
                ended = True
            except Exception:  # a damaged stretch of the container; what follows may be whole
                num_errors += 1

    def _made(self, raw: av.VideoFrame, last_tick: int | None, tracker: DamageTracker) -> DecodedFrame | None:
        tick = raw.pts if raw.pts is not None else raw.dts
        if tick is None:
            if last_tick is None and not self._at_start:
                return None  # after a seek a frame without a stamp has no place in time
            tick = 0 if last_tick is None else last_tick + self.step_ticks
        is_key = bool(raw.key_frame)
        is_damaged = tracker.is_damaged(tick, is_flagged=raw.is_corrupt) or (self._any_start and not is_key)
        # A container that stores no durations spreads gaps over the frame before them: trust two steps at most.
        given = raw.duration if raw.duration and raw.duration > 0 else self.step_ticks
        end_tick = tick + (given if given <= 2 * self.step_ticks else self.step_ticks)
        return DecodedFrame(tick=tick, end_tick=end_tick, raw=raw, is_key=is_key, is_damaged=is_damaged)


def first_frame(stream: FrameStream) -> DecodedFrame:
    """Return the first displayed frame of a file; its time is the zero of the recording.

    Raises:
        VideoError: If no frame can be decoded.
    """
    stream.rewind()
    frame = stream.next()
    if frame is None:
        msg = (
            f"{stream.path.name} must hold at least one frame, but none can be decoded (0 frames): the file is "
            "only a header, or was cut off while it was copied. Copy it again from the source."
        )
        raise VideoError(msg)
    return frame
