"""One row of ``seizures.tsv`` per recording, and how rows become seizures.

Several rows may describe one seizure: one per view, one per annotator. Per view, times are the median over
the annotators; labels are the majority over the annotators of the seizure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from semioscope.core.errors import nearest_names
from semioscope.core.formats import SEIZURES
from semioscope.core.records import EventView, Recording, Seizure, Use
from semioscope.core.tables import Problem

_STRICTNESS: dict[Use, int] = {"no": 0, "evaluate": 1, "train": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What one annotator says about one seizure in one recording.

    Args:
        seizure_id: The seizure.
        recording_id: The recording that the times count from.
        onset_seconds: t0.
        offset_seconds: t1.
        clonic_onset_seconds: tG, or None.
        use: As in ``EventView``.
        annotator: Who wrote the row; empty where the table does not say.
        labels: Label columns that are not ``n/a``.
        row: In ``seizures.tsv``; does not count when two annotations are compared.
    """

    seizure_id: str
    recording_id: str
    onset_seconds: float
    offset_seconds: float
    clonic_onset_seconds: float | None = None
    use: Use = "train"
    annotator: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    row: int = field(default=0, compare=False)


def annotations_of(seizures: Iterable[Seizure]) -> tuple[Annotation, ...]:
    """Return one annotation per view of each seizure, as a single unnamed annotator would write them."""
    return tuple(
        Annotation(
            seizure_id=seizure.seizure_id,
            recording_id=view.recording_id,
            onset_seconds=view.onset_seconds,
            offset_seconds=view.offset_seconds,
            clonic_onset_seconds=view.clonic_onset_seconds,
            use=view.use,
            labels=seizure.labels,
            row=seizure.row,
        )
        for seizure in seizures
        for view in seizure.views
    )


def merge_annotations(
    annotations: Sequence[Annotation], recordings: Mapping[str, Recording]
) -> tuple[tuple[Seizure, ...], tuple[Problem, ...]]:
    """Return the seizures that rows of views and annotators describe, in the order of their first rows.

    Per view: onset and offset are medians over the annotators (the mean of the middle two where their number
    is even); the clonic onset is the median of those given, if at least half of the annotators give one;
    ``use`` is the majority, in a tie the stricter. A label is the majority over annotators, without regard to
    case; a tie leaves it out, with a warning.

    Args:
        annotations: In the order of the table; their recordings are in ``recordings``.
        recordings: By id.

    Returns:
        The seizures without errors, and the problems.
    """
    groups: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        groups.setdefault(annotation.seizure_id, []).append(annotation)
    seizures: list[Seizure] = []
    problems: list[Problem] = []
    for seizure_id, group in groups.items():
        found = [
            *_shared_id(seizure_id, group, recordings),
            *_repeated_rows(group),
            *_contradictions(group),
        ]
        if found:
            problems.extend(found)
            continue
        labels, ties = _majority_labels(group)
        problems.extend(ties)
        try:
            views = tuple(_merge_view(rows) for rows in _by_recording(group).values())
        except ValueError as err:
            message = (
                f"the times merged over the annotators contradict each other: {err} Correct one of the rows."
            )
            problems.append(problem(group[0], message))
            continue
        patient_id = recordings[group[0].recording_id].patient_id
        seizures.append(
            Seizure(
                seizure_id=seizure_id, patient_id=patient_id, views=views, labels=labels, row=group[0].row
            )
        )
    return tuple(seizures), tuple(problems)


def problem(annotation: Annotation, message: str, *, warning: bool = False) -> Problem:
    """Return a problem of the row of an annotation."""
    return Problem(
        severity="warning" if warning else "error",
        file=SEIZURES.file,
        row=annotation.row,
        subject=f"seizure {annotation.seizure_id}",
        message=message,
    )


