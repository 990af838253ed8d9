import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.records import EventView, Patient, Recording, Region, Seizure
from semioscope.preprocess import CropPlan, DepthPlanes, read_crops, write_crops
from semioscope.preprocess.crop_decision_file import CHOICES, read_decisions
from semioscope.preprocess.crop_decisions import apply_decisions, decided, plan_digest, view_digest
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.cropper_rows import rows_of

PLANES = DepthPlanes(
    axis="x", lower_slope=0.5, lower_intercept=900.0, upper_slope=0.5, upper_intercept=1800.0
)
BOX = Region(x=0.1, y=0.2, width=0.5, height=0.25)
DRAWN = {"left": 0.125, "top": 0.25, "right": 0.7, "bottom": 0.9}


@pytest.fixture
def cohort(tmp_path):
    """Three events with a plan each: accepted, flagged with a reason, flagged without a box."""
    names = ("e1", "e2", "e3")
    made = Cohort(
        folder=tmp_path / "cohort",
        patients=(Patient(patient_id="p1"),),
        recordings={
            name: Recording(recording_id=name, patient_id="p1", view="main", path=f"{name}.mkv")
            for name in names
        },
        seizures=tuple(
            Seizure(
                seizure_id=name, patient_id="p1",
                views=(EventView(recording_id=name, onset_seconds=1.0, offset_seconds=9.0),),
            )
            for name in names
        ),
    )  # fmt: skip
    write_cohort(made)
    write_crops(
        made.folder / "crops.tsv",
        [
            plan("e1", box=BOX, planes=PLANES),
            plan("e2", planes=PLANES, status="flagged", depth_reason="Little depth."),
            plan("e3", status="flagged"),
        ],
    )
    return made


def plan(name, *, box=None, **more):
    return CropPlan(event_id=name, recording_id=name, box=box, **{"cropper": "depth_box"} | more)


def row(cohort, name, decision, **more):
    (found,) = [each for each in read_crops(cohort.folder / "crops.tsv") if each.event_id == name]
    (event,) = crop_events(cohort, [name]).events
    return {
        "event_id": name, "recording_id": name, "decision": decision, "plan": plan_digest(found),
        "view": view_digest(cohort.recordings[name], name, event.views[0]),
    } | more  # fmt: skip


def file(cohort, rows, **more):
    path = cohort.folder.parent / "crop-decisions.json"
    content = {
        "schema_version": 2, "kind": "crop-decisions", "cohort_hash": cohort.hash, "cropper": "depth_box",
        "decisions": rows,
    } | more  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def apply(cohort, rows, **more):
    return apply_decisions(cohort, crop_events(cohort).events, file(cohort, rows, **more))


def refused(cohort, rows, match, **more):
    """Check that the rows are refused with a message and that the table stays as it is."""
    before = (cohort.folder / "crops.tsv").read_bytes()
    with pytest.raises(CohortError, match=match):
        apply(cohort, rows, **more)
    assert (cohort.folder / "crops.tsv").read_bytes() == before


def test_each_choice(cohort):
    done = apply(
        cohort,
        [
            row(cohort, "e1", "reject"),
            row(cohort, "e2", "accept"),
            row(cohort, "e3", "redraw", box=DRAWN, planes=False),
        ],
    )
    one, two, three = read_crops(cohort.folder / "crops.tsv")
    assert [each.origin for each in (one, two, three)] == ["manual"] * 3
    assert (one.status, one.planes) == ("rejected", PLANES)
    assert one.region_of(cohort.recordings["e1"]) is None
    assert (two.status, two.planes, two.depth_reason) == ("accepted", PLANES, "Little depth.")
    assert three.status == "accepted"
    assert (three.box.x, three.box.y) == (0.125, 0.25)
    assert (three.box.width, three.box.height) == pytest.approx((0.575, 0.65))
    assert done.plans == (one, two, three)
    assert len(done.changes) == 3
    assert done.changes[0] == "e1 in e1: rejected: the raw picture is used (was accepted, automatic)."


