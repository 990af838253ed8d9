import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.plans import SlicePlan, nonepileptic_parts, slices_of


def seizure(start, end):
    return Interval(start_seconds=start, end_seconds=end)


def found(*args, **options):
    result = nonepileptic_parts(*args, **options)
    return [
        (part.side, part.seizure, part.interval.start_seconds, part.interval.end_seconds)
        for part in result.parts
    ], (result.num_short, result.num_absent)


def test_one_seizure_has_a_part_on_each_side():
    parts, counts = found(600.0, [seizure(200, 260)], gap_seconds=0.0)
    assert parts == [("pre", 0, 122, 200), ("post", 0, 260, 338)]
    assert counts == (0, 0)
    parts, _ = found(600.0, [seizure(200, 260)], gap_seconds=2.0, seconds=10.0)
    assert parts == [("pre", 0, 190, 198), ("post", 0, 262, 270)]


def test_the_recording_ends_parts():
    assert found(100.0, [seizure(20, 90)], gap_seconds=0.0) == (
        [("pre", 0, 0, 20), ("post", 0, 90, 100)],
        (0, 0),
    )
    assert found(100.0, [seizure(0, 100)]) == ([], (0, 2))
    assert found(100.0, [seizure(0.3, 120)]) == ([], (1, 1))
    assert found(100.0, []) == ([], (0, 0))


def test_neighbours_share_what_is_between_them():
    parts, _ = found(1000.0, [seizure(300, 350), seizure(100, 200)], gap_seconds=0.0)
    assert parts == [("pre", 1, 22, 100), ("post", 1, 200, 250), ("pre", 0, 250, 300), ("post", 0, 350, 428)]


def test_seizures_that_overlap_count_as_one():
    parts, _ = found(1000.0, [seizure(100, 200), seizure(150, 180), seizure(200.1, 300)])
    assert [part[:2] for part in parts] == [("pre", 0), ("post", 2)]
    parts, _ = found(1000.0, [seizure(100, 200), seizure(150, 180)])
    assert [part[:2] for part in parts] == [("pre", 0), ("post", 0)]


times = st.integers(0, 4000).map(lambda tenths: tenths / 10)
seizure_lists = st.lists(
    st.tuples(times, st.integers(1, 600)).map(lambda pair: seizure(pair[0], pair[0] + pair[1] / 10)),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(
    seizures=seizure_lists,
    duration=st.floats(1, 500),
    seconds=st.floats(0.5, 200),
    gap=st.sampled_from([0.0, 0.1, 3.0]),
)
def test_parts_touch_no_seizure_and_not_each_other(seizures, duration, seconds, gap):
    result = nonepileptic_parts(duration, seizures, seconds=seconds, gap_seconds=gap)
    previous_end = 0.0
    for part in result.parts:
        own, its = part.interval, seizures[part.seizure]
        assert previous_end <= own.start_seconds
        previous_end = own.end_seconds
        assert own.end_seconds <= duration
        assert own.duration_seconds <= seconds + 1e-9
        assert own.duration_seconds >= 10 / 30
        for other in seizures:
            assert not own.overlaps(other)
            apart = max(other.start_seconds - own.end_seconds, own.start_seconds - other.end_seconds)
            assert apart >= gap - 1e-9
        reach = (
            its.start_seconds - own.start_seconds if part.side == "pre" else own.end_seconds - its.end_seconds
        )
        assert gap < reach <= seconds + 1e-9
    groups = len(result.parts) + result.num_short + result.num_absent
    assert groups % 2 == 0
    assert groups <= 2 * len(seizures)
    assert (groups == 0) == (not seizures)


@settings(max_examples=50, deadline=None)
@given(seizures=seizure_lists, phase=st.floats(0, 1 / 30), first=st.integers(1, 60))
def test_no_slice_of_a_part_holds_a_frame_of_a_seizure_or_of_another_part(seizures, phase, first):
    """Frames stored at 30 fps from any first time, with stretches missing; slices of 60 at any stride."""
    frames = phase + np.arange(450 * 30) / 30
    frames = frames[(frames * 30).astype(int) % 97 > first % 20]
    taken = np.zeros(len(frames), dtype=bool)
    for part in nonepileptic_parts(450.0, seizures).parts:
        own = part.interval
        inside = np.flatnonzero((frames >= own.start_seconds) & (frames < own.end_seconds))
        mine = np.zeros(len(frames), dtype=bool)
        for start, count in slices_of(len(inside), SlicePlan(stride=first)).tolist():
            rows = inside[start : start + count]
            for other in seizures:
                # from the first frame to the end of the last, as they are shown
                until = frames[rows[-1] + 1] if rows[-1] + 1 < len(frames) else math.inf
                spans = frames[rows[0]] < other.end_seconds and frames[rows[-1]] >= other.start_seconds
                assert not spans
                if until - frames[rows[-1]] < 0.05:
                    assert until <= other.start_seconds or frames[rows[0]] > other.end_seconds
            mine[rows] = True
        assert not (mine & taken).any()
        taken |= mine


@settings(max_examples=100, deadline=None)
@given(seizures=seizure_lists, duration=st.integers(10, 450))
def test_every_time_near_a_seizure_is_in_a_part(seizures, duration):
    """At tenths of a second: exactly those within reach of a seizure and outside of all."""
    result = nonepileptic_parts(float(duration), seizures, seconds=20.0, gap_seconds=0.0, min_seconds=0.0)
    for time in np.arange(0.05, duration, 2.3).tolist():
        beside = any(s.start_seconds - 20 <= time < s.end_seconds + 20 for s in seizures)
        within = any(s.contains(time) for s in seizures)
        assert any(part.interval.contains(time) for part in result.parts) == (beside and not within)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"duration_seconds": 0.0}, "duration_seconds must be a finite number above 0, got 0"),
        ({"seconds": math.inf}, "seconds must be a finite number above 0, got inf"),
        ({"gap_seconds": -0.1}, "gap_seconds must be a finite number of at least 0, got -0.1"),
        ({"min_seconds": math.nan}, "min_seconds must be a finite number of at least 0, got nan"),
    ],
)
def test_impossible_lengths_are_refused(wrong, message):
    options = {"duration_seconds": 100.0, "seizures": []} | wrong
    with pytest.raises(ConfigError, match=message):
        nonepileptic_parts(**options)


def test_a_seizure_before_the_recording_leaves_parts_inside_it() -> None:
    before = Interval(start_seconds=-25.0, end_seconds=-10.0)
    inside = Interval(start_seconds=30.0, end_seconds=40.0)
    parts = nonepileptic_parts(60.0, [before, inside], seconds=20.0, gap_seconds=0.1).parts
    assert all(0 <= part.interval.start_seconds < part.interval.end_seconds <= 60 for part in parts)
    assert [(part.side, part.seizure, part.interval.start_seconds) for part in parts] == [
        ("post", 0, 0.0), ("pre", 1, 10.0), ("post", 1, 40.1),
    ]  # fmt: skip
