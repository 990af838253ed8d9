"""Karácsony: frontal and temporal lobe epilepsy from infrared and depth, two seconds at a time.

T. Karácsony, A. M. Loesch-Biffar, C. Vollmar, S. Noachtar, J. P. S. Cunha (2020), A deep learning architecture for
epileptic seizure classification based on object and action recognition, ICASSP.

T. Karácsony, A. M. Loesch-Biffar, C. Vollmar, J. Rémi, S. Noachtar, J. P. S. Cunha (2022), Novel 3D video action
recognition deep learning approach for near real time epileptic seizure classification, Scientific Reports.
"""

from collections.abc import Mapping
from typing import Any

from semioscope.cohort import TASKS
from semioscope.models import AggregatorConfig
from semioscope.plans import SlicePlan
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.recipes.config import (
    BackboneConfig,
    CropsConfig,
    EventsConfig,
    ExamplesConfig,
    RunConfig,
)
from semioscope.splits import FoldConfig
from semioscope.training import TrainingConfig

MANY_CLASSES: Mapping[str, Mapping[str, Any]] = {
    "training": {"loss": "weighted_nll", "batch_size": 1000},
}
"""What changes with three classes: softmax and weighted categorical cross-entropy, batches of 1000 (2022,
"Implemented classifier architectures")."""

CLASSIFIERS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "I3D": {
        "aggregator": {"name": "i3d_head", "dropout": 0.5},
        # momentum 0.9 is that of the optimiser; the paper does not give the learning rate
        "training": {"optimizer": "sgd", "learning_rate": 0.01, "loss": "weighted_nll"},
    },
    "LSTM": {},
    "Extended LSTM": {"aggregator": {"lstm_sizes": [128, 128], "fc_sizes": [128, 64]}},
}
"""The classifiers of 2022 as changes to its recipes, which have the LSTM."""


def is_extended(aggregator: AggregatorConfig) -> bool:
    """Return whether a classifier has the sizes of the extended LSTM of 2022."""
    sizes = CLASSIFIERS["Extended LSTM"]["aggregator"]
    return aggregator.name == "lstm_fc" and all(
        list(getattr(aggregator, key)) == value for key, value in sizes.items()
    )


def karacsony_2020() -> RunConfig:
    """Return the configuration of the paper of 2020.

    As in the paper: box crop of the raw infrared with 20 % around it, slices of 60 stored frames and leftovers of 10
    to 59, I3D, LSTM 128 and 64, FC 64 and 32, weighted MSE, Adam, 2000 epochs of which the one with the best F1 is
    kept, batches of 500, 5 folds by patient. Differs: the epoch is chosen inside the training patients (the protocol
    ``paper`` chooses it on the reported fold); the strength of the penalty is Keras' default, the paper gives none.
    """
    return RunConfig(
        recipe="karacsony-2020",
        task=TASKS["fle-vs-tle"],
        pictures="gray",
        gray=GrayPictureConfig(depth_crop=False),
        crops=CropsConfig(method="box"),
        backbone=BackboneConfig(name="i3d"),
        slices=SlicePlan(),
        events=EventsConfig(min_duration_seconds=0.0),
        examples=ExamplesConfig(level="slice"),
        aggregator=AggregatorConfig(name="lstm_fc"),
        training=TrainingConfig(
            epochs=2000,
            batch_size=500,
            learning_rate=1e-3,
            weight_decay=0.0,
            optimizer="adam",
            loss="weighted_mse",
            class_weights="inverse_frequency",
            best_epoch="best_f1",
        ),
        folds=FoldConfig(rule="patient", num_folds=5),
    )


def karacsony_2022_b() -> RunConfig:
    """Return the configuration of data set B of the paper of 2022: depth crop and box crop.

    As in the paper, with its LSTM; with three classes see ``MANY_CLASSES``. Differs as the one of 2020 does.
    """
    return karacsony_2020().model_copy(
        update={
            "recipe": "karacsony-2022-b",
            "gray": GrayPictureConfig(depth_crop=True),
            "crops": CropsConfig(method="depth_box"),
        }
    )


def karacsony_2022_a() -> RunConfig:
    """Return data set A of the paper of 2022: box crop only, with the boxes of B."""
    return karacsony_2022_b().model_copy(
        update={"recipe": "karacsony-2022-a", "gray": GrayPictureConfig(depth_crop=False)}
    )


def karacsony_2022_b05() -> RunConfig:
    """Return data set B0.5 of the paper of 2022: B with slices that overlap by half.

    As the published counts say: whole slices only, no leftovers.
    """
    return karacsony_2022_b().model_copy(
        update={"recipe": "karacsony-2022-b05", "slices": SlicePlan(stride=30, leftovers=False)}
    )
