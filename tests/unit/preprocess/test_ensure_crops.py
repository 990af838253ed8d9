"""Crop plans that a run asks for: what stands stays, what is missing is planned, once."""

import json
import threading
from dataclasses import replace
from itertools import permutations

import pytest
from depth_cohort import OFFSET, ONSET, tiny_depth_cohort

from semioscope.cohort import TASKS
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.locks import locked
from semioscope.core.records import Region
from semioscope.networks import Detection
from semioscope.networks.detector_folder import detector_identity
from semioscope.networks.detector_recorded import write_recorded
from semioscope.preprocess import CropPlan, crop_plans, read_crops, write_crops
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_failures import failures_path, read_failures
from semioscope.preprocess.crop_plans import ensure_crops, make_crop_plans
from semioscope.preprocess.crops import LOCKS

TASK = TASKS["fle-vs-tle-vs-nonepileptic"]
BOX = Region(x=0.25, y=0.25, width=0.5, height=0.5)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("ensured") / "cohort")


@pytest.fixture
def cohort(shared, tmp_path):
    """The cohort with a table of its own."""
    (tmp_path / "videos").symlink_to(shared.folder / "videos")
    return replace(shared, folder=tmp_path)


@pytest.fixture
def opened(monkeypatch):
    """Names of the recordings that were opened, and of the detectors that were loaded."""
    names = []
    plan_recording, load_detector = crop_plans.plan_recording, crop_plans.load_detector

    def planned(work):
        names.append(work["recording"].recording_id)
        return plan_recording(work)

    def loaded(name, **options):
        names.append(name)
        return load_detector(name, **options)

    monkeypatch.setattr(crop_plans, "plan_recording", planned)
    monkeypatch.setattr(crop_plans, "load_detector", loaded)
    return names


def ensure(cohort, names=None, *, method="depth", **options):
    return ensure_crops(cohort, crop_events(cohort, names).events, method=method, check=False, **options)


@pytest.fixture
def recorded(cohort):
    """A file of detections for e1 and e2: bed and person."""
    found = [Detection(label=label, score=0.9, box=BOX) for label in ("bed", "person")]
    path = cohort.folder / "detections.json"
    write_recorded(path, {("e1", "e1"): found, ("e2", "e2"): found})
    return path


def test_the_second_time_nothing_is_opened(cohort, opened):
    first = ensure(cohort)
    assert opened == ["e1", "e2", "e3"]
    assert (first.num_made, first.num_kept, first.failures) == (3, 0, ())
    before = (cohort.folder / "crops.tsv").read_bytes()
    second = ensure(cohort)
    assert opened == ["e1", "e2", "e3"]
    assert (second.plans, second.num_made) == (first.plans, 0)
    assert (cohort.folder / "crops.tsv").read_bytes() == before


def test_only_what_is_missing_is_planned(cohort, opened):
    mine = CropPlan(event_id="e1", recording_id="e1", box=BOX, origin="manual", status="rejected")
    theirs = CropPlan(event_id="e2", recording_id="e2", box=BOX)
    other = CropPlan(event_id="other", recording_id="e3", box=BOX)
    write_crops(cohort.folder / "crops.tsv", [mine, theirs, other])
    done = ensure(cohort)
    assert opened == ["e3"]
    assert done.plans[:2] == (mine, theirs)
    assert [plan.event_id for plan in done.plans] == ["e1", "e2", "e3"]
    assert (done.num_made, done.num_kept) == (1, 1)
    assert other in read_crops(cohort.folder / "crops.tsv")


def test_of_an_event_only_the_views_without_a_row(cohort, opened):
    (event,) = crop_events(cohort, ["e1"]).events
    both = replace(event, views=(*event.views, replace(event.views[0], recording_id="e2")))
    ensure(cohort, ["e1"])
    done = ensure_crops(cohort, [both], method="depth", check=False)
    assert opened == ["e1", "e2"]
    assert [plan.recording_id for plan in done.plans] == ["e1", "e2"]


def test_without_crops_nothing_happens(cohort, opened):
    write_crops(cohort.folder / "crops.tsv", [CropPlan(event_id="e1", recording_id="e1", box=BOX)])
    assert ensure(cohort, method="none") == crop_plans.CropPlanning()
    assert opened == []


def test_the_detector_is_loaded_where_a_plan_is_missing(cohort, opened, recorded):
    done = ensure(cohort, ["e1", "e2"], method="box", detector_name="recorded", weights=str(recorded))
    assert opened[0] == "recorded"
    assert [plan.status for plan in done.plans] == ["accepted", "accepted"]
    opened.clear()
    recorded.unlink()  # nor are its weights looked at, when all plans are there
    again = ensure(cohort, ["e1", "e2"], method="box", detector_name="recorded", weights=str(recorded))
    assert (opened, again.plans) == ([], done.plans)
    with pytest.raises(CohortError, match=r"detections.json"):
        ensure(cohort, method="box", detector_name="recorded", weights=str(recorded))


