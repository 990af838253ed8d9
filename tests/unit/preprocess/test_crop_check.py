"""What is told of ``crops.tsv`` before a run: rows that cannot be read, that nothing goes by, or out of date."""

from dataclasses import replace

import pytest
from depth_cohort import OFFSET, ONSET, tiny_depth_cohort

from semioscope.cohort import TASKS
from semioscope.core.errors import CohortError
from semioscope.core.records import Region
from semioscope.preprocess import CropPlan, write_crops
from semioscope.preprocess.crop_check import SMALLEST_SIDE, check_crops, run_warnings
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_plans import make_crop_plans

BOX = Region(x=0.25, y=0.25, width=0.5, height=0.5)
TASK = TASKS["fle-vs-tle-vs-nonepileptic"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("checked") / "cohort")


@pytest.fixture
def cohort(shared, tmp_path):
    for table in shared.folder.glob("*.tsv"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    (tmp_path / "videos").symlink_to(shared.folder / "videos")
    return replace(shared, folder=tmp_path)


def plan(name="e1", recording="", **more):
    kept = {
        "box": BOX,
        "cropper": "box",
        "origin": "manual",
        "onset_seconds": ONSET,
        "offset_seconds": OFFSET,
    }
    return CropPlan(event_id=name, recording_id=recording or name, **kept | more)


def told(cohort, *rows):
    write_crops(cohort.folder / "crops.tsv", rows)
    return [(found.row, found.severity, found.message) for found in check_crops(cohort.folder)]


def test_a_good_table_and_none_have_no_problems(cohort):
    assert check_crops(cohort.folder) == []
    assert told(cohort, plan("e1"), plan("e2", box=None), plan("e3", onset_seconds=None)) == []
    make_crop_plans(cohort, crop_events(cohort).events, method="depth", check=False)
    assert check_crops(cohort.folder) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (plan("e9"), "event_id e9 is no seizure of the cohort. Did you mean e3 or e2 or e1? The row is never used."),
        (plan("e1", "r9"), "recording_id r9 is no recording of the cohort. The row is never used. Correct or delete"),
        (plan("e1", "e2"), "event e1 is not in recording e2, but in e1. The row is never used."),
        (plan("e1-pre", "e2"), "event e1-pre is not in recording e2, but in e1."),
        (
            plan("e1", box=Region(x=0.1, y=0.1, width=0.125, height=0.0625)),
            "the accepted box is 12 % of the picture's width and 6.2 % of its height, too little to show a patient.",
        ),
        (plan("e1", box=replace(BOX, height=SMALLEST_SIDE / 2)), "the accepted box is 50 % of the picture's width"),
        (
            plan("e1", onset_seconds=0.1),
            "made by hand for other times of its event: then 0.100 to 2.000 s, now 0.400 to 2.000 s. It is used as "
            "written. Look again: semioscope crop sheet --cropper box.",
        ),
        (
            plan("e1", onset_seconds=0.1, origin="auto"),
            "made automatically for other times of its event: then 0.100 to 2.000 s, now 0.400 to 2.000 s. A run "
            "plans it anew, and so does semioscope crop plan --cropper box.",
        ),
    ],
)  # fmt: skip
def test_rows_to_look_at_are_warnings_with_their_number(cohort, row, message):
    (found,) = told(cohort, plan("e2"), row, plan("e3"))
    number = 2 if row.event_id.startswith("e1") else 4
    assert found[:2] == (number, "warning")
    assert found[2].startswith(message)


@pytest.mark.parametrize("status", ["flagged", "rejected"])
def test_tiny_boxes_that_are_not_used_are_not_told(cohort, status):
    assert told(cohort, plan(box=replace(BOX, width=0.01), status=status)) == []


def test_rows_that_cannot_be_read_are_errors(cohort):
    path = cohort.folder / "crops.tsv"
    write_crops(path, [plan("e1"), plan("e2"), plan("e9")])
    text = path.read_text()
    path.write_text(text.replace("manual", "bogus", 1).replace("\t0.75\t", "\t1.75\t"))
    found = check_crops(cohort.folder)
    errors = [str(each) for each in found if each.severity == "error"]
    assert errors[0].startswith("crops.tsv row 2 (event e1): origin must be auto or manual, got 'bogus'.")
    assert errors[1].startswith("crops.tsv row 3 (event e2): A box must lie inside the picture")
    with pytest.raises(CohortError, match=r"(?s)row 2 \(event e1\): origin must.*row 3"):
        run_warnings(cohort, (), "box")
    path.write_text(text.replace("event_id", "event", 1))
    assert "must have a column event_id" in str(check_crops(cohort.folder)[-1])
    (cohort.folder / "seizures.tsv").unlink()  # the check of the cohort tells this
    path.write_text(text)
    assert check_crops(cohort.folder) == []


def test_parts_are_known_and_their_times_compared(cohort):
    seizures = [
        replace(seizure, views=(replace(seizure.views[0], onset_seconds=0.9),)) for seizure in cohort.seizures
    ]
    table = cohort.folder / "seizures.tsv"
    table.write_text(table.read_text().replace("\t0.4\t", "\t0.9\t"))
    roomy = replace(cohort, seizures=tuple(seizures), annotations=())
    for part_seconds, wanted in ((78.0, []), (0.5, [(2, "warning"), (3, "warning"), (4, "warning")])):
        events = [
            event for event in crop_events(roomy, task=TASK, part_seconds=part_seconds).events
            if event.event_id.endswith("-pre")
        ]  # fmt: skip
        (cohort.folder / "crops.tsv").unlink(missing_ok=True)
        make_crop_plans(roomy, events, method="depth", check=False)
        found = check_crops(cohort.folder)
        assert [(each.row, each.severity) for each in found] == wanted
        assert all("(or for parts of another --part-seconds)" in each.message for each in found)
        assert run_warnings(roomy, events, "depth") == ()


def test_a_run_is_warned_of_rows_of_its_own_cropper(cohort):
    rows = [plan("e1", cropper=name, onset_seconds=0.1) for name in ("box", "depth")]
    write_crops(cohort.folder / "crops.tsv", [*rows, plan("e9", cropper="", onset_seconds=None)])
    events = crop_events(cohort, ["e1"]).events
    one, two = run_warnings(cohort, events, "depth")
    assert one.startswith("crops.tsv row 3 (event e1): made by hand for other times of its event")
    assert two.startswith("crops.tsv row 4 (event e9): event_id e9 is no seizure of the cohort.")
    (cohort.folder / "crops.tsv").unlink()
    assert run_warnings(cohort, events, "depth") == ()
