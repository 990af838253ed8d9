"""From features in the store to examples: one per event and view, with everything that folds need.

Of clips on a grid the features are averaged over the steps; slices keep every step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from semioscope.core.config import Config
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted
from semioscope.evaluation.example_table import ExampleTable, ViewExample
from semioscope.features import EventFeatures, shortest_clip
from semioscope.plans import ClipPlan, SlicePlan, clip_range, clip_start_frames


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A view that gives no example, and why."""

    event_id: str
    recording_id: str
    message: str


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
                message = _no_clip_message(
                    view, plan, len(usable), has_gaps=bool((found.num_missing_frames > 0).any())
                )
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


def _no_clip_message(view: EventView, plan: ClipPlan | SlicePlan, num_clips: int, *, has_gaps: bool) -> str:
    if num_clips == 0:
        return (
            f"An event must hold at least one clip of {shortest_clip(plan)}, but "
            f"this one lasts {view.duration_seconds:.2f} s. Correct its times or leave it out."
        )
    if not has_gaps:
        return (
            f"The features of {counted(num_clips, 'clip')} from {view.onset_seconds:g} s to "
            f"{view.offset_seconds:g} s are not finite, though no frame is missing there. Check the weights of the "
            "backbone, or the file that the features came from."
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
