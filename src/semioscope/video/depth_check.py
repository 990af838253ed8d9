"""Tells what is wrong with the depth of a recording before anything is computed from it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video.depth import missing_share, pair_streams
from semioscope.video.gray16 import Gray16Reader, open_gray16
from semioscope.video.index import index_packets
from semioscope.video.paired import check_sizes, pairing_remarks
from semioscope.video.probe import VideoInfo, probe
from semioscope.video.readers import open_reader

_LOOKED_AT_SECONDS = 60.0
_NUM_LOOKED_AT = 5
_MOST_MISSING = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCheck:
    """What is wrong with the depth of a recording.

    Args:
        faults: Depth cannot be used; each with a remedy.
        remarks: Depth can be used, but a person should know; each with a remedy.
        first_missing_share: Share of the pixels of the first depth frame without depth; NaN if it cannot be read.
    """

    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    first_missing_share: float = math.nan


def check_depth(
    infrared_path: Path | None,
    depth_path: Path,
    *,
    depth_offset_seconds: float = 0.0,
    is_whole: bool = False,
) -> DepthCheck:
    """Return what is wrong with a depth recording and how it fits its infrared recording.

    Looked at are sizes, bits, lengths, the first frames, 5 depth frames, and the pairing of the first minute that
    both show. It never raises for what it finds.

    Args:
        infrared_path: A video or parts list; one that cannot be read is not judged here. None: only the depth.
        depth_path: Any source of ``GRAY16_KINDS``.
        depth_offset_seconds: Added to the depth times.
        is_whole: Pair both to their ends.
    """
    start = max(0.0, -depth_offset_seconds)
    window = None if is_whole else Interval(start_seconds=start, end_seconds=start + _LOOKED_AT_SECONDS)
    try:
        with open_gray16(depth_path, window) as depth:
            share, faults, remarks = _look_at_frames(depth)
            if depth.source.num_lacking:
                remarks.append(
                    f"{depth_path.name} lacks {depth.source.num_lacking} depth frames between others; they are "
                    "counted as missing. Copy it again from its source if they should be there."
                )
            try:
                infrared = None if infrared_path is None else probe(infrared_path)
            except VideoError:
                infrared = None
            if infrared is None:
                return DepthCheck(faults=tuple(faults), remarks=tuple(remarks), first_missing_share=share)
            more_faults, more_remarks = _fit(infrared, depth, depth_offset_seconds, is_whole=is_whole)
    except (VideoError, OSError) as err:
        return DepthCheck(faults=(str(err),))
    return DepthCheck(
        faults=(*faults, *more_faults), remarks=(*remarks, *more_remarks), first_missing_share=share
    )


def _look_at_frames(depth: Gray16Reader) -> tuple[float, list[str], list[str]]:
    """Return the missing share of the first frame, faults and remarks."""
    name = depth.path.name
    if depth.num_frames == 0:
        return math.nan, [], []
    places = np.unique(np.linspace(0, depth.num_frames - 1, _NUM_LOOKED_AT).round().astype(np.int64))
    frames = [frame.picture for frame in depth.frames(places)]
    shares = [missing_share(picture) for picture in frames if picture is not None]
    remarks = list(depth.faults)
    if not shares:
        fault = f"{name} must have depth frames that can be read, but none of {len(places)} can. {depth.faults[0]}"
        return math.nan, [fault], []
    if min(shares) == 1:
        fault = f"{name} must hold depth, but {len(shares)} frames of it are all zero. Export it again."
        return 1.0, [fault], remarks
    first = math.nan if frames[0] is None else shares[0]
    if first == 1:
        remarks.append(
            f"{name}: the first frame must hold depth, but is all zero. An event that begins there cannot be "
            "cropped by depth; let it begin later, or crop it by hand."
        )
    elif first > _MOST_MISSING:
        remarks.append(
            f"{name}: {100 * first:.0f} % of the first frame has no depth; crops of events that begin there are "
            "doubtful. Look at them, or check that the camera stood within its range."
        )
    return first, [], remarks


def _fit(
    infrared: VideoInfo, depth: Gray16Reader, offset_seconds: float, *, is_whole: bool
) -> tuple[list[str], list[str]]:
    """Return faults and remarks of depth and infrared together."""
    remarks: list[str] = []
    name, depth_name = infrared.path.name, depth.path.name
    if not infrared.pixel_format.startswith("gray16"):
        remarks.append(
            f"{name} must hold 16-bit gray pictures (gray16le) to be used with depth, got {infrared.pixel_format}. "
            "Export the infrared stream with 16 bits; without depth it can be used as it is."
        )
    try:
        check_sizes(name, (infrared.width, infrared.height), depth_name, depth.size)
    except VideoError as err:
        return [str(err)], remarks
    if _first_is_black(infrared):
        remarks.append(
            f"{name}: the first frame is black; an event that begins there gets no box. Let it begin later."
        )
    end, depth_end = infrared.duration_seconds, depth.source.duration_seconds + offset_seconds
    if (math.isfinite(depth_end) and depth_end <= 0) or (math.isfinite(end) and offset_seconds >= end):
        fault = (
            f"{depth_name} must overlap {name} in time, but with depth_offset_seconds {offset_seconds:g} it lasts "
            f"from {offset_seconds:.2f} to {depth_end:.2f} s, the infrared from 0 to {end:.2f} s. Correct the offset."
        )
        return [fault], remarks
    shared = min(end, depth_end) - max(0.0, offset_seconds)
    if not is_whole and math.isfinite(shared) and shared < end / 2:
        remarks.append(
            f"{depth_name} must give depth for most infrared frames, but lasts over {shared:.2f} of {end:.2f} s. "
            "Frames without depth are counted as missing; copy it again from its source if it was cut off."
        )
    start = max(0.0, offset_seconds)
    window = None if is_whole else Interval(start_seconds=start, end_seconds=start + _LOOKED_AT_SECONDS)
    times = index_packets(infrared.path, window).pts_seconds
    if times.size and infrared.frame_seconds > 0:
        half = infrared.frame_seconds / 2
        pairing = pair_streams(
            times, depth.times_seconds, offset_seconds=offset_seconds, half_frame_seconds=half
        )
        remarks += pairing_remarks(pairing, depth_name)
    return [], remarks


def _first_is_black(infrared: VideoInfo) -> bool:
    pixel_format = "gray16le" if infrared.pixel_format.startswith("gray16") else "rgb24"
    with open_reader(infrared.path, pixel_format=pixel_format) as reader:
        picture = next(reader.read(np.zeros(1))).picture
    return picture is not None and not picture.any()
