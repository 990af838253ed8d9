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
from semioscope.scoring.confusion import ClassScores, confusion, per_class, predict_classes
from semioscope.scoring.intervals import (
    Estimate,
    bootstrap_patients,
    exact_binomial,
    paired_bootstrap,
)
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
    "Metric",
    "PrPoints",
    "RankTest",
    "ReliabilityPoints",
    "RocPoints",
    "UndefinedScoreWarning",
    "bonferroni",
    "bootstrap_curve",
    "bootstrap_patients",
    "brier_split",
    "cohens_kappa",
    "confusion",
    "ece",
    "exact_binomial",
    "find_metric",
    "fit_calibration",
    "fit_platt",
    "fit_temperature",
    "fit_threshold",
    "fleiss_kappa",
    "mann_whitney_one_tailed",
    "metrics_for",
    "paired_bootstrap",
    "per_class",
    "pr_points",
    "predict_classes",
    "reliability_points",
    "resample_patients",
    "roc_points",
]
