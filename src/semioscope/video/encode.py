"""Writes videos: whole or not at all."""

import contextlib
import errno
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import av.container
import av.video.stream
import numpy as np
from jaxtyping import UInt8, UInt16

from semioscope.core.errors import ConfigError, StoreError, VideoError, unknown_name
from semioscope.core.files import atomic_path
from semioscope.video.containers import short_reason
from semioscope.video.stamps import VideoPacket

_VARIABLE_TIME_BASE = Fraction(1, 90_000)
_PROGRAM_STREAM_PACKET = 512  # bytes; each picture is filled up to it, for only one per packet gets a stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSpec:
    """How one codec is written.

    Args:
        encoder: FFmpeg's name.
        pixel_formats: Those offered; the first is the default.
        suffixes: Containers that hold it.
        quality: Default quality; None for a lossless codec. Lower is better and larger.
        qualities: Smallest and largest quality allowed.
        options: For the encoder.
        smallest: Least width and height.
        note: For people.
    """

    encoder: str
    pixel_formats: tuple[str, ...]
    suffixes: tuple[str, ...]
    quality: int | None
    qualities: tuple[int, int]
    options: tuple[tuple[str, str], ...]
    note: str
    smallest: tuple[int, int] = (1, 1)


CODECS: dict[str, CodecSpec] = {
    "h264": CodecSpec(
        encoder="libx264",
        pixel_formats=("yuv420p", "yuv444p"),
        suffixes=(".mp4", ".mkv", ".mov", ".ts"),
        quality=20,
        qualities=(0, 51),
        # With mbtree, libx264 gave differing pictures from run to run on processors with AVX-512.
        options=(("preset", "veryfast"), ("x264-params", "mbtree=0")),
        note="plays everywhere",
    ),
    "hevc": CodecSpec(
        encoder="libx265",
        pixel_formats=("yuv420p", "yuv444p"),
        suffixes=(".mp4", ".mkv", ".mov", ".ts"),
        quality=22,
        qualities=(0, 51),
        options=(("preset", "veryfast"),),
        note="smaller than h264 at the same quality; browsers do not play it",
        smallest=(64, 36),  # below this libx265 has ended the whole process
    ),
    "ffv1": CodecSpec(
        encoder="ffv1",
        pixel_formats=("bgr0", "gray16le", "gray", "yuv420p"),
        suffixes=(".mkv", ".avi"),
        quality=None,
        qualities=(0, 0),
        options=(("level", "3"), ("slicecrc", "1")),
        note="lossless; gray16le keeps 16-bit depth",
    ),
    "mpeg2": CodecSpec(
        encoder="mpeg2video",
        pixel_formats=("yuv420p",),
        suffixes=(".mpg", ".ts", ".avi", ".mkv"),
        quality=3,
        qualities=(1, 31),
        options=(("bf", "2"),),
        note="what many recording systems of wards write",
    ),
}


def available_codecs() -> dict[str, bool]:
    """Return for each codec of ``CODECS`` whether this installation can write it."""
    found: dict[str, bool] = {}
    for name, spec in CODECS.items():
        try:
            av.codec.Codec(spec.encoder, "w")
        except ValueError:
            found[name] = False
        else:
            found[name] = True
    return found


