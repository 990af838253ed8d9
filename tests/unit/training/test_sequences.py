import math

import numpy as np
import pytest

from semioscope.core.errors import ConfigError
from semioscope.plans import SegmentPlan
from semioscope.training import SequenceSet, clip_set, middle_positions, sequence_set


def ragged(lengths, *, stride=4, num_features=3, seed=0):
    rng = np.random.default_rng(seed)
    return sequence_set(
        [rng.normal(size=(length, num_features)).astype(np.float32) for length in lengths],
        start_frames=[np.arange(length) * stride for length in lengths],
        num_frames=[(length - 1) * stride + 8 for length in lengths],
        frames_per_clip=8,
        y_true=[index % 2 for index in range(len(lengths))],
        names=[f"sz-{index}" for index in range(len(lengths))],
    )


def test_rows_of_each_example_lie_together():
    data = ragged([5, 2, 7])
    assert data.num_examples == 3
    assert data.num_features == 3
    assert data.clip_rows.tolist() == list(range(14))
    assert data.subset(np.array([2, 0])).clip_rows.tolist() == [*range(7, 14), *range(5)]


def test_subset_shares_the_features():
    data = ragged([5, 2, 7])
    part = data.subset(np.array([False, True, True]))
    assert part.features is data.features
    assert part.names == ("sz-1", "sz-2")
    assert part.y_true.tolist() == [1, 0]


def test_subset_is_drawn_from_as_the_whole():
    data, plan = ragged([30, 12, 70, 3]), SegmentPlan(num_segments=4)
    whole = data.rows(middle_positions(data, plan))
    chosen = np.array([3, 1])
    part = data.subset(chosen)
    assert part.rows(middle_positions(part, plan)).tolist() == whole[chosen].tolist()


def test_clips_with_missing_frames_are_left_out():
    features = np.arange(24, dtype=np.float32).reshape(8, 3)
    features[3, 1] = math.nan
    data = sequence_set(
        [features],
        start_frames=[np.arange(8) * 4],
        num_frames=[36],
        frames_per_clip=8,
        y_true=[0],
        names=["sz"],
    )
    assert data.num_clips.tolist() == [7]
    assert data.start_frames.tolist() == [0, 4, 8, 16, 20, 24, 28]
    # Two segments of 18 frames: whole clips start at 0, 4, 8 and at 20, 24, 28 (18 is no start).
    bounds = data.bounds(SegmentPlan(num_segments=2))
    assert bounds.first.tolist() == [[0, 4]]
    assert bounds.last.tolist() == [[2, 6]]


def test_example_without_a_clip_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"but sz-1 has none \(1 such examples\)\. Leave it out"):
        ragged([4, 0])
    with pytest.raises(ConfigError, match="at least one example, got none"):
        ragged([])


def test_lengths_must_agree():
    data = ragged([4])
    with pytest.raises(ValueError, match=r"got 2 names for \[1, 1, 1, 1\] examples and 4 starts for 4 clips"):
        SequenceSet(**{name: getattr(data, name) for name in SequenceSet.__slots__} | {"names": ("a", "b")})


def test_short_segment_is_refused_when_the_plan_says_so():
    with pytest.raises(ConfigError, match=r"but sz-0 has 12 frames in 3 segments"):
        ragged([2]).bounds(SegmentPlan(num_segments=3, short="error"))


def test_clip_set_makes_every_clip_an_example():
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    data = clip_set(features, np.array([0, 1, 0, 1]))
    rows = data.rows(middle_positions(data, SegmentPlan(num_segments=1)))
    assert rows.tolist() == [[0], [1], [2], [3]]
    assert data.names[3] == "clip 3"
    assert clip_set(features, data.y_true, names="abcd").names == ("a", "b", "c", "d")
