"""What the numbers of a feature depend on, and the name that follows from it."""

import functools
from dataclasses import dataclass, replace
from typing import Any

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.records import Region
from semioscope.features.layout import KeyPlan
from semioscope.networks import Backbone, load
from semioscope.preprocess import PictureConfig
from semioscope.preprocess.frame_pictures import FramePicture
from semioscope.preprocess.gray_pictures import GrayPicture
from semioscope.preprocess.moving_region import MovingRegion

LEAST_INPUT_SIZE = 32
"""Smaller pictures vanish inside the networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneChoice:
    """Which network with which weights, and what runs it; can be sent to another process.

    Args:
        name: An entry of ``BACKBONES``.
        weights: ``pretrained``, ``random`` or a file.
        engine: ``auto``, ``torch`` or ``openvino``.
        precision: ``f32`` or ``bf16``.
        seed: Of random weights.
        input_size: Side of the pictures in pixels; None: that of the network. 3d networks without layers of a fixed
            size take others, for trials on small machines.
    """

    name: str
    weights: str = "pretrained"
    engine: str = "auto"
    precision: str = "f32"
    seed: int = 0
    input_size: int | None = None

    def __post_init__(self) -> None:
        if self.input_size is not None and self.input_size < LEAST_INPUT_SIZE:
            msg = (
                f"input_size must be at least {LEAST_INPUT_SIZE} pixels, got {self.input_size}. Leave it out."
            )
            raise ConfigError(msg)


@functools.lru_cache(maxsize=2)
def load_backbone(choice: BackboneChoice, *, fps: float = 15.0, num_threads: int | None = None) -> Backbone:
    """Return the backbone of a choice; the last two are kept, so a process loads each once.

    Args:
        choice: Which network.
        fps: Frame rate of the clip plan; some networks measure in hertz.
        num_threads: Of the CPU; None leaves it to the engine.

    Raises:
        WeightsError: If its weights are absent or damaged.
        ConfigError: If the name, engine or precision does not exist.
    """
    backbone = load(
        choice.name,
        weights=choice.weights,
        engine=choice.engine,
        precision=choice.precision,
        seed=choice.seed,
        num_threads=num_threads,
        fps=fps,
    )
    if choice.input_size is not None:
        backbone.spec = replace(backbone.spec, input_size=choice.input_size)
    return backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureKey:
    """Everything that a feature depends on. Engine and machine are provenance and do not count.

    Args:
        video: Fingerprint of the video file.
        decoder: Version of the decoder.
        region: Part of the file's picture, which may move; None means all of it.
        blank: What is blackened in it; None means nothing.
        picture: What is done to the picture; of gray pictures with the window and depth planes of this view.
        backbone: Name of the network.
        input_size: Side of its pictures, in pixels.
        weights_hash: Hash of its weights.
        precision: Of its arithmetic.
        plan: Which clips exist.
        event_start_seconds: Where the grid of an event-anchored plan begins; of slices, the time of the event's first
            stored frame; else None.
    """

    video: str
    decoder: str
    region: Region | MovingRegion | None
    blank: Region | None
    picture: PictureConfig | GrayPicture | FramePicture
    backbone: str
    input_size: int
    weights_hash: str
    precision: str
    plan: KeyPlan
    event_start_seconds: float | None = None

    @property
    def content(self) -> dict[str, Any]:
        """The key as plain data; written to ``key.json``."""
        content: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "video": self.video,
            "decoder": self.decoder,
            "region": self.region.digest if isinstance(self.region, MovingRegion) else _edges(self.region),
            "blank": _edges(self.blank),
            "picture": self.picture.model_dump(),
            "backbone": self.backbone,
            "input_size": self.input_size,
            "weights_hash": self.weights_hash,
            "precision": self.precision,
            "clip_plan": self.plan.model_dump(),
        }
        if self.event_start_seconds is not None:
            content["event_start_seconds"] = float(self.event_start_seconds)
        return content

    @property
    def digest(self) -> str:
        """The name of the key's folder in a store: 32 hexadecimal digits."""
        return digest(self.content)


def _edges(region: Region | None) -> list[float] | None:
    """Return a region as numbers; the whole picture is the same as none."""
    if region is None:
        return None
    edges = [float(region.x), float(region.y), float(region.width), float(region.height)]
    return None if edges == [0.0, 0.0, 1.0, 1.0] else edges
