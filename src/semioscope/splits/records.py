"""Settings and results of fold plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from semioscope.core.config import Config

FoldRule = Literal["patient", "leave-one-patient-out", "seizure", "released"]
SelectionRule = Literal["inner", "test", "none"]

PATIENT_RULES: frozenset[str] = frozenset({"patient", "leave-one-patient-out"})
"""Rules under which no patient may stand on both sides; the others declare that patients are shared."""

RULES_WITHOUT_SELECTION: frozenset[str] = frozenset({"leave-one-patient-out"})
"""Rules that choose nothing on other patients (methods, section 0): epochs are fixed, scores are pooled."""


class FoldConfig(Config):
    """How events are divided into folds."""

    rule: FoldRule = "patient"
    """patient: grouped by patient, stratified by class. leave-one-patient-out: one fold per patient.
    seizure: stratified by class and total duration (as in the paper; train and test share patients).
    released: dealt as in the code published with GESTURES (train and test share patients)."""
    num_folds: int = Field(default=10, ge=2)
    """Number of folds; leave-one-patient-out makes one per patient whatever stands here."""


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
        folds: In order of their index; every event is tested in exactly one.
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
    return f"Fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}: {reason}"
