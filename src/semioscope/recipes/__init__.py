"""Named functions that return a full configuration: data, no logic."""

from semioscope.recipes.config import (
    BackboneConfig,
    ClipsConfig,
    EventsConfig,
    ReportConfig,
    RunConfig,
)
from semioscope.recipes.edit import apply_overrides, dump_config, read_config
from semioscope.recipes.gestures import gestures_2021
from semioscope.recipes.registry import PROTOCOLS, RECIPES, make_config

__all__ = [
    "PROTOCOLS",
    "RECIPES",
    "BackboneConfig",
    "ClipsConfig",
    "EventsConfig",
    "ReportConfig",
    "RunConfig",
    "apply_overrides",
    "dump_config",
    "gestures_2021",
    "make_config",
    "read_config",
]
