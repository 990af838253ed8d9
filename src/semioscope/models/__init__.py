"""Aggregators: small trained networks from a sequence of features to one class."""

from semioscope.models.aggregator import (
    Aggregator,
    AggregatorConfig,
    check_shape,
    logits_side_by_side,
)
from semioscope.models.build import AGGREGATORS, build, relative_cost, restore
from semioscope.models.files import describe, load, save
from semioscope.models.last_state import forget_memory
from semioscope.models.steps import MASK_VALUE, real_steps
from semioscope.models.transformer import (
    TRANSFORMER_SIZES,
    TransformerClassifier,
    TransformerConfig,
    TransformerEncoder,
    TransformerRegressor,
    TransformerSize,
    build_transformer,
    dropout_generators,
    transformer_size,
)
from semioscope.models.transformer_aggregator import TransformerAggregator

__all__ = [
    "AGGREGATORS",
    "MASK_VALUE",
    "TRANSFORMER_SIZES",
    "Aggregator",
    "AggregatorConfig",
    "TransformerAggregator",
    "TransformerClassifier",
    "TransformerConfig",
    "TransformerEncoder",
    "TransformerRegressor",
    "TransformerSize",
    "build",
    "build_transformer",
    "check_shape",
    "describe",
    "dropout_generators",
    "forget_memory",
    "load",
    "logits_side_by_side",
    "real_steps",
    "relative_cost",
    "restore",
    "save",
    "transformer_size",
]
