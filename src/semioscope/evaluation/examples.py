"""From features in the store to examples: one per event and view, with everything that folds need.

Examples are kept as files, so that every unit of work reads only what it needs: ``examples.json`` (who, when, which
class), ``examples.npy`` (the features of every clip, mapped into memory), ``starts.npy`` (when clips start and end,
and how many steps they have). Of clips on a grid the features are averaged over the steps; slices keep every step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from semioscope.core.config import Config
from semioscope.core.errors import StoreError
from semioscope.core.files import atomic_path, read_json, write_json
from semioscope.core.records import Event, EventView, Use
from semioscope.features import EventFeatures, shortest_clip
from semioscope.plans import ClipPlan, SlicePlan, clip_range, clip_start_frames
from semioscope.training import SequenceSet, step_set


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A view that gives no example, and why."""

    event_id: str
    recording_id: str
    message: str


EXAMPLE_FILES = ("examples.json", "examples.npy", "starts.npy")


def build_examples(
    events: Sequence[Event],
    features: Mapping[tuple[str, str], EventFeatures],
    *,
    plan: ClipPlan | SlicePlan,
    view_names: Mapping[str, str],
) -> tuple[ExampleTable, list[LeftOut]]:
    """Return the examples of events whose features are there, and the views that give none.

    A clip with a missing frame is left out of its example. A view gives no example when no clip is left, or
    when its features are not there (its failure has been told already).

    Args:
        events: Labelled or not.
        features: By event id and recording id; each view is asked for once and not kept, so that a mapping that
            reads on demand needs little memory.
        plan: The clips that the features belong to.
        view_names: Name of the view by recording id.
    """
    shape_of = CLIP_SHAPES[type(plan)]
    examples: list[ViewExample] = []
    rows = _Rows()
    num_steps: list[Int64[np.ndarray, " num_clips"]] = []
    start_frames: list[Int64[np.ndarray, " num_clips"]] = []
    start_seconds: list[Float[np.ndarray, " num_clips"]] = []
    end_seconds: list[Float[np.ndarray, " num_clips"]] = []
    left_out: list[LeftOut] = []
    for event in sorted(events, key=lambda event: event.event_id):
        for view in sorted(event.views, key=lambda view: view.recording_id):
            if view.use == "no":
                continue
            found = features.get((event.event_id, view.recording_id))
            if found is None:
                continue
            usable = _usable(found)
            if not usable.any():
                message = _no_clip_message(view, plan, len(usable))
                left_out.append(
                    LeftOut(event_id=event.event_id, recording_id=view.recording_id, message=message)
                )
                continue
            shape = shape_of(plan, view, found, usable)
            examples.append(
                ViewExample(
                    event_id=event.event_id,
                    recording_id=view.recording_id,
                    view=view_names[view.recording_id],
                    patient_id=event.patient_id,
                    y_true=-1 if event.y_true is None else event.y_true,
                    use=view.use,
                    onset_seconds=view.onset_seconds,
                    clonic_onset_seconds=view.clonic_onset_seconds,
                    offset_seconds=view.offset_seconds,
                    num_frames=shape.num_frames,
                    num_clips=int(usable.sum()),
                    num_missing_clips=int((~usable).sum()),
                    num_held_clips=int((found.num_held_frames[usable] > 0).sum()),
                    num_damaged_clips=int((found.num_damaged_frames[usable] > 0).sum()),
                    num_off_pace_clips=shape.num_off_pace,
                    num_dropped_frames=shape.num_dropped_frames,
                )
            )
            rows.add(shape.features)
            num_steps.append(shape.num_valid_steps)
            start_frames.append(shape.start_frames)
            start_seconds.append(found.start_seconds[usable])
            end_seconds.append(found.end_seconds[usable])
    if not examples:
        return _empty(), left_out
    table = ExampleTable(
        views=tuple(examples),
        features=rows.taken(),
        num_valid_steps=np.concatenate(num_steps),
        start_frames=np.concatenate(start_frames),
        start_seconds=np.concatenate(start_seconds).astype(np.float64),
        end_seconds=np.concatenate(end_seconds).astype(np.float64),
    )
    return table, left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClipShape:
    """What an example takes from the usable clips of a view."""

    features: Float32[np.ndarray, "num_clips num_steps num_features"]
    num_valid_steps: Int64[np.ndarray, " num_clips"]
    start_frames: Int64[np.ndarray, " num_clips"]
    num_frames: int
    num_off_pace: int = 0
    num_dropped_frames: int = 0


