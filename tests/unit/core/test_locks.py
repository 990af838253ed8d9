"""One process at a time, killed ones let go, and Ctrl-C ends the waiting."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.locks import locked

HOLD = (
    "import sys, pathlib\n"
    "from semioscope.core.locks import locked\n"
    "with locked(pathlib.Path(sys.argv[1]), wait=True):\n"
    "    print('in', flush=True); sys.stdin.readline()\n"
)


@contextlib.contextmanager
def holder(path):
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "in\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, None])
def test_a_process_that_ends_or_is_killed_lets_go(tmp_path, end):
    path = tmp_path / "new" / "lock"
    with holder(path) as process:
        with (
            pytest.raises(StoreError, match=r"somebody is in"),
            locked(path, wait=False, taken="somebody is in"),
        ):
            pytest.fail("two were in")
        with pytest.raises(StoreError, match=r"lock must be free, but another process holds it"):
            locked(path, wait=False).__enter__()
        if end is None:
            process.communicate("\n")
        else:
            process.send_signal(end)
            process.wait()
        with locked(path, wait=False):
            pass
    assert path.read_bytes() == b""


def test_an_error_in_the_block_lets_go_and_is_kept(tmp_path):
    with pytest.raises(OSError, match="from the block"), locked(tmp_path / "lock", wait=True):
        raise OSError(errno.ENOSPC, "from the block")
    with locked(tmp_path / "lock", wait=False):
        pass


def test_threads_wait_for_each_other(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "lock", wait=True):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) == 80


def test_ctrl_c_ends_the_waiting(tmp_path):
    with holder(tmp_path / "lock"):
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt), locked(tmp_path / "lock", wait=True):
            pytest.fail("two were in")
        timer.join()


def test_a_file_system_without_locks_lets_everybody_in(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def none(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    for wait in (True, False):
        with locked(tmp_path / "lock", wait=wait):
            pass


def test_the_lock_of_another_user_is_only_read(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.touch()
    opened = os.open

    def refusing(name, flags, *more):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, flags, *more)

    monkeypatch.setattr(os, "open", refusing)
    with locked(path, wait=False), pytest.raises(StoreError, match="another process holds it"):
        locked(path, wait=False).__enter__()


def test_a_lock_that_may_not_be_made_is_a_sentence(tmp_path, monkeypatch):
    opened = os.open

    def refusing(name, flags, *more):
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, flags, *more)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(StoreError, match="must be a folder that can be written: Permission denied"):
        locked(tmp_path / ".lock", wait=True).__enter__()


def test_a_place_without_write_access_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file must be a folder.*Choose another folder"):
        locked(tmp_path / "file" / "lock", wait=False).__enter__()
