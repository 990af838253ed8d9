"""Take the features of an event from the store."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Int64

from semioscope.core.errors import ConfigError, StoreError
from semioscope.features.clips import EventClips, EventSlices
from semioscope.features.layout import clip_ends, clip_starts
from semioscope.features.store import Block, FeatureStore, join
from semioscope.plans import ClipPlan, SlicePlan, blocks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFeatures:
    """The features of one view of an event.

    Args:
        event_id: The event.
        recording_id: The view.
        features: One row per clip; NaN where a frame was missing. A clip with fewer steps than others has them last,
            behind rows of NaN.
        clip_index: Which clips, ascending.
        start_seconds: When they start, from the first displayed frame of the recording.
        end_seconds: When they end, excluded.
        num_missing_frames: Frames of each clip that the video does not have.
        num_held_frames: Frames of each clip that repeat an older picture.
        num_damaged_frames: Frames of each clip that the decoder marked as damaged.
        num_valid_steps: Steps that each clip has, missing frames or not; None: all.
        slices: Where the clips lie, if they are slices of stored frames; None for clips on a grid in time.
    """

    event_id: str
    recording_id: str
    features: Float32[np.ndarray, "num_clips num_steps num_features"]
    clip_index: Int64[np.ndarray, " num_clips"]
    start_seconds: Float[np.ndarray, " num_clips"]
    end_seconds: Float[np.ndarray, " num_clips"]
    num_missing_frames: Int32[np.ndarray, " num_clips"]
    num_held_frames: Int32[np.ndarray, " num_clips"]
    num_damaged_frames: Int32[np.ndarray, " num_clips"]
    num_valid_steps: Int32[np.ndarray, " num_clips"] | None = None
    slices: EventSlices | None = None

    @property
    def num_frames(self) -> Int64[np.ndarray, " num_clips"] | None:
        """Frames of each clip, where they differ; None: as the plan says."""
        return None if self.slices is None else self.slices.num_frames

    @property
    def is_whole(self) -> Bool[np.ndarray, " num_clips"]:
        """Which clips have features: those without a missing frame."""
        whole: Bool[np.ndarray, " num_clips"] = self.num_missing_frames == 0
        return whole

    @property
    def valid_steps(self) -> Int32[np.ndarray, " num_clips"]:
        """Steps that each clip has: the last so many rows of its features."""
        if self.num_valid_steps is not None:
            return self.num_valid_steps
        return np.full(len(self.clip_index), self.features.shape[1], np.int32)


def load_features(store: FeatureStore, clips: EventClips, clip_plan: ClipPlan | SlicePlan) -> EventFeatures:
    """Return the features of one view of an event from the store.

    Args:
        store: Where they are.
        clips: Which clips; an entry of ``ExtractionPlan.events``.
        clip_plan: The plan they belong to.

    Raises:
        StoreError: If the store lacks any of them.
        ConfigError: If the event has no clip at all.
    """
    if len(clips.clip_index) == 0:
        msg = (
            f"A view of event {clips.event_id} must hold at least one clip ({shortest_clip(clip_plan)}) to have "
            f"features, but that in recording {clips.recording_id} does not. Leave this view out (use no in "
            f"seizures.tsv), or {_shorter_clips(clip_plan)}."
        )
        raise ConfigError(msg)
    wholes = [join(_stored(store, key, numbers, clips)) for key, numbers in clips.by_key.items()]
    num_steps = max(whole.features.shape[1] for whole in wholes)
    if clips.slices is not None:
        num_steps = max(num_steps, clips.slices.num_steps)
    valid = np.concatenate([np.full(len(w.clip_index), w.features.shape[1], np.int32) for w in wholes])
    whole = join([replace(part, features=_padded(part.features, num_steps)) for part in wholes])
    order = np.argsort(whole.clip_index)  # slices of one length come before those of another
    if clips.slices is None:
        clip_index = (whole.clip_index - clips.grid.offset) // clips.grid.step
    else:
        clip_index = clips.clip_index
    return EventFeatures(
        event_id=clips.event_id,
        recording_id=clips.recording_id,
        features=whole.features[order],
        clip_index=clip_index,
        start_seconds=clip_starts(clip_plan, clips, clip_index),
        end_seconds=clip_ends(clip_plan, clips, clip_index),
        num_missing_frames=whole.num_missing_frames[order],
        num_held_frames=whole.num_held_frames[order],
        num_damaged_frames=whole.num_damaged_frames[order],
        num_valid_steps=valid[order],
        slices=clips.slices,
    )


def _stored(
    store: FeatureStore,
    key: str,
    numbers: Int64[np.ndarray, " num_clips"],
    clips: EventClips,
) -> list[Block]:
    """Return clips of one key, block after block."""
    parts = []
    for number, wanted in blocks_of(numbers).items():
        block = store.read_block(key, number)
        found = block.only(wanted) if block is not None else None
        if found is None or len(found.clip_index) < len(wanted):
            have = 0 if found is None else len(found.clip_index)
            msg = (
                f"The store must hold all clips of event {clips.event_id} in recording {clips.recording_id}, "
                f"but has {have} of {len(wanted)} in block {number}. Extract or import the features (again)."
            )
            raise StoreError(msg)
        parts.append(found)
    return parts


def _padded(
    features: Float32[np.ndarray, "num_clips num_steps num_features"], num_steps: int
) -> Float32[np.ndarray, "num_clips all_steps num_features"]:
    """Return features with NaN before the steps that are there, so that there are so many."""
    num_clips, own, num_features = features.shape
    if own == num_steps:
        return features
    padded = np.full((num_clips, num_steps, num_features), np.nan, np.float32)
    padded[:, num_steps - own :] = features
    return padded


def shortest_clip(plan: ClipPlan | SlicePlan) -> str:
    """Return how long an event must be to hold a clip, in words."""
    if isinstance(plan, SlicePlan):
        return f"{plan.min_frames if plan.leftovers else plan.slice_frames} stored frames"
    return f"{plan.clip_seconds:g} s"


def _shorter_clips(plan: ClipPlan | SlicePlan) -> str:
    if not isinstance(plan, SlicePlan):
        return "use a backbone of shorter clips"
    if plan.leftovers:
        return "take shorter leftovers (--set slices.min_frames=...; I3D sees 9 frames or more)"
    return "keep leftovers (--set slices.leftovers=true)"
