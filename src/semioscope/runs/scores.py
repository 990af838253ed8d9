"""``scores.json``: every figure of the report, with its interval."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from semioscope.cohort import summarise
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.evaluation import BASELINES
from semioscope.plans import SlicePlan
from semioscope.recipes import is_extended
from semioscope.runs.averages import event_averages
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import EventScores, ViewScore, event_scores, one_per_view
from semioscope.runs.slice_facts import data_summary
from semioscope.runs.slice_scores import slice_scores
from semioscope.runs.thresholds import THRESHOLD, inner_threshold
from semioscope.runs.yardsticks import yardstick_notes
from semioscope.scoring import (
    METRICS,
    UndefinedScoreWarning,
    bootstrap_curve,
    bootstrap_patients,
    confusion,
    ece,
    find_metric,
    fit_calibration,
    fit_threshold,
    metrics_for,
    paired_bootstrap,
    per_class,
    predict_classes,
    reliability_points,
)

COMPARED = ("accuracy", "balanced_accuracy", "f1", "macro_f1", "auroc")


def run_scores(
    plan: RunPlan,
    views: Sequence[ViewScore],
    events: EventScores,
    baselines: Mapping[str, EventScores],
    *,
    fold_results: Mapping[int, Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of ``scores.json``.

    Args:
        plan: What was run.
        views: Scores of views; several of one view where several folds tested it.
        events: Scores of events.
        baselines: Scores of the yardsticks on the same events.
        fold_results: What each fold wrote.
        facts: What else the report shows: ``run``, ``decode``, ``notes``, ``bundle``, ``crops``,
            ``search``.
    """
    with warnings.catch_warnings():
        # what is undefined is NaN in the file and "undefined" in the report, with its reason
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        return _content(plan, views, events, baselines, fold_results=fold_results, facts=facts)


