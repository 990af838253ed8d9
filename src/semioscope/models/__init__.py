"""Aggregators: small trained networks from a sequence of features to one class."""

from semioscope.models.aggregator import Aggregator, AggregatorConfig, check_shape
from semioscope.models.build import AGGREGATORS, build, restore
from semioscope.models.files import describe, load, save

__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "AggregatorConfig",
    "build",
    "check_shape",
    "describe",
    "load",
    "restore",
    "save",
]
