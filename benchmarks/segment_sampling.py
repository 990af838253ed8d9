"""How long it takes to draw the clips of an epoch and to put its batches together.

The yardstick is the straightforward way: a torch ``Dataset`` that, item by item, draws one Beta number and
takes one slice per segment, behind a ``DataLoader``. Ours draws the whole epoch at once and gathers a batch
at a time. Both give the same: 16 clips of 512 features per seizure, one from each segment.

Run ``python benchmarks/segment_sampling.py``; figures are medians of interleaved runs on one thread.
"""

import json

import numpy as np
import torch
from timing import interleaved_medians
from torch.utils.data import DataLoader, Dataset

from semioscope.models import AggregatorConfig
from semioscope.plans import SegmentPlan
from semioscope.training import (
    SequenceSet,
    TrainingConfig,
    epoch_batches,
    fit,
    sequence_set,
    single_thread,
)

NUM_SEQUENCES, NUM_FEATURES, FRAMES_PER_CLIP, STRIDE = 150, 512, 8, 4
GOALS = {"speed_up": (">=", 20.0), "share_of_epoch": ("<", 0.15)}


class OneByOne(Dataset[tuple[torch.Tensor, int]]):
    """One Beta draw and one slice per segment of an item."""

    def __init__(self, data: SequenceSet, plan: SegmentPlan) -> None:
        ends = data.first_clip + data.num_clips
        self.features = [
            torch.from_numpy(data.features[a:b]) for a, b in zip(data.first_clip, ends, strict=True)
        ]
        self.y_true = data.y_true.tolist()
        self.bounds = data.bounds(plan)
        self.density = torch.distributions.Beta(plan.gamma, plan.gamma)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        clips = []
        for first, last in zip(self.bounds.first[index], self.bounds.last[index], strict=True):
            position = round(float(first + self.density.sample() * (last - first)))
            clips.append(self.features[index][position])
        return torch.stack(clips), self.y_true[index]


def seizures(*, num_sequences: int = NUM_SEQUENCES, seed: int = 0) -> SequenceSet:
    """Make features of events whose durations spread like those of the paper (median 60 s, 15 to 700 s)."""
    rng = np.random.default_rng(seed)
    seconds = np.clip(60 * np.exp(0.6 * rng.normal(size=num_sequences)), 15, 700)
    num_clips = ((seconds * 15 - FRAMES_PER_CLIP) // STRIDE + 1).astype(int)
    return sequence_set(
        [rng.normal(size=(count, NUM_FEATURES)).astype(np.float32) for count in num_clips],
        start_frames=[np.arange(count) * STRIDE for count in num_clips],
        num_frames=[int((count - 1) * STRIDE + FRAMES_PER_CLIP) for count in num_clips],
        frames_per_clip=FRAMES_PER_CLIP,
        y_true=[index % 2 for index in range(num_sequences)],
        names=[f"seizure-{index}" for index in range(num_sequences)],
    )


def measure(*, quick: bool = False, num_sequences: int = NUM_SEQUENCES) -> dict[str, float]:
    """Time both ways and a whole epoch of training (BLSTM), in turn, and return medians and ratios."""
    data, plan, training = seizures(num_sequences=num_sequences), SegmentPlan(), TrainingConfig()
    loader = DataLoader(OneByOne(data, plan), batch_size=training.batch_size, shuffle=True)
    bounds = data.bounds(plan)

    def one_by_one() -> None:
        for _ in loader:
            pass

    def ours() -> None:
        batches = epoch_batches(
            data, bounds, gammas=[plan.gamma], batch_size=training.batch_size, seed=0, fold=0, epoch=1
        )
        for _ in batches:
            pass

    def epoch() -> None:
        fit(
            data,
            None,
            aggregator=AggregatorConfig(name="blstm"),
            training=training,
            segments=plan,
            num_classes=2,
            seed=0,
            epochs=1,
        )

    with single_thread():
        seconds = interleaved_medians(
            {"one by one": one_by_one, "ours": ours, "epoch": epoch}, rounds=5 if quick else 25
        )
    return {
        "one_by_one_ms": 1000 * seconds["one by one"],
        "ours_ms": 1000 * seconds["ours"],
        "epoch_ms": 1000 * seconds["epoch"],
        "speed_up": seconds["one by one"] / seconds["ours"],
        "share_of_epoch": seconds["ours"] / seconds["epoch"],
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
