"""Reads time stamps without decoding: exact frame counts, key frames, gaps, variable rate."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video.arrays import ArrayFile
from semioscope.video.containers import as_video_error
from semioscope.video.frames import FrameStream, first_frame
from semioscope.video.images import ImageFolder
from semioscope.video.loose import open_loose
from semioscope.video.parts import Part, is_parts_list, read_parts
from semioscope.video.stamps import VideoPacket

_TOLERANCE_SECONDS = 1e-6
_REORDER_SECONDS = 2.0  # how far presentation and decoding order may lie apart


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketIndex:
    """The frames of a recording, or of a span of it, as the container lists them.

    Args:
        pts_seconds: When each frame is shown, ascending, in seconds from the first displayed frame.
        is_key: Whether a frame can be decoded alone.
        is_variable_rate: Whether the distances vary beyond rounding and lost frames.
        gaps: Where at least one frame is lacking: from the end of the frame before to the frame after.
        num_corrupt: Packets that the container marks as damaged.
        num_unordered: Packets without a place of their own in time: a stamp that another frame has, or one
            before the first displayed frame (left over from a recording that was cut).
        used_dts: Whether a presentation time was lacking and the decoding time stands in for it.
    """

    pts_seconds: Float[np.ndarray, " num_frames"]
    is_key: Bool[np.ndarray, " num_frames"]
    is_variable_rate: bool
    gaps: tuple[Interval, ...]
    num_corrupt: int
    num_unordered: int
    used_dts: bool

    @property
    def num_frames(self) -> int:
        """How many frames the index lists."""
        return int(self.pts_seconds.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The usual distance of frames, in ticks (0 when unknown), and whether it varies."""

    step_ticks: float
    is_variable: bool


def index_packets(path: Path, interval: Interval | None = None) -> PacketIndex:
    """Return the index of a recording without decoding more than its first frame.

    Args:
        path: A video file, a parts list, a folder of 16-bit pictures, or a ``.npy`` file.
        interval: Only frames shown inside it; the file is read from the key frame before it to its end.
            None reads the whole file.

    Returns:
        Possibly no frames, when the interval lies behind the end.

    Raises:
        VideoError: If the file is not a video.
    """
    if is_parts_list(path):
        return _index_parts(read_parts(path), interval)
    if (source := open_loose(path)) is not None:
        return _index_loose(source, interval)
    with FrameStream(path) as stream, as_video_error(path, "reading its packets"):
        return _index_stream(stream, interval)


def packet_tick(packet: VideoPacket) -> tuple[int | None, bool]:
    """Return a packet's presentation time in ticks, and whether its decoding time had to stand in."""
    if packet.pts is not None:
        return packet.pts, False
    return packet.dts, True


def rhythm(ticks: Int[np.ndarray, " num_frames"]) -> Rhythm:
    """Return the usual distance of frames, and whether it varies.

    Lost frames make distances that are whole multiples of the usual one; these are no variable rate as long as
    two thirds of the distances are the usual one. More than 1 % of distances that are no multiple (beyond 10 %
    or the rounding of stamps) are.

    Args:
        ticks: Presentation times, ascending.
    """
    steps = np.diff(ticks).astype(float)
    steps = steps[steps > 0]
    if steps.size == 0:
        return Rhythm(step_ticks=0.0, is_variable=False)
    usual = float(np.median(steps))
    regular = steps[np.abs(steps - usual) <= max(1.5, 0.1 * usual)]
    mean = float(regular.mean()) if regular.size else usual
    multiples = np.maximum(1, np.round(steps / mean))
    odd = np.abs(steps - multiples * mean) > np.maximum(1.5, 0.1 * mean)
    num_odd, num_longer = int(odd.sum()), int((multiples > 1).sum())
    varies = num_odd > max(1, 0.01 * steps.size) or num_longer > max(2, steps.size / 3)
    return Rhythm(step_ticks=mean, is_variable=varies)


def _index_stream(stream: FrameStream, interval: Interval | None) -> PacketIndex:
    zero = first_frame(stream).tick
    seconds = float(stream.time_base)
    ticks: list[int] = []
    keys: list[bool] = []
    num_corrupt = num_unordered = 0
    used_dts = False
    first_key: int | None = None
    for packet in _span(stream, zero, interval):
        tick, from_dts = packet_tick(packet)
        num_corrupt += packet.is_corrupt
        if tick is None:
            tick = ticks[-1] + stream.step_ticks if ticks else zero
        if packet.is_discard:
            continue
        used_dts |= from_dts
        if first_key is None and packet.is_keyframe:
            first_key = tick
        ticks.append(tick)
        keys.append(packet.is_keyframe)
    if used_dts and first_key is not None and interval is None:
        zero = first_key
    all_ticks, first_of = np.unique(np.asarray(ticks, dtype=np.int64), return_index=True)
    all_keys = np.asarray(keys, dtype=bool)[first_of]
    shown = all_ticks >= zero
    num_unordered += len(ticks) - int(shown.sum())
    beat = rhythm(all_ticks[shown])
    pts_seconds = (all_ticks[shown] - zero) * seconds
    gaps = _gaps(pts_seconds, beat, seconds)
    is_key = all_keys[shown]
    if interval is not None:
        inside = _is_inside(pts_seconds, interval)
        pts_seconds, is_key = pts_seconds[inside], is_key[inside]
        gaps = [gap for gap in gaps if gap.overlaps(interval)]
    return PacketIndex(
        pts_seconds=pts_seconds,
        is_key=is_key,
        is_variable_rate=beat.is_variable,
        gaps=tuple(gaps),
        num_corrupt=num_corrupt,
        num_unordered=num_unordered,
        used_dts=used_dts,
    )


