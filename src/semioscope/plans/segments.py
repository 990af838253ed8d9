"""Temporal segment network: an event is cut into n equal parts and one clip is drawn from each.

Drawing has two steps. The bounds (which clips lie inside each segment) depend on the data only and are
computed once. The positions are drawn from the bounds for all examples at once, afresh in every epoch.

```
event      |0 1 2 3 4 5 6 7 8 9|10 11 12 13 14 15 16 17 18 19|   K = 20 frames, n = 2
clips of 8  a-------------b
              a-------------b                                    starts 0..2 lie inside the first segment
                a-------------b                                  first = 0, last = 2
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.wording import counted

Short = Literal["centre", "error"]


class SegmentPlan(Config):
    """How clips are drawn from an event. Methods: GESTURES 2021, section 2.4; as in the paper."""

    sampler: ClassVar[str] = "segments"
    """Its entry in ``semioscope.training.SAMPLERS``."""

    num_segments: int = Field(default=16, ge=1, le=10_000)
    """Equal, non-overlapping parts of an event; one clip is drawn from each."""
    gamma: float = Field(default=4.0, ge=1)
    """Both parameters of the Beta density of a clip's place in its segment: 1 anywhere, .inf middle."""
    short: Short = "centre"
    """A segment that holds no whole clip: ``centre`` takes that nearest to its middle, ``error`` refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBounds:
    """Which clips may be drawn; positions count the available clips of an example from 0.

    Args:
        first: First position of each segment.
        last: Last position, included; at least ``first``.
        num_short: Segments of each example in which no clip lies wholly, so that the nearest one is taken.
        num_overlap_frames: Frames that the middle clips of neighbouring segments share; 0 unless segments
            are short.
    """

    first: Int[np.ndarray, "num_examples num_segments"]
    last: Int[np.ndarray, "num_examples num_segments"]
    num_short: Int[np.ndarray, " num_examples"]
    num_overlap_frames: Int[np.ndarray, " num_examples"]


def segment_bounds(
    num_frames: Int[np.ndarray, " num_examples"],
    *,
    num_segments: int,
    frames_per_clip: int,
    stride: int = 1,
    phase: Int[np.ndarray, " num_examples"] | None = None,
    short: Short = "centre",
    names: Sequence[str] | None = None,
) -> SegmentBounds:
    """Return which clips lie in the segments of events whose clips stand on a regular grid.

    The clip at position p starts at frame ``phase + p * stride`` of its event; all that end inside exist.
    The K frames are cut as :func:`numpy.array_split` cuts, and a clip lies wholly inside its segment: its
    start is in ``[first, last - frames_per_clip + 1]``.

    Args:
        num_frames: Frames of each event (K).
        num_segments: Segments per event (n).
        frames_per_clip: Length of a clip in frames (l).
        stride: Frames between the starts of neighbouring clips.
        phase: Frame at which the first clip of each event starts; None means 0.
        short: What happens to a segment in which no clip lies wholly. ``centre``: the clip nearest to the
            middle of the segment is taken (the earlier of two), wherever it lies in the event, and counted.
            ``error``: refused.
        names: Names of the examples, for messages.

    Raises:
        ConfigError: If an event is shorter than a clip, or a segment is short under ``error``.

    References:
        Methods: GESTURES 2021, section 2.4; as in the paper with ``stride=1``. The paper draws start frames;
        with another stride the same rule draws among the clips that exist.

    Examples:
        >>> segment_bounds(np.array([20]), num_segments=2, frames_per_clip=8).last
        array([[ 2, 12]])
    """
    starts_at = np.zeros_like(num_frames) if phase is None else phase
    num_clips = np.maximum(0, (num_frames - frames_per_clip - starts_at) // stride + 1)
    offsets = np.concatenate([[0], np.cumsum(num_clips)])
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], num_clips)
    return bounds_of_clips(
        position * stride + np.repeat(starts_at, num_clips),
        offsets,
        num_frames,
        num_segments=num_segments,
        frames_per_clip=frames_per_clip,
        short=short,
        names=names,
    )


def bounds_of_clips(
    start_frames: Int[np.ndarray, " total_clips"],
    offsets: Int[np.ndarray, " num_examples_plus_1"],
    num_frames: Int[np.ndarray, " num_examples"],
    *,
    num_segments: int,
    frames_per_clip: int,
    short: Short = "centre",
    names: Sequence[str] | None = None,
) -> SegmentBounds:
    """Return which clips lie in the segments of events whose available clips are listed; gaps are allowed.

    As :func:`segment_bounds`, for clips of which some are missing (a damaged stretch of video).

    Args:
        start_frames: Start of every available clip in frames of its event, ascending within each example.
        offsets: The clips of example i are ``offsets[i]:offsets[i + 1]``.
        num_frames: Frames of each event (K).
        num_segments: Segments per event (n).
        frames_per_clip: Length of a clip in frames (l).
        short: See :func:`segment_bounds`.
        names: Names of the examples, for messages.

    Raises:
        ConfigError: If an event has no clip, or a segment is short under ``error``.
    """
    num_clips = np.diff(offsets)
    _check_events(num_clips, num_frames, frames_per_clip, names)
    # One sorted line of numbers for all examples: each example's frames are moved behind those before it.
    room = int(num_frames.max(initial=0)) + frames_per_clip + 2
    shift = np.arange(num_frames.size, dtype=np.int64)[:, None] * room
    line = start_frames + np.repeat(shift[:, 0], num_clips)

    frame_from, frame_to = _segment_edges(num_frames, num_segments)
    first = np.searchsorted(line, shift + frame_from, side="left")
    last = np.searchsorted(line, shift + np.maximum(frame_to - frames_per_clip, -1), side="right") - 1
    is_short = last < first
    if short == "error" and is_short.any():
        raise ConfigError(_short_message(is_short, num_frames, num_segments, frames_per_clip, names))

    latest = (num_frames - frames_per_clip)[:, None]
    middle = _round((frame_from + frame_to - frames_per_clip) / 2)
    nearest = _nearest(line, offsets, shift + np.clip(middle, 0, latest))
    first, last = np.where(is_short, nearest, first), np.where(is_short, nearest, last)
    chosen = start_frames[_round((first + last) / 2)]
    shared = np.maximum(0, frames_per_clip - np.diff(chosen, axis=1)).sum(axis=1)
    return SegmentBounds(
        first=first - offsets[:-1, None],
        last=last - offsets[:-1, None],
        num_short=is_short.sum(axis=1),
        num_overlap_frames=shared.astype(np.int64),
    )


def draw_positions(
    bounds: SegmentBounds, *, gamma: float, rng: np.random.Generator | None
) -> Int[np.ndarray, "num_examples num_segments"]:
    """Draw one position per segment, for all examples at once.

    Args:
        bounds: Positions that may be drawn.
        gamma: 1: each position is equally likely. Finite and above 1: ``first + Beta(gamma, gamma) * (last -
            first)``, rounded half to even. Infinite: ``(first + last) / 2``, rounded half to even.
        rng: Random stream; not used, and may be None, when gamma is infinite.

    Raises:
        ConfigError: If gamma is below 1, or finite without a random stream.

    References:
        Methods: GESTURES 2021, section 2.4; as in the paper.
    """
    check_gamma(gamma)
    if np.isinf(gamma):
        return _round((bounds.first + bounds.last) / 2)
    if rng is None:
        msg = f"A finite gamma needs a random stream, got gamma {gamma:g} and none. Pass rng, or gamma inf."
        raise ConfigError(msg)
    if gamma == 1:
        return rng.integers(bounds.first, bounds.last, endpoint=True)
    place = rng.beta(gamma, gamma, size=bounds.first.shape)
    return _round(bounds.first + place * (bounds.last - bounds.first))


def beta_density(gamma: float, x: Float[np.ndarray, " num_points"]) -> Float[np.ndarray, " num_points"]:
    """Return the density of a clip's place in its segment: Beta(gamma, gamma) at points of [0, 1].

    For an infinite gamma the density is infinite at 0.5 and 0 elsewhere. The paper's figure 1b.

    Args:
        gamma: At least 1.
        x: Places in the segment, from 0 (first clip) to 1 (last clip).

    Raises:
        ConfigError: If gamma is below 1.
    """
    check_gamma(gamma)
    if np.isinf(gamma):
        return np.where(x == 0.5, np.inf, 0.0)
    from scipy.stats import beta

    return np.asarray(beta.pdf(x, gamma, gamma), dtype=np.float64)


def check_gamma(gamma: float) -> None:
    """Refuse a gamma that is not a number of at least 1 or infinite.

    Raises:
        ConfigError: If it is not.
    """
    if not gamma >= 1:
        msg = f"gamma must be at least 1, or infinite (.inf in YAML), got {gamma}. Use 1 to draw evenly."
        raise ConfigError(msg)


def _round(value: Float[np.ndarray, "*shape"]) -> Int[np.ndarray, "*shape"]:
    """Round half to even, as the paper's code does."""
    whole: np.ndarray = np.rint(value).astype(np.int64)
    return whole


