"""Pairs of infrared and depth frames against a slow reference, and their laws."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semioscope.video import missing_share, pair_streams


def reference(infrared, depth, offset, half):
    """For each infrared frame look at every depth frame; for each depth frame keep the best that wants it."""
    wants = {}
    for i, t in enumerate(infrared):
        best = min(((abs(d + offset - t), j) for j, d in enumerate(depth)), default=None)
        if best is not None and best[0] <= half:
            wants.setdefault(best[1], []).append((best[0], i))
    pairs = [-1] * len(infrared)
    for j, wanting in wants.items():
        pairs[min(wanting)[1]] = j
    return pairs


# Multiples of 1/8 are exact, so ties are ties.
exact = st.integers(-80, 400).map(lambda number: number / 8)
rising = st.sets(exact, max_size=14).map(lambda times: np.array(sorted(times), dtype=float))
halves = st.integers(0, 40).map(lambda number: number / 8)


@given(infrared=rising, depth=rising, offset=exact, half=halves)
def test_pairs_are_those_of_the_reference(infrared, depth, offset, half):
    pairing = pair_streams(infrared, depth, offset_seconds=offset, half_frame_seconds=half)
    assert pairing.depth_indices.tolist() == reference(infrared.tolist(), depth.tolist(), offset, half)


stamps = st.integers(-5_000_000, 5_000_000).map(lambda number: number / 1e6)
rising_stamps = st.sets(stamps, max_size=10).map(lambda times: np.array(sorted(times), dtype=float))


@given(infrared=rising_stamps, depth=rising_stamps, half=st.floats(0, 3))
def test_pairs_of_stamps_that_are_not_exact_are_those_of_the_reference(infrared, depth, half):
    pairing = pair_streams(infrared, depth, offset_seconds=0.0, half_frame_seconds=half)
    assert pairing.depth_indices.tolist() == reference(infrared.tolist(), depth.tolist(), 0.0, half)


@given(infrared=rising, depth=rising, offset=exact, half=halves)
def test_counts_and_order(infrared, depth, offset, half):
    pairing = pair_streams(infrared, depth, offset_seconds=offset, half_frame_seconds=half)
    paired = pairing.depth_indices[pairing.depth_indices >= 0]
    assert np.all(np.diff(paired) > 0)
    assert pairing.num_paired == paired.size
    assert pairing.num_infrared == pairing.num_paired + pairing.num_unpaired_infrared == len(infrared)
    assert pairing.num_depth == pairing.num_paired + pairing.num_unpaired_depth == len(depth)
    distance = pairing.distance_seconds
    np.testing.assert_array_equal(np.isnan(distance), pairing.depth_indices < 0)
    assert np.all(distance[~np.isnan(distance)] <= half)
    there = pairing.depth_indices >= 0
    np.testing.assert_array_equal(distance[there], np.abs(depth[paired] + offset - infrared[there]))


@given(infrared=rising, depth=rising, offset=exact, shift=exact, half=halves)
def test_only_the_sum_of_offset_and_depth_times_counts(infrared, depth, offset, shift, half):
    first = pair_streams(infrared, depth, offset_seconds=offset, half_frame_seconds=half)
    moved = pair_streams(infrared, depth + shift, offset_seconds=offset - shift, half_frame_seconds=half)
    np.testing.assert_array_equal(first.depth_indices, moved.depth_indices)


@given(times=rising)
@example(times=np.array([]))
def test_a_stream_pairs_with_itself(times):
    pairing = pair_streams(times, times, offset_seconds=0.0, half_frame_seconds=0.0)
    np.testing.assert_array_equal(pairing.depth_indices, np.arange(len(times)))
    assert pairing.unpaired_share == 0 or (len(times) == 0 and math.isnan(pairing.unpaired_share))


@given(jitter=st.lists(st.floats(-0.015, 0.015), min_size=20, max_size=20), lost=st.sets(st.integers(0, 19)))
def test_jitter_below_half_a_frame_and_lost_frames_do_not_shift_pairs(jitter, lost):
    infrared = np.arange(20) / 30
    kept = np.array([number for number in range(20) if number not in lost], dtype=int)
    depth = (infrared + np.array(jitter))[kept]
    pairing = pair_streams(infrared, depth - 3, offset_seconds=3.0)
    expected = np.full(20, -1)
    expected[kept] = np.arange(kept.size)
    np.testing.assert_array_equal(pairing.depth_indices, expected)
    assert pairing.num_unpaired_infrared == len(lost)
    assert pairing.half_frame_seconds == pytest.approx(1 / 60)


def test_a_tie_goes_to_the_earlier():
    two_depths = pair_streams(np.array([1.0]), np.array([0.5, 1.5]), offset_seconds=0, half_frame_seconds=1.0)
    assert two_depths.depth_indices.tolist() == [0]
    two_infrared = pair_streams(np.array([0.5, 1.5]), np.array([1.0]), offset_seconds=0)
    assert two_infrared.depth_indices.tolist() == [0, -1]


def test_half_the_rate_leaves_every_second_frame_without_depth():
    pairing = pair_streams(np.arange(60) / 30, np.arange(30) / 15, offset_seconds=0.0)
    np.testing.assert_array_equal(pairing.depth_indices.reshape(30, 2)[:, 0], np.arange(30))
    assert pairing.unpaired_share == 0.5
    slower = pair_streams(np.arange(60) / 30, np.arange(20) / 10, offset_seconds=0.0)
    assert slower.num_unpaired_infrared == 40
    assert slower.unpaired_share == 40 / 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"infrared_times": np.array([0.0, 0.0])}, "infrared_times must be finite and ascend strictly"),
        ({"depth_times": np.array([0.0, math.nan])}, "depth_times must be finite"),
        ({"offset_seconds": math.inf}, "offset_seconds must be a finite"),
        ({"half_frame_seconds": -1.0}, "half_frame_seconds must be 0 or more"),
        ({"infrared_times": np.array([0.0])}, "Give it where there are fewer than two frames"),
    ],
)
def test_what_cannot_be_paired(change, message):
    given_ = {"infrared_times": np.arange(3.0), "depth_times": np.arange(3.0), "offset_seconds": 0.0} | change
    with pytest.raises(ValueError, match=message):
        pair_streams(given_.pop("infrared_times"), given_.pop("depth_times"), **given_)


def test_missing_share():
    frame = np.array([[0, 1], [65535, 0]], dtype=np.uint16)
    assert missing_share(frame) == 0.5
    assert missing_share(np.zeros((2, 3, 4), np.uint16)) == 1.0
    assert math.isnan(missing_share(np.zeros((0, 4), np.uint16)))