def _span(stream: FrameStream, zero: int, interval: Interval | None) -> Iterator[VideoPacket]:
    """Yield the packets whose frames may be shown in an interval."""
    if interval is None:
        yield from stream.packets()
        return
    start = zero + round(interval.start_seconds / stream.time_base)
    end = zero + round((interval.end_seconds + _REORDER_SECONDS) / stream.time_base)
    back_seconds = _REORDER_SECONDS
    while True:
        aim: int | None = start - math.ceil(back_seconds / stream.time_base)
        if aim is not None and aim <= zero:
            aim = None
        packets = stream.packets(aim)
        for number, packet in enumerate(packets):
            tick = packet.dts if packet.dts is not None else packet.pts
            if number == 0 and aim is not None and (tick is None or tick > start):
                break  # landed too late: go back further
            if tick is not None and tick >= end:
                return
            yield packet
        else:
            return
        back_seconds *= 2


def _gaps(pts_seconds: Float[np.ndarray, " num_frames"], beat: Rhythm, tick_seconds: float) -> list[Interval]:
    if beat.step_ticks <= 0:
        return []
    usual = beat.step_ticks * tick_seconds
    least = max(4 * usual, 1.0) if beat.is_variable else 1.5 * usual
    found = np.flatnonzero(np.diff(pts_seconds) > least)
    return [
        Interval(start_seconds=float(pts_seconds[at] + usual), end_seconds=float(pts_seconds[at + 1]))
        for at in found
    ]


def _index_loose(source: ImageFolder | ArrayFile, interval: Interval | None) -> PacketIndex:
    """Return the index of a recording without packets: each picture stands for itself."""
    times, tick = source.times_seconds, source.tick_seconds
    beat = rhythm(np.round(times / tick).astype(np.int64))
    gaps = _gaps(times, beat, tick)
    if interval is not None:
        times = times[_is_inside(times, interval)]
        gaps = [gap for gap in gaps if gap.overlaps(interval)]
    return PacketIndex(
        pts_seconds=times,
        is_key=np.ones(times.size, dtype=bool),
        is_variable_rate=beat.is_variable,
        gaps=tuple(gaps),
        num_corrupt=0,
        num_unordered=0,
        used_dts=False,
    )


def _is_inside(
    pts_seconds: Float[np.ndarray, " num_frames"], interval: Interval
) -> Bool[np.ndarray, " num_frames"]:
    start, end = (edge - _TOLERANCE_SECONDS for edge in (interval.start_seconds, interval.end_seconds))
    inside: Bool[np.ndarray, " num_frames"] = (pts_seconds >= start) & (pts_seconds < end)
    return inside


def _index_parts(parts: tuple[Part, ...], interval: Interval | None) -> PacketIndex:
    """Join the indices of the parts; the time between two parts is a gap."""
    joined: list[tuple[float, PacketIndex]] = []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        whole = Interval(
            start_seconds=part.start_seconds,
            end_seconds=following.start_seconds if following else float(2**40),
        )
        wanted = whole if interval is None else whole.intersection(interval)
        if wanted is None:
            continue
        if wanted == whole and following is None:
            index = index_packets(part.path)
        else:
            start = wanted.start_seconds - part.start_seconds
            index = index_packets(
                part.path, Interval(start_seconds=start, end_seconds=wanted.end_seconds - part.start_seconds)
            )
        joined.append((part.start_seconds, index))
    if not joined:
        msg = "An interval of a parts list must begin in one of its parts."
        raise VideoError(msg)
    pts_seconds = np.concatenate([start + index.pts_seconds for start, index in joined])
    gaps = [
        Interval(start_seconds=start + gap.start_seconds, end_seconds=start + gap.end_seconds)
        for start, index in joined
        for gap in index.gaps
    ]
    usual = float(np.median(np.diff(pts_seconds))) if pts_seconds.size > 1 else 0.0
    for (_, before), (start, after) in pairwise(joined):
        if before.num_frames and after.num_frames and usual > 0:
            end = float(pts_seconds[np.searchsorted(pts_seconds, start - usual / 2) - 1]) + usual
            if start - end > 0.5 * usual:
                gaps.append(Interval(start_seconds=end, end_seconds=start))
    return PacketIndex(
        pts_seconds=pts_seconds,
        is_key=np.concatenate([index.is_key for _, index in joined]),
        is_variable_rate=any(index.is_variable_rate for _, index in joined),
        gaps=tuple(sorted(gaps)),
        num_corrupt=sum(index.num_corrupt for _, index in joined),
        num_unordered=sum(index.num_unordered for _, index in joined),
        used_dts=any(index.used_dts for _, index in joined),
    )
