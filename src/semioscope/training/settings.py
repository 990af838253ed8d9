"""How an aggregator is trained: the section of the configuration, and what it chooses from."""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.networks import find_accelerator


class TrainingConfig(Config):
    """How an aggregator is trained. Defaults: GESTURES 2021, section 3.2 and its released code."""

    epochs: int = Field(default=400, ge=1, le=1_000_000)
    """Times that every training example is seen."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Examples per step, or excerpts where these are seen; the last batch of an epoch may be smaller."""
    learning_rate: float = Field(default=1e-2, gt=0, le=1e3, allow_inf_nan=False)
    """Step size, at its highest."""
    schedule: str = "constant"
    """How the step size goes: constant, or linear (falls to 0 over all steps, as Hou)."""
    weight_decay: float = Field(default=1e-2, ge=0, le=1e3, allow_inf_nan=False)
    """Pull of the weights towards 0."""
    optimizer: str = "adamw"
    """adamw, adam or sgd."""
    loss: str = "weighted_nll"
    """weighted_nll, or, for two classes, weighted_mse or bce."""
    class_weights: str = "first_over_class"
    """first_over_class (as GESTURES), inverse_frequency, inverse_count (as Hou) or equal."""
    standardize: bool = False
    """Bring every feature to mean 0 and deviation 1 over the training clips. Not in the paper."""
    best_epoch: str = "lowest_loss"
    """Which epoch is kept where there are validation examples: lowest_loss, or best_f1 (macro F1, as Karácsony)."""
    patience: int | None = Field(default=None, ge=1, le=1_000_000)
    """Stop after so many epochs without a better one; null = never. Not in the papers."""
    precision: str = "float32"
    """float32, or bfloat16: faster where the machine has it, and less exact."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    """Where it is trained: auto is a graphics card that can be used, or else the CPU. Card and CPU draw other
    dropout, so results differ between them."""


def training_device(name: str) -> torch.device:
    """Return where a setting of ``training.device`` computes on this machine.

    Raises:
        ConfigError: If it is ``cuda`` and there is no card that can be used.
    """
    if name == "cpu":
        return torch.device("cpu")
    found = find_accelerator()
    if name == "cuda" and not found.usable:
        msg = (
            f"training.device is cuda, but no graphics card can be used. {found.sentence} "
            "Use --set training.device=cpu."
        )
        raise ConfigError(msg)
    return torch.device("cuda" if found.usable else "cpu")


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
}
"""The share of the highest step size, by the share of all steps that is done before a step, in [0, 1)."""


Parameters = Iterable[torch.nn.Parameter]

OPTIMIZERS: dict[str, Callable[[Parameters, TrainingConfig], torch.optim.Optimizer]] = {
    # fused: a third of the time of a step, and the same on every run
    "adamw": lambda parameters, config: torch.optim.AdamW(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    ),
    "adam": lambda parameters, config: torch.optim.Adam(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay
    ),
    "sgd": lambda parameters, config: torch.optim.SGD(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, momentum=0.9
    ),
}
