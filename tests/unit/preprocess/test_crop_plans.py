from dataclasses import replace

import numpy as np
import pytest
from depth_cohort import FPS, HEIGHT, OFFSET, ONSET, WIDTH, tiny_depth_cohort
from gray16 import write_array

from semioscope.cohort import TASKS, events_of
from semioscope.core.errors import CohortError, ConfigError, LeakageError
from semioscope.core.records import EventView, Region
from semioscope.networks import Detection, read_recorded, write_recorded
from semioscope.preprocess import (
    BoxCropConfig,
    CropPlan,
    DepthPlanes,
    plan_depth_crop,
    read_crops,
    write_crops,
)
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_finding import CROP_METHODS, crop_method, find_depth_crop, first_frame
from semioscope.preprocess.crop_frames import open_event
from semioscope.preprocess.crop_plans import make_crop_plans
from semioscope.preprocess.depth_noise import denoised
from semioscope.video import VideoWriter, open_gray16

BOX = Region(x=0.25, y=0.25, width=0.5, height=0.5)


def spoil(name, infrared, depth):
    """e2 has little depth and e3 a black first frame without any."""
    if name == "e2":
        depth[:, :, : WIDTH * 2 // 3] = 0
    if name == "e3":
        depth[:] = 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("plans") / "cohort", change=spoil)


@pytest.fixture
def cohort(shared, tmp_path):
    """The cohort with a table of its own."""
    (tmp_path / "videos").symlink_to(shared.folder / "videos")
    return replace(shared, folder=tmp_path)


def plan_all(cohort, *, names=None, check=False, **options):
    """Plan without the quality check, which knows other scenes than these."""
    return make_crop_plans(cohort, crop_events(cohort, names).events, check=check, **options)


class Seeing:
    """A detector that keeps what it was shown."""

    def __init__(self):
        self.pictures = []

    def detect(self, picture):
        self.pictures.append(picture)
        return []


@pytest.fixture
def boxes(monkeypatch):
    """Box croppers that ask the detector and find the same box always."""

    def boxed(event_id, recording, picture, detector):
        detector.detect(picture)
        return CropPlan(event_id=event_id, recording_id=recording.recording_id, box=BOX)

    for name in ("box", "depth_box"):
        monkeypatch.setitem(CROP_METHODS, name, replace(CROP_METHODS[name], box=boxed))


def test_depth_plans_are_those_of_the_first_frame(cohort):
    done = plan_all(cohort, method="depth")
    assert [plan.status for plan in done.plans] == ["accepted", "flagged", "flagged"]
    assert done.failures == ()
    assert [plan.event_id for plan in done.flagged] == ["e2", "e3"]
    assert "more than half" in done.plans[1].depth_reason
    assert "no depth at all" in done.plans[2].depth_reason
    with open_event(cohort, cohort.recordings["e1"], cohort.seizures[0].views[0].interval) as frames:
        frame = next(frames.read(np.array([0])))
    assert done.plans[0].planes == plan_depth_crop(denoised(frame.depth)).planes
    assert read_crops(cohort.folder / "crops.tsv") == list(done.plans)


def test_workers_do_not_change_the_table(cohort, tmp_path):
    one = plan_all(cohort, method="depth")
    first = (cohort.folder / "crops.tsv").read_bytes()
    (cohort.folder / "crops.tsv").unlink()
    assert plan_all(cohort, method="depth", workers=2) == one
    assert (cohort.folder / "crops.tsv").read_bytes() == first


def test_what_a_person_wrote_stays(cohort):
    planes = DepthPlanes(
        axis="y", lower_slope=0.0, lower_intercept=900.0, upper_slope=0.0, upper_intercept=1800.0
    )
    mine = CropPlan(event_id="e2", recording_id="e2", box=BOX, origin="manual", planes=planes)
    write_crops(cohort.folder / "crops.tsv", [mine])
    done = plan_all(cohort, method="depth")
    assert done.num_kept == 1
    assert done.plans[1] == mine
    again = plan_all(cohort, names=["e1"], method="depth")
    assert [plan.event_id for plan in again.plans] == ["e1"]
    assert read_crops(cohort.folder / "crops.tsv")[1] == mine


