"""Read the layout of the public GESTURES feature set: a csv of seizures, and a folder of vectors per view.

```
SET/seizures.csv                                  Subject,Seizure,OnsetClonic,GTCS,Discard
SET/features_fpc_8_fps_15/061_05_L/000000.pth     the vector of the clip that starts at frame 0; L large, S small
```
Nothing is guessed: what does not fit is a problem with its row or folder, and all problems are told at once. A view
whose files have a gap is left out and told; the others stand.
Data set: doi 10.5522/04/14781771. Methods: section 1, "Public feature data set".
"""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import CohortError
from semioscope.core.tables import Problem
from semioscope.features.gestures_rows import CSV_FILE, CsvRow, read_csv_rows
from semioscope.plans import ClipPlan

FEATURES_FOLDER = "features_fpc_8_fps_15"
BACKBONE = "r2plus1d_34_8"
NUM_FEATURES = 512
CLIP_PLAN = ClipPlan(fps=15.0, frames_per_clip=8, stride=1)
VIEWS = {"L": "large", "S": "small"}
PUBLISHED_SOURCE = "doi:10.5522/04/14781771"

_SUFFIX = ".pth"
_NUMBER = re.compile(r"([0-9]+)(?=[^0-9]*$)")
_FOLDER = re.compile(r"(.+)_([^_]+)_([LS])")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """The vectors of one camera of a seizure.

    Args:
        name: Of the folder, such as ``061_05_L``.
        view: ``large`` or ``small``.
        num_clips: Vectors, one per start frame.
    """

    name: str
    view: str
    num_clips: int

    @property
    def duration_seconds(self) -> float:
        """From the first frame of the first clip to the end of the last frame of the last."""
        return (self.num_clips - 1) / CLIP_PLAN.fps + CLIP_PLAN.clip_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSeizure:
    """A seizure of the set: its row, and its views (large first; at least one)."""

    row: CsvRow
    views: tuple[SetView, ...]

    @property
    def duration_seconds(self) -> float:
        """Mean over the views."""
        return sum(view.duration_seconds for view in self.views) / len(self.views)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostView:
    """A view that cannot be used, since files of it are missing.

    Args:
        name: Of its folder.
        seizure_id: Its seizure.
        message: Which files, and what to do.
    """

    name: str
    seizure_id: str
    message: str


