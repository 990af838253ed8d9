"""Tells what a recording holds at the price of a few packets: its header, its first frame, and its end."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from semioscope.video.arrays import ArrayFile
from semioscope.video.containers import as_video_error
from semioscope.video.frames import DecodedFrame, FrameStream, first_frame
from semioscope.video.images import ImageFolder
from semioscope.video.index import Rhythm, packet_tick, rhythm
from semioscope.video.loose import open_loose
from semioscope.video.parts import is_parts_list, read_parts
from semioscope.video.promise import estimated_end_tick, is_clearly_beyond, promised_end_tick

_NUM_PACKETS_FOR_RHYTHM = 60
_LEAST_PACKETS_FOR_RHYTHM = 20  # of fewer, the header's rate is the better witness
_END_SECONDS = 2.0

DurationSource = Literal["content", "container", "stream", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a recording holds.

    Args:
        path: The file, or the parts list.
        codec: FFmpeg's name, such as ``h264`` or ``mpeg2video``; ``png``, ``tiff`` or ``npy`` where there is no
            container.
        pixel_format: As stored, such as ``yuv420p``.
        width: Of the displayed picture in pixels, after rotation.
        height: Of the displayed picture in pixels, after rotation.
        rotation_degrees: How far the stored picture is turned clockwise for display: 0, 90, 180 or 270.
        sample_aspect_ratio: Width of a displayed pixel over its height; pictures are not stretched by it.
        fps: Nominal frame rate.
        frame_seconds: Usual distance of two frames, measured on packets near the start.
        is_variable_rate: Whether the distance varies there.
        time_base: Seconds per tick of the stamps.
        first_pts_seconds: Container time of the first displayed frame, our zero.
        duration_seconds: From our zero to the end of the last frame; NaN if unknown. Of a file that was cut
            off this is what is left.
        header_duration_seconds: What the header promises of the picture; NaN if it promises nothing, as those
            of MPEG program and transport streams. See ``is_cut_off``.
        duration_source: ``content``: packets at the end were read. Else a length of the header, or FFmpeg's
            estimate.
    """

    path: Path
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation_degrees: int
    sample_aspect_ratio: Fraction
    fps: float
    frame_seconds: float
    is_variable_rate: bool
    time_base: Fraction
    first_pts_seconds: float
    duration_seconds: float
    header_duration_seconds: float
    duration_source: DurationSource

    @property
    def is_gray16(self) -> bool:
        """Whether the pictures are kept as gray of 16 bits."""
        return self.pixel_format.startswith("gray16")

    @property
    def pixels(self) -> str:
        """What a pixel is in words, such as ``8-bit colour (yuv420p)``."""
        return pixel_words(self.pixel_format)

    @property
    def is_cut_off(self) -> bool:
        """Whether the header promises clearly more than the file holds."""
        return self.promises_beyond(self.duration_seconds)

    def promises_beyond(self, duration_seconds: float) -> bool:
        """Return whether the header promises more than a length, by over 1 s and over 2 % of the promise."""
        return is_clearly_beyond(self.header_duration_seconds, duration_seconds)


def probe(path: Path) -> VideoInfo:
    """Return what a recording holds: a video file, a parts list, a folder of 16-bit pictures, or a ``.npy`` file.

    Of a video one frame is decoded; besides, packets near the start and the end are read. Where neither header
    nor container help to find the end, the packets of the whole file are listed. Of a folder a few pictures are read.

    Raises:
        VideoError: If the file is absent, a folder without pictures, may not be read, is not a video, or holds no
            frame.
    """
    if is_parts_list(path):
        return _probe_parts(path)
    if (source := open_loose(path)) is not None:
        return _probe_loose(source)
    with FrameStream(path) as stream, as_video_error(path, "probing"):
        return probe_stream(stream)


