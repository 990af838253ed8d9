"""A tiny synthetic cohort with infrared and depth, made once for all tests of a session, xdist or not."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from stopping import jobs_done
from tiny import locked_file

COHORT = {
    "num_patients": 6,
    "num_seizures": 7,
    "seed": 4,
    "size": (64, 52),
    "fps": 30,
    "min_seconds": 4.1,
    "max_seconds": 6.4,
    "preictal_seconds": 3.6,
    "postictal_seconds": 3.6,
    "workers": 1,
}
"""Arguments of ``make_depth_cohort``: three patients of each syndrome."""
SETTINGS = (
    "training.epochs=2",
    "folds.num_folds=2",
    "report.num_examples=1",
    "report.thumbnails=off",
)
RECORDED = "truth/detections.json"
"""Detections of bed and person that the cohort comes with."""


def ward_arguments(
    recipe: str, cohort: Path, out: Path, *more: str, settings: Sequence[str] = SETTINGS
) -> list[str]:
    """Return the command of a run with tiny settings; ``more`` may override them."""
    given = [word for setting in settings for word in ("--set", setting)]
    crops = ["crops.detector=recorded", f"crops.weights={cohort / RECORDED}"]
    given += [word for setting in crops for word in ("--set", setting)]
    command = ["run", recipe, "--cohort", str(cohort), "--out", str(out), "--backbone", "motion", *given]
    return [*command, "--workers", "1", "--progress", "quiet", *more]


def shared_ward(factory: pytest.TempPathFactory) -> Path:
    """Return the shared cohort, with a feature store in it; the first test that asks for it makes it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-ward"
    folder.mkdir(exist_ok=True)
    cohort, made = folder / "cohort", folder / "made"
    with locked_file(folder / "lock"):
        if not made.exists():
            [done] = jobs_done([{"ward": {"folder": str(cohort), "settings": COHORT}}])
            assert done["code"] == 0, done
            made.touch()
    return cohort
