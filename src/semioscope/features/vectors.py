"""Read files of one vector each, as ``torch.save`` writes them: exactly, fast, and without running what is in them.

Such a file is a zip archive of stored records: ``data.pkl`` says how the numbers lie, ``data/0`` holds them.
``torch.load`` with ``weights_only`` reads the first file of a kind. If it gives just the numbers of ``data/0``
in their order, later files with the same ``data.pkl`` are read without it. Checksums are compared.
"""

import io
import pickle
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_BYTES = 30
_NAME_AND_EXTRA = struct.Struct("<2H")
_PAYLOAD = "data/0"
_ABOUT_THE_FILE = ("version", ".data/serialization_id")
"""Records that do not say how the numbers lie."""

Kind = tuple[tuple[str, bytes], ...]


class VectorReader:
    """Reads vectors of one length.

    Args:
        num_features: Numbers of a vector.
    """

    def __init__(self, num_features: int) -> None:
        self.num_features = num_features
        self._plain: set[Kind] = set()

    def read(self, path: Path | str) -> Float32[np.ndarray, " num_features"]:
        """Return the vector of a file, in single precision.

        Raises:
            ValueError: If the file cannot be read, is damaged, is no tensor of real numbers, or has another
                length; the sentence says what must hold and what came.
        """
        try:
            with open(path, "rb", buffering=0) as stream:
                content = stream.read()
        except OSError as err:
            msg = f"must be a file that can be read: {err.strerror}"
            raise ValueError(msg) from err
        records = stored_records(content)
        kind = _kind(records)
        if records is not None and kind in self._plain and len(records[_PAYLOAD]) == 4 * self.num_features:
            return np.frombuffer(records[_PAYLOAD], np.float32).copy()
        tensor = _loaded(content)
        vector = self._checked(tensor)
        if kind is not None and _is_plain(tensor, vector, records):
            self._plain.add(kind)
        return vector

    def _checked(self, tensor: Any) -> Float32[np.ndarray, " num_features"]:
        import torch

        wanted = f"must hold one tensor of {self.num_features} numbers"
        if not isinstance(tensor, torch.Tensor):
            msg = f"{wanted}, but holds a {type(tensor).__name__}"
            raise ValueError(msg)
        shape = tuple(tensor.shape)
        if tensor.layout != torch.strided or not tensor.is_floating_point():
            msg = f"{wanted} with a decimal point, but holds {str(tensor.dtype).removeprefix('torch.')}"
            raise ValueError(msg)
        if tensor.numel() != self.num_features or max(shape, default=1) != self.num_features:
            told = "x".join(map(str, shape)) or "a single number"
            msg = f"{wanted}, but holds {told}"
            raise ValueError(msg)
        numbers: Float32[np.ndarray, " num_features"] = (
            tensor.detach().resolve_neg().reshape(-1).float().numpy().copy()
        )
        return numbers


def stored_records(content: bytes) -> dict[str, bytes] | None:
    """Return the records of an archive of uncompressed files, without their common folder; None for other files.

    Raises:
        ValueError: If the checksum of a record does not hold.
    """
    if content[:4] != b"PK\3\4" or len(content) < _END.size:
        return None
    mark, disk, first_disk, _, count, size, place, comment = _END.unpack_from(
        content, len(content) - _END.size
    )
    if mark != b"PK\5\6" or disk or first_disk or comment or place + size > len(content) - _END.size:
        return None
    records = {}
    for _ in range(count):
        if place + _ENTRY.size > len(content):
            return None
        entry = _ENTRY.unpack_from(content, place)
        method, checksum, packed, plain, name_bytes, extra, note = *entry[4:5], *entry[7:13]
        header = entry[-1]
        begin = place + _ENTRY.size
        place = begin + name_bytes + extra + note
        if entry[0] != b"PK\1\2" or method or packed != plain or header + _LOCAL_BYTES > len(content):
            return None
        start = header + _LOCAL_BYTES + sum(_NAME_AND_EXTRA.unpack_from(content, header + 26))
        record = content[start : start + plain]
        if len(record) != plain:
            return None
        if zlib.crc32(record) != checksum:
            msg = "is damaged: its checksum does not hold"
            raise ValueError(msg)
        name = content[begin : begin + name_bytes].decode("utf-8", "replace")
        records[name.partition("/")[2]] = record
    return records


def _kind(records: dict[str, bytes] | None) -> Kind | None:
    """Return everything of an archive that says how its numbers lie; None if they lie elsewhere."""
    if records is None or _PAYLOAD not in records or sys.byteorder != "little":
        return None
    if records.get("byteorder", b"little") != b"little":
        return None
    about = (_PAYLOAD, *_ABOUT_THE_FILE)
    return tuple(sorted((name, record) for name, record in records.items() if name not in about))


def _is_plain(tensor: Any, vector: np.ndarray, records: dict[str, bytes] | None) -> bool:
    """Return whether the tensor is nothing but the numbers of its storage, one after the other."""
    import torch

    return (
        records is not None
        and tensor.dtype == torch.float32
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and tensor.storage_offset() == 0
        and tensor.untyped_storage().nbytes() == vector.nbytes
        and records[_PAYLOAD] == vector.tobytes()
    )


def _loaded(content: bytes) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as err:
        msg = "must hold a plain tensor, but holds something else; it was refused, and nothing of it was run"
        raise ValueError(msg) from err
    except Exception as err:  # what torch raises for a broken file differs from version to version
        reason = (str(err).strip() or type(err).__name__).splitlines()[0][:120]
        msg = f"must be a file of torch.save, but cannot be read ({reason})"
        raise ValueError(msg) from err
