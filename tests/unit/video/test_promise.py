"""What a header promises: complete files are never called cut off, files that were cut off are."""

import math
import struct

import pytest

from semioscope.video import probe
from semioscope.video.promise import is_clearly_beyond

_CODECS = {".mkv": "h264", ".flv": "h264", ".mpg": "mpeg2", ".ts": "mpeg2", ".avi": "mpeg4", ".mp4": "mpeg4"}


def _cut(path, share=0.6):
    """Return a copy of which only the first bytes are left."""
    data = path.read_bytes()
    short = path.with_name(f"cut-{path.name}")
    short.write_bytes(data[: int(share * len(data))])
    return short


@pytest.mark.parametrize("kind_name", ["h264-open-gop-mkv", "ffv1-mkv"])
@pytest.mark.parametrize("start_seconds", [1.4, 5.0, 100.0])
@pytest.mark.parametrize("num_frames", [20, 100])
def test_a_whole_file_that_starts_late_is_whole(
    tmp_path, made, factory, kind_name, start_seconds, num_frames
):
    path = tmp_path / "late.mkv"
    factory.remux(made(kind_name, num_frames=num_frames)[0], path, shift_seconds=start_seconds)
    info = probe(path)
    assert info.first_pts_seconds == pytest.approx(start_seconds)
    assert info.duration_seconds == pytest.approx(num_frames / 25)
    assert info.header_duration_seconds == pytest.approx(num_frames / 25)
    assert not info.is_cut_off
    if num_frames == 100:
        short = probe(_cut(path))
        assert short.is_cut_off
        assert short.header_duration_seconds == pytest.approx(4.0)


@pytest.mark.parametrize("suffix", list(_CODECS))
@pytest.mark.parametrize(("seconds", "sound_seconds"), [(5.0, 8.0), (8.0, 3.0), (6.0, 6.0)])
def test_sound_of_another_length_is_no_promise_of_pictures(tmp_path, factory, suffix, seconds, sound_seconds):
    path = tmp_path / f"sound{suffix}"
    factory.make_with_sound(path, codec=_CODECS[suffix], seconds=seconds, sound_seconds=sound_seconds)
    info = probe(path)
    assert info.duration_seconds == pytest.approx(seconds, abs=0.05)
    assert not info.is_cut_off
    if suffix in (".mkv", ".flv", ".avi"):
        assert probe(_cut(path, 0.5)).is_cut_off
    if suffix in (".mpg", ".ts"):  # estimates
        assert math.isnan(info.header_duration_seconds)
        assert not probe(_cut(path, 0.5)).is_cut_off


@pytest.mark.parametrize("kind_name", ["mpeg2-avi", "mpeg4-avi", "h264-avi", "h264-open-gop-mkv"])
def test_a_file_that_was_cut_off_is_told(tmp_path, made, factory, kind_name):
    whole, _ = made(kind_name)
    assert not probe(whole).is_cut_off
    path = tmp_path / whole.name
    path.write_bytes(whole.read_bytes())
    info = probe(_cut(path))
    assert info.is_cut_off
    assert info.header_duration_seconds == pytest.approx(4.0, abs=0.09)
    assert info.duration_seconds < 3


def test_an_mp4_that_was_cut_off_is_told(tmp_path, factory):
    path = tmp_path / "whole.mp4"
    factory.make_video(path, num_frames=100, container_options={"movflags": "+faststart"})
    assert not probe(path).is_cut_off
    info = probe(_cut(path))
    assert info.is_cut_off
    assert info.header_duration_seconds == pytest.approx(4.0)


@pytest.mark.parametrize("position", [20, 24, 32])  # scale, rate and length of the picture
def test_an_avi_header_without_a_length_promises_nothing(tmp_path, made, position):
    data = bytearray(made("mpeg4-avi")[0].read_bytes())
    at = data.index(b"strh") + 8
    assert data[at : at + 4] == b"vids"
    struct.pack_into("<I", data, at + position, 0)
    path = tmp_path / "unfinished.avi"
    path.write_bytes(data)
    info = probe(path)
    assert math.isnan(info.header_duration_seconds)
    assert not info.is_cut_off


@pytest.mark.parametrize(
    ("promised", "found", "beyond"),
    [(10, 9.1, False), (10, 8.9, True), (1000, 981, False), (1000, 979, True), (math.nan, 1, False),
     (10, math.nan, False), (5, 9, False), (10, -math.inf, True)],
)  # fmt: skip
def test_clearly_beyond(promised, found, beyond):
    assert is_clearly_beyond(promised, found) == beyond
