"""How the clips of an event lie: on a grid in time, or as slices among the stored frames of its recording."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int64

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.core.records import EventView
from semioscope.features.clips import EventClips, EventSlices
from semioscope.networks import Backbone
from semioscope.plans import ClipPlan, SlicePlan, clip_start_seconds, frame_times, off_pace, slices_of
from semioscope.video import index_packets, is_gray16, open_gray16, probe
from semioscope.video.stored import span_inside


class SliceGrid(Config):
    """How the store numbers slices of one length: what their key says about the plan."""

    frames: Literal["stored"] = "stored"
    """Frames are counted as they are stored."""
    slice_frames: int
    """Frames of a slice."""
    step: int
    """Slice c begins with frame ``c * step``, counted from the event's first frame."""


KeyPlan: TypeAlias = ClipPlan | SliceGrid
ChooseClips: TypeAlias = Callable[[ClipPlan, Interval], Int64[np.ndarray, " num_clips"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidClips:
    """Clips of one length of a view, which have one key.

    Args:
        plan: What the key says about the plan.
        numbers: The clips as the store numbers them, ascending.
        origin_seconds: Where the numbers begin: the onset, or the time of the event's first stored frame; None: at
            the recording's first frame.
        frame_seconds: When the event's stored frames are shown; None on a grid in time.
    """

    plan: KeyPlan
    numbers: Int64[np.ndarray, " num_clips"]
    origin_seconds: float | None
    frame_seconds: Float[np.ndarray, " num_frames"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All clips of one view of an event.

    Args:
        clip_index: The clips of the plan.
        event_start_seconds: Onset, or the time of the first stored frame.
        parts: The same clips by length; at least one.
        slices: Where they lie, if they are slices; the digests of their keys are not known yet.
    """

    clip_index: Int64[np.ndarray, " num_clips"]
    event_start_seconds: float
    parts: tuple[LaidClips, ...]
    slices: EventSlices | None = None

    @property
    def times_seconds(self) -> tuple[Float[np.ndarray, "_ _"], ...]:
        """When the frames of the clips are shown: per length an array (clips, frames)."""
        return tuple(
            clip_times(
                part.plan,
                part.numbers,
                origin_seconds=part.origin_seconds or 0.0,
                frame_seconds=part.frame_seconds,
            )
            for part in self.parts
            if len(part.numbers)
        )


class FrameTimes:
    """When the stored frames of recordings are shown; each stretch is listed once, nothing is decoded for it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, float, float], Float[np.ndarray, " num_frames"]] = {}

    def inside(self, path: Path, interval: Interval) -> Float[np.ndarray, " num_frames"]:
        """Return the times of the frames that begin inside an interval, half a tick forgiven.

        Raises:
            VideoError: If the recording cannot be read.
        """
        name = (path, interval.start_seconds, interval.end_seconds)
        if name not in self._known:
            self._known[name] = _times_inside(path, interval)
        return self._known[name]


def _times_inside(path: Path, interval: Interval) -> Float[np.ndarray, " num_frames"]:
    if is_gray16(path):
        with open_gray16(path, interval) as reader:
            return reader.times_seconds
    tick = float(probe(path).time_base)
    wider = Interval(
        start_seconds=max(0.0, interval.start_seconds - tick), end_seconds=interval.end_seconds + tick
    )
    times = index_packets(path, wider).pts_seconds
    first, last = span_inside(times, interval, tick)
    return times[first:last]


def grid_layout(
    plan: ClipPlan, view: EventView, path: Path, *, choose: ChooseClips, network: Backbone, times: FrameTimes
) -> Layout:
    """Return the clips of an event on a grid in time: those that ``choose`` names."""
    del path, network, times
    clips = np.unique(choose(plan, view.interval))
    origin = view.onset_seconds if plan.anchor == "event" else None
    return Layout(
        clip_index=clips,
        event_start_seconds=view.onset_seconds,
        parts=(LaidClips(plan=plan, numbers=clips, origin_seconds=origin),),
    )


def slice_layout(
    plan: SlicePlan, view: EventView, path: Path, *, choose: ChooseClips, network: Backbone, times: FrameTimes
) -> Layout:
    """Return the slices of an event: all that its stored frames give.

    Slices are numbered in the store by the greatest step in which the starts of all slices are whole, and half
    slices too: slices that stand at half their length share features with those that stand at their whole length.

    Raises:
        VideoError: If the recording cannot be read.
        ConfigError: If the network takes no slice as short as the plan allows.
    """
    del choose  # a slice is there or not; nothing is drawn
    shortest = plan.min_frames if plan.leftovers else plan.slice_frames
    if shortest < network.min_frames:
        msg = (
            f"Slices for {network.spec.name} must have at least {network.min_frames} frames, but the plan allows "
            f"{shortest}. Set min_frames to {network.min_frames} or more."
        )
        raise ConfigError(msg)
    shown = times.inside(path, view.interval)
    slices = slices_of(len(shown), plan)
    first, count = slices[:, 0], slices[:, 1]
    step = math.gcd(plan.stride, plan.slice_frames, max(1, plan.slice_frames // 2))
    origin = float(shown[0]) if len(shown) else view.onset_seconds
    covered = int((first + count).max(initial=0))
    lengths = dict.fromkeys([plan.slice_frames, *count.tolist()])
    return Layout(
        clip_index=np.arange(len(slices), dtype=np.int64),
        event_start_seconds=origin,
        parts=tuple(
            LaidClips(
                plan=SliceGrid(slice_frames=length, step=step),
                numbers=first[count == length] // step,
                origin_seconds=origin,
                frame_seconds=shown,
            )
            for length in lengths
        ),
        slices=EventSlices(
            first_frame=first,
            num_frames=count,
            step=step,
            keys={},
            start_seconds=shown[first],
            end_seconds=np.minimum(frame_ends(shown)[first + count - 1], view.offset_seconds),
            is_off_pace=off_pace(shown, slices, plan),
            num_event_frames=len(shown),
            num_dropped_frames=len(shown) - covered,
            num_steps=network.num_steps(plan.slice_frames),
        ),
    )


def frame_ends(times_seconds: Float[np.ndarray, " num_frames"]) -> Float[np.ndarray, " num_frames"]:
    """Return when each frame is over: with the next one, but no longer after it began than frames usually are apart.

    So a gap belongs to no frame, and the last frame ends as the others do. A frame alone has no length.

    Args:
        times_seconds: When the frames are shown, ascending.
    """
    apart = np.diff(times_seconds)
    usual = float(np.median(apart)) if len(apart) else 0.0
    ends: Float[np.ndarray, " num_frames"] = times_seconds + usual
    ends[:-1] = np.minimum(ends[:-1], times_seconds[1:])
    return ends


CLIP_KINDS: dict[type[Config], Callable[..., Layout]] = {ClipPlan: grid_layout, SlicePlan: slice_layout}
"""How the clips of every kind of plan lie."""


def clip_times(
    plan: KeyPlan,
    numbers: Int64[np.ndarray, " num_clips"],
    *,
    origin_seconds: float = 0.0,
    frame_seconds: Float[np.ndarray, " num_frames"] | None = None,
) -> Float[np.ndarray, "num_clips frames_per_clip"]:
    """Return when the frames of clips are shown, in seconds from the recording's first displayed frame.

    Args:
        plan: What the key says about the plan.
        numbers: The clips as the store numbers them.
        origin_seconds: As in :class:`LaidClips`; None there is 0 here.
        frame_seconds: As in :class:`LaidClips`.
    """
    if isinstance(plan, SliceGrid):
        assert frame_seconds is not None
        places = (numbers * plan.step)[:, None] + np.arange(plan.slice_frames)
        stored: Float[np.ndarray, "num_clips frames_per_clip"] = frame_seconds[places]
        return stored
    return frame_times(plan, numbers, event_start_seconds=origin_seconds)


def plan_fps(plan: ClipPlan | SlicePlan) -> float:
    """Return how many frames of a clip there are per second: of the grid, or of a camera that keeps its pace."""
    return plan.fps if isinstance(plan, ClipPlan) else plan.slice_frames / plan.seconds


def clip_seconds(plan: ClipPlan | SlicePlan) -> float:
    """Return how long a clip lasts; of slices, a full one of a camera that keeps its pace."""
    return plan.clip_seconds if isinstance(plan, ClipPlan) else plan.seconds


def clip_ends(
    plan: ClipPlan | SlicePlan, clips: EventClips, numbers: Int64[np.ndarray, " num_clips"]
) -> Float[np.ndarray, " num_clips"]:
    """Return when clips end: of a grid, start and length; of slices, by the time stamps of their frames.

    Args:
        plan: The plan.
        clips: The ``EventClips`` that they belong to.
        numbers: Their numbers in the plan.
    """
    if clips.slices is not None:
        ends: Float[np.ndarray, " num_clips"] = clips.slices.end_seconds[numbers]
        return ends
    return clip_starts(plan, clips, numbers) + clip_seconds(plan)


def clip_starts(
    plan: ClipPlan | SlicePlan, clips: EventClips, numbers: Int64[np.ndarray, " num_clips"]
) -> Float[np.ndarray, " num_clips"]:
    """Return when clips start, in seconds from the recording's first displayed frame.

    Args:
        plan: The plan.
        clips: The ``EventClips`` that they belong to.
        numbers: Their numbers in the plan.
    """
    if clips.slices is not None:
        starts: Float[np.ndarray, " num_clips"] = clips.slices.start_seconds[numbers]
        return starts
    assert isinstance(plan, ClipPlan)
    return clip_start_seconds(plan, numbers, event_start_seconds=clips.event_start_seconds)
