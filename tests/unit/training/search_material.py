"""A small search for tests: examples of six patients, and where settings are drawn from."""

import numpy as np

from semioscope.models import AggregatorConfig
from semioscope.training import SearchData, TrainingConfig, step_set
from semioscope.training.search_space import Choice, Uniform, WholeNumber

AGGREGATOR = AggregatorConfig(name="lstm_fc", lstm_sizes=(4, 3), fc_sizes=(3,))
TRAINING = TrainingConfig(epochs=3, batch_size=10, loss="bce", optimizer="adam", learning_rate=0.02)
SPACE = {
    "aggregator.dropout": Uniform(low=0.0, high=0.5),
    "training.loss": Choice(values=("weighted_mse", "bce")),
    "training.epochs": WholeNumber(low=1, high=4),
}
FIXED = {"aggregator": AGGREGATOR, "training": TRAINING, "space": SPACE, "seed": 0}


def examples():
    rng = np.random.default_rng(0)
    y_true = np.arange(30) % 2
    features = rng.exponential(size=(30, 3, 4)).astype(np.float32)
    features[np.arange(30), :, y_true] += 1
    return step_set(features, np.full(30, 3), y_true)


def material(**changes):
    options = {
        "train": examples().subset(np.arange(20)),
        "validation": examples().subset(np.arange(20, 30)),
        "train_patients": frozenset({"p0", "p1", "p2", "p3"}),
        "validation_patients": frozenset({"p4", "p5"}),
        "num_classes": 2,
    }
    return SearchData(**(options | changes))
