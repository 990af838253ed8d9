"""Before anything is trained: whether every view is long enough for its segments, where a short one is an error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError
from semioscope.core.formats import SEIZURES
from semioscope.core.records import Event
from semioscope.features.imported_plan import any_video
from semioscope.plans import ClipPlan, ClipRange, SegmentPlan, clip_range, segment_bounds

_OR_DISCARD = (
    " (or whole seizures with Discard Yes in the csv of the feature set, imported into a new folder)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    event_id: str
    view: str
    seconds: float
    span: ClipRange


def check_whole_segments(
    events: Sequence[Event],
    clips: ClipPlan,
    segments: SegmentPlan,
    *,
    cohort: Cohort,
    in_study: bool = False,
) -> None:
    """Refuse views with a segment that holds no whole clip, where the settings call that an error.

    Only what the tables say is known here. A clip that turns out to lack frames is met by the trainings. A view
    without any clip is left out and told as a failure, so it is not looked at.

    Args:
        events: Their views are checked; those not to be used are not.
        clips: Which clips exist.
        segments: How many segments, and whether a short one is an error.
        cohort: Theirs; names the views, and the message says where it lies.
        in_study: Whether the number of segments is set by a grid; the message names the key.

    Raises:
        ConfigError: Naming the shortest view, how many others are too short, and what to do.
    """
    if segments.short != "error":
        return
    planned = [
        _Planned(
            event_id=event.event_id,
            view=cohort.recordings[view.recording_id].view,
            seconds=view.duration_seconds,
            span=clip_range(clips, view.interval),
        )
        for event in events
        for view in event.views
        if view.use != "no"
    ]
    planned = [one for one in planned if one.span.num_clips]
    short = _short(planned, clips, segments.num_segments)
    if not short:
        return
    worst = min(short, key=lambda one: (one.span.num_frames, one.event_id, one.view))
    more = len(short) - 1
    others = f" {more} more view{'s are' if more > 1 else ' is'} too short for it." if more else ""
    fitting = next(n for n in range(segments.num_segments - 1, 0, -1) if not _short(planned, clips, n))
    is_imported = not any_video(cohort, events)
    key = f"grid.num_segments=[{fitting}]" if in_study else f"segments.num_segments={fitting}"
    msg = (
        f"With segments.short error each of {segments.num_segments} segments must hold a whole clip of "
        f"{clips.frames_per_clip} frames, but seizure {worst.event_id}, view {worst.view}, has "
        f"{worst.span.num_clips} clips in {worst.span.num_frames} frames ({worst.seconds:.1f} s).{others} Use "
        f"{fitting} segments (--set {key}), or mark such views with use no in {cohort.folder / SEIZURES.file}"
        f"{_OR_DISCARD if is_imported else ''}."
    )
    raise ConfigError(msg)


def _short(planned: Sequence[_Planned], clips: ClipPlan, num_segments: int) -> list[_Planned]:
    """Return the views with a segment in which no clip lies wholly."""
    if not planned:
        return []
    bounds = segment_bounds(
        np.array([one.span.num_frames for one in planned], dtype=np.int64),
        num_segments=num_segments,
        frames_per_clip=clips.frames_per_clip,
        stride=clips.stride,
        phase=np.array([one.span.phase for one in planned], dtype=np.int64),
    )
    return [one for one, number in zip(planned, bounds.num_short, strict=True) if number]
