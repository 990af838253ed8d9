"""``folds.json``: fold plans that are written, reviewed, edited and used again."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from semioscope.core.errors import ConfigError, StoreError, unknown_name
from semioscope.core.files import GIVEN, read_json, write_json
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.splits.leakage import check_leakage, listed
from semioscope.splits.records import (
    PATIENT_RULES,
    REPEATED,
    REPEATING_RULES,
    UNSPLIT,
    Fold,
    FoldPlan,
    SelectionRule,
    repeated_note,
    unsplit_note,
)
from semioscope.splits.rules import FOLD_RULES, fold_events

_UNSPLIT = (
    UNSPLIT,
    "the folds file lists no validation events, so nothing is chosen there and the epochs are fixed.",
)
"""Why a fold chooses nothing: none could be made, or a person left the set empty."""


class _FoldRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    index: NonNegativeInt
    train: list[str]
    validation: list[str]
    test: list[str]


class _PlanRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    schema_version: int
    rule: str
    seed: int
    selection: SelectionRule
    cohort_hash: str
    folds: list[_FoldRecord]
    patient_of: dict[str, str]
    notes: list[str]


def write_folds(plan: FoldPlan, path: Path) -> None:
    """Write a plan as ``folds.json``, whole or not at all.

    Raises:
        StoreError: If the file cannot be written.
    """
    folds = [
        {
            "index": fold.index,
            "train": list(fold.train),
            "validation": list(fold.validation),
            "test": list(fold.test),
        }
        for fold in plan.folds
    ]
    content = {
        "schema_version": SCHEMA_VERSION,
        "rule": plan.rule,
        "seed": plan.seed,
        "selection": plan.selection,
        "cohort_hash": plan.cohort_hash,
        "folds": folds,
        "patient_of": dict(plan.patient_of),
        "notes": list(plan.notes),
    }
    write_json(path, content)


def read_folds(path: Path, *, events: Sequence[Event]) -> FoldPlan:
    """Read a plan and hold it against the events of this cohort and task.

    Leakage is judged by the patients of the cohort, not by what the file says, and by the rule in the file;
    hold the plan against the settings of the run with ``check_leakage``. The result is the plan that was
    written: ``read_folds(write_folds(plan)) == plan``.

    Args:
        path: A ``folds.json``, written by a run or edited by a person.
        events: The events of the run.

    Raises:
        StoreError: If the file is absent, not a fold file, or of a newer version.
        ConfigError: If it names other events or patients than the cohort, tests an event never or (but under
            ``REPEATING_RULES``) twice, trains or validates on an event without a view to train on, has a training
            fold without one of the classes, or validation sets that are not those of its selection.
        LeakageError: If an event, or under a patient rule a patient, stands on two sides.
    """
    record = _parsed(path, read_json(path, remedy=GIVEN))
    known = fold_events(events, num_classes=1 + max((event.y_true or 0 for event in events), default=0))
    patient_of = dict(zip(known.event_ids, known.patient_ids, strict=True))
    class_of = dict(zip(known.event_ids, known.y_true.tolist(), strict=True))
    _check_events(path, record, patient_of)
    folds = tuple(
        Fold(
            index=fold.index,
            train=tuple(sorted(fold.train)),
            validation=tuple(sorted(fold.validation)),
            test=tuple(sorted(fold.test)),
        )
        for fold in record.folds
    )
    plan = FoldPlan(
        rule=record.rule,
        seed=record.seed,
        selection=record.selection,
        cohort_hash=record.cohort_hash,
        folds=folds,
        patient_of=patient_of,
        notes=_notes(record, repeated_note(folds, patient_of)),
    )
    check_leakage(plan, allow_shared_patients=plan.rule not in PATIENT_RULES)
    trainable = {name for name, can in zip(known.event_ids, known.trainable.tolist(), strict=True) if can}
    for fold in plan.folds:
        _check_validation(path, plan.selection, fold, trainable)
        idle = set(fold.train) - trainable
        if idle:
            msg = (
                f"{path.name}, fold {fold.index}: events to train on need a view with use = train, but "
                f"{listed(idle)} have none. Take them out of train, or correct use in seizures.tsv."
            )
            raise ConfigError(msg)
        absent = set(class_of.values()) - {class_of[name] for name in fold.train}
        if absent:
            msg = (
                f"{path.name}, fold {fold.index}: every training fold must have events of all classes, but "
                f"it has none of class {listed(map(str, absent))}. Move events into train, or make the "
                "folds again."
            )
            raise ConfigError(msg)
    return plan


def _check_validation(path: Path, selection: str, fold: Fold, trainable: set[str]) -> None:
    """Refuse a validation set that is not what the file's own selection says it is."""
    where = f"{path.name}, fold {fold.index}"
    if selection == "none" and fold.validation:
        msg = (
            f"{where}: under selection none nothing is chosen, so validation must be empty, but it has "
            f"{listed(fold.validation)}. Move them to train, or make the folds again."
        )
        raise ConfigError(msg)
    wanted = set(fold.test) & trainable
    if selection == "test" and set(fold.validation) != wanted:
        parts = [
            f"{word} {listed(names)}"
            for word, names in (
                ("lacks", wanted - set(fold.validation)),
                ("also has", set(fold.validation) - wanted),
            )
            if names
        ]
        msg = (
            f"{where}: under selection test validation must be the events of test that have a view with use = train, "
            f"but it {' and '.join(parts)}. Correct validation, or make the folds again."
        )
        raise ConfigError(msg)
    idle = set(fold.validation) - trainable
    if idle:
        msg = (
            f"{where}: events to choose on need a view with use = train, but {listed(idle)} have none. Take them out "
            "of validation, or correct use in seizures.tsv."
        )
        raise ConfigError(msg)


