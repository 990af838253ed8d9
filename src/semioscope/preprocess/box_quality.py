"""How good boxes are where the truth is known: overlap with the true box, and how much of the body stays."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from semioscope.core.records import Region
from semioscope.preprocess.box_crop import merged_box, widened
from semioscope.preprocess.crops import CropPlan

BODY_KEPT = 0.95
"""A box that keeps a smaller share of the body is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropQuality:
    """One plan beside the truth.

    Args:
        event_id: The event.
        recording_id: The recording.
        failed: Whether the plan was not accepted, so that the raw picture is used.
        reason: What the plan says about itself.
        iou: Area of intersection over area of union of box and true box, in [0, 1]; NaN if there is no true box
            or no box. For a failed plan that of the box that is offered.
        body_kept: Share of the body's visible pixels inside the box, in [0, 1]; NaN if the body is not seen or
            there is no box. For a failed plan that of the box that is offered.
    """

    event_id: str
    recording_id: str
    failed: bool
    reason: str
    iou: float
    body_kept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CropQualitySummary:
    """Many plans beside the truth. Means are over accepted plans whose figure is known, NaN if there is none.

    Args:
        num_plans: All of them.
        failures: Event and recording of those that were not accepted.
        num_iou: Accepted plans with a known overlap.
        mean_iou: Their mean overlap.
        num_body: Accepted plans with a visible body.
        mean_body_kept: Their mean share of the body kept.
        least_body_kept: The smallest one.
        num_body_lost: Those that keep less than ``BODY_KEPT``.
    """

    num_plans: int
    failures: tuple[tuple[str, str], ...]
    num_iou: int
    mean_iou: float
    num_body: int
    mean_body_kept: float
    least_body_kept: float
    num_body_lost: int

    @property
    def share_made(self) -> float:
        """Share of the plans that were accepted, to set beside the published one; NaN without plans."""
        return 1 - len(self.failures) / self.num_plans if self.num_plans else math.nan


def true_box(*parts: Region | None, margin: float) -> Region | None:
    """Return the box that a perfect detector would lead to; None unless all parts are there.

    Args:
        *parts: True boxes, such as bed and body.
        margin: As in ``BoxCropConfig``.
    """
    there = [part for part in parts if part is not None]
    return widened(merged_box(there), margin) if there and len(there) == len(parts) else None


def iou(one: Region, other: Region) -> float:
    """Return the area that two boxes share over the area that they cover, in [0, 1].

    Examples:
        >>> left = Region(x=0.0, y=0.0, width=0.5, height=1.0)
        >>> iou(left, Region(x=0.25, y=0.0, width=0.5, height=1.0))
        0.3333333333333333
    """
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0.0, across) * max(0.0, down)
    return shared / (one.width * one.height + other.width * other.height - shared)


def body_kept(body: Bool[np.ndarray, "height width"], box: Region) -> float:
    """Return the share of a body's pixels that a box keeps; NaN if there are none."""
    height, width = body.shape
    left, top, right, bottom = box.pixels(width=width, height=height)
    total = int(np.count_nonzero(body))
    return int(np.count_nonzero(body[top:bottom, left:right])) / total if total else math.nan


def crop_quality(
    plan: CropPlan, *, truth: Region | None, body: Bool[np.ndarray, "height width"]
) -> CropQuality:
    """Return how good the box of a plan is.

    Args:
        plan: With a box or without.
        truth: The box that it should have, such as ``true_box``; None where there is none.
        body: Where the body is seen, in a picture of any size.
    """
    box = plan.box
    return CropQuality(
        event_id=plan.event_id,
        recording_id=plan.recording_id,
        failed=plan.status != "accepted",
        reason=plan.box_reason,
        iou=math.nan if box is None or truth is None else iou(box, truth),
        body_kept=math.nan if box is None else body_kept(body, box),
    )


def summarize_quality(qualities: Iterable[CropQuality]) -> CropQualitySummary:
    """Return the figures of many plans; failures are listed, and never counted as good or bad boxes."""
    every = list(qualities)
    made = [quality for quality in every if not quality.failed]
    overlaps = [quality.iou for quality in made if not math.isnan(quality.iou)]
    kept = [quality.body_kept for quality in made if not math.isnan(quality.body_kept)]
    return CropQualitySummary(
        num_plans=len(every),
        failures=tuple((quality.event_id, quality.recording_id) for quality in every if quality.failed),
        num_iou=len(overlaps),
        mean_iou=sum(overlaps) / len(overlaps) if overlaps else math.nan,
        num_body=len(kept),
        mean_body_kept=sum(kept) / len(kept) if kept else math.nan,
        least_body_kept=min(kept, default=math.nan),
        num_body_lost=sum(share < BODY_KEPT for share in kept),
    )
