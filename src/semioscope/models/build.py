"""The choice of aggregators, made from a configuration and a seed."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import torch_seed
from semioscope.models.aggregator import Aggregator, AggregatorConfig
from semioscope.models.i3d_head import I3dHeadAggregator
from semioscope.models.lstm_fc import LstmFcAggregator
from semioscope.models.pooling import FcAggregator, MeanAggregator
from semioscope.models.recurrent import BlstmAggregator, LstmAggregator
from semioscope.models.seeded_layers import SeededLayer
from semioscope.models.transformer_aggregator import TransformerAggregator

Builder = Callable[[AggregatorConfig, int, int], Aggregator]

AGGREGATORS: dict[str, Builder] = {
    "fc": lambda config, features, classes: FcAggregator(num_features=features, num_classes=classes),
    "mean": lambda config, features, classes: MeanAggregator(num_features=features, num_classes=classes),
    "lstm": lambda config, features, classes: LstmAggregator(
        num_features=features, num_classes=classes, hidden_size=config.hidden_size
    ),
    "blstm": lambda config, features, classes: BlstmAggregator(
        num_features=features, num_classes=classes, hidden_size=config.hidden_size
    ),
    "lstm_fc": lambda config, features, classes: LstmFcAggregator(
        num_features=features,
        num_classes=classes,
        lstm_sizes=config.lstm_sizes,
        fc_sizes=config.fc_sizes,
        dropout=config.dropout,
        recurrent_dropout=config.recurrent_dropout,
        l2=config.l2,
    ),
    "i3d_head": lambda config, features, classes: I3dHeadAggregator(
        num_features=features, num_classes=classes, dropout=config.dropout
    ),
    "transformer": lambda config, features, classes: TransformerAggregator(
        num_features=features,
        num_classes=classes,
        transformer=config.transformer,
        dropout=config.dropout,
        frozen=config.frozen,
    ),
}


def build(config: AggregatorConfig, *, num_features: int, num_classes: int, seed: int) -> Aggregator:
    """Make an aggregator with seeded random weights; equal arguments, equal bits.

    No global random state is read or changed. Weights and biases of a layer are even between -k and k with
    k = 1/sqrt(inputs) for fully-connected and 1/sqrt(hidden units) for recurrent layers, as PyTorch does; a
    :class:`SeededLayer` says itself what is in it. Until :meth:`Aggregator.set_step_generator` is called, dropout
    draws from a stream of the same seed.

    A checkpoint of a pre-training is not read here: ``training`` puts it in.

    Args:
        config: Which aggregator, and how large.
        num_features: Size of a feature vector, at least 1.
        num_classes: At least 2.
        seed: Seed of the weights.

    Raises:
        ConfigError: If the name is unknown or a size is not possible.
    """
    model = _empty(config, num_features, num_classes)
    generator = torch.Generator().manual_seed(torch_seed(seed, "aggregator"))
    model.set_step_generator(torch.Generator().manual_seed(torch_seed(seed, "dropout")))
    _initialise(model, generator)
    return model


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Fill a module and then those inside it, in their order; a seeded layer fills what is inside it itself."""
    if isinstance(module, SeededLayer):
        module.initialise(generator)
        return
    width = _fan(module)
    if width is not None:
        with torch.no_grad():
            for parameter in module.parameters(recurse=False):
                parameter.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width), generator=generator)
    for child in module.children():
        _initialise(child, generator)


def restore(
    config: AggregatorConfig, *, num_features: int, num_classes: int, state: Mapping[str, np.ndarray]
) -> Aggregator:
    """Make an aggregator with the weights of an earlier one, ready to predict.

    Args:
        config: Which aggregator, and how large.
        num_features: Size of a feature vector.
        num_classes: At least 2.
        state: What :meth:`Aggregator.state` gave.

    Raises:
        ConfigError: If the state is of another aggregator.
    """
    model = _empty(config, num_features, num_classes)
    model.load_state(state)
    return model.eval()


def relative_cost(config: AggregatorConfig, *, num_segments: int, num_features: int = 512) -> float:
    """Return about how long a training step takes against others: 1 for its fixed part.

    For estimates of the time left. Measured on two cores with 512 features: a step grows with the segments and
    with the trained numbers that each of them meets.

    Raises:
        ConfigError: If there is no such aggregator.
    """
    return 1 + _without_numbers(config, num_features, 2).products(num_segments) / 100_000


def _empty(config: AggregatorConfig, num_features: int, num_classes: int) -> Aggregator:
    return _without_numbers(config, num_features, num_classes).to_empty(device="cpu")


def _without_numbers(config: AggregatorConfig, num_features: int, num_classes: int) -> Aggregator:
    if config.name not in AGGREGATORS:
        raise ConfigError(unknown_name("aggregator", config.name, AGGREGATORS))
    if num_features < 1 or num_classes < 2:
        msg = (
            f"An aggregator needs at least 1 feature and 2 classes, got {num_features} and {num_classes}. "
            "Check the backbone and the task."
        )
        raise ConfigError(msg)
    with torch.device("meta"):  # so that making the layers draws no numbers
        return AGGREGATORS[config.name](config, num_features, num_classes)


def _fan(module: nn.Module) -> int | None:
    if isinstance(module, nn.Linear):
        return module.in_features
    if isinstance(module, nn.LSTM):
        return module.hidden_size
    if any(True for _ in module.parameters(recurse=False)):
        msg = f"No initialisation is defined for {type(module).__name__}."
        raise AssertionError(msg)
    return None