def test_rows_of_another_detector_are_used_and_told(cohort, recorded):
    """A row knows its detector by content: where its file lies does not matter."""
    with_boxes = {"method": "box", "detector_name": "recorded"}
    first = ensure(cohort, ["e1", "e2"], weights=str(recorded), **with_boxes)
    names = {plan.detector for plan in first.plans}
    assert names == {detector_identity("recorded", str(recorded))}
    assert first.notes == ()
    moved = recorded.rename(cohort.folder / "moved.json")
    assert ensure(cohort, ["e1", "e2"], weights=str(moved), **with_boxes).notes == ()
    assert ensure(cohort, ["e1", "e2"], weights=str(recorded), **with_boxes).notes == (), (
        "no file, nobody knows"
    )
    moved.write_text(moved.read_text().replace("0.9", "0.8"))
    for _ in range(2):
        again = ensure(cohort, ["e1", "e2"], weights=str(moved), **with_boxes)
        assert again.plans == first.plans
        (note,) = again.notes
        assert note.startswith(
            f"2 rows of crops.tsv were made with another detector ({names.pop()}) than the one"
        )
        names = {plan.detector for plan in again.plans}
    (note,) = ensure(cohort, ["e1"], method="box", weights="pretrained").notes
    assert "(maskrcnn:pretrained), and used as written" in note


def test_notes_of_the_detector_are_told(cohort, recorded):
    content = json.loads(recorded.read_text(encoding="utf-8"))
    content["detections"]["e1"]["e1"][1]["box"] = [1.25, 0.25, 1.75, 0.75]
    recorded.write_text(json.dumps(content), encoding="utf-8")
    done = ensure(cohort, ["e1"], method="box", detector_name="recorded", weights=str(recorded))
    assert done.news == (
        "event e1, recording e1: a box of person lies outside of the picture and is left out.",
    )
    assert done.notes == ()
    (plan,) = done.plans
    assert (plan.status, plan.box_reason) == (
        "flagged", "No person with a score of at least 0.7. The box around bed alone is offered.",
    )  # fmt: skip


def boxed(cohort, recorded, names=("e1", "e2"), *, method="box"):
    return ensure(cohort, list(names), method=method, detector_name="recorded", weights=str(recorded))


@pytest.mark.parametrize("order", list(permutations(("box", "depth_box", "depth"))))
def test_every_cropper_gets_its_own_plans_whatever_runs_first(cohort, recorded, tmp_path_factory, order):
    alone = {}
    for method in order:
        own = replace(cohort, folder=tmp_path_factory.mktemp("alone"))
        (own.folder / "videos").symlink_to(cohort.folder / "videos")
        alone[method] = boxed(own, recorded, method=method).plans
    found = {method: boxed(cohort, recorded, method=method).plans for method in order}
    assert found == alone
    assert {method: boxed(cohort, recorded, method=method).plans for method in order} == alone
    assert [plan.key for plan in read_crops(cohort.folder / "crops.tsv")] == [
        (name, name, method) for name in ("e1", "e2") for method in ("box", "depth", "depth_box")
    ]
    edges = {method: alone[method][0].box.width for method in ("box", "depth_box")}
    assert edges["box"] == pytest.approx(0.7)  # 20 % further out on both sides, as in 2020
    assert edges["depth_box"] == pytest.approx(0.8)  # 30 %, as in 2022


def test_a_row_by_hand_of_one_cropper_is_none_of_another(cohort, recorded):
    mine = CropPlan(event_id="e1", recording_id="e1", box=BOX, origin="manual", cropper="box")
    every = CropPlan(event_id="e2", recording_id="e2", box=None, origin="manual", status="rejected")
    write_crops(cohort.folder / "crops.tsv", [mine, every])
    assert boxed(cohort, recorded).plans == (mine, every)
    one, two = boxed(cohort, recorded, method="depth_box").plans
    assert (one.cropper, one.origin, one.planes is None) == ("depth_box", "auto", False)
    assert two == every
    assert [plan for plan in read_crops(cohort.folder / "crops.tsv") if plan.origin == "manual"] == [
        mine,
        every,
    ]


def moved(cohort, name, onset):
    """Return the cohort with another onset of a seizure."""
    seizures = [
        replace(seizure, views=(replace(seizure.views[0], onset_seconds=onset),))
        if seizure.seizure_id == name
        else seizure
        for seizure in cohort.seizures
    ]
    return replace(cohort, seizures=tuple(seizures), annotations=())


def test_a_plan_for_other_times_is_made_anew(cohort, opened):
    first = ensure(cohort)
    assert {(plan.onset_seconds, plan.offset_seconds) for plan in first.plans} == {(ONSET, OFFSET)}
    opened.clear()
    assert ensure(moved(cohort, "e1", ONSET + 0.0009)).plans == first.plans
    assert opened == []
    later = moved(cohort, "e1", 0.9)
    done = ensure(later)
    assert opened == ["e1"]
    assert done.plans[0].onset_seconds == 0.9
    assert done.plans[1:] == first.plans[1:]
    assert done.news == ("1 crop had been planned for other times of its event, and was planned anew.",)
    assert done.notes == ()
    opened.clear()
    assert (ensure(later).plans, ensure(later).news, opened) == (done.plans, (), [])


