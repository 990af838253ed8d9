"""Tells what is wrong with the frames of one 16-bit stream, infrared or depth, before it is used."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.core.wording import counted
from semioscope.video.depth import missing_share
from semioscope.video.gray16 import Gray16Reader, gray16_kind, open_gray16
from semioscope.video.images import ImageFolder, damage_at_a_glance

LOOKED_AT_SECONDS = 60.0
"""Of a video this much is listed by a quick check."""
_NUM_LOOKED_AT = 5
_MOST_GLANCED_AT = 20_000
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesCheck:
    """What is wrong with the frames of a stream.

    Args:
        faults: It cannot be used; each with a remedy.
        remarks: It can be used, but a person should know; each with a remedy.
        first_zero_share: Share of the pixels of the first frame that are 0; NaN if it cannot be read.
    """

    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    first_zero_share: float = math.nan


def check_gray16(path: Path, *, is_whole: bool = False) -> FramesCheck:
    """Return what is wrong with a 16-bit stream by itself; it never raises for what it finds.

    Args:
        path: Any source of ``GRAY16_KINDS``.
        is_whole: Read every picture of a folder, not five.
    """
    try:
        with open_gray16(path, looked_at(path, 0.0, is_whole=is_whole)) as reader:
            return check_frames(reader, "infrared", is_whole=is_whole)
    except (VideoError, OSError) as err:
        return FramesCheck(faults=(str(err),))


def looked_at(path: Path, start_seconds: float, *, is_whole: bool) -> Interval | None:
    """Return the stretch of a stream that a check lists: of a video a minute, unless it is read whole."""
    if is_whole or gray16_kind(path) != "video":
        return None
    return Interval(start_seconds=start_seconds, end_seconds=start_seconds + LOOKED_AT_SECONDS)


def check_frames(reader: Gray16Reader, stream: str, *, is_whole: bool) -> FramesCheck:
    """Return what is wrong with the frames of an open stream.

    Five frames are read, of a folder all if ``is_whole``. All pictures of a folder are glanced at besides: whether
    they are empty or cut off.

    Args:
        reader: The stream.
        stream: What it holds, for messages: ``infrared`` or ``depth``.
        is_whole: As said.
    """
    name = reader.path.name
    if reader.num_frames == 0:
        return FramesCheck()
    every = np.arange(reader.num_frames)
    few = np.unique(np.linspace(0, reader.num_frames - 1, _NUM_LOOKED_AT).round().astype(np.int64))
    places = every if is_whole and isinstance(reader.source, ImageFolder) else few
    shares = [
        math.nan if frame.picture is None else missing_share(frame.picture) for frame in reader.frames(places)
    ]
    read = [share for share in shares if not math.isnan(share)]
    if not read:
        fault = f"{name} must have {stream} frames that can be read, but none of {len(places)} can. "
        return FramesCheck(faults=(fault + reader.faults[0],))
    remarks = tuple(_lost(reader, stream, is_whole=is_whole))
    if min(read) == 1:
        frames = counted(len(read), "frame")
        said = f"{name} must hold {stream}, but {frames} of it that were looked at are all zero"
        if not _goes_on(reader):
            return FramesCheck(faults=(f"{said}. Export it again.",), first_zero_share=shares[0])
        remarks = (f"{said}, all of the first minute. Look at what follows, or check all of it.", *remarks)
    return FramesCheck(remarks=remarks, first_zero_share=shares[0])


def _goes_on(reader: Gray16Reader) -> bool:
    """Return whether the stream goes on behind the frames that were listed."""
    end = float(reader.times_seconds[-1]) + 2 * reader.source.frame_seconds
    return reader.source.duration_seconds > end  # not where a length is unknown


def _lost(reader: Gray16Reader, stream: str, *, is_whole: bool) -> Iterator[str]:
    """Yield what to know of frames that are damaged, or not there."""
    name, source = reader.path.name, reader.source
    if isinstance(source, ImageFolder):
        told, number = list(reader.faults), reader.report.num_missing
        if not is_whole:
            glanced = (
                damage_at_a_glance(source.path / picture) for picture in source.names[:_MOST_GLANCED_AT]
            )
            told = list(dict.fromkeys((*filter(None, glanced), *told)))
            number = len(told)
        if number:
            more = f" So with {number - _MOST_NAMED} more." if number > _MOST_NAMED else ""
            pictures = counted(number, "picture is", "pictures are")
            yield (
                f"{name}: {pictures} counted as missing, of {len(source.names)}: {' '.join(told[:_MOST_NAMED])}{more}"
            )
    else:
        yield from reader.faults
    if source.num_lacking:
        frames = counted(source.num_lacking, "frame")
        yield (
            f"{name} lacks {frames} of {stream} between others, counted as missing. Copy it again from its source if "
            "they should be there."
        )
