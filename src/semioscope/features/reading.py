"""Take the features of an event from the store."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64

from semioscope.core.errors import ConfigError, StoreError
from semioscope.features.clips import EventClips
from semioscope.features.store import FeatureStore, join
from semioscope.plans import ClipPlan, blocks_of, clip_start_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFeatures:
    """The features of one view of an event.

    Args:
        event_id: The event.
        recording_id: The view.
        features: One row per clip; NaN where a frame was missing.
        clip_index: Which clips, ascending.
        start_seconds: When they start, from the first displayed frame of the recording.
        num_missing_frames: Frames of each clip that the video does not have.
        num_held_frames: Frames of each clip that repeat an older picture.
        num_damaged_frames: Frames of each clip that the decoder marked as damaged.
    """

    event_id: str
    recording_id: str
    features: Float32[np.ndarray, "num_clips num_steps num_features"]
    clip_index: Int64[np.ndarray, " num_clips"]
    start_seconds: Float[np.ndarray, " num_clips"]
    num_missing_frames: Int32[np.ndarray, " num_clips"]
    num_held_frames: Int32[np.ndarray, " num_clips"]
    num_damaged_frames: Int32[np.ndarray, " num_clips"]


def load_features(store: FeatureStore, clips: EventClips, clip_plan: ClipPlan) -> EventFeatures:
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
            f"Event {clips.event_id} must hold at least one clip ({clip_plan.clip_seconds:g} s) to have features "
            f"in recording {clips.recording_id}. Leave it out, or use a backbone of shorter clips."
        )
        raise ConfigError(msg)
    parts = []
    for number, wanted in blocks_of(clips.stored_index).items():
        block = store.read_block(clips.key_digest, number)
        found = block.only(wanted) if block is not None else None
        if found is None or len(found.clip_index) < len(wanted):
            have = 0 if found is None else len(found.clip_index)
            msg = (
                f"The store must hold all clips of event {clips.event_id} in recording {clips.recording_id}, "
                f"but has {have} of {len(wanted)} in block {number}. Extract or import the features (again)."
            )
            raise StoreError(msg)
        parts.append(found)
    whole = join(parts)
    clip_index = (whole.clip_index - clips.grid.offset) // clips.grid.step
    return EventFeatures(
        event_id=clips.event_id,
        recording_id=clips.recording_id,
        features=whole.features,
        clip_index=clip_index,
        start_seconds=clip_start_seconds(
            clip_plan, clip_index, event_start_seconds=clips.event_start_seconds
        ),
        num_missing_frames=whole.num_missing_frames,
        num_held_frames=whole.num_held_frames,
        num_damaged_frames=whole.num_damaged_frames,
    )
