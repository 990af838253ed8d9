"""From the results of the folds to the tables of a run: predictions, baselines, segments, failures."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.formats import BASELINES as BASELINES_TABLE
from semioscope.core.formats import FAILURES, PREDICTIONS, SEGMENTS
from semioscope.core.records import Event
from semioscope.core.tables import write_table
from semioscope.evaluation import EventTraits, ExampleTable, ViewExample, baseline_scores
from semioscope.features import EventFeatures
from semioscope.networks import FEATURE_NAMES
from semioscope.scoring import predict_classes
from semioscope.splits import FoldPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What was left out of a run, and why."""

    recording_id: str
    event_id: str
    stage: str
    message: str


def told_once(failures: Sequence[Failure]) -> str:
    """Return the first of some failures and for how many more recordings it is alike; nothing if there are none."""
    if not failures:
        return ""
    more = len({failure.recording_id for failure in failures}) - 1
    others = f" The same holds for {more} more recording{'s' if more > 1 else ''}." if more > 0 else ""
    return f"{failures[0].message}{others}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScores:
    """Out-of-fold scores of all events that could be scored, ordered by event id.

    Args:
        event_ids: The events.
        patients: Their patients.
        folds: The fold that tested each.
        y_true: Their classes.
        y_score: Class probabilities, mean over views.
    """

    event_ids: tuple[str, ...]
    patients: tuple[str, ...]
    folds: tuple[int, ...]
    y_true: Int[np.ndarray, " num_events"]
    y_score: Float[np.ndarray, "num_events num_classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewScore:
    """One view's part in the score of an event: what a unit of work wrote about it, and the example."""

    fold: int
    example: ViewExample
    row: Mapping[str, Any]

    @property
    def scores(self) -> list[float]:
        """Class probabilities."""
        return list(self.row["scores"])


def collect(table: ExampleTable, fold_results: Mapping[int, Mapping[str, Any]]) -> list[ViewScore]:
    """Return the scores of all tested views, ordered by event and recording."""
    examples = {(view.event_id, view.recording_id): view for view in table.views}
    found = [
        ViewScore(fold=fold, example=examples[row["event_id"], row["recording_id"]], row=row)
        for fold, result in fold_results.items()
        for row in result["views"]
    ]
    return sorted(found, key=lambda score: (score.example.event_id, score.example.recording_id))


def one_per_view(views: Sequence[ViewScore]) -> list[ViewScore]:
    """Return every view once: one that several folds tested has the mean of what they say, and the first fold."""
    grouped: dict[str, list[ViewScore]] = defaultdict(list)
    for view in views:
        grouped[view.example.name].append(view)
    return [group[0] if len(group) == 1 else _mean_of(group) for group in grouped.values()]


def _mean_of(group: Sequence[ViewScore]) -> ViewScore:
    means = {key: np.mean([view.row[key] for view in group], axis=0).tolist() for key in _AVERAGED}
    return replace(group[0], row={**group[0].row, **means})


_AVERAGED = ("scores", "prefix", "clip")
"""What folds say of a view."""


def event_scores(views: Sequence[ViewScore], *, num_classes: int) -> EventScores:
    """Return the scores of events: the mean over their views, as in the paper.

    An event that several folds tested has the mean of these too, and the number of the first of them.
    """
    by_event: dict[str, list[ViewScore]] = defaultdict(list)
    for view in views:
        by_event[view.example.event_id].append(view)
    first = [group[0] for group in by_event.values()]
    means = [np.mean([view.scores for view in group], axis=0) for group in by_event.values()]
    return EventScores(
        event_ids=tuple(by_event),
        patients=tuple(view.example.patient_id for view in first),
        folds=tuple(view.fold for view in first),
        y_true=np.array([view.example.y_true for view in first], dtype=np.int64),
        y_score=np.array(means, dtype=np.float64).reshape(len(means), num_classes),
    )


def write_predictions(
    path: Path,
    views: Sequence[ViewScore],
    events: EventScores,
    *,
    classes: Sequence[str],
    with_slices: bool = False,
) -> None:
    """Write ``predictions.tsv``: with slices one row per slice, then one per view, then one per event."""
    rows = _slice_rows(views, classes=classes) if with_slices else []
    rows += [
        {
            "fold": view.fold,
            "level": "view",
            "event_id": view.example.event_id,
            "recording_id": view.example.recording_id,
            "patient_id": view.example.patient_id,
            "start_seconds": view.example.onset_seconds,
            "end_seconds": view.example.offset_seconds,
            "y_true": None if view.example.y_true < 0 else view.example.y_true,
            **_score_columns(view.scores, classes),
        }
        for view in views
    ]
    rows += event_rows(events, classes=classes)
    write_table(path, PREDICTIONS, rows)


def _slice_rows(views: Sequence[ViewScore], *, classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "fold": view.fold,
            "level": "clip",
            "event_id": view.example.event_id,
            "recording_id": view.example.recording_id,
            "patient_id": view.example.patient_id,
            "start_seconds": start,
            "end_seconds": end,
            "y_true": None if view.example.y_true < 0 else view.example.y_true,
            **_score_columns(scores, classes),
        }
        for view in views
        for start, end, scores in zip(
            view.row["start_seconds"], view.row["end_seconds"], view.row["clip"], strict=True
        )
    ]


