"""Small finished run folders and studies, written with the project's own writers, to be compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import write_json, write_text
from semioscope.core.formats import PREDICTIONS, STUDY_PREDICTIONS
from semioscope.core.records import Event, EventView
from semioscope.core.tables import write_table
from semioscope.recipes import RunConfig, apply_overrides, dump_config, make_config
from semioscope.splits import FoldPlan, make_folds, write_folds

CLASSES = ("FOS", "TCS")


def made_up_events(num_patients: int = 8, num_each: int = 3) -> tuple[Event, ...]:
    """Return events of both classes for every patient."""
    return tuple(
        Event(
            event_id=f"sz-{patient:02d}-{number}",
            patient_id=f"p{patient:02d}",
            y_true=(patient + number) % 2,
            views=(
                EventView(recording_id=f"rec-{patient:02d}-{number}", onset_seconds=1.0, offset_seconds=30.0),
            ),
        )
        for patient in range(num_patients)
        for number in range(num_each)
    )


def plan_of(
    events: Sequence[Event], config: RunConfig, *, seed: int = 0, cohort_hash: str = "c0ffee"
) -> FoldPlan:
    return make_folds(
        events, config.folds, config.selection, seed=seed, num_classes=2, cohort_hash=cohort_hash
    )


def scores_of(events: Sequence[Event], *, skill: float, seed: int) -> dict[str, float]:
    """Return a probability of the second class per event; the larger the skill, the nearer to the truth."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=len(events))
    signs = [1 if event.y_true else -1 for event in events]
    return {
        event.event_id: float(1 / (1 + np.exp(-(skill * sign + drawn))))
        for event, sign, drawn in zip(events, signs, noise, strict=True)
    }


def event_rows(
    plan: FoldPlan, events: Sequence[Event], scores: Mapping[str, float], *, classes: Sequence[str] = CLASSES
) -> list[dict[str, Any]]:
    fold_of = {name: fold.index for fold in plan.folds for name in fold.test}
    return [
        {
            "fold": fold_of[event.event_id],
            "level": "event",
            "event_id": event.event_id,
            "patient_id": event.patient_id,
            "y_true": event.y_true,
            f"y_score_{classes[0]}": 1 - scores[event.event_id],
            f"y_score_{classes[1]}": scores[event.event_id],
        }
        for event in events
        if event.event_id in scores
    ]


def write_run(
    folder: Path,
    *,
    events: Sequence[Event] | None = None,
    skill: float = 1.0,
    seed: int = 0,
    settings: Sequence[str] = (),
    fold_seed: int = 0,
    cohort_hash: str = "c0ffee",
    without: Sequence[str] = (),
) -> Path:
    """Write what ``semioscope compare`` reads of a finished run.

    Args:
        folder: Run folder.
        events: Of the run; None: eight patients with three seizures each.
        skill: How good its scores are.
        seed: Of its scores.
        settings: ``key=value`` overrides of its configuration.
        fold_seed: Of its folds.
        cohort_hash: Of its cohort.
        without: Events that were tested and could not be scored.
    """
    events = made_up_events() if events is None else events
    config = apply_overrides(make_config("gestures-2021"), ["folds.num_folds=4", *settings])
    plan = plan_of(events, config, seed=fold_seed, cohort_hash=cohort_hash)
    scores = scores_of(events, skill=skill, seed=seed)
    kept = {name: score for name, score in scores.items() if name not in without}
    write_text(folder / "config.yaml", dump_config(config))
    write_folds(plan, folder / "folds.json")
    write_table(folder / "predictions.tsv", PREDICTIONS, event_rows(plan, events, kept))
    write_json(folder / "scores.json", {"schema_version": 1, "run": {"synthetic": True}})
    return folder


def write_study(folder: Path, cells: Mapping[str, tuple[str, float]], *, protocol: str = "patient") -> Path:
    """Write a study of one protocol; ``cells`` are the aggregator and the skill of each cell."""
    events = made_up_events()
    config = apply_overrides(
        make_config("gestures-2021", protocol=protocol), ["folds.num_folds=4", "grid.gammas=[1, 4]"]
    )
    plan = plan_of(events, config)
    rows: list[dict[str, Any]] = []
    listed = []
    for number, (cell, (aggregator, skill)) in enumerate(cells.items()):
        scores = scores_of(events, skill=skill, seed=number)
        rows += [{"cell": cell, **row} for row in event_rows(plan, events, scores)]
        listed.append({"cell": cell, "aggregator": aggregator, "num_segments": 4 + number, "gamma": "inf"})
    write_text(folder / "config.yaml", dump_config(config))
    write_folds(plan, folder / protocol / "folds.json")
    write_table(folder / protocol / "predictions.tsv", STUDY_PREDICTIONS, rows)
    content = {"kind": "study", "run": {"synthetic": True}, "protocols": {protocol: {"cells": listed}}}
    write_json(folder / "scores.json", content)
    return folder