def _segment_edges(
    num_frames: Int[np.ndarray, " num_examples"], num_segments: int
) -> tuple[Int[np.ndarray, "num_examples num_segments"], Int[np.ndarray, "num_examples num_segments"]]:
    """Return first frame and end frame (excluded) of the parts that numpy.array_split makes."""
    part = np.arange(num_segments + 1)
    size, longer = np.divmod(num_frames[:, None], num_segments)
    edges = part * size + np.minimum(part, longer)
    return edges[:, :-1], edges[:, 1:]


def _nearest(
    line: Int[np.ndarray, " total_clips"],
    offsets: Int[np.ndarray, " num_examples_plus_1"],
    wanted: Int[np.ndarray, "num_examples num_segments"],
) -> Int[np.ndarray, "num_examples num_segments"]:
    """Return the index of the clip of the same example that starts nearest; the earlier of two."""
    lowest, highest = offsets[:-1, None], offsets[1:, None] - 1
    after = np.clip(np.searchsorted(line, wanted, side="left"), lowest, highest)
    before = np.maximum(after - 1, lowest)
    return np.where(np.abs(wanted - line[before]) <= np.abs(line[after] - wanted), before, after)


def _name(index: int, names: Sequence[str] | None) -> str:
    return f"event {index}" if names is None else names[index]


