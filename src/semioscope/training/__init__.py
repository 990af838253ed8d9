"""Training: examples as arrays, losses, one loop, and the scores of what it trained. Opens no file."""

from semioscope.training.excerpt_source import (
    ExcerptArrays,
    ExcerptSource,
    mean_feature_loss,
)
from semioscope.training.loop import FitResult, fit, fit_side_by_side
from semioscope.training.losses import CLASS_WEIGHTS, LOSSES, class_weights
from semioscope.training.predict import (
    SequenceScores,
    StepScores,
    middle_positions,
    predict_representations,
    predict_scores,
    predict_sequences,
    predict_steps,
)
from semioscope.training.pretrained import planned_pretraining
from semioscope.training.pretraining import PretrainingResult, pretrain
from semioscope.training.pretraining_checkpoint import load_encoder
from semioscope.training.pretraining_settings import PRECISIONS, PRETRAININGS, PretrainingConfig
from semioscope.training.process_group import (
    EndedTogetherError,
    LostProcessError,
    ProcessGroup,
    joined_processes,
)
from semioscope.training.samplers import SAMPLERS, ExamplePlan, ShownSequences
from semioscope.training.sampling import epoch_batches
from semioscope.training.search import (
    SearchData,
    TrialResult,
    best_over_folds,
    best_trial,
    run_trial,
    trial_configs,
)
from semioscope.training.search_space import SEARCH_SPACES, SearchConfig, SearchSpace, space_of, trial
from semioscope.training.search_time import (
    SearchPace,
    TrialPace,
    TrialSizes,
    measured_pace,
    search_pace,
    trial_seconds,
    trial_sizes,
)
from semioscope.training.selection import BEST_EPOCH
from semioscope.training.sequences import SequenceSet, clip_set, sequence_set, step_set
from semioscope.training.settings import OPTIMIZERS, SCHEDULES, TrainingConfig, training_device
from semioscope.training.step_time import measured_step_seconds
from semioscope.training.threads import single_thread

__all__ = [
    "BEST_EPOCH",
    "CLASS_WEIGHTS",
    "LOSSES",
    "OPTIMIZERS",
    "PRECISIONS",
    "PRETRAININGS",
    "SAMPLERS",
    "SCHEDULES",
    "SEARCH_SPACES",
    "EndedTogetherError",
    "ExamplePlan",
    "ExcerptArrays",
    "ExcerptSource",
    "FitResult",
    "LostProcessError",
    "PretrainingConfig",
    "PretrainingResult",
    "ProcessGroup",
    "SearchConfig",
    "SearchData",
    "SearchPace",
    "SearchSpace",
    "SequenceScores",
    "SequenceSet",
    "ShownSequences",
    "StepScores",
    "TrainingConfig",
    "TrialPace",
    "TrialResult",
    "TrialSizes",
    "best_over_folds",
    "best_trial",
    "class_weights",
    "clip_set",
    "epoch_batches",
    "fit",
    "fit_side_by_side",
    "joined_processes",
    "load_encoder",
    "mean_feature_loss",
    "measured_pace",
    "measured_step_seconds",
    "middle_positions",
    "planned_pretraining",
    "predict_representations",
    "predict_scores",
    "predict_sequences",
    "predict_steps",
    "pretrain",
    "run_trial",
    "search_pace",
    "sequence_set",
    "single_thread",
    "space_of",
    "step_set",
    "training_device",
    "trial",
    "trial_configs",
    "trial_seconds",
    "trial_sizes",
]
