"""Settings and results of fold plans."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.wording import counted, numbered

FoldRule = Literal["patient", "patients-per-class", "leave-one-patient-out", "seizure", "released"]
SelectionRule = Literal["inner", "test", "none"]

PATIENT_RULES: frozenset[str] = frozenset({"patient", "patients-per-class", "leave-one-patient-out"})
"""Rules under which no patient may stand on both sides; the others declare that patients are shared."""

REPEATING_RULES: frozenset[str] = frozenset({"patients-per-class"})
"""Rules under which an event may be tested in several folds; under the others it is in exactly one."""

RULES_WITHOUT_SELECTION: frozenset[str] = frozenset({"leave-one-patient-out"})
"""Rules that choose nothing on other patients (methods, section 0): epochs are fixed, scores are pooled."""


class FoldConfig(Config):
    """How events are divided into folds."""

    rule: FoldRule = "patient"
    """patient: grouped by patient; every fold tests as many patients of each class as can be, then as many events.
    patients-per-class: as many tested patients of each class in every fold (Karácsony 2022).
    leave-one-patient-out: one fold per patient. seizure: stratified by class and total duration (as in the paper;
    train and test share patients). released: dealt as in the code published with GESTURES (train and test share
    patients)."""
    num_folds: int = Field(default=10, ge=2)
    """Number of folds; leave-one-patient-out makes one per patient whatever stands here."""
    patients_per_class: int = Field(default=3, ge=1, le=10_000)
    """Rule patients-per-class: tested patients of each class in a fold. Where that makes more places than there are
    patients, some are tested in several folds."""


class SelectionConfig(Config):
    """On which events the epoch and the threshold are chosen."""

    on: SelectionRule = "inner"
    """inner: on some of the training patients. test: on the reported fold (as in the paper; optimistic).
    none: nothing is chosen, the epochs are fixed."""
    fraction: float = Field(default=0.2, gt=0, lt=1)
    """Wanted share of the training patients for the inner split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One division of the events; event ids, sorted.

    Args:
        index: 0 to the number of folds - 1.
        train: Events with a view to train on.
        validation: Events for the choice of epoch and threshold, all with a view to train on; empty where
            nothing is chosen; those of ``test`` under selection on the test fold.
        test: Events that are scored.
    """

    index: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldPlan:
    """All folds of a run: what ``folds.json`` holds.

    Args:
        rule: A key of ``FOLD_RULES``.
        seed: Seed of the run.
        selection: inner, test or none.
        cohort_hash: Digest of the cohort's tables, for provenance; may be empty.
        folds: In order of their index; every event is tested in exactly one, under ``REPEATING_RULES`` in one or
            more.
        patient_of: Patient of every event in the plan.
        notes: Sentences for the report.
    """

    rule: str
    seed: int
    selection: str
    cohort_hash: str
    folds: tuple[Fold, ...]
    patient_of: Mapping[str, str]
    notes: tuple[str, ...] = ()


UNSPLIT = (
    "no inner split of the training patients has a patient of every class on both sides, so nothing is chosen "
    "there and the epochs are fixed."
)


def unsplit_note(folds: Sequence[int], reason: str = UNSPLIT) -> str:
    """Return the sentence about folds that should choose on training patients and cannot."""
    return f"{numbered('Fold', folds)}: {reason}"


REPEATED = (
    "tested in more than one fold (fold-wise scores and those of slices count each time; pooled scores of events "
    "take the mean of their folds)."
)


def repeated_note(folds: Sequence[Fold], patient_of: Mapping[str, str]) -> str | None:
    """Return the sentence about patients whose events are tested in several folds; None where there are none."""
    tested = Counter(name for fold in folds for name in fold.test)
    repeated = {patient_of[name] for name, number in tested.items() if number > 1}
    if not repeated:
        return None
    return f"{counted(len(repeated), 'patient is', 'patients are')} {REPEATED}"