class FrameGapError(ValueError):
    """The files of a view are numbered with a gap: frames are missing, and none is invented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GesturesSet:
    """A feature set whose rows and folders fit each other.

    Args:
        seizures: Ordered by subject and seizure.
        num_rows: Rows of the csv.
        notes: What a person should know.
        warnings: What a person should look at.
        left_out: Views whose files have a gap, with the reason; not among those of ``seizures``.
    """

    seizures: tuple[SetSeizure, ...]
    num_rows: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[LostView, ...] = ()

    @property
    def views(self) -> tuple[SetView, ...]:
        """All views."""
        return tuple(view for seizure in self.seizures for view in seizure.views)

    @property
    def num_clips(self) -> int:
        """Vectors of all views."""
        return sum(view.num_clips for view in self.views)


def find_set(folder: Path) -> Path:
    """Return the folder that holds the csv and the folder of features: the one given, or the only one in it.

    Raises:
        CohortError: If there is none, or one of the two is missing.
    """
    if not folder.is_dir():
        what = "is a file; unpack it first" if folder.exists() else "does not exist"
        msg = f"{folder} must be the unpacked feature set, but {what}. Check the path."
        raise CohortError(msg)
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and _looks_like_a_set(path))
    root = folder if _looks_like_a_set(folder) or len(inner) != 1 else inner[0]
    missing = [
        f"{name}{'/' if is_folder else ''}"
        for name, is_folder in ((CSV_FILE, False), (FEATURES_FOLDER, True))
        if not ((root / name).is_dir() if is_folder else (root / name).is_file())
    ]
    if missing:
        msg = (
            f"{root} must hold {CSV_FILE} and the folder {FEATURES_FOLDER}, but lacks {' and '.join(missing)}. Give "
            "the folder in which the data set was unpacked, or bring what is missing into it."
        )
        raise CohortError(msg)
    return root


def read_set(root: Path, *, skip_unmatched: bool = False) -> GesturesSet:
    """Return what a feature set holds; the vectors are counted, not read.

    Args:
        root: As :func:`find_set` gives it.
        skip_unmatched: Leave out rows without folders and folders without rows, instead of refusing them.

    Raises:
        CohortError: If anything does not fit; every row and folder at fault is named. A gap in the files of a view
            and a GTCS that contradicts OnsetClonic are warnings.
    """
    rows, problems = read_csv_rows(root / CSV_FILE)
    folders: dict[str, int] = {}
    gaps: dict[str, str] = {}
    for folder in sorted(path for path in (root / FEATURES_FOLDER).iterdir() if path.is_dir()):
        try:
            folders[folder.name] = len(vector_files(folder))
        except FrameGapError as err:
            folders[folder.name], gaps[folder.name] = 0, str(err)
        except ValueError as err:
            folders[folder.name] = 1
            problems.append(folder_problem(folder.name, str(err)))
    found, unmatched, notes = match(rows, folders)
    lost, doubts = _without(gaps, rows, found)
    problems += doubts
    if not skip_unmatched:
        problems += unmatched
    elif unmatched:
        notes = [*notes, *(f"left out: {problem}" for problem in unmatched)]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    if not found and len(problems) == len(warnings):
        message = "must have a seizure with a whole view, but every view has a gap." if lost else (
            "must have a seizure, but has none."
        )  # fmt: skip
        problems.append(Problem(severity="error", file=CSV_FILE, message=message))
    refuse(problems, root.resolve().name)
    return GesturesSet(
        seizures=tuple(found),
        num_rows=len(rows),
        notes=tuple(notes),
        warnings=tuple(map(str, warnings)),
        left_out=tuple(lost),
    )


def _without(
    gaps: Mapping[str, str], rows: Sequence[CsvRow], found: Sequence[SetSeizure]
) -> tuple[list[LostView], list[Problem]]:
    """Return the views of rows that have a gap, and a warning about each: what is missing, what stays."""
    kept = {seizure.row.seizure_id for seizure in found}
    lost, doubts = [], []
    for row in rows:
        for letter in VIEWS:
            name = f"{row.seizure_id}_{letter}"
            if name not in gaps:
                continue
            stays = (
                "The view is left out; the other view of the seizure stays."
                if row.seizure_id in kept
                else "The view is left out, and the seizure with it, as it has no other whole view."
            )
            remedy = "Unpack the data set again, then import it again, into another folder or with --force."
            lost.append(
                LostView(name=name, seizure_id=row.seizure_id, message=f"{name} {gaps[name]}. {remedy}")
            )
            doubts.append(row.problem(f"{name} {gaps[name]}. {stays} {remedy}", severity="warning"))
    return lost, doubts


def match(
    rows: Sequence[CsvRow], folders: Mapping[str, int]
) -> tuple[list[SetSeizure], list[Problem], list[str]]:
    """Put rows and folders together.

    Args:
        rows: Of the csv.
        folders: Number of vectors by name of the folder; one with none belongs to its row, but is no view.

    Returns:
        The seizures, ordered; rows and folders that have no counterpart; notes about what is allowed but rare.
    """
    seizures, problems, notes = [], [], []
    left = dict(folders)
    for row in sorted(rows, key=lambda row: (row.subject, row.seizure)):
        own = {view: f"{row.seizure_id}_{letter}" for letter, view in VIEWS.items()}
        views = [
            SetView(name=name, view=view, num_clips=folders[name])
            for view, name in own.items()
            if folders.get(name)
        ]
        has_folder = any(name in folders for name in own.values())
        for name in own.values():
            left.pop(name, None)
        if len(views) == 1:
            notes.append(f"Seizure {row.seizure_id} has one view only ({views[0].view}).")
        elif len({view.num_clips for view in views}) > 1:
            told = " and ".join(f"{view.num_clips} in {view.view}" for view in views)
            notes.append(f"The views of seizure {row.seizure_id} differ in their vectors: {told}.")
        if views:
            seizures.append(SetSeizure(row=row, views=tuple(views)))
        elif has_folder:
            continue  # its views have gaps, which is told
        elif row.discard == "Yes":
            notes.append(f"Seizure {row.seizure_id} is discarded and has no folder; it is left out.")
        else:
            near = [name for name in sorted(folders) if _same_numbers(name, row)]
            for name in near:
                left.pop(name, None)
            problems.append(row.problem(_no_folder(row, near)))
    for name in left:
        message = "must belong to a row (SUBJECT_SEIZURE_L or _S), but none fits. Add its row, or remove it."
        problems.append(folder_problem(name, message))
    return seizures, problems, notes


def vector_files(folder: Path) -> list[str]:
    """Return the names of the files of vectors in a folder, by number where all are numbered, else sorted.

    Raises:
        FrameGapError: If the numbers have a gap; the message names the files that are missing.
        ValueError: If there is none, or a number comes twice.
    """
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name for entry in entries if entry.name.endswith(_SUFFIX) and entry.name[0] != "."
        )
    if not names:
        msg = f"must hold one {_SUFFIX} file per start frame, but holds none. Unpack the data set again."
        raise ValueError(msg)
    numbers = [_NUMBER.search(name.removesuffix(_SUFFIX)) for name in names]
    if not all(numbers):
        return names
    numbered = sorted((int(found[1]), name) for found, name in zip(numbers, names, strict=True) if found)
    there = {number for number, _ in numbered}
    if len(there) < len(numbered):
        again = next(b for (a, _), (b, _) in itertools.pairwise(numbered) if a == b)
        msg = (
            f"must hold one file per start frame, but two have the number {again}. Unpack the data set again."
        )
        raise ValueError(msg)
    missing = [number for number in range(min(1, numbered[0][0]), numbered[-1][0]) if number not in there]
    if missing:
        names = [_numbered_like(numbered[0][1], number) for number in missing[:3]]
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        msg = (
            f"must hold one {_SUFFIX} file per start frame, numbered without a gap, but {', '.join(names)}{more} "
            f"{'is' if len(missing) == 1 else 'are'} missing beside {numbered[0][1]} to {numbered[-1][1]}"
        )
        raise FrameGapError(msg)
    return [name for _, name in numbered]


def folder_problem(name: str, message: str) -> Problem:
    """Return an error about a folder of vectors."""
    return Problem(severity="error", file=f"{FEATURES_FOLDER}/{name}", message=message)


def refuse(problems: Sequence[Problem], name: str) -> None:
    """Say all problems of a feature set, if an error is among them.

    Raises:
        CohortError: If there are errors.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        lines = [f"Nothing was imported: the feature set {name} has {count}:", *map(str, errors)]
        lines += [f"Warning: {problem}" for problem in problems if problem.severity == "warning"]
        raise CohortError("\n".join(lines))


