"""Writes a made-up run whose examples are slices: scores of slices, crops, folds in which patients come again."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import write_json, write_text
from semioscope.core.records import Event, EventView
from semioscope.evaluation import ViewExample
from semioscope.plans import SlicePlan
from semioscope.recipes.published_karacsony import published_slices
from semioscope.runs.results import ViewScore
from semioscope.runs.slice_facts import data_summary
from semioscope.runs.slice_scores import slice_scores

_SPEC = importlib.util.spec_from_file_location("made_up_run", Path(__file__).with_name("made_up_run.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
made_up_run = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made_up_run)

CLASSES = ("FLE", "TLE", "nonepileptic")
CROPS = {
    "num_accepted": 71, "num_flagged": 2, "num_rejected": 1, "num_manual": 3,
    "flagged": [
        {"event_id": "sz-004", "recording_id": "p04-ir", "reason": "no bed was found with a score of 0.7 or more"},
        {"event_id": "sz-017~post", "recording_id": "p05-ir", "reason": "the depth crop keeps 61 % of the person"},
    ],
    "num_failed": 1,
    "remarks": [{"event_id": "sz-030", "recording_id": "p04-ir",
                 "reason": "the signed and the absolute curvature name different axes as the length of the bed"}],
}  # fmt: skip


def made_up_views(num_classes: int = 3, *, seed: int = 0) -> list[ViewScore]:
    """Return scored views of 5 folds: 26 patients, of whom some have events of several classes."""
    rng = np.random.default_rng(seed)
    views = []
    for number in range(26 * 3):
        patient, y_true = number % 26, (number % 26) % 2 if number < 52 or num_classes == 2 else 2
        num_clips = int(rng.integers(4, 24))
        easy = rng.normal(1.1, 0.7)
        logits = rng.normal(0, 1, (num_clips, num_classes)) + easy * np.eye(num_classes)[y_true]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        onset = float(rng.uniform(5, 60))
        example = ViewExample(
            event_id=f"sz-{number + 1:03d}", recording_id=f"p{patient + 1:02d}-ir", view="ir",
            patient_id=f"p{patient + 1:02d}", y_true=y_true, use="train", onset_seconds=onset,
            clonic_onset_seconds=None, offset_seconds=onset + 2.0 * num_clips + 0.2, num_frames=60 * num_clips + 7,
            num_clips=num_clips, num_missing_clips=int(number == 9), num_held_clips=0, num_damaged_clips=0,
            num_off_pace_clips=int(number == 3), num_dropped_frames=7,
        )  # fmt: skip
        row = {"clip": scores.tolist(), "scores": scores.mean(axis=0).tolist()}
        folds = [patient % 5] + ([(patient + 1) % 5] if patient in (24, 25) else [])
        views += [ViewScore(fold=fold, example=example, row=row) for fold in folds]
    return sorted(views, key=lambda view: (view.example.event_id, view.fold))


def slices_of_views(
    views: list[ViewScore], *, num_classes: int = 3, recipe: str = "karacsony-2022-b05", extended: bool = True
) -> dict[str, Any]:
    """Return the section ``slices`` of made-up views, by the function that runs use."""
    plan = SlicePlan(stride=30, leftovers=False)
    examples = {view.example.event_id: view.example for view in views}
    events = [
        Event(
            event_id=example.event_id, patient_id=example.patient_id, y_true=example.y_true,
            views=(EventView(recording_id=example.recording_id, onset_seconds=0.0, offset_seconds=1.0),),
        )
        for example in examples.values()
    ]  # fmt: skip
    classes = CLASSES[:num_classes]
    scores = slice_scores(
        views, classes=classes, slices=plan, recipe=recipe, aggregator="lstm_fc", extended=extended, seed=0
    )
    return {**scores, "data": data_summary(events, list(examples.values()), classes=classes, slices=plan)}


def write_slice_run(run: Path, *, num_classes: int = 3, **more: Any) -> Path:
    """Write a run folder; the parts that are not about slices are those of ``made_up_run``."""
    made_up_run.write_run(run)
    views = made_up_views(num_classes)
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    scores |= {
        "classes": list(CLASSES[:num_classes]),
        "positive_class": "TLE" if num_classes == 2 else None,
        "slices": slices_of_views(views, num_classes=num_classes, **more),
        "crops": CROPS,
    }
    scores["run"] |= {"recipe": "karacsony-2022-b05", "task": "-vs-".join(CLASSES[:num_classes]).lower()}
    if num_classes > 2:
        scores["confusion"] = [[13, 2, 1], [3, 9, 2], [0, 1, 20]]
        for key in ("curves", "baselines"):
            scores.pop(key)
    write_json(run / "scores.json", scores)
    write_json(run / "folds.json", _folds(views))
    return run


def _folds(views: list[ViewScore]) -> dict[str, Any]:
    patient_of = {view.example.event_id: view.example.patient_id for view in views}
    tested = [sorted(view.example.event_id for view in views if view.fold == fold) for fold in range(5)]
    by_patient = [{patient_of[event_id] for event_id in names} for names in tested]
    return {
        "schema_version": 1, "rule": "patients-per-class", "seed": 0, "selection": "test", "cohort_hash": "c0ffee",
        "notes": [], "patient_of": patient_of,
        "folds": [
            {"index": fold, "test": names, "validation": names,
             "train": sorted(event_id for event_id, name in patient_of.items() if name not in by_patient[fold])}
            for fold, names in enumerate(tested)
        ],
    }  # fmt: skip


SERIES = (
    ("karacsony-2022-a", "A", 2, "I3D", "i3d_head", False),
    ("karacsony-2022-a", "A", 2, "LSTM", "lstm_fc", False),
    ("karacsony-2022-a", "A", 3, "LSTM", "lstm_fc", False),
    ("karacsony-2022-b", "B", 2, "I3D", "i3d_head", False),
    ("karacsony-2022-b", "B", 2, "LSTM", "lstm_fc", False),
    ("karacsony-2022-b", "B", 3, "I3D", "i3d_head", False),
    ("karacsony-2022-b05", "B0.5", 3, "LSTM", "lstm_fc", False),
    ("karacsony-2022-b05", "B0.5", 3, "Extended LSTM", "lstm_fc", True),
)


def write_series(folder: Path, *, failed: tuple[int, ...] = (3,)) -> Path:
    """Write a series folder; the runs at these positions have failed, the others have a report."""
    rows = []
    for position, (recipe, data_set, num_classes, classifier, aggregator, extended) in enumerate(SERIES):
        name = f"{data_set.lower()}-{num_classes}-{classifier.lower().replace(' ', '-')}"
        row = {
            "name": name, "folder": name, "title": f"{classifier} on {data_set}, {num_classes} classes",
            "data_set": data_set, "num_classes": num_classes, "classifier": classifier, "cropper": "depth_box",
            "depth_crop": data_set != "A",
            "published": published_slices(recipe, num_classes=num_classes, aggregator=aggregator, extended=extended),
        }  # fmt: skip
        if position in failed:
            row |= {
                "status": "failed",
                "message": "Batches must fit into memory, got 9 GB.",
                "slices": {},
                "event": {},
                "crops": {},
            }
        else:
            views = made_up_views(num_classes, seed=position)
            slices = slices_of_views(views, num_classes=num_classes, recipe=recipe, extended=extended)
            event = {"accuracy": made_up_run.estimate(0.81, 0.7, 0.9), "macro_f1": made_up_run.estimate(0.8)}
            crops = CROPS | {"num_accepted": 70 + num_classes}
            row |= {"status": "done", "message": "", "slices": slices, "event": event, "crops": crops}
            write_text(folder / name / "report.html", "<!doctype html><title>run</title>")
        rows.append(row)
    content = {
        "schema_version": 1, "kind": "series", "name": "karacsony-2022-table2", "protocol": "patient",
        "rule": "patient", "selection": "inner", "synthetic": True, "rows": rows,
    }  # fmt: skip
    write_json(folder / "series.json", content)
    return folder
