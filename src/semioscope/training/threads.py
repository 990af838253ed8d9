"""One thread per fit: many fits run side by side, and the same seed gives the same bits."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Let PyTorch use one thread and its own recurrent layers inside the block; put both back after it.

    Training needs small matrices, for which the recurrent layers of oneDNN allocate more than they save: a
    step of the BLSTM of GESTURES took up to 1.5 times as long with them (PyTorch 2.15, one thread).
    """
    one_dnn: Any = torch.backends.mkldnn
    threads, enabled = torch.get_num_threads(), one_dnn.enabled
    torch.set_num_threads(1)
    one_dnn.enabled = False
    try:
        yield
    finally:
        one_dnn.enabled = enabled
        torch.set_num_threads(threads)
