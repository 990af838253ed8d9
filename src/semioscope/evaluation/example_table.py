"""The examples of a run, one per event and view, and the files in which they are kept.

Every unit of work reads only what it needs: ``examples.json`` (who, when, which class), ``examples.npy`` (the
features of every clip, mapped into memory), ``starts.npy`` (when clips start and end, and how many steps they have).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64

from semioscope.core.errors import StoreError
from semioscope.core.files import atomic_path, read_json, write_json
from semioscope.core.records import Use
from semioscope.training import SequenceSet, step_set

EXAMPLE_FILES = ("examples.json", "examples.npy", "starts.npy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewExample:
    """An event as one view sees it; times in seconds from the recording's first displayed frame.

    Args:
        event_id: The event.
        recording_id: The recording.
        view: Name of the view.
        patient_id: The unit of leakage.
        y_true: Class index; -1 when unlabelled.
        use: ``train`` or ``evaluate``.
        onset_seconds: t0.
        clonic_onset_seconds: tG or None.
        offset_seconds: t1.
        num_frames: Frames inside the event (K): of the grid, or stored ones where it is cut into slices.
        num_clips: Clips that can be used; at least 1.
        num_missing_clips: Clips that a frame was missing from; left out.
        num_held_clips: Clips that can be used and in which an older picture stands in for a frame.
        num_damaged_clips: Clips that can be used and in which the decoder marked a frame as damaged.
        num_off_pace_clips: Slices that can be used and last too long or too short for their frames.
        num_dropped_frames: Frames at the end of the event that are in no slice, being too few.
    """

    event_id: str
    recording_id: str
    view: str
    patient_id: str
    y_true: int
    use: Use
    onset_seconds: float
    clonic_onset_seconds: float | None
    offset_seconds: float
    num_frames: int
    num_clips: int
    num_missing_clips: int
    num_held_clips: int
    num_damaged_clips: int
    num_off_pace_clips: int = 0
    num_dropped_frames: int = 0

    @property
    def name(self) -> str:
        """The event and the recording, for messages and as a name of vectors."""
        return f"{self.event_id}/{self.recording_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleTable:
    """All examples of a run.

    Args:
        views: One per event and view, ordered by event and recording.
        features: One row per clip, view after view; a clip with fewer steps than others has them last, behind zeros.
        num_valid_steps: Steps that each clip has.
        start_frames: Start of each clip in frames of its event.
        start_seconds: Start of each clip in seconds of its recording.
        end_seconds: End of each clip in seconds of its recording, excluded; of a slice as its frames are shown.
    """

    views: tuple[ViewExample, ...]
    features: Float32[np.ndarray, "total_clips num_steps num_features"]
    num_valid_steps: Int64[np.ndarray, " total_clips"]
    start_frames: Int64[np.ndarray, " total_clips"]
    start_seconds: Float[np.ndarray, " total_clips"]
    end_seconds: Float[np.ndarray, " total_clips"]

    def __post_init__(self) -> None:
        total = sum(view.num_clips for view in self.views)
        columns = (
            self.features,
            self.num_valid_steps,
            self.start_frames,
            self.start_seconds,
            self.end_seconds,
        )
        if any(len(column) != total for column in columns):
            msg = f"Examples of {total} clips need as many rows, got {[len(column) for column in columns]}."
            raise ValueError(msg)

    @property
    def num_features(self) -> int:
        """Size of a feature vector."""
        return int(self.features.shape[2])

    @property
    def first_clip(self) -> Int64[np.ndarray, " num_views"]:
        """The row of the first clip of each view."""
        num_clips = np.array([view.num_clips for view in self.views], dtype=np.int64)
        first: Int64[np.ndarray, " num_views"] = np.cumsum(num_clips) - num_clips
        return first

    def sequences(self, chosen: Sequence[int], *, frames_per_clip: int) -> SequenceSet:
        """Return some views, by position, as examples: each a sequence of its clips, which have one step.

        The features are shared, not copied.
        """
        views = [self.views[i] for i in chosen]
        return SequenceSet(
            features=self.features.reshape(len(self.features), self.num_features),
            start_frames=self.start_frames,
            first_clip=self.first_clip[np.array(chosen, dtype=np.int64)],
            num_clips=np.array([view.num_clips for view in views], dtype=np.int64),
            num_frames=np.array([view.num_frames for view in views], dtype=np.int64),
            frames_per_clip=frames_per_clip,
            y_true=np.array([view.y_true for view in views], dtype=np.int64),
            names=tuple(view.name for view in views),
        )

    def slices(self, chosen: Sequence[int]) -> SequenceSet:
        """Return the clips of some views, by position, as examples: each a sequence of its steps.

        The features are shared, not copied.
        """
        counts = [view.num_clips for view in self.views]
        names = [f"slice {k} of {view.name}" for view in self.views for k in range(view.num_clips)]
        y_true = np.repeat(np.array([view.y_true for view in self.views], dtype=np.int64), counts)
        whole = step_set(self.features, self.num_valid_steps, y_true, names=names)
        rows = [np.arange(self.first_clip[i], self.first_clip[i] + counts[i]) for i in chosen]
        return whole.subset(np.concatenate([np.zeros(0, np.int64), *rows]))

    def positions(self, event_ids: Iterable[str], *, only_training: bool = False) -> list[int]:
        """Return the positions of the views of some events; optionally of those that may be trained on."""
        wanted = set(event_ids)
        return [
            i
            for i, view in enumerate(self.views)
            if view.event_id in wanted and (view.use == "train" or not only_training)
        ]


def write_examples(table: ExampleTable, folder: Path) -> tuple[Path, ...]:
    """Write examples into a folder; return the files.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    words, numbers, starts = (folder / name for name in EXAMPLE_FILES)
    for path, array in ((numbers, table.features), (starts, _packed_starts(table))):
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, array)
    write_json(words, {"views": [asdict(view) for view in table.views]})
    return words, numbers, starts


def read_examples(folder: Path) -> ExampleTable:
    """Read what ``write_examples`` wrote; the features are mapped into memory, not read.

    Raises:
        StoreError: If a file is absent or damaged.
    """
    content: dict[str, Any] = read_json(folder / "examples.json")
    try:
        features = np.load(folder / "examples.npy", mmap_mode="r", allow_pickle=False)
        names = {item.name for item in fields(ViewExample)}
        views = tuple(
            ViewExample(**{key: item for key, item in view.items() if key in names})
            for view in content["views"]
        )
        starts = np.load(folder / "starts.npy", allow_pickle=False)
        return ExampleTable(
            views=views,
            features=features,
            num_valid_steps=np.ascontiguousarray(starts["steps"], dtype=np.int64),
            start_frames=np.ascontiguousarray(starts["frame"], dtype=np.int64),
            start_seconds=np.ascontiguousarray(starts["seconds"], dtype=np.float64),
            end_seconds=np.ascontiguousarray(starts["end"], dtype=np.float64),
        )
    except (OSError, ValueError, KeyError, TypeError) as err:
        msg = (
            f"{folder} must hold the examples of this run: {err}. Delete it and give the same command again."
        )
        raise StoreError(msg) from err


def _packed_starts(table: ExampleTable) -> np.ndarray:
    """Return both starts of every clip, its end and its number of steps as one array of records."""
    columns = [("frame", "<i8"), ("seconds", "<f8"), ("end", "<f8"), ("steps", "<i8")]
    packed = np.zeros(len(table.start_frames), dtype=columns)
    packed["frame"], packed["seconds"] = table.start_frames, table.start_seconds
    packed["end"], packed["steps"] = table.end_seconds, table.num_valid_steps
    return packed
