"""Guards around every test: no network, no change of global random states, no windows, no home folder."""

import os
import signal
import socket
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

# A run in the background is started deaf to Ctrl-C, and so are its children; the tests of Ctrl-C need to hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis.settings.register_profile("semioscope", deadline=None, print_blob=True)
hypothesis.settings.load_profile("semioscope")
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "200"
os.environ["NO_COLOR"] = "1"


@pytest.fixture(autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the caches of the weights and the store to an empty folder."""
    folder = tmp_path_factory.getbasetemp() / "caches"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(folder / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("SEMIOSCOPE_STORE", raising=False)
    monkeypatch.delenv("SEMIOSCOPE_WEIGHTS_URL", raising=False)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            msg = f"A test tried to reach {address[0]}."
            raise OSError(msg)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def untouched_random_state() -> Iterator[None]:
    """Fail a test whose code draws from NumPy's global generator."""
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    yield
    after = np.random.get_state()[1]  # type: ignore[index]
    assert np.array_equal(before, after), "np.random's global state was used"
