"""The same 16-bit frames come out of every kind of source, bit for bit; what is missing is told."""

import av
import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_array, write_folder, write_video
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video import GRAY16_KINDS, open_gray16, read_pictures
from semioscope.video.gray16 import gray16_kind
from semioscope.video.stored import StoredFrames

FRAMES = drawn(12)


@pytest.fixture(scope="module", params=list(GRAY16_KINDS))
def source(request, tmp_path_factory):
    return request.param, WRITERS[request.param](tmp_path_factory.mktemp("s") / "depth", FRAMES)


def test_there_is_a_writer_for_every_kind():
    assert set(WRITERS) == set(GRAY16_KINDS)


def test_every_kind_gives_the_same_frames(source):
    kind, path = source
    with open_gray16(path) as reader:
        assert reader.kind == kind
        assert isinstance(reader.source, StoredFrames)
        assert (reader.num_frames, reader.size) == (12, (8, 6))
        np.testing.assert_allclose(reader.times_seconds, np.arange(12) / 30, atol=6e-4)
        assert reader.source.duration_seconds == pytest.approx(0.4, abs=2e-3)
        assert reader.source.frame_seconds == pytest.approx(1 / 30, abs=1e-3)
        assert reader.source.num_lacking == 0
        read = reader.read(np.arange(12))
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, FRAMES)
        order = np.array([7, 3, 3, 11, 0])
        np.testing.assert_array_equal(reader.read(order), FRAMES[order])
        assert reader.report.num_ok == reader.report.num_requested == 17


def test_a_path_is_of_exactly_one_kind(source):
    kind, path = source
    assert [name for name, entry in GRAY16_KINDS.items() if entry.matches(path)] == [kind]
    assert gray16_kind(path.with_name("nothing.mkv")) == "video"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(times=st.lists(st.floats(-0.1, 0.6), min_size=1, max_size=6).map(sorted))
def test_times_show_the_last_frame_at_or_before(source, times):
    with open_gray16(source[1]) as reader:
        tick = reader.source.tick_seconds
        stored, end = reader.times_seconds, reader.times_seconds[-1] + reader.source.frame_seconds
        for time, frame in zip(times, reader.frames_at(np.array(times)), strict=True):
            number = max((at for at in range(12) if stored[at] <= time + tick / 2), default=None)
            if number is None or time + tick / 2 >= end:
                assert frame.status == "missing"
                assert frame.picture is None
            else:
                assert frame.status == "ok"
                np.testing.assert_array_equal(frame.picture, FRAMES[number])


def test_a_grid_of_the_rate_gives_every_frame(source):
    with open_gray16(source[1]) as reader:
        np.testing.assert_array_equal(reader.read_at(np.arange(12) / 30), FRAMES)


@pytest.mark.parametrize("way", list(GRAY16_KINDS))
def test_own_times_gaps_and_holds(tmp_path, way):
    times = np.array([0, 0.1, 0.2, 0.5, 0.6])
    with open_gray16(WRITERS[way](tmp_path / "d", FRAMES[:5], fps=10, times=times)) as reader:
        np.testing.assert_allclose(reader.times_seconds, times, atol=1e-3)
        frames = list(reader.frames_at(np.array([0.25, 0.35, 0.5, 0.65, 0.75])))
    assert [frame.status for frame in frames] == ["ok", "held", "ok", "ok", "missing"]
    assert reader.report.num_held == reader.report.num_missing == 1


@pytest.mark.parametrize("way", list(GRAY16_KINDS))
def test_an_interval_opens_a_stretch(tmp_path, way):
    path = WRITERS[way](tmp_path / "d", FRAMES, fps=10)
    with open_gray16(path, Interval(start_seconds=0.25, end_seconds=0.8)) as reader:
        np.testing.assert_allclose(reader.times_seconds, np.arange(3, 8) / 10)
        np.testing.assert_array_equal(reader.read(np.arange(5)), FRAMES[3:8])
        assert reader.source.duration_seconds == pytest.approx(1.2, abs=2e-3)
    with open_gray16(path, Interval(start_seconds=5, end_seconds=8)) as reader:
        assert reader.num_frames == 0
        assert next(reader.frames_at(np.array([5.0]))).status == "missing"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(start=st.floats(0, 0.45), length=st.floats(0.002, 0.5))
def test_an_interval_opens_the_span_of_the_whole(source, start, length):
    interval = Interval(start_seconds=start, end_seconds=start + length)
    with open_gray16(source[1]) as whole, open_gray16(source[1], interval) as part:
        first, last = whole.span(interval)
        np.testing.assert_array_equal(part.times_seconds, whole.times_seconds[first:last])
        assert part.span(interval) == (0, last - first)
        np.testing.assert_array_equal(part.read(np.arange(part.num_frames)), FRAMES[first:last])


@pytest.mark.parametrize("way", list(GRAY16_KINDS))
def test_a_closed_reader_and_wrong_indices_say_so(tmp_path, way):
    reader = open_gray16(WRITERS[way](tmp_path / "d", FRAMES[:2]))
    with pytest.raises(ValueError, match=r"must lie in \[0, 2\), got 2"):
        reader.frames(np.array([0, 2]))
    with pytest.raises(ValueError, match="must ascend"):
        reader.frames_at(np.array([1.0, 0.0]))
    with pytest.raises(VideoError, match=r"must have a picture at 7 s, but has none there\. Ask"):
        reader.read_at(np.array([7.0]))
    reader.close()
    with pytest.raises(ValueError, match="is closed"):
        reader.frames(np.array([0]))


