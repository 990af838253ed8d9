"""From features in the store to clips as examples: each one labelled by its own time, some of them trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int64

from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView
from semioscope.evaluation.clip_table import COLUMNS, NO_WINDOW, ClipTable, ClipView
from semioscope.evaluation.examples import LeftOut
from semioscope.features import EventFeatures
from semioscope.plans import (
    ClipPlan,
    centred_clips,
    clip_centre_seconds,
    clip_labels,
    clip_start_seconds,
    window_clips,
)


def wanted_clips(
    plan: ClipPlan, interval: Interval, *, segment_frames: int, window_stride: int
) -> Int64[np.ndarray, " num_clips"]:
    """Return the clips of an event that are trained on or scored; ascending, none twice.

    Args:
        plan: The clip plan.
        interval: The event, in seconds from the recording's first displayed frame.
        segment_frames: One clip in the middle of every complete stretch of so many frames is trained on.
        window_stride: Frames between the clips that are scored.

    Raises:
        ConfigError: If the stretch is shorter than a clip, or the step below 1.
    """
    windows = window_clips(plan, interval, segment_frames=segment_frames, window_stride=window_stride)
    centred = centred_clips(plan, interval, segment_frames=segment_frames)
    both: np.ndarray = np.union1d(centred, windows.clip_index).astype(np.int64)
    return both


def build_clip_table(
    events: Sequence[Event],
    features: Mapping[tuple[str, str], EventFeatures],
    *,
    plan: ClipPlan,
    segment_frames: int,
    window_stride: int,
    positive_class: int = 1,
    view_names: Mapping[str, str],
) -> tuple[ClipTable, list[LeftOut]]:
    """Return the clips of events whose features are there, and the views that give none.

    A clip with a missing frame is left out, and counted. A view gives no clip when none is left, when it cannot
    be labelled, or when its features are not there (its failure has been told already).

    Args:
        events: With their classes.
        features: By event id and recording id. May be read on demand: every view is asked for once, and nothing
            that it gave is kept but the rows that are wanted; features may hold more clips than these.
        plan: The clips that the features belong to.
        segment_frames: One clip in the middle of every complete stretch of so many frames is trained on.
        window_stride: Frames between the clips that are scored.
        positive_class: Class of the events that have a clonic onset; clips of all others are 0.
        view_names: Name of the view by recording id.

    Raises:
        ConfigError: If views have features of different sizes, or the plan cannot hold the clips.

    References:
        Methods: GESTURES 2021, equation 1 and Table 1; as in the paper with a plan and windows of stride 1.
    """
    chosen, left_out = _labelled_views(events, positive_class)
    wanted = [
        wanted_clips(plan, view.interval, segment_frames=segment_frames, window_stride=window_stride)
        for _, view in chosen
    ]
    filling = _Filling(room=sum(len(clips) for clips in wanted))
    for (event, view), clips in zip(chosen, wanted, strict=True):
        taken = _take(features.get((event.event_id, view.recording_id)), clips)
        if taken is None:
            continue
        if len(taken.clip_index) == 0:
            left_out.append(_left_out(event, view, _no_clip_message(view, plan, len(clips))))
            continue
        columns = _columns(
            taken.clip_index,
            plan=plan,
            view=view,
            is_positive=event.y_true == positive_class,
            segment_frames=segment_frames,
            window_stride=window_stride,
        )
        filling.add(f"{event.event_id}/{view.recording_id}", taken.rows, columns)
        filling.views.append(
            ClipView(
                event_id=event.event_id,
                recording_id=view.recording_id,
                view=view_names[view.recording_id],
                patient_id=event.patient_id,
                y_true=-1 if event.y_true is None else event.y_true,
                use=view.use,
                onset_seconds=view.onset_seconds,
                clonic_onset_seconds=view.clonic_onset_seconds,
                offset_seconds=view.offset_seconds,
                num_clips=len(taken.clip_index),
                num_training=int(columns["is_training"].sum()),
                num_windows=int((columns["window_number"] != NO_WINDOW).sum()),
                num_missing_clips=len(clips) - len(taken.clip_index),
                num_held_clips=taken.num_held_clips,
                num_damaged_clips=taken.num_damaged_clips,
            )
        )
    return filling.table(plan.clip_seconds), sorted(
        left_out, key=lambda item: (item.event_id, item.recording_id)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What is taken of the features of a view."""

    clip_index: Int64[np.ndarray, " num_clips"]
    rows: Float32[np.ndarray, "num_clips num_features"]
    num_held_clips: int
    num_damaged_clips: int


def _take(found: EventFeatures | None, clips: Int64[np.ndarray, " num_wanted"]) -> _Taken | None:
    """Return the wanted clips without missing frames, as copies, so that the features themselves can go."""
    if found is None:
        return None
    there = np.flatnonzero(np.isin(found.clip_index, clips))
    there = there[np.isfinite(found.features[there]).all(axis=(1, 2))]
    return _Taken(
        clip_index=found.clip_index[there],
        rows=found.features[there].mean(axis=1),
        num_held_clips=int((found.num_held_frames[there] > 0).sum()),
        num_damaged_clips=int((found.num_damaged_frames[there] > 0).sum()),
    )


