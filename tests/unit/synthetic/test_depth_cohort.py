"""Depth cohorts as files: tables, both streams, truth; the same bytes whatever the number of processes."""

import csv
import json

import numpy as np
import pytest

from semioscope.cohort import check_cohort, read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.progress import QuietProgress
from semioscope.synthetic import DEPTH_TASKS, PARTS, is_synthetic, make_cohort, make_depth_cohort
from semioscope.video import index_packets, probe

SMALL = {
    "num_patients": 4,
    "num_seizures": 6,
    "size": (128, 106),
    "fps": 10.0,
    "min_seconds": 1.5,
    "max_seconds": 2.5,
    "preictal_seconds": 1.0,
    "postictal_seconds": 1.0,
    "hold_out": 1,
    "drop_share": 0.03,
    "mask_every": 10,
    "progress": QuietProgress(),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_depth_cohort(tmp_path_factory.mktemp("depth") / "cohort", **SMALL, workers=1)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".units" not in path.parts
    }


def truth_of(folder, name):
    return json.loads((folder / "truth" / f"{name}.json").read_text(encoding="utf-8"))


def decoded(path):
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return np.stack([frame.to_ndarray() for frame in frames]), [
        float(frame.pts * frame.time_base) for frame in frames
    ]


def test_the_cohort_reads_and_its_check_finds_nothing(made):
    cohort = read_cohort(made.folder)
    assert len(cohort.patients) == made.num_patients == 4
    assert len(cohort.seizures) == made.num_seizures == len(cohort.recordings) == 6
    assert {patient.labels["syndrome"] for patient in cohort.patients} == {"FLE", "TLE"}
    assert sum(made.class_counts.values()) == 6
    lossy = {
        name for name in cohort.recordings if truth_of(made.folder, name)["lost_depth_frames"]
    }  # these gaps are meant, and found
    problems = check_cohort(made.folder, full=True)
    assert {problem.subject for problem in problems} <= {f"recording {name}" for name in lossy}
    assert {problem.severity for problem in problems} <= {"warning"}
    for recording in cohort.recordings.values():
        assert (made.folder / recording.path).is_file()
        assert (made.folder / recording.depth_path).is_file()
    assert is_synthetic(made.folder)


def test_tables_and_streams_agree_with_the_truth(made):
    lost = 0
    for seizure in read_cohort(made.folder).seizures:
        truth = truth_of(made.folder, seizure.seizure_id)
        recording = read_cohort(made.folder).recordings[seizure.views[0].recording_id]
        assert recording.depth_offset_seconds == truth["depth_offset_seconds"]
        assert seizure.views[0].onset_seconds == truth["onset_seconds"]
        assert seizure.views[0].offset_seconds == truth["offset_seconds"]
        assert seizure.labels["semiology"] == truth["semiology"]
        infrared, depth = (made.folder / path for path in (recording.path, recording.depth_path))
        for video, count in ((infrared, truth["num_frames"]), (depth, truth["num_depth_frames"])):
            info = probe(video)
            assert (info.width, info.height) == (128, 106)
            assert index_packets(video).num_frames == count
        lag = round(truth["depth_offset_seconds"] * 10)
        assert truth["num_depth_frames"] + len(truth["lost_depth_frames"]) + lag == truth["num_frames"]
        lost += len(truth["lost_depth_frames"])
        assert truth["num_frames"] / 10 == pytest.approx(truth["phases"][-1]["end_seconds"], abs=0.06)
    assert lost > 0


