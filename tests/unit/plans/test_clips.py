import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.plans import (
    CLIPS_PER_BLOCK,
    ClipPlan,
    blocks_of,
    centred_clips,
    clip_centre_seconds,
    clip_labels,
    clip_range,
    clip_start_frames,
    clip_start_seconds,
    clips_in,
    frame_times,
    window_clips,
)

plans = st.builds(
    ClipPlan,
    fps=st.sampled_from([5.0, 15.0, 25.0, 30.0, 29.97]),
    frames_per_clip=st.integers(1, 40),
    stride=st.integers(1, 12),
    anchor=st.sampled_from(["recording", "event"]),
)
intervals = st.builds(
    lambda start, length: Interval(start_seconds=start / 1000, end_seconds=(start + length) / 1000),
    st.integers(0, 90_000),
    st.integers(1, 9_000),
)


def slow_clips(plan, interval):
    """All clips whose first frame is at or after the start and whose last frame is before the end."""
    origin = interval.start_seconds if plan.anchor == "event" else 0.0
    found = []
    for clip in range(int(interval.end_seconds * plan.fps) + 2):
        first = origin + clip * plan.stride / plan.fps
        last = origin + (clip * plan.stride + plan.frames_per_clip - 1) / plan.fps
        if first > interval.end_seconds:
            break
        if first >= interval.start_seconds - 1e-6 and last < interval.end_seconds - 1e-6:
            found.append(clip)
    return found


@settings(deadline=None)
@given(plans, intervals)
def test_clips_are_those_that_lie_wholly_inside(plan, interval):
    assert clips_in(plan, interval).tolist() == slow_clips(plan, interval)


@settings(deadline=None)
@given(plans, intervals)
def test_range_agrees_with_frame_times(plan, interval):
    clips = clip_range(plan, interval)
    assert 0 <= clips.phase < plan.stride
    times = frame_times(plan, clips.clip_index, event_start_seconds=interval.start_seconds)
    assert times.shape == (clips.num_clips, plan.frames_per_clip)
    if clips.num_clips:
        assert times.min() >= interval.start_seconds - 1e-6
        assert times.max() < interval.end_seconds
        starts = clip_start_seconds(plan, clips.clip_index, event_start_seconds=interval.start_seconds)
        np.testing.assert_array_equal(times[:, 0], starts)
        in_event = clip_start_frames(plan, clips.clip_index, interval)
        assert in_event[0] == clips.phase
        assert in_event[-1] + plan.frames_per_clip <= clips.num_frames


@settings(deadline=None)
@given(plans, intervals, st.floats(0.1, 3))
def test_moving_the_onset_adds_clips_and_changes_none(plan, interval, seconds):
    plan = plan.model_copy(update={"anchor": "recording"})
    longer = interval.extended(seconds, seconds)
    assert set(clips_in(plan, interval).tolist()) <= set(clips_in(plan, longer).tolist())


def test_public_feature_set_counts_one_clip_per_start_frame():
    """K frames hold K - 7 clips of 8: duration = (files - 1)/15 + 8/15 seconds."""
    files = 123
    duration = (files - 1) / 15 + 8 / 15
    plan = ClipPlan(stride=1)
    assert clips_in(plan, Interval(start_seconds=0.0, end_seconds=duration)).size == files


def test_frame_shown_exactly_at_the_end_is_outside():
    plan = ClipPlan(fps=10.0, frames_per_clip=1, stride=1)
    assert clips_in(plan, Interval(start_seconds=0.1, end_seconds=0.3)).tolist() == [1, 2]
    assert clips_in(plan, Interval(start_seconds=0.1, end_seconds=0.1 + 0.2)).tolist() == [1, 2]


def test_event_shorter_than_a_clip_has_none():
    assert clips_in(ClipPlan(), Interval(start_seconds=3.0, end_seconds=3.2)).size == 0
    assert centred_clips(ClipPlan(), Interval(start_seconds=3.0, end_seconds=3.2)).size == 0


def test_event_anchor_puts_the_first_clip_at_the_onset():
    plan = ClipPlan(anchor="event")
    interval = Interval(start_seconds=3.21, end_seconds=9.0)
    assert clips_in(plan, interval)[0] == 0
    start = clip_start_seconds(plan, np.array([0]), event_start_seconds=3.21)
    np.testing.assert_array_equal(start, [3.21])
    np.testing.assert_allclose(
        clip_centre_seconds(plan, np.array([0]), event_start_seconds=3.21), [3.21 + 4 / 15]
    )


def test_recording_anchor_ignores_the_onset():
    clip = np.array([0, 5])
    np.testing.assert_array_equal(
        clip_start_seconds(ClipPlan(), clip, event_start_seconds=7.7), clip_start_seconds(ClipPlan(), clip)
    )


