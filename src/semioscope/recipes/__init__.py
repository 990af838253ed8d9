"""Named functions that return a full configuration: data, no logic."""

from semioscope.recipes.config import (
    BackboneConfig,
    ClipsConfig,
    CropsConfig,
    EventsConfig,
    ExamplesConfig,
    GridConfig,
    ReportConfig,
    RunConfig,
)
from semioscope.recipes.edit import apply_overrides, dump_config, given_settings, read_config, updated
from semioscope.recipes.gestures import gestures_2021, gestures_2021_figure2, gestures_2021_table1
from semioscope.recipes.karacsony import (
    CLASSIFIERS,
    is_extended,
    karacsony_2020,
    karacsony_2022_a,
    karacsony_2022_b,
    karacsony_2022_b05,
)
from semioscope.recipes.pretraining import PRETRAIN_RECIPES, PretrainingRunConfig, make_pretraining_config
from semioscope.recipes.published import PUBLISHED, published_values
from semioscope.recipes.registry import (
    OWN_PROTOCOLS,
    PROTOCOLS,
    RECIPES,
    SERIES,
    SeriesRow,
    followed_protocol,
    make_config,
    protocol_settings,
    series_config,
)

__all__ = [
    "CLASSIFIERS",
    "OWN_PROTOCOLS",
    "PRETRAIN_RECIPES",
    "PROTOCOLS",
    "PUBLISHED",
    "RECIPES",
    "SERIES",
    "BackboneConfig",
    "ClipsConfig",
    "CropsConfig",
    "EventsConfig",
    "ExamplesConfig",
    "GridConfig",
    "PretrainingRunConfig",
    "ReportConfig",
    "RunConfig",
    "SeriesRow",
    "apply_overrides",
    "dump_config",
    "followed_protocol",
    "gestures_2021",
    "gestures_2021_figure2",
    "gestures_2021_table1",
    "given_settings",
    "is_extended",
    "karacsony_2020",
    "karacsony_2022_a",
    "karacsony_2022_b",
    "karacsony_2022_b05",
    "make_config",
    "make_pretraining_config",
    "protocol_settings",
    "published_values",
    "read_config",
    "series_config",
    "updated",
]
