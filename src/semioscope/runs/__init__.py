"""A run folder from a recipe, and predictions from its bundle."""

from semioscope.runs.benefit import BenefitOutcome, BenefitPlan, perform_benefit, plan_benefit
from semioscope.runs.benefit_pretraining import PretrainingFacts, read_pretraining
from semioscope.runs.bundle import Bundle, BundleFacts, read_bundle
from semioscope.runs.feature_source import IMPORTED_STRIDE, cohort_of_features
from semioscope.runs.finish import RunOutcome
from semioscope.runs.planning import RunPlan, plan_run
from semioscope.runs.predict import predict_all, predict_event
from semioscope.runs.prediction import Prediction, PredictionRequest
from semioscope.runs.prediction_files import write_predictions_folder
from semioscope.runs.run import perform_run
from semioscope.runs.series import SeriesOutcome, SeriesPlan, perform_series, plan_series
from semioscope.runs.study import StudyOutcome, perform_study
from semioscope.runs.study_given import check_given, check_protocol
from semioscope.runs.study_plan import StudyPlan, check_grid, plan_study

__all__ = [
    "IMPORTED_STRIDE",
    "BenefitOutcome",
    "BenefitPlan",
    "Bundle",
    "BundleFacts",
    "Prediction",
    "PredictionRequest",
    "PretrainingFacts",
    "RunOutcome",
    "RunPlan",
    "SeriesOutcome",
    "SeriesPlan",
    "StudyOutcome",
    "StudyPlan",
    "check_given",
    "check_grid",
    "check_protocol",
    "cohort_of_features",
    "perform_benefit",
    "perform_run",
    "perform_series",
    "perform_study",
    "plan_benefit",
    "plan_run",
    "plan_series",
    "plan_study",
    "predict_all",
    "predict_event",
    "read_bundle",
    "read_pretraining",
    "write_predictions_folder",
]
