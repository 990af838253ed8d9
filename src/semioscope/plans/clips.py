"""Which clips exist: pure arithmetic on a grid of frames, made before anything is decoded.

```
grid frame   0   1   2   3   4   5   6   7   8   9  10  11       frame g is shown at g / fps
clip 0      [0   1   2   3   4   5   6   7]                      frames_per_clip = 8
clip 1                      [4   5   6   7   8   9  10  11]      stride = 4: clip c starts at frame c * stride
```
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval

TIME_TOLERANCE_SECONDS = 1e-6
"""Times that are closer are the same: annotations are decimal fractions, frame times multiples of 1/fps."""

Anchor = Literal["recording", "event"]


class ClipPlan(Config):
    """Which clips exist in a recording. Methods: GESTURES 2021; as in the paper with ``stride=1``."""

    fps: float = Field(default=15.0, gt=0, allow_inf_nan=False)
    """Frame rate of the grid, in frames per second. A grid frame shows the newest picture of the video."""
    frames_per_clip: int = Field(default=8, ge=1)
    """Frames that a backbone sees at once."""
    stride: int = Field(default=4, ge=1)
    """Frames between the starts of neighbouring clips. The paper uses 1; 4 needs a quarter of the clips."""
    anchor: Anchor = "recording"
    """Where grid frame 0 is: at the recording's first frame (events share clips) or at the event's onset."""

    @property
    def clip_seconds(self) -> float:
        """Length of a clip in seconds: each of its frames lasts 1/fps."""
        return self.frames_per_clip / self.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRange:
    """The clips of one event, as numbers.

    Args:
        first_frame: First grid frame at or after the onset.
        num_frames: Grid frames inside the event; K in the paper.
        first_clip: Index of the first clip that lies wholly inside.
        num_clips: Clips that lie wholly inside; 0 if the event is shorter than a clip.
        phase: Start of the first clip in frames from ``first_frame``, in [0, stride).
    """

    first_frame: int
    num_frames: int
    first_clip: int
    num_clips: int
    phase: int

    @property
    def clip_index(self) -> Int[np.ndarray, " num_clips"]:
        """Indices of the clips, ascending and without gaps."""
        return np.arange(self.first_clip, self.first_clip + self.num_clips, dtype=np.int64)


def clip_range(plan: ClipPlan, interval: Interval) -> ClipRange:
    """Return the frames and clips that lie wholly inside an event.

    A frame lies inside when it is shown at or after the start and before the end of the half-open interval;
    a clip lies inside when all its frames do. Times are compared with a tolerance of 1e-6 s, so a frame that
    is shown exactly at the end is outside whatever the rounding.

    Args:
        plan: The clip plan.
        interval: The event, in seconds from the recording's first displayed frame.
    """
    origin = interval.start_seconds if plan.anchor == "event" else 0.0
    first_frame = _first_frame_from(interval.start_seconds - origin, plan.fps)
    end_frame = _first_frame_from(interval.end_seconds - origin, plan.fps)
    first_clip = -(-first_frame // plan.stride)
    last_clip = (end_frame - plan.frames_per_clip) // plan.stride
    return ClipRange(
        first_frame=first_frame,
        num_frames=max(0, end_frame - first_frame),
        first_clip=first_clip,
        num_clips=max(0, last_clip - first_clip + 1),
        phase=first_clip * plan.stride - first_frame,
    )


def clips_in(plan: ClipPlan, interval: Interval) -> Int[np.ndarray, " num_clips"]:
    """Return the indices of all clips that lie wholly inside a half-open interval; ascending, possibly none.

    Args:
        plan: The clip plan.
        interval: The event, in seconds from the recording's first displayed frame.

    Examples:
        >>> clips_in(ClipPlan(), Interval(start_seconds=1.0, end_seconds=2.0))
        array([4, 5])
    """
    return clip_range(plan, interval).clip_index


def clip_start_seconds(
    plan: ClipPlan, clip_index: Int[np.ndarray, " num_clips"], *, event_start_seconds: float = 0.0
) -> Float[np.ndarray, " num_clips"]:
    """Return when clips start, in seconds from the recording's first displayed frame.

    Args:
        plan: The clip plan.
        clip_index: Indices of clips.
        event_start_seconds: Onset of the event; counts only when the plan is anchored at the event.
    """
    return _origin(plan, event_start_seconds) + clip_index * plan.stride / plan.fps


def clip_centre_seconds(
    plan: ClipPlan, clip_index: Int[np.ndarray, " num_clips"], *, event_start_seconds: float = 0.0
) -> Float[np.ndarray, " num_clips"]:
    """Return the centres of clips: their start and half of ``clip_seconds``.

    Args:
        plan: The clip plan.
        clip_index: Indices of clips.
        event_start_seconds: Onset of the event; counts only when the plan is anchored at the event.
    """
    start = clip_start_seconds(plan, clip_index, event_start_seconds=event_start_seconds)
    return start + plan.clip_seconds / 2


def frame_times(
    plan: ClipPlan, clip_index: Int[np.ndarray, " num_clips"], *, event_start_seconds: float = 0.0
) -> Float[np.ndarray, "num_clips frames_per_clip"]:
    """Return when the frames of clips are shown, in seconds from the recording's first displayed frame.

    Frames that clips share have bit-identical times.

    Args:
        plan: The clip plan.
        clip_index: Indices of clips.
        event_start_seconds: Onset of the event; counts only when the plan is anchored at the event.
    """
    grid_frame = clip_index[:, None] * plan.stride + np.arange(plan.frames_per_clip)
    return _origin(plan, event_start_seconds) + grid_frame / plan.fps


def clip_start_frames(
    plan: ClipPlan, clip_index: Int[np.ndarray, " num_clips"], interval: Interval
) -> Int[np.ndarray, " num_clips"]:
    """Return where clips start inside an event, in grid frames from the event's first frame.

    Args:
        plan: The clip plan.
        clip_index: Indices of clips, usually those of :func:`clips_in` that could be computed.
        interval: The event, in seconds from the recording's first displayed frame.
    """
    return clip_index * plan.stride - clip_range(plan, interval).first_frame


def centred_clips(
    plan: ClipPlan, interval: Interval, *, segment_frames: int = 32
) -> Int[np.ndarray, " num_complete_segments"]:
    """Return one clip per complete segment of an event: the clip in the middle of the segment.

    The event is cut into complete stretches of ``segment_frames`` frames from its first frame; a rest is
    dropped. Every backbone has as many clips as there are stretches, however long its clips are.

    Args:
        plan: The clip plan.
        interval: The event, in seconds from the recording's first displayed frame.
        segment_frames: Frames of a segment; at least ``frames_per_clip``.

    Returns:
        Indices of clips. With ``stride=1`` a clip starts ``(segment_frames - frames_per_clip) // 2`` frames
        after its segment, and its index is its start frame. With another stride it is the clip inside the
        event that starts nearest to that (the earlier of two).

    Raises:
        ConfigError: If the segment is shorter than a clip.

    References:
        Methods: GESTURES 2021, section 3.1 (Table 1); as in the paper with ``stride=1``.
    """
    offset = _offset_in_segment(plan, segment_frames)
    clips = clip_range(plan, interval)
    if clips.num_clips == 0:
        return np.zeros(0, dtype=np.int64)
    segment = np.arange(clips.num_frames // segment_frames, dtype=np.int64)
    return _nearest_clips(plan, clips, segment * segment_frames + offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowClips:
    """The clips of one event that are scored one after the other, as a window that slides over it.

    Args:
        clip_index: Indices of clips, ascending, none twice.
        window_number: Which moment of the event each of them stands for, ascending, none twice. Equal numbers
            mean the same moment in every view of an event.
    """

    clip_index: Int[np.ndarray, " num_windows"]
    window_number: Int[np.ndarray, " num_windows"]


def window_clips(
    plan: ClipPlan, interval: Interval, *, segment_frames: int = 32, window_stride: int = 32
) -> WindowClips:
    """Return the clips of a window that slides over an event in steps of ``window_stride`` frames.

    The window stands where :func:`centred_clips` are: the first start is their place in a segment modulo
    ``window_stride``, counted from the event's first frame. So with ``window_stride = segment_frames`` those
    of complete segments are the centred clips, and clips of any length have their centres at the same times
    (half a frame apart where one length is odd).

    Args:
        plan: The clip plan.
        interval: The event, in seconds from the recording's first displayed frame.
        segment_frames: Frames of a segment; at least ``frames_per_clip``.
        window_stride: Frames between neighbouring windows, at least 1. 1 gives every clip.

    Returns:
        Windows that lie wholly inside the event. With ``stride=1`` they are clips; with another stride each is
        the clip inside the event that starts nearest to it (the earlier of two), and none comes twice.

    Raises:
        ConfigError: If the segment is shorter than a clip, or the step below 1.

    References:
        Methods: GESTURES 2021, Table 1; as in the paper with ``stride=1`` and ``window_stride=1``.
    """
    if window_stride < 1:
        msg = f"window_stride must be at least 1 frame, got {window_stride}. Use 1 to score every clip."
        raise ConfigError(msg)
    offset = _offset_in_segment(plan, segment_frames) % window_stride
    clips = clip_range(plan, interval)
    last_start = clips.num_frames - plan.frames_per_clip if clips.num_clips else -1
    wanted = np.arange(offset, last_start + 1, window_stride, dtype=np.int64)
    nearest = _nearest_clips(plan, clips, wanted)
    starts = nearest * plan.stride - clips.first_frame
    order = np.lexsort((np.abs(starts - wanted), nearest))
    clip_index, first = np.unique(nearest[order], return_index=True)
    # Where clips are rarer than windows, or as rare, the grid of clips tells the moments apart.
    sparse = window_stride <= plan.stride
    number = starts[order[first]] // plan.stride if sparse else order[first]
    return WindowClips(clip_index=clip_index, window_number=number.astype(np.int64))


def _offset_in_segment(plan: ClipPlan, segment_frames: int) -> int:
    """Return where a clip starts in a segment in whose middle it lies."""
    if segment_frames < plan.frames_per_clip:
        msg = (
            f"segment_frames must be at least frames_per_clip ({plan.frames_per_clip}), got {segment_frames}."
            " Use longer segments or a backbone of shorter clips."
        )
        raise ConfigError(msg)
    return (segment_frames - plan.frames_per_clip) // 2


def _nearest_clips(
    plan: ClipPlan, clips: ClipRange, start_frames: Int[np.ndarray, " num_wanted"]
) -> Int[np.ndarray, " num_wanted"]:
    """Return the clips of an event that start nearest to frames of it; the earlier of two."""
    wanted = clips.first_frame + start_frames
    nearest = (2 * wanted + plan.stride - 1) // (2 * plan.stride)
    inside: np.ndarray = np.clip(nearest, clips.first_clip, clips.first_clip + clips.num_clips - 1)
    return inside


def _origin(plan: ClipPlan, event_start_seconds: float) -> float:
    return event_start_seconds if plan.anchor == "event" else 0.0


def _first_frame_from(time_seconds: float, fps: float) -> int:
    """Return the first grid frame that is shown at or after a time."""
    return int(np.ceil((time_seconds - TIME_TOLERANCE_SECONDS) * fps))
