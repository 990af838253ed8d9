"""The room of depth recordings: where the camera hangs on the wall, and what stands around the bed.

The camera is like a Kinect v2: 512 x 424 pixels, focal length 365 pixels, 2.0 to 2.7 m above the floor, about
45 degrees downwards. Axes as in ``geometry``; the bed's middle is at (0, 1), its head towards y = 2.
"""

from dataclasses import dataclass, replace

import numpy as np

from semioscope.core.randomness import stream
from semioscope.synthetic.body import MATTRESS_METRES, bed_to_room
from semioscope.synthetic.geometry import Camera, Point, Projection
from semioscope.synthetic.room import Box, bed_boxes, on_backrest
from semioscope.synthetic.style import PatientStyle, draw_style

DEPTH_SIZE = (512, 424)
"""Width and height of both pictures of the camera. Methods: section 3; as in the papers."""

FOCAL_PIXELS = 365.0
"""Focal length at full size; in proportion to the height at other sizes."""

FIELD_DEGREES = float(np.degrees(2 * np.arctan(DEPTH_SIZE[1] / 2 / FOCAL_PIXELS)))
"""Vertical field of view."""

HEAD_WALL_METRES = 2.28
"""The wall behind the head of the bed, on the y axis."""

_CEILING_METRES = 2.95
_ARM_METRES = 0.2
"""The camera hangs on an arm, so far from its wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a camera hangs.

    Args:
        x: Across the room, from the middle of the bed, metres; above 0 is the patient's left.
        y: Along the bed, from its middle, towards its head.
        height: Lowest and highest place above the floor.
        bed_along: Axis of the picture along which the bed lies: ``x``, ``y``, or ``oblique``.
    """

    x: float
    y: float
    height: tuple[float, float]
    bed_along: str


PLACEMENTS: dict[str, Placement] = {
    "left-side": Placement(x=1.45, y=0.0, height=(2.1, 2.6), bed_along="x"),
    "right-side": Placement(x=-1.45, y=0.0, height=(2.1, 2.6), bed_along="x"),
    "foot-end": Placement(x=0.0, y=-1.6, height=(2.1, 2.6), bed_along="y"),
    "left-foot-corner": Placement(x=1.15, y=-1.3, height=(2.1, 2.6), bed_along="oblique"),
    "right-foot-corner": Placement(x=-1.15, y=-1.3, height=(2.1, 2.6), bed_along="oblique"),
    "left-head-corner": Placement(x=1.3, y=0.95, height=(2.2, 2.7), bed_along="oblique"),
    "right-head-corner": Placement(x=-1.3, y=0.95, height=(2.2, 2.7), bed_along="oblique"),
}
"""Places of the camera; each patient has one of them."""


def draw_depth_style(patient_id: str, *, seed: int) -> PatientStyle:
    """Return the style of a patient before a depth camera: the bed stands straight in the room's middle."""
    rng = stream(seed, "synthetic-depth-style", patient=patient_id)
    style = draw_style(patient_id, seed=seed)
    return replace(style, bed_x=0.0, bed_yaw_degrees=float(rng.uniform(-4, 4)))


def draw_depth_camera(patient_id: str, placement: str, *, seed: int) -> Camera:
    """Return the camera of a patient: at its placement, off by some centimetres."""
    rng = stream(seed, "synthetic-depth-camera", patient=patient_id)
    place = PLACEMENTS[placement]
    off = rng.uniform(-0.12, 0.12, 3)
    return Camera(
        position=(
            place.x + float(off[0]),
            min(1.0 + place.y + float(off[1]), HEAD_WALL_METRES - _ARM_METRES),
            float(rng.uniform(*place.height)),
        ),
        target=(float(rng.uniform(-0.1, 0.1)), 1.0 + float(off[2]), float(rng.uniform(0.5, 0.7))),
        field_degrees=FIELD_DEGREES,
    )


