"""How long a step of pre-training takes on this machine, measured before hours are spent."""

import time

import numpy as np
import torch

from semioscope.core.randomness import stream
from semioscope.models import TransformerConfig, TransformerRegressor, build_transformer
from semioscope.plans import CorruptionPlan
from semioscope.training.excerpt_source import ExcerptArrays
from semioscope.training.pretraining_settings import PretrainingConfig
from semioscope.training.pretraining_step import PretrainingWork, take_step
from semioscope.training.process_group import ProcessGroup

_MOST_STEPS, _ENOUGH_SECONDS = 3, 5.0


def measured_step_seconds(
    *,
    transformer: TransformerConfig,
    training: PretrainingConfig,
    corruption: CorruptionPlan,
    num_excerpts: int,
    num_frames: int,
    device: str = "cpu",
) -> float:
    """Return the seconds of one step on made-up features: the shortest of up to three, fewer if they take long.

    Neither reading features nor meeting other processes is in it.

    Args:
        transformer: Size of the network.
        training: How it is trained.
        corruption: How much is spoilt.
        num_excerpts: Excerpts of a step in this process.
        num_frames: Real frames of each.
        device: Where the network is.
    """
    features = stream(0, "pretraining-time").random((1, 1, num_frames, transformer.num_features), np.float32)
    source = ExcerptArrays(
        names=tuple(map(str, range(num_excerpts))),
        num_frames=np.full(num_excerpts, num_frames),
        features=np.broadcast_to(features, (num_excerpts, *features.shape[1:])),
        mask=np.zeros(transformer.num_features, np.float32),
        pad=np.zeros(transformer.num_features, np.float32),
    )
    network = build_transformer(lambda: TransformerRegressor(transformer), seed=0).to(device).train()
    work = PretrainingWork(
        source=source,
        training=training.model_copy(
            update={"batch_size": num_excerpts, "learning_rate": 1e-6, "epochs": 10}
        ),
        corruption=corruption,
        seed=0,
        group=ProcessGroup(),
        device=torch.device(device),
        clips_at_once=16,
        network=network,
        optimizer=torch.optim.AdamW(network.parameters(), fused=True),
    )
    taken: list[float] = []
    while len(taken) < _MOST_STEPS and sum(taken) < _ENOUGH_SECONDS:
        began = time.perf_counter()
        take_step(work, len(taken))
        taken.append(time.perf_counter() - began)
    return min(taken)
