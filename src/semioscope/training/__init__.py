"""Training: examples as arrays, losses, one loop, and the scores of what it trained. Opens no file."""

from semioscope.training.loop import OPTIMIZERS, FitResult, TrainingConfig, fit, fit_side_by_side
from semioscope.training.losses import CLASS_WEIGHTS, LOSSES, class_weights
from semioscope.training.predict import (
    StepScores,
    middle_positions,
    predict_representations,
    predict_scores,
    predict_steps,
)
from semioscope.training.sampling import epoch_batches
from semioscope.training.sequences import SequenceSet, clip_set, sequence_set
from semioscope.training.threads import single_thread

__all__ = [
    "CLASS_WEIGHTS",
    "LOSSES",
    "OPTIMIZERS",
    "FitResult",
    "SequenceSet",
    "StepScores",
    "TrainingConfig",
    "class_weights",
    "clip_set",
    "epoch_batches",
    "fit",
    "fit_side_by_side",
    "middle_positions",
    "predict_representations",
    "predict_scores",
    "predict_steps",
    "sequence_set",
    "single_thread",
]