@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_file_twice_changes_nothing_more(cohort, choice):
    rows = [row(cohort, "e1", choice, box=DRAWN)]
    first = apply(cohort, rows)
    table = (cohort.folder / "crops.tsv").read_bytes()
    second = apply(cohort, rows)
    assert (len(first.changes), first.num_unchanged) == (1, 0)
    assert (len(second.changes), second.num_unchanged) == (0, 1)
    assert (cohort.folder / "crops.tsv").read_bytes() == table


def test_a_new_box_keeps_or_drops_the_planes(cohort):
    apply(
        cohort, [row(cohort, "e1", "redraw", box=DRAWN), row(cohort, "e2", "redraw", box=DRAWN, planes=False)]
    )
    one, two, _ = read_crops(cohort.folder / "crops.tsv")
    assert one.planes == PLANES
    assert (two.planes, two.depth_reason) == (None, "")


def test_a_decision_can_be_changed_later(cohort):
    apply(cohort, [row(cohort, "e1", "reject")])
    done = apply(cohort, [row(cohort, "e1", "accept")])
    assert done.changes == ("e1 in e1: accepted (was rejected, by hand).",)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"event_id": "e7"}, r"decision 1 \(event e7, recording e1\): Unknown event 'e7'"),
        ({"recording_id": "e2"}, r"Unknown recording of this event 'e2'"),
        ({"decision": "maybe"}, r"decision 1: event e1: Unknown decision '\"maybe\"'\. Allowed: accept"),
        ({"decision": None}, "Unknown decision 'null'"),
        ({"decision": ["accept"]}, "Unknown decision"),
        ({"event_id": 5}, "must have event_id as text"),
        ({"view": "", "plan": None}, "must have plan and view as text"),
        ({"planes": "yes"}, r"planes must be true or false, got \"yes\""),
        ({"decision": "redraw"}, "a new box needs the numbers left, top, right and bottom, got null"),
        ({"decision": "redraw", "box": [0, 0, 1, 1]}, "a new box needs the numbers"),
        ({"decision": "redraw", "box": DRAWN | {"top": "0"}}, "a new box needs the numbers"),
        ({"decision": "redraw", "box": DRAWN | {"top": True}}, "a new box needs the numbers"),
        ({"decision": "redraw", "box": DRAWN | {"right": 1.25}}, r"must lie inside the picture.*right 1\.25"),
        ({"decision": "redraw", "box": DRAWN | {"left": -0.1}}, "must lie inside the picture"),
        ({"decision": "redraw", "box": DRAWN | {"left": 0.7}}, "must lie inside the picture"),
        ({"decision": "redraw", "box": DRAWN | {"left": 1e999}}, "Infinity is no number"),
        ({"plan": "0" * 16}, "the plan in crops.tsv is another one than that on the sheet"),
        ({"view": "0" * 16}, "its recording or times are others than those on the sheet"),
    ],
)
def test_bad_rows_are_named_and_nothing_is_written(cohort, more, match):
    good = row(cohort, "e2", "accept")
    refused(cohort, [row(cohort, "e1", "accept") | more, good], match)


def test_all_bad_rows_are_told_at_once(cohort):
    rows = [row(cohort, name, "accept") | {"view": "x"} for name in ("e1", "e2")]
    refused(cohort, [*rows, "?"], 'decision 3: must be an object, got "')
    refused(cohort, rows, r"(?s)nothing was changed:\n.*decision 1 .*\n.*decision 2 ")
    refused(cohort, [rows[0], rows[0]], "must be decided once, but comes twice")


def test_a_rejection_needs_no_plan_that_was_seen(cohort):
    apply(cohort, [row(cohort, "e1", "reject", plan="0" * 16)])
    assert read_crops(cohort.folder / "crops.tsv")[0].status == "rejected"


def test_labels_may_change_but_times_may_not(cohort):
    good = row(cohort, "e1", "accept")
    named = replace(cohort, patients=(Patient(patient_id="p1", labels={"syndrome": "FLE"}),))
    assert named.hash != cohort.hash
    assert len(apply_decisions(named, crop_events(named).events, file(cohort, [good])).changes) == 1
    view = replace(cohort.seizures[0].views[0], onset_seconds=2.0)
    moved = replace(cohort, seizures=(replace(cohort.seizures[0], views=(view,)),), annotations=())
    with pytest.raises(CohortError, match="times and files have changed since: none of its 1 decisions fits"):
        apply_decisions(moved, crop_events(moved).events, file(cohort, [good]))