def test_streams_are_16_bit_and_masks_belong_to_them(made):
    name = read_cohort(made.folder).seizures[0].seizure_id
    truth = truth_of(made.folder, name)
    infrared, _ = decoded(made.folder / "videos" / f"{name}-infrared.mkv")
    depth, times = decoded(made.folder / "videos" / f"{name}-depth.mkv")
    assert infrared.dtype == depth.dtype == np.uint16
    assert infrared.max() > 4000
    with np.load(made.folder / "truth" / f"{name}.npz", allow_pickle=False) as masks:
        labels, indices = masks["labels"], masks["frame_indices"]
    assert indices.tolist() == [frame["frame"] for frame in truth["frames"]]
    assert labels.shape == (len(indices), 106, 128)
    assert set(range(0, truth["num_frames"], 10)) <= set(indices.tolist())
    lag = round(truth["depth_offset_seconds"] * 10)
    numbers = {round(time * 10) + lag: place for place, time in enumerate(times)}
    assert set(numbers) == set(range(lag, truth["num_frames"])) - set(truth["lost_depth_frames"])
    for frame, label in zip(truth["frames"], labels, strict=True):
        patient = label == PARTS["patient"]
        assert patient.sum() == frame["patient_pixels"]
        x, y, width, height = frame["body"]
        rows, columns = np.nonzero(patient)
        assert (columns >= x * 128 - 1).all()
        assert (columns + 1 <= (x + width) * 128 + 1).all()
        assert (rows >= y * 106 - 1).all()
        assert (rows + 1 <= (y + height) * 106 + 1).all()
        if frame["frame"] in numbers:
            low, high = frame["body_depth_millimetres"]
            seen = depth[numbers[frame["frame"]]][patient].astype(int)
            good = (seen >= low - 30) & (seen <= high + 30)
            assert good[seen > 0].mean() > 0.85
    onset = truth["onset_seconds"] * 10
    assert int(np.ceil(onset - 1e-6)) in indices


def test_the_number_of_processes_changes_no_byte(tmp_path):
    few = SMALL | {"num_patients": 2, "num_seizures": 2, "hold_out": 0, "size": (64, 52)}
    one, two = (make_depth_cohort(tmp_path / str(number), **few, workers=number) for number in (1, 2))
    assert contents(one.folder) == contents(two.folder)


def test_what_is_missing_is_made_again_and_the_rest_is_left(made):
    before = contents(made.folder)
    lost, kept = sorted((made.folder / "videos").glob("*-depth.mkv"))[:2]
    untouched = kept.stat().st_mtime_ns
    lost.unlink()
    make_depth_cohort(made.folder, **SMALL, workers=1)
    assert contents(made.folder) == before
    assert kept.stat().st_mtime_ns == untouched
    with pytest.raises(CohortError, match="made with another seed"):
        make_depth_cohort(made.folder, **SMALL, seed=1, workers=1)


