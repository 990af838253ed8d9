"""Frame number in == frame number out, however a video is read."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError, VideoError
from semioscope.video import DECODER_VERSION, DecodeReport, FrameReader, read_pictures

_NUM = 100


def _codes(factory, frames):
    return [None if frame.picture is None else factory.read_barcode(frame.picture) for frame in frames]


def _expected(pts, time_seconds, *, end, tick=1e-5):
    """Return the number of the last frame with PTS <= t + half a tick; None outside the recording."""
    if time_seconds < -tick / 2 or time_seconds >= end - tick / 2:
        return None
    return int(np.searchsorted(pts, time_seconds + tick / 2, side="right")) - 1


def test_every_frame_in_sequence(kind, made, factory):
    path, times = made(kind)
    with FrameReader(path) as reader:
        frames = list(reader.read(times))
    assert _codes(factory, frames) == list(range(_NUM))
    assert {frame.status for frame in frames} == {"ok"}
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], times, atol=6e-4)
    assert reader.report == DecodeReport(num_requested=_NUM, num_ok=_NUM)


def test_grid_of_15_fps_follows_the_time_rule(kind, made, factory):
    path, times = made(kind)
    with FrameReader(path) as reader:
        end = reader.info.duration_seconds
        grid = np.arange(int(15 * end) + 12) / 15
        frames = list(reader.read(grid))
    tick = float(reader.info.time_base)
    expected = [_expected(times, t, end=end, tick=tick) for t in grid.tolist()]
    assert _codes(factory, frames) == expected
    assert reader.report.num_missing == expected.count(None)
    assert all(math.isnan(frame.pts_seconds) for frame in frames if frame.status == "missing")


def test_25_random_reads_equal_streaming(kind, made, factory):
    path, times = made(kind)
    with FrameReader(path) as reader:
        stream = list(reader.read(times))
    chance = random.Random(3)
    with FrameReader(path) as reader:
        for number in (chance.randrange(_NUM) for _ in range(25)):
            (frame,) = reader.read(times[number : number + 1])
            assert factory.read_barcode(frame.picture) == number
            assert frame.status == "ok"
            assert frame.pts_seconds == stream[number].pts_seconds
            np.testing.assert_array_equal(frame.picture, stream[number].picture)


def test_far_jumps_within_one_read_seek_and_stay_exact(made, factory):
    path, times = made("mpeg2-ts", num_frames=1200)
    wanted = np.arange(5, 1200, 290)
    with FrameReader(path) as reader:
        frames = list(reader.read(times[wanted]))
        assert _codes(factory, frames) == wanted.tolist()
        assert reader.num_packets_read < 650


@pytest.mark.parametrize("kind_name", ["h264-mp4", "h264-ts", "mpeg2-ps", "mpeg2-avi", "hevc-mkv"])
def test_cost_of_a_late_read_does_not_grow_with_the_length(made, factory, kind_name):
    costs = []
    for num_frames in (200, 1200):
        path, times = made(kind_name, num_frames=num_frames)
        with FrameReader(path) as reader:
            (frame,) = reader.read(times[-20:-19])
            assert factory.read_barcode(frame.picture) == num_frames - 20
            costs.append(reader.num_packets_read)
    assert costs[1] <= costs[0] + 60


def test_memory_does_not_grow_with_the_length(tmp_path, factory):
    resource = pytest.importorskip("resource")
    picture = factory.draw_picture(0, size=(640, 480))
    path = tmp_path / "long.mpg"
    times = factory.make_video(
        path, codec="mpeg2", num_frames=240, size=(640, 480), draw=lambda number, size: picture
    )
    with FrameReader(path) as reader:
        for _ in reader.read(times[:40]):
            pass
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in reader.read(times[40:]):
            pass
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 40_000  # kB; 200 pictures would need 180,000


def test_only_asked_pictures_are_converted(made, monkeypatch):
    path, _ = made("mpeg2-ps")
    converted = []
    usual = FrameReader._picture
    monkeypatch.setattr(
        FrameReader, "_picture", lambda self, shown: converted.append(shown.tick) or usual(self, shown)
    )
    with FrameReader(path) as reader:
        list(reader.read(np.arange(10) / 5))
    assert len(converted) == 10


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.floats(-0.5, 6.0), min_size=1, max_size=8), kind_name=st.sampled_from(["mkv", "mp4"])
)
def test_any_times_of_a_variable_rate(made, factory, asked, kind_name):
    path, times = made(f"h264-vfr-{kind_name}")
    with FrameReader(path) as reader:
        tick = float(reader.info.time_base)
        end = reader.info.duration_seconds
        assert end > times[-1]
        frames = list(reader.read(np.sort(np.array(asked))))
    expected = [_expected(times, t, end=end, tick=tick) for t in sorted(asked)]
    assert _codes(factory, frames) == expected


def test_half_a_tick_before_a_frame_belongs_to_it(made, factory):
    path, times = made("mpeg2-ts")
    tick = 1 / 90_000
    for offset, number in ((-0.4, 10), (-0.6, 9), (0.4, 10)):
        with FrameReader(path) as reader:
            (frame,) = reader.read(np.array([times[10] + offset * tick]))
        assert factory.read_barcode(frame.picture) == number


def test_before_the_start_and_behind_the_end_is_missing(made):
    path, times = made("h264-mp4")
    end = times[-1] + 0.04
    with FrameReader(path) as reader:
        frames = list(reader.read(np.array([-1.0, -0.02, 0.0, end - 0.001, end, end + 1, 1e6])))
    assert [frame.status for frame in frames] == ["missing"] * 2 + ["ok"] * 2 + ["missing"] * 3
    assert reader.report.num_missing == 5


def test_frames_lost_at_a_constant_rate_are_counted_where_they_lack(tmp_path, factory):
    numbers = [number for number in range(50) if number not in (7, 20, 21, 22)]
    path = tmp_path / "lost.mkv"
    factory.make_video(path, codec="ffv1", numbers=numbers, times=[number / 25 for number in numbers])
    with FrameReader(path) as reader:
        frames = list(reader.read(np.arange(50) / 25))
    assert [at for at, frame in enumerate(frames) if frame.status == "held"] == [7, 20, 21, 22]
    assert _codes(factory, frames)[19:24] == [19, 19, 19, 19, 23]
    assert reader.report.largest_hold_seconds == pytest.approx(3 / 25)


def test_max_hold_seconds_decides_what_is_held(tmp_path, factory):
    path = tmp_path / "gap.mkv"
    factory.make_video(path, codec="ffv1", num_frames=20, times=[k / 10 + 3.0 * (k >= 10) for k in range(20)])
    for limit, held in ((0.5, 27), (2.0, 12), (5.0, 0)):
        with FrameReader(path, max_hold_seconds=limit) as reader:
            list(reader.read(np.arange(49) / 10))
        assert reader.report.num_held == pytest.approx(held, abs=2)
        assert reader.report.num_held + reader.report.num_ok == 49


def test_variable_rate_holds_after_a_fifth_of_a_second(tmp_path, factory):
    path = tmp_path / "slow.mkv"
    times = [*factory.variable_times(60, 25), 10.0]
    factory.make_video(path, codec="ffv1", num_frames=61, times=times)
    with FrameReader(path) as reader:
        assert reader.info.is_variable_rate
        frames = list(reader.read(np.array([times[59] + 0.1, times[59] + 0.3])))
    assert [frame.status for frame in frames] == ["ok", "held"]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path, factory, degrees):
    path = tmp_path / "turned.mp4"
    factory.make_video(path, num_frames=5)
    with FrameReader(path) as reader:
        (stored,) = reader.read(np.zeros(1))
    factory.rotate_mp4(path, degrees)
    with FrameReader(path) as reader:
        (frame,) = reader.read(np.zeros(1))
        assert reader.info.rotation_degrees == degrees
        assert (reader.info.height, reader.info.width) == frame.picture.shape[:2]
    np.testing.assert_array_equal(frame.picture, np.rot90(stored.picture, k=-degrees // 90))


def test_gray_of_16_bit_is_read_raw(made, factory):
    path, times = made("ffv1-gray16-mkv")
    with FrameReader(path, pixel_format="gray16le") as reader:
        frames = list(reader.read(times[:3]))
    for number, frame in enumerate(frames):
        assert frame.picture.dtype == np.uint16
        np.testing.assert_array_equal(
            frame.picture, factory.draw_picture(number)[..., 0].astype(np.uint16) * 257
        )


def test_depth_is_not_invented(made):
    path, _ = made("h264-mp4")
    with pytest.raises(
        VideoError, match=r"h264-mp4.mp4 must hold 16-bit gray pictures .* got 8-bit colour \(yuv420p\)"
    ):
        FrameReader(path, pixel_format="gray16le")


def test_unknown_pixel_format(made):
    with pytest.raises(ConfigError, match=r"Unknown pixel format 'rgb'. Did you mean rgb24"):
        FrameReader(made("h264-mp4")[0], pixel_format="rgb")


def test_max_hold_must_be_positive(made):
    with pytest.raises(ConfigError, match=re.escape("max_hold_seconds must be above 0 (or None), got 0.0")):
        FrameReader(made("h264-mp4")[0], max_hold_seconds=0.0)


@pytest.mark.parametrize(
    ("times", "message"), [([1.0, 0.5], "must ascend"), ([0.0, math.nan], "must be finite numbers")]
)
def test_times_must_ascend(made, times, message):
    with FrameReader(made("h264-mp4")[0]) as reader, pytest.raises(ValueError, match=message):
        reader.read(np.array(times))


def test_a_closed_reader_says_so(made):
    path, times = made("h264-mp4")
    with FrameReader(path) as reader:
        pass
    with pytest.raises(ValueError, match=r"The reader of h264-mp4.mp4 is closed. Open another one"):
        reader.read(times)


def test_colours_are_kept(tmp_path):
    import av

    path = tmp_path / "red.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr0"
        red = np.zeros((32, 32, 3), np.uint8)
        red[..., 0] = 200
        frame = av.VideoFrame.from_ndarray(red, format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pictures, report = read_pictures(path, np.zeros(1))
    np.testing.assert_array_equal(pictures, red[None])
    assert report.num_ok == 1


def test_read_pictures_refuses_missing_ones(made):
    path, times = made("h264-mp4")
    pictures, report = read_pictures(path, times[3:6])
    assert pictures.shape == (3, 96, 128, 3)
    assert report.num_ok == 3
    with pytest.raises(
        VideoError, match=r"h264-mp4.mp4 must show a picture at 99 s, but has none there; it lasts 4"
    ):
        read_pictures(path, np.array([99.0]))


def test_reports_add_up():
    one = DecodeReport(num_requested=3, num_ok=1, num_held=1, num_missing=1, largest_hold_seconds=0.5)
    two = DecodeReport(num_requested=2, num_damaged=2, largest_hold_seconds=0.1)
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).num_requested == 5
    assert one.merged(two).largest_hold_seconds == 0.5
    assert one.merged(DecodeReport()) == one


def test_decoder_version_names_both_libraries():
    assert re.fullmatch(r"pyav-\d+\.\d+/ffmpeg-\d+\.\d+\.\d+/semioscope-2", DECODER_VERSION)