def furnish_depth(style: PatientStyle, camera: Camera, *, seed: int, bed: bool = True) -> tuple[Box, ...]:
    """Return the room of a patient; the camera hangs on one of its walls.

    Args:
        style: The patient.
        camera: The camera.
        seed: Of the cohort.
        bed: Whether there is a bed.
    """
    rng = stream(seed, "synthetic-depth-room", patient=style.patient_id)
    low = np.array([-rng.uniform(2.0, 2.9), -rng.uniform(1.0, 1.7), 0.0])
    high = np.array([rng.uniform(2.0, 2.9), HEAD_WALL_METRES, _CEILING_METRES])
    for axis in (0, 1):  # the wall that is nearest to the camera is the one on which it hangs
        place, middle = camera.position[axis], (0.0, 1.0)[axis]
        if place > middle + 0.9 and axis == 0:
            high[axis] = place + _ARM_METRES
        elif place < middle - 0.9:
            low[axis] = place - _ARM_METRES
    half, centre = (high - low) / 2, (high + low) / 2
    upright = np.eye(3)
    boxes = [
        Box(centre=centre, half=(float(half[0]), float(half[1]), float(half[2])), axes=upright,
            albedo=style.wall, inside=True, stripes=((0, 0.9, 0.04),)),
        Box(centre=np.array([centre[0], centre[1], -0.04]), half=(float(half[0]), float(half[1]), 0.05),
            axes=upright, albedo=style.floor, stripes=((0, 0.6, 0.07), (1, 0.6, 0.07))),
    ]  # fmt: skip
    if bed:
        boxes += bed_boxes(style)
    side = float(rng.choice([-1, 1]))
    things: list[tuple[Point, Point, float]] = [
        # bedside locker, monitor on a post, chair, drip stand, board on the wall behind the bed, waste bin
        ((side * 0.82, 1.9 + rng.uniform(-0.1, 0.1), 0.38), (0.2, 0.2, 0.38), 0.35),
        ((-side * 0.78, 2.1, 1.3), (0.2, 0.05, 0.15), 0.08),
        ((-side * 0.78, 2.15, 0.75), (0.03, 0.03, 0.75), 0.5),
        ((-side * rng.uniform(1.1, 1.5), rng.uniform(0.2, 1.2), 0.23), (0.23, 0.23, 0.23), 0.28),
        ((side * 0.66, rng.uniform(1.3, 1.5), 0.85), (0.015, 0.015, 0.85), 0.6),
        ((rng.uniform(-0.5, 0.5), HEAD_WALL_METRES, 1.6), (0.5, 0.02, 0.12), float(rng.choice([0.1, 0.8]))),
        ((side * rng.uniform(1.1, 1.4), rng.uniform(-0.4, 0.2), 0.2), (0.14, 0.14, 0.2), 0.2),
    ]
    kept = rng.uniform(size=len(things)) < (0.8, 0.6, 0.6, 0.6, 0.5, 0.7, 0.5)
    kept[2] = kept[1]
    for (at, size, albedo), there in zip(things, kept, strict=True):
        to_camera = np.hypot(at[0] - camera.position[0], at[1] - camera.position[1])
        if there and (to_camera > 1.6 or at[2] + size[2] < 0.9):
            boxes.append(Box(centre=np.array(at), half=size, axes=upright, albedo=albedo))
    return tuple(boxes)


def bed_planes(style: PatientStyle, projection: Projection) -> dict[str, list[float]]:
    """Return the planes of mattress and backrest before the camera.

    Returns:
        Per plane its normal of length 1 and offset d in camera axes, as ``[nx, ny, nz, d]``: points of the
        plane obey ``n . X = d``, metres, and the camera (X = 0) is on the side of the normal.
    """
    pitch = np.radians(style.backrest_degrees)
    origin = bed_to_room(style, np.zeros(3))
    found = {}
    for name, normal, point in (
        ("mattress", np.array([0.0, 0.0, 1.0]), np.array([0.0, -0.5, MATTRESS_METRES])),
        ("backrest", np.array([0.0, -np.sin(pitch), np.cos(pitch)]), on_backrest(style, 0.5, 0.0)),
    ):
        turned = projection.axes @ (bed_to_room(style, normal) - origin)
        offset = float(turned @ projection.to_camera(bed_to_room(style, point)))
        found[name] = [*(float(number) for number in turned), offset]
    return found
