"""The room that does not move: walls, bed, furniture, and its picture in two lights.

A picture of the room costs a hundred times as much as one of the body, so it is made once per state of a
camera: the distance of every pixel, its light from the lamp at the camera, and that from the ceiling.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from semioscope.core.randomness import stream
from semioscope.synthetic.body import MATTRESS_METRES, bed_to_room, blanket_edge
from semioscope.synthetic.geometry import (
    NEAR_METRES,
    Point,
    Projection,
    draw_capsules,
    pixel_boxes,
    silhouette_bounds,
)
from semioscope.synthetic.style import PatientStyle

ROOM_HALF_METRES: Point = (2.25, 2.35, 1.32)
"""Half of the room's width, length and height; its floor is at 0 and its middle at x = y = 0."""

Stripe = tuple[int, float, float]

PARTS = {"room": 0, "patient": 1, "bed": 2, "blanket": 3, "carer": 4}
"""Numbers in label pictures: what a pixel shows. The second carer is 5, the third 6."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Box:
    """A box, seen from outside (furniture) or from inside (the room itself).

    Args:
        centre: In the room.
        half: Half of its length along its own axes, metres.
        axes: Rows are its own axes, of length 1, in the room.
        albedo: Share of light that comes back.
        stripes: Patterns as (own axis, period in metres, contrast).
        inside: Whether the camera is in it.
        part: A key of ``PARTS``.
    """

    centre: Float[np.ndarray, "3"]
    half: Point
    axes: Float[np.ndarray, "3 3"]
    albedo: float
    stripes: tuple[Stripe, ...] = ()
    inside: bool = False
    part: str = "room"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoomPicture:
    """The empty room as one camera state sees it.

    Args:
        depth: Distance along each ray, metres.
        infrared: Light that comes back from a lamp of strength 1 at the camera.
        lamp: Light that comes back from a ceiling lamp of strength 1.
        labels: What each pixel shows, a value of ``PARTS``.
        objects: Number of the box that each pixel shows; that of the pillow is the number of boxes.
    """

    depth: Float32[np.ndarray, "height width"]
    infrared: Float32[np.ndarray, "height width"]
    lamp: Float32[np.ndarray, "height width"]
    labels: UInt8[np.ndarray, "height width"]
    objects: UInt8[np.ndarray, "height width"]


def furnish(style: PatientStyle, *, seed: int) -> tuple[Box, ...]:
    """Return the room of a patient with its bed; the same for all recordings of this patient."""
    rng = stream(seed, "synthetic-room", patient=style.patient_id)
    width, length, height = ROOM_HALF_METRES
    upright = np.eye(3)
    boxes = [
        Box(centre=np.array([0.0, 0.0, height]), half=ROOM_HALF_METRES, axes=upright, albedo=style.wall, inside=True,
            stripes=((0, 0.9, 0.04),)),
        Box(centre=np.array([0.0, 0.0, -0.04]), half=(width, length, 0.05), axes=upright, albedo=style.floor,
            stripes=((0, 0.6, 0.07), (1, 0.6, 0.07))),
        Box(centre=np.array([0.0, length, 0.06]), half=(width, 0.02, 0.08), axes=upright, albedo=0.2),
    ]  # fmt: skip
    boxes += bed_boxes(style)
    far = -style.side
    locker_y = 1.75 + rng.uniform(-0.1, 0.25)
    things = [
        # bedside locker, monitor on its arm, door frame, window or board on the wall behind the bed, chair
        ((style.bed_x + far * 0.85, locker_y, 0.38), (0.2, 0.2, 0.38), 0.35),
        ((style.bed_x + style.side * 0.75, 2.15, 1.45), (0.24, 0.06, 0.18), 0.08),
        ((style.bed_x + style.side * 0.75, 2.2, 0.8), (0.03, 0.03, 0.8), 0.5),
        ((far * width, rng.uniform(-0.6, 0.2), 1.0), (0.04, 0.45, 1.0), style.wall * 0.55),
        ((rng.uniform(-0.5, 0.9), length, 1.75), (rng.uniform(0.3, 0.6), 0.03, 0.3), rng.choice([0.1, 0.8])),
        ((style.bed_x + far * rng.uniform(1.2, 1.5), rng.uniform(0.5, 1.0), 0.24), (0.24, 0.24, 0.24), 0.28),
    ]
    boxes += [Box(centre=np.array(centre), half=half, axes=upright, albedo=float(albedo))
              for centre, half, albedo in things]  # fmt: skip
    return tuple(boxes)


def picture_room(
    boxes: tuple[Box, ...], style: PatientStyle, projection: Projection, *, pillow: bool = True
) -> RoomPicture:
    """Return the picture of the empty room, with or without the pillow of the patient."""
    shape = (projection.height, projection.width)
    room = RoomPicture(
        depth=np.full(shape, np.inf, np.float32),
        infrared=np.zeros(shape, np.float32),
        lamp=np.zeros(shape, np.float32),
        labels=np.zeros(shape, np.uint8),
        objects=np.zeros(shape, np.uint8),
    )
    for number, box in enumerate(boxes):
        _draw_box(room, box, number, projection)
    if pillow:
        _draw_pillow(room, style, len(boxes), projection)
    return room


def _draw_pillow(room: RoomPicture, style: PatientStyle, number: int, projection: Projection) -> None:
    ends = np.array([[-0.22, 0.0, 0.0], [0.22, 0.0, 0.0]]) + on_backrest(
        style, 0.68 * style.height_scale, -0.05
    )
    ends = projection.to_camera(bed_to_room(style, ends))
    radii = np.array([0.11])
    bounds = silhouette_bounds(projection, ends[:1], ends[1:], radii)
    boxes = pixel_boxes(bounds, width=projection.width, height=projection.height)
    depth = room.depth.copy()
    for picture, infrared, lamp in ((room.infrared, 1.0, 0.0), (room.lamp, 0.0, 1.0)):
        np.copyto(depth, room.depth)
        draw_capsules(
            picture, depth, projection, starts=ends[:1], ends=ends[1:], radii=radii,
            albedo=np.array([style.sheet * 1.1]), boxes=boxes, infrared=infrared, lamp=lamp,
        )  # fmt: skip
    room.labels[depth < room.depth] = PARTS["bed"]
    room.objects[depth < room.depth] = number
    np.copyto(room.depth, depth)


def bed_boxes(style: PatientStyle) -> list[Box]:
    """Return mattress, backrest, frame, boards, rails and the blanket where it lies on the mattress."""
    angle = np.radians(style.bed_yaw_degrees)
    flat = np.array(
        [[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    pitch = np.radians(style.backrest_degrees)
    along = np.cos(pitch) * flat[1] + np.sin(pitch) * flat[2]
    raised = np.stack([flat[0], along, np.cross(flat[0], along)])
    top = MATTRESS_METRES

    def box(
        centre: Float[np.ndarray, "3"],
        half: Point,
        albedo: float,
        stripes: tuple[Stripe, ...] = (),
        part: str = "bed",
    ) -> Box:
        return Box(
            centre=bed_to_room(style, centre), half=half, axes=flat, albedo=albedo, stripes=stripes, part=part
        )

    edge = min(blanket_edge(style), 0.12) - 0.05
    cover = (edge + 1.03) / 2
    return [
        box(np.array([0.0, -0.5, top - 0.08]), (0.46, 0.52, 0.08), style.sheet),
        Box(centre=bed_to_room(style, on_backrest(style, 0.5, -0.08)), half=(0.46, 0.52, 0.08), axes=raised,
            albedo=style.sheet, part="bed"),
        box(np.array([0.0, 0.0, 0.38]), (0.48, 1.03, 0.06), 0.3),
        box(np.array([0.0, 1.06, 0.62]), (0.48, 0.03, 0.36), 0.42),
        box(np.array([0.0, -1.06, 0.5]), (0.48, 0.03, 0.3), 0.42),
        box(np.array([-0.5, -0.25, top + 0.1]), (0.015, 0.4, 0.02), 0.7),
        box(np.array([0.5, -0.25, top + 0.1]), (0.015, 0.4, 0.02), 0.7),
        box(np.array([0.0, -1.03 + cover, top - 0.12]), (0.5, cover, 0.145), style.blanket, ((1, 0.22, 0.12),),
            "blanket"),
    ]  # fmt: skip


def on_backrest(style: PatientStyle, along: float, above: float) -> Float[np.ndarray, "3"]:
    """Return the point of the bed that lies so far up the raised backrest and so high above it, metres."""
    pitch = np.radians(style.backrest_degrees)
    return np.array([
        0.0,
        along * np.cos(pitch) - above * np.sin(pitch),
        MATTRESS_METRES + along * np.sin(pitch) + above * np.cos(pitch),
    ])  # fmt: skip


def _draw_box(room: RoomPicture, box: Box, number: int, projection: Projection) -> None:
    area = _area(box, projection)
    if area is None:
        return
    left, top, right, bottom = area
    axes = box.axes @ projection.axes.T
    centre = projection.to_camera(box.centre)
    rays = [projection.along(axes[k], area) for k in range(3)]
    offsets = [float(axes[k] @ centre) for k in range(3)]
    distance = np.full(rays[0].shape, np.inf if box.inside else -np.inf, np.float32)
    face = np.zeros(rays[0].shape, np.int8)
    leave = np.full(rays[0].shape, np.inf, np.float32)
    for k in range(3):
        inverse = 1 / np.where(np.abs(rays[k]) < 1e-6, np.float32(1e-6), rays[k])
        reach = np.float32(box.half[k]) * np.abs(inverse)
        near, far = offsets[k] * inverse - reach, offsets[k] * inverse + reach
        leave = np.minimum(leave, far)
        nearer = far < distance if box.inside else near > distance
        face[nearer] = k
        np.copyto(distance, far if box.inside else near, where=nearer)
    there = room.depth[top:bottom, left:right]
    hit = (distance > NEAR_METRES) & (distance <= leave) & (distance < there)
    if not hit.any():
        return
    straight = np.choose(face, rays)
    ups = [float(axis[2]) for axis in box.axes]
    lifted = -np.sign(straight) * np.choose(face, [np.float32(up) for up in ups])
    albedo = np.full(rays[0].shape, box.albedo, np.float32)
    for axis, period, contrast in box.stripes:
        place = distance * rays[axis] - np.float32(offsets[axis])
        albedo *= 1 + np.float32(contrast) * np.sin(place * np.float32(2 * np.pi / period))
    infrared = albedo * (0.2 + 0.8 * np.abs(straight)) / np.maximum(distance, NEAR_METRES) ** 2
    np.copyto(room.infrared[top:bottom, left:right], infrared, where=hit)
    np.copyto(room.lamp[top:bottom, left:right], albedo * (0.4 + 0.6 * np.maximum(lifted, 0)), where=hit)
    room.labels[top:bottom, left:right][hit] = PARTS[box.part]
    room.objects[top:bottom, left:right][hit] = number
    np.copyto(there, distance, where=hit)


def _area(box: Box, projection: Projection) -> tuple[int, int, int, int] | None:
    signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3)
    corners = projection.to_camera(box.centre + (signs * np.array(box.half)) @ box.axes)
    if box.inside or corners[:, 2].min() < NEAR_METRES:
        return 0, 0, projection.width, projection.height
    pixels = corners[:, :2] / corners[:, 2:] * projection.focal_pixels
    pixels += (projection.width / 2, projection.height / 2)
    bounds = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    left, top, right, bottom = pixel_boxes(bounds, width=projection.width, height=projection.height).tolist()
    return (left, top, right, bottom) if right > left else None
