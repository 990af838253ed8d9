import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from semioscope.core.errors import ConfigError
from semioscope.plans import SegmentPlan, beta_density, bounds_of_clips, draw_positions, segment_bounds

GAMMAS = [1.0, 1.25, 2.0, 4.0, math.inf]


def slow_bounds(num_frames, num_segments, frames_per_clip, starts):
    """The rule as the paper's text has it, one segment after the other.

    Returns per segment (first, last, is_short) as positions in the list of available start frames.
    """
    found = []
    for part in np.array_split(np.arange(num_frames), num_segments):
        allowed = [
            position
            for position, start in enumerate(starts)
            if len(part) and start >= part[0] and start + frames_per_clip - 1 <= part[-1]
        ]
        if allowed:
            found.append((allowed[0], allowed[-1], False))
            continue
        found.append((None, None, True))
    return found


def slow_nearest(num_frames, num_segments, frames_per_clip, starts, index):
    sizes = [len(part) for part in np.array_split(np.arange(num_frames), num_segments)]
    begin = sum(sizes[:index])
    middle = round((2 * begin + sizes[index] - frames_per_clip) / 2)
    middle = min(max(middle, 0), num_frames - frames_per_clip)
    return min(range(len(starts)), key=lambda position: (abs(starts[position] - middle), position))


def paper_draw(num_frames, num_segments, frames_per_clip, gamma, rng):
    """The paper's draw for one video at stride 1: one Beta or integer per segment."""
    starts = []
    for part in np.array_split(np.arange(num_frames), num_segments):
        first, last = part[0], part[-1] - frames_per_clip + 1
        if gamma == 1:
            starts.append(rng.integers(first, last + 1))
        elif math.isinf(gamma):
            starts.append(round((first + last) / 2))
        else:
            starts.append(round(first + rng.beta(gamma, gamma) * (last - first)))
    return starts


@st.composite
def examples(draw):
    frames_per_clip = draw(st.integers(1, 12))
    stride = draw(st.integers(1, 6))
    phases = draw(st.lists(st.integers(0, stride - 1), min_size=1, max_size=5))
    frames = [draw(st.integers(phase + frames_per_clip, 120)) for phase in phases]
    return frames_per_clip, stride, phases, frames, draw(st.integers(1, 20))


@settings(deadline=None)
@given(examples())
def test_bounds_follow_the_literal_rule(case):
    frames_per_clip, stride, phases, frames, num_segments = case
    bounds = segment_bounds(
        np.array(frames),
        num_segments=num_segments,
        frames_per_clip=frames_per_clip,
        stride=stride,
        phase=np.array(phases),
    )
    for row, (phase, num_frames) in enumerate(zip(phases, frames, strict=True)):
        starts = list(range(phase, num_frames - frames_per_clip + 1, stride))
        expected = slow_bounds(num_frames, num_segments, frames_per_clip, starts)
        assert bounds.num_short[row] == sum(short for *_, short in expected)
        for index, (first, last, short) in enumerate(expected):
            if short:
                first = last = slow_nearest(num_frames, num_segments, frames_per_clip, starts, index)
            assert (bounds.first[row, index], bounds.last[row, index]) == (first, last)


@settings(deadline=None)
@given(st.lists(st.integers(300, 900), min_size=1, max_size=4), st.sampled_from(GAMMAS), st.integers(0, 99))
def test_stride_one_draws_are_bit_for_bit_the_papers(frames, gamma, seed):
    bounds = segment_bounds(np.array(frames), num_segments=16, frames_per_clip=8)
    ours = draw_positions(bounds, gamma=gamma, rng=np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    assert ours.tolist() == [paper_draw(num_frames, 16, 8, gamma, rng) for num_frames in frames]


@settings(deadline=None)
@given(examples(), st.sampled_from(GAMMAS))
def test_draws_lie_in_the_bounds_and_ascend(case, gamma):
    frames_per_clip, stride, phases, frames, num_segments = case
    bounds = segment_bounds(
        np.array(frames),
        num_segments=num_segments,
        frames_per_clip=frames_per_clip,
        stride=stride,
        phase=np.array(phases),
    )
    drawn = draw_positions(bounds, gamma=gamma, rng=np.random.default_rng(0))
    assert drawn.dtype == np.int64
    assert np.all((bounds.first <= drawn) & (drawn <= bounds.last))
    assert np.all(np.diff(bounds.first, axis=1) >= 0)
    whole = bounds.num_short == 0
    assert np.all(np.diff(drawn[whole], axis=1) > 0)
    assert np.all(bounds.num_overlap_frames[whole] == 0)


@settings(deadline=None)
@given(examples())
def test_an_example_does_not_depend_on_its_neighbours(case):
    frames_per_clip, stride, phases, frames, num_segments = case
    options = {"num_segments": num_segments, "frames_per_clip": frames_per_clip, "stride": stride}
    together = segment_bounds(np.array(frames), phase=np.array(phases), **options)
    for row, (phase, num_frames) in enumerate(zip(phases, frames, strict=True)):
        alone = segment_bounds(np.array([num_frames]), phase=np.array([phase]), **options)
        assert alone.first[0].tolist() == together.first[row].tolist()
        assert alone.last[0].tolist() == together.last[row].tolist()
        assert alone.num_overlap_frames[0] == together.num_overlap_frames[row]


@settings(deadline=None)
@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 10))
def test_listed_clips_follow_the_rule_with_gaps(available, num_segments):
    starts = sorted(available)
    bounds = bounds_of_clips(
        np.array(starts),
        np.array([0, len(starts)]),
        np.array([68]),
        num_segments=num_segments,
        frames_per_clip=8,
    )
    for index, (first, last, short) in enumerate(slow_bounds(68, num_segments, 8, starts)):
        if short:
            first = last = slow_nearest(68, num_segments, 8, starts, index)
        assert (bounds.first[0, index], bounds.last[0, index]) == (first, last)


