"""Hou: epileptic against psychogenic seizures, from every frame of an ordinary video.

J.-C. Hou, A. McGonigal, F. Bartolomei, M. Thonnat (2022), A Self-Supervised Pre-Training Framework for Vision-Based
Seizure Classification, ICASSP; doi:10.1109/icassp43922.2022.9746325. Pre-training: ``recipes.pretraining``.
"""

from semioscope.cohort import TASKS
from semioscope.models import TRANSFORMER_SIZES, AggregatorConfig
from semioscope.recipes.config import (
    BackboneConfig,
    ClipsConfig,
    EventsConfig,
    ExamplesConfig,
    RunConfig,
)
from semioscope.splits import FoldConfig, SelectionConfig
from semioscope.training import TrainingConfig


def hou_2022() -> RunConfig:
    """Return the configuration of the paper's fine-tuning; ``aggregator.pretrained`` names what it begins with.

    As in the paper (section 4): 25 frames per second, pictures of 128 x 171 cut to the middle 112, ResNet-152, a
    Transformer of 6 layers and width 1024 over 256 positions, dropout of 0.5 before the last layer, classes weighed
    by one over their number of videos, AdamW with a step size of 0.005 that falls linearly, weight decay 1e-4, 50
    epochs of batches of 16, one patient left out at a time. Not told there: videos are cut into consecutive excerpts
    of 256 frames at a place that is drawn anew in every epoch, and a batch counts excerpts. Differs: without a
    checkpoint it begins with random weights, and the whole picture is seen until a detector of the patient is named
    (``crops.method=track``, with the folder of ``semioscope detector train``). Weights of the folds are not kept.
    """
    return RunConfig(
        recipe="hou-2022",
        task=TASKS["es-vs-pnes"],
        pictures="frame",
        backbone=BackboneConfig(name="resnet152", input_size=112),
        clips=ClipsConfig(fps=25.0, frames_per_clip=1, stride=1, anchor="event"),
        events=EventsConfig(min_duration_seconds=0.0),
        aggregator=AggregatorConfig(
            name="transformer", transformer=TRANSFORMER_SIZES["full"].size, dropout=0.5
        ),
        training=TrainingConfig(
            epochs=50,
            batch_size=16,
            learning_rate=0.005,
            schedule="linear",
            weight_decay=1e-4,
            class_weights="inverse_count",
            device="auto",
        ),
        folds=FoldConfig(rule="leave-one-patient-out"),
        selection=SelectionConfig(on="none"),
        examples=ExamplesConfig(level="excerpt", excerpt_frames=256),
        keep_fold_models=False,
    )


def hou_2022_small() -> RunConfig:
    """Return the configuration for small machines: 2 layers of width 256, and a tenth of the step size.

    Pictures, backbone and excerpts are those of the paper, so both share their features. The step size is to the
    paper's as it is in the small pre-training: without a warm-up larger steps spoil the first layers of a Transformer
    that normalises after each sum. Weights of the folds are kept.
    """
    paper = hou_2022()
    return paper.model_copy(
        update={
            "recipe": "hou-2022-small",
            "aggregator": paper.aggregator.model_copy(
                update={"transformer": TRANSFORMER_SIZES["small"].size}
            ),
            "training": paper.training.model_copy(update={"learning_rate": 0.0005}),
            "keep_fold_models": True,
        }
    )
