"""Whose row is whose: laws of merging, of the rows a cropper goes by, and of older tables."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.core.records import Event, EventView, Region
from semioscope.preprocess import CROP_METHODS, CropPlan, merge_crops, read_crops, write_crops
from semioscope.preprocess.cropper_rows import (
    by_place,
    croppers_of,
    row_notes,
    rows_of,
    the_cropper,
    to_plan,
    usable,
)

BOX = Region(x=0.1, y=0.2, width=0.5, height=0.25)
CROPPERS = ("box", "depth_box", "")
VIEW = EventView(recording_id="r1", onset_seconds=1.0, offset_seconds=9.0)
EVENT = Event(event_id="e1", patient_id="p1", y_true=None, views=(VIEW,))
VIEWS = {("e1", "r1"): VIEW}


def plan(cropper="", origin="auto", *, event="e1", **more):
    return CropPlan(event_id=event, recording_id="r1", cropper=cropper, origin=origin, **{"box": BOX} | more)


plans = st.builds(
    CropPlan,
    event_id=st.sampled_from(["e1", "e2"]),
    recording_id=st.sampled_from(["r1", "r2"]),
    box=st.sampled_from([None, BOX]),
    origin=st.sampled_from(["auto", "auto", "manual"]),
    status=st.sampled_from(["accepted", "flagged"]),
    cropper=st.sampled_from(CROPPERS),
    onset_seconds=st.sampled_from([None, 1.0, 2.0]),
)
tables = st.lists(plans, max_size=8, unique_by=lambda row: (row.event_id, row.recording_id, row.cropper))
"""What a table can hold: one row of every key."""


def automatic(rows):
    return [row for row in rows if row.origin == "auto"]


@given(tables, tables)
def test_merging_is_idempotent_and_keys_are_unique(old, new):
    once = merge_crops(old, new)
    assert merge_crops(once, new) == once
    assert merge_crops(once, []) == once
    assert [row.key for row in once] == sorted({row.key for row in once})


@given(tables, st.lists(tables, max_size=4))
def test_rows_by_hand_survive_whatever_is_planned(old, plannings):
    by_hand = {row.key: row for row in old if row.origin == "manual"}
    for planning in plannings:
        old = merge_crops(old, automatic(planning))
        assert {row.key: row for row in old if row.origin == "manual"} == by_hand


@given(tables, tables)
def test_the_order_of_croppers_does_not_matter(old, new):
    """Each cropper plans its own rows; whatever comes first, the table is the same in the end."""
    named = [row for row in automatic(new) if row.cropper]
    ends = []
    for order in permutations(sorted({row.cropper for row in named})):
        table = old
        for cropper in order:
            table = merge_crops(table, [row for row in named if row.cropper == cropper])
        ends.append(table)
    assert all(end == ends[0] for end in ends)


@given(tables, st.sampled_from([*CROP_METHODS, ""]))
def test_a_cropper_has_one_row_for_each_event_and_recording_and_none_of_another(table, cropper):
    found = rows_of(table, cropper)
    assert [row.place for row in found] == sorted({row.place for row in found})
    assert {row.cropper for row in found} <= {"", cropper}
    assert rows_of(found, cropper) == found
    assert rows_of(list(reversed(table)), cropper) == found


@given(tables, tables, st.sampled_from(CROPPERS[:2]))
def test_what_another_cropper_plans_changes_no_row_by_name(old, new, cropper):
    others = [row for row in automatic(new) if row.cropper not in ("", cropper)]
    before = [row for row in rows_of(old, cropper) if row.cropper or row.origin == "manual"]
    after = [
        row for row in rows_of(merge_crops(old, others), cropper) if row.cropper or row.origin == "manual"
    ]
    assert before == after


RANKS = (("box", "manual"), ("", "manual"), ("box", "auto"), ("", "auto"))


@pytest.mark.parametrize("first", range(len(RANKS)))
def test_which_row_wins(first):
    table = [plan(*which) for which in RANKS[first:]]
    (found,) = rows_of(table, "box")
    assert (found.cropper, found.origin) == RANKS[first]


def test_an_unnamed_row_by_hand_serves_every_cropper_and_a_named_one_its_own():
    every = plan("", "manual", status="rejected")
    assert [rows_of([every], name) for name in CROP_METHODS] == [[every]] * len(CROP_METHODS)
    own = plan("box", "manual")
    assert rows_of([own], "depth_box") == []
    assert rows_of([every, own], "box") == [own]
    assert rows_of([every, own], "depth_box") == [every]


def test_an_older_table_is_read_as_that_of_any_cropper_until_it_is_planned_anew(tmp_path):
    path = tmp_path / "crops.tsv"
    header = "event_id\trecording_id\tleft\ttop\tright\tbottom\torigin\tstatus"
    path.write_text(
        f"{header}\ne1\tr1\t0\t0\t1\t1\tauto\taccepted\ne2\tr1\t0\t0\t1\t1\tmanual\trejected\n"
        "e3\tr1\t0\t0\t1\t1\tauto\tflagged\n"
    )
    old = read_crops(path)
    assert the_cropper(old) == ""
    assert [rows_of(old, name) for name in (*CROP_METHODS, "")] == [old] * (len(CROP_METHODS) + 1)
    assert to_plan([EVENT], old, "box") == []
    assert row_notes(rows_of(old, "box")[:1], VIEWS, "box") == [
        "1 row of crops.tsv does not say which cropper made it and is used as written. semioscope crop plan "
        "--cropper box makes it anew."
    ]
    new = write_crops(path, [plan("box"), plan("box", event="e2")])
    assert [(row.event_id, row.cropper, row.origin) for row in new] == [
        ("e1", "box", "auto"), ("e2", "", "manual"), ("e2", "box", "auto"), ("e3", "", "auto"),
    ]  # fmt: skip
    assert [row.cropper for row in rows_of(new, "box")] == ["box", "", ""]
    assert [(row.event_id, row.cropper) for row in rows_of(new, "depth_box")] == [("e2", ""), ("e3", "")]
    assert to_plan([EVENT], new, "depth_box") == [EVENT]


def test_plans_of_several_croppers_are_never_taken_for_one():
    rows = [plan("box"), plan("depth"), plan("box", event="e2")]
    assert by_place(rows_of(rows, "box")) == {("e1", "r1"): rows[0], ("e2", "r1"): rows[2]}
    with pytest.raises(
        ValueError, match=r"must have one crop plan in r1, got those of the croppers box and depth"
    ):
        by_place(rows)


def test_which_cropper_is_meant():
    assert the_cropper([]) == ""
    assert the_cropper([plan("depth"), plan("")]) == "depth"
    assert the_cropper([plan("depth")], "box") == "box"
    assert the_cropper([plan("depth")], "") == ""
    two = [plan("depth"), plan("box", "manual")]
    assert croppers_of([*two, plan("")]) == ["box", "depth"]
    with pytest.raises(ConfigError, match=r"holds those of box, depth\. Name one, such as --cropper box"):
        the_cropper(two)
    with pytest.raises(ConfigError, match=r"Unknown cropper 'bocks'"):
        the_cropper(two, "bocks")


def test_what_was_planned_for_other_times_is_planned_anew_but_not_by_hand():
    moved = {"onset_seconds": 1.5, "offset_seconds": 9.0}
    automatic, mine = plan("box", **moved), plan("box", "manual", **moved)
    assert to_plan([EVENT], [automatic], "box") == [EVENT]
    assert usable([automatic], VIEWS, "box") == []
    assert to_plan([EVENT], [mine], "box") == []
    assert usable([mine], VIEWS, "box") == [mine]
    assert to_plan([EVENT], [replace(automatic, onset_seconds=1.0005)], "box") == []
    assert row_notes([mine], VIEWS, "box") == [
        "1 row of crops.tsv by hand was made for other times of its event and is used as written: e1 in r1, then "
        "1.500 to 9.000 s, now 1.000 to 9.000 s. Look again: semioscope crop sheet --cropper box."
    ]
    both = replace(EVENT, views=(VIEW, replace(VIEW, recording_id="r2")))
    (left,) = to_plan([both], [plan("box")], "box")
    assert [view.recording_id for view in left.views] == ["r2"]


def test_many_moved_rows_are_counted():
    rows = [plan("box", "manual", event=f"e{k}", onset_seconds=0.0) for k in range(7)]
    (note,) = row_notes(rows, {row.place: VIEW for row in rows}, "box")
    assert note.startswith("7 rows of crops.tsv by hand were made for other times of their events")
    assert "; and 2 more. Look again" in note
