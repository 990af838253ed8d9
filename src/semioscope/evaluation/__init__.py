"""Fit and predict over a fold plan, and the yardsticks beside it."""

from semioscope.evaluation.baselines import BASELINES, Baseline, EventTraits, baseline_scores
from semioscope.evaluation.clip_folds import ClipFoldTask, run_clip_fold
from semioscope.evaluation.clip_results import ClipFoldResult, ScoredView, read_clip_fold
from semioscope.evaluation.clip_table import (
    ClipTable,
    ClipView,
    clip_table_digest,
    read_clip_table,
    write_clip_table,
)
from semioscope.evaluation.clips import build_clip_table, wanted_clips
from semioscope.evaluation.example_table import (
    ExampleTable,
    ViewExample,
    read_examples,
    write_examples,
)
from semioscope.evaluation.examples import LeftOut, build_examples
from semioscope.evaluation.fold import (
    FINAL,
    FoldGroup,
    FoldTask,
    examples_digest,
    run_fold,
    run_fold_group,
)
from semioscope.evaluation.fold_estimate import fold_estimate
from semioscope.evaluation.levels import (
    LEVELS,
    level_of,
    score_excerpts,
    score_slices,
    score_views,
)
from semioscope.evaluation.search_choice import chosen_settings, read_trial, searched, searched_final
from semioscope.evaluation.search_estimate import search_estimate
from semioscope.evaluation.search_folds import TrialTask, run_search_trial, trial_tasks

__all__ = [
    "BASELINES",
    "FINAL",
    "LEVELS",
    "Baseline",
    "ClipFoldResult",
    "ClipFoldTask",
    "ClipTable",
    "ClipView",
    "EventTraits",
    "ExampleTable",
    "FoldGroup",
    "FoldTask",
    "LeftOut",
    "ScoredView",
    "TrialTask",
    "ViewExample",
    "baseline_scores",
    "build_clip_table",
    "build_examples",
    "chosen_settings",
    "clip_table_digest",
    "examples_digest",
    "fold_estimate",
    "level_of",
    "read_clip_fold",
    "read_clip_table",
    "read_examples",
    "read_trial",
    "run_clip_fold",
    "run_fold",
    "run_fold_group",
    "run_search_trial",
    "score_excerpts",
    "score_slices",
    "score_views",
    "search_estimate",
    "searched",
    "searched_final",
    "trial_tasks",
    "wanted_clips",
    "write_clip_table",
    "write_examples",
]