def probe_stream(stream: FrameStream) -> VideoInfo:
    """Return what an open file holds; the stream must be rewound or sought afterwards."""
    first = first_frame(stream)
    seconds = float(stream.time_base)
    source: DurationSource
    estimated, source = estimated_end_tick(stream, first.tick)
    start_ticks: list[int] = []
    for packet in stream.packets(first.tick):
        tick, _ = packet_tick(packet)
        if tick is not None:
            start_ticks.append(tick)
        if len(start_ticks) >= _NUM_PACKETS_FOR_RHYTHM:
            break
    # The last few stand in decoding order; later frames that fill their gaps may not have been read.
    beat = rhythm(np.unique(np.asarray(start_ticks, dtype=np.int64))[: max(2, len(start_ticks) - 8)])
    if len(start_ticks) < _LEAST_PACKETS_FOR_RHYTHM and math.isfinite(stream.nominal_fps):
        beat = Rhythm(step_ticks=float(stream.step_ticks), is_variable=beat.is_variable)
    step = beat.step_ticks if beat.step_ticks > 0 else float(stream.step_ticks)
    end = _content_end_tick(stream, first, estimated, round(step))
    if end is not None:
        source = "content"
    promised = promised_end_tick(stream, first.tick, end)
    if end is None:
        end = estimated
    fps = stream.nominal_fps
    if beat.step_ticks > 0 and not beat.is_variable:
        measured = 1 / (step * seconds)
        if not math.isfinite(fps) or abs(fps - measured) > 0.1 * measured:
            fps = measured
    elif not math.isfinite(fps):
        fps = 1 / (step * seconds)
    context = stream.stream.codec_context
    rotation = display_rotation(first.raw)
    width, height = first.raw.width, first.raw.height
    return VideoInfo(
        path=stream.path,
        codec=context.codec.canonical_name if hasattr(context.codec, "canonical_name") else context.name,
        pixel_format=first.raw.format.name,
        width=height if rotation in (90, 270) else width,
        height=width if rotation in (90, 270) else height,
        rotation_degrees=rotation,
        sample_aspect_ratio=Fraction(stream.stream.sample_aspect_ratio or 1),
        fps=fps,
        frame_seconds=step * seconds,
        is_variable_rate=beat.is_variable,
        time_base=stream.time_base,
        first_pts_seconds=first.tick * seconds,
        duration_seconds=math.nan if end is None else (end - first.tick) * seconds,
        header_duration_seconds=math.nan if promised is None else (promised - first.tick) * seconds,
        duration_source=source if end is not None else "unknown",
    )


def display_rotation(frame: av.VideoFrame) -> int:
    """Return how far a stored picture is turned clockwise for display: 0, 90, 180 or 270 degrees."""
    return round(-frame.rotation / 90) % 4 * 90


def pixel_words(pixel_format: str) -> str:
    """Return what a pixel of FFmpeg's format is in words.

    Examples:
        >>> pixel_words("yuv420p"), pixel_words("gray16le")
        ('8-bit colour (yuv420p)', '16-bit gray (gray16le)')
    """
    try:
        parts = av.VideoFormat(pixel_format).components
    except ValueError:
        return pixel_format
    is_gray = len(parts) < 3 and not pixel_format.startswith("pal")
    return f"{parts[0].bits}-bit {'gray' if is_gray else 'colour'} ({pixel_format})"


def _probe_loose(source: ImageFolder | ArrayFile) -> VideoInfo:
    step = source.frame_seconds
    ticks = np.round(source.times_seconds / source.tick_seconds).astype(np.int64)
    return VideoInfo(
        path=source.path,
        codec=source.codec,
        pixel_format="gray16le",
        width=source.width,
        height=source.height,
        rotation_degrees=0,
        sample_aspect_ratio=Fraction(1),
        fps=1 / step,
        frame_seconds=step,
        is_variable_rate=rhythm(ticks).is_variable,
        time_base=Fraction(source.tick_seconds).limit_denominator(10**6),
        first_pts_seconds=0.0,
        duration_seconds=source.duration_seconds,
        header_duration_seconds=math.nan,
        duration_source="content",
    )


def _content_end_tick(
    stream: FrameStream, first: DecodedFrame, estimated: int | None, step: int
) -> int | None:
    """Return when the last frame that has a packet ends; look 2, 4, 8 ... s before the estimated end."""
    back_seconds = _END_SECONDS
    while True:
        aim = None if estimated is None else estimated - math.ceil(back_seconds / stream.time_base)
        if aim is not None and aim <= first.tick:
            aim = None
        latest: int | None = None
        length = step
        for packet in stream.packets(aim):
            tick, _ = packet_tick(packet)
            if tick is None:
                tick = first.tick if latest is None else latest + step
            if latest is None or tick > latest:
                # A container that stores no durations spreads gaps over the frame before them.
                given = packet.duration if packet.duration and packet.duration > 0 else step
                latest, length = tick, given if given <= 2 * step else step
        end = None if latest is None else latest + length
        if end is not None and end > first.tick:
            return end
        if aim is None:
            return None
        back_seconds *= 2


def _probe_parts(path: Path) -> VideoInfo:
    parts = read_parts(path)
    first = probe(parts[0].path)
    last = probe(parts[-1].path) if len(parts) > 1 else first
    start = parts[-1].start_seconds
    return VideoInfo(
        path=path,
        codec=first.codec,
        pixel_format=first.pixel_format,
        width=first.width,
        height=first.height,
        rotation_degrees=first.rotation_degrees,
        sample_aspect_ratio=first.sample_aspect_ratio,
        fps=first.fps,
        frame_seconds=first.frame_seconds,
        is_variable_rate=first.is_variable_rate or last.is_variable_rate,
        time_base=first.time_base,
        first_pts_seconds=first.first_pts_seconds,
        duration_seconds=start + last.duration_seconds,
        header_duration_seconds=start + last.header_duration_seconds,
        duration_source=last.duration_source,
    )
