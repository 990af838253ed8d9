"""The depth crop: find the bed in one depth frame, and keep what lies about as far away as it does.

```
 depth, no noise    1 nearest and farthest     2 flatter way    3 where across   4 along the     5 planes at
┌─────────────┐       per column and row:       of "farthest":   is the bed:      line: fit ──    fit ± 2 sigma
│   ▒▒▒▒▒▒▒   │  ─▶   four parabolas      ─▶    the length  ─▶   stationary  ─▶   and spread  ─▶  ═══════════
│   ▒▒▒▒▒▒▒   │        ╰──╯  ───                of the bed       points, loc      sigma           ═══════════
└─────────────┘
```
Steps are numbered as in this drawing. All is found in the first frame of an event and used for all its frames.
Positions are whole pixels from 0, depth is in millimetres, 0 is missing and has no say in any fit.

References:
    Karácsony et al. (2022), Algorithm 1; as in the paper: the signed curvatures are compared, sigma is the
    spread of the depth itself (not of what the fit leaves). What the paper leaves open is flagged for a
    person: little depth, planes between which next to nothing lies. Curvatures whose sizes say something else
    than their signed values are remarked (see ``docs/depth-crop.md``). Neither ever changes the planes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from semioscope.core.errors import VideoError
from semioscope.core.records import Region
from semioscope.preprocess.crops import REMARK, CropPlan
from semioscope.preprocess.depth_fit import Parabola, extremes, fit_line, fit_parabola, population_variance
from semioscope.preprocess.depth_planes import Axis, DepthPlanes, PlaneCrop

LocSource = Literal["both", "minimum", "maximum", "middle"]
LOC_SOURCES: dict[LocSource, str] = {
    "both": "mean of the stationary points of the nearest and the farthest depth",
    "minimum": "stationary point of the nearest depth (the other is outside the picture)",
    "maximum": "stationary point of the farthest depth (the other is outside the picture)",
    "middle": "middle of the picture (no stationary point lies inside it)",
}
"""Where the position of the line across the bed can come from (step 3), in words."""

NUM_SIGMAS = 2
"""How many sigmas the planes are from the fit (step 5)."""
MOST_MISSING = 0.5
"""A larger share of missing depth is flagged."""
LEAST_KEPT = 0.05
"""A smaller share of the frame between the planes is flagged: a bed with a patient is larger."""
_LEAST_VALID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCropPlan:
    """What the algorithm found in a frame, step by step. What it did not get to is None.

    Args:
        height: Of the frame, in pixels.
        width: Of the frame, in pixels.
        missing_fraction: Share of the pixels without depth, in [0, 1].
        x_nearest: Step 1, p_x_min: the parabola over the nearest depth of each column.
        x_farthest: Step 1, p_x_max: the parabola over the farthest depth of each column.
        y_nearest: Step 1, p_y_min: the parabola over the nearest depth of each row.
        y_farthest: Step 1, p_y_max: the parabola over the farthest depth of each row.
        axis: Step 2: the axis of the picture along which the bed lies, by the signed curvatures of the farthest
            depths; the one that is used.
        absolute_axis: Step 2: what the sizes of these curvatures would say.
        stationary_nearest: Step 3: stationary point of the nearest depth across the bed, in pixels; None also
            if the parabola is a straight line.
        stationary_farthest: Step 3: the same of the farthest depth.
        loc: Step 3: row (bed along x) or column (bed along y) of the line on which the patient lies.
        loc_source: Step 3: where ``loc`` comes from; a key of ``LOC_SOURCES``.
        line_slope: Step 4: of the line that fits the depth there, in millimetres per pixel.
        line_intercept: Step 4: of the same at position 0, in millimetres.
        sigma: Step 4: population standard deviation of the depth there, in millimetres.
        planes: Step 5: what is kept lies between them; None leaves everything uncropped.
        kept_fraction: Share of the pixels of the frame between the planes, in [0, 1]; 1 without planes.
        reason: Why a person should look at the plan; empty if there is no reason.
        remark: What to know of it that is no reason to flag it: that the two readings of step 2 disagree.
    """

    height: int
    width: int
    missing_fraction: float
    x_nearest: Parabola | None = None
    x_farthest: Parabola | None = None
    y_nearest: Parabola | None = None
    y_farthest: Parabola | None = None
    axis: Axis | None = None
    absolute_axis: Axis | None = None
    stationary_nearest: float | None = None
    stationary_farthest: float | None = None
    loc: int | None = None
    loc_source: LocSource | None = None
    line_slope: float | None = None
    line_intercept: float | None = None
    sigma: float | None = None
    planes: DepthPlanes | None = None
    kept_fraction: float = 1.0
    reason: str = ""
    remark: str = ""

    @property
    def status(self) -> Literal["accepted", "flagged"]:
        """Whether the plan can be used as it is, or waits for a person."""
        return "flagged" if self.reason else "accepted"

    @property
    def readings_disagree(self) -> bool:
        """Whether signed and absolute curvatures choose different axes (step 2)."""
        return self.axis != self.absolute_axis

    def outside(
        self, depth: UInt16[np.ndarray, "*frames height width"]
    ) -> Bool[np.ndarray, "*frames height width"]:
        """Return what is cleared, whatever the status: no depth, or not between the planes; without planes nothing.

        Raises:
            VideoError: If the frames have another size than the one that the plan was made on.
        """
        self._check(depth)
        return np.zeros(depth.shape, np.bool_) if self.planes is None else self.planes.outside(depth)

    def apply(
        self,
        depth: UInt16[np.ndarray, "*frames height width"],
        infrared: UInt16[np.ndarray, "..."] | UInt8[np.ndarray, "..."],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return depth and infrared with 0 where ``outside`` holds. ``PlaneCrop`` does it without new memory.

        Raises:
            VideoError: If the frames have another size than the one that the plan was made on.
        """
        self._check(depth)
        if self.planes is None:
            return depth.copy(), infrared.copy()
        return PlaneCrop(self.planes, height=self.height, width=self.width).apply(depth, infrared)

    def row(self, *, event_id: str, recording_id: str, box: Region | None = None) -> CropPlan:
        """Return the row of ``crops.tsv`` for this plan, with a box where one is known."""
        return CropPlan(
            event_id=event_id,
            recording_id=recording_id,
            box=box,
            status=self.status,
            planes=self.planes,
            depth_reason=f"{self.reason} {REMARK}{self.remark}".strip() if self.remark else self.reason,
        )

    def _check(self, depth: UInt16[np.ndarray, "*frames height width"]) -> None:
        if depth.shape[-2:] != (self.height, self.width):
            msg = (
                f"This plan was made on a frame of {self.height} rows of {self.width} pixels, got {depth.shape}. "
                "Make a plan on a frame of this recording."
            )
            raise VideoError(msg)


