"""Settings that a person gave, but that the grid of a study sets: refused, as they would have no effect."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from semioscope.core.errors import ConfigError
from semioscope.recipes import PROTOCOLS, GridConfig, RunConfig, protocol_settings
from semioscope.runs.study_plan import PROTOCOL_SECTIONS

LISTED = {
    "aggregator.name": "aggregators",
    "segments.num_segments": "num_segments",
    "segments.gamma": "gammas",
    "backbone.name": "backbones",
}
"""Which list of the grid stands in place of a setting."""


def check_given(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Refuse settings that a person gave and that every training of the study takes from the grid.

    Settings that merely have a value, of the recipe or of a file, are not looked at; nor is one that says what the
    grid says.

    Args:
        config: Settings of the study, with what was given.
        given: Values by dotted key, as ``recipes.given_settings`` returns them.

    Raises:
        ConfigError: Naming the setting, what overrides it, and the key of the grid to give instead.
    """
    for key, name in LISTED.items():
        listed = getattr(config.grid, name)
        if key in given and listed and any(value != given[key] for value in listed):
            msg = (
                f"In this study {key} is set by grid.{name} = {_shown(listed)}, so it cannot be given by itself, got "
                f"{_text(given[key])}. Set grid.{name}=[{_text(given[key])}] instead (--set)."
            )
            raise ConfigError(msg)
    if config.examples.level == "clip" and (unused := [key for key in given if key.startswith("segments.")]):
        msg = (
            f"Where every clip is an example nothing is cut into segments, so {unused[0]} has no effect, got "
            f"{_text(given[unused[0]])}. Leave it out."
        )
        raise ConfigError(msg)
    for key, value in given.items():
        owners = {
            name: there
            for name in config.grid.protocols
            for own, there in _set_by(config, name)
            if own == key
        }
        if any(there != value for there in owners.values()):
            told = " and ".join(f"{_text(there)} by {name}" for name, there in owners.items())
            msg = (
                f"In this study {key} is set by the protocols of grid.protocols ({told}), so it cannot be given by "
                f"itself, got {_text(value)}. {_remedy(config, key, value)}"
            )
            raise ConfigError(msg)


def check_protocol(protocol: str | None, given: Mapping[str, Any]) -> None:
    """Refuse a protocol beside a list of others.

    Args:
        protocol: The one that was given apart from the settings; None: none was.
        given: Values by dotted key.

    Raises:
        ConfigError: If ``grid.protocols`` was given too and says something else.
    """
    listed = given.get("grid.protocols")
    if protocol is not None and listed is not None and listed != [protocol]:
        msg = (
            f"The protocols of a study must be given once, got --protocol {protocol} and grid.protocols="
            f"{_shown(listed) if isinstance(listed, list) else listed}. Leave one of them out."
        )
        raise ConfigError(msg)


def _set_by(config: RunConfig, protocol: str) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a protocol that hold inside a study; nothing for one that does not exist."""
    settings = protocol_settings(config.recipe, protocol) if protocol in PROTOCOLS else {}
    for section in PROTOCOL_SECTIONS:
        for key, value in settings.get(section, {}).items():
            yield f"{section}.{key}", value


def _remedy(config: RunConfig, key: str, value: Any) -> str:
    fitting = [
        name
        for name in PROTOCOLS
        if all(there == value for own, there in _set_by(config, name) if own == key)
    ]
    own = f"grid.protocols={_shown(GridConfig().protocols)} for folds and selection of your own (--set)"
    if not fitting:
        return f"No protocol has that: set {own}."
    choice = " or ".join(f"grid.protocols=[{name}]" for name in fitting)
    return f"Set {choice} instead, or {own}."


def _shown(values: Any) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, float) and math.isinf(value):
        return ".inf"
    return f"{value:g}" if isinstance(value, float) else str(value)
