"""What a time-of-flight camera makes of a scene: 16-bit infrared, and depth with its usual faults.

Depth has noise that grows with distance, isolated missing pixels, and wrong or missing values where a surface
is seen at a grazing angle, ends before another one, or sends back too little light.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt16

from semioscope.synthetic.geometry import Projection
from semioscope.synthetic.view import blurred_16, vignette

_MARGIN = 64
_INFRARED_GAIN = 150_000.0
_RANGE_METRES = (0.4, 5.0)
"""Nearer and farther surfaces have no depth."""
_INFRARED_STEP = 16
"""The camera's converter has 12 bits; its values stand in the upper ones of 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFaults:
    """How bad a sensor is.

    Args:
        pepper_share: Isolated pixels without depth, in [0, 1].
        edge_share: Pixels at edges and grazing surfaces without depth, in [0, 1].
        flying_share: Of these pixels, those that show a depth between the two surfaces, in [0, 1].
        patch_share: Patches of the picture without depth, in [0, 1].
        depth_noise: Factor on the noise of depth; 1: 1 mm at 1 m, 3 mm at 3 m.
        infrared_noise: Factor on the noise of infrared.
    """

    pepper_share: float = 0.015
    edge_share: float = 0.6
    flying_share: float = 0.15
    patch_share: float = 0.0
    depth_noise: float = 1.0
    infrared_noise: float = 1.0


PERFECT = SensorFaults(
    pepper_share=0.0, edge_share=0.0, flying_share=0.0, depth_noise=0.0, infrared_noise=0.0
)
"""A sensor without faults: depth is true to half a millimetre."""


class Sensor:
    """A sensor with a bank of noise, of which each frame gets another part.

    Args:
        projection: The camera.
        faults: How bad it is.
        corner_loss: Light lost in the corners, in [0, 1].
        rng: The noise.
    """

    def __init__(
        self, projection: Projection, faults: SensorFaults, *, corner_loss: float, rng: np.random.Generator
    ) -> None:
        self._faults, self._rng, self._projection = faults, rng, projection
        height, width = projection.height, projection.width
        shape = (height + _MARGIN, width + _MARGIN)
        self._corners = vignette(width, height, corner_loss) * np.float32(_INFRARED_GAIN / 16)
        self._normal = rng.standard_normal(shape, dtype=np.float32)
        self._grain = rng.standard_normal(shape, dtype=np.float32)
        self._pepper = rng.random(shape, dtype=np.float32) < faults.pepper_share
        self._lot = rng.random(shape, dtype=np.float32)
        patches = rng.random((-(-height // 24), -(-width // 24))) < faults.patch_share
        self._patches = np.kron(patches, np.ones((24, 24), bool))[:height, :width] if patches.any() else None

    def frame(
        self, light: Float32[np.ndarray, "height width"], distance: Float32[np.ndarray, "height width"]
    ) -> tuple[UInt16[np.ndarray, "height width"], UInt16[np.ndarray, "height width"]]:
        """Return infrared and depth (millimetres, 0 = missing) of one frame.

        Args:
            light: What comes back from each pixel, at a lamp of strength 1.
            distance: Along each ray, metres.
        """
        rows, columns = self._rng.integers(0, _MARGIN, 2).tolist()
        part = np.s_[rows : rows + self._projection.height, columns : columns + self._projection.width]
        infrared = blurred_16(light)
        infrared *= self._corners
        if self._faults.infrared_noise:
            grain = np.sqrt(infrared)
            grain *= self._grain[part]
            grain *= np.float32(0.22 * self._faults.infrared_noise)
            infrared += grain
        np.clip(infrared, 0, 65535, out=infrared)
        picture = infrared.astype(np.uint16)
        picture &= np.uint16(0xFFFF - (_INFRARED_STEP - 1))
        return picture, self._depth(distance, light, part)

    def _depth(
        self,
        distance: Float32[np.ndarray, "height width"],
        light: Float32[np.ndarray, "height width"],
        part: tuple[slice, slice],
    ) -> UInt16[np.ndarray, "height width"]:
        faults = self._faults
        depth = distance * self._projection.inverse_norm
        depth *= np.float32(1000)
        missing = self._pepper[part] | (light < 0.0015)
        missing |= (depth < _RANGE_METRES[0] * 1000) | (depth > _RANGE_METRES[1] * 1000)
        edges: Bool[np.ndarray, "height width"] | None = None
        if faults.edge_share or faults.flying_share:
            edges, beside = _edges(depth, self._projection.focal_pixels)
            lot = self._lot[part]
            missing |= edges & (lot < faults.edge_share)
            flying = edges & (lot > 1 - faults.flying_share)
            np.copyto(depth, (depth + beside) / 2, where=flying)
        if faults.depth_noise:
            noise = depth * np.float32(0.001 * faults.depth_noise)
            noise *= self._normal[part]
            depth += noise
        depth += np.float32(0.5)
        np.clip(depth, 0, 65535, out=depth)
        picture: UInt16[np.ndarray, "height width"] = depth.astype(np.uint16)
        picture[missing] = 0
        if self._patches is not None:
            picture[self._patches] = 0
        return picture


def _edges(
    depth: Float32[np.ndarray, "height width"], focal_pixels: float
) -> tuple[Bool[np.ndarray, "height width"], Float32[np.ndarray, "height width"]]:
    """Return where depth changes by more than a surface at 80 degrees would, and the depth beside."""
    limit = depth * np.float32(6.0 / focal_pixels)
    limit += np.float32(20)
    edges = np.zeros(depth.shape, bool)
    beside = depth.copy()
    for here, there in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:], np.s_[:-1]),
    ):
        step = np.abs(depth[here] - depth[there])
        far = step > limit[here]
        edges[here] |= far
        edges[there] |= far
        np.copyto(beside[here], depth[there], where=far)
        np.copyto(beside[there], depth[here], where=far)
    return edges, beside
