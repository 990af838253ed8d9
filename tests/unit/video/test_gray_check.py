"""What is wrong with one 16-bit stream is found before it is used."""

import math

import numpy as np
import pytest
from gray16 import WRITERS, drawn, write_array, write_folder, write_tiffs, write_video

from semioscope.video import check_gray16

FRAMES = np.maximum(drawn(30), 1)


@pytest.mark.parametrize("way", list(WRITERS))
@pytest.mark.parametrize("is_whole", [False, True])
def test_a_good_stream_has_no_problems(tmp_path, way, is_whole):
    found = check_gray16(WRITERS[way](tmp_path / "i", FRAMES), is_whole=is_whole)
    assert (found.faults, found.remarks, found.first_zero_share) == ((), (), 0.0)


@pytest.mark.parametrize("way", list(WRITERS))
def test_a_black_stream_is_a_fault(tmp_path, way):
    path = WRITERS[way](tmp_path / "i", FRAMES * 0)
    (fault,) = check_gray16(path).faults
    assert fault.startswith(
        f"{path.name} must hold infrared, but 5 frames of it that were looked at are all zero."
    )


@pytest.mark.parametrize("is_whole", [False, True])
def test_empty_and_cut_pictures_are_found_wherever_they_stand(tmp_path, is_whole):
    path = write_folder(tmp_path / "i", FRAMES)
    (path / "depth_11.png").write_bytes(b"")
    whole = (path / "depth_12.png").read_bytes()
    (path / "depth_12.png").write_bytes(whole[: len(whole) // 2])
    (remark,) = check_gray16(path, is_whole=is_whole).remarks
    assert remark.startswith("i: 2 pictures are counted as missing, of 30: ")
    assert "depth_11.png must be a picture, but it is empty (0 bytes)." in remark
    assert "depth_12.png must be a picture that can be read" in remark


def test_bytes_after_the_end_of_a_picture_do_no_harm(tmp_path):
    path = write_folder(tmp_path / "i", FRAMES)
    with (path / "depth_7.png").open("ab") as stream:
        stream.write(b"x" * 500)
    assert check_gray16(path).remarks == ()


def test_damage_inside_a_picture_is_found_by_the_whole_check(tmp_path):
    path = write_tiffs(tmp_path / "i", FRAMES)
    for number in range(10, 15):
        (path / f"depth_{number}.tif").write_bytes(b"II*\0")
    assert check_gray16(path).remarks == () or "depth_14" in check_gray16(path).remarks[0]
    (remark,) = check_gray16(path, is_whole=True).remarks
    assert remark.startswith("i: 5 pictures are counted as missing, of 30: depth_10.tif must be a picture")
    assert remark.endswith(" So with 2 more.")


def test_lacking_and_unreadable_frames_are_told(tmp_path):
    path = write_folder(tmp_path / "i", FRAMES)
    (path / "depth_3.png").unlink()
    assert "i lacks 1 frame of infrared between others" in check_gray16(path).remarks[0]
    video = write_video(tmp_path / "v", FRAMES, times=np.array([*range(10), *range(12, 32)]) / 30)
    assert "v.mkv lacks 2 frames of infrared" in check_gray16(video).remarks[0]


def test_what_cannot_be_opened_is_a_fault(tmp_path, made):
    assert "must hold 16-bit gray pictures" in check_gray16(made("h264-mp4")[0]).faults[0]
    array = write_array(tmp_path / "i", FRAMES)
    array.with_name("i.fps.txt").unlink()
    found = check_gray16(array)
    assert "i.npy must have its times beside it, but has none" in found.faults[0]
    assert math.isnan(found.first_zero_share)


def test_a_long_video_with_a_black_first_minute_can_be_used(tmp_path):
    frames = np.repeat(FRAMES[:1], 90, axis=0)
    frames[:65] = 0
    path = write_video(tmp_path / "i", frames, fps=1)
    found = check_gray16(path)
    assert found.faults == ()
    assert "5 frames of it that were looked at are all zero, all of the first minute." in found.remarks[0]
    whole = check_gray16(path, is_whole=True)
    assert (whole.faults, whole.remarks, whole.first_zero_share) == ((), (), 1.0)
