"""Medians of interleaved runs: what is compared takes turns, so a slow minute of the machine hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved_medians(
    functions: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, float]:
    """Return the median seconds of each function over ``rounds`` turns; ``warm_up`` turns are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + warm_up):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}
