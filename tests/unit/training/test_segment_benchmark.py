"""The yardstick of the benchmark gives what ours gives, so their times may be compared."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from semioscope.plans import SegmentPlan
from semioscope.training import epoch_batches

FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("segment_sampling", FOLDER / "segment_sampling.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "segment_sampling", module)
    spec.loader.exec_module(module)
    return module


def test_both_ways_take_the_same_clips_where_there_is_one_choice(benchmark):
    data = benchmark.seizures(num_sequences=5)
    plan = SegmentPlan(num_segments=400)  # more segments than clips: one clip may be taken from each
    items = benchmark.OneByOne(data, plan)
    assert np.array_equal(items.bounds.first, items.bounds.last)
    theirs = [items[index] for index in range(len(items))]
    batches = list(
        epoch_batches(data, data.bounds(plan), gammas=[4.0], batch_size=3, seed=0, fold=0, epoch=1)
    )
    assert [len(y_true) for _, y_true in batches] == [3, 2]
    for features, y_true in batches:
        for x, y in zip(features[0], y_true, strict=True):
            matching = [label for other, label in theirs if torch.equal(x, other)]
            assert matching == [int(y)]