@dataclass(slots=True)
class _Filling:
    """A table while it grows: the features are allocated once, for all clips that there can be."""

    room: int
    views: list[ClipView] = field(default_factory=list)
    columns: list[dict[str, np.ndarray]] = field(default_factory=list)
    features: Float32[np.ndarray, "room num_features"] | None = None
    used: int = 0

    def add(
        self, name: str, rows: Float32[np.ndarray, "num_clips num_features"], columns: dict[str, np.ndarray]
    ) -> None:
        if self.features is None:
            self.features = np.empty((self.room, rows.shape[1]), np.float32)
        if rows.shape[1] != self.features.shape[1]:
            msg = (
                f"Features of all views must be of one size, {self.features.shape[1]} as in the first, but "
                f"{name} has {rows.shape[1]}. Extract all with the same backbone."
            )
            raise ConfigError(msg)
        self.features[self.used : self.used + len(rows)] = rows
        self.used += len(rows)
        self.columns.append(columns)

    def table(self, clip_seconds: float) -> ClipTable:
        features = np.zeros((0, 0), np.float32) if self.features is None else self.features[: self.used]
        none = _column_types()
        columns = {
            name: np.concatenate([none[name], *(part[name] for part in self.columns)]) for name in COLUMNS
        }
        return ClipTable(views=tuple(self.views), clip_seconds=clip_seconds, features=features, **columns)


def _column_types() -> dict[str, np.ndarray]:
    """Return the columns of no clip."""
    types: dict[str, type] = {"y_clip": np.int64, "is_training": np.bool_, "window_number": np.int64}
    return {name: np.zeros(0, types.get(name, np.float64)) for name in COLUMNS}


def _columns(
    clip_index: Int64[np.ndarray, " num_clips"],
    *,
    plan: ClipPlan,
    view: EventView,
    is_positive: bool,
    segment_frames: int,
    window_stride: int,
) -> dict[str, np.ndarray]:
    """Return times, labels and roles of some clips of a view."""
    windows = window_clips(plan, view.interval, segment_frames=segment_frames, window_stride=window_stride)
    number = np.full(len(clip_index), NO_WINDOW, np.int64)
    is_window = np.isin(clip_index, windows.clip_index)
    number[is_window] = windows.window_number[np.searchsorted(windows.clip_index, clip_index[is_window])]
    centred = centred_clips(plan, view.interval, segment_frames=segment_frames)
    onset = view.onset_seconds
    centre = clip_centre_seconds(plan, clip_index, event_start_seconds=onset)
    clonic_onset = view.clonic_onset_seconds if is_positive else None
    return {
        "start_seconds": clip_start_seconds(plan, clip_index, event_start_seconds=onset),
        "centre_seconds": centre - onset,
        "y_clip": clip_labels(centre, clonic_onset_seconds=clonic_onset),
        "is_training": np.isin(clip_index, centred) & (view.use == "train"),
        "window_number": number,
    }


def _labelled_views(
    events: Sequence[Event], positive_class: int
) -> tuple[list[tuple[Event, EventView]], list[LeftOut]]:
    """Return the views whose clips have a class, ordered by event and recording, and those that have none."""
    chosen: list[tuple[Event, EventView]] = []
    left_out: list[LeftOut] = []
    for event in sorted(events, key=lambda event: event.event_id):
        for view in sorted(event.views, key=lambda view: view.recording_id):
            if view.use == "no":
                continue
            if event.y_true is None:
                message = (
                    "Clips need the class of their event, but it has none under this task. Enter its label."
                )
                left_out.append(_left_out(event, view, message))
            elif event.y_true == positive_class and view.clonic_onset_seconds is None:
                message = (
                    "Clips of an event of the positive class need its clonic onset, but this view has none. "
                    "Enter clonic_onset in seizures.tsv."
                )
                left_out.append(_left_out(event, view, message))
            else:
                chosen.append((event, view))
    return chosen, left_out


def _left_out(event: Event, view: EventView, message: str) -> LeftOut:
    return LeftOut(event_id=event.event_id, recording_id=view.recording_id, message=message)


def _no_clip_message(view: EventView, plan: ClipPlan, num_wanted: int) -> str:
    if num_wanted == 0:
        return (
            f"At least one window of {plan.clip_seconds:.2f} s must lie wholly inside an event, but none does in "
            f"one of {view.duration_seconds:.2f} s. Correct its times, leave it out, or slide the window in "
            "smaller steps (--set examples.window_stride=1)."
        )
    return (
        f"All {num_wanted} clips from {view.onset_seconds:g} s to {view.offset_seconds:g} s have missing frames. "
        "Check that the video covers this time: semioscope cohort check."
    )
