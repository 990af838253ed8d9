"""Fold plans: which events train, which choose, which are tested.

Methods: section 0 (protocols).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import stream
from semioscope.core.records import Event
from semioscope.core.wording import join_words
from semioscope.splits.balance import partition
from semioscope.splits.leakage import check_leakage
from semioscope.splits.records import (
    PATIENT_RULES,
    RULES_WITHOUT_SELECTION,
    Fold,
    FoldConfig,
    FoldPlan,
    SelectionConfig,
    repeated_note,
    unsplit_note,
)
from semioscope.splits.rules import FOLD_RULES, FoldEvents, fold_events, patient_table


def make_folds(
    events: Sequence[Event],
    config: FoldConfig,
    selection: SelectionConfig,
    *,
    seed: int,
    num_classes: int,
    cohort_hash: str = "",
) -> FoldPlan:
    """Divide events into folds.

    The same events, settings and seed give the same plan, in whatever order the events come.

    Every labelled event that has a view with ``use`` other than no is tested in exactly one fold, under
    ``REPEATING_RULES`` in one or more: a note then says of how many patients. Trained on are events with a view
    of ``use`` = train. The inner split takes whole patients off the training events, about ``selection.fraction``
    of them, with at least one patient of every class on both sides; where that is impossible the validation set is
    empty and a note says so. Leave-one-patient-out selects nothing, whatever ``selection`` says; a note says so
    too.

    Args:
        events: In any order; both views of a seizure are one event.
        config: Rule and number of folds.
        selection: What the validation set is.
        seed: Seed of the run.
        num_classes: Number of classes of the task, 2 or more.
        cohort_hash: Kept in the plan for provenance.

    Raises:
        CohortError: If there are no events, or a class has too few patients (under the seizure rules: events)
            for any fold to train on it.
        ConfigError: If there are more folds than patients (or events), too few or too many places for the patients
            of a class (patients-per-class), or a training fold lacks a class.
    """
    if config.rule not in FOLD_RULES:
        raise ConfigError(unknown_name("fold rule", config.rule, FOLD_RULES))
    table = fold_events(events, num_classes=num_classes)
    tested_in = FOLD_RULES[config.rule](table, config, seed=seed, num_classes=num_classes)
    notes = list(table.notes)
    on = selection.on
    if config.rule in RULES_WITHOUT_SELECTION and on != "none":
        on = "none"
        notes.append(f"Rule {config.rule} selects nothing: the epochs are fixed and the scores are pooled.")
    folds: list[Fold] = []
    unsplit: list[int] = []
    for index, tested in enumerate(tested_in):
        trained = ~tested & table.trainable
        _require_classes(table.y_true[trained], index=index, rule=config.rule, num_classes=num_classes)
        chosen = np.zeros_like(trained)
        if on == "test":
            chosen = tested & table.trainable
        elif on == "inner":
            chosen = inner_split(table, trained, selection, seed=seed, fold=index, num_classes=num_classes)
            trained = trained & ~chosen
            if not chosen.any():
                unsplit.append(index)
        folds.append(
            Fold(
                index=index,
                train=_ids(table, trained),
                validation=_ids(table, chosen),
                test=_ids(table, tested),
            )
        )
    if unsplit:
        notes.append(unsplit_note(unsplit))
    patient_of = dict(zip(table.event_ids, table.patient_ids, strict=True))
    repeated = repeated_note(folds, patient_of)
    if repeated:
        notes.append(repeated)
    plan = FoldPlan(
        rule=config.rule,
        seed=seed,
        selection=on,
        cohort_hash=cohort_hash,
        folds=tuple(folds),
        patient_of=patient_of,
        notes=tuple(notes),
    )
    check_leakage(plan, allow_shared_patients=config.rule not in PATIENT_RULES)
    return plan


def inner_split(
    table: FoldEvents,
    trained: Bool[np.ndarray, " num_events"],
    selection: SelectionConfig,
    *,
    seed: int,
    fold: int,
    num_classes: int,
) -> Bool[np.ndarray, " num_events"]:
    """Return which training events validate: those of whole patients. None where that is impossible.

    Args:
        table: The events.
        trained: Those that may be divided.
        selection: Its ``fraction`` is the wanted share of the patients.
        seed: Seed of the run.
        fold: Names the random stream.
        num_classes: Each needs a patient on both sides.
    """
    nobody = np.zeros_like(trained)
    patients, patient_index = np.unique(table.patient_ids, return_inverse=True)
    sizes, has_class = patient_table(table, patient_index, trained, num_classes)
    present = has_class.any(axis=1)
    if (has_class.sum(axis=0) < 2).any():
        return nobody
    columns = np.concatenate([sizes[present], np.ones((int(present.sum()), 1))], axis=1)
    shares = np.array([1 - selection.fraction, selection.fraction])
    found = partition(columns, has_class[present], shares=shares, rng=stream(seed, "inner split", fold=fold))
    if found.num_lacking:
        return nobody
    validates = np.zeros(len(patients), dtype=bool)
    validates[np.flatnonzero(present)[found.part == 1]] = True
    return trained & validates[patient_index]


def _require_classes(
    y_true: Int[np.ndarray, " num_train"], *, index: int, rule: str, num_classes: int
) -> None:
    absent = [str(number) for number in range(num_classes) if number not in y_true]
    if absent:
        msg = (
            f"Every training fold must have events of all {num_classes} classes, but fold {index} of the "
            f"{rule} rule has none to train on of class {join_words(absent)}. Use another number of folds "
            "(--set folds.num_folds=K), --set folds.rule=leave-one-patient-out (in a study with grid.protocols=[]), "
            "or another --seed."
        )
        raise ConfigError(msg)


def _ids(table: FoldEvents, chosen: Bool[np.ndarray, " num_events"]) -> tuple[str, ...]:
    return tuple(table.event_ids[position] for position in np.flatnonzero(chosen))