@pytest.mark.parametrize("frames_per_clip", [1, 8, 32])
def test_centred_clips_are_the_paper_rule_and_equally_many(frames_per_clip):
    plan = ClipPlan(frames_per_clip=frames_per_clip, stride=1)
    interval = Interval(start_seconds=2.0, end_seconds=2.0 + 100 / 15)
    expected = [30 + 32 * i + (32 - frames_per_clip) // 2 for i in range(3)]
    assert centred_clips(plan, interval).tolist() == expected


@settings(deadline=None)
@given(plans, intervals, st.integers(0, 20))
def test_centred_clips_are_the_nearest_inside(plan, interval, more):
    segment_frames = plan.frames_per_clip + more
    inside = clips_in(plan, interval)
    clips = clip_range(plan, interval)
    chosen = centred_clips(plan, interval, segment_frames=segment_frames)
    if not inside.size:
        assert chosen.size == 0
        return
    assert chosen.size == clips.num_frames // segment_frames
    for index, clip in enumerate(chosen):
        wanted = clips.first_frame + index * segment_frames + more // 2
        distance = np.abs(inside * plan.stride - wanted)
        assert clip == inside[int(np.argmin(distance))]


def test_centred_clip_must_fit_its_segment():
    with pytest.raises(ConfigError, match=r"at least frames_per_clip \(8\), got 4\. Use longer segments"):
        centred_clips(ClipPlan(), Interval(start_seconds=0.0, end_seconds=9.0), segment_frames=4)


@pytest.mark.parametrize(
    ("field", "value"), [("fps", 0.0), ("fps", float("inf")), ("frames_per_clip", 0), ("stride", 0)]
)
def test_plan_refuses_values_out_of_range(field, value):
    with pytest.raises(ValidationError, match=field):
        ClipPlan(**{field: value})


def test_clip_seconds():
    assert ClipPlan().clip_seconds == 8 / 15


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000)))
def test_blocks_partition_the_clips(clips):
    blocks = blocks_of(np.array(clips, dtype=np.int64))
    assert list(blocks) == sorted(blocks)
    assert sorted(set(clips)) == [int(c) for part in blocks.values() for c in part]
    for block, part in blocks.items():
        assert part.size
        assert np.all(part // CLIPS_PER_BLOCK == block)


def test_label_is_one_from_the_clonic_onset_on():
    centres = np.array([1.0, 2.0, 2.5])
    assert clip_labels(centres, clonic_onset_seconds=2.0).tolist() == [0, 1, 1]
    assert clip_labels(centres, clonic_onset_seconds=None).tolist() == [0, 0, 0]


steps = st.integers(1, 50)


@given(plans, intervals, st.integers(0, 20))
def test_windows_of_every_frame_are_all_clips(plan, interval, more):
    windows = window_clips(plan, interval, segment_frames=plan.frames_per_clip + more, window_stride=1)
    assert windows.clip_index.tolist() == clips_in(plan, interval).tolist()


@given(plans, intervals, st.integers(0, 20), steps)
def test_windows_are_the_nearest_clips_to_a_regular_line(plan, interval, more, window_stride):
    inside, clips = clips_in(plan, interval), clip_range(plan, interval)
    windows = window_clips(
        plan, interval, segment_frames=plan.frames_per_clip + more, window_stride=window_stride
    )
    wanted = set()
    start = more // 2 % window_stride
    while inside.size and start + plan.frames_per_clip <= clips.num_frames:
        distance = np.abs(inside * plan.stride - (clips.first_frame + start))
        wanted.add(int(inside[np.argmin(distance)]))
        start += window_stride
    assert windows.clip_index.tolist() == sorted(wanted)
    assert windows.window_number.size == windows.clip_index.size
    assert np.all(np.diff(windows.window_number) > 0)
    assert np.all(windows.window_number >= 0)


@given(plans, intervals, st.integers(1, 20))
def test_windows_of_whole_segments_are_the_centred_clips(plan, interval, more):
    plan = plan.model_copy(update={"stride": 1})
    segment_frames = plan.frames_per_clip + more
    centred = centred_clips(plan, interval, segment_frames=segment_frames)
    windows = window_clips(plan, interval, segment_frames=segment_frames, window_stride=segment_frames)
    assert windows.clip_index[: centred.size].tolist() == centred.tolist()
    assert windows.clip_index.size - centred.size in (0, 1)
    assert windows.window_number.tolist() == list(range(windows.clip_index.size))


@pytest.mark.parametrize("window_stride", [1, 4, 8, 32])
def test_windows_of_clips_of_any_length_are_centred_at_the_same_times(window_stride):
    interval = Interval(start_seconds=3.21, end_seconds=40.0)
    centres = []
    for frames in (1, 8, 32):
        plan = ClipPlan(frames_per_clip=frames, stride=1)
        windows = window_clips(plan, interval, window_stride=window_stride)
        centres.append(clip_centre_seconds(plan, windows.clip_index))
    longest = centres[-1]
    for own in centres:
        nearest = np.abs(longest[:, None] - own).min(axis=1)
        assert np.all(nearest <= 0.5 / 15 + 1e-9)
    assert np.isin(np.round(longest, 6), np.round(centres[1], 6)).all()


@given(
    st.integers(1, 12),
    steps,
    st.integers(0, 11),
    st.integers(0, 11),
    st.integers(40, 200),
    st.integers(1, 32),
)
def test_equal_window_numbers_are_the_same_moment_in_views_with_other_clocks(
    stride, window_stride, early, late, num_frames, frames
):
    plan = ClipPlan(fps=10.0, frames_per_clip=frames, stride=stride)
    starts = []
    for begin in (early, late):
        interval = Interval(start_seconds=begin / 10, end_seconds=(begin + num_frames) / 10)
        windows = window_clips(plan, interval, window_stride=window_stride)
        frame = clip_start_frames(plan, windows.clip_index, interval)
        starts.append(dict(zip(windows.window_number.tolist(), frame.tolist(), strict=True)))
    for number in starts[0].keys() & starts[1].keys():
        assert abs(starts[0][number] - starts[1][number]) < max(stride, 2)
    if stride == 1:
        assert starts[0] == starts[1]


def test_windows_need_a_step_and_a_segment_that_holds_a_clip():
    interval = Interval(start_seconds=0.0, end_seconds=9.0)
    with pytest.raises(ConfigError, match=r"window_stride must be at least 1 frame, got 0\. Use 1"):
        window_clips(ClipPlan(), interval, window_stride=0)
    with pytest.raises(ConfigError, match=r"at least frames_per_clip \(8\), got 4\. Use longer segments"):
        window_clips(ClipPlan(), interval, segment_frames=4)
