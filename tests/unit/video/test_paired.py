"""Infrared and depth read together."""

import itertools

import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_array, write_folder, write_video

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video import open_paired

INFRARED = drawn(12, seed=1)
DEPTH = drawn(12, seed=2)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(WRITERS, repeat=2)))
def test_every_two_kinds_pair(tmp_path, first, second):
    paths = WRITERS[first](tmp_path / "i", INFRARED), WRITERS[second](tmp_path / "d", DEPTH)
    with open_paired(*paths) as streams:
        frames = streams.read(0, 12)
        assert streams.remarks == ()
        assert streams.pairing.num_unpaired_infrared == streams.pairing.num_unpaired_depth == 0
    np.testing.assert_array_equal(frames.infrared, INFRARED)
    np.testing.assert_array_equal(frames.depth, DEPTH)
    assert frames.has_depth.all()
    assert frames.has_infrared.all()


@pytest.fixture
def shifted(tmp_path):
    """Depth that begins two frames late, is one frame shorter at the end, and lacks a frame."""
    infrared = write_video(tmp_path / "i", INFRARED, fps=10)
    depth = write_folder(tmp_path / "d", DEPTH[:10], fps=10)
    (depth / "depth_4.png").unlink()
    return infrared, depth


def test_offset_and_lost_frames_are_counted_and_nothing_is_invented(shifted):
    with open_paired(*shifted, depth_offset_seconds=0.2) as streams:
        assert streams.num_frames == 12
        assert streams.pairing.num_unpaired_infrared == 3
        assert streams.pairing.num_unpaired_depth == 0
        frames = list(streams.stored(0, 12))
        arrays = streams.read(1, 8)
    for number, frame in enumerate(frames):
        assert frame.time_seconds == pytest.approx(number / 10)
        np.testing.assert_array_equal(frame.infrared, INFRARED[number])
        if number in (0, 1, 6):
            assert frame.depth is None
        else:
            np.testing.assert_array_equal(frame.depth, DEPTH[number - 2])
    assert arrays.has_depth.tolist() == [False, True, True, True, True, False, True]
    assert not arrays.depth[[0, 5]].any()
    np.testing.assert_array_equal(arrays.depth[6], DEPTH[5])
    np.testing.assert_allclose(arrays.times_seconds, np.arange(1, 8) / 10)


def test_a_grid_shows_the_depth_of_the_infrared_frame_that_is_shown(shifted):
    times = np.array([-1.0, 0.05, 0.25, 0.39, 0.6, 5.0])
    with open_paired(*shifted, depth_offset_seconds=0.2) as streams:
        frames = list(streams.at(times))
    assert [frame.time_seconds for frame in frames] == times.tolist()
    assert [frame.infrared is None for frame in frames] == [True, False, False, False, False, True]
    assert [frame.depth is None for frame in frames] == [True, True, False, False, True, True]
    np.testing.assert_array_equal(frames[2].depth, DEPTH[0])
    np.testing.assert_array_equal(frames[3].infrared, INFRARED[3])
    np.testing.assert_array_equal(frames[3].depth, DEPTH[1])


@pytest.mark.parametrize("depth_kind", list(WRITERS))
@pytest.mark.parametrize("offset", [0.0, 0.2, -0.3])
def test_an_interval_gives_what_the_whole_gives(tmp_path, depth_kind, offset):
    infrared = write_video(tmp_path / "i", INFRARED, fps=10)
    depth = WRITERS[depth_kind](tmp_path / "d", DEPTH, fps=10)
    with open_paired(infrared, depth, depth_offset_seconds=offset) as whole:
        expected = whole.read(3, 9)
    part = Interval(start_seconds=0.3, end_seconds=0.9)
    with open_paired(infrared, depth, depth_offset_seconds=offset, interval=part) as streams:
        assert streams.num_frames == 6
        found = streams.read(0, 6)
        assert streams.pairing.num_unpaired_depth <= 2
    for name in ("times_seconds", "infrared", "depth", "has_infrared", "has_depth"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_pictures_that_cannot_be_read_are_missing_on_their_side_only(tmp_path):
    infrared = write_folder(tmp_path / "i", INFRARED)
    depth = write_folder(tmp_path / "d", DEPTH)
    (infrared / "depth_2.png").write_bytes(b"x")
    (depth / "depth_5.png").write_bytes(b"x")
    with open_paired(infrared, depth) as streams:
        frames = streams.read(0, 12)
        assert streams.infrared.report.num_missing == streams.depth.report.num_missing == 1
    assert np.flatnonzero(~frames.has_infrared).tolist() == [2]
    assert np.flatnonzero(~frames.has_depth).tolist() == [2, 5]


def test_different_sizes_are_refused(tmp_path):
    paths = write_video(tmp_path / "i", INFRARED), write_array(tmp_path / "d", DEPTH[:, :4])
    with pytest.raises(VideoError, match=r"one size, pixel on pixel, got i.mkv 8x6 and d.npy 8x4\. Name"):
        open_paired(*paths)


def test_no_overlap_is_refused_and_says_where_both_lie(tmp_path):
    paths = write_video(tmp_path / "i", INFRARED), write_array(tmp_path / "d", DEPTH)
    with pytest.raises(
        VideoError, match=r"i.mkv shows 12 frames from 0.00 to 0.37 s, d.npy .* from 60.00 to"
    ):
        open_paired(*paths, depth_offset_seconds=60)
    late = Interval(start_seconds=9, end_seconds=10)
    with pytest.raises(
        VideoError, match=r"no frame has a partner: i.mkv shows 0 frames, d.npy shows 0 frames"
    ):
        open_paired(*paths, interval=late)
    with pytest.raises(VideoError, match="no frame has a partner"):
        open_paired(*paths, depth_offset_seconds=-60, interval=late)


def test_unpaired_frames_are_told(tmp_path):
    paths = write_video(tmp_path / "i", INFRARED), write_array(tmp_path / "d", DEPTH[:4], fps=10)
    with open_paired(*paths) as streams:
        assert (
            "d.npy must give depth for every infrared frame, but 4 of 12 (33 %) have a" in streams.remarks[0]
        )


def test_one_frame_without_a_rate_is_refused(tmp_path):
    infrared = write_folder(tmp_path / "i", INFRARED[:1], times=[0])
    with pytest.raises(VideoError, match="i must hold more than one frame, or say its rate"):
        open_paired(infrared, write_array(tmp_path / "d", DEPTH))


def test_8_bit_infrared_is_refused(tmp_path, made):
    eight, sixteen = made("h264-mp4")[0], write_array(tmp_path / "d", DEPTH)
    got = r"h264-mp4.mp4 must hold 16-bit gray pictures \(gray16le\), got 8-bit colour \(yuv420p\)\. Export this"
    with pytest.raises(
        VideoError, match=rf"^Infrared: {got} .* without depth: the cropper box needs none\.$"
    ):
        open_paired(eight, sixteen)
    with pytest.raises(
        VideoError, match=rf"^Depth: {got} stream again with 16 bits, best as FFV1 in .mkv\.$"
    ):
        open_paired(sixteen, eight)


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (0, 13), (5, 4)])
def test_stored_frames_outside_are_refused(tmp_path, first, last):
    paths = write_video(tmp_path / "i", INFRARED), write_array(tmp_path / "d", DEPTH)
    with open_paired(*paths) as streams:
        with pytest.raises(ValueError, match=r"Stored frames must lie in \[0, 12\)"):
            streams.stored(first, last)
        with pytest.raises(ValueError, match="must ascend"):
            streams.at(np.array([1.0, 0.0]))