def test_one_bad_recording_never_loses_the_rest(cohort):
    gone = replace(cohort.recordings["e2"], path="videos/gone.mkv")
    flat = replace(cohort.recordings["e3"], depth_path=None)
    broken = replace(cohort, recordings={**cohort.recordings, "e2": gone, "e3": flat})
    done = plan_all(broken, method="depth")
    assert [plan.event_id for plan in done.plans] == ["e1"]
    assert [failure.event_id for failure in done.failures] == ["e2", "e3"]
    assert "gone.mkv" in done.failures[0].message
    assert "must have depth for the cropper depth" in done.failures[1].message


def test_nothing_is_written_where_nothing_was_planned(cohort):
    broken = replace(
        cohort, recordings={name: replace(r, path="no.mkv") for name, r in cohort.recordings.items()}
    )
    done = plan_all(broken, method="depth")
    assert done.plans == ()
    assert len(done.failures) == 3
    assert not (cohort.folder / "crops.tsv").exists()


def test_one_bad_event_of_a_recording(cohort):
    (event,) = crop_events(cohort, ["e1"]).events
    late = EventView(recording_id="e1", onset_seconds=50.0, offset_seconds=60.0)
    done = make_crop_plans(
        cohort, [event, replace(event, event_id="late", views=(late,))], method="depth", check=False
    )
    assert [plan.event_id for plan in done.plans] == ["e1"]
    assert [failure.event_id for failure in done.failures] == ["late"]


@pytest.mark.parametrize("method", CROP_METHODS)
def test_every_method_makes_plans(cohort, boxes, method):
    region = Region(x=0.0, y=0.0, width=1.0, height=0.75)
    with_region = {name: replace(each, region=region) for name, each in cohort.recordings.items()}
    own = replace(cohort, recordings=with_region)
    done = plan_all(own, method=method, detector=Seeing())
    assert done.failures == ()
    assert [plan.cropper for plan in done.plans] == [method] * 3
    chosen = crop_method(method)
    assert (done.plans[0].planes is not None) == chosen.uses_depth
    assert (done.plans[0].box == BOX) == chosen.needs_detector


def test_the_detector_sees_what_depth_left(cohort, boxes):
    seen = {}
    for method in ("box", "depth_box"):
        detector = Seeing()
        plan_all(cohort, names=["e1"], method=method, detector=detector)
        (seen[method],) = detector.pictures
    raw, cleared = seen["box"], seen["depth_box"]
    assert raw.shape == cleared.shape == (HEIGHT, WIDTH, 3)
    assert raw.dtype == cleared.dtype == np.uint8
    (plan,) = plan_all(cohort, names=["e1"], method="depth").plans
    with open_event(cohort, cohort.recordings["e1"], cohort.seizures[0].views[0].interval) as frames:
        frame = next(frames.read(np.array([0])))
    outside = plan.planes.outside(denoised(frame.depth))
    assert outside.any()
    assert (cleared[outside] == 0).all()
    assert np.array_equal(cleared[~outside], raw[~outside])


def test_a_doubt_about_depth_flags_the_box_too(cohort, boxes):
    done = plan_all(cohort, method="depth_box", detector=Seeing())
    assert [plan.status for plan in done.plans] == ["accepted", "flagged", "flagged"]
    assert all(plan.box == BOX for plan in done.plans)
    assert done.plans[1].region_of(cohort.recordings["e2"]) is None
    assert done.plans[1].accepted_planes is None


def test_a_frame_without_depth_is_passed_over_and_flagged(shared, tmp_path):
    recording = replace(shared.recordings["e1"], depth_offset_seconds=0.6)
    with open_event(shared, recording, shared.seizures[0].views[0].interval) as frames:
        first, plan = find_depth_crop(frames, check=False)
        assert first_frame(frames, with_depth=False).frame.index == 0
    assert first.frame.index == 2
    assert plan.status == "flagged"
    assert plan.reason == (
        "The event's first frame does not have both infrared and depth; the plan was made on the one 0.20 s later. "
        "e1-depth.mkv must give depth for all frames of most slices, but 2 of 16 frames have none within half a frame"
        ", and 1 of 1 slices hold such a frame. Export the depth again with the frame rate of the infrared, and "
        "whole."
    )
    late = replace(shared, folder=tmp_path, recordings={"e1": replace(recording, depth_offset_seconds=1.6)})
    (tmp_path / "videos").symlink_to(shared.folder / "videos")
    (event,) = crop_events(shared, ["e1"]).events
    (plan,) = make_crop_plans(late, [event], method="depth").plans
    assert (plan.status, plan.planes, plan.box) == ("flagged", None, None)
    assert plan.depth_reason == "No frame in the first second of the event has both infrared and depth."


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (2, "8 of 16 frames have none within half a frame, and 1 of 1 slices hold such a frame"),
        (3, "10 of 16 have none within half a frame"),
    ],
)
def test_depth_of_a_lower_rate_flags_the_plan(cohort, keep, said):
    with open_gray16(cohort.folder / "videos" / "e1-depth.mkv") as reader:
        places = np.arange(1, reader.num_frames, keep)
        depth, times = reader.read(places), reader.times_seconds[places] - reader.times_seconds[1]
    write_array(cohort.folder / "slow", depth, times=times)
    slow = replace(cohort.recordings["e1"], depth_path="slow.npy", depth_offset_seconds=1 / FPS)
    own = replace(cohort, recordings={**cohort.recordings, "e1": slow})
    (plan,) = plan_all(own, names=["e1"], method="depth").plans
    assert plan.status == "flagged"
    assert plan.planes is not None
    assert plan.accepted_planes is None
    assert said in plan.depth_doubt


