"""Recipes and protocols by name."""

from collections.abc import Callable, Mapping
from typing import Any

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.recipes.config import RunConfig
from semioscope.recipes.edit import updated
from semioscope.recipes.gestures import gestures_2021, gestures_2021_figure2, gestures_2021_table1

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "gestures-2021": gestures_2021,
    "gestures-2021-table1": gestures_2021_table1,
    "gestures-2021-figure2": gestures_2021_figure2,
}

PROTOCOLS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    # Folds by patient; the epoch is chosen inside the training patients; the test fold is touched once.
    "patient": {
        "folds": {"rule": "patient"},
        "selection": {"on": "inner"},
    },
    # As published: folds by seizure, the best epoch of the fold that is reported, every start frame.
    "paper": {
        "folds": {"rule": "seizure"},
        "selection": {"on": "test"},
        "clips": {"stride": 1},
    },
    # As the code published with GESTURES deals its folds; a short segment is an error there.
    "released": {
        "folds": {"rule": "released"},
        "selection": {"on": "test"},
        "clips": {"stride": 1},
        "segments": {"short": "error"},
    },
}


def make_config(recipe: str, *, protocol: str = "patient") -> RunConfig:
    """Return the configuration of a recipe under a protocol.

    Raises:
        ConfigError: If one of the names is unknown; the message holds the nearest ones.
    """
    if recipe not in RECIPES:
        raise ConfigError(unknown_name("recipe", recipe, RECIPES))
    if protocol not in PROTOCOLS:
        raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
    return updated(RECIPES[recipe](), {"protocol": protocol, **PROTOCOLS[protocol]})


def followed_protocol(config: RunConfig) -> str:
    """Return how folds and selection of a run are called: as its protocol, as long as they are the protocol's.

    Examples:
        >>> config = make_config("gestures-2021")
        >>> followed_protocol(config)
        'patient'
        >>> followed_protocol(updated(config, {"selection": {"on": "test"}}))
        'own settings (from patient)'
    """
    wanted = PROTOCOLS.get(config.protocol, {})
    followed = all(
        getattr(getattr(config, section), key) == value
        for section in ("folds", "selection")
        for key, value in wanted.get(section, {}).items()
    )
    return config.protocol if wanted and followed else f"own settings (from {config.protocol})"