def test_parts_that_moved_are_planned_anew_too(cohort, opened):
    def planned(onset):
        events = crop_events(moved(cohort, "e1", onset), ["e1-pre"], task=TASK).events
        return ensure_crops(cohort, events, method="depth", check=False)

    first, again, second = planned(0.9), planned(0.9), planned(1.2)
    assert opened == ["e1", "e1"]
    assert again.plans == first.plans
    assert [plan.offset_seconds for plan in (*first.plans, *second.plans)] == pytest.approx([0.8, 1.1])


def test_a_plan_for_other_times_is_not_used_where_it_cannot_be_made_anew(cohort):
    ensure(cohort)
    late = moved(cohort, "e1", 1.0)
    gone = replace(cohort.recordings["e1"], path="videos/gone.mkv")
    broken = replace(late, recordings={**cohort.recordings, "e1": gone})
    done = ensure(broken)
    assert [plan.event_id for plan in done.plans] == ["e2", "e3"]
    assert [failure.event_id for failure in done.failures] == ["e1"]


def test_a_plan_by_hand_for_other_times_stays_and_is_told(cohort, opened):
    mine = CropPlan(
        event_id="e1", recording_id="e1", box=BOX, origin="manual", cropper="depth", onset_seconds=0.4,
        offset_seconds=2.0,
    )  # fmt: skip
    write_crops(cohort.folder / "crops.tsv", [mine])
    later = moved(cohort, "e1", 0.9)
    for _ in range(2):  # the report says the same when a run is taken up again
        done = ensure(later, ["e1"])
        assert done.plans == (mine,)
        assert done.notes == (
            "1 row of crops.tsv by hand was made for other times of its event and is used as written: e1 in e1, then "
            "0.400 to 2.000 s, now 0.900 to 2.000 s. Look again: semioscope crop sheet --cropper depth.",
        )
    assert opened == []
    assert make_crop_plans(later, crop_events(later, ["e1"]).events, method="depth").notes == done.notes


def test_what_failed_is_kept_until_it_is_planned(cohort):
    gone = replace(cohort.recordings["e2"], path="videos/gone.mkv")
    broken = replace(cohort, recordings={**cohort.recordings, "e2": gone})
    for _ in range(2):
        ensure(broken)
        (kept,) = read_failures(cohort.folder)
        assert kept.key == ("e2", "e2", "depth")
        assert "gone.mkv" in kept.message
        assert kept.fits(cohort.seizures[1].views[0])
        assert not kept.fits(replace(cohort.seizures[1].views[0], onset_seconds=0.5))
    ensure(cohort)
    assert read_failures(cohort.folder) == []
    failures_path(cohort.folder).write_text("damaged")
    assert read_failures(cohort.folder) == []


def test_what_fails_is_told_each_time(cohort, opened):
    gone = replace(cohort.recordings["e2"], path="videos/gone.mkv")
    broken = replace(cohort, recordings={**cohort.recordings, "e2": gone})
    for _ in range(2):
        done = ensure(broken)
        assert [failure.event_id for failure in done.failures] == ["e2"]
        assert [plan.event_id for plan in done.plans] == ["e1", "e3"]
    assert opened == ["e1", "e2", "e3", "e2"]


def test_names_are_checked(cohort):
    with pytest.raises(ConfigError, match="Unknown cropper 'dept'"):
        ensure(cohort, method="dept")
    with pytest.raises(ConfigError, match="Unknown detector 'eye'"):
        ensure(cohort, method="box", detector_name="eye")


def test_two_runs_do_not_plan_at_once(cohort, opened):
    """The second run waits until the first one has planned, and then finds all rows."""
    results = []
    with locked(cohort.folder / LOCKS / ".planning", wait=True):
        waiting = threading.Thread(target=lambda: results.append(ensure(cohort)))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert opened == []
        whole = [CropPlan(event_id=name, recording_id=name, box=BOX) for name in ("e1", "e2", "e3")]
        write_crops(cohort.folder / "crops.tsv", whole)
    waiting.join(20)
    assert [done.plans for done in results] == [tuple(whole)]
    assert opened == []


def test_the_table_is_written_by_one_process_at_a_time(cohort):
    with locked(cohort.folder / LOCKS / ".lock", wait=True):
        writing = threading.Thread(target=lambda: ensure(cohort, ["e1"]))
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()
        assert not (cohort.folder / "crops.tsv").exists()
    writing.join(20)
    assert [plan.event_id for plan in read_crops(cohort.folder / "crops.tsv")] == ["e1"]
