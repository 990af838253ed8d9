"""Cameras, and the exact picture of a capsule: its silhouette's box and the first point where each ray meets it.

World axes: x across the room, y along it, z up; metres. Camera axes: x right, y down, z into the picture.
A pixel ``(row, column)`` looks along the ray through its centre. Everything is computed in camera axes, where
the origin is the camera and the product of a ray with a vector splits into a row, a column and one product.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

Point = tuple[float, float, float]
NEAR_METRES = 0.15
"""What is nearer to the camera than this is not drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where a camera hangs and looks.

    Args:
        position: In the room, metres.
        target: The point in the middle of its picture.
        field_degrees: Vertical field of view at zoom 1, in (0, 120).
    """

    position: Point
    target: Point
    field_degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraState:
    """How far a camera is zoomed and turned away from where it hangs.

    Args:
        zoom: Factor on the focal length, above 0.
        yaw_degrees: Turn to the right.
        pitch_degrees: Turn upwards.
    """

    zoom: float = 1.0
    yaw_degrees: float = 0.0
    pitch_degrees: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """A camera in one state with a picture of a fixed size.

    Args:
        origin: Position of the camera in the room.
        axes: Rows are right, down and forward in the room.
        focal_pixels: Focal length in pixels.
        width: Columns of the picture.
        height: Rows of the picture.
        column: Slope of each column's ray to the right.
        row: Slope of each row's ray downwards.
        inverse_norm: 1 / length of the ray ``(column, row, 1)``.
    """

    origin: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]
    focal_pixels: float
    width: int
    height: int
    column: Float32[np.ndarray, " width"]
    row: Float32[np.ndarray, " height"]
    inverse_norm: Float32[np.ndarray, "height width"]

    def to_camera(self, points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
        """Return points of the room in camera axes."""
        turned: Float[np.ndarray, "*shape 3"] = (points - self.origin) @ self.axes.T
        return turned

    def along(
        self, vector: Float[np.ndarray, "3"], box: tuple[int, int, int, int]
    ) -> Float32[np.ndarray, "rows columns"]:
        """Return the product of a vector (camera axes) with the unit ray of each pixel of a box."""
        left, top, right, bottom = box
        across = self.column[left:right] * np.float32(vector[0]) + np.float32(vector[2])
        product: Float32[np.ndarray, "rows columns"] = np.add.outer(
            self.row[top:bottom] * np.float32(vector[1]), across
        )
        product *= self.inverse_norm[top:bottom, left:right]
        return product


def project(camera: Camera, state: CameraState, *, width: int, height: int) -> Projection:
    """Return the projection of a camera in a state for a picture of a size."""
    origin = np.asarray(camera.position, dtype=np.float64)
    forward = np.asarray(camera.target, dtype=np.float64) - origin
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    yaw, pitch = np.radians(state.yaw_degrees), np.radians(state.pitch_degrees)
    ahead = np.cos(yaw) * forward + np.sin(yaw) * right
    right = np.cos(yaw) * right - np.sin(yaw) * forward
    forward = np.cos(pitch) * ahead - np.sin(pitch) * down
    down = np.cross(forward, right)
    focal = height / 2 / np.tan(np.radians(camera.field_degrees) / 2) * state.zoom
    column = ((np.arange(width) + 0.5 - width / 2) / focal).astype(np.float32)
    row = ((np.arange(height) + 0.5 - height / 2) / focal).astype(np.float32)
    inverse_norm = 1 / np.sqrt(1 + np.add.outer(row * row, column * column))
    return Projection(
        origin=origin,
        axes=np.stack([right, down, forward]),
        focal_pixels=float(focal),
        width=width,
        height=height,
        column=column,
        row=row,
        inverse_norm=inverse_norm.astype(np.float32),
    )


def silhouette_bounds(
    projection: Projection,
    starts: Float[np.ndarray, "*shape 3"],
    ends: Float[np.ndarray, "*shape 3"],
    radii: Float[np.ndarray, "*shape"],
) -> Float[np.ndarray, "*shape 4"]:
    """Return the exact box around the picture of each capsule, in pixels, not clipped to the picture.

    The silhouette of a capsule is the hull of those of its two balls, so the box is that of two ellipses.

    Args:
        projection: The camera.
        starts: One end of each axis, in camera axes.
        ends: The other end.
        radii: Radius of each capsule.

    Returns:
        left, top, right, bottom; NaN for a capsule that comes nearer than ``NEAR_METRES``.
    """
    lows, highs = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for ball in (starts, ends):
            depth = ball[..., 2]
            for axis in (0, 1):
                across = ball[..., axis]
                root = radii * np.sqrt(np.maximum(across**2 + depth**2 - radii**2, 0.0))
                below = np.where(depth - radii > NEAR_METRES, depth**2 - radii**2, np.nan)
                lows.append((across * depth - root) / below)
                highs.append((across * depth + root) / below)
    half_width, half_height = projection.width / 2, projection.height / 2
    focal = projection.focal_pixels
    bounds: Float[np.ndarray, "*shape 4"] = np.stack(
        [
            np.minimum(lows[0], lows[2]) * focal + half_width,
            np.minimum(lows[1], lows[3]) * focal + half_height,
            np.maximum(highs[0], highs[2]) * focal + half_width,
            np.maximum(highs[1], highs[3]) * focal + half_height,
        ],
        axis=-1,
    )
    return bounds


def pixel_boxes(
    bounds: Float[np.ndarray, "*shape 4"], *, width: int, height: int
) -> Int[np.ndarray, "*shape 4"]:
    """Return whole-pixel boxes that cover bounds, clipped to the picture; all 0 where nothing is seen."""
    limit = np.array([width, height, width, height], dtype=np.float64)
    whole = np.concatenate([np.floor(bounds[..., :2]), np.ceil(bounds[..., 2:])], axis=-1)
    clipped = np.clip(np.nan_to_num(whole, nan=0.0), 0.0, limit).astype(np.int64)
    seen = (clipped[..., 2] > clipped[..., 0]) & (clipped[..., 3] > clipped[..., 1])
    return np.where(seen[..., None], clipped, 0)


def draw_capsules(
    picture: Float32[np.ndarray, "height width"],
    depth: Float32[np.ndarray, "height width"],
    projection: Projection,
    *,
    starts: Float[np.ndarray, "capsules 3"],
    ends: Float[np.ndarray, "capsules 3"],
    radii: Float[np.ndarray, " capsules"],
    albedo: Float[np.ndarray, " capsules"],
    boxes: Int[np.ndarray, "capsules 4"],
    infrared: float,
    lamp: float,
    objects: UInt8[np.ndarray, "height width"] | None = None,
    numbers: Int[np.ndarray, " capsules"] | None = None,
) -> None:
    """Draw capsules into a picture and its depth map, in place, where they are nearest.

    A ray ``t d`` (d of length 1) meets the infinite cylinder about the axis where
    ``(b.b - (b.d)^2) t^2 - 2 ((b.b)(a.d) - (a.b)(b.d)) t + (b.b)(a.a - r^2) - (a.b)^2 = 0`` with a the start
    of the axis and b = end - start; beyond the ends of the axis it meets the ball at that end instead.

    Args:
        picture: Light that reaches the sensor.
        depth: Distance along the ray, metres.
        projection: The camera.
        starts: One end of each axis, in camera axes.
        ends: The other end.
        radii: In metres.
        albedo: Share of the light that comes back, in [0, 1].
        boxes: left, top, right, bottom pixels that cover each capsule (``pixel_boxes``); empty ones are skipped.
        infrared: Strength of the lamp at the camera.
        lamp: Strength of the lamp at the ceiling.
        objects: Where a capsule is nearest, gets its number, in place; None for no such picture.
        numbers: Number of each capsule, in [0, 255]; with ``objects`` only.
    """
    up = projection.axes[:, 2]
    axes = ends - starts
    products = [np.maximum((axes * axes).sum(1), 1e-8), (starts * axes).sum(1), (starts * starts).sum(1)]
    products += [radii, albedo, starts @ up, axes @ up]
    stacked = np.stack([axes, starts, np.broadcast_to(up, axes.shape)], axis=1).astype(np.float32)
    num_vectors = 3 if lamp > 0 else 2
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        if right <= left or bottom <= top:
            continue
        axis_axis, start_axis, start_start, radius, share, start_up, axis_up = (
            float(product[number]) for product in products
        )
        vectors = stacked[number, :num_vectors, :, None, None]
        along = projection.column[left:right] * vectors[:, 0] + vectors[:, 2]
        along = along + projection.row[top:bottom, None] * vectors[:, 1]
        along *= projection.inverse_norm[top:bottom, left:right]
        ray_axis, ray_start = along[0], along[1]
        quadratic = axis_axis - ray_axis * ray_axis
        linear = axis_axis * ray_start
        linear -= start_axis * ray_axis
        root = linear * linear
        root -= quadratic * np.float32(axis_axis * (start_start - radius * radius) - start_axis * start_axis)
        hit = root > 0
        if not hit.any():
            continue
        np.maximum(root, 0, out=root)
        np.sqrt(root, out=root)
        distance = (linear - root) / np.maximum(quadratic, np.float32(1e-9))
        place = distance * ray_axis
        place -= start_axis
        place /= axis_axis
        np.maximum(place, 0, out=place)
        np.minimum(place, 1, out=place)
        beyond = (place == 0) | (place == 1)
        ray_centre = ray_start + place * ray_axis
        ball = ray_centre * ray_centre
        ball -= start_start + place * (2 * start_axis + place * axis_axis)
        ball += radius * radius
        hit &= ~beyond | (ball > 0)
        np.maximum(ball, 0, out=ball)
        np.copyto(distance, ray_centre - np.sqrt(ball), where=beyond)
        there = depth[top:bottom, left:right]
        hit &= distance < there
        hit &= distance > NEAR_METRES
        light = np.float32(0.2) + np.float32(0.8 / radius) * (ray_centre - distance)
        light *= np.float32(infrared)
        light /= distance * distance
        if lamp > 0:
            lifted = distance * along[2]
            lifted -= np.float32(start_up) + place * np.float32(axis_up)
            np.maximum(lifted, 0, out=lifted)
            light += np.float32(lamp * 0.4) + np.float32(lamp * 0.6 / radius) * lifted
        light *= np.float32(share)
        np.copyto(picture[top:bottom, left:right], light, where=hit)
        np.copyto(there, distance, where=hit)
        if objects is not None and numbers is not None:
            objects[top:bottom, left:right][hit] = numbers[number]
