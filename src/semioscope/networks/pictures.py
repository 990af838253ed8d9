"""Pictures as networks want them: resized by a bilinear filter with antialiasing, scaled, channels first."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8

from semioscope.networks.spec import BackboneSpec


def network_input(
    frames: UInt8[np.ndarray, "num_frames side side 3"], spec: BackboneSpec
) -> Float32[np.ndarray, "3 num_frames size size"]:
    """Return the input of a backbone: resized where needed, ``(value / 255 - mean) / std``, channels first.

    Args:
        frames: Square RGB pictures, already cropped and padded.
        spec: The backbone.

    Raises:
        ValueError: If the pictures are not square, or fewer than the backbone needs.
    """
    num_frames, height, width, _ = frames.shape
    if height != width:
        msg = f"{spec.name} needs square pictures, got {width} x {height}. Crop or pad them first."
        raise ValueError(msg)
    spec.num_steps(num_frames)
    values = np.ascontiguousarray(frames.transpose(3, 0, 1, 2)).astype(np.float32)
    if height != spec.input_size:
        weights = resize_weights(height, spec.input_size)
        values = weights @ (values @ weights.T)
    scale = (1 / (255 * np.array(spec.std, dtype=np.float64))).astype(np.float32)
    shift = (np.array(spec.mean) / np.array(spec.std)).astype(np.float32)
    values *= scale[:, None, None, None]
    values -= shift[:, None, None, None]
    return values


@lru_cache(maxsize=16)
def resize_weights(size: int, new_size: int) -> Float32[np.ndarray, "new_size size"]:
    """Return the matrix that resizes one axis: a triangle as wide as the larger pixel; each row sums to 1."""
    scale = size / new_size
    reach = max(scale, 1.0)
    centre = (np.arange(new_size) + 0.5) * scale
    distance = np.abs(np.arange(size)[None, :] + 0.5 - centre[:, None]) / reach
    weights = np.clip(1 - distance, 0, None)
    normalised: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    normalised.setflags(write=False)
    return normalised
