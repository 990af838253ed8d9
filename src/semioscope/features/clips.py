"""The clips of an event, and how the store numbers them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrid:
    """How the clips of a plan are numbered in the store: ``offset + step * clip``."""

    step: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSlices:
    """The slices of one view of an event: clips of stored frames, the last of which may be shorter.

    Slices of different lengths are kept under different keys, so a block of the store has one shape.

    Args:
        first_frame: First frame of each slice, counted from the event's first stored frame; ascending.
        num_frames: Frames of each slice.
        step: Frames between neighbouring numbers of the store: a slice has number ``first_frame / step``.
        keys: Digest of the feature key of every length.
        start_seconds: When each slice starts, from the first displayed frame of the recording.
        end_seconds: When it ends: its last frame is over, or the event. A gap behind it belongs to no slice.
        is_off_pace: Slices that last too long or too short for their frames.
        num_event_frames: Stored frames of the event.
        num_dropped_frames: Frames at the end of the event that are in no slice, being too few.
        num_steps: Feature vectors of a full slice.
    """

    first_frame: Int64[np.ndarray, " num_clips"]
    num_frames: Int64[np.ndarray, " num_clips"]
    step: int
    keys: dict[int, str]
    start_seconds: Float[np.ndarray, " num_clips"]
    end_seconds: Float[np.ndarray, " num_clips"]
    is_off_pace: Bool[np.ndarray, " num_clips"]
    num_event_frames: int
    num_dropped_frames: int
    num_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventClips:
    """The clips of one view of an event, and where the store keeps them.

    Args:
        event_id: The event.
        recording_id: The view.
        key_digest: Digest of the feature key; of slices, that of the full ones.
        clip_index: Wanted clips of the plan, wholly inside the event, ascending; possibly none. Slices are counted
            from 0.
        event_start_seconds: Onset, in seconds from the first displayed frame of the recording; of slices, the time
            of the event's first stored frame.
        grid: How the store numbers these clips; otherwise than the plan only where features were imported.
        slices: Where they lie, if they are slices of stored frames; None for clips on a grid in time.
    """

    event_id: str
    recording_id: str
    key_digest: str
    clip_index: Int64[np.ndarray, " num_clips"]
    event_start_seconds: float
    grid: StoredGrid = StoredGrid()
    slices: EventSlices | None = None

    @property
    def stored_index(self) -> Int64[np.ndarray, " num_clips"]:
        """The clips as the store numbers them."""
        if self.slices is not None:
            numbers: Int64[np.ndarray, " num_clips"] = self.slices.first_frame // self.slices.step
            return numbers
        return self.grid.offset + self.grid.step * self.clip_index

    @property
    def by_key(self) -> dict[str, Int64[np.ndarray, " num_clips_of_key"]]:
        """The clips as the store numbers them, by the key that they are kept under; keys of clips only."""
        if self.slices is None:
            return {self.key_digest: self.stored_index} if len(self.clip_index) else {}
        numbers, lengths = self.stored_index, self.slices.num_frames
        return {
            key: numbers[lengths == length]
            for length, key in self.slices.keys.items()
            if np.any(lengths == length)
        }