def event_rows(events: EventScores, *, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of events in a table of predictions; times belong to views and stay missing."""
    return [
        {
            "fold": events.folds[i],
            "level": "event",
            "event_id": event_id,
            "patient_id": events.patients[i],
            "y_true": int(events.y_true[i]),
            **_score_columns(events.y_score[i].tolist(), classes),
        }
        for i, event_id in enumerate(events.event_ids)
    ]


def write_segments(path: Path, views: Sequence[ViewScore], events: EventScores) -> None:
    """Write ``segments.tsv``: the course of each view's score for the positive class.

    With more than two classes, for the class that the event was given.
    """
    shown = shown_classes(events)
    rows = [
        {
            "fold": view.fold,
            "event_id": view.example.event_id,
            "recording_id": view.example.recording_id,
            "view": view.example.view,
            "segment": number,
            "start_seconds": start,
            "end_seconds": end,
            "y_score_clip": clip[shown[view.example.event_id]],
            "y_score_prefix": prefix[shown[view.example.event_id]],
        }
        for view in views
        for number, (start, end, clip, prefix) in enumerate(
            zip(
                view.row["start_seconds"],
                view.row["end_seconds"],
                view.row["clip"],
                view.row["prefix"],
                strict=True,
            )
        )
    ]
    write_table(path, SEGMENTS, rows)


def shown_classes(events: EventScores) -> dict[str, int]:
    """Return by event the class whose score is shown: the positive one of two, else the one that the event got."""
    if events.y_score.shape[1] == 2:
        return dict.fromkeys(events.event_ids, 1)
    return dict(zip(events.event_ids, predict_classes(events.y_score).tolist(), strict=True))


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write ``failures.tsv``, in a fixed order."""
    ordered = sorted(
        set(failures), key=lambda item: (item.recording_id, item.event_id, item.stage, item.message)
    )
    rows = [
        {
            "recording_id": item.recording_id or None,
            "event_id": item.event_id or None,
            "stage": item.stage,
            "message": " ".join(item.message.split()),
        }
        for item in ordered
    ]
    write_table(path, FAILURES, rows)


def event_traits(
    events: Sequence[Event], yardsticks: Mapping[tuple[str, str], EventFeatures]
) -> tuple[tuple[str, ...], EventTraits]:
    """Return what the yardsticks know of events: duration, motion energy, band power; and the event ids.

    Motion energy and band power are means over the 2 s windows of all views; NaN where none could be read.
    """
    energy_column, band_column = FEATURE_NAMES.index("energy_mean"), FEATURE_NAMES.index("band_ratio")
    ordered = sorted(events, key=lambda event: event.event_id)
    energy, band = np.full((2, len(ordered)), np.nan)
    for i, event in enumerate(ordered):
        found = [
            item
            for view in event.views
            if (item := yardsticks.get((event.event_id, view.recording_id))) is not None
        ]
        rows = [item.features[np.isfinite(item.features[:, 0, energy_column]), 0] for item in found]
        whole = np.concatenate(rows) if rows else np.zeros((0, len(FEATURE_NAMES)))
        shares = whole[np.isfinite(whole[:, band_column]), band_column]
        energy[i] = whole[:, energy_column].mean() if len(whole) else np.nan
        band[i] = shares.mean() if len(shares) else np.nan
    traits = EventTraits(
        y_true=np.array([-1 if event.y_true is None else event.y_true for event in ordered], dtype=np.int64),
        duration_seconds=np.array([event.duration_seconds for event in ordered], dtype=np.float64),
        motion_energy=energy,
        band_power=band,
    )
    return tuple(event.event_id for event in ordered), traits


def baseline_event_scores(
    names: Sequence[str],
    folds: FoldPlan,
    event_ids: Sequence[str],
    traits: EventTraits,
    scored: EventScores,
    *,
    num_classes: int,
) -> dict[str, EventScores]:
    """Return the out-of-fold scores of the yardsticks on the events that the model scored.

    A yardstick is fitted on the training and validation events of each fold: it chooses nothing on the latter.
    Under selection on the test fold the validation events are the tested ones, and are left out. An event that
    several folds test has the mean of what they say, as the model's scores have; one that none tests has NaN.
    """
    position = {event_id: i for i, event_id in enumerate(event_ids)}
    row = {event_id: i for i, event_id in enumerate(scored.event_ids)}
    results = {}
    for name in names:
        total = np.zeros((len(scored.event_ids), num_classes))
        num_folds = np.zeros((len(scored.event_ids), 1))
        for fold in folds.folds:
            known = sorted((set(fold.train) | set(fold.validation)) - set(fold.test))
            asked = [event_id for event_id in fold.test if event_id in row]
            if not asked:
                continue
            train = traits.at(np.array([position[event_id] for event_id in known], dtype=np.int64))
            test = traits.at(np.array([position[event_id] for event_id in asked], dtype=np.int64))
            rows = [row[event_id] for event_id in asked]
            total[rows] += baseline_scores(name, train, test, num_classes=num_classes)
            num_folds[rows] += 1
        results[name] = EventScores(
            event_ids=scored.event_ids,
            patients=scored.patients,
            folds=scored.folds,
            y_true=scored.y_true,
            y_score=np.divide(total, num_folds, out=np.full_like(total, np.nan), where=num_folds > 0),
        )
    return results


def write_baselines(path: Path, baselines: Mapping[str, EventScores], *, classes: Sequence[str]) -> None:
    """Write ``baselines.tsv``."""
    rows = [
        {"baseline": name, **row}
        for name, scores in baselines.items()
        for row in event_rows(scores, classes=classes)
    ]
    write_table(path, BASELINES_TABLE, rows)


def _score_columns(scores: Sequence[float], classes: Sequence[str]) -> dict[str, float]:
    return {f"y_score_{name}": float(score) for name, score in zip(classes, scores, strict=True)}
