"""GESTURES: seizures of any length, classified from segments of frozen spatiotemporal features.

Pérez-García et al. (2021), Transfer Learning of Deep Spatiotemporal Networks to Model Arbitrarily Long Videos
of Seizures, MICCAI; doi:10.1007/978-3-030-87240-3_32.
"""

from semioscope.cohort import TASKS
from semioscope.models import AggregatorConfig
from semioscope.plans import SegmentPlan
from semioscope.recipes.config import BackboneConfig, ClipsConfig, EventsConfig, RunConfig
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
