"""A made-up ward room seen by a depth camera high on the wall beside a bed, looking down at it."""

import numpy as np

EYE = np.array([0.0, 2.2, 0.0])  # metres; right, up, forward
TILT = np.deg2rad(48)
LIFT = 0.25
FOCAL = 365.0  # pixels at a width of 512


def scene(*, width=512, height=424, carer=True, holes=0.03, seed=0):
    """Return depth (millimetres, 0 missing) and infrared of one frame, both uint16 (height, width)."""
    rng = np.random.default_rng(seed)
    rays = _rays(width, height)
    depth = np.full((height, width), np.inf)
    light = np.zeros((height, width))
    things = [
        (_floor(rays, 0.0), 0.35),
        (_box(rays, (-4.5, 0.0, 2.9), (4.5, 3.0, 3.0)), 0.5),  # far wall
        (_box(rays, (-3.6, 0.0, -1.0), (-2.6, 3.0, 4.2)), 0.55),  # wall at the head of the bed
        (_box(rays, (-1.3, 0.1, 0.8), (1.25, LIFT + 0.6, 1.75)), 0.7),  # bed
        (_box(rays, (1.35, 0.0, 0.9), (2.0, 0.7, 1.7)), 0.4),  # table at its foot
        (_box(rays, (-1.9, 0.0, 0.9), (-1.36, 0.7, 1.7)), 0.4),  # bedside cabinet
        (_box(rays, (-1.2, LIFT + 0.6, 0.95), (-0.8, LIFT + 0.69, 1.6)), 0.95),  # pillow
        (_ellipsoid(rays, (-0.9, LIFT + 0.76, 1.28), (0.13, 0.12, 0.1)), 0.85),  # head
        (_ellipsoid(rays, (-0.4, LIFT + 0.65, 1.28), (0.38, 0.16, 0.24)), 0.6),  # trunk
        (_ellipsoid(rays, (0.45, LIFT + 0.62, 1.15), (0.55, 0.12, 0.1)), 0.6),  # legs
        (_ellipsoid(rays, (0.42, LIFT + 0.62, 1.42), (0.55, 0.12, 0.1)), 0.6),
        (_ellipsoid(rays, (-0.35, LIFT + 0.63, 0.97), (0.32, 0.05, 0.06)), 0.8),  # arm
    ]
    if carer:
        things += [
            (_ellipsoid(rays, (0.55, 0.75, 0.42), (0.2, 0.4, 0.12)), 0.35),
            (_ellipsoid(rays, (0.52, 1.2, 0.5), (0.09, 0.12, 0.1)), 0.8),
            (_ellipsoid(rays, (0.36, 0.95, 0.6), (0.05, 0.06, 0.25)), 0.8),
        ]
    for distance, albedo in things:
        nearer = distance < depth
        depth[nearer], light[nearer] = distance[nearer], albedo
    millimetres = np.clip(np.round(1000 * depth + rng.normal(0, 6, depth.shape)), 1, 60_000)
    edges = np.abs(np.diff(depth, axis=1, append=depth[:, -1:])) > 0.15  # no depth at steep edges
    missing = edges | (rng.random(depth.shape) < holes)
    infrared = 20000 * light / depth**2 * (1 + rng.normal(0, 0.05, depth.shape))
    return (
        np.where(missing, 0, millimetres).astype(np.uint16),
        np.clip(infrared, 0, 65535).astype(np.uint16),
    )


def _rays(width, height):
    focal = FOCAL * width / 512
    across = (np.arange(width) - (width - 1) / 2)[None, :] / focal
    down = (np.arange(height) - (height - 1) / 2)[:, None] / focal
    # depth is measured along the optical axis, so that axis has length 1 in every ray
    return np.stack(
        np.broadcast_arrays(
            across,
            -np.sin(TILT) - down * np.cos(TILT),
            np.cos(TILT) - down * np.sin(TILT),
        ),
        axis=-1,
    )


def _reached(distance, hit):
    return np.where(hit & (distance > 0.3), distance, np.inf)


def _floor(rays, level):
    with np.errstate(divide="ignore"):
        distance = (level - EYE[1]) / rays[..., 1]
    return _reached(distance, rays[..., 1] < 0)


def _box(rays, low, high):
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (np.array(low) - EYE) / rays, (np.array(high) - EYE) / rays
    enter = np.minimum(first, second).max(axis=-1)
    leave = np.maximum(first, second).min(axis=-1)
    return _reached(enter, enter < leave)


def _ellipsoid(rays, centre, radii):
    direction, start = rays / np.array(radii), (EYE - np.array(centre)) / np.array(radii)
    a, b, c = (direction**2).sum(-1), direction @ start, start @ start - 1
    inside = b**2 - a * c
    return _reached((-b - np.sqrt(np.maximum(inside, 0))) / a, inside > 0)
