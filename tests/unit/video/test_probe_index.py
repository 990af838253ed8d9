import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.intervals import Interval
from semioscope.video import FrameReader, index_packets, probe
from semioscope.video.index import rhythm


def test_index_lists_every_frame_where_the_reader_finds_it(kind, made):
    path, times = made(kind)
    index = index_packets(path)
    assert index.num_frames == 100
    with FrameReader(path) as reader:
        read = [frame.pts_seconds for frame in reader.read(times)]
    np.testing.assert_allclose(index.pts_seconds, read, atol=1e-9)
    assert index.is_key[0]
    assert index.is_variable_rate == ("vfr" in kind)
    assert index.gaps == ()
    assert (index.num_corrupt, index.num_unordered) == (0, 0)


@pytest.mark.parametrize(
    "kind_name", ["h264-mp4", "h264-open-gop-mkv", "mpeg2-ps", "mpeg2-ts", "mpeg2-avi", "h264-vfr-mkv"]
)
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (20.0, 21.0), (35.5, 36.1), (47.0, 80.0), (100.0, 101.0)])
def test_index_of_a_span_is_that_part_of_the_whole(made, kind_name, bounds):
    path, _ = made(kind_name, num_frames=1200)
    whole = index_packets(path)
    interval = Interval(start_seconds=bounds[0], end_seconds=bounds[1])
    span = index_packets(path, interval)
    inside = (whole.pts_seconds >= bounds[0] - 1e-6) & (whole.pts_seconds < bounds[1] - 1e-6)
    np.testing.assert_allclose(span.pts_seconds, whole.pts_seconds[inside], atol=1e-9)
    np.testing.assert_array_equal(span.is_key, whole.is_key[inside])


def test_probe_knows_the_picture_and_the_time(kind, made):
    path, times = made(kind)
    info = probe(path)
    assert (info.width, info.height) == ((65, 49) if "odd" in kind else (128, 96))
    assert info.rotation_degrees == 0
    assert info.duration_source == "content"
    assert info.is_variable_rate == ("vfr" in kind)
    last_step = info.duration_seconds - times[-1]
    assert 0 < last_step < 0.1
    if "vfr" not in kind:
        assert info.fps == pytest.approx(25)
        assert info.frame_seconds == pytest.approx(0.04, rel=0.03)
        assert info.duration_seconds == pytest.approx(4.0, abs=2e-3)


def test_containers_do_not_start_at_zero_but_we_do(made):
    assert probe(made("mpeg2-ps")[0]).first_pts_seconds == pytest.approx(0.54)
    assert index_packets(made("mpeg2-ps")[0]).pts_seconds[0] == 0


def test_rate_of_television(tmp_path, factory):
    path = tmp_path / "ntsc.mp4"
    factory.make_video(path, fps=Fraction(30000, 1001), num_frames=40)
    assert probe(path).fps == pytest.approx(30000 / 1001)


def test_gap_is_no_variable_rate(tmp_path, factory):
    path = tmp_path / "gap.mp4"
    factory.make_video(path, num_frames=60, times=[k / 25 + 10.0 * (k >= 30) for k in range(60)])
    info, index = probe(path), index_packets(path)
    assert not info.is_variable_rate
    assert not index.is_variable_rate
    assert info.fps == pytest.approx(25, rel=0.01)
    assert info.duration_seconds == pytest.approx(60 / 25 + 10)
    assert len(index.gaps) == 1
    assert index.gaps[0].start_seconds == pytest.approx(30 / 25)
    assert index.gaps[0].end_seconds == pytest.approx(30 / 25 + 10)


@pytest.mark.parametrize("kind_name", ["h264-mp4", "mpeg2-ps", "h264-ts", "mpeg2-avi"])
def test_probe_does_not_read_the_whole_file(made, kind_name):
    with FrameReader(made(kind_name, num_frames=1200)[0]) as reader:
        assert reader.num_packets_read < 400


@given(
    step=st.integers(1, 4000),
    lost=st.sets(st.integers(1, 198), max_size=20),
    jitter=st.booleans(),
)
def test_lost_frames_and_rounding_are_no_variable_rate(step, lost, jitter):
    ticks = np.array(
        [
            number * step + (jitter and step > 10 and number % 3 == 0)
            for number in range(200)
            if number not in lost
        ]
    )
    beat = rhythm(ticks.astype(np.int64))
    assert not beat.is_variable
    assert beat.step_ticks == pytest.approx(step, abs=1)


@given(seed=st.integers(0, 1000))
def test_irregular_steps_are_a_variable_rate(seed):
    steps = np.random.default_rng(seed).uniform(400, 1900, 100)
    assert rhythm(np.cumsum(steps).astype(np.int64)).is_variable


def test_rhythm_of_one_frame_is_unknown():
    assert rhythm(np.array([5])).step_ticks == 0


def test_single_frame(tmp_path, factory):
    path = tmp_path / "one.mkv"
    factory.make_video(path, codec="ffv1", num_frames=1)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(0.04)
    assert not math.isnan(info.fps)
    assert index_packets(path).num_frames == 1


def test_bare_stream_without_container_stamps(tmp_path, factory):
    path = tmp_path / "bare.m2v"
    factory.make_video(path, codec="mpeg2", num_frames=40)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(1.6, abs=0.05)
    with FrameReader(path) as reader:
        frames = list(reader.read(np.arange(40) / 25))
        assert [factory.read_barcode(frame.picture) for frame in frames] == list(range(40))
        (again,) = reader.read(np.array([0.4]))
    assert factory.read_barcode(again.picture) == 10
