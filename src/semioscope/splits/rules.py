"""Fold rules: in which fold, or folds, each event is tested.

Methods: section 0 (protocols) and the end of section 1 (the rules of the paper and of the released code). No
paper publishes its folds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.randomness import stream
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.splits.balance import deal_by_duration, partition
from semioscope.splits.places import own_classes, patient_classes, places_of
from semioscope.splits.records import FoldConfig

Tested: TypeAlias = Bool[np.ndarray, "num_folds num_events"]
"""Whether a fold tests an event; every event is tested in a fold at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldEvents:
    """The events of a plan as arrays, in the order of their ids. Made by ``fold_events``.

    Args:
        event_ids: Sorted.
        patient_ids: Patient of each event.
        y_true: Class of each event.
        duration_seconds: Mean duration of each event over its views.
        trainable: Whether an event has a view with ``use`` = train.
        notes: Sentences about events that were left out.
    """

    event_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    y_true: Int[np.ndarray, " num_events"]
    duration_seconds: Float[np.ndarray, " num_events"]
    trainable: Bool[np.ndarray, " num_events"]
    notes: tuple[str, ...] = ()


def fold_events(events: Sequence[Event], *, num_classes: int) -> FoldEvents:
    """Return what folds are made of: labelled events with at least one view that is not ``use`` = no.

    Raises:
        CohortError: If no event is left, an id occurs twice, or a class is not below ``num_classes``.
    """
    kept: dict[str, Event] = {}
    num_unused = num_unlabelled = 0
    for event in sorted(events, key=lambda one: one.event_id):
        if all(view.use == "no" for view in event.views):
            num_unused += 1
        elif event.y_true is None:
            num_unlabelled += 1
        elif event.event_id in kept:
            msg = f"Every event needs its own id, got {event.event_id} twice. Rename one of them."
            raise CohortError(msg)
        elif not 0 <= event.y_true < num_classes:
            msg = (
                f"The class of an event must lie in 0 to {num_classes - 1}, got {event.y_true} for "
                f"{event.event_id}. Correct the classes of the task."
            )
            raise CohortError(msg)
        else:
            kept[event.event_id] = event
    notes = []
    if num_unused:
        whose = "its" if num_unused == 1 else "their"
        notes.append(
            f"{counted(num_unused, 'event is', 'events are')} in no fold: all {whose} views have use = no."
        )
    if num_unlabelled:
        notes.append(
            f"{counted(num_unlabelled, 'event is', 'events are')} in no fold: no class under this task."
        )
    if not kept:
        msg = (
            "Folds need events with a class and with a view to use, got none "
            f"(of {len(events)}: {num_unused} with use = no, {num_unlabelled} without a class). "
            "Check the labels with: semioscope cohort summary."
        )
        raise CohortError(msg)
    chosen = list(kept.values())
    return FoldEvents(
        event_ids=tuple(kept),
        patient_ids=tuple(event.patient_id for event in chosen),
        y_true=np.array([event.y_true for event in chosen], dtype=np.int64),
        duration_seconds=np.array([_used_duration(event) for event in chosen]),
        trainable=np.array([any(view.use == "train" for view in event.views) for event in chosen]),
        notes=tuple(notes),
    )


def _by_patient(table: FoldEvents, config: FoldConfig, *, seed: int, num_classes: int) -> Tested:
    """Share out patients: first equally many of each class to every fold, then equally many events of each class.

    Whoever has events of two classes counts as a patient of both. Of the patients, first come the classes that divide
    them (:func:`own_classes`), then the other classes and the patients as a whole. The numbers of the former differ
    by at most one where everybody has one of these classes only, or there are two; else they are as even as the
    search of :func:`partition` finds. No fold holds all that a class has to train on, whatever that costs.

    Methods: section 0 (stratified by class) and section 3, "Folds" (of 15 patients 3 per fold, of 11 3, 2, 2, 2, 2).
    """
    patients, patient_index = np.unique(table.patient_ids, return_inverse=True)
    if config.num_folds > len(patients):
        msg = (
            f"folds.num_folds must be at most the number of patients, {len(patients)}, got "
            f"{config.num_folds}. Use --set folds.num_folds={max(2, min(5, len(patients)))} or --set "
            "folds.rule=leave-one-patient-out (in a study with --set grid.protocols=[])."
        )
        raise ConfigError(msg)
    _require_patients(table, num_classes=num_classes)
    sizes, has_class = patient_table(
        table, patient_index, np.ones(len(table.y_true), dtype=bool), num_classes
    )
    own = list(own_classes(sizes.astype(np.int64)))
    counts = np.concatenate([sizes > 0, np.ones((len(patients), 1), dtype=bool)], axis=1)
    found = partition(
        sizes,
        has_class,
        shares=np.full(config.num_folds, 1 / config.num_folds),
        rng=stream(seed, "folds", rule="patient"),
        counted_first=(counts[:, own], counts),
    )
    return _once(found.part[patient_index])


