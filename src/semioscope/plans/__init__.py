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
from semioscope.plans.corruption import Corruption, CorruptionPlan, draw_corruption
from semioscope.plans.excerpt_steps import ExcerptStepPlan
from semioscope.plans.excerpts import (
    ExcerptPlan,
    Excerpts,
    contextual_excerpts,
    draw_phase,
    evenly,
    padded,
    seizure_excerpts,
)
from semioscope.plans.labels import clip_labels
from semioscope.plans.parts import IctalPart, IctalParts, nonepileptic_parts
from semioscope.plans.segments import (
    SegmentBounds,
    SegmentPlan,
    beta_density,
    bounds_of_clips,
    check_gamma,
    draw_positions,
    segment_bounds,
)
from semioscope.plans.slices import SlicePlan, off_pace, slices_of
from semioscope.plans.steps import StepPlan

__all__ = [
    "CLIPS_PER_BLOCK",
    "ClipPlan",
    "ClipRange",
    "Corruption",
    "CorruptionPlan",
    "ExcerptPlan",
    "ExcerptStepPlan",
    "Excerpts",
    "IctalPart",
    "IctalParts",
    "SegmentBounds",
    "SegmentPlan",
    "SlicePlan",
    "StepPlan",
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
    "contextual_excerpts",
    "draw_corruption",
    "draw_phase",
    "draw_positions",
    "evenly",
    "frame_times",
    "nonepileptic_parts",
    "off_pace",
    "padded",
    "segment_bounds",
    "seizure_excerpts",
    "slices_of",
    "window_clips",
]
