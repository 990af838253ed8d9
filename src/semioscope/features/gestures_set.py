"""Read what a feature set in the layout of the public GESTURES data holds: rows and folders, not yet the vectors.

Nothing is guessed: what does not fit is a problem with its row or folder, and all problems are told at once. A view
whose files are missing or not what they should be is left out and told; the others stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from semioscope.core.errors import CohortError
from semioscope.core.tables import Problem
from semioscope.features.gestures_files import look_at_views
from semioscope.features.gestures_layout import FEATURES_FOLDER, GesturesSet, LostView
from semioscope.features.gestures_match import match
from semioscope.features.gestures_rows import CSV_FILE, read_csv_rows


def read_set(root: Path, *, skip_unmatched: bool = False) -> GesturesSet:
    """Return what a feature set holds; the vectors are counted, not read.

    Args:
        root: As ``find_set`` gives it.
        skip_unmatched: Leave out rows without folders and folders without rows, instead of refusing them. A row
            whose folder has nearly its name is refused all the same.

    Raises:
        CohortError: If anything does not fit; every row and folder at fault is named. A view without files or with
            a gap in them, and a GTCS that contradicts OnsetClonic, are warnings.
    """
    rows, problems = read_csv_rows(root / CSV_FILE)
    folders, faults = look_at_views(
        sorted(path for path in (root / FEATURES_FOLDER).iterdir() if path.is_dir())
    )
    matched = match(rows, folders)
    found = without(GesturesSet(seizures=matched.seizures, num_rows=len(rows), notes=matched.notes), faults)
    problems += matched.misspelt
    skipped: tuple[Problem, ...] = ()
    if skip_unmatched:
        skipped = matched.unmatched
    else:
        problems += matched.unmatched
    errors = [problem for problem in problems if problem.severity == "error"]
    lost = [view.problem for view in found.left_out]
    if not errors:
        refuse_empty(found, root.resolve().name)
    warnings = [problem for problem in problems if problem.severity == "warning"]
    refuse([*errors, *warnings, *lost], root.resolve().name)
    told = (*map(str, warnings), *(f"left out: {problem}" for problem in skipped))
    return replace(found, warnings=told)


def without(found: GesturesSet, faults: Mapping[str, str]) -> GesturesSet:
    """Return a set without some of its views, which are listed instead; a seizure without any goes with them.

    Args:
        found: The set.
        faults: By name of the view: folder or file, what must hold and what came.
    """
    seizures, lost = [], list(found.left_out)
    for seizure in found.seizures:
        kept = tuple(view for view in seizure.views if view.name not in faults)
        lost += [
            LostView(name=view.name, row=seizure.row, fault=faults[view.name], is_whole_seizure=not kept)
            for view in seizure.views
            if view.name in faults
        ]
        if kept:
            seizures.append(replace(seizure, views=kept))
    gone = {seizure.row.number for seizure in found.seizures} - {seizure.row.number for seizure in seizures}
    lost = [replace(view, is_whole_seizure=True) if view.row.number in gone else view for view in lost]
    lost.sort(key=lambda view: (view.row.number, view.name))
    return replace(found, seizures=tuple(seizures), left_out=tuple(lost))


def refuse_empty(found: GesturesSet, name: str) -> None:
    """Refuse a set in which no seizure is left: the first view at fault, the number of others, the verdict.

    Raises:
        CohortError: If none is left.
    """
    if found.seizures:
        return
    if not found.left_out:
        refuse([Problem(severity="error", file=CSV_FILE, message="must have a seizure, but has none.")], name)
    first, more = found.left_out[0], len(found.left_out) - 1
    others = f" {more} more view{'s' if more > 1 else ''} cannot be used either." if more else ""
    msg = (
        f"{first.row.problem(f'{first.fault}.')}{others} Unpack the data set again. Nothing was imported: the "
        f"feature set {name} must have a seizure with a whole view, but no view is whole."
    )
    raise CohortError(msg)


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
