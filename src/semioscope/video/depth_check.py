"""Tells what is wrong with the depth of a recording before anything is computed from it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semioscope.core.errors import VideoError
from semioscope.video.depth import Pairing, pair_streams
from semioscope.video.gray16 import Gray16Reader, gray16_kind, open_gray16
from semioscope.video.gray_check import check_frames, looked_at
from semioscope.video.index import index_packets
from semioscope.video.paired import MOST_UNPAIRED, check_sizes, open_stream, pairing_remarks
from semioscope.video.probe import VideoInfo, probe
from semioscope.video.promise import is_clearly_beyond
from semioscope.video.readers import open_reader

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

    Looked at are sizes, bits, lengths, frame rates, the first frames, 5 depth frames, and the pairing of the first
    minute that both show. It never raises for what it finds.

    Args:
        infrared_path: Any recording; one that cannot be read is not judged here. None: only the depth.
        depth_path: Any source of ``GRAY16_KINDS``.
        depth_offset_seconds: Added to the depth times.
        is_whole: Pair both to their ends, and read every picture of a folder.
    """
    start = max(0.0, -depth_offset_seconds)
    try:
        with open_stream(depth_path, "depth", looked_at(depth_path, start, is_whole=is_whole)) as depth:
            found = check_frames(depth, "depth", is_whole=is_whole)
            share = found.first_zero_share
            faults, remarks = [*found.faults], [*found.remarks, *_cut_off(depth_path)]
            if not faults:
                remarks += _first_frame(depth.path.name, share)
            try:
                infrared = None if infrared_path is None else probe(infrared_path)
            except VideoError:
                infrared = None
            if infrared is not None:
                more_faults, more_remarks = _fit(infrared, depth, depth_offset_seconds, is_whole=is_whole)
                faults, remarks = [*faults, *more_faults], [*remarks, *more_remarks]
    except (VideoError, OSError) as err:
        return DepthCheck(faults=(str(err),))
    return DepthCheck(faults=tuple(faults), remarks=tuple(remarks), first_missing_share=share)


def _cut_off(depth_path: Path) -> list[str]:
    if gray16_kind(depth_path) != "video":
        return []
    info = probe(depth_path)
    if not info.is_cut_off:
        return []
    return [
        f"{depth_path.name} ends at {info.duration_seconds:.2f} s, but its header promises "
        f"{info.header_duration_seconds:.2f} s: it was cut off. Copy it again from its source."
    ]


def _first_frame(name: str, missing_share: float) -> list[str]:
    if missing_share == 1:
        return [
            f"{name}: the first frame must hold depth, but is all zero. An event that begins there cannot be "
            "cropped by depth; let it begin later, or crop it by hand."
        ]
    if missing_share > _MOST_MISSING:
        return [
            f"{name}: {100 * missing_share:.0f} % of the first frame has no depth; crops of events that begin there "
            "are doubtful. Look at them, or check that the camera stood within its range."
        ]
    return []


def _fit(
    infrared: VideoInfo, depth: Gray16Reader, offset_seconds: float, *, is_whole: bool
) -> tuple[list[str], list[str]]:
    """Return faults and remarks of depth and infrared together."""
    remarks: list[str] = []
    name, depth_name = infrared.path.name, depth.path.name
    if not infrared.is_gray16:
        remarks.append(
            f"Infrared: {name} must hold 16-bit gray pictures (gray16le) to be used with depth, got "
            f"{infrared.pixels}. Export the infrared again with 16 bits; without depth (the cropper box) it can be "
            "used as it is."
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
    begin, last = max(0.0, offset_seconds), min(end, depth_end)
    if is_clearly_beyond(end, last - begin):
        remarks.append(
            f"{depth_name} must run as long as {name}, but gives depth from {begin:.2f} to {last:.2f} s of its "
            f"{end:.2f} s. Events outside keep their raw picture and are flagged. Copy the depth again from its "
            "source if it was cut off, or correct depth_offset_seconds."
        )
    window = looked_at(infrared.path, begin, is_whole=is_whole)
    times = index_packets(infrared.path, window).pts_seconds
    times = times[(times >= begin) & ~(times >= last)]  # a length may not be known
    if times.size and infrared.frame_seconds > 0:
        remarks += _pairing(infrared, depth, times, offset_seconds)
    return [], remarks


def _pairing(
    infrared: VideoInfo, depth: Gray16Reader, times: np.ndarray, offset_seconds: float
) -> tuple[str, ...]:
    """Return what to know of how the frames that both streams show pair."""

    def paired(offset: float) -> Pairing:
        half = infrared.frame_seconds / 2
        return pair_streams(times, depth.times_seconds, offset_seconds=offset, half_frame_seconds=half)

    pairing = paired(offset_seconds)
    said = pairing_remarks(
        pairing,
        depth.path.name,
        infrared_seconds=infrared.frame_seconds,
        depth_seconds=depth.source.frame_seconds,
    )
    better = round(offset_seconds - _shift(times, depth.times_seconds + offset_seconds), 4) + 0.0
    if said and not paired(better).unpaired_share > MOST_UNPAIRED:
        return (*said[:-1], f"{said[-1]} With depth_offset_seconds {better:g} nearly every frame has one.")
    return said


def _shift(times: np.ndarray, depth_times: np.ndarray) -> float:
    """Return how much later the depth frame after an infrared frame usually is; 0 where there is none."""
    after = np.searchsorted(depth_times, times)
    there = after < depth_times.size
    return float(np.median(depth_times[after[there]] - times[there])) if there.any() else 0.0


def _first_is_black(infrared: VideoInfo) -> bool:
    if gray16_kind(infrared.path) == "video":
        pixel_format = "gray16le" if infrared.is_gray16 else "rgb24"
        with open_reader(infrared.path, pixel_format=pixel_format) as reader:
            picture = next(reader.read(np.zeros(1))).picture
    else:
        with open_gray16(infrared.path) as stored:
            picture = next(stored.frames(np.zeros(1, np.int64))).picture
    return picture is not None and not picture.any()
