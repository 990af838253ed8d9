"""A run folder from a recipe, and predictions from its bundle."""

from semioscope.runs.bundle import Bundle, BundleFacts, read_bundle
from semioscope.runs.finish import RunOutcome
from semioscope.runs.planning import RunPlan, plan_run
from semioscope.runs.predict import Prediction, PredictionRequest, predict_all, predict_event
from semioscope.runs.prediction_files import write_predictions_folder
from semioscope.runs.run import perform_run

__all__ = [
    "Bundle",
    "BundleFacts",
    "Prediction",
    "PredictionRequest",
    "RunOutcome",
    "RunPlan",
    "perform_run",
    "plan_run",
    "predict_all",
    "predict_event",
    "read_bundle",
    "write_predictions_folder",
]
