"""GESTURES: seizures of any length, classified from segments of frozen spatiotemporal features.

Pérez-García et al. (2021), Transfer Learning of Deep Spatiotemporal Networks to Model Arbitrarily Long Videos
of Seizures, MICCAI; doi:10.1007/978-3-030-87240-3_32.
"""

from semioscope.cohort import TASKS
from semioscope.models import AggregatorConfig
from semioscope.plans import SegmentPlan
from semioscope.recipes.config import (
    BackboneConfig,
    ClipsConfig,
    EventsConfig,
    ExamplesConfig,
    GridConfig,
    RunConfig,
)
from semioscope.training import TrainingConfig


def gestures_2021() -> RunConfig:
    """Return the configuration of the paper's best model: BLSTM, 16 segments, gamma 4.

    As in the paper (section 3): 15 fps, 320x180, 5 % side crop, square padding, R(2+1)D-34 of 8 frames, AdamW
    with a constant learning rate of 1e-2, batches of 64 videos, 400 epochs (epochs: released code).
    Differs: one clip every 4 frames instead of every frame (``clips.stride``; the protocol ``paper`` sets 1).
    """
    return RunConfig(
        recipe="gestures-2021",
        task=TASKS["fos-vs-tcs"],
        backbone=BackboneConfig(name="r2plus1d_34_8"),
        clips=ClipsConfig(fps=15.0, stride=4),
        events=EventsConfig(min_duration_seconds=15.0),
        segments=SegmentPlan(num_segments=16, gamma=4.0),
        aggregator=AggregatorConfig(name="blstm", hidden_size=64),
        training=TrainingConfig(epochs=400, batch_size=64, learning_rate=1e-2),
    )


def gestures_2021_figure2() -> RunConfig:
    """Return the configuration of the paper's Figure 2: every aggregator, number of segments and gamma.

    As in the paper (section 3.2): 60 configurations, 10 folds, 400 epochs. Differs: run under the paper's protocol
    and again under folds by patient, shown beside each other; one clip every 4 frames instead of every frame
    (``--set clips.stride=1`` is the paper's; imported features are used at every frame).
    """
    return gestures_2021().model_copy(
        update={
            "recipe": "gestures-2021-figure2",
            "grid": GridConfig(
                aggregators=("mean", "lstm", "blstm"),
                num_segments=(2, 4, 8, 16),
                gammas=(1.0, 1.25, 2.0, 4.0, float("inf")),
                protocols=("paper", "patient"),
                clip_baseline=True,
            ),
        }
    )


def gestures_2021_table1() -> RunConfig:
    """Return the configuration of the paper's Table 1: which feature extractor tells clips apart best.

    As in the paper (section 3.1): one clip in the middle of every complete stretch of 32 frames, a fully-connected
    layer and a sigmoid, 400 epochs, learning rate 1e-3, batches of 1024 clips, a window slid over all clips.
    Differs: the window moves by 32 frames (``--set examples.window_stride=1`` is the paper's), and everything is run
    again under folds by patient.
    """
    return gestures_2021().model_copy(
        update={
            "recipe": "gestures-2021-table1",
            "clips": ClipsConfig(fps=15.0, stride=1),
            "segments": SegmentPlan(num_segments=1, gamma=float("inf")),
            "aggregator": AggregatorConfig(name="fc"),
            "training": TrainingConfig(epochs=400, batch_size=1024, learning_rate=1e-3),
            "examples": ExamplesConfig(level="clip", segment_frames=32, window_stride=32),
            "grid": GridConfig(
                backbones=("wide_resnet50_2", "resnet34", "r2plus1d_34_8", "r2plus1d_34_32"),
                protocols=("paper", "patient"),
            ),
        }
    )
