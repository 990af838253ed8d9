"""Where pre-training stands, as one file: safetensors with one metadata key of canonical JSON.

It holds the network, both moments of AdamW, the loss of every step, and what all of it depends on. Random numbers
need no state: they are named by seed, epoch and excerpt.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from jaxtyping import Float64
from pydantic import ValidationError

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import atomic_path, canonical_json, digest
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.models import TransformerConfig, TransformerEncoder

METADATA_KEY = "semioscope"
_KIND = "pretraining"
_LOSS = "loss"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainingCheckpoint:
    """Where pre-training stands.

    Args:
        settings: What the numbers depend on: ``transformer``, ``training``, ``corruption``, ``seed``, ``excerpts``,
            and ``patients``, see ``patients_digest``.
        loss: Loss of every step that was taken; their number is that of the steps.
        tensors: ``network.NAME``, ``mean.NAME`` and ``square.NAME`` of every weight.
    """

    settings: Mapping[str, Any]
    loss: Float64[np.ndarray, " num_steps"]
    tensors: Mapping[str, torch.Tensor]


def write_checkpoint(path: Path, checkpoint: PretrainingCheckpoint) -> None:
    """Write a checkpoint in one step; the one before stays until then.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    about = {
        "schema_version": SCHEMA_VERSION,
        "kind": _KIND,
        "step": len(checkpoint.loss),
        "settings": checkpoint.settings,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(
            tensors | {_LOSS: torch.from_numpy(checkpoint.loss)},
            temporary,
            metadata={METADATA_KEY: canonical_json(about)},
        )


def read_checkpoint(path: Path, *, prefix: str = "") -> PretrainingCheckpoint:
    """Read a checkpoint.

    Args:
        path: The file.
        prefix: Only tensors whose names begin so are read; others take time and memory.

    Raises:
        StoreError: If it is absent, damaged, of a newer version, or no checkpoint of pre-training.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            about: dict[str, Any] = json.loads((stream.metadata() or {})[METADATA_KEY])
            _check_kind(path, about)
            names = list(stream.keys())
            tensors = {
                name: stream.get_tensor(name) for name in names if name != _LOSS and name.startswith(prefix)
            }
            loss = stream.get_tensor(_LOSS).numpy()
        if len(loss) != about["step"]:
            msg = f"{len(loss)} losses of {about['step']} steps"
            raise ValueError(msg)
        return PretrainingCheckpoint(settings=about["settings"], loss=loss, tensors=tensors)
    except FileNotFoundError as err:
        msg = f"{path} does not exist. Give the checkpoint of a pre-training, or pre-train first."
        raise StoreError(msg) from err
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as err:
        msg = (
            f"{path} must be a checkpoint of pre-training written by this program: {err!r}. Copy it again, or delete "
            "it to begin anew."
        )
        raise StoreError(msg) from err


def patients_digest(patients: Iterable[str]) -> str:
    """Return what a checkpoint keeps of its patients: no names, but enough to tell whether a list names them all."""
    return digest(sorted(patients))


def steps_taken(path: Path) -> int:
    """Return how many steps are behind a checkpoint; 0 if there is none.

    Raises:
        StoreError: If the file is damaged or no checkpoint of pre-training.
    """
    return len(read_facts(path).loss) if path.exists() else 0


def read_facts(path: Path) -> PretrainingCheckpoint:
    """Read a checkpoint without its tensors; errors as those of ``read_checkpoint``."""
    return read_checkpoint(path, prefix=_LOSS)


def check_settings(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that was made with other settings: going on from it would be neither the one nor the other.

    Raises:
        ConfigError: If any differs.
    """
    if _plain(found.get("transformer")) != _plain(wanted["transformer"]):
        msg = (
            f"{path} holds a Transformer of another architecture: "
            f"{_differences(found.get('transformer'), wanted['transformer'])}. Use the size that it was trained "
            "with, or another folder to train this one."
        )
        raise ConfigError(msg)
    for part in wanted:
        if _plain(found.get(part)) != _plain(wanted[part]):
            msg = (
                f"{path} was made with another {part}: {_differences(found.get(part), wanted[part])}. Going on needs "
                "the same settings and excerpts; use another folder to begin anew."
            )
            raise ConfigError(msg)


def load_encoder(path: Path, *, config: TransformerConfig | None = None) -> TransformerEncoder:
    """Read a pre-trained encoder, in evaluation mode.

    Args:
        path: A checkpoint of pre-training.
        config: The size that it must have; None takes any.

    Raises:
        StoreError: If the file is absent, damaged or no checkpoint of pre-training.
        ConfigError: If it is of another architecture.
    """
    prefix = "network.encoder."
    checkpoint = read_checkpoint(path, prefix=prefix)
    settings = checkpoint.settings
    if config is not None:
        check_settings(path, settings, {"transformer": config.model_dump(mode="json")})
    state = {name.removeprefix(prefix): tensor for name, tensor in checkpoint.tensors.items()}
    try:
        with torch.device("meta"):
            encoder = TransformerEncoder(TransformerConfig.model_validate(settings["transformer"]))
        encoder.load_state_dict(state, assign=True)
    except (KeyError, ValidationError, RuntimeError) as err:
        msg = f"{path} must hold a whole encoder of this version of the program: {err}. Pre-train again."
        raise StoreError(msg) from err
    return encoder.requires_grad_(True).eval()


def _check_kind(path: Path, about: Mapping[str, Any]) -> None:
    if about.get("schema_version", 0) > SCHEMA_VERSION:
        msg = (
            f"{path} has format version {about['schema_version']}, but this program reads versions up to "
            f"{SCHEMA_VERSION}. Update semioscope."
        )
        raise StoreError(msg)
    if about.get("kind") != _KIND:
        msg = f"{path} holds another kind of model. Give the checkpoint of a pre-training."
        raise StoreError(msg)


def _plain(content: Any) -> Any:
    return json.loads(canonical_json(content))


def _differences(found: Any, wanted: Any) -> str:
    """Return what differs, key by key where both have keys."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
        return ", ".join(f"{key} is {found.get(key)}, not {wanted.get(key)}" for key in keys)
    return f"{found}, not {wanted}"