def _notes(record: _PlanRecord, repeated: str | None) -> tuple[str, ...]:
    """Return the notes of a file; what the folds themselves tell is told by them, not by what a note says.

    That is which folds choose nothing, and how many patients are tested in several (``repeated``).
    """
    empty = [fold.index for fold in record.folds if not fold.validation]
    unsplit = (
        [unsplit_note(empty, reason) for reason in _UNSPLIT] if record.selection == "inner" and empty else []
    )
    notes = list(record.notes)
    for endings, wanted in ((_UNSPLIT, unsplit), ((REPEATED,), [repeated] if repeated else [])):
        if not any(note in notes for note in wanted):
            notes = [*(note for note in notes if not note.endswith(endings)), *wanted[-1:]]
    return tuple(notes)


def _parsed(path: Path, content: Any) -> _PlanRecord:
    if not isinstance(content, dict) or "schema_version" not in content:
        msg = f"{path} must be a fold file with a schema_version. Give a folds.json that a run has written."
        raise StoreError(msg)
    version = content["schema_version"]
    if isinstance(version, int) and version > SCHEMA_VERSION:
        msg = (
            f"{path} has schema_version {version}, this semioscope reads up to {SCHEMA_VERSION}. "
            "Update semioscope or make the folds again."
        )
        raise StoreError(msg)
    try:
        record = _PlanRecord.model_validate(content)
    except ValidationError as err:
        first = err.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{path} is not a valid fold file: {where}: {first['msg']}. Correct it or make the folds again."
        raise StoreError(msg) from err
    if record.rule not in FOLD_RULES:
        raise ConfigError(f"{path.name}: {unknown_name('fold rule', record.rule, FOLD_RULES)}")
    if [fold.index for fold in record.folds] != list(range(len(record.folds))) or not record.folds:
        msg = (
            f"{path} must list its folds in order of index, from 0 without a gap, got "
            f"{[fold.index for fold in record.folds]}. Correct it or make the folds again."
        )
        raise StoreError(msg)
    return record


def _check_events(path: Path, record: _PlanRecord, patient_of: dict[str, str]) -> None:
    named = {name for fold in record.folds for name in (*fold.train, *fold.validation, *fold.test)}
    remedy = "Use the folds of this cohort and task, or leave --folds out to have them made."
    strange = named - set(patient_of)
    if strange:
        msg = f"{path.name} must name only events of this run, but {listed(strange)} are none. {remedy}"
        raise ConfigError(msg)
    tested = Counter(name for fold in record.folds for name in fold.test)
    untested = set(patient_of) - set(tested)
    if untested:
        msg = f"{path.name} must test every event of this run, but leaves out {listed(untested)}. {remedy}"
        raise ConfigError(msg)
    repeated = {name for name, number in tested.items() if number > 1}
    if repeated and record.rule not in REPEATING_RULES:
        msg = (
            f"{path.name} must test every event once, but {listed(repeated)} are tested more than once. "
            f"Leave each in the test set of one fold, or use a rule that repeats ({listed(REPEATING_RULES)})."
        )
        raise ConfigError(msg)
    moved = {name for name in named if record.patient_of.get(name, patient_of[name]) != patient_of[name]}
    if moved:
        name = min(moved)
        msg = (
            f"{path.name} and the cohort must agree on whose events these are, but {name} is of patient "
            f"{record.patient_of[name]} in the file and of {patient_of[name]} in the cohort "
            f"({counted(len(moved), 'such event')}). {remedy}"
        )
        raise ConfigError(msg)
