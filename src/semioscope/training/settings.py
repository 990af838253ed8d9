"""How an aggregator is trained: the section of the configuration, and the optimisers it chooses from."""

from collections.abc import Callable, Iterable

import torch
from pydantic import Field

from semioscope.core.config import Config


class TrainingConfig(Config):
    """How an aggregator is trained. Defaults: GESTURES 2021, section 3.2 and its released code."""

    epochs: int = Field(default=400, ge=1, le=1_000_000)
    """Times that every training example is seen."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Examples per step; the last batch of an epoch may be smaller."""
    learning_rate: float = Field(default=1e-2, gt=0, le=1e3, allow_inf_nan=False)
    """Step size, constant over the epochs."""
    weight_decay: float = Field(default=1e-2, ge=0, le=1e3, allow_inf_nan=False)
    """Pull of the weights towards 0."""
    optimizer: str = "adamw"
    """adamw, adam or sgd."""
    loss: str = "weighted_nll"
    """weighted_nll, or, for two classes, weighted_mse or bce."""
    class_weights: str = "first_over_class"
    """first_over_class (as GESTURES), inverse_frequency or equal."""
    standardize: bool = False
    """Bring every feature to mean 0 and deviation 1 over the training clips. Not in the paper."""
    best_epoch: str = "lowest_loss"
    """Which epoch is kept where there are validation examples: lowest_loss, or best_f1 (macro F1, as Karácsony)."""
    patience: int | None = Field(default=None, ge=1, le=1_000_000)
    """Stop after so many epochs without a better one; null = never. Not in the papers."""


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