def unknown_id(kind: str, name: str, known: Iterable[str], *, table: str) -> str:
    """Return the message for an id that another table does not have."""
    near = nearest_names(name, known)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{kind} must be a row of {table}, got {name!r}.{hint} Correct it, or add the row to {table}."


def _shared_id(
    seizure_id: str, group: list[Annotation], recordings: Mapping[str, Recording]
) -> list[Problem]:
    patients = {recordings[row.recording_id].patient_id: row for row in reversed(group)}
    if len(patients) == 1:
        return []
    told = ", ".join(f"{patient_id} (row {patients[patient_id].row})" for patient_id in sorted(patients))
    message = (
        f"the recordings of one seizure must be of one patient, but {seizure_id} is used for {told}. "
        "Give each patient's seizure its own seizure_id, or correct the recording_id."
    )
    return [problem(group[0], message)]


def _repeated_rows(group: list[Annotation]) -> list[Problem]:
    first: dict[tuple[str, str], Annotation] = {}
    found = []
    for annotation in group:
        key = (annotation.recording_id, annotation.annotator)
        if key in first:
            who = f"annotator {annotation.annotator}" if annotation.annotator else "the same annotator"
            message = (
                f"recording {annotation.recording_id} must occur once per seizure and annotator, but {who} has "
                f"it in row {first[key].row} too. Delete one row, or give it another seizure_id or annotator."
            )
            found.append(problem(annotation, message))
        first.setdefault(key, annotation)
    return found


def _contradictions(group: list[Annotation]) -> list[Problem]:
    first: dict[tuple[str, str], Annotation] = {}
    found = []
    for annotation in group:
        for name, label in annotation.labels.items():
            earlier = first.setdefault((annotation.annotator, name), annotation)
            if earlier.labels[name].casefold() != label.casefold():
                message = (
                    f"{name} must agree over the rows of one seizure, but is {label!r} here and "
                    f"{earlier.labels[name]!r} in row {earlier.row}. Correct one of them."
                )
                found.append(problem(annotation, message))
    return found


def _by_recording(group: list[Annotation]) -> dict[str, list[Annotation]]:
    rows: dict[str, list[Annotation]] = {}
    for annotation in group:
        rows.setdefault(annotation.recording_id, []).append(annotation)
    return rows


def _merge_view(rows: list[Annotation]) -> EventView:
    clonic = [row.clonic_onset_seconds for row in rows if row.clonic_onset_seconds is not None]
    uses = Counter(row.use for row in rows)
    return EventView(
        recording_id=rows[0].recording_id,
        onset_seconds=float(median(row.onset_seconds for row in rows)),
        offset_seconds=float(median(row.offset_seconds for row in rows)),
        clonic_onset_seconds=float(median(clonic)) if 2 * len(clonic) >= len(rows) else None,
        use=min(uses, key=lambda use: (-uses[use], _STRICTNESS[use])),
    )


def labels_by_annotator(group: Iterable[Annotation]) -> dict[str, dict[str, str]]:
    """Return the labels of one seizure by annotator."""
    found: dict[str, dict[str, str]] = {}
    for annotation in group:
        labels = found.setdefault(annotation.annotator, {})
        for name, label in annotation.labels.items():
            labels.setdefault(name, label)
    return found


def _majority_labels(group: list[Annotation]) -> tuple[dict[str, str], list[Problem]]:
    votes: dict[str, list[str]] = {}
    for labels in labels_by_annotator(group).values():
        for name, label in labels.items():
            votes.setdefault(name, []).append(label)
    merged: dict[str, str] = {}
    ties: list[Problem] = []
    for name, given in votes.items():
        counts = Counter(label.casefold() for label in given).most_common()
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            told = ", ".join(f"{label!r}" for label in given)
            message = f"the annotators disagree on {name} ({told}), so it is n/a. Let a further one decide."
            ties.append(problem(group[0], message, warning=True))
            continue
        merged[name] = next(label for label in given if label.casefold() == counts[0][0])
    return merged, ties