def test_a_cropper_without_depth_takes_infrared_of_8_bits(cohort, boxes):
    with VideoWriter(cohort.folder / "eight.mkv", width=WIDTH, height=HEIGHT, fps=FPS) as writer:
        for number in range(21):
            writer.write(np.full((HEIGHT, WIDTH, 3), 100 + number, np.uint8))
    eight = replace(cohort.recordings["e1"], path="eight.mkv")
    own = replace(cohort, recordings={**cohort.recordings, "e1": eight})
    detector = Seeing()
    done = plan_all(own, method="box", detector=detector)
    assert (done.failures, [plan.box for plan in done.plans]) == ((), [BOX] * 3)
    assert all(picture.dtype == np.uint8 for picture in detector.pictures)
    for method in ("depth", "depth_box"):
        (failure,) = plan_all(own, names=["e1"], method=method, detector=Seeing()).failures
        assert failure.message.startswith(
            "Infrared: eight.mkv must hold 16-bit gray pictures (gray16le), got 8-bit colour (yuv420p)."
        )
        assert failure.message.endswith("without depth: the cropper box needs none.")


def test_the_quality_check_flags_and_moves_no_plane(cohort, monkeypatch):
    from semioscope.preprocess import crop_finding

    said = [
        ("It cuts the legs.",),
        (),
        ("In later frame 1: It cuts an arm.", "In later frame 2: It cuts a hand."),
    ]
    calls = []

    def check(depth, infrared, plan, later_frames):
        calls.append(later_frames)
        reasons = said[len(calls) - 1]
        return crop_finding.CropCheck(score=0.5, flagged=bool(reasons), reasons=reasons, bed_seen=1.0)

    monkeypatch.setattr(crop_finding, "check_crop", check)
    without = plan_all(cohort, names=["e1"], method="depth").plans[0]
    assert not calls
    found = [plan_all(cohort, names=["e1"], method="depth", check=True).plans[0] for _ in said]
    assert [each.status for each in found] == ["flagged", "accepted", "flagged"]
    assert all(each.planes == without.planes for each in found)
    assert found[0].depth_reason == "It cuts the legs."
    assert found[2].depth_reason == (
        "In later frame 1 (0.40 s on): It cuts an arm. So in 2 of the later frames that were looked at."
    )
    seizure = next(one for one in cohort.seizures if one.seizure_id == "e1")
    view = seizure.views[0]
    with crop_finding.open_event(cohort, cohort.recording("e1"), view.interval) as frames:
        _, plan = crop_finding.find_depth_crop(frames, check=False)
        assert crop_finding.doubted_frame(frames, replace(plan, reason=found[0].depth_reason)) is None
        doubted = crop_finding.doubted_frame(frames, replace(plan, reason=found[2].depth_reason))
    assert doubted.time_seconds - frames.times_seconds[0] == pytest.approx(0.4)
    assert np.array_equal(doubted.depth, calls[2][0])
    assert [len(frames) for frames in calls] == [4, 4, 4]


def test_a_detector_that_knows_the_patient_stops_all(cohort):
    class Trained(Seeing):
        def for_patient(self, patient_id):
            raise LeakageError("was trained on him")

    with pytest.raises(LeakageError, match="was trained on him"):
        plan_all(cohort, method="box", detector=Trained())


