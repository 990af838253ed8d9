"""Folders of pictures and arrays tell of themselves what a video of the same frames tells."""

import math

import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_array, write_folder, write_tiffs

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video import index_packets, is_gray16, open_reader, probe

WAYS = {**WRITERS, "tiffs": write_tiffs}
CODECS = {"video": "ffv1", "folder": "png", "tiffs": "tiff", "array": "npy"}
FRAMES = drawn(40)
LATE = np.array([0, 1, 2, 3, *range(7, 43)]) / 10  # three frames are lacking
JITTER = np.cumsum(np.resize([0.1, 0.05, 0.2, 0.1], 40)) - 0.1


@pytest.mark.parametrize("way", list(WAYS))
class TestEveryKind:
    def test_is_probed(self, tmp_path, way):
        info = probe(WAYS[way](tmp_path / "i", FRAMES, fps=10))
        assert info.codec == CODECS[way]
        assert (info.width, info.height, info.pixels) == (8, 6, "16-bit gray (gray16le)")
        assert info.is_gray16
        assert info.fps == pytest.approx(10)
        assert info.frame_seconds == pytest.approx(0.1)
        assert info.duration_seconds == pytest.approx(4.0)
        assert not info.is_variable_rate
        assert not info.is_cut_off

    @pytest.mark.parametrize(("times", "varies"), [(LATE, False), (JITTER, True)])
    def test_is_listed(self, tmp_path, way, times, varies):
        path = WAYS[way](tmp_path / "i", FRAMES, times=times)
        index = index_packets(path)
        np.testing.assert_allclose(index.pts_seconds, times, atol=1e-6)
        assert index.is_variable_rate == varies
        assert index.is_key.all()
        assert len(index.gaps) == (0 if varies else 1)
        part = Interval(start_seconds=0.2, end_seconds=1.5)
        inside = times[(times > 0.19) & (times < 1.49)]
        np.testing.assert_allclose(index_packets(path, part).pts_seconds, inside, atol=1e-6)

    def test_keeps_16_bits(self, tmp_path, way):
        assert is_gray16(WAYS[way](tmp_path / "i", FRAMES[:2]))


def test_a_video_of_8_bits_keeps_fewer(made):
    assert not is_gray16(made("h264-mp4")[0])


def test_a_single_picture_without_a_rate_has_none(tmp_path):
    info = probe(write_folder(tmp_path / "i", FRAMES[:1], times=[0]))
    assert math.isnan(info.fps)


@pytest.mark.parametrize("function", [probe, index_packets])
def test_what_breaks_a_rule_is_named(tmp_path, function):
    folder = write_folder(tmp_path / "i", FRAMES)
    (folder / "fps.txt").unlink()
    with pytest.raises(VideoError, match="i must have its times inside it, but has none"):
        function(folder)
    array = write_array(tmp_path / "i", FRAMES.astype(np.uint8))
    with pytest.raises(VideoError, match=r"i.npy must hold 16-bit whole numbers \(uint16\), got uint8"):
        function(array)
    (tmp_path / "e.npy").touch()
    with pytest.raises(VideoError, match=r"e.npy must be a NumPy array, but it is empty \(0 bytes\)"):
        function(tmp_path / "e.npy")
    (tmp_path / "none").mkdir()
    with pytest.raises(
        VideoError, match=r"none must be a video file, but it is a folder\. Name a file inside it"
    ):
        function(tmp_path / "none")


@pytest.mark.parametrize("way", ["folder", "array"])
def test_they_are_no_videos(tmp_path, way):
    path = WAYS[way](tmp_path / "i", FRAMES)
    with pytest.raises(
        VideoError, match=rf"^{path.name} must be a video file, but it is .* raw infrared or depth"
    ):
        open_reader(path)