def test_a_file_of_another_cohort(cohort):
    rows = [row(cohort, name, "accept") | {"event_id": f"x{name}"} for name in ("e1", "e2")]
    refused(
        cohort, rows, "must hold decisions on this cohort, but was made for another", cohort_hash="f" * 32
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "must be the JSON that the contact sheet downloads, but is damaged"),
        ('{"schema_version": 1, "kind": "crop-dec', "but is damaged"),
        ("[" * 100_000, "but is damaged"),
        ("\xff\xfe", "but is damaged|is something else"),
        ("[]", "is something else"),
        ('{"kind": "scores"}', "is something else"),
        ('{"kind": "crop-decisions"}', "must have a schema_version of 1 or more, got None"),
        ('{"kind": "crop-decisions", "schema_version": 3}', "a newer semioscope made it"),
        (
            '{"kind": "crop-decisions", "schema_version": 2, "decisions": []}',
            "must say of which cropper the plans are, got None",
        ),
        ('{"kind": "crop-decisions", "schema_version": 1}', "must hold a list of decisions"),
    ],
)
def test_damaged_files(cohort, tmp_path, text, match):
    path = tmp_path / "broken.json"
    path.write_bytes(text.encode("latin-1"))
    before = (cohort.folder / "crops.tsv").read_bytes()
    with pytest.raises(CohortError, match=match):
        apply_decisions(cohort, crop_events(cohort).events, path)
    assert (cohort.folder / "crops.tsv").read_bytes() == before


def test_absent_files(cohort, tmp_path):
    with pytest.raises(CohortError, match="does not exist"):
        read_decisions(tmp_path / "no.json")
    with pytest.raises(CohortError, match="must be a file that can be read"):
        read_decisions(tmp_path)
    path = file(cohort, [row(cohort, "e1", "accept")])
    (cohort.folder / "crops.tsv").unlink()
    with pytest.raises(CohortError, match=r"crops.tsv must exist before decisions.*semioscope crop plan"):
        apply_decisions(cohort, crop_events(cohort).events, path)


def test_no_decisions_change_nothing(cohort):
    done = apply(cohort, [])
    assert (done.changes, done.num_unchanged) == ((), 0)


def test_an_event_without_a_plan(cohort):
    good = row(cohort, "e1", "accept")
    write_all_but = [each for each in read_crops(cohort.folder / "crops.tsv") if each.event_id != "e1"]
    (cohort.folder / "crops.tsv").unlink()
    write_crops(cohort.folder / "crops.tsv", write_all_but)
    refused(cohort, [good, row(cohort, "e2", "accept")], "crops.tsv has no plan for it")


fractions = st.floats(0, 1).map(lambda value: round(value, 6))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(fractions, fractions), st.tuples(fractions, fractions))
def test_any_box_survives_the_table_and_its_own_file_again(cohort, across, down):
    (left, right), (top, bottom) = sorted(across), sorted(down)
    if right - left < 1e-5 or bottom - top < 1e-5:
        return
    box = {"left": left, "top": top, "right": right, "bottom": bottom}
    rows = [row(cohort, "e3", "redraw", box=box)]
    apply(cohort, rows)
    assert apply(cohort, rows).changes == ()
    kept = read_crops(cohort.folder / "crops.tsv")[2].box
    got = [kept.x, kept.y, kept.x + kept.width, kept.y + kept.height]
    assert got == pytest.approx([left, top, right, bottom], abs=1e-9)


def test_digests_see_what_is_kept_and_not_who_said_so():
    one = plan("e1", box=BOX, planes=PLANES)
    assert plan_digest(one) == plan_digest(replace(one, origin="manual", status="rejected", depth_reason="x"))
    others = [
        replace(one, box=None), replace(one, planes=None), replace(one, box=replace(BOX, x=0.11)),
        replace(one, planes=replace(PLANES, lower_slope=0.6)),
    ]  # fmt: skip
    assert len({plan_digest(each) for each in [one, *others]}) == 5


