"""What an engine gives: a network that is ready to run."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

PRECISIONS: dict[str, str] = {
    "f32": "single precision",
    "bf16": "half of its bits: faster where the processor has it, and less exact",
}


@runtime_checkable
class Runner(Protocol):
    """A network that is ready to run.

    Attributes:
        engine: Its key in ``ENGINES``.
        precision: What is computed in, which may differ from what was asked for.
        device: Name of the processor.
        on_accelerator: Whether that is a graphics card.
        notes: Sentences about anything that differs from what was asked for.
    """

    engine: str
    precision: str
    device: str
    on_accelerator: bool
    notes: tuple[str, ...]

    def run(
        self, batch: Float32[np.ndarray, "batch channels *rest"]
    ) -> Float32[np.ndarray, "batch *steps num_features"]:
        """Compute one batch; ``steps`` is there where the network gives several feature vectors.

        Other Python threads go on meanwhile; calls from several threads wait in turn.
        """


def supported_precision(asked: str, has_bf16: bool) -> tuple[str, tuple[str, ...]]:
    """Return the precision that will be used, and a note where it is not the one that was asked for."""
    if asked == "bf16" and not has_bf16:
        return "f32", ("Precision bf16 was asked for, but this CPU has no bf16 arithmetic: f32 is used.",)
    return asked, ()