def plan_depth_crop(depth_frame: UInt16[np.ndarray, "height width"]) -> DepthCropPlan:
    """Find the planes between which the bed and the patient lie (steps 1 to 5).

    Args:
        depth_frame: The first frame of an event, after ``depth_noise``; millimetres, 0 is missing.

    Returns:
        The plan. A frame that cannot be understood gives one without planes, and its reason, not an error.
    """
    height, width = depth_frame.shape
    missing = 1.0 - np.count_nonzero(depth_frame) / max(depth_frame.size, 1)
    plan = DepthCropPlan(height=height, width=width, missing_fraction=missing)
    if missing == 1:
        return _flagged(plan, "The frame holds no depth at all.")
    if missing > MOST_MISSING:
        plan = _flagged(plan, f"{100 * missing:.1f} % of the depth is missing, more than half.")

    nearest: dict[Axis, Parabola] = {}
    farthest: dict[Axis, Parabola] = {}
    for along, word in _PROFILES.items():  # step 1
        positions, near, far = extremes(depth_frame, along=along)
        if len(positions) < _LEAST_VALID:
            return _flagged(plan, f"{len(positions)} {word} hold depth, but a parabola needs {_LEAST_VALID}.")
        nearest[along], farthest[along] = fit_parabola(positions, near), fit_parabola(positions, far)

    signed = {along: parabola.a for along, parabola in farthest.items()}  # step 2
    axis, absolute_axis = _flatter(signed), _flatter({along: abs(a) for along, a in signed.items()})

    across: Axis = "y" if axis == "x" else "x"  # step 3
    points = nearest[across].stationary, farthest[across].stationary
    loc, loc_source = _line_position(*points, size=height if axis == "x" else width)

    plan = replace(
        plan,
        x_nearest=nearest["x"],
        x_farthest=farthest["x"],
        y_nearest=nearest["y"],
        y_farthest=farthest["y"],
        axis=axis,
        absolute_axis=absolute_axis,
        stationary_nearest=None if points[0] is None else float(points[0]),
        stationary_farthest=None if points[1] is None else float(points[1]),
        loc=loc,
        loc_source=loc_source,
    )
    if plan.readings_disagree:
        plan = replace(
            plan,
            remark=f"The signed curvatures say that the bed lies along {axis}, their sizes along {absolute_axis}.",
        )

    line = depth_frame[loc] if axis == "x" else depth_frame[:, loc]  # step 4
    positions = np.flatnonzero(line)
    if len(positions) < _LEAST_VALID:
        return _flagged(
            plan,
            f"{len(positions)} pixels of the line {across} = {loc} hold depth, but {_LEAST_VALID} are needed.",
        )
    slope, intercept = (float(number) for number in fit_line(positions, line[positions].astype(np.int64)))
    sigma = math.sqrt(population_variance(line[positions].astype(np.int64)))
    planes = DepthPlanes(  # step 5
        axis=axis,
        lower_slope=slope,
        lower_intercept=intercept - NUM_SIGMAS * sigma,
        upper_slope=slope,
        upper_intercept=intercept + NUM_SIGMAS * sigma,
    )
    kept = 1.0 - np.count_nonzero(planes.outside(depth_frame)) / depth_frame.size
    plan = replace(
        plan, line_slope=slope, line_intercept=intercept, sigma=sigma, planes=planes, kept_fraction=kept
    )
    if kept < LEAST_KEPT:
        plan = _flagged(plan, f"Only {100 * kept:.1f} % of the frame lies between the planes.")
    return plan


