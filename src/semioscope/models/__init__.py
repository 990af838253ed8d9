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

__all__ = [
    "AGGREGATORS",
    "MASK_VALUE",
    "Aggregator",
    "AggregatorConfig",
    "build",
    "check_shape",
    "describe",
    "forget_memory",
    "load",
    "logits_side_by_side",
    "real_steps",
    "relative_cost",
    "restore",
    "save",
]
