"""What is wrong with depth is found before it is used."""

import math

import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_array, write_folder, write_video

from semioscope.video import check_depth, probe

INFRARED = drawn(30, seed=1)
DEPTH = np.maximum(drawn(30, seed=2), 1)


@pytest.fixture
def infrared(tmp_path):
    return write_video(tmp_path / "i", INFRARED, fps=10)


def check(infrared, path, **options):
    found = check_depth(infrared, path, **options)
    for text in (*found.faults, *found.remarks):
        assert text.endswith(".")
        assert path.name in text or infrared.name in text
    return found


@pytest.mark.parametrize("way", list(WRITERS))
@pytest.mark.parametrize("is_whole", [False, True])
def test_good_depth_has_no_problems(tmp_path, infrared, way, is_whole):
    found = check(infrared, WRITERS[way](tmp_path / "d", DEPTH, fps=10), is_whole=is_whole)
    assert (found.faults, found.remarks, found.first_missing_share) == ((), (), 0.0)


def test_depth_that_cannot_be_read_or_has_8_bits(tmp_path, infrared, made):
    assert "does not exist" in check(infrared, tmp_path / "d.mkv").faults[0]
    (tmp_path / "empty").mkdir()
    assert "empty must hold 16-bit pictures" in check(infrared, tmp_path / "empty").faults[0]
    (fault,) = check(infrared, made("h264-mp4")[0]).faults
    assert fault.startswith("Depth: h264-mp4.mp4 must hold 16-bit gray pictures (gray16le), got 8-bit colour")
    array = write_array(tmp_path / "d", DEPTH.astype(np.uint8))
    assert "must hold 16-bit whole numbers" in check(infrared, array).faults[0]
    assert math.isnan(check(infrared, array).first_missing_share)


def test_another_size(tmp_path, infrared):
    found = check(infrared, write_array(tmp_path / "d", DEPTH[:, :, :4], fps=10))
    assert "i.mkv 8x6 and d.npy 4x6" in found.faults[0]


def test_all_zero_depth(tmp_path, infrared):
    found = check(infrared, write_array(tmp_path / "d", np.zeros_like(DEPTH), fps=10))
    assert "d.npy must hold depth, but 5 frames of it that were looked at are all zero" in found.faults[0]
    assert found.first_missing_share == 1.0


def test_a_first_frame_without_depth(tmp_path, infrared):
    depth = DEPTH.copy()
    depth[0] = 0
    found = check(infrared, write_array(tmp_path / "d", depth, fps=10))
    assert found.faults == ()
    assert "the first frame must hold depth, but is all zero" in found.remarks[0]


@pytest.mark.parametrize(("num_rows", "is_told"), [(3, False), (4, True)])
def test_more_than_half_of_the_first_frame_missing(tmp_path, infrared, num_rows, is_told):
    depth = DEPTH.copy()
    depth[0, :num_rows] = 0
    found = check(infrared, write_array(tmp_path / "d", depth, fps=10))
    assert found.first_missing_share == num_rows / 6
    assert any("67 % of the first frame has no depth" in remark for remark in found.remarks) == is_told
    assert bool(found.remarks) == is_told


@pytest.mark.parametrize("offset", [3.0, 100.0, -3.0, -100.0])
def test_no_overlap(tmp_path, infrared, offset):
    found = check(infrared, write_array(tmp_path / "d", DEPTH, fps=10), depth_offset_seconds=offset)
    assert "d.npy must overlap i.mkv in time" in found.faults[0]


@pytest.mark.parametrize("is_whole", [False, True])
def test_short_or_slow_depth_is_told(tmp_path, infrared, is_whole):
    short = check(infrared, write_array(tmp_path / "short", DEPTH[:10], fps=10), is_whole=is_whole)
    assert short.faults == ()
    (remark,) = short.remarks  # what both show pairs
    assert "short.npy must run as long as i.mkv, but gives depth from 0.00 to 1.00 s of its 3.00 s." in remark
    slow = check(infrared, write_array(tmp_path / "slow", DEPTH[:9], fps=3), is_whole=is_whole)
    (remark,) = slow.remarks
    assert "but 9 of 30 (30 %) have a depth frame within half a frame" in remark
    assert "the depth has 3 per second, the infrared 10." in remark
    assert remark.endswith("Export the depth again with 10 frames per second.")


@pytest.mark.parametrize("way", list(WRITERS))
def test_half_the_rate_is_told_with_both_rates_and_the_share(tmp_path, way):
    infrared = WRITERS[way](tmp_path / "i", drawn(60, seed=1), fps=30)
    (remark,) = check(infrared, WRITERS[way](tmp_path / "d", DEPTH, fps=15)).remarks
    assert "but 30 of 60 (50 %) have a depth frame within half a frame" in remark
    assert "the depth has 15 per second, the infrared 30." in remark
    assert "keeps its raw picture and is flagged" in remark


def test_an_offset_that_pairs_better_is_named(tmp_path, infrared):
    depth = write_array(tmp_path / "d", DEPTH, times=0.05 + np.arange(30) / 10 + 0.004 * (np.arange(30) % 3))
    (remark,) = check(infrared, depth, depth_offset_seconds=0.05).remarks
    assert "with depth_offset_seconds 0.05" in remark
    better = float(remark.split(" With depth_offset_seconds ")[1].split(" ")[0])
    assert check(infrared, depth, depth_offset_seconds=better).remarks == ()


def test_depth_that_was_cut_off_is_told(tmp_path, infrared):
    depth = write_video(tmp_path / "d", DEPTH, fps=10)
    depth.write_bytes(depth.read_bytes()[: depth.stat().st_size // 2])
    found = check(infrared, depth)
    assert found.faults == ()
    assert any("its header promises 3.00 s: it was cut off" in remark for remark in found.remarks)
    assert any("d.mkv must run as long as i.mkv" in remark for remark in found.remarks)


def test_lost_and_broken_pictures_are_told(tmp_path, infrared):
    path = write_folder(tmp_path / "d", DEPTH, fps=10)
    (path / "depth_0.png").write_bytes(b"x")
    (path / "depth_7.png").unlink()
    found = check(infrared, path)
    assert math.isnan(found.first_missing_share)
    assert "depth_0.png must be a picture that can be read" in " ".join(found.remarks)
    assert "d lacks 1 frame of depth between others" in " ".join(found.remarks)
    for entry in path.glob("*.png"):
        entry.write_bytes(b"x")
    assert "d must hold 16-bit pictures, but none of 16 can be used" in check(infrared, path).faults[0]


def test_infrared_of_8_bits_or_black_is_told(tmp_path, made):
    dark = INFRARED.copy()
    dark[0] = 0
    infrared = write_video(tmp_path / "i", dark, fps=10)
    assert (
        "i.mkv: the first frame is black"
        in check(infrared, write_array(tmp_path / "d", DEPTH, fps=10)).remarks[0]
    )
    eight, _ = made("h264-mp4")
    info = probe(eight)
    depth = np.full((100, info.height, info.width), 900, np.uint16)
    found = check(eight, write_array(tmp_path / "e", depth, fps=info.fps))
    assert found.remarks[0].startswith(
        "Infrared: h264-mp4.mp4 must hold 16-bit gray pictures (gray16le) to be used with depth, got 8-bit colour "
        "(yuv420p). Export"
    )
    assert found.faults == ()


def test_infrared_that_cannot_be_read_is_not_judged_here(tmp_path):
    depth = write_array(tmp_path / "d", DEPTH)
    for infrared in (None, tmp_path / "none.mkv"):
        found = check_depth(infrared, depth)
        assert (found.faults, found.remarks) == ((), ())
