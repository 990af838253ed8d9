"""Folders of 16-bit pictures."""

import struct

import numpy as np
import pytest
from gray16 import drawn, write_folder, write_tiffs
from PIL import Image

from semioscope.core.errors import VideoError
from semioscope.video import open_gray16
from semioscope.video.images import picture_names, read_gray16

FRAMES = drawn(12)


def test_tiffs_are_read_bit_for_bit(tmp_path):
    with open_gray16(write_tiffs(tmp_path / "d", FRAMES)) as reader:
        np.testing.assert_array_equal(reader.read(np.arange(12)), FRAMES)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiffs(tmp_path, compression):
    Image.fromarray(FRAMES[0]).save(tmp_path / "a.tiff", compression=compression)
    np.testing.assert_array_equal(read_gray16(tmp_path / "a.tiff"), FRAMES[0])


def test_big_endian_tiffs(tmp_path):
    height, width = FRAMES[0].shape
    data = FRAMES[0].astype(">u2").tobytes()
    entries = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 273: 0, 277: 1, 278: height, 279: len(data)}
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    table = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in entries.items())
    head = b"MM\0*" + struct.pack(">IH", 8, len(entries))
    (tmp_path / "a.tif").write_bytes(head + table + struct.pack(">I", 0) + data)
    np.testing.assert_array_equal(read_gray16(tmp_path / "a.tif"), FRAMES[0])


def test_names_are_sorted_as_people_do(tmp_path):
    for name in ("f10.png", "f9.PNG", "F2.png", ".f1.png", "notes.txt", "fps.txt"):
        (tmp_path / name).touch()
    assert picture_names(tmp_path) == ("F2.png", "f9.PNG", "f10.png")


def test_a_picture_of_another_size_is_missing(tmp_path):
    path = write_folder(tmp_path / "d", FRAMES)
    Image.fromarray(FRAMES[0][:4]).save(path / "depth_0.png")
    with open_gray16(path) as reader:
        assert reader.size == (8, 6)
        statuses = [frame.status for frame in reader.frames(np.arange(12))]
    assert statuses == ["missing"] + ["ok"] * 11
    assert "depth_0.png must be 8x6 pixels as the others, got 8x4" in reader.faults[0]


@pytest.mark.parametrize(
    ("mode", "told"), [("L", "8-bit gray"), ("RGB", "mode RGB"), ("P", "mode P"), ("1", "mode 1")]
)
def test_8_bit_pictures_are_refused(tmp_path, mode, told):
    path = write_folder(tmp_path / "d", FRAMES[:2])
    for name in ("depth_0.png", "depth_1.png"):
        Image.new(mode, (8, 6)).save(path / name)
    with pytest.raises(VideoError, match=rf"d must hold 16-bit pictures, .* 16-bit gray picture, got {told}"):
        open_gray16(path)


def test_whole_numbers_of_32_bits_are_taken_only_where_they_fit(tmp_path):
    values = FRAMES[0].astype(np.int32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_gray16(tmp_path / "a.tif"), FRAMES[0])
    for change in (1, -1):
        Image.fromarray(values + change).save(tmp_path / "a.tif")
        with pytest.raises(VideoError, match="must be a 16-bit gray picture, got mode I"):
            read_gray16(tmp_path / "a.tif")


def test_several_pictures_in_one_file_are_refused(tmp_path):
    images = [Image.fromarray(frame) for frame in FRAMES[:3]]
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    with pytest.raises(VideoError, match="must hold one picture, got 3"):
        read_gray16(tmp_path / "a.tif")


def test_every_cut_of_a_picture_is_an_error_or_whole(tmp_path):
    path = write_folder(tmp_path / "d", FRAMES[:1]) / "depth_0.png"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        told = ""
        try:
            np.testing.assert_array_equal(read_gray16(path), FRAMES[0])
        except VideoError as err:
            told = str(err)
        reason = "that can be read" if length else "but it is empty (0 bytes)"
        assert not told or f"depth_0.png must be a picture{',' if not length else ''} {reason}" in told
        assert str(tmp_path) not in told


def test_folders_without_pictures_or_with_two_kinds(tmp_path):
    with pytest.raises(
        VideoError, match=r"must hold 16-bit pictures \(.png, .tif or .tiff\), but holds none"
    ):
        open_gray16(tmp_path)
    path = write_folder(tmp_path / "d", FRAMES[:2])
    Image.fromarray(FRAMES[0]).save(path / "a.tif")
    with pytest.raises(VideoError, match="must hold the pictures of one stream, got PNG and TIFF"):
        open_gray16(path)
