"""Where the bed stands and what lies on it, from one depth frame: the yardstick of the crop's quality check.

```
 1 floor               2 seen from above         3 lying surface            4 body
   most pixels of        a full rectangle of       flat, and raised from      what stands out of it,
   one plane below   ─▶  2.06 x 0.98 m, with  ─▶   a hinge on at one     ─▶   inside the rectangle
   the camera            no floor inside           end (the backrest)
```
Nothing here knows the planes of the crop, and nothing of it moves them. A plane in the room is a plane over the
picture in 1 / depth, so the floor is found without knowing more of the camera than its focal length.

References:
    Not in the paper. Random sample consensus: Fischler and Bolles (1981), doi:10.1145/358669.358692.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt16
from scipy import ndimage

from semioscope.core.randomness import stream

FOCAL_HEIGHTS = 365 / 424
"""Focal length of the camera in heights of its picture (Kinect v2, as in the paper)."""
BED_METRES = (2.06, 0.98)
"""Length and width of a hospital bed."""

_FLOOR_METRES = (0.7, 3.5)
"""How far the camera can hang above the floor."""
_FLOOR_TILT = (0.34, 0.98)
"""Cosine between the floor's normal and the picture's vertical: the camera looks down by 20 to 80 degrees."""
_FLOOR_ROLL = 0.2
_TRIPLES = 600
_HEIGHTS = (0.4, 1.1)
"""Of what can be a bed with a patient, above the floor, metres."""
_FLOOR_TOP = 0.25
_LIFT_METRES = 0.045
"""What is higher above the lying surface is body or blanket."""
_TALLEST = 1.0
_INNER = (1.03, 0.46)
"""Half of the length and width in which a body is looked for."""
_EDGE = (0.93, 0.40)
"""A piece that lies on average farther from the middle, along or across the bed, is a board or a rail."""
_BESIDE_METRES = 0.6
_STANDING = (0.8, 1.9)
"""Heights above the floor at which somebody beside the bed is looked for."""
_JUMP_METRES = 0.04
_FOREIGN = 2.0
"""A piece with so many times more pixels beside the bed than over it belongs to somebody beside it."""
_REACHING = 0.3
"""A piece with at most so many of its pixels beside the bed is the patient, and these too."""
_LEAST_POINTS = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bed:
    """Where a bed stands before the camera. Metres; places are measured from the bed's middle.

    Args:
        floor: Normal of the floor, downwards, in camera axes (right, down, forward).
        camera_height: Of the camera above the floor.
        along: Direction of the bed's length, in camera axes.
        across: Direction of its width.
        middle: Place of the bed's middle along these two directions, seen from the camera.
        seen: Share of the bed's rectangle that shows something as high as a bed, less the share that shows the
            floor; at most 1.
        height: Of the flat part above the floor.
        hinge: Where the backrest begins: metres along ``end * along``.
        rise: Slope of the backrest; 0 is flat.
        end: 1 or -1: the end to which the backrest rises.
    """

    floor: Float[np.ndarray, "3"]
    camera_height: float
    along: Float[np.ndarray, "3"]
    across: Float[np.ndarray, "3"]
    middle: tuple[float, float]
    seen: float
    height: float
    hinge: float
    rise: float
    end: int

    def body(
        self, depth: UInt16[np.ndarray, "height width"], *, carers: bool = False
    ) -> Bool[np.ndarray, "height width"]:
        """Return where something stands out of the lying surface: the patient, covered or not.

        Args:
            depth: As recorded (not dilated), millimetres. Lone holes are taken to show what is near them.
            carers: Whether what hangs together with somebody beside the bed stays in: arms of carers, but also a
                patient whom a carer holds.
        """
        metres = _closed(depth).astype(np.float32) / np.float32(1000)
        p = _coordinate(metres, self.along) - self.middle[0]
        q = _coordinate(metres, self.across) - self.middle[1]
        above = self.camera_height - _coordinate(metres, self.floor)
        raised = above - self.height - self.rise * np.maximum(0, self.end * p - self.hinge)
        shown = metres > 0
        out = np.maximum(np.abs(p) - _INNER[0], np.abs(q) - _INNER[1])
        body = shown & (out < 0) & (raised > _LIFT_METRES) & (raised < _TALLEST)
        beside = shown & (out > 0) & (out < _BESIDE_METRES) & (above > _STANDING[0]) & (above < _STANDING[1])
        found = _whole_pieces(body, beside, np.abs(p), np.abs(q), metres, carers=carers)
        return cast("Bool[np.ndarray, 'height width']", ndimage.binary_opening(found))


def find_bed(depth: UInt16[np.ndarray, "height width"]) -> Bed | None:
    """Return the bed in a depth frame as recorded; None where no floor, or nothing above it, is found."""
    floor = _find_floor(depth)
    if floor is None:
        return None
    normal, camera_height = floor
    step = max(1, round(depth.shape[0] / 140))
    metres = depth.astype(np.float32) / np.float32(1000)
    side = np.array([1.0, 0.0, 0.0]) - normal[0] * normal
    side /= np.linalg.norm(side)
    directions = (side, np.cross(normal, side))
    places = [_coordinate(metres, direction)[::step, ::step] for direction in (*directions, normal)]
    near = metres[::step, ::step]
    heights = camera_height - places[2]
    shown = (near > 0) & (heights > -0.1) & (heights < 1.3)
    points = np.stack([places[0][shown], places[1][shown]])
    heights, near = heights[shown], near[shown]
    if len(heights) < _LEAST_POINTS:
        return None

    angle, middle, _ = _best_rectangle(points, heights, np.arange(0.0, 180.0, 6.0), (0.0, 0.0), reach=6.0)
    turns = angle + np.arange(-6.0, 6.1, 2.0)
    angle, middle, seen = _best_rectangle(points, heights, turns, middle, reach=1.6)
    turned = _turned(points, angle)
    p, q = turned[0] - middle[0], turned[1] - middle[1]
    on = (np.abs(p) < 0.92) & (np.abs(q) < 0.40) & (heights > 0.3)
    if on.sum() < _LEAST_POINTS:
        return None
    height, hinge, rise, end = _lying_surface(p[on], heights[on], near[on] ** 2)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return Bed(
        floor=normal,
        camera_height=camera_height,
        along=cosine * directions[0] + sine * directions[1],
        across=-sine * directions[0] + cosine * directions[1],
        middle=middle,
        seen=seen,
        height=height,
        hinge=hinge,
        rise=rise,
        end=end,
    )


def _find_floor(
    depth: UInt16[np.ndarray, "height width"],
) -> tuple[Float[np.ndarray, "3"], float] | None:
    """Return the downward normal of the largest level plane below the camera, and how far down it is (step 1)."""
    step = max(1, depth.shape[0] // 53)
    grid = np.s_[step // 2 :: step, step // 2 :: step]
    metres = depth[grid].astype(np.float64) / 1000
    shown = metres > 0
    if shown.sum() < _LEAST_POINTS:
        return None
    columns, rows = _rays(depth.shape)
    shape = depth.shape
    rays = np.stack(
        [
            np.broadcast_to(columns, shape)[grid][shown],
            np.broadcast_to(rows, shape)[grid][shown],
            np.ones(int(shown.sum())),
        ],
        axis=1,
    ).astype(np.float64)
    metres = metres[shown]
    triples = stream(0, "crop-check-floor").integers(0, len(metres), (_TRIPLES, 3))
    corners = rays[triples]
    wide = np.abs(np.linalg.det(corners)) > 1e-3
    if not wide.any():
        return None
    planes = np.linalg.solve(corners[wide], (1 / metres)[triples][wide][..., None])[..., 0]
    size = np.linalg.norm(planes, axis=1)
    normals, distances = planes / size[:, None], 1 / np.maximum(size, 1e-9)
    level = (
        (normals[:, 1] > _FLOOR_TILT[0]) & (normals[:, 1] < _FLOOR_TILT[1]) & (normals[:, 2] > 0)
        & (np.abs(normals[:, 0]) < _FLOOR_ROLL)
        & (distances > _FLOOR_METRES[0]) & (distances < _FLOOR_METRES[1])
    )  # fmt: skip
    if not level.any():
        return None
    planes = planes[level]
    votes = (np.abs((planes @ rays.T) * metres - 1) < 0.015).sum(axis=1)
    plane = planes[np.argmax(votes)]
    for _ in range(4):
        on = np.abs((rays @ plane) * metres - 1) < 0.012
        if on.sum() < _LEAST_POINTS:
            return None
        plane = np.linalg.lstsq(rays[on], 1 / metres[on], rcond=None)[0]
    size_found = float(np.linalg.norm(plane))
    return plane / size_found, 1 / size_found


def _best_rectangle(
    points: Float[np.ndarray, "2 num"],
    heights: Float[np.ndarray, " num"],
    angles: Float[np.ndarray, " angles"],
    middle: tuple[float, float],
    *,
    reach: float,
) -> tuple[float, tuple[float, float], float]:
    """Return angle (degrees), middle and score of the rectangle that a bed fills best, seen from above (step 2)."""
    best = (0.0, middle, -np.inf)
    high = (heights > _HEIGHTS[0]) & (heights < _HEIGHTS[1])
    low = heights < _FLOOR_TOP
    cell = 0.05
    num = round(2 * reach / cell)
    sides = [round(length / cell) for length in BED_METRES]
    around = middle if reach < 6 else (0.0, 0.0)
    for angle in angles.tolist():
        turned = _turned(points, angle)
        corner = [centre - reach for centre in around]
        cells = np.floor((turned - np.array(corner)[:, None]) / cell).astype(np.int64)
        within = ((cells >= 0) & (cells < num)).all(axis=0)
        numbers = cells[0] * num + cells[1]
        of_bed, of_floor = (
            (np.bincount(numbers[within & part], minlength=num * num) > 0).reshape(num, num)
            for part in (high, low)
        )
        filled = ndimage.binary_closing(of_bed)
        share = ndimage.uniform_filter(
            filled.astype(np.float32) - (of_floor & ~filled), size=sides, mode="constant"
        )
        row, column = np.unravel_index(int(np.argmax(share)), share.shape)
        if share[row, column] > best[2]:
            place = (corner[0] + (int(row) + 0.5) * cell, corner[1] + (int(column) + 0.5) * cell)
            best = (angle, place, float(share[row, column]))
    return best


def _lying_surface(
    along: Float[np.ndarray, " num"], heights: Float[np.ndarray, " num"], areas: Float[np.ndarray, " num"]
) -> tuple[float, float, float, int]:
    """Return height, hinge, slope and end of the flat and raised surface on which most lies and nothing under it.

    Step 3. What lies more than 5 cm under a surface counts against it, so that a body is not taken for it.
    """
    best = (0.0, 0.0, 0.0, 1)
    most = -np.inf
    size = 0.015
    lowest, num = 0.3, 46
    for end in (-1, 1):
        for hinge in (-0.25, -0.15, -0.05, 0.05, 0.15):
            ramp = np.maximum(0, end * along - hinge)
            for rise in np.tan(np.radians([0, 6, 11, 16, 20, 24, 28, 32, 36])).tolist():
                bins = np.floor((heights - rise * ramp - lowest) / size).astype(np.int64)
                within = (bins >= 0) & (bins < num)
                area = np.bincount(bins[within], weights=areas[within], minlength=num)
                under = np.concatenate([np.zeros(4), np.cumsum(area)[:-4]])
                on = np.convolve(area, [0.5, 1, 1, 0.5], "same") - 0.7 * under
                number = int(np.argmax(on))
                if on[number] > most:
                    most, best = float(on[number]), (lowest + number * size, hinge, rise, end)
    return best


def _whole_pieces(
    body: Bool[np.ndarray, "height width"],
    beside: Bool[np.ndarray, "height width"],
    from_middle: Float32[np.ndarray, "height width"],
    from_line: Float32[np.ndarray, "height width"],
    metres: Float32[np.ndarray, "height width"],
    *,
    carers: bool,
) -> Bool[np.ndarray, "height width"]:
    """Return what of the bed's load is the patient: without carers who lean over, rails and boards.

    Pieces are what hangs together without a jump in depth. One that lies mostly beside the bed is a carer; one
    that lies wholly at its edge is a rail or a board; an arm that reaches out over the edge is the patient's.

    Args:
        body: What stands out of the lying surface.
        beside: What is as high beside the bed.
        from_middle: Distance from the middle along the bed, metres.
        from_line: Distance from the middle line across it.
        metres: Depth.
        carers: Whether what belongs to somebody beside the bed stays in.
    """
    edges = np.zeros(body.shape, np.bool_)
    edges[:, 1:] |= np.abs(np.diff(metres, axis=1)) > _JUMP_METRES
    edges[1:] |= np.abs(np.diff(metres, axis=0)) > _JUMP_METRES
    either = body | beside
    pieces, num = cast("tuple[np.ndarray, int]", ndimage.label(either & ~edges))
    of_body = np.bincount(pieces[body], minlength=num + 1)
    of_others = np.bincount(pieces[beside], minlength=num + 1)
    size = np.maximum(of_body, 1)
    at_edge = np.bincount(pieces[body], weights=from_line[body], minlength=num + 1) / size > _EDGE[1]
    at_end = np.bincount(pieces[body], weights=from_middle[body], minlength=num + 1) / size > _EDGE[0]
    foreign = ((of_others > _FOREIGN * of_body) & (not carers)) | at_edge | at_end
    own = ~foreign & (of_others < _REACHING * of_body)
    foreign[0] = own[0] = False
    reach = np.ones((3, 3), np.bool_)
    around = foreign[pieces]
    around = ndimage.binary_dilation(around, reach, iterations=2, mask=edges | around)
    out = ndimage.binary_dilation(own[pieces], reach, iterations=2, mask=either)
    return cast("Bool[np.ndarray, 'height width']", (body & ~around) | (beside & out & ~around))


def _rays(shape: tuple[int, int]) -> tuple[Float32[np.ndarray, "1 width"], Float32[np.ndarray, "height 1"]]:
    height, width = shape
    focal = FOCAL_HEIGHTS * height
    columns = ((np.arange(width) - (width - 1) / 2) / focal).astype(np.float32)
    rows = ((np.arange(height) - (height - 1) / 2) / focal).astype(np.float32)
    return columns[None, :], rows[:, None]


def _coordinate(
    metres: Float32[np.ndarray, "height width"], direction: Float[np.ndarray, "3"]
) -> Float32[np.ndarray, "height width"]:
    """Return the place of each pixel's point along a direction of length 1 in camera axes, metres."""
    columns, rows = _rays(cast("tuple[int, int]", metres.shape))
    x, y, z = direction.astype(np.float32)
    places: Float32[np.ndarray, "height width"] = metres * (x * columns + y * rows + z)
    return places


def _turned(points: Float[np.ndarray, "2 num"], degrees: float) -> Float[np.ndarray, "2 num"]:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([cosine * points[0] + sine * points[1], -sine * points[0] + cosine * points[1]])


def _closed(depth: UInt16[np.ndarray, "height width"]) -> UInt16[np.ndarray, "height width"]:
    """Return depth with each hole filled by the nearest surface in the 3x3 around it; larger holes keep a core."""
    nearest = ndimage.minimum_filter(depth - np.uint16(1), 3)  # 0 becomes 65535, the last to be chosen
    return np.where(depth == 0, nearest + np.uint16(1), depth)
