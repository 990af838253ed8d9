"""Random numbers from named, counter-based streams.

A stream is named by what it is for, not by what ran before it. Resuming needs no generator state, and two
machines draw the same numbers.
"""

import hashlib

import numpy as np


def stream_key(seed: int, use: str, **names: int | str) -> int:
    """Return the 128-bit key of a stream; every name counts, their order does not."""
    text = "|".join([f"seed={seed}", f"use={use}", *(f"{key}={names[key]}" for key in sorted(names))])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def stream(seed: int, use: str, **names: int | str) -> np.random.Generator:
    """Return the random stream of a use.

    Args:
        seed: Seed of the run.
        use: What the numbers are for, such as ``segments``.
        **names: What else tells this stream from others: fold, epoch, step, an id.

    Examples:
        >>> a = stream(0, "segments", fold=1, epoch=2).random()
        >>> b = stream(0, "segments", epoch=2, fold=1).random()
        >>> a == b
        True
    """
    return np.random.Generator(np.random.Philox(key=stream_key(seed, use, **names)))


def torch_seed(seed: int, use: str, **names: int | str) -> int:
    """Return the 63-bit seed of a use, for libraries that take one number."""
    return stream_key(seed, use, **names) >> 65
