"""The events of a task: which seizures it classifies, why it leaves out the others, and the parts beside them."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

from semioscope.cohort.cohort import Cohort
from semioscope.cohort.parts import part_events
from semioscope.cohort.tasks import Task
from semioscope.core.errors import ConfigError
from semioscope.core.formats import SEIZURES
from semioscope.core.records import Event, Seizure
from semioscope.core.tables import Problem
from semioscope.plans.parts import PART_SECONDS


class LeftOut(NamedTuple):
    """A seizure that a task does not use, and why."""

    event_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSelection:
    """The events of a task.

    Args:
        task: The task.
        min_duration_seconds: Shorter seizures were left out.
        events: With their classes, in the order of the cohort, then the parts of recordings before and after them;
            views with ``use`` = no are gone.
        left_out: The other seizures; equal reasons have equal words, so they can be counted.
        problems: Warnings about labels that contradict the times, and recordings that could not be opened for
            their parts.
        num_parts: How many of the events, the last ones, are parts.
        notes: What was dropped of the parts, as sentences.
    """

    task: Task
    min_duration_seconds: float
    events: tuple[Event, ...]
    left_out: tuple[LeftOut, ...]
    problems: tuple[Problem, ...] = ()
    num_parts: int = 0
    notes: tuple[str, ...] = ()

    @property
    def seizures(self) -> tuple[Event, ...]:
        """The events that are no parts."""
        return self.events[: len(self.events) - self.num_parts]

    @property
    def parts(self) -> tuple[Event, ...]:
        """The events that are parts of recordings before or after a seizure."""
        return self.events[len(self.events) - self.num_parts :]

    @property
    def beside(self) -> tuple[Event, ...]:
        """The seizures that have parts beside them: none without a class of parts, none that are of it themselves."""
        if self.task.parts_index is None:
            return ()
        return tuple(event for event in self.seizures if event.y_true != self.task.parts_index)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The problems and notes as sentences."""
        return (*map(str, self.problems), *self.notes)

    @property
    def reasons(self) -> dict[str, int]:
        """How many seizures were left out for each reason, the most frequent first."""
        return dict(Counter(reason for _, reason in self.left_out).most_common())


def events_of(
    cohort: Cohort, task: Task, *, min_duration_seconds: float = 0.0, part_seconds: float = PART_SECONDS
) -> EventSelection:
    """Return what a task classifies of a cohort: seizures, and the parts beside them where it has a class for them.

    A part belongs to a seizure that takes part, and follows its patient and the ``use`` of its views. Its id is that
    of the seizure with ``-pre`` or ``-post`` after it. Seizures that a table itself puts into the class of the parts
    have none. Recordings are opened to find their length, only for a task with ``parts_class``.

    Args:
        cohort: The cohort.
        task: The task.
        min_duration_seconds: As in ``seizures_of``; parts may be shorter.
        part_seconds: How far parts reach from their seizure, above 0.

    Raises:
        ConfigError: If no row has the task's column, or ``part_seconds`` is out of its range.
        CohortError: If a part would have the id of a seizure.

    References:
        Karácsony 2022, methods section 3 ("Third class"); the length of parts is ours.
    """
    selection = seizures_of(cohort, task, min_duration_seconds=min_duration_seconds)
    if task.parts_index is None:
        return selection
    parts = part_events(cohort, selection.beside, y_true=task.parts_index, part_seconds=part_seconds)
    return replace(
        selection,
        events=(*selection.events, *parts.events),
        problems=(*selection.problems, *parts.problems),
        num_parts=len(parts.events),
        notes=parts.notes,
    )


def seizures_of(cohort: Cohort, task: Task, *, min_duration_seconds: float = 0.0) -> EventSelection:
    """Return the seizures of a cohort that a task classifies, and why it leaves out the others; no file is opened.

    A seizure is left out when no view may be used (``use`` = no), its label is missing or not in the task, or
    its duration (mean over the views that may be used) is below ``min_duration_seconds``.

    Args:
        cohort: The cohort.
        task: The task.
        min_duration_seconds: 15 in GESTURES.

    Raises:
        ConfigError: If no row has the task's column.
    """
    patients = {patient.patient_id: patient for patient in cohort.patients}
    _require_column(cohort, task)
    events: list[Event] = []
    left_out: list[LeftOut] = []
    problems: list[Problem] = []
    for seizure in cohort.seizures:
        label = task.label_of(seizure, patients[seizure.patient_id])
        index = None if label is None else task.class_index(label)
        views = tuple(view for view in seizure.views if view.use != "no")
        reason = ""
        if not views:
            reason = "use is no in every view"
        elif label is None:
            reason = f"{task.column} is missing"
        elif index is None:
            reason = f"{task.column} {label!r} is not in the task"
        if reason:
            left_out.append(LeftOut(seizure.seizure_id, reason))
            continue
        assert index is not None
        event = Event(event_id=seizure.seizure_id, patient_id=seizure.patient_id, y_true=index, views=views)
        has_clonic = any(view.clonic_onset_seconds is not None for view in views)
        if task.class_names[index] in task.without_clonic_phase and has_clonic:
            problems.append(_clonic_contradiction(seizure, task.column, str(label)))
        if event.duration_seconds < min_duration_seconds:
            left_out.append(LeftOut(seizure.seizure_id, f"shorter than {min_duration_seconds:g} s"))
            continue
        events.append(event)
    return EventSelection(
        task=task,
        min_duration_seconds=min_duration_seconds,
        events=tuple(events),
        left_out=tuple(left_out),
        problems=tuple(problems),
    )


def label_columns(cohort: Cohort, table: str) -> tuple[str, ...]:
    """Return the label columns of ``patients``, ``seizures`` or ``both`` in which anything stands, sorted."""
    found: set[str] = set()
    if table in ("patients", "both"):
        found.update(name for patient in cohort.patients for name in patient.labels)
    if table in ("seizures", "both"):
        found.update(name for annotation in cohort.annotations for name in annotation.labels)
    return tuple(sorted(found))


def _clonic_contradiction(seizure: Seizure, column: str, label: str) -> Problem:
    message = f"{column} is {label!r}, but there is a clonic_onset. Correct {column}, or write n/a for clonic_onset."
    return Problem(
        severity="warning",
        file=SEIZURES.file,
        row=seizure.row,
        subject=f"seizure {seizure.seizure_id}",
        message=message,
    )


def _require_column(cohort: Cohort, task: Task) -> None:
    columns = label_columns(cohort, task.table)
    if task.column not in columns:
        files = {"both": "seizures.tsv or patients.tsv"}.get(task.table, f"{task.table}.tsv")
        there = ", ".join(columns) or "none"
        msg = (
            f"Task {task.name} needs the column {task.column} in {files}; label columns there: {there}. Add the "
            f"column with {' or '.join(task.class_names)}, or choose another --task."
        )
        raise ConfigError(msg)
