"""Where the settings of a random search are drawn from; a trial is a function of its number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import stream


@runtime_checkable
class Distribution(Protocol):
    """Where the value of a setting comes from."""

    def draw(self, rng: np.random.Generator) -> Any:
        """Return a plain value."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Numbers of [low, high), each equally likely; with ``log`` their logarithms are."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number."""
        if self.log:
            return math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """Whole numbers from ``low`` to ``high``, both included, each equally likely; ``count`` makes a list of them."""

    low: int
    high: int
    count: int | None = None

    def draw(self, rng: np.random.Generator) -> int | list[int]:
        """Return a number, or a list of numbers that do not depend on each other."""
        drawn: int | list[int] = rng.integers(self.low, self.high, size=self.count, endpoint=True).tolist()
        return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some values, each equally likely."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """Return a value."""
        return self.values[int(rng.integers(len(self.values)))]


SearchSpace: TypeAlias = Mapping[str, Distribution]
"""Where each setting is drawn from; keys are ``aggregator.NAME`` or ``training.NAME``."""

SEARCH_SPACES: dict[str, SearchSpace] = {
    "lstm_fc": {
        "aggregator.lstm_sizes": WholeNumber(low=32, high=256, count=2),
        "aggregator.fc_sizes": WholeNumber(low=16, high=128, count=2),
        "aggregator.dropout": Uniform(low=0.0, high=0.5),
        "aggregator.recurrent_dropout": Uniform(low=0.0, high=0.5),
        "aggregator.l2": Uniform(low=1e-6, high=1e-2, log=True),
        "training.loss": Choice(values=("weighted_mse", "bce")),
        "training.epochs": WholeNumber(low=50, high=2000),
        "training.batch_size": WholeNumber(low=50, high=2000),
    },
}
"""Spaces by aggregator. Methods: Karácsony 2020, section 3.5.1, and 2022, "Implemented classifier architectures"; as
in the papers, but for ``l2``, whose strength they do not give: its range is ours."""

FOR_TWO_CLASSES: frozenset[str] = frozenset({"training.loss"})
"""Settings that are drawn with two classes only: both losses of the search are for two. With more the papers train
with weighted categorical cross-entropy, and the loss of the run stays."""


class SearchConfig(Config):
    """Whether settings are searched in every fold, among its training patients, before it is trained."""

    num_trials: int = Field(default=0, ge=0, le=100_000)
    """Settings that are drawn and compared in each fold; 0 = no search."""
    space: str = "lstm_fc"
    """Where they are drawn from: an entry of semioscope.training.SEARCH_SPACES, named as its aggregator."""


def space_of(name: str, *, aggregator: str, num_classes: int) -> SearchSpace:
    """Return the settings that are searched.

    Args:
        name: A key of ``SEARCH_SPACES``.
        aggregator: What is trained.
        num_classes: With more than two, settings ``FOR_TWO_CLASSES`` are left out; a setting has a random stream of
            its own, so the others are drawn as with two.

    Raises:
        ConfigError: If there is no such space, or it is that of another aggregator.
    """
    if name not in SEARCH_SPACES:
        raise ConfigError(unknown_name("value of search.space", name, SEARCH_SPACES))
    if name != aggregator:
        msg = (
            f"A search space must be that of the aggregator, got search.space {name} and aggregator.name "
            f"{aggregator}. Use --set aggregator.name={name}, or --set search.num_trials=0 for no search."
        )
        raise ConfigError(msg)
    space = SEARCH_SPACES[name]
    return {key: drawn for key, drawn in space.items() if num_classes == 2 or key not in FOR_TWO_CLASSES}


def trial(number: int, space: SearchSpace, seed: int) -> dict[str, dict[str, Any]]:
    """Return the settings of a trial, nested: ``{"aggregator": {...}, "training": {...}}``.

    Each setting has a random stream of its own, so one more of them changes no other.

    Args:
        number: Which trial, from 0.
        space: Where each setting is drawn from.
        seed: Seed of the search.

    Raises:
        ConfigError: If a key of the space is neither ``aggregator.NAME`` nor ``training.NAME``.
    """
    settings: dict[str, dict[str, Any]] = {"aggregator": {}, "training": {}}
    for key, distribution in space.items():
        section, _, name = key.partition(".")
        if section not in settings or not name:
            msg = f"A search space may hold aggregator.NAME and training.NAME, got {key!r}. Correct the key."
            raise ConfigError(msg)
        settings[section][name] = distribution.draw(stream(seed, "search", trial=number, setting=key))
    return settings
