import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.formats import CROPS
from semioscope.core.records import EventView, Recording, Region
from semioscope.networks import Detection, Detector
from semioscope.preprocess import (
    CROP_METHODS,
    CropPlan,
    DepthPlanes,
    crop_method,
    merge_crops,
    read_crops,
    write_crops,
)

BOX = Region(x=0.1, y=0.2, width=0.5, height=0.25)
WHOLE = Region(x=0.0, y=0.0, width=1.0, height=1.0)


def recording(**options):
    return Recording(recording_id="r1", patient_id="p1", view="large", path="a.mpg", **options)


def plan(event="e1", **options):
    return CropPlan(**{"event_id": event, "recording_id": "r1", "box": BOX} | options)


class Everywhere:
    """A detector that finds bed and person wherever it looks."""

    def detect(self, picture):
        return [Detection(label=label, score=0.9, box=WHOLE) for label in ("bed", "person")]


@pytest.mark.parametrize("name", [name for name, method in CROP_METHODS.items() if method.box is not None])
def test_every_box_is_an_accepted_plan(name):
    made = crop_method(name).box("e1", recording(region=BOX), np.zeros((9, 16, 3), np.uint8), Everywhere())
    assert (made.event_id, made.recording_id, made.origin, made.status) == ("e1", "r1", "auto", "accepted")


def test_identity_and_montage():
    assert (
        crop_method("identity").box("e1", recording(region=BOX), None, None).region_of(recording()) == WHOLE
    )
    assert crop_method("montage").box("e1", recording(region=BOX), None, None).box == BOX
    assert crop_method("montage").box("e1", recording(blank=BOX), None, None).box is None
    with pytest.raises(CohortError, match="recording r1 must have a region or a blank"):
        crop_method("montage").box("e1", recording(), None, None)
    with pytest.raises(ConfigError, match=r"Unknown cropper 'montag'. Did you mean montage"):
        crop_method("montag")


@pytest.mark.parametrize(("status", "expected"), [("accepted", BOX), ("flagged", WHOLE), ("rejected", WHOLE)])
def test_only_accepted_boxes_are_used(status, expected):
    assert plan(status=status).region_of(recording(region=WHOLE)) == expected


def test_round_trip(tmp_path):
    plans = [plan("e1"), plan("e2", box=None, status="flagged"), plan("e3", origin="manual")]
    write_crops(tmp_path / "crops.tsv", plans)
    got = read_crops(tmp_path / "crops.tsv")
    assert [(p.event_id, p.origin, p.status) for p in got] == [
        (p.event_id, p.origin, p.status) for p in plans
    ]
    for read, written in zip(got, plans, strict=True):
        assert (read.box is None) == (written.box is None)
        if read.box is not None:
            assert (read.box.x, read.box.y, read.box.width, read.box.height) == pytest.approx(
                (BOX.x, BOX.y, BOX.width, BOX.height)
            )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["x", "y"]), *[st.floats(allow_nan=False, allow_infinity=False)] * 2, st.floats(-1e9, 1e9)
)
def test_planes_come_back_exactly(tmp_path, axis, lower_slope, upper_slope, intercept):
    planes = DepthPlanes(
        axis=axis, lower_slope=lower_slope, lower_intercept=intercept, upper_slope=upper_slope,
        upper_intercept=intercept + 1,
    )  # fmt: skip
    plans = [
        plan("e1", planes=planes),
        plan("e2", planes=planes, status="flagged", depth_reason="52 % of the depth is missing."),
        plan("e3", depth_reason="The frame holds no depth at all.", box_reason="No bed."),
    ]
    path = tmp_path / "crops.tsv"
    path.unlink(missing_ok=True)
    write_crops(path, plans)
    got = read_crops(path)
    assert [(p.planes, p.depth_reason, p.box_reason) for p in got] == [
        (p.planes, p.depth_reason, p.box_reason) for p in plans
    ]
    assert [p.accepted_planes for p in got] == [planes, None, None]
    before = path.read_bytes()
    assert write_crops(path, []) == got
    assert path.read_bytes() == before


def test_planes_by_hand_survive_and_old_tables_read(tmp_path):
    path = tmp_path / "crops.tsv"
    header = "event_id\trecording_id\tleft\ttop\tright\tbottom\torigin\tstatus"
    path.write_text(f"{header}\ne1\tr1\t0\t0\t1\t1\tauto\taccepted\n")
    assert read_crops(path) == [plan("e1", box=WHOLE)]
    planes = DepthPlanes(
        axis="y", lower_slope=0.0, lower_intercept=900.0, upper_slope=0.0, upper_intercept=1900.0
    )
    path.write_text(
        f"{header}\tdepth_axis\tdepth_lower_slope\tdepth_lower_intercept\tdepth_upper_slope\tdepth_upper_intercept\n"
        "e1\tr1\tn/a\tn/a\tn/a\tn/a\tmanual\taccepted\ty\t0\t900\t0\t1900\n"
    )
    write_crops(path, [plan("e1"), plan("e2")])
    assert [(p.origin, p.accepted_planes) for p in read_crops(path)] == [("manual", planes), ("auto", None)]


