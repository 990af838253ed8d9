"""Named functions that return a full configuration: data, no logic."""

from semioscope.recipes.config import (
    BackboneConfig,
    ClipsConfig,
    EventsConfig,
    ExamplesConfig,
    GridConfig,
    ReportConfig,
    RunConfig,
)
from semioscope.recipes.edit import apply_overrides, dump_config, given_settings, read_config, updated
from semioscope.recipes.gestures import gestures_2021, gestures_2021_figure2, gestures_2021_table1
from semioscope.recipes.published import PUBLISHED, published_values
from semioscope.recipes.registry import PROTOCOLS, RECIPES, followed_protocol, make_config

__all__ = [
    "PROTOCOLS",
    "PUBLISHED",
    "RECIPES",
    "BackboneConfig",
    "ClipsConfig",
    "EventsConfig",
    "ExamplesConfig",
    "GridConfig",
    "ReportConfig",
    "RunConfig",
    "apply_overrides",
    "dump_config",
    "followed_protocol",
    "gestures_2021",
    "gestures_2021_figure2",
    "gestures_2021_table1",
    "given_settings",
    "make_config",
    "published_values",
    "read_config",
    "updated",
]
