"""From stored features to clips as examples."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.intervals import Interval
from semioscope.core.records import EventView
from semioscope.evaluation import (
    build_clip_table,
    clip_table_digest,
    read_clip_table,
    wanted_clips,
    write_clip_table,
)
from semioscope.plans import ClipPlan, centred_clips, clip_start_seconds, clips_in, window_clips

sys.path.insert(0, str(Path(__file__).parent))
from clip_material import (
    SEGMENT_FRAMES,
    Lazy,
    all_features,
    clip_events,
    clip_features,
    clip_plan,
    view_names,
)


def build(events, features, *, plan, window_stride=4, **changes):
    return build_clip_table(
        events,
        features,
        plan=plan,
        segment_frames=SEGMENT_FRAMES,
        window_stride=window_stride,
        view_names=view_names(events),
        **changes,
    )


plans = st.builds(
    ClipPlan, fps=st.sampled_from([10.0, 15.0]), frames_per_clip=st.integers(1, 32), stride=st.integers(1, 9)
)


@given(plans, st.floats(0, 30), st.floats(0.1, 20), st.integers(32, 50), st.integers(1, 40))
def test_wanted_clips_are_the_union_of_what_is_trained_on_and_what_is_scored(
    plan, start, length, segment_frames, window_stride
):
    interval = Interval(start_seconds=start, end_seconds=start + length)
    wanted = wanted_clips(plan, interval, segment_frames=segment_frames, window_stride=window_stride)
    centred = centred_clips(plan, interval, segment_frames=segment_frames)
    windows = window_clips(plan, interval, segment_frames=segment_frames, window_stride=window_stride)
    assert wanted.tolist() == sorted({*centred.tolist(), *windows.clip_index.tolist()})
    assert set(wanted.tolist()) <= set(clips_in(plan, interval).tolist())


def test_the_papers_windows_want_every_clip():
    interval = Interval(start_seconds=2.0, end_seconds=20.0)
    plan = ClipPlan(stride=1)
    wanted = wanted_clips(plan, interval, segment_frames=32, window_stride=1)
    assert wanted.tolist() == clips_in(plan, interval).tolist()


@pytest.mark.parametrize("frames", [1, 8, 12])
def test_every_backbone_has_one_training_clip_per_whole_stretch(frames):
    events = clip_events()
    plan = clip_plan(frames)
    table, left_out = build(events, all_features(events, plan), plan=plan, window_stride=12)
    assert left_out == []
    for view in table.views:
        whole = round((view.offset_seconds - view.onset_seconds) * 10 - 1e-6) // SEGMENT_FRAMES
        assert abs(view.num_training - whole) <= 1
    reference = clip_plan(12)
    same, _ = build(events, all_features(events, reference), plan=reference, window_stride=12)
    assert [view.num_training for view in table.views] == [view.num_training for view in same.views]


def test_rows_labels_and_roles_by_a_plain_loop():
    events, plan = clip_events(), clip_plan()
    features = all_features(events, plan)
    table, _ = build(events[::-1], features, plan=plan)
    assert [(v.event_id, v.recording_id) for v in table.views] == sorted(features)
    by_id = {event.event_id: event for event in events}
    row = 0
    for position, view in enumerate(table.views):
        assert table.rows_of(position) == slice(row, row + view.num_clips)
        event = by_id[view.event_id]
        own = features[view.event_id, view.recording_id]
        interval = event.views[0].interval
        centred = set(centred_clips(plan, interval, segment_frames=SEGMENT_FRAMES).tolist())
        scored = window_clips(plan, interval, segment_frames=SEGMENT_FRAMES, window_stride=4)
        number = dict(zip(scored.clip_index.tolist(), scored.window_number.tolist(), strict=True))
        for clip in sorted(centred | set(number)):
            k = own.clip_index.tolist().index(clip)
            start = clip / 10
            centre = start + 0.4
            tonic_clonic = view.y_true == 1
            wanted = 1 if tonic_clonic and centre >= view.clonic_onset_seconds else 0
            assert table.y_clip[row] == wanted
            assert table.start_seconds[row] == pytest.approx(start)
            assert table.centre_seconds[row] == pytest.approx(centre - view.onset_seconds)
            assert table.is_training[row] == (clip in centred)
            assert table.is_window[row] == (clip in number)
            assert table.window_number[row] == number.get(clip, -1)
            np.testing.assert_allclose(table.features[row], own.features[k].mean(axis=0), rtol=1e-6)
            row += 1
        assert view.num_training == len(centred)
        assert view.num_windows == len(number)
        assert (view.num_missing_clips, view.num_held_clips, view.num_damaged_clips) == (0, view.num_clips, 0)
    assert row == len(table.features)
    assert table.clip_seconds == 0.8


def test_a_clonic_onset_of_the_other_class_labels_nothing():
    events, plan = clip_events(), clip_plan()
    focal = replace(events[1], y_true=0)
    table, left_out = build([focal], all_features([focal], plan), plan=plan)
    assert left_out == []
    assert not table.y_clip.any()
    swapped, _ = build([focal], all_features([focal], plan), plan=plan, positive_class=0)
    assert swapped.y_clip.any()


def test_views_that_cannot_be_labelled_are_told():
    events, plan = clip_events(4), clip_plan()
    bare = tuple(replace(view, clonic_onset_seconds=None) for view in events[1].views)
    events[1] = replace(events[1], views=(bare[0], events[1].views[1]))
    events[2] = replace(events[2], y_true=None)
    table, left_out = build(events, all_features(events, plan), plan=plan)
    assert [item.recording_id for item in left_out] == ["e1-large", "e2-large", "e2-small"]
    assert "need its clonic onset, but this view has none. Enter clonic_onset" in left_out[0].message
    assert "need the class of their event, but it has none" in left_out[1].message
    assert [view.recording_id for view in table.views] == [
        "e0-large", "e0-small", "e1-small", "e3-large", "e3-small"
    ]  # fmt: skip


def test_clips_with_missing_frames_are_left_out_and_counted():
    events, plan = clip_events(2), clip_plan()
    features = all_features(events, plan)
    whole, _ = build(events, features, plan=plan)
    view = events[0].views[0]
    wanted = wanted_clips(plan, view.interval, segment_frames=SEGMENT_FRAMES, window_stride=4)
    features["e0", "e0-large"] = clip_features("e0", view, plan, missing=wanted[[0, 3]])
    table, left_out = build(events, features, plan=plan)
    assert left_out == []
    assert (table.views[0].num_clips, table.views[0].num_missing_clips) == (len(wanted) - 2, 2)
    kept = np.delete(np.arange(len(wanted)), [0, 3])
    np.testing.assert_array_equal(table.start_seconds[: len(kept)], whole.start_seconds[kept])
    np.testing.assert_array_equal(table.window_number[: len(kept)], whole.window_number[kept])
    assert np.isfinite(table.features).all()


def test_views_without_a_clip_are_told_and_those_without_features_were_told():
    events, plan = clip_events(4), clip_plan()
    short = EventView(recording_id="e0-large", onset_seconds=3.0, offset_seconds=3.4)
    events[0] = replace(events[0], views=(short, events[0].views[1]))
    events[3] = replace(events[3], views=tuple(replace(view, use="no") for view in events[3].views))
    features = all_features(events, plan)
    view = events[1].views[0]
    features["e1", "e1-large"] = clip_features("e1", view, plan, missing=clips_in(plan, view.interval))
    del features["e2", "e2-small"]
    table, left_out = build(events, features, plan=plan)
    assert [item.recording_id for item in left_out] == ["e0-large", "e1-large"]
    assert (
        "At least one window of 0.80 s must lie wholly inside an event, but none does in one of 0.40 s. Correct"
        in left_out[0].message
    )
    assert "have missing frames. Check that the video covers this time" in left_out[1].message
    assert [view.recording_id for view in table.views] == ["e0-small", "e1-small", "e2-large"]


def test_views_for_evaluation_are_scored_but_not_trained_on():
    events, plan = clip_events(2), clip_plan()
    events[1] = replace(events[1], views=(events[1].views[0], replace(events[1].views[1], use="evaluate")))
    table, _ = build(events, all_features(events, plan), plan=plan)
    view, own = table.views[3], table.rows_of(3)
    assert (view.use, view.num_training) == ("evaluate", 0)
    assert view.num_windows == table.views[2].num_windows > 0
    rows = table.training_rows(["e1"])
    assert table.is_training[rows].all()
    assert len(rows) == table.views[2].num_training
    assert not np.isin(rows, np.arange(own.start, own.stop)).any()


@pytest.mark.parametrize("window_stride", [1, 4, 12])
@pytest.mark.parametrize("stride", [1, 3])
def test_features_that_are_read_on_demand_give_the_same_and_are_asked_for_once(stride, window_stride):
    events, plan = clip_events(), clip_plan(stride=stride)
    lazy = Lazy(events, plan, segment_frames=SEGMENT_FRAMES, window_stride=window_stride)
    table, _ = build(events, lazy, plan=plan, window_stride=window_stride)
    wanted, _ = build(events, all_features(events, plan), plan=plan, window_stride=window_stride)
    first = lazy.asked[0]  # the type checker of the tests looks at the first entry of a mapping, too
    assert sorted({*lazy.asked}) == sorted(lazy.views)
    assert [key for key in lazy.asked if key != first] == [key for key in sorted(lazy.views) if key != first]
    assert lazy.most_alive == 0
    assert table.views == wanted.views
    for name in ("features", "start_seconds", "centre_seconds", "y_clip", "is_training", "window_number"):
        np.testing.assert_array_equal(getattr(table, name), getattr(wanted, name))


def test_starts_of_a_plan_that_is_anchored_at_the_event():
    events = clip_events(2)
    plan = clip_plan().model_copy(update={"anchor": "event"})
    features = {
        key: replace(found, start_seconds=clip_start_seconds(plan, found.clip_index, event_start_seconds=k))
        for k, (key, found) in enumerate(all_features(events, plan).items())
    }
    table, _ = build(events, features, plan=plan, window_stride=1)
    assert table.start_seconds[0] == events[0].views[0].onset_seconds
    assert table.centre_seconds[0] == pytest.approx(0.4)


def test_no_clip_at_all(tmp_path):
    table, left_out = build(clip_events(), {}, plan=clip_plan())
    assert (table.views, left_out, len(table.features)) == ((), [], 0)
    write_clip_table(table, tmp_path)
    assert read_clip_table(tmp_path).views == ()


def test_features_of_two_sizes_are_refused():
    events, plan = clip_events(2), clip_plan()
    features = all_features(events, plan)
    features["e1", "e1-large"] = clip_features("e1", events[1].views[0], plan, size=7)
    with pytest.raises(ConfigError, match=r"of one size, 5 as in the first, but e1/e1-large has 7\. Extract"):
        build(events, features, plan=plan)


def test_a_table_needs_one_row_per_clip():
    events, plan = clip_events(2), clip_plan()
    table, _ = build(events, all_features(events, plan), plan=plan)
    with pytest.raises(ValueError, match=r"Views of \d+ clips need as many rows, got"):
        replace(table, views=table.views[1:])


def test_written_tables_read_back_the_same_and_equal_ones_are_equal_bytes(tmp_path):
    events, plan = clip_events(), clip_plan()
    table, _ = build(events, all_features(events, plan), plan=plan)
    files = [write_clip_table(table, tmp_path / name) for name in ("a", "b")]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    again = read_clip_table(tmp_path / "a")
    assert again.views == table.views
    assert again.clip_seconds == table.clip_seconds
    assert isinstance(again.features, np.memmap)
    for name in ("features", "start_seconds", "centre_seconds", "y_clip", "is_training", "window_number"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
        assert getattr(again, name).dtype == getattr(table, name).dtype
    assert clip_table_digest(tmp_path / "a") == clip_table_digest(tmp_path / "b")
    write_clip_table(replace(table, y_clip=1 - table.y_clip), tmp_path / "b")
    assert clip_table_digest(tmp_path / "a") != clip_table_digest(tmp_path / "b")


@pytest.mark.parametrize("name", ["clips.npy", "clips.safetensors"])
def test_damaged_tables_are_told(tmp_path, name):
    with pytest.raises(StoreError, match=r"clips\.json does not exist"):
        read_clip_table(tmp_path)
    events, plan = clip_events(2), clip_plan()
    table, _ = build(events, all_features(events, plan), plan=plan)
    write_clip_table(table, tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:200])
    with pytest.raises(StoreError, match=r"must hold the clips of this run: .* Delete it and give the same"):
        read_clip_table(tmp_path)