_PROFILES: dict[Axis, str] = {"x": "columns", "y": "rows"}


def _flatter(curvatures: Mapping[Axis, Fraction]) -> Axis:
    """Return the axis of the smaller number; x if they are equal."""
    return "x" if curvatures["x"] <= curvatures["y"] else "y"


def _line_position(
    of_nearest: Fraction | None, of_farthest: Fraction | None, *, size: int
) -> tuple[int, LocSource]:
    """Return the row or column of the line, and where it comes from (step 3).

    Args:
        of_nearest: Stationary point of the nearest depth, in pixels; None if there is none.
        of_farthest: The same of the farthest depth.
        size: Of the picture across the bed, in pixels; inside means strictly between 0 and this.
    """
    inside = [
        point if point is not None and 0 < point < size else None for point in (of_nearest, of_farthest)
    ]
    match inside:
        case [Fraction() as near, Fraction() as far]:
            return int((near + far) / 2), "both"
        case [Fraction() as near, _]:
            return int(near), "minimum"
        case [_, Fraction() as far]:
            return int(far), "maximum"
    return int(size / 2), "middle"


def _flagged(plan: DepthCropPlan, reason: str) -> DepthCropPlan:
    """Return a plan with one more reason why a person should look at it."""
    return replace(plan, reason=f"{plan.reason} {reason}".strip())