def test_the_box_of_a_real_detector(cohort):
    """Of the recorded kind: bed and person found in e1, only a bed in e2, nothing said of e3."""

    class Recorded:
        def __init__(self, event=""):
            self.event = event

        def for_event(self, event_id, recording_id):
            return Recorded(event_id)

        def detect(self, picture):
            bed = Detection(label="bed", score=0.9, box=Region(x=0.3, y=0.3, width=0.4, height=0.4))
            person = Detection(label="person", score=0.8, box=Region(x=0.4, y=0.4, width=0.1, height=0.1))
            return {"e1": [bed, person], "e2": [bed], "e3": []}[self.event]

    done = plan_all(cohort, method="box", detector=Recorded())
    assert [each.status for each in done.plans] == ["accepted", "flagged", "flagged"]
    edges = [done.plans[0].box.x, done.plans[0].box.y, done.plans[0].box.width, done.plans[0].box.height]
    assert edges == pytest.approx([0.22, 0.22, 0.56, 0.56])
    assert "No person" in done.plans[1].box_reason
    assert done.plans[1].box is not None
    assert done.plans[2].box is None
    wider = plan_all(cohort, names=["e1"], method="depth_box", detector=Recorded())
    assert wider.plans[0].box.width == pytest.approx(0.64)
    own = plan_all(cohort, names=["e1"], method="box", detector=Recorded(), box=BoxCropConfig(margin=0.0))
    assert own.plans[0].box.width == pytest.approx(0.4)


BED = Detection(label="bed", score=0.9, box=Region(x=0.3, y=0.3, width=0.4, height=0.4))
PERSON = Detection(label="person", score=0.8, box=Region(x=0.4, y=0.4, width=0.1, height=0.1))


@pytest.mark.parametrize("method", ["box", "depth_box"])
@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        ([PERSON], "flagged", "No bed with a score of at least 0.7. The box around person alone is offered."),
        ([BED], "flagged", "No person with a score of at least 0.7. The box around bed alone is offered."),
        ([], "flagged", "No bed with a score of at least 0.7. No person with a score of at least 0.7."),
        (
            [BED, PERSON, PERSON],
            "accepted",
            "person was found 2 times; the one with the best score (0.80) is used.",
        ),
        ([BED, PERSON], "accepted", ""),
    ],
)
def test_what_is_seen_of_bed_and_persons_is_told(cohort, tmp_path, method, found, status, said):
    write_recorded(tmp_path / "seen.json", {("e1", "e1"): found})
    detector = read_recorded(tmp_path / "seen.json")
    (plan,) = plan_all(cohort, names=["e1"], method=method, detector=detector).plans
    assert (plan.status, plan.box_reason) == (status, said)
    assert (plan.box is None) == (not found)


@pytest.mark.parametrize(
    ("box", "status", "said"),
    [
        ("1.1, 0.1, 1.4, 0.4", "flagged", "No person with a score of at least 0.7."),
        (
            "0.9, 0.1, 1.4, 0.4",
            "accepted",
            "The box of person reached out of the picture and was cut at its edge.",
        ),
    ],
)
def test_a_box_outside_of_the_picture_is_told(cohort, tmp_path, box, status, said):
    file = tmp_path / "seen.json"
    file.write_text(
        '{"schema_version": 1, "detections": {"e1": {"e1": [{"label": "bed", "score": 0.9, "box": [0, 0, 1, 1]}, '
        f'{{"label": "person", "score": 0.9, "box": [{box}]}}]}}}}}}'
    )
    (plan,) = plan_all(cohort, names=["e1"], method="box", detector=read_recorded(file)).plans
    assert plan.status == status
    assert plan.box_reason.startswith(said)
    table = cohort.folder / "crops.tsv"
    table.write_text(table.read_text().replace("\t1.0\t1.0\t", "\t1.5\t1.0\t"))
    with pytest.raises(
        CohortError, match=r"crops.tsv row 2 \(event e1\).*inside the picture.*right 1\.5, bottom 1\."
    ):
        plan_all(cohort, names=["e1"], method="box", detector=read_recorded(file))


@pytest.mark.parametrize("method", ["box", "depth", "depth_box"])
def test_a_black_first_frame_is_flagged_whatever_is_planned(tmp_path, method):
    def black(name, infrared, depth):
        infrared[:5] = 0  # the event begins with frame 4

    dark = tiny_depth_cohort(tmp_path / "dark", ["e1"], change=black)
    write_recorded(tmp_path / "seen.json", {("e1", "e1"): [BED, PERSON]})
    for check in (False, True):
        (plan,) = plan_all(
            dark, method=method, detector=read_recorded(tmp_path / "seen.json"), check=check
        ).plans
        assert plan.status == "flagged"
        said = plan.box_reason if method == "box" else plan.depth_reason
        assert said.count("black") == 1
        assert said.startswith("The frame that the plan was made on is black.")


