"""The box crop: what is found, what is offered, what is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.core.records import Recording, Region
from semioscope.networks import Detection, read_recorded, write_recorded
from semioscope.preprocess import (
    BoxCropConfig,
    CropPlan,
    DepthPlanes,
    box_after_depth,
    box_crop,
    crop_method,
    find_box,
    merged_box,
    read_crops,
    widened,
    write_crops,
)

BED = Region(x=0.2, y=0.3, width=0.4, height=0.2)
BODY = Region(x=0.3, y=0.2, width=0.2, height=0.2)
MERGED = Region(x=0.2, y=0.2, width=0.4, height=0.3)
PICTURE = np.zeros((50, 100, 3), np.uint8)
PLANES = DepthPlanes(axis="x", lower_slope=0, lower_intercept=900, upper_slope=0, upper_intercept=2000)


def seen(label, score=0.9, box=None, **options):
    return Detection(label=label, score=score, box=box or {"bed": BED, "person": BODY}[label], **options)


def recording(**options):
    return Recording(recording_id="r1", patient_id="p1", view="large", path="a.mkv", **options)


class Fixed:
    """A detector that always finds the same."""

    def __init__(self, *found):
        self.found, self.sizes = found, []

    def detect(self, picture):
        self.sizes.append(picture.shape)
        return self.found


def close(one, other):
    return all(
        getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
        for name in ("x", "y", "width", "height")
    )


part = st.integers(0, 20)
regions = st.builds(
    lambda x, y, width, height: Region(
        x=x / 40, y=y / 40, width=(1 + width) / 42, height=(1 + height) / 42
    ),
    part, part, part, part,
)  # fmt: skip


@given(boxes=st.lists(regions, min_size=1, max_size=4), margin=st.sampled_from([0.0, 0.2, 0.3, 2.0]))
def test_merging_and_widening_hold_what_they_began_with(boxes, margin):
    merged = merged_box(boxes)
    wide = widened(merged, margin)
    for box in boxes:
        for outer in (merged, wide):
            assert outer.x <= box.x + 1e-9
            assert outer.y <= box.y + 1e-9
            assert outer.x + outer.width >= box.x + box.width - 1e-9
            assert outer.y + outer.height >= box.y + box.height - 1e-9
    assert merged_box(boxes[::-1]) == merged
    assert widened(merged, 0) == merged or close(widened(merged, 0), merged)


def test_each_side_moves_by_a_share_of_its_own_length():
    box = Region(x=0.4, y=0.4, width=0.2, height=0.1)
    assert close(widened(box, 0.2), Region(x=0.36, y=0.38, width=0.28, height=0.14))
    assert close(widened(box, 0.3), Region(x=0.34, y=0.37, width=0.32, height=0.16))
    assert close(widened(box, 9), Region(x=0, y=0, width=1, height=1))


def test_the_best_bed_and_the_best_person_are_merged():
    found = find_box([seen("person"), seen("bed"), seen("chair", box=Region(x=0, y=0, width=1, height=1))])
    assert (found.status, found.missing, found.reason) == ("accepted", (), "")
    assert close(found.box, widened(MERGED, 0.2))
    wider = find_box([seen("person"), seen("bed")], BoxCropConfig(margin=0.3))
    assert close(wider.box, widened(MERGED, 0.3))


@pytest.mark.parametrize(
    ("detections", "missing", "box", "reason"),
    [
        (
            [],
            ("bed", "person"),
            None,
            "No bed with a score of at least 0.7. No person with a score of at least 0.7.",
        ),
        (
            [seen("bed")],
            ("person",),
            BED,
            "No person with a score of at least 0.7. The box around bed alone is offered.",
        ),
        (
            [seen("person"), seen("bed", 0.69)],
            ("bed",),
            BODY,
            "No bed with a score of at least 0.7 (best 0.69). The box around person alone is offered.",
        ),
    ],
)
def test_what_is_missing_flags_the_plan_and_what_is_found_is_offered(detections, missing, box, reason):
    found = find_box(detections)
    assert (found.status, found.missing, found.reason) == ("flagged", missing, reason)
    assert (found.box is None) == (box is None)
    assert box is None or close(found.box, widened(box, 0.2))
    plan = box_crop("e1", recording(), PICTURE, Fixed(*detections))
    assert (plan.status, plan.box, plan.box_reason, plan.origin) == ("flagged", found.box, reason, "auto")
    assert plan.region_of(recording()) is None  # the raw picture


def test_the_least_score_itself_is_enough():
    assert find_box([seen("bed", 0.7), seen("person", 0.7)]).status == "accepted"
    assert find_box([seen("bed", 0.5)], BoxCropConfig(min_score=0.5, labels=("bed",))).status == "accepted"


def test_of_two_persons_the_best_score_is_used_and_their_number_told():
    carer = Region(x=0.8, y=0.1, width=0.1, height=0.8)
    found = find_box([seen("person", 0.8, carer), seen("bed"), seen("person", 0.95), seen("person", 0.2)])
    assert (found.status, found.num_found) == ("accepted", {"bed": 1, "person": 2})
    assert close(found.box, widened(MERGED, 0.2))
    assert found.reason == "person was found 2 times; the one with the best score (0.95) is used."


def test_a_box_that_was_cut_at_the_edge_is_told():
    found = find_box([seen("person", clipped=True), seen("bed")])
    assert found.status == "accepted"
    assert found.reason == "The box of person reached out of the picture and was cut at its edge."


def test_the_two_margins_are_croppers():
    detector = Fixed(seen("bed"), seen("person"))
    for name, margin in (("box", 0.2), ("depth_box", 0.3)):
        plan = crop_method(name).box("e1", recording(), PICTURE, detector)
        assert close(plan.box, widened(MERGED, margin))
    for name in ("box", "depth_box"):
        with pytest.raises(ConfigError, match=r"cropper box needs a detector \(event e1\)"):
            crop_method(name).box("e1", recording(), PICTURE, None)
        with pytest.raises(ConfigError, match="needs the picture of the event's first frame"):
            crop_method(name).box("e1", recording(), None, detector)


def test_the_detector_sees_the_recordings_part_and_the_box_stays_in_it():
    half = Region(x=0.5, y=0.0, width=0.5, height=1.0)
    detector = Fixed(seen("bed"), seen("person"))
    plan = box_crop("e1", recording(region=half), PICTURE, detector, config=BoxCropConfig(margin=5))
    assert detector.sizes == [(50, 50, 3)]
    assert close(plan.box, half)
    plan = box_crop("e1", recording(region=half), PICTURE, detector, config=BoxCropConfig(margin=0))
    assert close(plan.box, Region(x=0.6, y=0.2, width=0.2, height=0.3))


def test_recorded_detections_are_asked_for_their_event(tmp_path):
    path = tmp_path / "seen.json"
    write_recorded(path, {("e1", "r1"): [seen("bed"), seen("person")], ("e2", "r1"): []})
    detector = read_recorded(path)
    assert close(box_crop("e1", recording(), PICTURE, detector).box, widened(MERGED, 0.2))
    assert box_crop("e2", recording(), PICTURE, detector).box is None
    unknown = box_crop("e3", recording(), PICTURE, detector)
    assert (unknown.status, unknown.box) == ("flagged", None)
    assert "no entry for event e3 in recording r1" in unknown.box_reason


@pytest.mark.parametrize("depth_status", ["accepted", "flagged"])
@pytest.mark.parametrize("box_status", ["accepted", "flagged", "rejected"])
def test_a_row_keeps_planes_and_box_and_the_worse_status(depth_status, box_status, tmp_path):
    depth = CropPlan(
        event_id="e1", recording_id="r1", box=None, planes=PLANES, status=depth_status, depth_reason="why"
    )
    box = CropPlan(event_id="e1", recording_id="r1", box=MERGED, status=box_status, box_reason="because")
    row = box_after_depth(depth, box)
    worse = max(depth_status, box_status, key=["accepted", "flagged", "rejected"].index)
    assert (row.planes, row.box, row.status) == (PLANES, MERGED, worse)
    assert (row.depth_reason, row.box_reason, row.origin) == ("why", "because", "auto")
    assert (row.accepted_planes is not None) == (worse == "accepted")
    write_crops(tmp_path / "crops.tsv", [row])
    (read,) = read_crops(tmp_path / "crops.tsv")
    assert (read.planes, read.status, read.box_reason) == (PLANES, worse, "because")
    assert close(read.box, MERGED)


def test_rows_of_different_events_are_not_joined():
    one, other = (CropPlan(event_id=event, recording_id="r1", box=None) for event in ("e1", "e2"))
    with pytest.raises(ValueError, match="event e1 in r1 cannot be joined with a box of event e2"):
        box_after_depth(one, other)
    manual = CropPlan(event_id="e1", recording_id="r1", box=MERGED, origin="manual")
    assert box_after_depth(one, manual).origin == "manual"
