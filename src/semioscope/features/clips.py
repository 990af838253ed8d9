"""The clips of an event, and how the store numbers them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrid:
    """How the clips of a plan are numbered in the store: ``offset + step * clip``."""

    step: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventClips:
    """The clips of one view of an event, and where the store keeps them.

    Args:
        event_id: The event.
        recording_id: The view.
        key_digest: Digest of the feature key.
        clip_index: Wanted clips of the plan, wholly inside the event, ascending; possibly none.
        event_start_seconds: Onset, in seconds from the first displayed frame of the recording.
        grid: How the store numbers these clips; otherwise than the plan only where features were imported.
    """

    event_id: str
    recording_id: str
    key_digest: str
    clip_index: Int64[np.ndarray, " num_clips"]
    event_start_seconds: float
    grid: StoredGrid = StoredGrid()

    @property
    def stored_index(self) -> Int64[np.ndarray, " num_clips"]:
        """The clips as the store numbers them."""
        return self.grid.offset + self.grid.step * self.clip_index