def test_which_cropper_made_a_row_is_kept(tmp_path):
    path = tmp_path / "crops.tsv"
    header = "event_id\trecording_id\tleft\ttop\tright\tbottom\torigin\tstatus"
    path.write_text(f"{header}\ne1\tr1\t0\t0\t1\t1\tauto\taccepted\n")
    (old,) = read_crops(path)
    assert old.cropper == ""
    write_crops(path, [plan("e2", cropper="depth_box")])
    assert [row.cropper for row in read_crops(path)] == ["", "depth_box"]
    assert path.read_text().splitlines()[0].endswith("\tcropper\tonset_seconds\toffset_seconds\tdetector")


def test_the_table_knows_every_cropper(tmp_path):
    column = CROPS.column("cropper")
    assert column.choices == tuple(CROP_METHODS)
    path = tmp_path / "crops.tsv"
    write_crops(path, [plan("e1", cropper=name) for name in CROP_METHODS])
    assert sorted(row.cropper for row in read_crops(path)) == sorted(CROP_METHODS)
    path.write_text(path.read_text().replace("depth_box", "depht_box"))
    with pytest.raises(CohortError, match=r"\(event e1\): cropper must be depth_box or .*got 'depht_box'"):
        read_crops(path)


def test_no_two_rows_share_event_recording_and_cropper(tmp_path):
    path = tmp_path / "crops.tsv"
    write_crops(path, [plan("e1", cropper="box"), plan("e1", cropper="depth"), plan("e2", cropper="box")])
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows, rows[0].replace("auto", "manual")]) + "\n")
    with pytest.raises(
        CohortError, match=r"row 5 \(event e1\): .* must be those of one row only, but row 2 has"
    ):
        read_crops(path)


@pytest.mark.parametrize(
    ("times", "fits"),
    [
        ((None, None), True), ((1.0, 9.0), True), ((1.0009, 9.0), True), ((1.0, 8.999), True),
        ((1.002, 9.0), False), ((1.0, 9.1), False), ((None, 9.1), False), ((1.0, None), True),
    ],
)  # fmt: skip
def test_a_plan_fits_the_times_it_was_made_for(tmp_path, times, fits):
    made = plan("e1", onset_seconds=times[0], offset_seconds=times[1])
    assert made.fits(EventView(recording_id="r1", onset_seconds=1.0, offset_seconds=9.0)) == fits
    write_crops(tmp_path / "crops.tsv", [made])
    (read,) = read_crops(tmp_path / "crops.tsv")
    assert (read.onset_seconds, read.offset_seconds) == times


def test_a_remark_about_depth_is_no_doubt(tmp_path):
    both = plan("e1", status="flagged", depth_reason="Little depth. Remark: The readings disagree.")
    alone = plan("e2", depth_reason="Remark: The readings disagree.")
    assert (both.depth_doubt, both.depth_remark) == ("Little depth.", "The readings disagree.")
    assert (alone.depth_doubt, alone.depth_remark) == ("", "The readings disagree.")
    assert (plan(depth_reason="Little depth.").depth_doubt, plan().depth_remark) == ("Little depth.", "")
    write_crops(tmp_path / "crops.tsv", [both, alone])
    assert [row.depth_reason for row in read_crops(tmp_path / "crops.tsv")] == [
        both.depth_reason, alone.depth_reason,
    ]  # fmt: skip


def test_faulty_planes_are_named(tmp_path):
    path = tmp_path / "crops.tsv"
    write_crops(path, [plan("e1")])
    head, row = path.read_text().splitlines()
    half = row.replace("accepted\tn/a", "accepted\tx")
    path.write_text(f"{head}\n{half}\n")
    with pytest.raises(
        CohortError, match=r"row 2 \(event e1\): A depth crop needs depth_axis, .*upper_intercept is n/a"
    ):
        read_crops(path)


def test_manual_rows_survive(tmp_path):
    path = tmp_path / "crops.tsv"
    write_crops(path, [plan("e1", origin="manual", status="rejected"), plan("e2")])
    write_crops(path, [plan("e1"), plan("e2", status="flagged"), plan("e3")])
    assert [(p.event_id, p.origin, p.status) for p in read_crops(path)] == [
        ("e1", "manual", "rejected"),
        ("e2", "auto", "flagged"),
        ("e3", "auto", "accepted"),
    ]
    corrected = merge_crops(read_crops(path), [plan("e1", origin="manual", box=None)])
    assert corrected[0].box is None


def test_every_faulty_row_is_named(tmp_path):
    (tmp_path / "crops.tsv").write_text(
        "event_id\trecording_id\tleft\ttop\tright\tbottom\torigin\tstatus\n"
        "e1\tr1\t0\t0\t1\t1\tauto\taccepted\n"
        "e2\tr1\t0.5\t0\t0.2\t1\tauto\taccepted\n"
        "e3\tr1\t0.5\tn/a\t0.2\t1\tauto\taccepted\n"
        "e4\tr1\t0\t0\t1\t1\tauto\tmaybe\n"
    )
    with pytest.raises(CohortError, match=r"row 3 \(event e2\): A box must lie inside") as caught:
        read_crops(tmp_path / "crops.tsv")
    assert "row 4 (event e3): A box needs left, top, right and bottom, or n/a four times" in str(caught.value)
    assert "row 5" in str(caught.value)


def test_detections():
    class Middle:
        def detect(self, picture):
            return [Detection(label="person", score=0.9, box=BOX)]

    assert isinstance(Middle(), Detector)
    with pytest.raises(ValueError, match=r"score of a detection must be in \[0, 1\], got 1.5"):
        Detection(label="bed", score=1.5, box=BOX)
