"""Aggregators: small trained networks from a sequence of features to one class."""

from semioscope.models.aggregator import Aggregator, AggregatorConfig, check_shape
from semioscope.models.build import AGGREGATORS, build, relative_cost, restore
from semioscope.models.files import describe, load, save

__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "AggregatorConfig",
    "build",
    "check_shape",
    "describe",
    "load",
    "relative_cost",
    "restore",
    "save",
]
