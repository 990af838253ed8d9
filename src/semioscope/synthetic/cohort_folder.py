"""What all synthetic cohorts share: the folder that is taken, the mark in it, and the rendering of its recordings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.errors import CohortError
from semioscope.core.files import read_json, write_json, write_text
from semioscope.core.progress import Progress
from semioscope.execution import Ledger, Unit, make_executor, run_stage

MARK_FILE = "synthetic.json"
"""The file in a cohort folder that says it is synthetic; reports look for it."""

HELD_OUT = "held-out"
"""Folder of the patients whom the tables do not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticCohort:
    """What was made.

    Args:
        folder: The cohort folder.
        task: The task that it was made for.
        seed: Seed of everything in it.
        num_patients: In the tables.
        num_seizures: In the tables.
        class_counts: Seizures of each class in the tables.
        total_seconds: Length of all videos in the tables together.
        held_out_videos: Videos of patients who are not in the tables.
        contextual_seconds: Length of those without seizures.
    """

    folder: Path
    task: str
    seed: int
    num_patients: int
    num_seizures: int
    class_counts: dict[str, int]
    total_seconds: float
    held_out_videos: tuple[Path, ...]
    contextual_seconds: float = 0.0


def is_synthetic(folder: Path) -> bool:
    """Return whether a cohort folder says that it is synthetic."""
    return (folder / MARK_FILE).is_file()


def claim(folder: Path, settings: dict[str, Any], *, readme: str) -> None:
    """Take an empty folder, or one that was begun with the same settings.

    Raises:
        CohortError: If it holds something else.
    """
    mark = folder / MARK_FILE
    if mark.is_file():
        there = read_json(mark)
        if there != settings:
            found = there if isinstance(there, dict) else {}
            keys = sorted(
                key for key in settings.keys() | found.keys() if found.get(key) != settings.get(key)
            )
            msg = (
                f"{folder} must be empty or hold the cohort of the same command, but it was made with another "
                f"{', '.join(keys)}. Choose another folder, or delete this one."
            )
            raise CohortError(msg)
        return
    if folder.is_dir() and any(folder.iterdir()):
        msg = f"{folder} must be empty or absent, but holds files. Choose another folder for the synthetic cohort."
        raise CohortError(msg)
    write_json(mark, settings)
    write_text(folder / "README.txt", readme)


def render(
    folder: Path,
    make: Callable[[Any], dict[str, Any]],
    units: Sequence[Unit],
    *,
    workers: int,
    progress: Progress,
) -> None:
    """Make the recordings of a cohort that are not there yet, the longest first.

    Raises:
        CohortError: If some could not be made; names all of them.
    """
    result = run_stage(
        "render",
        make,
        sorted(units, key=lambda unit: -unit.weight),  # long ones first: all workers end together
        ledger=Ledger(folder / ".units"),
        executor=make_executor("local", workers=workers, threads_per_worker=1),
        progress=progress,
        unit_name="s of video",
    )
    if result.failed:
        lines = [f"{failed.unit.name}: {failed.message}" for failed in result.failed]
        msg = f"{len(lines)} of {len(units)} recordings could not be made:\n" + "\n".join(lines)
        raise CohortError(msg)


def count_faults(num_patients: int, num_seizures: int, hold_out: int) -> list[str]:
    """Return what is wrong with the numbers of patients and seizures of a cohort, in sentences."""
    faults = []
    if num_patients < 1:
        faults.append(f"num_patients must be 1 or more, got {num_patients}. Ask for --patients 12.")
    elif num_seizures < num_patients:
        faults.append(
            f"num_seizures must be at least one per patient ({num_patients}), got {num_seizures}. "
            "Ask for more seizures or fewer patients."
        )
    if hold_out < 0:
        faults.append(f"hold_out must be 0 or more, got {hold_out}. Leave it out to hold out nobody.")
    return faults