def test_held_out_patients_are_beside_the_tables(made):
    assert [video.name for video in made.held_out_videos] == ["h01-s1-infrared.mkv"]
    with (made.folder / "held-out" / "held-out.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["patient_id"] for row in rows] == ["h01"]
    assert (made.folder / "held-out" / rows[0]["depth_path"]).is_file()
    assert (made.folder / "held-out" / "truth" / "h01-s1.npz").is_file()
    assert "h01" not in (made.folder / "recordings.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "fle-vs-tl"}, "Did you mean fle-vs-tle"),
        ({"num_patients": 0}, "num_patients must be 1 or more, got 0"),
        ({"num_seizures": 3}, r"at least one per patient \(4\), got 3"),
        ({"size": (32, 26)}, "from 64x52 to 1024x848, got 32x26"),
        ({"fps": 2.0}, r"fps of a depth cohort must be in \[5, 60\], got 2"),
        ({"min_seconds": 3.0}, "at most max_seconds, got 3 and 2.5"),
        ({"preictal_seconds": 0.0}, "preictal_seconds of a depth cohort must be at least 0.5, got 0"),
        ({"drop_share": 0.9}, r"drop_share must be in \[0, 0.5\], got 0.9"),
        ({"mask_every": 0}, "mask_every must be 1 or more, got 0"),
        ({"hold_out": -1}, "hold_out must be 0 or more, got -1"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        make_depth_cohort(tmp_path / "cohort", **(SMALL | change))
    assert not (tmp_path / "cohort").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "fle-vs-tle"}, "made of depth recordings. Ask for depth"),
        ({"depth": True}, "Task fos-vs-tcs is made of videos without depth"),
        ({"task": "fle-vs-tle", "depth": True, "codec": "h264"}, "always written with ffv1, got codec h264"),
        ({"preictal_seconds": 3.0}, "a meaning for depth cohorts only"),
        ({"task": "fle-vs-tls", "depth": True}, "Did you mean fle-vs-tle"),
    ],
)
def test_depth_and_task_must_fit(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        make_cohort(tmp_path / "cohort", **arguments)


@pytest.mark.parametrize("task", DEPTH_TASKS)
def test_every_depth_task_is_a_preset_whose_labels_are_written(task, tmp_path):
    from semioscope.cohort import TASKS

    assert TASKS[task].column == DEPTH_TASKS[task]
    assert TASKS[task].table == "both"
    made = make_cohort(
        tmp_path / "cohort", task=task, depth=True, num_patients=2, num_seizures=2, size=(64, 52), fps=5.0,
        min_seconds=1, max_seconds=1.5, preictal_seconds=0.5, postictal_seconds=0.5, workers=1,
        progress=QuietProgress(),
    )  # fmt: skip
    for patient in read_cohort(made.folder).patients:
        assert TASKS[task].class_index(patient.labels["syndrome"]) is not None


def test_true_detections_are_those_of_the_first_frames(made):
    """Of seizures and of the parts before and after them, under the ids that a run gives them."""
    from semioscope.cohort import TASKS, events_of

    cohort = read_cohort(made.folder)
    events = events_of(cohort, TASKS["fle-vs-tle-vs-nonepileptic"]).events
    recorded = json.loads((made.folder / "truth" / "detections.json").read_text(encoding="utf-8"))[
        "detections"
    ]
    assert sorted(recorded) == sorted(event.event_id for event in events)
    assert len(events) == 18
    compared = set()
    for event in events:
        (name,) = recorded[event.event_id]
        bed, person = recorded[event.event_id][name]
        truth = truth_of(made.folder, name)
        assert (bed["label"], bed["score"], person["label"], person["score"]) == ("bed", 1.0, "person", 1.0)
        assert bed["box"] == pytest.approx(corners(truth["bed"]), abs=1e-5)
        first = int(np.ceil(event.views[0].onset_seconds * 10 - 1e-6))
        for frame in truth["frames"]:
            if frame["frame"] == first:
                assert person["box"] == pytest.approx(corners(frame["body"]), abs=1e-3)
                compared.add(event.event_id)
    assert {
        seizure.seizure_id for seizure in cohort.seizures
    } <= compared  # of parts, some have no other truth


def test_boxes_do_not_depend_on_which_frames_are_asked_for(made):
    from semioscope.synthetic.depth_cohort import plan_depth_cohort
    from semioscope.synthetic.depth_detections import true_boxes

    lengths = {key: SMALL[key] for key in SMALL if key.endswith("_seconds")}
    plan = plan_depth_cohort(num_patients=4, num_seizures=6, seed=0, **lengths)[0]
    truth = truth_of(made.folder, plan.recording_id)
    numbers = [frame["frame"] for frame in truth["frames"]]
    some = true_boxes(plan, numbers[1::2], size=(128, 106), fps=10.0)
    for frame in truth["frames"][1::2]:
        body = some[frame["frame"]]["person"]
        assert [body.x, body.y, body.width, body.height] == pytest.approx(frame["body"], abs=1e-3)


def test_crops_can_be_planned_without_weights(made, tmp_path):
    from semioscope.cohort import TASKS
    from semioscope.preprocess.crop_events import crop_events
    from semioscope.preprocess.crop_plans import ensure_crops

    for table in made.folder.glob("*.tsv"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    (tmp_path / "videos").symlink_to(made.folder / "videos")
    cohort = read_cohort(tmp_path)
    events = crop_events(cohort, task=TASKS["fle-vs-tle-vs-nonepileptic"]).events
    done = ensure_crops(
        cohort, events, method="box", detector_name="recorded",
        weights=made.folder / "truth" / "detections.json",
    )  # fmt: skip
    assert (len(done.plans), done.failures, done.notes) == (18, (), ())
    assert {plan.status for plan in done.plans} == {"accepted"}


def corners(box):
    x, y, width, height = box
    return [x, y, x + width, y + height]
