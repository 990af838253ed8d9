"""The file of a detector that a user trained: tensors, and beside them a small JSON that says what they are.

``NAME.safetensors`` (or ``.pth`` with plain tensors) and ``NAME.json``:
``{"schema_version": 1, "architecture": "fasterrcnn_mobilenet", "labels": ["bed", "person"], "min_size": 320,
"max_size": 640}``. Labels are numbered from 1; 0 is the background. ``training`` may say what it was trained on:
plain data, such as ``rule`` and ``trained_on`` (patients). Nothing is unpickled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from semioscope.core.config import Config
from semioscope.core.errors import StoreError, WeightsError, unknown_name
from semioscope.core.files import GIVEN, atomic_path, disk_errors, read_json, write_json
from semioscope.networks.detector_networks import ARCHITECTURES, translate_published

if TYPE_CHECKING:
    import torch
    from torch import nn

_RECORD_VERSION = 1


class DetectorDesign(Config):
    """What a trained detector is."""

    architecture: str = "fasterrcnn_mobilenet"
    """A key of ``ARCHITECTURES``: fasterrcnn_mobilenet or ssd300_vgg16."""
    labels: tuple[str, ...] = Field(default=("bed", "person"), min_length=1)
    """What it finds, numbered from 1; 0 is the background."""
    min_size: int | None = Field(default=None, ge=1)
    """Pixels of the shorter side of the pictures it sees; null takes the architecture's own."""
    max_size: int | None = Field(default=None, ge=1)
    """Most pixels of the longer side; null takes the architecture's own."""

    @field_validator("architecture")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ARCHITECTURES:
            raise ValueError(unknown_name("detector architecture", value, ARCHITECTURES))
        return value

    @model_validator(mode="after")
    def _fits(self) -> "DetectorDesign":
        if len(set(self.labels)) < len(self.labels) or not all(label.strip() for label in self.labels):
            msg = f"labels must be different names, got {', '.join(self.labels)}."
            raise ValueError(msg)
        least = ARCHITECTURES[self.architecture].least_size
        low, high = self.sizes
        if not least <= low <= high or (self.architecture == "ssd300_vgg16" and high != least):
            exactly = "exactly" if self.architecture == "ssd300_vgg16" else "at least"
            msg = (
                f"min_size and max_size of {self.architecture} must be {exactly} {least} pixels, min_size not "
                f"above max_size; got {low} and {high}."
            )
            raise ValueError(msg)
        return self

    @property
    def sizes(self) -> tuple[int, int]:
        """``min_size`` and ``max_size``, with the architecture's own where they are null."""
        entry = ARCHITECTURES[self.architecture]
        return self.min_size or entry.min_size, self.max_size or max(entry.max_size, self.min_size or 0)

    def build(self) -> "nn.Module":
        """Return the network without weights."""
        low, high = self.sizes
        entry = ARCHITECTURES[self.architecture]
        return entry.build(len(self.labels) + 1, min_size=low, max_size=high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectorFile:
    """What was read.

    Args:
        design: What the network is.
        state: Its tensors.
        weights_hash: Names the numbers.
        training: What is known of its training; empty if nothing is.
    """

    design: DetectorDesign
    state: "Mapping[str, torch.Tensor]"
    weights_hash: str
    training: Mapping[str, Any] = field(default_factory=dict)


def write_detector(
    path: Path,
    design: DetectorDesign,
    state: "Mapping[str, torch.Tensor]",
    *,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write a detector: tensors to ``path`` (.safetensors), the design beside it (.json). Equal input, equal bytes.

    Args:
        path: The file.
        design: What the network is.
        state: Its tensors.
        training: What is known of its training, plain data.

    Raises:
        WeightsError: If the suffix is another one.
        StoreError: If the folder cannot be written.
    """
    from safetensors.torch import save_file

    if path.suffix != ".safetensors":
        msg = f"The file of a detector must end in .safetensors, got {path.name}. Rename it."
        raise WeightsError(msg)
    kept = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in sorted(state.items())
        if not name.endswith("num_batches_tracked")
    }
    with disk_errors(path), atomic_path(path) as temporary:
        save_file(kept, temporary)
    low, high = design.sizes
    write_json(
        path.with_suffix(".json"),
        {
            "schema_version": _RECORD_VERSION,
            "architecture": design.architecture,
            "labels": list(design.labels),
            "min_size": low,
            "max_size": high,
            **({"training": dict(training)} if training else {}),
        },
    )


def read_detector(path: Path) -> DetectorFile:
    """Read a detector that a user trained.

    Args:
        path: The tensors; the JSON of the same name lies beside them.

    Raises:
        WeightsError: If one of the two is absent, damaged, or does not fit the other.
    """
    import torch

    from semioscope.networks.checkpoints import expected_shapes, read_state, tensors_digest

    design, training = _read_design(path)
    with torch.device("meta"):
        shapes = expected_shapes(design.build())
    network = f"{design.architecture} with {len(design.labels)} labels ({', '.join(design.labels)})"
    state = read_state(path, shapes, network=network, translate=translate_published)
    return DetectorFile(design=design, state=state, weights_hash=tensors_digest(state), training=training)


def read_training(path: Path) -> dict[str, Any]:
    """Return what the JSON beside a detector says of its training; empty if it says nothing.

    Raises:
        WeightsError: If the detector or its JSON is absent or not valid.
    """
    return _read_design(path)[1]


def _read_design(path: Path) -> tuple[DetectorDesign, dict[str, Any]]:
    beside = path.with_suffix(".json")
    if not path.is_file():
        msg = f"{path} must be the file of a trained detector, but is not there. Check the path."
        raise WeightsError(msg)
    example = '{"schema_version": 1, "architecture": "fasterrcnn_mobilenet", "labels": ["bed", "person"]}'
    try:
        content: Any = read_json(beside, remedy=GIVEN)
    except StoreError as err:
        msg = f"Beside {path} must lie {beside.name}, such as {example}: {err}"
        raise WeightsError(msg) from err
    version = content.pop("schema_version", None) if isinstance(content, dict) else None
    if not isinstance(version, int):
        msg = f"{beside} must say what the detector is, such as {example}. Write it anew."
        raise WeightsError(msg)
    if version > _RECORD_VERSION:
        msg = (
            f"{beside} was written by a newer semioscope (version {version}, this one knows "
            f"{_RECORD_VERSION}). Update semioscope."
        )
        raise WeightsError(msg)
    training = content.pop("training", {})
    try:
        return DetectorDesign.model_validate(content), training if isinstance(training, dict) else {}
    except ValidationError as err:
        said = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the whole'}: {item['msg']}" for item in err.errors()
        )
        msg = f"{beside} is not valid: {said}. Correct it; an example: {example}."
        raise WeightsError(msg) from err
