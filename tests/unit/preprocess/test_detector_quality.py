"""How well patients are found: missed pictures count as 0, pictures without a patient in no mean."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.ops import box_iou

from semioscope.core.records import Region
from semioscope.networks import Detection, LabelledBox
from semioscope.preprocess.box_quality import iou
from semioscope.preprocess.detector_pictures import OwnedPicture
from semioscope.preprocess.detector_quality import (
    PictureFinding,
    best_detection,
    look_at,
    mean_box,
    summarize_findings,
)

BOX = Region(x=0.25, y=0.25, width=0.5, height=0.5)
HALF = Region(x=0.25, y=0.25, width=0.25, height=0.5)


def seen(label="patient", score=0.9, box=BOX):
    return Detection(label=label, score=score, box=box)


class Says:
    def __init__(self, *found):
        self.found = found

    def detect(self, picture):
        assert picture.shape == (4, 4, 3)
        return self.found


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    boxes = (LabelledBox(label="carer", box=HALF), LabelledBox(label="patient", box=BOX))
    return OwnedPicture(path=path, file_name="a.png", patient_id="p1", boxes=boxes)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ((seen(box=HALF),), 0.5),
        ((seen(box=HALF, score=0.8), seen(score=0.7)), 0.5),
        ((seen(score=0.5),), 1.0),
        ((seen(score=0.49),), 0.0),
        ((seen(label="carer"),), 0.0),
        ((), 0.0),
    ],
)
def test_the_surest_box_of_the_patient_is_set_beside_the_truth(picture, found, wanted):
    got = look_at(Says(*found), picture, name="fold-1", label="patient")
    assert got.iou == wanted
    assert (got.found is None) == (wanted == 0)
    assert (got.file_name, got.patient_id, got.detector, got.has_box) == ("a.png", "p1", "fold-1", True)


def test_a_constant_box_stands_beside_it(picture):
    assert look_at(Says(), picture, name="all", label="patient", constant=HALF).constant_iou == 0.5
    assert look_at(Says(), picture, name="all", label="patient").constant_iou == 0.25
    other = OwnedPicture(
        path=picture.path, file_name="b.png", patient_id="p2", boxes=(LabelledBox(label="patient", box=HALF),)
    )
    assert str(mean_box([picture, other], label="patient")) == "0.25 0.25 0.375 0.5"
    assert mean_box([picture], label="bed") is None


def test_a_detector_that_is_no_better_than_a_constant_box_is_seen_not_to_be():
    rng = np.random.default_rng(0)
    for gain, beats in ((0.2, True), (0.0, False), (-0.2, False)):
        listed = [
            finding(f"p{number % 6}", 0.5 + gain + rng.normal(0, 0.01), constant=0.5) for number in range(36)
        ]
        quality = summarize_findings(listed)
        assert quality.constant.value == 0.5
        assert quality.difference.value == pytest.approx(quality.over_pictures.value - 0.5)
        assert quality.beats_constant == beats
    few = summarize_findings([finding("p1", 0.5), finding("p2", 0.6)])
    assert few.beats_constant


def test_a_picture_without_the_patient_has_no_overlap(picture):
    for found in ((), (seen(label="bed"),)):
        got = look_at(Says(*found), picture, name="all", label="bed")
        assert math.isnan(got.iou)
        assert not got.has_box


def test_best_detection_is_none_below_the_least_score():
    assert best_detection([seen(score=0.6), seen(score=0.7, box=HALF)], label="patient").box == HALF
    assert best_detection([seen(score=0.6)], label="patient", min_score=0.61) is None


corner = st.floats(0, 0.9)


@given(
    values=st.lists(
        st.tuples(corner, corner, st.floats(0.01, 0.1), st.floats(0.01, 0.1)), min_size=2, max_size=2
    )
)
def test_the_overlap_is_that_of_torchvision(values):
    one, other = (Region(x=x, y=y, width=width, height=height) for x, y, width, height in values)
    edges = [
        torch.tensor([[b.x, b.y, b.x + b.width, b.y + b.height]], dtype=torch.float64) for b in (one, other)
    ]
    assert iou(one, other) == pytest.approx(float(box_iou(*edges)), abs=1e-9)


def finding(patient, value, *, missed=False, without=False, constant=0.25):
    found = None if missed else seen()
    overlap = math.nan if without else value
    return PictureFinding(
        file_name="x.png",
        patient_id=patient,
        detector="fold-1",
        has_box=not without,
        found=found,
        iou=overlap,
        constant_iou=math.nan if without else constant,
    )


def test_means_over_pictures_and_over_patients():
    listed = [
        finding("p1", 1.0), finding("p1", 0.5), finding("p1", 0.0, missed=True),
        finding("p2", 0.2), finding("p3", 0.0, without=True), finding("p3", 0.0, missed=True, without=True),
    ]  # fmt: skip
    quality = summarize_findings(listed)
    assert quality.over_pictures.value == pytest.approx((1 + 0.5 + 0 + 0.2) / 4)
    assert quality.over_patients.value == pytest.approx((0.5 + 0.2) / 2)
    assert (quality.num_pictures, quality.num_missed, quality.share_missed) == (4, 1, 0.25)
    assert (quality.num_without, quality.num_false) == (2, 1)
    assert [one.patient_id for one in quality.patients] == ["p1", "p2", "p3"]
    assert math.isnan(quality.patients[2].mean_iou)
    assert "at least 5 patients, and there are 2" in quality.over_patients.note


def test_the_interval_holds_the_mean_and_does_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    listed = [
        finding(f"p{patient}", float(rng.uniform(0.1 * patient, 1))) for patient in range(6) for _ in range(5)
    ]
    quality, again = summarize_findings(listed, seed=1), summarize_findings(listed[::-1], seed=1)
    for one, other in (
        (quality.over_pictures, again.over_pictures),
        (quality.over_patients, again.over_patients),
    ):
        assert one.low < one.value < one.high
        assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_without_a_box_nothing_is_defined():
    quality = summarize_findings([finding("p1", 0.0, without=True)])
    assert math.isnan(quality.over_pictures.value)
    assert math.isnan(quality.share_missed)
    assert quality.over_patients.note == "No interval: no picture has a box."


def test_a_picture_that_is_gone_is_named(picture):
    from semioscope.core.errors import CohortError

    Path(picture.path).unlink()
    with pytest.raises(CohortError, match=r"a\.png must be a picture that can be read: No such file"):
        look_at(Says(), picture, name="all", label="patient")
