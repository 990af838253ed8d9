"""Fold plans: who trains, who chooses, who is tested. Leakage is refused."""

from semioscope.splits.files import read_folds, write_folds
from semioscope.splits.folds import inner_split, make_folds
from semioscope.splits.leakage import check_leakage
from semioscope.splits.records import (
    PATIENT_RULES,
    REPEATING_RULES,
    RULES_WITHOUT_SELECTION,
    Fold,
    FoldConfig,
    FoldPlan,
    SelectionConfig,
)
from semioscope.splits.rules import FOLD_RULES, FoldEvents, fold_events

__all__ = [
    "FOLD_RULES",
    "PATIENT_RULES",
    "REPEATING_RULES",
    "RULES_WITHOUT_SELECTION",
    "Fold",
    "FoldConfig",
    "FoldEvents",
    "FoldPlan",
    "SelectionConfig",
    "check_leakage",
    "fold_events",
    "inner_split",
    "make_folds",
    "read_folds",
    "write_folds",
]