def test_readings_that_disagree_are_a_remark(cohort, monkeypatch):
    from semioscope.preprocess import crop_finding

    def bent(depth):
        return replace(plan_depth_crop(depth), remark="The readings disagree.")

    monkeypatch.setattr(crop_finding, "plan_depth_crop", bent)
    done = plan_all(cohort, names=["e1", "e2"], method="depth")
    assert [plan.status for plan in done.plans] == ["accepted", "flagged"]
    assert done.plans[0].depth_reason == "Remark: The readings disagree."
    assert done.plans[1].depth_reason.endswith("more than half. Remark: The readings disagree.")
    assert done.plans[0].accepted_planes is not None


TASK = TASKS["fle-vs-tle-vs-nonepileptic"]


@pytest.fixture
def roomy(cohort):
    """The cohort with seizures that leave room before them; after them there is none."""
    seizures = []
    for seizure in cohort.seizures:
        view = replace(seizure.views[0], onset_seconds=0.9)
        seizures.append(replace(seizure, views=(view,)))
    return replace(cohort, seizures=tuple(seizures), annotations=())


def test_parts_are_events_of_a_task_that_has_a_class_of_them(roomy):
    found = crop_events(roomy, task=TASK)
    assert [event.event_id for event in found.events] == [
        "e1", "e2", "e3", "e1-pre", "e2-pre", "e3-pre",
    ]  # fmt: skip
    assert found.events == crop_events(roomy).events + tuple(
        replace(part, y_true=None) for part in events_of(roomy, TASK).parts
    )
    assert found.notes == ("On 3 sides of seizures their recording leaves no room for a part without one.",)
    assert crop_events(roomy, task=TASKS["fle-vs-tle"]) == crop_events(roomy)
    (near,) = crop_events(roomy, ["e1-pre"], task=TASK, part_seconds=0.5).events
    assert (near.views[0].onset_seconds, near.views[0].offset_seconds) == pytest.approx((0.4, 0.8))


def test_parts_are_planned_like_seizures(roomy):
    events = crop_events(roomy, task=TASK).events
    done = make_crop_plans(roomy, events, method="depth", check=False)
    assert len(done.plans) == 6
    part = next(plan for plan in done.plans if plan.event_id == "e1-pre")
    view = next(event for event in events if event.event_id == "e1-pre").views[0]
    with open_event(roomy, roomy.recordings["e1"], view.interval) as frames:
        frame = next(frames.read(np.array([0])))
    assert frame.time_seconds == 0
    assert part.planes == plan_depth_crop(denoised(frame.depth)).planes


def test_without_a_task_parts_that_have_a_plan_are_events(roomy):
    rows = [CropPlan(event_id=name, recording_id="e2", box=BOX) for name in ("e2-pre", "gone", "e3")]
    found = crop_events(roomy, planned=rows)
    assert [event.event_id for event in found.events] == ["e1", "e2", "e3", "e2-pre"]
    assert [event.event_id for event in crop_events(roomy, ["e2-pre"], planned=rows).events] == ["e2-pre"]
    with pytest.raises(CohortError, match=r"Unknown event 'e1-pre'.*are events of a --task that has a class"):
        crop_events(roomy, ["e1-pre"], planned=rows)


def test_events_are_the_seizures_that_are_used(cohort):
    assert [event.event_id for event in crop_events(cohort).events] == ["e1", "e2", "e3"]
    unused = replace(cohort.seizures[0].views[0], use="no")
    fewer = replace(cohort, seizures=(replace(cohort.seizures[0], views=(unused,)), *cohort.seizures[1:]))
    assert [event.event_id for event in crop_events(fewer).events] == ["e2", "e3"]
    (event,) = crop_events(cohort, ["e3"]).events
    assert (event.views[0].onset_seconds, event.views[0].offset_seconds) == (ONSET, OFFSET)
    with pytest.raises(CohortError, match=r"Unknown event 'e9'"):
        crop_events(cohort, ["e9"])


def test_methods_and_detectors_are_checked(cohort):
    with pytest.raises(ConfigError, match=r"Unknown cropper 'dept'. Did you mean depth"):
        plan_all(cohort, method="dept")
    for name, method in CROP_METHODS.items():
        if method.needs_detector:
            with pytest.raises(ConfigError, match=f"cropper {name} needs a detector, got none"):
                plan_all(cohort, method=name)
