"""Reading TensorFlow checkpoints (``model.ckpt.index`` and ``.data-00000-of-00001``) without TensorFlow.

The index is a table of sorted keys in blocks (LevelDB's format): the key is the name of a tensor, the value a
protocol buffer with type, shape, place in the data file and check sum. The data file holds the plain numbers.
Nothing in either is code.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semioscope.core.errors import WeightsError
from semioscope.networks.crc32c import crc32c

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
"""After each block: one byte for the compression, four for the check sum."""
_FLOAT = 1
_DATA_NAME = re.compile(r"\.data-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Where a tensor is: file, first byte, bytes; and its shape and (masked) check sum."""

    name: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def bundle_index(path: Path) -> Path | None:
    """Return the index of the checkpoint that a path means: the index, a data file, their common name, or a folder.

    None when it means none; a folder means one if a single index lies in it.
    """
    if path.is_dir():
        inside = sorted(path.glob("*.index"))
        return inside[0] if len(inside) == 1 else None
    base = _DATA_NAME.sub("", path.name)
    if path.suffix == ".index":
        return path
    if base != path.name or not path.exists():
        index = path.with_name(f"{base}.index")
        return index if index.is_file() else None
    return None


def read_bundle(index: Path) -> dict[str, np.ndarray]:
    """Return the single-precision tensors of a checkpoint by name; tensors of other types are left out.

    Args:
        index: The ``.index`` file; the data files lie beside it.

    Raises:
        WeightsError: If a file is absent, cut short or damaged; the message names file and tensor.
    """
    try:
        content = index.read_bytes()
    except OSError as err:
        msg = f"{index} must be the index of a TensorFlow checkpoint: {err.strerror}. Check the path."
        raise WeightsError(msg) from err
    try:
        num_shards, entries = _read_index(content)
    except (ValueError, IndexError, struct.error) as err:
        msg = f"{index} is damaged or no index of a TensorFlow checkpoint ({err}). Download or copy it again."
        raise WeightsError(msg) from err
    stem = index.name.removesuffix(".index")
    tensors: dict[str, np.ndarray] = {}
    for shard in range(num_shards):
        path = index.with_name(f"{stem}.data-{shard:05d}-of-{num_shards:05d}")
        try:
            data = path.read_bytes()
        except OSError as err:
            msg = f"{path} must lie beside {index.name}: {err.strerror}. Bring both files of the checkpoint."
            raise WeightsError(msg) from err
        for entry in entries:
            if entry.shard == shard:
                tensors[entry.name] = _tensor(entry, data, path)
    return tensors


def _tensor(entry: _Entry, data: bytes, path: Path) -> np.ndarray:
    again = "Download or copy it again."
    if entry.offset + entry.size > len(data):
        msg = (
            f"{path} is cut short: {entry.name} needs bytes {entry.offset} to {entry.offset + entry.size}, but "
            f"the file has {len(data)}. {again}"
        )
        raise WeightsError(msg)
    part = memoryview(data)[entry.offset : entry.offset + entry.size]
    if _masked(crc32c(part)) != entry.checksum:
        msg = f"{path} is damaged: the check sum of {entry.name} does not fit its numbers. {again}"
        raise WeightsError(msg)
    return np.frombuffer(part, dtype="<f4").reshape(entry.shape)


def _masked(checksum: int) -> int:
    """Return a check sum as the format stores it, so that check sums of check sums are not weak."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _read_index(content: bytes) -> tuple[int, list[_Entry]]:
    if len(content) < _FOOTER_BYTES or struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        msg = "its end is not that of an index"
        raise ValueError(msg)
    footer = content[-_FOOTER_BYTES:]
    _, position = _handle(footer, 0)  # of the block of block names, which is not needed
    (offset, size), _ = _handle(footer, position)
    num_shards, entries = 0, []
    for _, handle in _block(content, offset, size):
        for key, value in _block(content, *_handle(handle, 0)[0]):
            fields = _fields(value)
            if not key:
                num_shards = _number(fields, 1)
                if _number(fields, 2):
                    msg = "its numbers are big-endian, which is not supported"
                    raise ValueError(msg)
            elif _number(fields, 1) == _FLOAT:
                entries.append(_entry(key.decode(), fields))
    if num_shards < 1:
        msg = "it names no data file"
        raise ValueError(msg)
    return num_shards, entries


def _entry(name: str, fields: dict[int, list[int | bytes]]) -> _Entry:
    shape: list[int] = []
    for part in fields.get(2, []):
        for dimension in _fields(_bytes(part)).get(2, []):
            shape.append(_number(_fields(_bytes(dimension)), 1))
    size = _number(fields, 5)
    if size != 4 * int(np.prod(shape, dtype=np.int64)):
        msg = f"{name} has {size} bytes, which is not its shape {tuple(shape)}"
        raise ValueError(msg)
    return _Entry(
        name=name,
        shape=tuple(shape),
        shard=_number(fields, 3),
        offset=_number(fields, 4),
        size=size,
        checksum=_number(fields, 6),
    )


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a block; a key is stored as what differs from the key before."""
    end = offset + size
    compression, checksum = struct.unpack("<BI", content[end : end + _TRAILER_BYTES])
    if compression != 0:
        msg = "it is compressed, which is not supported"
        raise ValueError(msg)
    if _masked(crc32c(content[offset : end + 1])) != checksum:
        msg = "the check sum of a block does not fit"
        raise ValueError(msg)
    block = content[offset:end]
    (num_restarts,) = struct.unpack("<I", block[-4:])
    entries_end = len(block) - 4 * (num_restarts + 1)
    position, key = 0, b""
    while position < entries_end:
        shared, position = _varint(block, position)
        added, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + added]
        position += added
        yield key, block[position : position + length]
        position += length


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number that begins at a position (7 bits per byte, low ones first), and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


def _fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Return the fields of a protocol buffer by number: integers as they are, everything else as bytes."""
    fields: dict[int, list[int | bytes]] = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = _varint(message, position)
        elif tag & 7 == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        elif tag & 7 == 5:
            (value,), position = struct.unpack_from("<I", message, position), position + 4
        else:
            msg = f"it has a field of kind {tag & 7}, which is not used in an index"
            raise ValueError(msg)
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[int | bytes]], number: int) -> int:
    value = fields.get(number, [0])[-1]
    if isinstance(value, bytes):
        msg = f"field {number} must be a number"
        raise ValueError(msg)
    return value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        msg = "a part of a shape must be a message"
        raise ValueError(msg)
    return value