def _numbered_like(name: str, number: int) -> str:
    """Return the name of the file of a number, with as many digits as another file has."""
    stem = name.removesuffix(_SUFFIX)
    return _NUMBER.sub(lambda found: f"{number:0{len(found[1])}d}", stem) + _SUFFIX


def _looks_like_a_set(folder: Path) -> bool:
    return (folder / CSV_FILE).is_file() or (folder / FEATURES_FOLDER).is_dir()


def _same_numbers(folder_name: str, row: CsvRow) -> bool:
    """Return whether a folder is that of a row but for leading zeros."""
    found = _FOLDER.fullmatch(folder_name)
    bare = [part.lstrip("0") for part in (row.subject, row.seizure)]
    return found is not None and [found[1].lstrip("0"), found[2].lstrip("0")] == bare


def _no_folder(row: CsvRow, near: Sequence[str]) -> str:
    if near:
        return (
            f"Subject {row.subject} and Seizure {row.seizure} must be written as folders are, with leading zeros; "
            f"the folder {' or '.join(near)} probably belongs to it. Import the published csv, not one that a "
            "spreadsheet saved, or restore the zeros."
        )
    return (
        f"must have a folder {row.seizure_id}_L or {row.seizure_id}_S in {FEATURES_FOLDER}, but has neither. Unpack "
        "the data set again, or leave such rows out with --skip-unmatched."
    )
