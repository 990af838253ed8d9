"""Whether a depth crop keeps the patient: a check that uses only what there is on a ward, and no truth.

The crop knows two planes and no bed. The check finds the bed in another way (``depth_bed``), takes what stands
out of its lying surface for the body, and counts how much of it the crop keeps. It sees both ways in which
pixels get lost: parts that are nearer or farther than the planes, and the rim that the removal of noise gives
to what lies behind it. It moves no plane; what it flags waits for a person.

The rule is three thresholds, each a constant below. They were chosen on synthetic scenes of the tuning seeds of
``benchmarks/crop_quality.py`` (``python benchmarks/crop_quality.py tune`` prints the table again) and are
measured on others.

References:
    Karácsony et al. (2022): crops were looked at by eye, 110 of 115 were proper; differs: an automatic check,
    which the paper does not have, says which crops a person should look at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from semioscope.core.errors import VideoError
from semioscope.preprocess.depth_bed import Bed, find_bed
from semioscope.preprocess.depth_crop import MOST_MISSING, DepthCropPlan
from semioscope.preprocess.depth_noise import denoised

LEAST_KEPT_BODY = 0.95
"""What a good crop keeps of the body."""
LEAST_ESTIMATE = 0.9575
"""A smaller estimate of what is kept is flagged; above ``LEAST_KEPT_BODY``, as estimates err by half a percent."""
LEAST_BED_SEEN = 0.6
"""Where less of the bed is seen, the estimate is not to be trusted."""
LEAST_BODY_PIXELS = 0.01
"""A body smaller than this share of the picture is too little to estimate from."""
MOST_HELD = 0.2
"""Where a larger share of what lies on the bed hangs together with carers, it may be the patient whom they hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropCheck:
    """What the check says.

    Args:
        score: Estimated share of the body's pixels that the crop keeps, the smallest of all frames, in [0, 1];
            NaN if no body could be found in any frame.
        flagged: Whether a person should look at the crop.
        reasons: Why, one sentence each; empty if not flagged.
        bed_seen: Share of the bed that is seen; NaN if there is none.
    """

    score: float
    flagged: bool
    reasons: tuple[str, ...]
    bed_seen: float

    def __post_init__(self) -> None:
        if self.flagged != bool(self.reasons):
            msg = f"A check must be flagged if and only if it has reasons, got {self.flagged} and {self.reasons}."
            raise ValueError(msg)


def check_crop(
    depth: UInt16[np.ndarray, "height width"],
    infrared: UInt16[np.ndarray, "..."] | UInt8[np.ndarray, "..."],
    plan: DepthCropPlan,
    later_frames: Sequence[UInt16[np.ndarray, "..."]] = (),
) -> CropCheck:
    """Return how much of the patient a crop seems to keep, and why a person should look at it.

    A pure function. More frames never take a reason away.

    Args:
        depth: The frame on which the plan was made, as recorded: before the removal of noise. Millimetres.
        infrared: The same frame of the infrared stream.
        plan: The plan.
        later_frames: Depth of later moments of the event, as recorded: does the plan still fit?

    Raises:
        VideoError: If a frame has another size than the one that the plan was made on.
    """
    for frame in (depth, infrared, *later_frames):
        if frame.shape != (plan.height, plan.width):
            msg = (
                f"Frames of this check must be {plan.height} rows of {plan.width} pixels, as the plan's, got "
                f"{frame.shape}. Make a plan on a frame of this recording."
            )
            raise VideoError(msg)
    reasons: list[str] = []
    if not infrared.any():
        reasons.append("The first infrared frame is black.")
    if plan.planes is None:
        reasons.append("The plan has no planes, so nothing is cut.")
    if plan.missing_fraction > MOST_MISSING:
        reasons.append(f"{100 * plan.missing_fraction:.0f} % of the depth is missing, more than half.")
    bed = find_bed(depth)
    if bed is None:
        reasons.append("No floor with a bed above it is found, so nobody knows what the crop keeps of it.")
        return _check(math.nan, math.nan, reasons)
    if bed.seen < LEAST_BED_SEEN:
        reasons.append(
            f"Only {math.floor(1000 * max(bed.seen, 0)) / 10:g} % of a bed is seen, less than "
            f"{100 * LEAST_BED_SEEN:g} %: there is none, much depth is missing, or people stand before it."
        )
    scores = []
    for number, frame in enumerate((depth, *later_frames)):
        score, why = _of_frame(frame, bed, plan)
        where = "" if number == 0 else f"In later frame {number}: "
        scores.append(score)
        reasons += [where + sentence for sentence in why]
    known = [score for score in scores if not math.isnan(score)]
    return _check(min(known, default=math.nan), bed.seen, reasons)


def _of_frame(
    depth: UInt16[np.ndarray, "height width"], bed: Bed, plan: DepthCropPlan
) -> tuple[float, list[str]]:
    """Return the estimated share of the body that is kept in one frame, and what is wrong with it."""
    body = _worse(depth, bed, plan)
    size = int(body.sum())
    if size < LEAST_BODY_PIXELS * depth.size:
        return (math.nan if size == 0 else _kept(depth, body, plan)), [
            f"Next to nothing lies on the bed ({size} pixels), too little to say what is kept of it."
        ]
    kept = _kept(depth, body, plan)
    if kept >= LEAST_ESTIMATE:
        return kept, []
    said = f"About {100 * kept:.1f} % of what lies on the bed is kept, less than {100 * LEAST_ESTIMATE:g} %"
    return kept, [f"{said}: {_how(depth, body, plan)}."]


def _worse(
    depth: UInt16[np.ndarray, "height width"], bed: Bed, plan: DepthCropPlan
) -> Bool[np.ndarray, "height width"]:
    """Return the body; where patient and carers cannot be told apart, with them if less of that is kept."""
    body, load = bed.body(depth), bed.body(depth, carers=True)
    if not body.any() or (load & ~body).sum() <= MOST_HELD * load.sum():
        return body
    return min(body, load, key=lambda pixels: _kept(depth, pixels, plan))


def _kept(
    depth: UInt16[np.ndarray, "height width"], body: Bool[np.ndarray, "height width"], plan: DepthCropPlan
) -> float:
    return 1.0 - float(plan.outside(denoised(depth))[body].mean())


def _how(
    depth: UInt16[np.ndarray, "height width"], body: Bool[np.ndarray, "height width"], plan: DepthCropPlan
) -> str:
    """Return in words which side of the planes most of what is lost lies on."""
    if plan.planes is None:
        return "there are no planes"
    positions = np.arange(plan.width if plan.planes.axis == "x" else plan.height)
    shape = (1, -1) if plan.planes.axis == "x" else (-1, 1)
    clean = denoised(depth)
    seen = body & (clean > 0)
    shares = {
        "{:.1f} % is nearer than the planes": (
            seen & (clean < plan.planes.lower_at(positions).reshape(shape))
        ),
        "{:.1f} % is farther, or is the rim that the removal of noise took": (
            seen & (clean > plan.planes.upper_at(positions).reshape(shape))
        ),
        "{:.1f} % has no depth": body & (clean == 0),
    }
    size = int(body.sum())
    said = [words.format(100 * part.sum() / size) for words, part in shares.items() if part.any()]
    return ", ".join(said)


def _check(score: float, bed_seen: float, reasons: list[str]) -> CropCheck:
    return CropCheck(score=score, flagged=bool(reasons), reasons=tuple(reasons), bed_seen=bed_seen)
