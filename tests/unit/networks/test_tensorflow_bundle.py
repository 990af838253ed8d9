"""The reader of TensorFlow checkpoints against a writer of our own, and every way in which a file is damaged."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from i3d_files import masked_crc32c, plain_crc32c, write_bundle

from semioscope.core.errors import WeightsError
from semioscope.networks.crc32c import crc32c
from semioscope.networks.tensorflow_bundle import bundle_index, read_bundle

ARRAYS = {
    "scope/layer_1/w": np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4),
    "scope/layer_1/beta": np.linspace(-1, 1, 300, dtype=np.float32).reshape(1, 300),
    "scope/layer_10/w": np.float32([[7.5]]),
    "other/scalar": np.float32(3).reshape(()),
}


@settings(max_examples=80)
@given(st.binary(max_size=300))
def test_the_check_sum_is_that_of_the_plain_loop(content) -> None:
    assert crc32c(content) == plain_crc32c(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_the_check_sum_has_the_published_values(content, expected) -> None:
    assert crc32c(content) == expected


def test_the_check_sum_of_long_content_is_right_across_pieces() -> None:
    content = np.random.default_rng(0).integers(0, 256, (1 << 20) + 4321, dtype=np.uint8).tobytes()
    assert crc32c(memoryview(content)) == plain_crc32c(content)


@pytest.mark.parametrize("per_block", [1, 2, 100])
def test_what_was_written_is_read(tmp_path, per_block) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS, per_block=per_block)
    found = read_bundle(index)
    assert found.keys() == ARRAYS.keys()  # the step counter, which is an integer, is left out
    for name, array in ARRAYS.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_a_checkpoint_is_found_by_each_of_its_names(tmp_path) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS)
    assert bundle_index(index) == index
    assert bundle_index(tmp_path / "model.ckpt") == index
    assert bundle_index(tmp_path / "model.ckpt.data-00000-of-00001") == index
    assert bundle_index(tmp_path / "another.ckpt") is None
    assert bundle_index(tmp_path) == index
    assert bundle_index(tmp_path / "absent") is None
    (tmp_path / "model.pth").write_bytes(b"")
    assert bundle_index(tmp_path / "model.pth") is None


def test_a_data_file_that_is_cut_short_names_the_tensor(tmp_path) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-3])
    with pytest.raises(
        WeightsError, match=r"data-00000-of-00001 is cut short: scope/layer_10/w needs bytes .* Download"
    ):
        read_bundle(index)


def test_a_changed_number_names_the_tensor(tmp_path) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[4 + 8 + 50] ^= 1  # the scalar and the step counter come first
    data.write_bytes(content)
    with pytest.raises(WeightsError, match=r"is damaged: the check sum of scope/layer_1/beta does not fit"):
        read_bundle(index)


def test_a_missing_data_file_is_named(tmp_path) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS)
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(WeightsError, match=r"data-00000-of-00001 must lie beside model\.ckpt\.index"):
        read_bundle(index)
    index.unlink()
    with pytest.raises(WeightsError, match=r"must be the index of a TensorFlow checkpoint"):
        read_bundle(index)


def changed(content: bytes, position: int, value: bytes) -> bytes:
    return content[:position] + value + content[position + len(value) :]


def test_a_damaged_index_is_refused(tmp_path) -> None:
    index = write_bundle(tmp_path / "model.ckpt", ARRAYS)
    content = index.read_bytes()
    cases = {
        "its end is not that of an index": (content[:-1], b"", b"<!DOCTYPE html>" * 9),
        "the check sum of a block does not fit": (changed(content, 30, b"\x55"),),
    }
    for message, contents in cases.items():
        for damaged in contents:
            index.write_bytes(damaged)
            with pytest.raises(WeightsError, match=rf"model\.ckpt\.index is damaged .*{message}.*again"):
                read_bundle(index)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"\x08\x01\x10\x01", "big-endian"),
        (b"", "it names no data file"),
        (b"\x09" + bytes(8), "a field of kind 1"),
        (b"\x0a\x00", "field 1 must be a number"),
    ],
)
def test_an_index_with_an_unknown_header_is_refused(tmp_path, header, message) -> None:
    with pytest.raises(WeightsError, match=message):
        read_bundle(index_of_one_record(tmp_path, b"", header))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"\x08\x01\x12\x04\x12\x02\x08\x05\x28\x08", r"w has 8 bytes, which is not its shape \(5,\)"),
        (b"\x08\x01\x10\x05\x28\x08", "a part of a shape must be a message"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(tmp_path, value, message) -> None:
    with pytest.raises(WeightsError, match=message):
        read_bundle(index_of_one_record(tmp_path, b"w", value))


def test_a_compressed_index_is_refused(tmp_path) -> None:
    with pytest.raises(WeightsError, match="compressed, which is not supported"):
        read_bundle(index_of_one_record(tmp_path, b"", b"\x08\x01", compression=b"\x01"))


def index_of_one_record(folder: Path, key: bytes, value: bytes, *, compression: bytes = b"\0") -> Path:
    def block(key: bytes, value: bytes) -> bytes:
        content = bytes([0, len(key), len(value)]) + key + value + struct.pack("<2I", 0, 1)
        return content + compression + struct.pack("<I", masked_crc32c(content + compression))

    first = block(key, value)
    second = block(b"z", bytes([0, len(first) - 5]))
    footer = bytes([0, 0, len(first), len(second) - 5]).ljust(40, b"\0")
    path = folder / "one.index"
    path.write_bytes(first + second + footer + struct.pack("<Q", 0xDB4775248B80FB57))
    return path
