"""How good boxes are where the truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.records import Recording, Region
from semioscope.networks import Detection
from semioscope.preprocess import (
    CropPlan,
    body_kept,
    box_crop,
    crop_quality,
    iou,
    summarize_quality,
    true_box,
)

BED = Region(x=0.2, y=0.3, width=0.4, height=0.2)
BODY = Region(x=0.3, y=0.2, width=0.2, height=0.2)
PICTURE = np.zeros((50, 100, 3), np.uint8)
RECORDING = Recording(recording_id="r1", patient_id="p1", view="large", path="a.mkv")
BED_SEEN, BODY_SEEN = (
    Detection(label=label, score=0.9, box=box) for label, box in (("bed", BED), ("person", BODY))
)


class Fixed:
    """A detector that always finds the same."""

    def __init__(self, *found):
        self.found = found

    def detect(self, picture):
        return self.found


part = st.integers(0, 20)
regions = st.builds(
    lambda x, y, width, height: Region(
        x=x / 40, y=y / 40, width=(1 + width) / 42, height=(1 + height) / 42
    ),
    part, part, part, part,
)  # fmt: skip


@given(one=regions, other=regions)
def test_overlap_agrees_with_counted_pixels(one, other):
    def mask(box):
        picture = np.zeros((840, 840), bool)
        left, top, right, bottom = box.pixels(width=840, height=840)
        picture[top:bottom, left:right] = True
        return picture

    first, second = mask(one), mask(other)
    counted = (first & second).sum() / (first | second).sum()
    assert iou(one, other) == pytest.approx(counted, abs=1e-9)  # all edges lie on these pixels
    assert iou(one, other) == pytest.approx(iou(other, one), abs=1e-12)
    assert iou(one, one) == pytest.approx(1)
    assert body_kept(first, other) == pytest.approx((first & second).sum() / first.sum())


def test_quality_tells_failures_apart_and_invents_nothing():
    body = np.zeros((50, 100), bool)
    body[10:20, 30:50] = True
    truth = true_box(BED, BODY, margin=0.2)
    made = box_crop("e1", RECORDING, PICTURE, Fixed(BED_SEEN, BODY_SEEN))
    good = crop_quality(made, truth=truth, body=body)
    assert (good.failed, good.body_kept, good.iou) == (False, 1.0, pytest.approx(1))
    half = CropPlan(event_id="e2", recording_id="r1", box=Region(x=0.4, y=0.2, width=0.2, height=0.2))
    lost = crop_quality(half, truth=truth, body=body)
    assert lost.body_kept == 0.5
    flagged = crop_quality(box_crop("e3", RECORDING, PICTURE, Fixed(BED_SEEN)), truth=truth, body=body)
    assert (flagged.failed, flagged.body_kept) == (True, 0.7)  # of the box that is offered
    assert flagged.iou < 1
    nothing = crop_quality(box_crop("e4", RECORDING, PICTURE, Fixed()), truth=truth, body=body)
    assert math.isnan(nothing.iou)
    assert math.isnan(nothing.body_kept)
    hidden = crop_quality(made, truth=None, body=np.zeros_like(body))
    assert math.isnan(hidden.iou)
    assert math.isnan(hidden.body_kept)

    summary = summarize_quality([good, lost, flagged, nothing, hidden])
    assert (summary.num_plans, summary.share_made) == (5, 0.6)
    assert summary.failures == (("e3", "r1"), ("e4", "r1"))
    assert (summary.num_iou, summary.num_body, summary.num_body_lost) == (2, 2, 1)
    assert (summary.mean_body_kept, summary.least_body_kept) == (0.75, 0.5)
    empty = summarize_quality([])
    assert math.isnan(empty.share_made)
    assert math.isnan(empty.mean_iou)
    assert math.isnan(empty.least_body_kept)


def test_there_is_no_true_box_where_a_part_is_missing():
    assert true_box(BED, None, margin=0.2) is None
    assert true_box(margin=0.2) is None
    assert str(true_box(BED, BODY, margin=0)) == "0.2 0.2 0.4 0.3"
