"""Aggregators as files: safetensors with one metadata key of canonical JSON; equal models, equal bytes."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from pydantic import ValidationError

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import canonical_json, write_bytes
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.models.aggregator import Aggregator, AggregatorConfig
from semioscope.models.build import restore

METADATA_KEY = "semioscope"


def save(
    path: Path, model: Aggregator, config: AggregatorConfig, *, facts: dict[str, Any] | None = None
) -> None:
    """Write an aggregator in one step.

    Args:
        path: The ``.safetensors`` file to write.
        model: The aggregator.
        config: What it was built from.
        facts: Plain data to keep beside it, such as the fold and the epoch.

    Raises:
        StoreError: If the file cannot be written.
    """
    about = {
        "schema_version": SCHEMA_VERSION,
        "aggregator": config.model_dump(mode="json"),
        "num_features": model.num_features,
        "num_classes": model.num_classes,
        "facts": facts or {},
    }
    write_bytes(path, safetensors.numpy.save(model.state(), metadata={METADATA_KEY: canonical_json(about)}))


def load(path: Path) -> Aggregator:
    """Read an aggregator, ready to predict.

    Raises:
        StoreError: If the file is absent, damaged, of a newer version, or not an aggregator.
    """
    about = describe(path)
    try:
        return restore(
            AggregatorConfig.model_validate(about["aggregator"]),
            num_features=about["num_features"],
            num_classes=about["num_classes"],
            state=safetensors.numpy.load_file(path),
        )
    except (ConfigError, ValidationError, KeyError, TypeError) as err:
        msg = f"{path} must hold an aggregator of this version of the program: {err} Train it again."
        raise StoreError(msg) from err


def describe(path: Path) -> dict[str, Any]:
    """Return what is written beside the weights: the configuration, the sizes, and ``facts``.

    Raises:
        StoreError: If the file is absent, damaged, of a newer version, or not an aggregator.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as stream:
            metadata = stream.metadata() or {}
        about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    except FileNotFoundError as err:
        msg = f"{path} does not exist. Give the file of an aggregator, or train one."
        raise StoreError(msg) from err
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as err:
        msg = f"{path} must be an aggregator written by this program: {err!r}. Copy or train it again."
        raise StoreError(msg) from err
    if about.get("schema_version", 0) > SCHEMA_VERSION:
        msg = (
            f"{path} has format version {about['schema_version']}, but this program reads versions up to "
            f"{SCHEMA_VERSION}. Update semioscope."
        )
        raise StoreError(msg)
    return about