def test_frames_that_do_not_divide_give_the_longer_segments_first():
    bounds = segment_bounds(np.array([11]), num_segments=3, frames_per_clip=1)
    assert bounds.first.tolist() == [[0, 4, 8]]
    assert bounds.last.tolist() == [[3, 7, 10]]


def test_event_with_fewer_clips_than_segments_repeats_and_counts():
    bounds = segment_bounds(np.array([10]), num_segments=16, frames_per_clip=8)
    assert bounds.num_short.tolist() == [16]
    drawn = draw_positions(bounds, gamma=4.0, rng=np.random.default_rng(0))
    assert drawn[0, 0] == 0
    assert drawn[0, -1] == 2
    # 16 clips of 8 frames stand on starts 0..2: neighbours share 8 frames but where the start moves (twice).
    assert bounds.num_overlap_frames.tolist() == [15 * 8 - 2]


def test_event_shorter_than_a_clip_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"one whole clip \(8 frames\), but sz-2 has 7 frames.*and 1 more"):
        segment_bounds(
            np.array([20, 7, 0]), num_segments=2, frames_per_clip=8, names=["sz-1", "sz-2", "sz-3"]
        )


def test_short_segment_can_be_refused():
    with pytest.raises(
        ConfigError, match=r"event 1 has 15 frames in 2 segments, 1 of them too short \(1 such"
    ):
        segment_bounds(np.array([16, 15]), num_segments=2, frames_per_clip=8, short="error")
    bounds = segment_bounds(np.array([16, 16]), num_segments=2, frames_per_clip=8, short="error")
    assert bounds.num_short.tolist() == [0, 0]


def test_no_examples_give_no_bounds():
    bounds = segment_bounds(np.zeros(0, dtype=np.int64), num_segments=3, frames_per_clip=8)
    assert bounds.first.shape == (0, 3)


@pytest.mark.parametrize("gamma", [1.25, 2.0, 4.0, 16.0])
def test_finite_gamma_draws_from_the_beta_density(gamma):
    num_draws, width = 4000, 1_000_000
    bounds = segment_bounds(np.full(num_draws, width + 1), num_segments=1, frames_per_clip=1, stride=1000)
    drawn = draw_positions(bounds, gamma=gamma, rng=np.random.default_rng(7))
    place = (drawn[:, 0] + np.random.default_rng(8).uniform(-0.5, 0.5, num_draws)) / 1000
    assert stats.kstest(np.clip(place, 0, 1), stats.beta(gamma, gamma).cdf).pvalue > 0.01


def test_gamma_one_is_even_over_all_positions():
    bounds = segment_bounds(np.full(6000, 10), num_segments=1, frames_per_clip=1)
    counts = np.bincount(draw_positions(bounds, gamma=1.0, rng=np.random.default_rng(3))[:, 0], minlength=10)
    assert stats.chisquare(counts).pvalue > 0.01


def test_infinite_gamma_takes_the_middle_and_no_random_numbers():
    bounds = segment_bounds(np.array([9, 11]), num_segments=1, frames_per_clip=8)
    drawn = draw_positions(bounds, gamma=math.inf, rng=None)
    assert drawn.tolist() == [[0], [2]]  # 0.5 rounds to the even 0, 1.5 to the even 2


@pytest.mark.parametrize("gamma", [0.5, -1.0, math.nan])
def test_gamma_below_one_is_refused(gamma):
    bounds = segment_bounds(np.array([20]), num_segments=2, frames_per_clip=8)
    with pytest.raises(ConfigError, match=r"gamma must be at least 1, or infinite"):
        draw_positions(bounds, gamma=gamma, rng=np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"gamma must be at least 1"):
        beta_density(gamma, np.array([0.5]))
    with pytest.raises(ValidationError, match="gamma"):
        SegmentPlan(gamma=gamma)


def test_finite_gamma_needs_a_stream():
    bounds = segment_bounds(np.array([20]), num_segments=2, frames_per_clip=8)
    with pytest.raises(ConfigError, match=r"needs a random stream, got gamma 4 and none"):
        draw_positions(bounds, gamma=4.0, rng=None)


def test_densities_integrate_to_one_and_infinity_is_a_spike():
    x = np.linspace(0, 1, 2001)
    for gamma in GAMMAS[:-1]:
        assert np.trapezoid(beta_density(gamma, x), x) == pytest.approx(1, abs=2e-3)
    spike = beta_density(math.inf, np.array([0.2, 0.5]))
    assert spike.tolist() == [0.0, math.inf]


def test_inputs_are_not_changed():
    frames, phase = np.array([40, 50]), np.array([1, 2])
    segment_bounds(frames, num_segments=4, frames_per_clip=8, stride=4, phase=phase)
    assert frames.tolist() == [40, 50]
    assert phase.tolist() == [1, 2]