def test_decided_is_what_the_words_say(cohort):
    (decision,) = read_decisions(file(cohort, [row(cohort, "e1", "accept")])).decisions
    one = read_crops(cohort.folder / "crops.tsv")[0]
    view = cohort.seizures[0].views[0]
    assert decided(one, decision, cropper="depth_box", view=view) == replace(
        one, origin="manual", onset_seconds=1.0, offset_seconds=9.0
    )
    assert set(CHOICES) == {"accept", "reject", "redraw"}


def keys(cohort):
    return [(each.event_id, each.cropper, each.origin) for each in read_crops(cohort.folder / "crops.tsv")]


def test_a_decision_is_about_the_cropper_that_was_shown(cohort):
    table = cohort.folder / "crops.tsv"
    write_crops(table, [plan("e1", box=BOX, cropper="box")])
    seen = row(cohort, "e3", "accept") | {"event_id": "e1", "recording_id": "e1", "decision": "reject"}
    (event,) = crop_events(cohort, ["e1"]).events
    seen["view"] = view_digest(cohort.recordings["e1"], "e1", event.views[0])
    before = {each.key: each for each in read_crops(table)}
    done = apply(cohort, [seen], cropper="box")
    assert done.cropper == "box"
    assert [each.key for each in done.plans] == [("e1", "e1", "box")]
    after = {each.key: each for each in read_crops(table)}
    assert set(after) == set(before)
    assert [key for key in after if after[key] != before[key]] == [("e1", "e1", "box")]
    refused(cohort, [row(cohort, "e2", "accept")], "crops.tsv has no plan for it", cropper="box")
    with pytest.raises(ConfigError, match="Unknown cropper 'bocks'"):
        apply(cohort, [seen], cropper="bocks")


def test_files_of_version_1_are_about_the_only_cropper(cohort):
    good = row(cohort, "e1", "accept")
    assert apply(cohort, [good], schema_version=1, cropper=None).cropper == "depth_box"
    write_crops(cohort.folder / "crops.tsv", [plan("e2", cropper="box")])
    with pytest.raises(ConfigError, match=r"holds those of box, depth_box\. Name one"):
        apply(cohort, [good], schema_version=1, cropper=None)


def older(cohort, *rows):
    """Write a table whose rows name no cropper and no times."""
    (cohort.folder / "crops.tsv").unlink()
    write_crops(cohort.folder / "crops.tsv", [replace(each, cropper="") for each in rows])


def test_decisions_on_an_older_table_serve_every_cropper(cohort):
    older(cohort, plan("e1", box=BOX), plan("e2"))
    apply(cohort, [row(cohort, "e1", "reject")], cropper="")
    assert keys(cohort) == [("e1", "", "manual"), ("e2", "", "auto")]


def test_a_row_that_serves_every_cropper_stays_beside_the_decision_on_one(cohort):
    mine = plan("e1", box=BOX, origin="manual")
    older(cohort, mine)
    apply(cohort, [row(cohort, "e1", "reject")], cropper="box")
    table = read_crops(cohort.folder / "crops.tsv")
    assert [(each.cropper, each.status) for each in table] == [("", "accepted"), ("box", "rejected")]
    assert [each.status for each in rows_of(table, "depth_box")] == ["accepted"]


def test_a_plan_for_other_times_is_of_these_times_once_it_is_decided_on(cohort):
    table = cohort.folder / "crops.tsv"
    write_crops(table, [plan("e1", box=BOX, origin="manual", onset_seconds=0.5, offset_seconds=9.0)])
    decision = row(cohort, "e1", "accept")
    assert len(apply(cohort, [decision]).changes) == 1
    assert (read_crops(table)[0].onset_seconds, read_crops(table)[0].offset_seconds) == (1.0, 9.0)
    before = table.read_bytes()
    assert apply(cohort, [decision]).changes == ()
    assert table.read_bytes() == before