def _content(
    plan: RunPlan,
    views: Sequence[ViewScore],
    events: EventScores,
    baselines: Mapping[str, EventScores],
    *,
    fold_results: Mapping[int, Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    classes = plan.classes
    seed = plan.config.seed
    binary = len(classes) == 2
    missing = sorted({event.event_id for event in plan.events} - set(events.event_ids))
    notes = [*plan.notes, *facts.get("notes", ())]
    if missing:
        notes.append(
            f"{counted(len(missing), 'event')} could not be scored: {', '.join(missing[:8])}. See the failures."
        )
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run": facts["run"],
        "bundle": facts["bundle"],
        "classes": list(classes),
        "positive_class": classes[1] if binary else None,
        "threshold": THRESHOLD,
        "event": _estimates(events, classes, seed=seed),
        "view": _estimates(_as_events(one_per_view(views), len(classes)), classes, seed=seed),
        "baselines": _baselines(events, baselines, classes, seed=seed),
        "baseline_notes": yardstick_notes(plan.yardstick_groups),
        "confusion": confusion(events.y_true, events.y_score, num_classes=len(classes)).tolist(),
        "per_class": _per_class(events, classes),
        "averages": event_averages(events, classes, recipe=plan.config.recipe, seed=seed),
        "per_fold": _per_fold(plan, views, fold_results),
        "per_patient": _per_patient(events, classes),
        "calibration": _calibration(events),
        "cohort": cohort_facts(plan),
        "events": _events(one_per_view(views), events),
        "examples": _examples(events, num=plan.config.report.num_examples),
        "decode": facts["decode"],
        "notes": notes,
    }
    content |= {key: facts[key] for key in ("crops", "search") if facts.get(key)}
    if isinstance(plan.clips, SlicePlan):
        content["slices"] = _slices(plan, plan.clips, views)
    if binary:
        inner, note = inner_threshold(views, events, classes, fold_results, seed=seed)
        content["event_inner_threshold"] = inner
        content["notes"] += [note] if note else []
        if plan.folds.selection == "inner":  # the paper's protocol keeps 0.5
            content["fitted_threshold"] = fit_threshold(events.y_true, events.y_score[:, 1])
        content["curves"] = _curves(events, classes, seed=seed)
    return content


def _slices(plan: RunPlan, slices: SlicePlan, views: Sequence[ViewScore]) -> dict[str, Any]:
    aggregator = plan.config.aggregator
    scores = slice_scores(
        views,
        classes=plan.classes,
        slices=slices,
        recipe=plan.config.recipe,
        aggregator=aggregator.name,
        extended=is_extended(aggregator),
        seed=plan.config.seed,
    )
    examples = [view.example for view in one_per_view(views)]
    return scores | {"data": data_summary(plan.events, examples, classes=plan.classes, slices=slices)}


def _estimates(events: EventScores, classes: Sequence[str], *, seed: int) -> dict[str, Any]:
    return {
        name: asdict(
            bootstrap_patients(
                metric, events.y_true, events.y_score, events.patients, seed=seed, class_names=classes
            )
        )
        for name, metric in metrics_for(len(classes)).items()
    }


def _as_events(views: Sequence[ViewScore], num_classes: int) -> EventScores:
    return EventScores(
        event_ids=tuple(view.example.event_id for view in views),
        patients=tuple(view.example.patient_id for view in views),
        folds=tuple(view.fold for view in views),
        y_true=np.array([view.example.y_true for view in views], dtype=np.int64),
        y_score=np.array([view.scores for view in views], dtype=np.float64).reshape(len(views), num_classes),
    )


def _baselines(
    events: EventScores, baselines: Mapping[str, EventScores], classes: Sequence[str], *, seed: int
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, scores in baselines.items():
        compared = [key for key in COMPARED if key in metrics_for(len(classes))]
        differences = {
            key: asdict(
                paired_bootstrap(
                    METRICS[key],
                    events.y_true,
                    events.y_score,
                    scores.y_score,
                    events.patients,
                    seed=seed,
                    class_names=classes,
                )
            )
            for key in compared
        }
        content[name] = {
            "title": BASELINES[name].title,
            **_estimates(scores, classes, seed=seed),
            "difference": differences,
        }
    return content


def _per_class(events: EventScores, classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "class": classes[row.class_index],
            "precision": row.precision,
            "sensitivity": row.sensitivity,
            "specificity": row.specificity,
            "f1": row.f1,
            "num_events": row.num_true,
        }
        for row in per_class(events.y_true, events.y_score)
    ]


def _per_fold(
    plan: RunPlan, views: Sequence[ViewScore], fold_results: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the scores of every fold, each of what it tested itself."""
    rows = []
    for fold in plan.folds.folds:
        mine = event_scores(
            [view for view in views if view.fold == fold.index], num_classes=len(plan.classes)
        )
        row: dict[str, Any] = {
            "fold": fold.index,
            "num_train": len(fold.train),
            "num_validation": len(fold.validation),
            "num_test": len(fold.test),
            "num_test_patients": len({plan.folds.patient_of[event_id] for event_id in fold.test}),
            "best_epoch": fold_results[fold.index]["best_epoch"] if fold.index in fold_results else None,
        }
        for name in ("accuracy", "macro_f1", "auroc"):
            row[name] = float("nan")
            if len(mine.y_true) and _defined(name, mine.y_true, plan.classes):
                row[name] = find_metric(name)(mine.y_true, mine.y_score)
        rows.append(row)
    return rows


def _defined(name: str, y_true: np.ndarray, classes: Sequence[str]) -> bool:
    return name == "accuracy" or len(np.unique(y_true)) == len(classes)


def _per_patient(events: EventScores, classes: Sequence[str]) -> list[dict[str, Any]]:
    predicted = predict_classes(events.y_score)
    rows = []
    for patient_id in sorted(set(events.patients)):
        mine = np.array([patient == patient_id for patient in events.patients])
        counts = Counter(events.y_true[mine].tolist())
        correct = int((predicted[mine] == events.y_true[mine]).sum())
        rows.append(
            {
                "patient_id": patient_id,
                "num_events": int(mine.sum()),
                "classes": ", ".join(f"{counts[i]} {name}" for i, name in enumerate(classes) if counts[i]),
                "num_correct": correct,
                "accuracy": correct / int(mine.sum()),
            }
        )
    return rows


def _calibration(events: EventScores) -> dict[str, Any]:
    fitted = fit_calibration(events.y_true, events.y_score)
    points = reliability_points(events.y_true, events.y_score)
    return {
        "kind": fitted.kind,
        "slope": fitted.slope,
        "intercept": fitted.intercept,
        "ece": ece(events.y_true, events.y_score),
        "brier": find_metric("brier")(events.y_true, events.y_score),
        "reliability": [
            {"mean_score": float(score), "fraction_positive": float(fraction), "count": int(count)}
            for score, fraction, count in zip(
                points.mean_score, points.fraction, points.num_examples, strict=True
            )
        ],
    }


def _curves(events: EventScores, classes: Sequence[str], *, seed: int) -> dict[str, Any]:
    curves = {}
    for kind in ("roc", "pr"):
        band = bootstrap_curve(
            kind, events.y_true, events.y_score[:, 1], events.patients, seed=seed, class_names=classes
        )
        curves[kind] = {
            "x": band.grid.tolist(),
            "y": band.value.tolist(),
            "low": band.low.tolist(),
            "high": band.high.tolist(),
            "note": band.note,
        }
    return curves


def cohort_facts(plan: RunPlan) -> dict[str, Any]:
    """Return the figures of the cohort that took part."""
    minimum = plan.config.events.min_duration_seconds
    summary = summarise(plan.cohort, plan.config.task, min_duration_seconds=minimum)
    used = {view.recording_id for event in plan.events for view in event.views}
    index = plan.config.task.parts_index
    with_parts = [event for event in plan.events if index is not None and event.y_true == index]
    seizures = {seizure.seizure_id for seizure in plan.cohort.seizures}
    return {
        "parts_class": summary["parts_class"],
        "num_patients": summary["patients"]["num"],
        "num_events": summary["num_events"],
        "num_recordings": len(used),
        "num_parts": sum(event.event_id not in seizures for event in with_parts),
        "minutes": summary["minutes"],
        "patients_by_class": summary["patients"]["by_class"],
        "per_class": {
            name: {
                "patients": figures["num_patients"],
                "seizures": figures["num_used"],
                "median_seconds": figures["duration_seconds"]["median"],
                "min_seconds": figures["duration_seconds"]["min"],
                "max_seconds": figures["duration_seconds"]["max"],
            }
            for name, figures in summary["classes"].items()
        }
        | ({str(plan.config.task.parts_class): _of_class(with_parts)} if with_parts else {}),
        "r_max": summary["ratio"]["max"],
        "n_min": summary["min_segments"],
        "left_out": [{"event_id": item.event_id, "reason": item.reason} for item in plan.selection.left_out],
    }


def _of_class(events: Sequence[Event]) -> dict[str, Any]:
    seconds = [event.duration_seconds for event in events]
    return {
        "patients": len({event.patient_id for event in events}),
        "seizures": len(events),
        "median_seconds": float(np.median(seconds)),
        "min_seconds": min(seconds),
        "max_seconds": max(seconds),
    }


def _events(views: Sequence[ViewScore], events: EventScores) -> list[dict[str, Any]]:
    predicted = predict_classes(events.y_score)
    by_event: dict[str, list[ViewScore]] = {event_id: [] for event_id in events.event_ids}
    for view in views:
        by_event[view.example.event_id].append(view)
    shown = 1 if events.y_score.shape[1] == 2 else None
    return [
        {
            "event_id": event_id,
            "patient_id": events.patients[i],
            "fold": events.folds[i],
            "y_true": int(events.y_true[i]),
            "y_predicted": int(predicted[i]),
            "score": float(events.y_score[i, 1 if shown == 1 else int(predicted[i])]),
            "correct": bool(predicted[i] == events.y_true[i]),
            "views": [
                {
                    "recording_id": view.example.recording_id,
                    "view": view.example.view,
                    "onset_seconds": view.example.onset_seconds,
                    "clonic_onset_seconds": view.example.clonic_onset_seconds,
                    "offset_seconds": view.example.offset_seconds,
                    "use": view.example.use,
                    "score": view.scores[1 if shown == 1 else int(predicted[i])],
                    "num_clips": view.example.num_clips + view.example.num_missing_clips,
                    "num_missing_clips": view.example.num_missing_clips,
                    "num_held_clips": view.example.num_held_clips,
                    "num_damaged_clips": view.example.num_damaged_clips,
                }
                for view in by_event[event_id]
            ],
        }
        for i, event_id in enumerate(events.event_ids)
    ]


def _examples(events: EventScores, *, num: int) -> dict[str, list[str]]:
    """Return which events the report shows: the surest right ones, the least sure right ones, all wrong ones."""
    predicted = predict_classes(events.y_score)
    of_truth = events.y_score[np.arange(len(events.y_true)), events.y_true]
    order = np.lexsort((np.array(events.event_ids), -of_truth))
    right = [i for i in order if predicted[i] == events.y_true[i]]
    wrong = [i for i in order[::-1] if predicted[i] != events.y_true[i]]
    best, worst = right[:num], [i for i in right[::-1][:num] if i not in right[:num]]
    named = {"best": best, "worst": worst, "wrong": wrong}
    return {name: [events.event_ids[i] for i in chosen] for name, chosen in named.items()}
