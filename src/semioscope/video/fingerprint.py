"""A short name for the content of a video, read from samples so that a day-long file costs a moment."""

import hashlib
from pathlib import Path

import numpy as np

from semioscope.video.arrays import is_array
from semioscope.video.containers import as_video_error, check_file
from semioscope.video.images import SUFFIXES as PICTURE_SUFFIXES
from semioscope.video.images import picture_names
from semioscope.video.parts import is_parts_list, read_parts
from semioscope.video.timetable import SIDECARS, find_sidecar

_END_BYTES = 1 << 20
_BLOCK_BYTES = 64 << 10
_NUM_BLOCKS = 64


def fingerprint(path: Path) -> str:
    """Return 32 hexadecimal digits that name the content of a file.

    They are the beginning of the SHA-256 of its size, first and last MiB, and 64 blocks of 64 KiB spread
    evenly between; a file of up to 6 MiB is read whole. The name and the dates of a file do not count. A change that
    keeps the size and hits none of the samples is not seen: a full hash is the business of a full check.

    Args:
        path: A video file, or a parts list: then the fingerprints and start times of its parts count. Of a folder of
            pictures the names, sizes, times and up to 64 spread pictures count; of an array the times, too.

    Raises:
        VideoError: If the file is absent or cannot be read.
    """
    state = hashlib.sha256()
    if is_parts_list(path):
        for part in read_parts(path):
            state.update(f"{fingerprint(part.path)} {part.start_seconds!r}\n".encode())
        return state.hexdigest()[:32]
    if path.is_dir():
        names = picture_names(path)
        state.update("".join(f"{name} {(path / name).stat().st_size}\n" for name in names).encode())
        spread = np.unique(np.linspace(0, len(names) - 1, _NUM_BLOCKS).astype(np.int64)).tolist()
        state.update(_named_print(find_sidecar(path)))
        for name in (names[at] for at in spread):
            # An empty picture is a missing frame: it must not lose the others. Its size, 0, counts above.
            is_empty = (path / name).stat().st_size == 0
            state.update(b"" if is_empty else _named_print(path / name))
        return state.hexdigest()[:32]
    check_file(path, _what(path))
    if is_array(path):
        state.update(f"{fingerprint(find_sidecar(path))}\n".encode())
    size = path.stat().st_size
    state.update(f"{size}\n".encode())
    with as_video_error(path, "reading"), path.open("rb") as stream:
        if size <= 2 * _END_BYTES + _NUM_BLOCKS * _BLOCK_BYTES:
            while piece := stream.read(_END_BYTES):
                state.update(piece)
            return state.hexdigest()[:32]
        blocks = (
            np.linspace(_END_BYTES, size - _END_BYTES - _BLOCK_BYTES, _NUM_BLOCKS).astype(np.int64).tolist()
        )
        for start, length in [
            (0, _END_BYTES),
            *((at, _BLOCK_BYTES) for at in blocks),
            (size - _END_BYTES, _END_BYTES),
        ]:
            stream.seek(start)
            state.update(stream.read(length))
    return state.hexdigest()[:32]


def whole_print(path: Path) -> str:
    """Return 64 hexadecimal digits, the SHA-256 of every byte of a file; of a folder or an array, of all its files.

    Of a folder the names of the pictures count, too, and for both the file with the times.

    Args:
        path: A video file, a folder of pictures, or an array.

    Raises:
        VideoError: If a file is absent or cannot be read.
    """
    state = hashlib.sha256()
    if path.is_dir():
        files = [path / name for name in picture_names(path)] + [find_sidecar(path)]
        for file in files:
            state.update(f"{file.name} ".encode())
            _hash(state, file)
    else:
        check_file(path, _what(path))
        if is_array(path):
            _hash(state, find_sidecar(path))
        _hash(state, path)
    return state.hexdigest()


def _hash(state: "hashlib._Hash", path: Path) -> None:
    with as_video_error(path, "reading"), path.open("rb") as stream:
        while piece := stream.read(_END_BYTES):
            state.update(piece)


def _what(path: Path) -> str:
    """Return what a file should be, for messages."""
    if is_array(path):
        return "a NumPy array"
    if path.suffix.casefold() in PICTURE_SUFFIXES:
        return "a picture"
    return "a table of times" if path.name.endswith(SIDECARS) else "a video"


def _named_print(path: Path) -> bytes:
    return f"{path.name} {fingerprint(path)}\n".encode()
