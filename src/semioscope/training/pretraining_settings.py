"""How the Transformer is pre-trained: the section of the configuration, and how the step size goes."""

import math
from typing import Literal

import torch
from pydantic import Field

from semioscope.core.config import Config

PRECISIONS: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""In which type the layers compute; weights, moments and the loss are always float32."""


class PretrainingConfig(Config):
    """How the Transformer is pre-trained. Defaults: Hou 2022, section 4, "Training details"."""

    epochs: int = Field(default=60, ge=1, le=100_000)
    """Times that every excerpt is seen. As in the paper."""
    batch_size: int = Field(default=16, ge=1, le=100_000)
    """Excerpts per step, over all processes together. Not published; the paper had 48 processes."""
    learning_rate: float = Field(default=0.01, gt=0, le=10, allow_inf_nan=False)
    """Step size at its highest; it falls linearly to 0. As in the paper."""
    weight_decay: float = Field(default=1e-4, ge=0, le=10, allow_inf_nan=False)
    """Pull of all weights towards 0 (AdamW). As in the paper."""
    warmup_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps in which the step size rises linearly. The paper tells of none."""
    max_gradient_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Longer gradients are shortened to this length; null = never. The paper tells of none. The loss is a sum over
    half a million numbers, so a length of 1 shortens every one, and only directions count."""
    precision: str = "float32"
    """float32, or bfloat16: faster where the machine has it, and less exact."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    """Where it is trained: auto is a graphics card that can be used, or else the CPU. Card and CPU draw other
    dropout, so results differ between them."""


PRETRAININGS: dict[str, PretrainingConfig] = {
    "full": PretrainingConfig(),
    "small": PretrainingConfig(learning_rate=1e-3, warmup_share=0.1, max_gradient_norm=1.0),
}
"""The paper's settings, and those for the small Transformer of ``models.TRANSFORMER_SIZES``."""


def learning_rate_share(step: int, *, num_steps: int, warmup_share: float) -> float:
    """Return the share of the highest step size that a step has, in (0, 1].

    It rises linearly over the first ``warmup_share`` of the steps, then falls linearly; it would be 0 one step after
    the last.

    Args:
        step: From 0.
        num_steps: Steps of the whole training.
        warmup_share: In [0, 1).
    """
    num_warmup = math.floor(warmup_share * num_steps)
    if step < num_warmup:
        return (step + 1) / num_warmup
    return (num_steps - step) / (num_steps - num_warmup)