def _patients_per_class(table: FoldEvents, config: FoldConfig, *, seed: int, num_classes: int) -> Tested:
    """Deal patients, shuffled within their class, to the places of the folds; go round until all places are taken.

    Methods: section 3, "Folds" (protocol ``paper``); as in the paper, which does not say who appears twice.
    """
    _require_patients(table, num_classes=num_classes)
    patients, patient_index = np.unique(table.patient_ids, return_inverse=True)
    everything = np.ones(len(table.y_true), dtype=bool)
    number, _ = patient_table(table, patient_index, everything, num_classes)
    class_of = patient_classes(number.astype(np.int64), patients.tolist())
    tested = np.zeros((config.num_folds, len(patients)), dtype=bool)
    for class_index in own_classes(number.astype(np.int64)):
        members = np.flatnonzero(class_of == class_index)
        members = stream(seed, "folds", rule="patients-per-class", class_index=class_index).permutation(
            members
        )
        places = places_of(len(members), config.num_folds, config.patients_per_class, class_index=class_index)
        tested[np.arange(config.num_folds)[:, None], members[places]] = True
    return tested[:, patient_index]


def _leave_one_patient_out(table: FoldEvents, config: FoldConfig, *, seed: int, num_classes: int) -> Tested:
    _require_patients(table, num_classes=num_classes)
    patient_index: Int[np.ndarray, " num_events"] = np.unique(table.patient_ids, return_inverse=True)[1]
    return _once(patient_index)


def _by_seizure(table: FoldEvents, config: FoldConfig, *, seed: int, num_classes: int) -> Tested:
    _require_events(table, config, num_classes=num_classes)
    fold_of = deal_by_duration(
        table.y_true,
        table.duration_seconds,
        num_parts=config.num_folds,
        rng=stream(seed, "folds", rule="seizure"),
    )
    return _once(fold_of)


def _released(table: FoldEvents, config: FoldConfig, *, seed: int, num_classes: int) -> Tested:
    _require_events(table, config, num_classes=num_classes)
    keys = zip(-table.y_true, table.patient_ids, table.event_ids, strict=True)
    order = [position for position, _ in sorted(enumerate(keys), key=lambda pair: pair[1])]
    fold_of = np.empty(len(order), dtype=np.int64)
    fold_of[order] = np.arange(len(order)) % config.num_folds
    return _once(fold_of)


def _once(fold_of: Int[np.ndarray, " num_events"]) -> Tested:
    """Return the table of a rule that tests every event in one fold."""
    tested: Tested = np.arange(fold_of.max() + 1)[:, None] == fold_of
    return tested


FOLD_RULES: dict[str, Callable[..., Tested]] = {
    "patient": _by_patient,
    "patients-per-class": _patients_per_class,
    "leave-one-patient-out": _leave_one_patient_out,
    "seizure": _by_seizure,
    "released": _released,
}
"""Fold rules: ``rule(table, config, *, seed, num_classes)`` tells which events each fold tests.

``released`` deals the positive class first, then the others, each ordered by (patient, event), one at a time,
the position carried on; a seizure is skipped only if all its views have ``use`` = no. It does not look at the
seed.
"""


def patient_table(
    table: FoldEvents,
    patient_index: Int[np.ndarray, " num_events"],
    counted: Bool[np.ndarray, " num_events"],
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of counted events, and whether there is one to train on, per patient and class."""
    shape = (int(patient_index.max()) + 1, num_classes)
    cell = patient_index * num_classes + table.y_true
    number = np.bincount(cell[counted], minlength=shape[0] * shape[1]).reshape(shape)
    to_train = np.bincount(cell[counted & table.trainable], minlength=shape[0] * shape[1]).reshape(shape)
    return number.astype(np.float64), to_train > 0


def _require_patients(table: FoldEvents, *, num_classes: int) -> None:
    for class_index in range(num_classes):
        members = table.trainable & (table.y_true == class_index)
        patients = sorted({table.patient_ids[position] for position in np.flatnonzero(members)})
        if len(patients) < 2:
            msg = (
                f"Folds by patient need at least two patients with events of class {class_index} to train "
                f"on, got {len(patients)}{f' ({patients[0]})' if patients else ''}: the fold that tests the "
                "only one would train without the class. Add patients, merge classes in the task, or see "
                "whether use = evaluate was set too often in seizures.tsv."
            )
            raise CohortError(msg)


def _require_events(table: FoldEvents, config: FoldConfig, *, num_classes: int) -> None:
    if config.num_folds > len(table.event_ids):
        msg = (
            f"folds.num_folds must be at most the number of events, {len(table.event_ids)}, got "
            f"{config.num_folds}. Lower it (--set folds.num_folds=N)."
        )
        raise ConfigError(msg)
    for class_index in range(num_classes):
        number = int((table.trainable & (table.y_true == class_index)).sum())
        if number < 2:
            msg = (
                f"The {config.rule} rule needs at least two events of class {class_index} to train on, got "
                f"{number}: the fold that tests the only one would train without the class. Add events or "
                "merge classes in the task."
            )
            raise CohortError(msg)


def _used_duration(event: Event) -> float:
    durations = [view.duration_seconds for view in event.views if view.use != "no"]
    return sum(durations) / len(durations)