def _check_events(
    num_clips: Int[np.ndarray, " num_examples"],
    num_frames: Int[np.ndarray, " num_examples"],
    frames_per_clip: int,
    names: Sequence[str] | None,
) -> None:
    empty = np.flatnonzero(num_clips < 1)
    if empty.size:
        worst = int(empty[0])
        more = f" and {empty.size - 1} more" if empty.size > 1 else ""
        msg = (
            f"An event must hold at least one whole clip ({frames_per_clip} frames), but "
            f"{_name(worst, names)} has {num_frames[worst]} frames and no clip that can be used{more}. Leave "
            "it out (raise the minimum duration), or use a smaller stride or shorter clips."
        )
        raise ConfigError(msg)


def _short_message(
    is_short: np.ndarray,
    num_frames: Int[np.ndarray, " num_examples"],
    num_segments: int,
    frames_per_clip: int,
    names: Sequence[str] | None,
) -> str:
    per_event = is_short.sum(axis=1)
    worst = int(np.flatnonzero(per_event)[0])
    return (
        f"Every segment must hold a whole clip of {frames_per_clip} frames, but {_name(worst, names)} has "
        f"{num_frames[worst]} frames in {num_segments} segments, {per_event[worst]} of them too short "
        f"({counted(int(np.count_nonzero(per_event)), 'such event')}). Use fewer segments (--set "
        "segments.num_segments=K, in a study grid.num_segments=[K]), leave short events out, or use a protocol with "
        "segments.short centre."
    )
