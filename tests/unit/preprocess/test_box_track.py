"""Boxes along an event: exact at hits, between hits in between, held where nothing was found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.records import Region
from semioscope.preprocess.box_track import BOX_RULES, BoxTrack, box_track, regions_of
from semioscope.preprocess.track_files import EventTrack, read_tracks, write_tracks

LEFT = Region(x=0.0, y=0.25, width=0.25, height=0.5)
RIGHT = Region(x=0.75, y=0.25, width=0.25, height=0.5)


@st.composite
def regions(draw):
    left, top = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    width, height = draw(st.floats(0.01, 1 - left)), draw(st.floats(0.01, 1 - top))
    return Region(x=left, y=top, width=width, height=height)


@st.composite
def looks(draw, *, least_hits=1, boxes=None):
    """Return times and boxes; tests make the track, since type checks draw random items."""
    times = np.cumsum(draw(st.lists(st.floats(0.1, 3), min_size=1, max_size=8))).tolist()
    one = regions() if boxes is None else st.just(boxes)
    found = [draw(st.one_of(st.none(), one)) for _ in times]
    if sum(box is not None for box in found) < least_hits:
        found[draw(st.integers(0, len(found) - 1))] = draw(one)
    return times, found


def edges_of(box):
    return np.array([box.x, box.y, box.x + box.width, box.y + box.height])


@given(looks=looks())
def test_at_a_hit_the_box_is_that_of_the_hit(looks):
    track = box_track(*looks)
    got = track.box_at(track.times_seconds)
    assert np.array_equal(got[track.is_hit], track.edges[track.is_hit])


@given(looks=looks(), share=st.floats(0, 1), data=st.data())
def test_between_two_hits_the_box_is_a_convex_combination_of_both(looks, share, data):
    track = box_track(*looks)
    pairs = [place for place in range(track.num_looks - 1) if track.is_hit[place : place + 2].all()]
    if not pairs:
        return
    place = data.draw(st.sampled_from(pairs))
    first, second = track.times_seconds[place : place + 2]
    [got] = track.box_at(np.array([first + share * (second - first)]))
    want = (1 - share) * track.edges[place] + share * track.edges[place + 1]
    np.testing.assert_allclose(got, want, atol=1e-9)


@given(looks=looks(), times=st.lists(st.floats(-5, 40), min_size=1, max_size=20))
def test_boxes_never_leave_the_picture_nor_the_range_of_the_hits(looks, times):
    track = box_track(*looks)
    for rule in BOX_RULES:
        got = track.box_at(np.array(times), rule=rule)
        hits = track.edges[track.is_hit]
        assert np.isfinite(got).all()
        assert (got >= hits.min(axis=0) - 1e-9).all()
        assert (got <= hits.max(axis=0) + 1e-9).all()
        assert len(regions_of(got)) == len(times)


@given(looks=looks(boxes=LEFT), times=st.lists(st.floats(-5, 40), min_size=1, max_size=20))
def test_a_constant_hit_gives_a_constant_box(looks, times):
    track = box_track(*looks)
    for rule in BOX_RULES:
        assert np.array_equal(
            track.box_at(np.array(times), rule=rule), np.tile(edges_of(LEFT), (len(times), 1))
        )


@given(looks=looks(least_hits=0), times=st.lists(st.floats(-5, 40), max_size=20))
def test_every_frame_is_counted_once(looks, times):
    track = box_track(*looks)
    counts = track.counts_at(np.array(times))
    total = counts.num_hits + counts.num_interpolated + counts.num_held + counts.num_raw
    assert total == len(times)
    assert (counts.num_raw == len(times)) == (track.found_nothing or not times)


def test_where_a_look_missed_the_box_is_held_and_counted():
    track = box_track([0, 1, 2, 3, 4], [None, LEFT, None, None, RIGHT])
    times = np.array([-1.0, 0, 0.5, 1, 1.5, 2, 3, 3.5, 4, 9])
    got = track.box_at(times)
    assert got[:7].tolist() == [edges_of(LEFT).tolist()] * 7
    assert got[7].tolist() == ((edges_of(LEFT) + edges_of(RIGHT)) / 2).tolist()
    assert got[8:].tolist() == [edges_of(RIGHT).tolist()] * 2
    counts = track.counts_at(times)
    assert (counts.num_hits, counts.num_interpolated, counts.num_held, counts.num_raw) == (2, 0, 8, 0)
    assert (track.num_looks, track.num_missed) == (5, 3)


def test_frames_between_hits_are_interpolated():
    track = box_track([0, 1, 2], [LEFT, RIGHT, None])
    counts = track.counts_at(np.array([0.0, 0.2, 0.4, 1.0, 1.2]))
    assert (counts.num_hits, counts.num_interpolated, counts.num_held) == (2, 2, 1)


def test_the_median_is_that_of_the_hits():
    boxes = [LEFT, RIGHT, None, Region(x=0.5, y=0.0, width=0.25, height=1.0)]
    track = box_track([0, 1, 2, 3], boxes)
    hits = np.stack([edges_of(box) for box in boxes if box is not None])
    assert (
        track.box_at(np.array([0.0, 7.0]), rule="median").tolist() == [np.median(hits, axis=0).tolist()] * 2
    )


def test_an_event_in_which_nothing_is_found_keeps_the_raw_picture_and_says_so():
    track = box_track([0, 1], [None, None])
    times = np.array([0.0, 0.5])
    for rule in BOX_RULES:
        assert track.box_at(times, rule=rule).tolist() == [[0, 0, 1, 1]] * 2
        assert track.box_at(times, rule=rule, raw=RIGHT).tolist() == [edges_of(RIGHT).tolist()] * 2
    one = EventTrack(event_id="e1", recording_id="r1", track=track, key="0a")
    assert (one.status, one.reason) == (
        "flagged",
        "Nothing was found in any of 2 looks; the raw picture is used.",
    )


def test_what_is_no_track_is_refused():
    with pytest.raises(ValueError, match="one look at least"):
        box_track([], [])
    with pytest.raises(ValueError, match="one look at least"):
        box_track([1, 1], [LEFT, None])
    with pytest.raises(ValueError, match="got 2 times and 1 boxes"):
        box_track([0, 1], [LEFT])
    for row, match in (([0, 0, np.nan, 1], "or none of them"), ([0.5, 0, 0.4, 1], "inside the picture")):
        with pytest.raises(ValueError, match=match):
            BoxTrack(times_seconds=np.zeros(1), edges=np.array([row]), scores=np.ones(1))
    with pytest.raises(ConfigError, match="Did you mean median"):
        box_track([0], [LEFT]).box_at(np.zeros(1), rule="medain")


@given(looks=looks(least_hits=0), others=looks(least_hits=0))
def test_a_digest_names_times_boxes_and_rule(looks, others):
    track = box_track(*looks)
    other = box_track(*others)
    same = BoxTrack(times_seconds=track.times_seconds, edges=track.edges, scores=track.scores)
    assert same.digest() == track.digest() != track.digest(rule="median")
    equal = np.array_equal(track.times_seconds, other.times_seconds) and np.array_equal(
        track.edges, other.edges, equal_nan=True
    )
    assert (track.digest() == other.digest()) == equal


def test_tracks_come_back_and_others_stay(tmp_path):
    path = tmp_path / "derived" / "crops" / "box-tracks.tsv"
    assert read_tracks(path) == {}
    one = box_track([0.2, 1.2, 2.2], [LEFT, None, RIGHT], scores=[0.9, np.nan, 0.75])
    nothing = box_track([0.0], [None])
    for event, track in (("e2", one), ("e1", nothing), ("e3", nothing)):
        write_tracks(path, [EventTrack(event_id=event, recording_id="r1", track=track, key="0a")])
    before = path.read_bytes()
    write_tracks(path, [EventTrack(event_id="e3", recording_id="r1", track=one, key="0b")])
    got = read_tracks(path)
    assert list(got) == [("e1", "r1"), ("e2", "r1"), ("e3", "r1")]
    assert got["e2", "r1"].track.digest() == got["e3", "r1"].track.digest() == one.digest()
    np.testing.assert_array_equal(got["e2", "r1"].track.scores, [0.9, np.nan, 0.75])
    assert [item.key for item in got.values()] == ["0a", "0a", "0b"]
    assert got["e1", "r1"].track.found_nothing
    write_tracks(path, [EventTrack(event_id="e3", recording_id="r1", track=nothing, key="0a")])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("1.2\tn/a", "0.1\tn/a", "whose times ascend. Delete the table"),
        ("0.25\t0.25", "n/a\t0.25", "or none of them. Delete the table"),
        ("\t0a\n", "\t0b\n", "must have one key in all rows, but has 2"),
        ("\tkey\n", "\tother\n", "unknown column 'other'"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, old, new, match):
    path = tmp_path / "box-tracks.tsv"
    track = box_track([0.2, 1.2], [Region(x=0.25, y=0.25, width=0.25, height=0.5), None])
    write_tracks(path, [EventTrack(event_id="e1", recording_id="r1", track=track, key="0a")])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(StoreError, match=match):
        read_tracks(path)
