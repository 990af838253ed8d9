"""What was counted about slices: how long the videos are, which slices are off pace, what is undefined."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from semioscope.core.records import Event
from semioscope.core.wording import join_words
from semioscope.evaluation import ViewExample
from semioscope.plans import SlicePlan, slices_of

_NAMES = {
    "macro_f1": "macro F1",
    "macro_precision": "macro precision",
    "macro_sensitivity": "macro sensitivity",
    "auroc": "area under ROC",
}


def data_summary(
    events: Sequence[Event], views: Sequence[ViewExample], *, classes: Sequence[str], slices: SlicePlan
) -> dict[str, Any]:
    """Return how much video each class has, as Table 3 of Karácsony 2022: ``slices.data`` of ``scores.json``.

    A video is one view of one event, as in the paper, where every event has one. Lengths count frames as they are
    stored. Events whose slices could not be made have no length, and are counted.

    Args:
        events: All labelled events of the run.
        views: The views that have slices, once each.
        classes: Names of the classes.
        slices: The slices of the run.
    """
    side_by_side = slices.model_copy(update={"stride": slices.slice_frames, "leftovers": True})
    groups = {
        name: [event for event in events if event.y_true == number] for number, name in enumerate(classes)
    }
    labelled = [event for group in groups.values() for event in group]
    return {
        "as_planned_differs": slices != side_by_side,
        "per_class": {name: _videos(group, views, slices, side_by_side) for name, group in groups.items()},
        "total": _videos(labelled, views, slices, side_by_side),
    }


def _videos(
    events: Sequence[Event], views: Sequence[ViewExample], slices: SlicePlan, side_by_side: SlicePlan
) -> dict[str, Any]:
    ids = {event.event_id for event in events}
    own = [view for view in views if view.event_id in ids]
    frames = np.array([view.num_frames for view in own], dtype=np.int64)
    seconds = np.array([view.offset_seconds - view.onset_seconds for view in own])
    return {
        "patients": len({event.patient_id for event in events}),
        "events": len(events),
        "events_without_slices": len(ids - {view.event_id for view in own}),
        "videos": len(own),
        **_lengths(frames, "frames"),
        **_lengths(seconds, "seconds"),
        "num_slices": sum(len(slices_of(int(number), side_by_side)) for number in frames),
        "num_slices_as_planned": sum(len(slices_of(int(number), slices)) for number in frames),
        "num_slices_used": sum(view.num_clips for view in own),
    }


def _lengths(lengths: np.ndarray, unit: str) -> dict[str, Any]:
    some = len(lengths) > 0
    return {
        f"total_{unit}": lengths.sum().item(),
        f"mean_{unit}": lengths.mean().item() if some else math.nan,
        f"min_{unit}": lengths.min().item() if some else math.nan,
        f"max_{unit}": lengths.max().item() if some else math.nan,
    }


def pace(examples: Iterable[ViewExample]) -> dict[str, int]:
    """Return what was counted when the events were cut; a view that comes again, in another fold, counts once."""
    once = {(example.event_id, example.recording_id): example for example in examples}.values()
    return {
        "num_views": len(once),
        "num_slices": sum(example.num_clips for example in once),
        "num_off_pace": sum(example.num_off_pace_clips for example in once),
        "num_missing": sum(example.num_missing_clips for example in once),
        "num_dropped_frames": sum(example.num_dropped_frames for example in once),
        "num_views_with_dropped_frames": sum(example.num_dropped_frames > 0 for example in once),
    }


def undefined_scores(folds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each fold in which something is undefined: a class is not there, or is never called.

    Args:
        folds: ``per_fold`` of the section ``slices``.
    """
    notes = []
    for fold in folds:
        absent = [row["class"] for row in fold["per_class"] if not row["num_slices"]]
        silent = [row["class"] for row in fold["per_class"] if row["num_slices"] and not row["num_called"]]
        if absent:
            lost = [title for name, title in _NAMES.items() if math.isnan(fold[name])]
            notes.append(
                f"Fold {fold['fold']} tests no slice of {join_words(absent)}, so its {join_words(lost)} are "
                "undefined; the means leave such folds out."
            )
        elif silent:
            notes.append(
                f"In fold {fold['fold']} no slice was called {join_words(silent, 'or')}, so macro precision is "
                "undefined there; its mean leaves such folds out."
            )
    return notes
