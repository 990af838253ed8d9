"""What a file's header promises of the picture, as far as it does: that tells a recording that was cut off.

Few headers promise anything. The tracks of MP4 and AVI state their own length. Matroska, ASF and FLV state one
number for the whole file, which other streams may fill as well; mostly it is the stamp at which the file ends,
so it is taken as that, the lesser claim. For other formats (MPEG program and transport streams among them)
FFmpeg estimates a length from what is there: no promise.
"""

import contextlib
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Literal

from semioscope.video.containers import open_video
from semioscope.video.frames import FrameStream

_TRACK_FORMATS = ("mov", "mxf")
_FILE_FORMATS = ("matroska", "asf", "flv", "live_flv")
_AVI_HEAD_BYTES = 1 << 18
_STRH = struct.Struct("<4s16xIIII")  # of an AVI stream header: type; scale, rate, start and length

EstimateSource = Literal["container", "stream", "unknown"]


def is_clearly_beyond(promised_seconds: float, found_seconds: float) -> bool:
    """Return whether a promise exceeds what was found by over 1 s and over 2 % of the promise; never for NaN."""
    return promised_seconds - found_seconds > max(1.0, 0.02 * promised_seconds)


def estimated_end_tick(stream: FrameStream, first_tick: int) -> tuple[int | None, EstimateSource]:
    """Return where to look for the end of the picture, in ticks, and what says so: a promise or an estimate."""
    begin = _begin(stream, first_tick)
    own, whole = stream.stream.duration, stream.container_duration_seconds
    if _is_of(stream, _FILE_FORMATS):
        end = _end_of_file(stream, begin)
        return end, "unknown" if end is None else "container"
    if own is not None and own > 0:
        return begin + own, "stream"
    if whole is not None and whole > 0:
        return begin + round(whole / stream.time_base), "container"
    return None, "unknown"


def promised_end_tick(stream: FrameStream, first_tick: int, content_end_tick: int | None) -> int | None:
    """Return the end of the picture that the header promises, in ticks; None where it promises nothing.

    Where the header speaks of the whole file and another stream (sound that was recorded for longer) reaches
    the end of it, nothing is promised of the picture. The stream must be rewound or sought afterwards.
    """
    begin = _begin(stream, first_tick)
    if _is_of(stream, ("avi",)):
        length = _avi_length_seconds(stream.path)  # FFmpeg shortens it when the file is short
        return None if length is None else begin + round(length / stream.time_base)
    if _is_of(stream, _TRACK_FORMATS):
        own = stream.stream.duration
        return begin + own if own is not None and own > 0 else None
    promised = _end_of_file(stream, begin) if _is_of(stream, _FILE_FORMATS) else None
    if promised is None or content_end_tick is None:
        return promised
    wanted, found = ((tick - first_tick) * float(stream.time_base) for tick in (promised, content_end_tick))
    if is_clearly_beyond(wanted, found):
        last = _last_stamp_seconds(stream.path, content_end_tick) - first_tick * float(stream.time_base)
        if not is_clearly_beyond(wanted, last):
            return None
    return promised


def _end_of_file(stream: FrameStream, begin: int) -> int | None:
    """Return the end that a header states for the whole file, in ticks: a stamp, or else counted from the start."""
    whole = stream.container_duration_seconds
    if whole is None or whole <= 0:
        return None
    ticks = round(whole / stream.time_base)
    return ticks if ticks > begin else begin + ticks


def _is_of(stream: FrameStream, formats: tuple[str, ...]) -> bool:
    return not set(stream.format_name.split(",")).isdisjoint(formats)


def _begin(stream: FrameStream, first_tick: int) -> int:
    begin = stream.stream.start_time
    return first_tick if begin is None else begin


def _last_stamp_seconds(path: Path, from_tick: int) -> float:
    """Return the latest stamp of all streams of a file, in container time; it is looked for behind a time."""
    last = _listed_last(path, from_tick)
    return (
        last if math.isfinite(last) else _listed_last(path, None)
    )  # not every container lands where it is sent


def _listed_last(path: Path, from_tick: int | None) -> float:
    latest = -math.inf
    opened = open_video(path)
    # A file that was cut off may refuse to be sought, and end in an error: what was seen until then counts.
    with opened.container, contextlib.suppress(Exception):
        if from_tick is not None:
            opened.container.seek(from_tick, stream=opened.stream, backward=True)
        for packet in opened.container.demux():
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.size > 0 and stamp is not None and packet.time_base is not None:
                latest = max(latest, float(stamp * packet.time_base))
    return latest


def _avi_length_seconds(path: Path) -> Fraction | None:
    """Return the length that the header of an AVI file states for its picture; None if it states none."""
    with path.open("rb") as file:
        head = file.read(_AVI_HEAD_BYTES)
    at = head.find(b"strh")
    while 0 <= at <= len(head) - 8 - _STRH.size:
        kind, scale, rate, _, length = _STRH.unpack_from(head, at + 8)
        if kind == b"vids":
            return Fraction(length * scale, rate) if min(scale, rate, length) > 0 else None
        at = head.find(b"strh", at + 4)
    return None
