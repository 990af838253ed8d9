"""Crop plans that a run asks for: what stands stays, what is missing is planned, once."""

import json
import threading
from dataclasses import replace

import pytest
from depth_cohort import tiny_depth_cohort

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.locks import locked
from semioscope.core.records import Region
from semioscope.networks import Detection
from semioscope.networks.detector_recorded import write_recorded
from semioscope.preprocess import CropPlan, crop_plans, read_crops, write_crops
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_plans import ensure_crops
from semioscope.preprocess.crops import LOCKS

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


def test_notes_of_the_detector_are_told(cohort, recorded):
    content = json.loads(recorded.read_text(encoding="utf-8"))
    content["detections"]["e1"]["e1"][1]["box"] = [1.25, 0.25, 1.75, 0.75]
    recorded.write_text(json.dumps(content), encoding="utf-8")
    done = ensure(cohort, ["e1"], method="box", detector_name="recorded", weights=str(recorded))
    assert done.notes == (
        "event e1, recording e1: a box of person lies outside of the picture and is left out.",
    )
    (plan,) = done.plans
    assert (plan.status, plan.box_reason) == (
        "flagged", "No person with a score of at least 0.7. The box around bed alone is offered.",
    )  # fmt: skip


def test_rows_of_another_cropper_stay_and_are_told(cohort, recorded):
    write_crops(cohort.folder / "crops.tsv", [CropPlan(event_id="e2", recording_id="e2", box=BOX)])
    ensure(cohort, ["e1"])
    done = ensure(cohort, ["e1", "e2"], method="box", detector_name="recorded", weights=str(recorded))
    assert done.notes == (
        "1 row of crops.tsv made by the cropper depth instead of box is used as written. semioscope crop plan "
        "--cropper box makes them anew.",
    )
    assert ensure(cohort, ["e1"]).notes == ()


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
