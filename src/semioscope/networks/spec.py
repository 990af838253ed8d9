"""What is known about a backbone and its weights before anything is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["3d", "2d", "none"]

STEP_RULES: dict[str, Callable[[int], int]] = {
    "one": lambda num_frames: 1,
    "frames": lambda num_frames: num_frames,
    "eighths": lambda num_frames: -(-num_frames // 8) - 1,
}
"""How many feature vectors a clip of so many frames gives: one for the whole clip, one per frame, or (I3D) one
per pair of neighbours among ``ceil(num_frames / 8)`` positions in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSource:
    """A published file of weights.

    Args:
        name: Name of the backbone that it belongs to; also the stem of the converted file.
        url: Where the file is published.
        file_name: The published name of the file.
        sha256: Full SHA-256 in hexadecimal, where published.
        sha256_prefix: The first digits of it, where only they are published.
        git_blob: SHA-1 of the file as a git blob, where only that is known.
        licence: Terms of the weights, in words.
        origin: Who trained them, on what.
        paper: What to cite.
        size_bytes: Size of the file, where known.
    """

    name: str
    url: str
    file_name: str
    licence: str
    origin: str
    paper: str
    sha256: str | None = None
    sha256_prefix: str | None = None
    git_blob: str | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        for kind, value, digits in (("sha256", self.sha256, 64), ("git_blob", self.git_blob, 40)):
            if value is not None and len(value) != digits:
                msg = f"{kind} of {self.file_name} must have {digits} hexadecimal digits, got {len(value)}."
                raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """What a backbone is, what it takes and what it gives. Plain data; listing specs loads no network.

    Args:
        name: Key in ``BACKBONES``.
        kind: ``3d`` sees all frames of a clip at once, ``2d`` one frame at a time, ``none`` has no network.
        frames_per_clip: Frames of a clip as the method uses it.
        min_frames: Fewest frames of a clip that it takes.
        input_size: Width and height of its pictures, in pixels.
        num_features: Length of its feature vectors.
        num_parameters: Trainable numbers without the classification layer.
        mean: Subtracted per channel R, G, B from values in [0, 1].
        std: Divides what is left, per channel.
        weights: Where the pre-trained weights come from; None when there are none.
        paper: What to cite.
        preprocessing: What must have happened to a picture, in words.
        batch_size: Clips (3d) or pictures (2d) that a CPU runs at once.
        accelerator_batch_size: The same on a GPU.
        steps_rule: How many feature vectors a clip gives, a key of ``STEP_RULES``.
    """

    name: str
    kind: Kind
    frames_per_clip: int
    min_frames: int
    input_size: int
    num_features: int
    num_parameters: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: WeightsSource | None
    paper: str
    preprocessing: str
    batch_size: int = 1
    accelerator_batch_size: int = 16
    steps_rule: str = "one"

    def __post_init__(self) -> None:
        if self.steps_rule not in STEP_RULES or (self.kind == "2d") != (self.steps_rule == "frames"):
            msg = (
                f"steps_rule of {self.name} must be frames for a 2d network, else another of "
                f"{', '.join(STEP_RULES)}, got {self.steps_rule!r}."
            )
            raise ValueError(msg)

    def num_steps(self, num_frames: int) -> int:
        """Return how many feature vectors a clip of so many frames gives, by ``steps_rule``.

        Raises:
            ValueError: If the clip has fewer than ``min_frames`` frames.
        """
        if num_frames < self.min_frames:
            msg = (
                f"{self.name} needs clips of at least {self.min_frames} frames, got {num_frames}. "
                "Use longer clips or another backbone."
            )
            raise ValueError(msg)
        return STEP_RULES[self.steps_rule](num_frames)
