"""Files that are written whole or not at all, and the canonical text of plain data.

A reader never sees half a file: what is written goes to a temporary file in the same folder, is flushed to
the disk, and takes the place of the old file in one step.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semioscope.core.errors import StoreError

_TEMPORARY = ".partial-"
GIVEN = "Copy it again from where it came, or mend it."
"""What to do about a damaged file that a person gave, and that nothing makes again."""


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends without an error.

    The suffix is kept, so writers that look at it work. On an error the temporary file is removed.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f"{_TEMPORARY}{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file in one step, with plain line ends."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write plain data as indented, key-sorted JSON in one step. NaN is written as null."""
    text = json.dumps(_plain(content), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def folder_problem(folder: Path) -> str:
    """Return why a folder cannot be made or written, as the end of a sentence; empty if it can. Nothing is made."""
    there = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not there.is_dir():
        return f"must be a folder, but {there} is a file"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"must be a folder that can be written, but {there} cannot"
    return ""


def check_folder(folder: Path, *, what: str, remedy: str) -> None:
    """Refuse a folder that cannot be made or written, before any work is done for it.

    Args:
        folder: Where something is to be written.
        what: What the folder is to the user; begins the message.
        remedy: What to do; ends it.

    Raises:
        StoreError: Naming the file or folder that is in the way.
    """
    if problem := folder_problem(folder):
        msg = f"{what} {problem}. {remedy}"
        raise StoreError(msg)


def read_json(path: Path, *, remedy: str = "Delete it to have it made again.") -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        remedy: What to do where it is damaged; ``GIVEN`` for files that the program does not make.

    Raises:
        StoreError: If it is absent or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        msg = f"{path} does not exist."
        raise StoreError(msg) from err
    except (ValueError, OSError) as err:
        msg = f"{path} must be a JSON file that can be read: {err}. {remedy}"
        raise StoreError(msg) from err


def canonical_json(content: Any) -> str:
    """Return plain data as JSON with sorted keys and no spaces: equal data, equal text."""
    plain = _plain(content)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(content: Any, *, length: int = 32) -> str:
    """Return the first ``length`` hexadecimal digits of the SHA-256 of plain data."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:length]


def file_sha256(path: Path, *, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file, read in pieces of 1 MiB."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            state.update(piece)
            if progress is not None:
                progress(len(piece))
    return state.hexdigest()


def sweep_temporaries(folder: Path) -> int:
    """Remove what killed writers left behind in a folder and below; return how many files went."""
    stray = [path for path in folder.rglob(f"{_TEMPORARY}*") if path.is_file()]
    for path in stray:
        path.unlink(missing_ok=True)
    return len(stray)


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    if isinstance(content, float):
        return content if math.isfinite(content) else (None if math.isnan(content) else repr(content))
    if isinstance(content, Path):
        return content.as_posix()
    if hasattr(content, "item") and not isinstance(content, (str, bytes)):
        return _plain(content.item())
    return content


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as err:  # some network shares cannot sync a folder
        if err.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder without write access into a StoreError."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            msg = (
                f"The disk is full: {path} could not be written. "
                "Free some space and give the same command again; it goes on where it stopped."
            )
        elif err.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            msg = (
                f"{path.parent} must be a folder that can be written: {err.strerror}. "
                "Choose another folder or ask for write access."
            )
        elif err.errno in (errno.ENOTDIR, errno.EEXIST) and not path.parent.is_dir():
            msg = f"{path.parent} must be a folder: {err.strerror}. Choose another folder."
        else:
            raise
        raise StoreError(msg) from err
