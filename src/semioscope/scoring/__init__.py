"""Scores of predictions, how sure they are, calibration, and tests between models and annotators."""

from semioscope.scoring.bands import CurveBand, bootstrap_curve
from semioscope.scoring.calibration import (
    BrierSplit,
    Calibration,
    ReliabilityPoints,
    brier_split,
    ece,
    fit_calibration,
    fit_platt,
    fit_temperature,
    fit_threshold,
    reliability_points,
)
from semioscope.scoring.classification import METRICS, Metric, find_metric, metrics_for
from semioscope.scoring.clips import (
    MedianIqr,
    RowTest,
    RowTests,
    SeizureClipScores,
    WindowScores,
    average_windows,
    compare_rows,
    mean_clip_score,
    median_iqr,
    seizure_clip_scores,
)
from semioscope.scoring.confusion import ClassScores, confusion, per_class, predict_classes
from semioscope.scoring.intervals import (
    Estimate,
    bootstrap_patients,
    exact_binomial,
    mean_paired_bootstrap,
    paired_bootstrap,
)
from semioscope.scoring.paired import FlipTest, McNemarTest, holm, mcnemar_exact, sign_flip_test
from semioscope.scoring.ranking import PrPoints, RocPoints, pr_points, roc_points
from semioscope.scoring.resampling import resample_patients
from semioscope.scoring.tests import (
    Bonferroni,
    RankTest,
    bonferroni,
    cohens_kappa,
    fleiss_kappa,
    mann_whitney_one_tailed,
)
from semioscope.scoring.undefined import UndefinedScoreWarning

__all__ = [
    "METRICS",
    "Bonferroni",
    "BrierSplit",
    "Calibration",
    "ClassScores",
    "CurveBand",
    "Estimate",
    "FlipTest",
    "McNemarTest",
    "MedianIqr",
    "Metric",
    "PrPoints",
    "RankTest",
    "ReliabilityPoints",
    "RocPoints",
    "RowTest",
    "RowTests",
    "SeizureClipScores",
    "UndefinedScoreWarning",
    "WindowScores",
    "average_windows",
    "bonferroni",
    "bootstrap_curve",
    "bootstrap_patients",
    "brier_split",
    "cohens_kappa",
    "compare_rows",
    "confusion",
    "ece",
    "exact_binomial",
    "find_metric",
    "fit_calibration",
    "fit_platt",
    "fit_temperature",
    "fit_threshold",
    "fleiss_kappa",
    "holm",
    "mann_whitney_one_tailed",
    "mcnemar_exact",
    "mean_clip_score",
    "mean_paired_bootstrap",
    "median_iqr",
    "metrics_for",
    "paired_bootstrap",
    "per_class",
    "pr_points",
    "predict_classes",
    "reliability_points",
    "resample_patients",
    "roc_points",
    "seizure_clip_scores",
    "sign_flip_test",
]
