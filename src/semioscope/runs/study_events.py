"""From the trainings of a study to the scores of its events, per protocol and cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semioscope.evaluation import ClipFoldTask, ExampleTable, read_clip_fold
from semioscope.features import EventFeatures
from semioscope.runs.results import EventScores, Failure, collect, event_scores
from semioscope.runs.study_clips import ClipStudy, clip_training_name, windows_by_event
from semioscope.runs.study_plan import Cell, StudyPlan, training_name
from semioscope.scoring import WindowScores, average_windows, mean_clip_score


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """Everything that the trainings of a study gave.

    Args:
        plan: What was run.
        tables: Examples by backbone; empty where clips are what is studied.
        trainings: What each training wrote, by its name; those that failed are absent.
        clips: The clips that were labelled.
        clip_tasks: Trainings of classifiers of clips that are done, by name.
        unavailable: Why a backbone has no features, by backbone.
        yardsticks: Features of the motion yardsticks by event and recording.
        failures: What was left out.
    """

    plan: StudyPlan
    tables: Mapping[str, ExampleTable]
    trainings: Mapping[str, Mapping[str, Any]]
    clips: ClipStudy
    clip_tasks: Mapping[str, ClipFoldTask]
    unavailable: Mapping[str, str]
    yardsticks: Mapping[tuple[str, str], EventFeatures]
    failures: Sequence[Failure]

    def fold_results(self, protocol: str, cell: Cell) -> dict[int, Mapping[str, Any]]:
        """Return what the folds of a cell wrote, by fold."""
        names = {
            fold.index: training_name(protocol, cell, fold.index)
            for fold in self.plan.folds_of(protocol).folds.folds
        }
        return {fold: self.trainings[name] for fold, name in names.items() if name in self.trainings}

    def scores(self, protocol: str, cell: Cell, *, last: bool = False) -> EventScores:
        """Return the out-of-fold scores of the events, mean over views.

        Args:
            protocol: Which folds.
            cell: Which settings.
            last: After the last epoch instead of the chosen one.
        """
        results = self.fold_results(protocol, cell)
        if last:
            results = {
                fold: {
                    **result,
                    "views": [{**row, "scores": row["last_scores"]} for row in result["views"]],
                }
                for fold, result in results.items()
            }
        table = self.tables[cell.config.backbone.name]
        return event_scores(collect(table, results), num_classes=len(self.plan.any_plan.classes))

    def windows(
        self, protocol: str, backbone: str, *, last: bool = False
    ) -> dict[str, tuple[int, list[WindowScores]]]:
        """Return fold and scored windows per view of every event that a classifier of clips tested, by event."""
        found: dict[str, tuple[int, list[WindowScores]]] = {}
        for fold in self.plan.folds_of(protocol).folds.folds:
            task = self.clip_tasks.get(clip_training_name(protocol, backbone, fold.index))
            if task is None:
                continue
            result = read_clip_fold(task.result)
            views = [(view.event_id, view.last if last else view.windows) for view in result.views]
            for event_id, windows in windows_by_event(views).items():
                found[event_id] = (fold.index, windows)
        return dict(sorted(found.items()))

    def clip_means(self, protocol: str, backbone: str) -> EventScores:
        """Return the mean of the clip probabilities as scores of events; events without windows are absent."""
        of_event = {event.event_id: event for event in self.plan.any_plan.events}
        found = self.windows(protocol, backbone)
        means = np.array([mean_clip_score(windows) for _, windows in found.values()], dtype=np.float64)
        return EventScores(
            event_ids=tuple(found),
            patients=tuple(of_event[name].patient_id for name in found),
            folds=tuple(fold for fold, _ in found.values()),
            y_true=np.array([of_event[name].y_true for name in found], dtype=np.int64),
            y_score=np.stack([1 - means, means], axis=1),
        )


def clip_rows(results: StudyResults, protocol: str, backbone: str) -> list[dict[str, Any]]:
    """Return rows of predictions for the windows of all events, views joined; times from the onset."""
    patient_of = results.plan.folds_of(protocol).folds.patient_of
    classes = results.plan.any_plan.classes
    seconds = results.clips.tables[backbone].clip_seconds
    rows = []
    for event_id, (fold, views) in results.windows(protocol, backbone).items():
        joined = average_windows(views)
        for start, y_true, score in zip(joined.start_seconds, joined.y_true, joined.y_score, strict=True):
            rows.append(
                {
                    "fold": fold,
                    "level": "clip",
                    "event_id": event_id,
                    "patient_id": patient_of[event_id],
                    "start_seconds": float(start),
                    "end_seconds": float(start) + seconds,
                    "y_true": int(y_true),
                    f"y_score_{classes[0]}": 1 - float(score),
                    f"y_score_{classes[1]}": float(score),
                }
            )
    return rows


def on_common_events(*scores: EventScores) -> tuple[EventScores, ...]:
    """Return scores on the events that all of them have, in the order of their ids."""
    common = sorted(set.intersection(*(set(one.event_ids) for one in scores)))
    return tuple(_only(one, common) for one in scores)


def _only(scores: EventScores, event_ids: Sequence[str]) -> EventScores:
    position = {name: i for i, name in enumerate(scores.event_ids)}
    index = np.array([position[name] for name in event_ids], dtype=np.int64)
    return EventScores(
        event_ids=tuple(event_ids),
        patients=tuple(scores.patients[i] for i in index),
        folds=tuple(scores.folds[i] for i in index),
        y_true=scores.y_true[index],
        y_score=scores.y_score[index],
    )
