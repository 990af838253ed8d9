"""What ``scores.json`` of a study says beside its scores: the run, the cohort, the views, the folds."""

import math
from typing import Any

from semioscope.core.formats import SCHEMA_VERSION
from semioscope.recipes import published_values
from semioscope.runs.planning import RunPlan
from semioscope.runs.scores import cohort_facts
from semioscope.runs.study_events import StudyResults
from semioscope.runs.thresholds import THRESHOLD
from semioscope.splits import FoldPlan
from semioscope.synthetic import is_synthetic


def study_facts(results: StudyResults) -> dict[str, Any]:
    """Return what studies of every level say."""
    plan, first = results.plan, results.plan.any_plan
    config = plan.config
    paths = [
        first.cohort.recordings[view.recording_id].path for event in first.events for view in event.views
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "study",
        "level": config.examples.level,
        "run": {
            "name": config.recipe,
            "recipe": config.recipe,
            "task": config.task.name,
            "synthetic": is_synthetic(first.cohort.folder),
            "weights": config.backbone.weights,
            "precision": config.backbone.precision,
            "backbone": None if len(plan.backbones) > 1 else plan.backbones[0],
            "num_cells": len(plan.cells),
            "num_folds": len(plan.folds_of(plan.protocols[0]).folds.folds),
            "num_trainings": plan.num_trainings,
            "num_trained": len(results.clip_tasks if results.clips.only else results.trainings),
            "epochs": config.training.epochs,
            "stride": config.clips.stride,
            "window_stride": config.examples.window_stride if results.clips.wanted else None,
            "source": "videos" if any(paths) else "an imported set",
            "commands": {
                "again": "semioscope run STUDY/config.yaml --cohort COHORT --out NEWSTUDY",
                "compare": f"semioscope compare STUDY/{plan.protocols[0]}@{plan.cells[0].name} STUDY/...",
            },
        },
        "classes": list(first.classes),
        "positive_class": first.classes[1] if len(first.classes) == 2 else None,
        "threshold": THRESHOLD,
        "grid": {
            "aggregators": list(dict.fromkeys(cell.config.aggregator.name for cell in plan.cells)),
            "num_segments": sorted({cell.config.segments.num_segments for cell in plan.cells}),
            "gammas": [
                "inf" if math.isinf(gamma) else gamma
                for gamma in sorted({cell.config.segments.gamma for cell in plan.cells})
            ],
            "backbones": list(plan.backbones),
            "protocols": list(plan.protocols),
        },
        "cohort": cohort_facts(first),
        "views": view_facts(results),
        "published": published_values(config.recipe),
        "baseline_notes": [],
        "notes": [*plan.notes(), *results.clips.notes],
    }


def fold_facts(folds: FoldPlan) -> dict[str, Any]:
    """Return how folds were made, and how many patients stand in training and test of one fold."""
    sharing: set[str] = set()
    for fold in folds.folds:
        trained = {folds.patient_of[name] for name in fold.train}
        sharing |= trained & {folds.patient_of[name] for name in fold.test}
    return {
        "rule": folds.rule,
        "selection": folds.selection,
        "num_folds": len(folds.folds),
        "shared_patients": len(sharing),
        "notes": list(folds.notes),
    }


def per_fold(folds: FoldPlan) -> list[dict[str, Any]]:
    """Return how many events each fold has."""
    return [
        {
            "fold": fold.index,
            "num_train": len(fold.train),
            "num_validation": len(fold.validation),
            "num_test": len(fold.test),
            "num_test_patients": len({folds.patient_of[name] for name in fold.test}),
        }
        for fold in folds.folds
    ]


def view_facts(results: StudyResults) -> dict[str, Any]:
    """Return which views stand behind the scores, and which do not."""
    plan: RunPlan = results.plan.any_plan
    chosen = {event.event_id for event in plan.events}
    name_of = {key: recording.view for key, recording in plan.cohort.recordings.items()}
    used = [(event.event_id, view) for event in plan.events for view in event.views]
    dropped = [
        {"event_id": seizure.seizure_id, "view": name_of[view.recording_id]}
        for seizure in plan.cohort.seizures
        for view in seizure.views
        if view.use == "no" and seizure.seizure_id in chosen
    ]
    failed = sorted(
        {
            (item.event_id, item.recording_id)
            for item in results.failures
            if item.event_id and item.recording_id
        }
    )
    return {
        "num_events": len(plan.events),
        "num_views": len(used),
        "one_view": sorted(event.event_id for event in plan.events if len(event.views) == 1),
        "not_trained": [
            {"event_id": event_id, "view": name_of[view.recording_id]}
            for event_id, view in used
            if view.use == "evaluate"
        ],
        "not_used": dropped,
        "failed": [
            {"event_id": event_id, "view": name_of.get(recording_id, recording_id)}
            for event_id, recording_id in failed
        ],
    }
