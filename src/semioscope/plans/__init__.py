"""Plans: which clips exist and which are drawn. Numbers only; nothing here reads a file."""

from semioscope.plans.blocks import CLIPS_PER_BLOCK, blocks_of
from semioscope.plans.clips import (
    ClipPlan,
    ClipRange,
    WindowClips,
    centred_clips,
    clip_centre_seconds,
    clip_range,
    clip_start_frames,
    clip_start_seconds,
    clips_in,
    frame_times,
    window_clips,
)
from semioscope.plans.labels import clip_labels
from semioscope.plans.segments import (
    SegmentBounds,
    SegmentPlan,
    beta_density,
    bounds_of_clips,
    check_gamma,
    draw_positions,
    segment_bounds,
)

__all__ = [
    "CLIPS_PER_BLOCK",
    "ClipPlan",
    "ClipRange",
    "SegmentBounds",
    "SegmentPlan",
    "WindowClips",
    "beta_density",
    "blocks_of",
    "bounds_of_clips",
    "centred_clips",
    "check_gamma",
    "clip_centre_seconds",
    "clip_labels",
    "clip_range",
    "clip_start_frames",
    "clip_start_seconds",
    "clips_in",
    "draw_positions",
    "frame_times",
    "segment_bounds",
    "window_clips",
]
