import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.plans import ExcerptPlan, contextual_excerpts, draw_phase, padded, seizure_excerpts

SMALL = ExcerptPlan(fps=5.0, num_frames=10, num_positions=12, min_frames=4, margin_seconds=1.5)


def seizure(start, end):
    return Interval(start_seconds=start, end_seconds=end)


seizures = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 80)).map(
        lambda pair: seizure(pair[0] / 10, (pair[0] + pair[1]) / 10)
    ),
    max_size=4,
)


def by_looking(duration, own, plan):
    """The same, excerpt by excerpt and frame by frame."""
    stored = [g for g in range(2000) if g / plan.fps < duration - 1e-9]
    found = []
    for begin in range(0, len(stored), plan.num_frames):
        frames = stored[begin : begin + plan.num_frames]
        if len(frames) < plan.min_frames:
            continue
        times = [frame / plan.fps for frame in frames]
        near = any(
            one.start_seconds - plan.margin_seconds - 1e-9
            <= time
            < one.end_seconds + plan.margin_seconds - 1e-9
            for one in own
            for time in times
        )
        if not near:
            found.append((frames[0], len(frames)))
    return found


@settings(max_examples=300)
@given(tenths=st.integers(0, 600), own=seizures)
def test_excerpts_are_those_found_by_looking_at_every_frame(tenths, own):
    duration = tenths / 5  # a whole number of frames
    found = contextual_excerpts([duration], [own], SMALL)
    pairs = list(zip(found.first_frame.tolist(), found.num_frames.tolist(), strict=True))
    assert pairs == by_looking(duration, own, SMALL)


def test_paper_clips_of_ten_seconds_are_250_frames():
    found = contextual_excerpts([3600.0, 10.0, 9.96, 4.0], [[], [], [], []], ExcerptPlan())
    assert np.bincount(found.recording_index, minlength=4).tolist() == [360, 1, 1, 0]
    assert found.num_frames.tolist() == [250] * 361 + [249]
    np.testing.assert_allclose(found.times_seconds(1, fps=25.0), 10 + np.arange(250) / 25)


def test_a_new_annotation_leaves_the_excerpts_elsewhere_alone():
    before = contextual_excerpts([3600.0], [[]], ExcerptPlan())
    after = contextual_excerpts([3600.0], [[seizure(1803.0, 1850.0)]], ExcerptPlan())
    gone = sorted(set(before.first_frame.tolist()) - set(after.first_frame.tolist()))
    # from 1743 s to 1910 s with the margin
    assert gone == [frame * 250 for frame in range(174, 191)]
    assert set(after.first_frame.tolist()) <= set(before.first_frame.tolist())


@settings(max_examples=100)
@given(num_clips=st.integers(1, 360))
def test_chosen_excerpts_are_uniform_in_time(num_clips):
    plan = ExcerptPlan(num_clips=num_clips)
    found = contextual_excerpts([1800.0, 1800.0], [[], []], plan)
    number = found.recording_index * 180 + found.first_frame // 250
    assert len(found) == num_clips
    gaps = np.diff(number)
    assert np.all(gaps >= 1)
    assert np.ptp(gaps) <= 1 if len(gaps) else True
    # as many in any stretch as its share says
    for begin, end in ((0, 90), (100, 300)):
        inside = np.count_nonzero((number >= begin) & (number < end))
        assert abs(inside - num_clips * (end - begin) / 360) <= 1


def test_too_many_clips_are_refused():
    with pytest.raises(ConfigError, match=r"at most the number of excerpts that are free, which is 6, got 7"):
        contextual_excerpts([60.0], [[]], ExcerptPlan(num_clips=7))


def test_recordings_without_seizure_lists_are_refused():
    with pytest.raises(ConfigError, match="got 2 durations and 1 lists"):
        contextual_excerpts([60.0, 60.0], [[]], ExcerptPlan())


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_impossible_durations_are_refused(duration):
    with pytest.raises(ConfigError, match="Recording 1 must last 0 seconds or more"):
        contextual_excerpts([10.0, duration], [[], []], ExcerptPlan())


def test_nothing_gives_nothing():
    assert len(contextual_excerpts([], [], ExcerptPlan())) == 0


def test_plans_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="must not fall, got 125, 300 and 256"):
        ExcerptPlan(num_frames=300)


@settings(max_examples=300)
@given(num_frames=st.integers(1, 2000), phase=st.integers(0, 255))
def test_seizure_excerpts_hold_every_frame_once(num_frames, phase):
    found = seizure_excerpts(num_frames, phase=phase)
    frames = np.concatenate([np.arange(first, first + count) for first, count in found])
    assert frames.tolist() == list(range(num_frames))
    assert found[:, 1].min() >= 1
    assert found[:, 1].max() <= 256
    assert np.all(found[1:-1, 1] == 256)
    if phase == 0:
        assert np.all(found[:-1, 1] == 256)


def test_phase_is_drawn_where_a_seizure_is_cut():
    drawn = {draw_phase(257, np.random.default_rng(seed)) for seed in range(3000)}
    assert drawn == set(range(256))
    assert draw_phase(256, np.random.default_rng(1)) == 0
    short, long = np.random.default_rng(1), np.random.default_rng(1)
    draw_phase(100, short)
    draw_phase(1000, long)
    assert short.random() == long.random()


def test_seizures_that_cannot_be_cut_are_refused():
    with pytest.raises(ConfigError, match="1 frame or more to be cut, got 0"):
        seizure_excerpts(0)
    with pytest.raises(ConfigError, match=r"phase must be in \[0, 256\), got 256"):
        seizure_excerpts(300, phase=256)


def test_padding_fills_up_behind():
    features = np.arange(500, dtype=np.float32).reshape(250, 2)
    pad = np.array([7, 8], dtype=np.float32)
    filled, real = padded(features, pad)
    assert filled.shape == (256, 2)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[:250], features)
    np.testing.assert_array_equal(filled[250:], np.tile(pad, (6, 1)))
    assert real.tolist() == [True] * 250 + [False] * 6


@pytest.mark.parametrize("num_frames", [0, 257])
def test_excerpts_that_do_not_fit_are_refused(num_frames):
    with pytest.raises(ConfigError, match=f"1 to 256 frames, got {num_frames}"):
        padded(np.zeros((num_frames, 2), dtype=np.float32), np.zeros(2, dtype=np.float32))
