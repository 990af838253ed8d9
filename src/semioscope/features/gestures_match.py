"""Put the rows of the public GESTURES csv and the folders of vectors together, by their names.

A row that has no folder, but nearly has one, was changed by a spreadsheet: its zeros are lost, or it became a
number with decimals. It is no row without a folder, and leaving it out would lose a seizure unseen.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from semioscope.core.tables import Problem
from semioscope.features.gestures_layout import FEATURES_FOLDER, VIEWS, SetSeizure, SetView
from semioscope.features.gestures_rows import CsvRow

_FOLDER = re.compile(r"(.+)_([^_]+)_([LS])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Rows and folders, put together.

    Args:
        seizures: Rows with folders, ordered by subject and seizure.
        misspelt: Rows whose folder has nearly their name.
        unmatched: Other rows and folders that have no counterpart.
        notes: About what is allowed but rare.
    """

    seizures: tuple[SetSeizure, ...]
    misspelt: tuple[Problem, ...]
    unmatched: tuple[Problem, ...]
    notes: tuple[str, ...]


def match(rows: Sequence[CsvRow], folders: Mapping[str, int]) -> Matched:
    """Put rows and folders together.

    Args:
        rows: Of the csv.
        folders: Number of vectors by name of the folder.
    """
    seizures, misspelt, unmatched, notes = [], [], [], []
    near_folders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(folders):
        if parts := _FOLDER.fullmatch(name):
            near_folders[plain_id(parts[1]), plain_id(parts[2])].append(name)
    owners = {f"{row.seizure_id}_{letter}": row for row in rows for letter in VIEWS}
    left = dict(folders)
    for row in sorted(rows, key=lambda row: (row.subject, row.seizure)):
        own = {view: f"{row.seizure_id}_{letter}" for letter, view in VIEWS.items()}
        views = tuple(
            SetView(name=name, view=view, num_clips=folders[name])
            for view, name in own.items()
            if name in folders
        )
        for name in own.values():
            left.pop(name, None)
        if views:
            seizures.append(SetSeizure(row=row, views=views))
        elif near := near_folders.get((plain_id(row.subject), plain_id(row.seizure))):
            free = [name for name in near if name not in owners]
            for name in free:
                left.pop(name, None)
            message = _misspelt(row, free) if free else _told_twice(owners[near[0]], near)
            misspelt.append(row.problem(message))
        elif row.discard == "Yes":
            notes.append(f"Seizure {row.seizure_id} is discarded and has no folder; it is left out.")
        else:
            unmatched.append(row.problem(_no_folder(row)))
    for name in left:
        message = "must belong to a row (SUBJECT_SEIZURE_L or _S), but none fits. Add its row, or remove it."
        unmatched.append(Problem(severity="error", file=f"{FEATURES_FOLDER}/{name}", message=message))
    return Matched(
        seizures=tuple(seizures), misspelt=tuple(misspelt), unmatched=tuple(unmatched), notes=tuple(notes)
    )


def plain_id(text: str) -> str:
    """Return an id without what spreadsheets change: leading zeros, spaces, apostrophes, empty decimals.

    Examples:
        >>> [plain_id(text) for text in ("061", "61", " 6 1", "'061", "61.0", "61,00", "6.1", "00")]
        ['61', '61', '61', '61', '61', '61', '6.1', '0']
    """
    bare = "".join(text.split()).strip("'").replace(",", ".").casefold()
    whole, _, decimals = bare.partition(".")
    if whole.isdecimal() and not decimals.strip("0"):
        bare = whole
    return bare.lstrip("0") or "0"


def _misspelt(row: CsvRow, near: Sequence[str]) -> str:
    subject, seizure, _ = near[0].rsplit("_", 2)
    return (
        f"Subject and Seizure must be written as in the name of a folder, got {row.subject!r} and {row.seizure!r}; "
        f"the folder {' or '.join(near)} probably belongs to it. Write {subject} and {seizure} there, or import the "
        "published csv and not one that a spreadsheet saved; --skip-unmatched does not leave such a row out."
    )


def _told_twice(owner: CsvRow, near: Sequence[str]) -> str:
    return (
        f"Subject and Seizure must occur once, but the folder {' or '.join(near)}, which has nearly the same name, "
        f"is that of row {owner.number}. Delete one of the rows; --skip-unmatched does not leave such a row out."
    )


def _no_folder(row: CsvRow) -> str:
    return (
        f"must have a folder {row.seizure_id}_L or {row.seizure_id}_S in {FEATURES_FOLDER}, but has neither. Unpack "
        "the data set again, or leave such rows out with --skip-unmatched."
    )