def _grid_clips(
    plan: ClipPlan, view: EventView, found: EventFeatures, usable: Bool[np.ndarray, " num_clips"]
) -> _ClipShape:
    """Clips on a grid: one step each, the mean over those of the backbone."""
    starts = clip_start_frames(plan, found.clip_index[usable], view.interval)
    return _ClipShape(
        features=found.features[usable].mean(axis=1, keepdims=True),
        num_valid_steps=np.ones(len(starts), np.int64),
        start_frames=starts.astype(np.int64),
        num_frames=clip_range(plan, view.interval).num_frames,
    )


def _slice_clips(
    plan: SlicePlan, view: EventView, found: EventFeatures, usable: Bool[np.ndarray, " num_clips"]
) -> _ClipShape:
    """Slices of stored frames: all their steps."""
    del plan, view
    assert found.slices is not None
    features = found.features[usable]
    features[~_is_step(found)[usable]] = 0
    return _ClipShape(
        features=features,
        num_valid_steps=found.valid_steps[usable].astype(np.int64),
        start_frames=found.slices.first_frame[usable].astype(np.int64),
        num_frames=found.slices.num_event_frames,
        num_off_pace=int(found.slices.is_off_pace[usable].sum()),
        num_dropped_frames=found.slices.num_dropped_frames,
    )


CLIP_SHAPES: dict[type[Config], Callable[..., _ClipShape]] = {ClipPlan: _grid_clips, SlicePlan: _slice_clips}
"""What examples take from the clips of every kind of plan."""


def _is_step(found: EventFeatures) -> Bool[np.ndarray, "num_clips num_steps"]:
    """Return which steps of the clips are there: the last ones of each."""
    num_steps = found.features.shape[1]
    there: Bool[np.ndarray, "num_clips num_steps"] = (
        np.arange(num_steps) >= num_steps - found.valid_steps[:, None]
    )
    return there


def _usable(found: EventFeatures) -> Bool[np.ndarray, " num_clips"]:
    """Return which clips have a number in every feature of every step that they have."""
    finite = np.isfinite(found.features).all(axis=2)
    usable: Bool[np.ndarray, " num_clips"] = (finite | ~_is_step(found)).all(axis=1)
    return usable


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


class _Rows:
    """Rows that come view by view, in one array that grows by half: never two whole copies for long."""

    def __init__(self) -> None:
        self._array, self._filled = np.zeros((0, 0, 0), dtype=np.float32), 0

    def add(self, rows: Float[np.ndarray, "num_rows num_steps num_features"]) -> None:
        needed = self._filled + len(rows)
        if needed > len(self._array):
            room = max(needed, len(self._array) * 3 // 2)
            # resized where it lies if there is room behind it
            self._array.resize((room, *rows.shape[1:]), refcheck=False)
        self._array[self._filled : needed] = rows
        self._filled = needed

    def taken(self) -> Float32[np.ndarray, "total_clips num_steps num_features"]:
        self._array.resize((self._filled, *self._array.shape[1:]), refcheck=False)
        return self._array


def _packed_starts(table: ExampleTable) -> np.ndarray:
    """Return both starts of every clip, its end and its number of steps as one array of records."""
    columns = [("frame", "<i8"), ("seconds", "<f8"), ("end", "<f8"), ("steps", "<i8")]
    packed = np.zeros(len(table.start_frames), dtype=columns)
    packed["frame"], packed["seconds"] = table.start_frames, table.start_seconds
    packed["end"], packed["steps"] = table.end_seconds, table.num_valid_steps
    return packed


def _no_clip_message(view: EventView, plan: ClipPlan | SlicePlan, num_clips: int) -> str:
    if num_clips == 0:
        return (
            f"An event must hold at least one clip of {shortest_clip(plan)}, but "
            f"this one lasts {view.duration_seconds:.2f} s. Correct its times or leave it out."
        )
    return (
        f"All {num_clips} clips from {view.onset_seconds:g} s to {view.offset_seconds:g} s have missing frames. "
        "Check that the video covers this time: semioscope cohort check."
    )


def _empty() -> ExampleTable:
    none = np.zeros(0)
    return ExampleTable(
        views=(),
        features=np.zeros((0, 0, 0), np.float32),
        num_valid_steps=none.astype(np.int64),
        start_frames=none.astype(np.int64),
        start_seconds=none,
        end_seconds=none,
    )
