"""A made-up answer to whether pre-training helped: three small run folders, and what follows from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from compared import CLASSES, made_up_events, write_run

from semioscope.core.files import write_json
from semioscope.core.formats import PREDICTIONS
from semioscope.core.tables import read_rows
from semioscope.runs.averages import event_averages
from semioscope.runs.benefit import VARIANTS
from semioscope.runs.benefit_content import benefit_content
from semioscope.runs.benefit_pretraining import Overlap
from semioscope.runs.results import EventScores

PRETRAINING = {
    "recipe": "made-up", "step": 40, "num_steps": 40, "num_patients": 3, "patients": ["p01", "p02", "x9"],
    "backbone": "resnet34", "num_excerpts": 16, "num_epochs": 10, "hours": 0.5, "synthetic_pretraining": True,
    "trivial_loss": {"mean_feature": 50.0, "spoilt_input": 20.0}, "epoch_loss": [60.0, 40.0, 30.0, 18.0],
}  # fmt: skip
ABOUT = {
    "recipe": "made-up", "protocol": "patient", "rule": "patient", "selection": "inner", "task": "fos-vs-tcs",
    "synthetic": True, "strict": False, "pretraining": PRETRAINING,
}  # fmt: skip
OVERLAP = Overlap(patients=("p01", "p02"), num_tested=8, num_events=6, num_events_tested=24)


def made_up_content(
    out: Path,
    *,
    skills: Mapping[str, float],
    seeds: Mapping[str, int] | None = None,
    num_patients: int = 8,
    failed: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
    overlap: Overlap = OVERLAP,
    recipe: str = "made-up",
) -> dict[str, Any]:
    """Write runs of these skills, and return the content of ``benefit.json``; it is written too.

    Args:
        out: The common folder.
        skills: How good the scores of each variant are.
        seeds: Of their scores; equal seeds have equal noise.
        num_patients: Of the cohort, three events each.
        failed: Variants that could not be done, and why.
        about: In place of parts of ``ABOUT``.
        overlap: Who was seen.
        recipe: Name of the recipe.
    """
    events = made_up_events(num_patients)
    for name, skill in skills.items():
        write_run(out / name, events=events, skill=skill, seed=(seeds or {}).get(name, 0))
    variants = [
        _variant(out, variant.name, variant.title, (failed or {}).get(variant.name)) for variant in VARIANTS
    ]
    content = benefit_content(
        out,
        about={**ABOUT, **(about or {}), "recipe": recipe},
        classes=CLASSES,
        variants=variants,
        overlap=overlap,
        seed=0,
    )
    write_json(out / "benefit.json", content)
    return content


def _variant(out: Path, name: str, title: str, message: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "title": title, "folder": name}
    if message is not None:
        return row | {"status": "failed", "message": message, "failures": 1, "averages": {}}
    averages = event_averages(_scores(out / name), CLASSES, recipe="made-up", seed=0)
    kept = {key: averages[key] for key in ("overall", "per_class", "largest")}
    return row | {"status": "done", "message": "", "failures": 0, "averages": kept}


def _scores(run: Path) -> EventScores:
    rows = read_rows(run / "predictions.tsv", PREDICTIONS)
    return EventScores(
        event_ids=tuple(str(row["event_id"]) for row in rows),
        patients=tuple(str(row["patient_id"]) for row in rows),
        folds=tuple(int(row["fold"]) for row in rows),
        y_true=np.array([row["y_true"] for row in rows], dtype=np.int64),
        y_score=np.array([[row[f"y_score_{name}"] for name in CLASSES] for row in rows], dtype=np.float64),
    )
