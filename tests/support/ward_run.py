"""A finished run on slices, with a cohort of its own, made once for all tests of a session, xdist or not."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from stopping import jobs_done
from tiny import locked_file
from tiny_ward import ward_arguments

from semioscope.cohort import Cohort, read_cohort

RECIPE = "karacsony-2022-b"
SLICE_SETTINGS = (
    "crops.method=depth",
    "baselines=[majority]",
    "training.epochs=2",
    "folds.num_folds=3",
    "report.num_examples=1",
    "report.thumbnails=off",
)
"""Crops by depth alone need no detector; of this cohort some are accepted and some are in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WardRun:
    """The shared material; it must not be changed.

    Args:
        cohort: A copy of the tiny ward, with crops of its own.
        run: A finished run on it.
    """

    cohort: Path
    run: Path

    @property
    def bundle(self) -> Path:
        return self.run / "models" / f"{RECIPE}.semio"

    def read(self) -> Cohort:
        return read_cohort(self.cohort)


def shared_ward_run(factory: pytest.TempPathFactory, ward: Path) -> WardRun:
    """Return the shared material; the first test that asks for it makes it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ward-run"
    folder.mkdir(exist_ok=True)
    cohort, run, made = folder / "cohort", folder / "run", folder / "made"
    with locked_file(folder / "lock"):
        if not made.exists():
            shutil.rmtree(cohort, ignore_errors=True)
            cohort.mkdir()
            for name in ("patients.tsv", "recordings.tsv", "seizures.tsv", "synthetic.json"):
                shutil.copy(ward / name, cohort)
            shutil.copytree(ward / "truth", cohort / "truth")
            shutil.copytree(ward / "videos", cohort / "videos", copy_function=os.link)
            command = ward_arguments(RECIPE, cohort, run, settings=SLICE_SETTINGS)
            [done] = jobs_done([{"arguments": command}])
            assert done["code"] == 0, done
            made.touch()
    return WardRun(cohort=cohort, run=run)
