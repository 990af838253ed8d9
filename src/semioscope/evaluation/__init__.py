"""Fit and predict over a fold plan, and the yardsticks beside it."""

from semioscope.evaluation.baselines import BASELINES, Baseline, EventTraits, baseline_scores
from semioscope.evaluation.examples import (
    ExampleTable,
    LeftOut,
    ViewExample,
    build_examples,
    read_examples,
    write_examples,
)
from semioscope.evaluation.fold import FINAL, FoldTask, examples_digest, run_fold, score_views

__all__ = [
    "BASELINES",
    "FINAL",
    "Baseline",
    "EventTraits",
    "ExampleTable",
    "FoldTask",
    "LeftOut",
    "ViewExample",
    "baseline_scores",
    "build_examples",
    "examples_digest",
    "read_examples",
    "run_fold",
    "score_views",
    "write_examples",
]