def test_a_parts_list_of_16_bit_videos(tmp_path):
    write_video(tmp_path / "a", FRAMES[:6], fps=10)
    write_video(tmp_path / "b", FRAMES[6:], fps=10)
    parts = tmp_path / "d.parts.tsv"
    parts.write_text("path\tstart_seconds\na.mkv\t0\nb.mkv\t1\n")
    with open_gray16(parts) as reader:
        np.testing.assert_array_equal(reader.read(np.arange(12)), FRAMES)
        assert reader.source.num_lacking == 4


def write_png_movie(path, *, broken=()):
    """Write frames whose packets can be broken one by one, in the other order of bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=30)
        stream.width, stream.height, stream.pix_fmt = 8, 6, "gray16be"
        for number, frame in enumerate(FRAMES):
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="gray16le")):
                if number in broken:
                    packet.update(b"\0" * packet.size)
                container.mux(packet)
    return path


def test_big_endian_video_is_read_bit_for_bit(tmp_path):
    with open_gray16(write_png_movie(tmp_path / "d.mov")) as reader:
        np.testing.assert_array_equal(reader.read(np.arange(12)), FRAMES)


def test_a_frame_that_is_listed_but_broken_is_missing(tmp_path):
    with open_gray16(write_png_movie(tmp_path / "d.mov", broken=[4])) as reader:
        frames = list(reader.frames(np.arange(12)))
        assert [frame.picture is None for frame in frames] == [number == 4 for number in range(12)]
        assert "lists a frame at 0.133 s that cannot be decoded" in reader.faults[0]
        with pytest.raises(VideoError, match=r"must have a picture at 0.133\d* s, .* d.mov lists a frame"):
            reader.read(np.array([4]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(place=st.floats(0.3, 0.95), mask=st.integers(1, 255))
def test_a_flipped_byte_never_makes_a_wrong_whole_frame(tmp_path, place, mask):
    frames = drawn(6, height=24, width=32)
    path = tmp_path / "d.mkv"
    if not (tmp_path / "whole.mkv").exists():
        write_video(tmp_path / "whole", frames)
    content = bytearray((tmp_path / "whole.mkv").read_bytes())
    content[int(place * len(content))] ^= mask
    path.write_bytes(content)
    with open_gray16(path) as reader:
        for frame in reader.frames(np.arange(reader.num_frames)):
            if frame.status == "ok":  # a flipped byte may still be one of a time
                assert any(np.array_equal(frame.picture, true) for true in frames)


def test_8_bit_videos_are_refused(tmp_path, made):
    path, _ = made("h264-mp4")
    with pytest.raises(VideoError, match=r"must hold 16-bit gray pictures .* got 8-bit colour \(yuv420p\)"):
        open_gray16(path)
    with pytest.raises(VideoError, match="does not exist"):
        open_gray16(tmp_path / "none.mkv")


def test_all_16_bit_values_as_rgb24_are_their_rounded_upper_byte(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256)
    path = write_video(tmp_path / "ir", values)
    pictures, _ = read_pictures(path, np.zeros(1))
    expected = np.minimum(255, (values[0].astype(int) + 128) // 256)
    for channel in range(3):
        np.testing.assert_array_equal(pictures[0, ..., channel], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float16])
def test_arrays_of_other_numbers_are_refused(tmp_path, dtype):
    path = write_array(tmp_path / "d", (FRAMES // 256).astype(dtype))
    with pytest.raises(VideoError, match=rf"d.npy must hold 16-bit whole .* got {np.dtype(dtype)}"):
        open_gray16(path)


@pytest.mark.parametrize("frames", [FRAMES[0], FRAMES[..., None], FRAMES[:0]])
def test_arrays_of_other_shapes_are_refused(tmp_path, frames):
    with pytest.raises(VideoError, match=r"must have the shape \(frames, height, width\)"):
        open_gray16(write_array(tmp_path / "d", frames))


def test_objects_archives_and_cut_arrays_are_refused_and_never_unpickled(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(VideoError, match="must be a NumPy file of plain numbers"):
        open_gray16(path)
    whole = write_array(tmp_path / "e", FRAMES).read_bytes()
    for content in (whole[:-10], whole[:40], b"PK\3\4" + whole, b"text"):
        path.write_bytes(content)
        with pytest.raises(VideoError, match="must be a NumPy file of plain numbers"):
            open_gray16(path)
    path.write_bytes(b"")
    with pytest.raises(VideoError, match="is empty"):
        open_gray16(path)


@pytest.mark.parametrize("change", [lambda array: array.astype(">u2"), np.asfortranarray])
def test_byte_and_axis_order_of_arrays_do_not_matter(tmp_path, change):
    with open_gray16(write_array(tmp_path / "d", change(FRAMES))) as reader:
        read = reader.read(np.arange(12))
    assert read.dtype == np.dtype("uint16")
    np.testing.assert_array_equal(read, FRAMES)


def test_missing_pictures_are_counted_and_named_and_the_rest_goes_on(tmp_path):
    path = write_folder(tmp_path / "d", FRAMES)
    (path / "depth_3.png").write_bytes(b"no picture")
    (path / "depth_5.png").unlink()
    with open_gray16(path) as reader:
        assert reader.num_frames == 11
        assert reader.source.num_lacking == 1
        frames = list(reader.frames(np.arange(11)))
    numbers = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    np.testing.assert_allclose(reader.times_seconds, np.array(numbers) / 30)
    for number, frame in zip(numbers, frames, strict=True):
        if number == 3:
            assert frame.status == "missing"
        else:
            np.testing.assert_array_equal(frame.picture, FRAMES[number])
    assert reader.report.num_missing == 1
    assert "depth_3.png must be a picture that can be read" in reader.faults[0]
