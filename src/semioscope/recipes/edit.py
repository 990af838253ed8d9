"""Reading, writing and changing a run's configuration; a misspelt key is an error with the nearest valid one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, nearest_names
from semioscope.core.wording import counted
from semioscope.recipes.config import RunConfig

Whole = TypeVar("Whole", bound=Config)
"""The configuration of one kind of run, with all its sections."""


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are truth values; on, off, yes and no are words, as in YAML 1.2."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def updated(config: Whole, changes: Mapping[str, Any]) -> Whole:
    """Return the configuration with some nested values changed, checked anew.

    Args:
        config: The configuration to begin from.
        changes: Nested plain values by key, such as ``{"folds": {"rule": "patient"}}``.

    Raises:
        ConfigError: If a key is unknown or a value not valid.
    """
    kind = type(config)
    _refuse_unknown_keys(changes, kind, "", kind)
    return _checked(_merged(_plain(config), changes), kind)


def apply_overrides(config: Whole, overrides: Sequence[str]) -> Whole:
    """Return the configuration with ``key=value`` overrides applied, in their order, and checked after the last.

    Values are YAML: ``segments.gamma=.inf``, ``backbone.name=motion``, ``baselines=[majority, duration]``.

    Raises:
        ConfigError: If an override has no ``=``, its key does not exist or its value is not valid; the message names
            all that are not.
    """
    kind, content = type(config), _plain(config)
    for override in overrides:
        changes = _nested(override)
        _refuse_unknown_keys(changes, kind, "", kind)
        content = _merged(content, changes)
    return _checked(content, kind)


def given_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the value of every setting that ``key=value`` overrides give, by dotted key; the last one wins.

    Raises:
        ConfigError: If an override has no ``=`` or its value is not YAML.

    Examples:
        >>> given_settings(["segments={num_segments: 8}", "backbone.name=motion"])
        {'segments.num_segments': 8, 'backbone.name': 'motion'}
    """
    return {key: value for override in overrides for key, value in _flat(_nested(override), "")}


def _flat(nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _nested(override: str) -> dict[str, Any]:
    """Return a ``key=value`` override as nested plain values."""
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        msg = f"--set needs key=value, got {override!r}. Write for example --set training.epochs=100."
        raise ConfigError(msg)
    try:
        nested: Any = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as err:
        msg = f"--set {key}: the value must be YAML, got {text!r}. Put text with special signs in quotes."
        raise ConfigError(msg) from err
    for part in reversed(key.strip().split(".")):
        nested = {part: nested}
    found: dict[str, Any] = nested
    return found


def dump_config(config: Config, *, command: str = "run") -> str:
    """Return the configuration as YAML, every setting in the order of the sections.

    Args:
        config: The configuration.
        command: What runs it, for the first line.
    """
    text: str = yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True, width=100)
    return f"# Run again with: semioscope {command} THIS_FILE --cohort DIR --out RUN\n{text}"


def read_config(path: Path) -> RunConfig:
    """Read the configuration of a run that ``dump_config`` or a person wrote.

    Raises:
        ConfigError: As :func:`read_settings`.
    """
    return read_settings(path, RunConfig)


def read_settings(path: Path, kind: type[Whole]) -> Whole:
    """Read a configuration of any kind that ``dump_config`` or a person wrote.

    Args:
        path: The file.
        kind: Which kind, such as ``RunConfig``.

    Raises:
        ConfigError: If the file is absent, not YAML, or holds an unknown key or a bad value.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as err:
        msg = f"{path} does not exist. Give a recipe's name or the config.yaml of a run."
        raise ConfigError(msg) from err
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        msg = f"{path} must be a YAML file that can be read: {err}"
        raise ConfigError(msg) from err
    if not isinstance(content, dict):
        msg = f"{path} must hold the settings of a run as key: value lines, got {type(content).__name__}."
        raise ConfigError(msg)
    _refuse_unknown_keys(content, kind, "", kind)
    return _checked(content, kind)


def _plain(config: Config) -> dict[str, Any]:
    plain = config.model_dump(mode="python")
    made: dict[str, Any] = _without_tuples(plain)
    return made


def _without_tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_tuples(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_tuples(item) for item in value]
    return value


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        nested = isinstance(value, Mapping) and key != "classes" and not _is_whole_task(key, value)
        result[key] = _merged(old, value) if nested and isinstance(old, dict) else value
    return result


def _is_whole_task(key: str, value: Mapping[str, Any]) -> bool:
    return key == "task" and {"name", "column", "classes"} <= set(value)


def _refuse_unknown_keys(
    content: Mapping[str, Any], section: type[BaseModel], prefix: str, kind: type[BaseModel]
) -> None:
    for key, value in content.items():
        if key not in section.model_fields:
            raise ConfigError(_unknown_key(f"{prefix}{key}", section, prefix, kind))
        inner = _section_of(section.model_fields[key].annotation)
        if inner is not None and isinstance(value, Mapping):
            _refuse_unknown_keys(value, inner, f"{prefix}{key}.", kind)


def _unknown_key(key: str, section: type[BaseModel], prefix: str, kind: type[BaseModel]) -> str:
    everywhere = all_keys(kind)
    last = key.rsplit(".", 1)[-1]
    near = [f"{prefix}{name}" for name in nearest_names(last, section.model_fields)]
    near += [name for name in everywhere if name.rsplit(".", 1)[-1] == last]
    near += nearest_names(key, everywhere, most=2)
    hint = f" Did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    where = f"section {prefix.rstrip('.')}" if prefix else "the top level"
    return f"Unknown setting {key!r}.{hint} Keys of {where}: {', '.join(section.model_fields)}."


def all_keys(section: type[BaseModel], prefix: str = "") -> list[str]:
    """Return every key of a configuration, dotted, in order."""
    keys: list[str] = []
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        keys += all_keys(inner, f"{prefix}{name}.") if inner is not None else [f"{prefix}{name}"]
    return keys


def _section_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


_MUST = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 18 digits",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes if YAML reads something else",
    "tuple_type": "must be a list such as [majority, duration]",
    "list_type": "must be a list such as [a, b]",
    "dict_type": "must be key: value lines",
    "model_type": "must be a section of key: value lines",
    "missing": "must be there",
}


_LIMITS = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
}


_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def _problem(kind: str, key: str, message: str, given: object, context: Mapping[str, Any]) -> str:
    """Return what must hold and what came, in the words of the other messages."""
    if kind == "value_error" and isinstance(given, (Mapping, BaseModel)):
        # settings of a section that do not go together: the message tells those that matter
        return f"{key}: {message.removeprefix('Value error, ').rstrip('.')}"
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    for theirs, ours in _LIMITS.items():
        plain = plain.replace(theirs, ours)
    if kind in _LENGTHS:
        limit, words = _LENGTHS[kind]
        plain = f"must have {words} {counted(context[limit], 'entry', 'entries')}"
    return f"{key} {_MUST.get(kind, plain)}, got {given!r}"


def _checked(content: Mapping[str, Any], kind: type[Whole]) -> Whole:
    try:
        return kind.model_validate(content)
    except ValidationError as err:
        lines = [
            _problem(
                found["type"],
                ".".join(str(part) for part in found["loc"]),
                found["msg"],
                found.get("input"),
                found.get("ctx", {}),
            )
            for found in err.errors()
        ]
        raise ConfigError("Not a valid setting: " + "; ".join(lines) + ".") from err
