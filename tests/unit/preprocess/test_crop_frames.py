from dataclasses import replace

import numpy as np
import pytest
from depth_cohort import HEIGHT, OFFSET, ONSET, WIDTH, tiny_depth_cohort
from gray16 import WRITERS
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import CohortError, VideoError
from semioscope.core.intervals import Interval
from semioscope.core.records import Region
from semioscope.preprocess.crop_frames import open_event, recording_window, shown, spread_places
from semioscope.video import GreyWindow, VideoWriter

EVENT = Interval(start_seconds=ONSET, end_seconds=OFFSET)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("frames") / "cohort", ["e1"])


def read(cohort, recording, *, interval=EVENT, **options):
    with open_event(cohort, recording, interval, **options) as frames:
        return frames, list(frames.read(np.arange(frames.num_frames)))


def test_paired_frames_are_those_of_the_event(cohort):
    frames, found = read(cohort, cohort.recordings["e1"])
    assert frames.size == (WIDTH, HEIGHT)
    assert [frame.index for frame in found] == list(range(16))
    assert [int(frame.picture[0, 0]) for frame in found] == list(range(1004, 1020))
    assert [frame.time_seconds for frame in found] == pytest.approx(list(np.arange(4, 20) / 10))
    assert all(frame.depth.shape == frame.picture.shape == (HEIGHT, WIDTH) for frame in found)
    assert frames.has_depth.tolist() == [True] * 16
    late = replace(cohort.recordings["e1"], depth_offset_seconds=1.0)
    frames, found = read(cohort, late)
    assert (
        frames.has_depth.tolist() == [frame.depth is not None for frame in found] == [False] * 6 + [True] * 10
    )


def test_frames_can_be_asked_for_anywhere(cohort):
    with open_event(cohort, cohort.recordings["e1"], EVENT) as frames:
        got = [int(frame.picture[0, 0]) for frame in frames.read(np.array([0, 7, 15]))]
    assert got == [1004, 1011, 1019]


@pytest.mark.parametrize("kind", WRITERS)
def test_gray_without_depth_of_every_kind(cohort, tmp_path, kind):
    recording = cohort.recordings["e1"]
    _, paired = read(cohort, recording)
    stored = np.repeat(paired[0].picture[None], 21, axis=0)
    stored[:, 0, 0] = np.arange(21)
    path = WRITERS[kind](tmp_path / "gray", stored, fps=10)
    own = replace(cohort, folder=tmp_path)
    gray = replace(recording, path=path.name, depth_path=None)
    frames, found = read(own, gray)
    assert frames.size == (WIDTH, HEIGHT)
    assert [int(frame.picture[0, 0]) for frame in found] == list(range(4, 20))
    assert all(frame.depth is None for frame in found)
    assert recording_window(own, gray) is not None


def test_colour_is_read_on_its_grid(cohort, tmp_path):
    with VideoWriter(tmp_path / "a.mkv", width=64, height=48, fps=10, codec="ffv1") as writer:
        for number in range(21):
            writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    own = replace(cohort, folder=tmp_path)
    recording = replace(cohort.recordings["e1"], path="a.mkv", depth_path=None)
    frames, found = read(own, recording)
    assert frames.size == (64, 48)
    assert not frames.has_depth.any()
    assert [int(frame.picture[0, 0, 0]) for frame in found] == [10 * number for number in range(4, 20)]
    assert recording_window(own, recording) is None
    with_depth = replace(recording, depth_path="lost.mkv")
    assert len(read(own, with_depth, with_depth=False)[1]) == len(found)
    assert recording_window(own, with_depth) is None
    with pytest.raises(
        VideoError, match=r"Infrared: a.mkv must hold 16-bit gray pictures .* got 8-bit colour"
    ):
        read(own, with_depth)
    assert shown(found[0].picture, None) is found[0].picture


def test_the_blank_is_black_and_the_rest_is_not(cohort):
    blank = Region(x=0.5, y=0.0, width=0.5, height=0.5)
    _, found = read(cohort, replace(cohort.recordings["e1"], blank=blank))
    _, plain = read(cohort, cohort.recordings["e1"])
    black = np.zeros((HEIGHT, WIDTH), bool)
    black[: HEIGHT // 2, WIDTH // 2 :] = True
    assert (found[0].picture[black] == 0).all()
    assert np.array_equal(found[0].picture[~black], plain[0].picture[~black])


def test_an_event_without_frames_is_refused(cohort):
    recording = replace(cohort.recordings["e1"], depth_path=None)
    late = Interval(start_seconds=90.0, end_seconds=91.0)
    with pytest.raises(VideoError, match=r"Recording e1 must show frames from 90 to 91 s, but has none"):
        read(cohort, recording, interval=late)
    with pytest.raises(CohortError, match="must have a video"):
        read(cohort, replace(recording, path=None))


def test_16_bit_needs_a_window():
    picture = np.array([[0, 100, 200]], np.uint16)
    with pytest.raises(ValueError, match="needs the grey window"):
        shown(picture, None)
    rgb = shown(picture, GreyWindow(rule="fixed", low=0, high=200))
    assert rgb.shape == (1, 3, 3)
    assert rgb[0, :, 0].tolist() == [0, 128, 255]
    assert (rgb == rgb[..., :1]).all()


@given(st.integers(1, 10_000), st.integers(2, 9))
def test_spread_places_hold_both_ends_and_are_even(num_frames, num_wanted):
    places = spread_places(num_frames, num_wanted=num_wanted)
    assert places[0] == 0
    assert places[-1] == num_frames - 1
    assert len(places) == min(num_frames, num_wanted)
    gaps = np.diff(places)
    assert gaps.size == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)
