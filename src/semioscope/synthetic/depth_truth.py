"""The truth of depth frames: boxes, label pictures, planes of the bed, depth range of the body."""

from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from semioscope.core.records import Region
from semioscope.synthetic.depth_room import bed_planes
from semioscope.synthetic.depth_view import DepthFrame, DepthScene
from semioscope.synthetic.room import PARTS


def body_region(bounds: Float[np.ndarray, "4"], labels: UInt8[np.ndarray, "height width"]) -> Region | None:
    """Return the box around the patient, hidden parts included, clipped to the picture; None if not in it.

    It is that of the capsules' silhouettes, and so contains every pixel that shows the patient.
    """
    height, width = labels.shape
    if np.isnan(bounds).any():
        return mask_region(labels == PARTS["patient"])
    limit = np.array([width, height, width, height], dtype=np.float64)
    left, top, right, bottom = np.clip(bounds, 0.0, limit).tolist()
    if right - left < 1 or bottom - top < 1:
        return None
    return _region(left, top, right, bottom, width=width, height=height)


def bed_region(scene: DepthScene) -> Region | None:
    """Return the box around bed and blanket as the empty room shows them; None where there is no bed."""
    labels = scene.room.labels
    return mask_region((labels == PARTS["bed"]) | (labels == PARTS["blanket"]))


def mask_region(mask: np.ndarray) -> Region | None:
    """Return the box around the True pixels of a mask (height, width); None where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    edges = (float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1)
    return _region(*edges, width=width, height=height)


def body_depth_range(
    true_depth: Float32[np.ndarray, "height width"], labels: UInt8[np.ndarray, "height width"]
) -> tuple[int, int] | None:
    """Return the smallest and largest depth of the patient's visible pixels, millimetres; None if hidden."""
    seen = true_depth[labels == PARTS["patient"]]
    if not seen.size:
        return None
    return round(float(seen.min()) * 1000), round(float(seen.max()) * 1000)


def camera_truth(scene: DepthScene) -> dict[str, Any]:
    """Return pose and lens of the camera, and the planes of the bed before it, as plain data."""
    projection = scene.projection
    return {
        "placement": scene.plan.placement,
        "position_metres": _rounded(projection.origin),
        "axes": [_rounded(axis) for axis in projection.axes],
        "axes_meaning": "rows are right, down and forward of the camera in room axes (z up)",
        "tilt_degrees": round(float(np.degrees(np.arcsin(projection.axes[2, 2]))), 3),
        "focal_pixels": round(projection.focal_pixels, 4),
        "bed_planes": {
            name: _rounded(plane) for name, plane in bed_planes(scene.plan.style, projection).items()
        }
        if scene.plan.failure != "no-bed"
        else {},
        "bed_planes_meaning": "[nx, ny, nz, d] with n . X = d for points X of the plane in camera axes, metres",
    }


def frame_truth(scene: DepthScene, frame: DepthFrame) -> dict[str, Any]:
    """Return boxes and depth range of one labelled frame as plain data.

    Raises:
        ValueError: If the frame has no labels.
    """
    if frame.labels is None or frame.true_depth is None:
        msg = "The truth of a frame needs its labels; ask for them with labelled."
        raise ValueError(msg)
    return {
        "body": _plain_box(body_region(frame.body_bounds, frame.labels)),
        "patient_pixels": int((frame.labels == PARTS["patient"]).sum()),
        "body_depth_millimetres": body_depth_range(frame.true_depth, frame.labels),
    }


def _region(left: float, top: float, right: float, bottom: float, *, width: int, height: int) -> Region:
    return Region(
        x=left / width, y=top / height, width=(right - left) / width, height=(bottom - top) / height
    )


def _plain_box(region: Region | None) -> list[float] | None:
    if region is None:
        return None
    return [round(float(number), 6) for number in (region.x, region.y, region.width, region.height)]


def _rounded(numbers: Any) -> list[float]:
    return [round(float(number), 9) for number in numbers]
