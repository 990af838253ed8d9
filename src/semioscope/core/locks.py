"""Locks between processes: files that one process at a time may hold.

The operating system holds the lock, not the file: a killed process lets go at once, and the file, which
is empty, stays. Where a file system has no locks (some network shares) everybody is let in.
"""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from semioscope.core.errors import StoreError
from semioscope.core.files import disk_errors

_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_POLL_SECONDS = 0.05


@contextlib.contextmanager
def locked(path: Path, *, wait: bool, taken: str = "") -> Iterator[None]:
    """Let one process (and one thread of it) at a time into the block.

    Args:
        path: The lock file; it and its folder are made.
        wait: Wait until the others are out; Ctrl-C ends the waiting. Otherwise a lock that is held is an error.
        taken: What to say then.

    Raises:
        StoreError: If the lock is held and ``wait`` is false, or the file cannot be made.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _opened(path)
    try:
        if not _take(handle, wait=wait):
            raise StoreError(taken or f"{path} must be free, but another process holds it. Wait for its end.")
        try:
            yield
        finally:
            _release(handle)
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError as refused:
        try:
            return os.open(path, os.O_RDONLY)  # another user of a shared folder made it; reading is enough
        except FileNotFoundError:
            raise refused from None  # it cannot be made: that is what must be told


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int, *, wait: bool) -> bool:
        while True:
            os.lseek(handle, 0, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError as err:
                if err.errno not in _TAKEN:
                    return True
                if not wait:
                    return False
                time.sleep(_POLL_SECONDS)
            else:
                return True

    def _release(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        with contextlib.suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(handle: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            return wait or err.errno not in _TAKEN
        return True

    def _release(handle: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
