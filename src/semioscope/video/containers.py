"""Opens video files, and turns whatever a hostile file throws into one kind of error.

A damaged file makes FFmpeg and PyAV raise far more than their own errors (UnicodeDecodeError, MemoryError,
IndexError, OverflowError were all seen), so every exception counts.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.video.stream

from semioscope.core.errors import SemioscopeError, VideoError

# FFmpeg also reads text art, still pictures, play lists and network descriptions; none is a recording.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "mpegts",
    "mpeg",
    "mpegvideo",
    "avi",
    "asf",
    "mxf",
    "flv",
    "live_flv",
    "ogg",
    "nut",
    "dv",
    "gxf",
    "wtv",
    "ivf",
    "rm",
    "m4v",
    "h264",
    "hevc",
    "mjpeg",
    "yuv4mpegpipe",
)
_OPTIONS = {
    "format_whitelist": ",".join(name for names in _FORMATS for name in names.split(",")),
    "protocol_whitelist": "file",
}
_REMEDY = "Copy it again from the source, or convert it (for example with HandBrake or ffmpeg)."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVideo:
    """An open file and the stream of it that is shown."""

    container: av.container.InputContainer
    stream: av.video.stream.VideoStream
    time_base: Fraction


@contextlib.contextmanager
def as_video_error(path: Path, doing: str) -> Iterator[None]:
    """Turn any exception of the block into a VideoError that names the file; our own errors pass."""
    try:
        yield
    except SemioscopeError:
        raise
    except PermissionError as err:
        raise VideoError(_no_permission(path)) from err
    except Exception as err:
        reason = short_reason(err)
        msg = f"{path.name} must be a video that can be read; {doing} it failed: {reason}. {_REMEDY}"
        raise VideoError(msg) from err


def check_file(path: Path, what: str = "a video") -> None:
    """Check that a path is a file with content that may be read, before any decoder touches it.

    Args:
        path: The file.
        what: What it should be, for the message.

    Raises:
        VideoError: If it is absent, a folder, a pipe, empty, or may not be read.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError) as err:
        link = " (a link whose target is gone)" if path.is_symlink() else ""
        msg = (
            f"{path.name} must be {what} file, but it does not exist{link}. Correct the path, or bring the file "
            "back."
        )
        raise VideoError(msg) from err
    except PermissionError as err:
        raise VideoError(_no_permission(path)) from err
    except (OSError, ValueError) as err:
        msg = f"{path.name[:80]!r} must be the path of {what} file: {err}. Correct the path."
        raise VideoError(msg) from err
    if stat.S_ISDIR(facts.st_mode):
        msg = (
            f"{path.name} must be {what} file, but it is a folder. Name a file inside it; a folder of 16-bit "
            "pictures is read as raw infrared or depth only."
        )
        raise VideoError(msg)
    if not stat.S_ISREG(facts.st_mode):
        msg = f"{path.name} must be a plain file, but is a pipe or a device. Save the stream to a file first."
        raise VideoError(msg)
    if not os.access(path, os.R_OK):
        raise VideoError(_no_permission(path))
    if facts.st_size == 0:
        msg = f"{path.name} must be {what}, but it is empty (0 bytes). Copy it again from the source."
        raise VideoError(msg)


def open_video(path: Path) -> OpenVideo:
    """Open the main picture stream of a file, with one decoder thread.

    One thread because the pictures of a damaged H.264 file depend on the number of threads.

    Raises:
        VideoError: If the file is not a video.
    """
    check_file(path)
    if path.suffix.casefold() == ".npy":
        msg = f"{path.name} must be a video file, but it is an array. Arrays are read as raw infrared or depth only."
        raise VideoError(msg)
    with as_video_error(path, "opening"):
        container = av.open(f"file:{path}", mode="r", options=dict(_OPTIONS), metadata_errors="replace")
    try:
        with as_video_error(path, "opening"):
            stream = _main_stream(container, path)
            stream.codec_context.thread_count = 1
            time_base = stream.time_base
            if time_base is None or time_base <= 0:
                msg = (
                    f"{path.name} must carry time stamps, but its picture stream has no time base. {_REMEDY}"
                )
                raise VideoError(msg)
    except BaseException:
        container.close()
        raise
    return OpenVideo(container=container, stream=stream, time_base=Fraction(time_base))


def nominal_rate(stream: av.video.stream.VideoStream) -> float:
    """Return the frame rate that the header promises, frames per second; NaN when it promises none."""
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate is not None and 0 < rate < 1000:
            return float(rate)
    return float("nan")


def short_reason(error: Exception) -> str:
    """Return what an exception of the decoder or encoder says, without error numbers and paths."""
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return text.splitlines()[0][:160]


def _main_stream(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    shown = [stream for stream in container.streams.video if not _is_cover(stream)]
    usable = [stream for stream in shown if stream.codec_context is not None]
    if usable:
        best = container.streams.best("video")
        return next(
            (stream for stream in usable if best is not None and stream.index == best.index), usable[0]
        )
    if shown:
        msg = f"{path.name} holds a picture stream of a codec that this installation cannot decode. {_REMEDY}"
    elif container.streams.audio:
        msg = f"{path.name} must hold pictures, but it holds only sound. Name the file of the camera."
    else:
        msg = f"{path.name} must hold pictures, but it holds no picture stream. {_REMEDY}"
    raise VideoError(msg)


def _is_cover(stream: av.video.stream.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _no_permission(path: Path) -> str:
    return f"{path.name} may not be read by this user. Ask for read access to the file and its folder."