class VideoWriter:
    """Writes one video. The file appears when the block ends without an error; otherwise nothing is left.

    The same pictures give the same bytes on the same version: one encoder thread unless ``num_threads`` says
    otherwise.

    Args:
        path: The suffix chooses the container.
        width: Of the pictures, in pixels.
        height: Of the pictures, in pixels.
        fps: Frames per second; exact when given as a Fraction such as 30000/1001.
        codec: A key of ``CODECS``.
        quality: Constant quality: 0 (best) to 51 for h264 and hevc, 1 to 31 for mpeg2; None is the codec's
            default.
        pixel_format: As stored; None is the codec's default. ``gray16le`` takes uint16 pictures.
        keyframe_seconds: Most time from one key frame to the next.
        num_threads: Of the encoder.

    Raises:
        ConfigError: If a setting does not fit.
        StoreError: If the disk is full or the folder cannot be written.
        VideoError: If the encoder refuses.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction | float,
        codec: str = "h264",
        quality: int | None = None,
        pixel_format: str | None = None,
        keyframe_seconds: float = 2.0,
        num_threads: int = 1,
    ) -> None:
        if codec not in CODECS:
            raise ConfigError(unknown_name("codec", codec, CODECS))
        spec = CODECS[codec]
        self.path, self.width, self.height = path, width, height
        self.pixel_format = pixel_format or spec.pixel_formats[0]
        self.fps = _checked_rate(fps)
        self._spec, self._codec = spec, codec
        self._quality = spec.quality if quality is None else quality
        self._num_threads = num_threads
        if not keyframe_seconds > 0:
            msg = f"keyframe_seconds must be above 0, got {keyframe_seconds}."
            raise ConfigError(msg)
        self._key_distance = max(1, round(keyframe_seconds * float(self.fps)))
        self._check()
        self.num_frames = 0
        self._uses_own_times: bool | None = None
        self._last_tick = -1
        self._container: av.container.OutputContainer | None = None
        self._stream: av.video.stream.VideoStream | None = None
        self._temporary: Path | None = None
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> "VideoWriter":
        self._temporary = self._undo.enter_context(atomic_path(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException as failed:
            self._abandon()
            self._undo.__exit__(type(failed), failed, failed.__traceback__)
            raise
        if error is not None:
            self._abandon()
        self._undo.__exit__(kind, error, trace)

    def write(
        self,
        picture: UInt8[np.ndarray, "height width 3"] | UInt16[np.ndarray, "height width"],
        *,
        pts_seconds: float | None = None,
    ) -> None:
        """Append a picture.

        Args:
            picture: RGB; uint16 gray when the pixel format is ``gray16le``.
            pts_seconds: When it is shown, ascending; for a variable rate, then needed for every picture. None
                puts it 1 / fps after the one before.

        Raises:
            ValueError: If the picture or its time does not fit.
            StoreError: If the disk is full.
            VideoError: If the encoder refuses.
        """
        if self._temporary is None:
            msg = "A VideoWriter must be used as a context manager: with VideoWriter(...) as writer."
            raise ValueError(msg)
        frame = self._frame(picture)
        own_times = pts_seconds is not None
        if self._uses_own_times is None:
            self._uses_own_times = own_times
        elif self._uses_own_times != own_times:
            msg = "Either every picture or none must have pts_seconds, got both kinds."
            raise ValueError(msg)
        with self._encoder_errors():
            stream = self._opened()
        base = _VARIABLE_TIME_BASE if own_times else 1 / self.fps
        tick = self.num_frames if pts_seconds is None else round(pts_seconds / base)
        if tick <= self._last_tick:
            msg = (
                f"pts_seconds must be 0 or more and ascend, got {pts_seconds} for picture {self.num_frames}."
            )
            raise ValueError(msg)
        frame.pts, frame.time_base = tick, base
        with self._encoder_errors():
            self._mux(stream.encode(frame))
        self._last_tick = tick
        self.num_frames += 1

    @property
    def _is_program_stream(self) -> bool:
        return self.path.suffix.lower() == ".mpg"

    def _check(self) -> None:
        spec = self._spec
        if self.path.suffix.lower() not in spec.suffixes:
            endings = " or ".join(spec.suffixes)
            msg = (
                f"A {self._codec} video must be written to a file ending in {endings}, got {self.path.name}."
            )
            raise ConfigError(msg)
        if self.pixel_format not in spec.pixel_formats:
            raise ConfigError(
                unknown_name(f"pixel format of {self._codec}", self.pixel_format, spec.pixel_formats)
            )
        if self.width < spec.smallest[0] or self.height < spec.smallest[1]:
            least = "x".join(map(str, spec.smallest))
            msg = f"A {self._codec} picture must be at least {least} pixels, got {self.width}x{self.height}."
            raise ConfigError(msg)
        if self.pixel_format == "yuv420p" and (self.width % 2 or self.height % 2):
            msg = (
                f"width and height must be even for {self._codec} with yuv420p, got {self.width}x{self.height}."
                " Crop or pad by one pixel, or use codec ffv1."
            )
            raise ConfigError(msg)
        low, high = spec.qualities
        if self._quality is not None and spec.quality is None:
            msg = f"{self._codec} is lossless and takes no quality, got {self._quality}. Leave it out."
            raise ConfigError(msg)
        if self._quality is not None and not low <= self._quality <= high:
            msg = f"The quality of {self._codec} must lie from {low} (best) to {high}, got {self._quality}."
            raise ConfigError(msg)

    def _opened(self) -> av.video.stream.VideoStream:
        if self._stream is not None:
            return self._stream
        muxer = {"fflags": "+bitexact"}  # else Matroska draws a random id, and equal pictures differ in bytes
        if self.path.suffix.lower() in (".mp4", ".mov"):
            muxer["movflags"] = "+faststart"
        if self._is_program_stream:
            muxer["packetsize"] = str(_PROGRAM_STREAM_PACKET)
        container = av.open(f"file:{self._temporary}", mode="w", options=muxer)
        self._container = container
        stream = container.add_stream(self._spec.encoder, rate=self.fps, options=self._options())
        if not isinstance(stream, av.video.stream.VideoStream):
            msg = f"{self._spec.encoder} must be an encoder of pictures."
            raise TypeError(msg)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.pixel_format
        context = stream.codec_context
        context.time_base = _VARIABLE_TIME_BASE if self._uses_own_times else 1 / self.fps
        context.gop_size = 1 if self._codec == "ffv1" else self._key_distance
        context.thread_count = self._num_threads
        if self._codec == "hevc" and self.path.suffix.lower() in (".mp4", ".mov"):
            context.codec_tag = "hvc1"
        self._stream = stream
        return stream

    def _options(self) -> dict[str, str]:
        options = dict(self._spec.options)
        if self._codec in ("h264", "hevc"):
            options["crf"] = str(self._quality)
        if self._codec == "hevc":
            pools = "none" if self._num_threads == 1 else str(self._num_threads)
            options["x265-params"] = f"log-level=none:pools={pools}:frame-threads=1"
        if self._codec == "mpeg2":
            options.update(qmin=str(self._quality), qmax=str(self._quality), b="40000000", maxrate="0")
        return options

    def _frame(self, picture: np.ndarray) -> av.VideoFrame:
        wanted: tuple[int, ...] = (self.height, self.width)
        dtype: type[np.generic] = np.uint16
        if self.pixel_format != "gray16le":
            wanted, dtype = (*wanted, 3), np.uint8
        if picture.shape != wanted or picture.dtype != dtype:
            msg = (
                f"Pictures of this writer must be {np.dtype(dtype)} of shape {wanted}, got {picture.dtype} of "
                f"shape {picture.shape}."
            )
            raise ValueError(msg)
        source = "gray16le" if self.pixel_format == "gray16le" else "rgb24"
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=source)

    def _mux(self, packets: Sequence[VideoPacket]) -> None:
        if self._container is not None:
            for packet in packets:
                full = _filled(packet) if self._is_program_stream else packet
                self._container.mux_one(full)

    def _finish(self) -> None:
        if self.num_frames == 0 or self._stream is None or self._container is None:
            msg = f"{self.path.name} must get at least one picture before it is closed, got none."
            raise VideoError(msg)
        with self._encoder_errors():
            self._mux(self._stream.encode(None))
            self._container.close()
        self._container = self._stream = None

    def _abandon(self) -> None:
        if self._container is not None:
            with contextlib.suppress(Exception):
                self._container.close()
        self._container = self._stream = None

    @contextlib.contextmanager
    def _encoder_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as err:
            if getattr(err, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                msg = (
                    f"The disk is full: {self.path} could not be written. Free some space and give the same "
                    "command again; it goes on where it stopped."
                )
                raise StoreError(msg) from err
            msg = (
                f"{self.path.name} could not be written as {self._codec}, {self.width}x{self.height} at "
                f"{float(self.fps):g} frames per second: {short_reason(err)}. Choose another codec or rate."
            )
            raise VideoError(msg) from err


def _filled(packet: VideoPacket) -> VideoPacket:
    """Return a packet with zeros behind its picture (MPEG allows them) up to the container's packet size."""
    if packet.size >= _PROGRAM_STREAM_PACKET:
        return packet
    full = cast("VideoPacket", av.Packet(bytes(packet).ljust(_PROGRAM_STREAM_PACKET, b"\0")))
    full.pts, full.dts, full.time_base = packet.pts, packet.dts, packet.time_base
    full.duration, full.stream = packet.duration, packet.stream
    full.is_keyframe = packet.is_keyframe
    return full


def _checked_rate(fps: Fraction | float) -> Fraction:
    if not (math.isfinite(fps) and fps > 0):
        msg = f"fps must be a number above 0, got {fps}."
        raise ConfigError(msg)
    if isinstance(fps, Fraction):
        return fps
    near = Fraction(round(fps * 1001 / 1000) * 1000, 1001)  # 29.97 is 30000/1001
    if abs(float(near) - fps) < 0.005 and abs(round(fps) - fps) > 0.005:
        return near
    return Fraction(fps).limit_denominator(1001)
