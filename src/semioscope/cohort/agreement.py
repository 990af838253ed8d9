"""How well annotators agree: on the class of a seizure and on its times."""

import math
import warnings
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Any

from semioscope.cohort.annotations import Annotation, labels_by_annotator
from semioscope.cohort.cohort import Cohort
from semioscope.cohort.tasks import Task

_TIMES = ("onset_seconds", "clonic_onset_seconds", "offset_seconds")


def agreement_of(cohort: Cohort, task: Task) -> dict[str, Any] | None:
    """Return the agreement of annotators, or None where no seizure has two of them.

    The chance-corrected agreement on the class is Cohen's kappa for two annotators and Fleiss' kappa for more,
    over the seizures whose class at least two of them give; NaN where there are none, where all are of one
    class, or where the label is the patient's. Differences of times are taken over all pairs of annotators of
    one view.

    Args:
        cohort: With its rows per annotator.
        task: Maps labels to classes.

    Returns:
        ``annotators``, ``num_shared`` (seizures with two or more annotators), ``statistic`` (cohen or fleiss),
        ``kappa``, ``num_kappa`` (seizures it rests on), and per time ``<time>`` with ``median_difference`` and
        ``num_pairs``; for the clonic onset also ``num_given_by_one`` (pairs in which only one gives it).
    """
    by_seizure: dict[str, list[Annotation]] = {}
    for annotation in cohort.annotations:
        by_seizure.setdefault(annotation.seizure_id, []).append(annotation)
    shared = [rows for rows in by_seizure.values() if len({row.annotator for row in rows}) > 1]
    if not shared:
        return None
    annotators = sorted({row.annotator for rows in shared for row in rows})
    ratings = [] if task.table == "patients" else [_classes_given(rows, task) for rows in shared]
    if len(annotators) == 2:
        ratings = [given for given in ratings if len(given) == 2]
    ratings = [given for given in ratings if len(given) > 1]
    found: dict[str, Any] = {
        "annotators": [name or "(unnamed)" for name in annotators],
        "num_shared": len(shared),
        "statistic": "cohen" if len(annotators) == 2 else "fleiss",
        "kappa": _kappa(ratings, num_annotators=len(annotators), num_classes=len(task.classes)),
        "num_kappa": len(ratings),
    }
    for name in _TIMES:
        found[name] = _differences(shared, name)
    return found


def _classes_given(rows: Sequence[Annotation], task: Task) -> list[int]:
    """Return the classes that annotators give a seizure, in the order of their names."""
    given = labels_by_annotator(rows)
    labels = (given[name].get(task.column) for name in sorted(given))
    classes = (None if label is None else task.class_index(label) for label in labels)
    return [index for index in classes if index is not None]


def _kappa(ratings: Sequence[Sequence[int]], *, num_annotators: int, num_classes: int) -> float:
    if not ratings:
        return math.nan
    import numpy as np

    from semioscope.scoring import UndefinedScoreWarning, cohens_kappa, fleiss_kappa

    with warnings.catch_warnings():  # the table of the summary says n/a
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        if num_annotators == 2:
            return float(cohens_kappa([given[0] for given in ratings], [given[1] for given in ratings]))
        counts = np.array([np.bincount(given, minlength=num_classes) for given in ratings], dtype=np.int64)
        return float(fleiss_kappa(counts))


def _differences(shared: Sequence[list[Annotation]], name: str) -> dict[str, float | int]:
    differences: list[float] = []
    num_given_by_one = 0
    for rows in shared:
        for first, second in combinations(rows, 2):
            if first.recording_id != second.recording_id:
                continue
            one, other = getattr(first, name), getattr(second, name)
            if one is not None and other is not None:
                differences.append(abs(one - other))
            elif (one is None) != (other is None):
                num_given_by_one += 1
    return {
        "median_difference": median(differences) if differences else math.nan,
        "num_pairs": len(differences),
        "num_given_by_one": num_given_by_one,
    }
