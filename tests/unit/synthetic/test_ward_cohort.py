"""Cohorts of a ward camera: seizures of two kinds, contextual video, boxes for a detector."""

import csv
import json

import numpy as np
import pytest

from semioscope.cohort import TASKS, check_cohort, events_of, read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.progress import QuietProgress
from semioscope.networks import read_coco
from semioscope.synthetic import (
    draw_contextual_plan,
    draw_style,
    is_synthetic,
    make_cohort,
    make_ward_cohort,
    ward_frames,
)
from semioscope.video import probe

SMALL = {
    "num_patients": 2,
    "num_seizures": 3,
    "size": (160, 90),
    "fps": 5.0,
    "min_seconds": 5.0,
    "max_seconds": 6.0,
    "contextual_hours": 44 / 3600,
    "hold_out": 1,
    "progress": QuietProgress(),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    return make_cohort(folder, task="es-vs-pnes", **SMALL, workers=1)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".units" not in path.parts
    }


def test_the_tables_are_valid_and_every_seizure_has_its_class(made):
    cohort = read_cohort(made.folder)
    assert [problem for problem in check_cohort(made.folder, full=True) if problem.severity == "error"] == []
    assert made.class_counts["ES"] + made.class_counts["PNES"] == made.num_seizures == 3
    assert made.contextual_seconds == pytest.approx(44, abs=0.1)
    roles = {name: recording.role for name, recording in cohort.recordings.items()}
    assert sorted(roles.values()) == ["contextual"] * 2 + ["seizures"] * 3
    assert {name for name, role in roles.items() if role == "contextual"} == {"p01-c1", "p02-c1"}
    chosen = events_of(cohort, TASKS["es-vs-pnes"], min_duration_seconds=0)
    assert len(chosen.events) == 3
    assert {view.recording_id for event in chosen.events for view in event.views}.isdisjoint(
        {"p01-c1", "p02-c1"}
    )
    of_patient = {}
    for event in chosen.events:
        of_patient.setdefault(event.patient_id, set()).add(event.y_true)
    assert sorted(of_patient.values(), key=min) == [{0}, {1}]
    assert is_synthetic(made.folder)


def test_truth_and_video_agree(made):
    for name, recording in read_cohort(made.folder).recordings.items():
        truth = json.loads((made.folder / "truth" / f"{name}.json").read_text(encoding="utf-8"))
        info = probe(made.folder / recording.path)
        assert (info.width, info.height, info.fps) == (160, 90, 5)
        assert info.duration_seconds == pytest.approx(truth["num_frames"] / 5)
        assert truth["role"] == recording.role
        assert len(truth["boxes"]) == int(np.ceil(truth["num_frames"] / 5))
        seconds = [entry["time_seconds"] for entry in truth["boxes"]]
        np.testing.assert_allclose(seconds, np.arange(len(seconds)), atol=1e-6)
        is_empty = truth["content"] == "empty bed"
        assert all((entry["box"] is None) == is_empty for entry in truth["boxes"])


def test_boxes_can_be_read_for_a_detector(made):
    from PIL import Image

    listed = read_coco(made.folder / "truth" / "boxes.json")
    cohort = read_cohort(made.folder)
    truths = [json.loads((made.folder / "truth" / f"{name}.json").read_text()) for name in cohort.recordings]
    assert len(listed) == sum(len(truth["pictures"]) for truth in truths)
    for item in listed:
        path = made.folder / "truth" / item.file_name
        assert path.parent.name in {patient.patient_id for patient in cohort.patients}
        with Image.open(path) as picture:
            assert picture.size == (item.width, item.height) == (160, 90)
        assert {box.label for box in item.boxes} <= {"patient"}
        if "-s" in path.name:
            (box,) = item.boxes
            assert box.box.width * box.box.height > 0.01
    assert not any("h01" in item.file_name for item in listed)


def test_a_box_holds_the_patient_and_little_else():
    """Where a picture differs from that of the empty bed is where the box is."""
    style = draw_style("p01", seed=0)
    seen = {}
    for activity in ("eating", "empty bed"):
        plan = draw_contextual_plan(
            style, activity, "day", recording_id="p01-c1", seed=0, duration_seconds=30.0
        )
        seen[activity] = next(ward_frames(plan, width=320, height=180, fps=5))
    assert np.isnan(seen["empty bed"].box).all()
    with_patient, without = (seen[name].picture.astype(float) for name in ("eating", "empty bed"))
    gain = np.median(with_patient / np.maximum(without, 1))
    changed = np.abs(with_patient - gain * without).max(axis=2) > 40
    left, top, right, bottom = seen["eating"].box * [320, 180, 320, 180]
    rows, columns = np.nonzero(changed)
    inside = (columns >= left - 1) & (columns <= right) & (rows >= top - 1) & (rows <= bottom)
    assert len(rows) > 300
    assert inside.mean() > 0.97
    assert np.quantile(columns, 0.01) < left + 0.25 * (right - left)
    assert np.quantile(rows, 0.99) > bottom - 0.25 * (bottom - top)


def test_days_have_colours_and_nights_have_none():
    style = draw_style("p01", seed=0)
    for light in ("day", "night"):
        plan = draw_contextual_plan(
            style, "sleeping", light, recording_id="p01-c1", seed=0, duration_seconds=30.0
        )
        picture = next(ward_frames(plan, width=160, height=90, fps=5)).picture.astype(int)
        spread = np.ptp(picture, axis=2)
        assert (spread.max() == 0) == (light == "night")
        assert light == "night" or spread.mean() > 8


def test_every_so_manieth_picture_is_the_same_picture():
    plan = draw_contextual_plan(
        draw_style("p02", seed=1), "visitors", "day", recording_id="p02-c1", seed=1, duration_seconds=12.0
    )
    whole = list(ward_frames(plan, width=160, height=90, fps=5))
    some = list(ward_frames(plan, width=160, height=90, fps=5, every=7))
    assert [frame.index for frame in some] == list(range(0, 60, 7))
    for frame in some:
        np.testing.assert_array_equal(frame.picture, whole[frame.index].picture)


@pytest.mark.slow
def test_the_number_of_processes_changes_no_byte(made, tmp_path):
    again = make_ward_cohort(tmp_path / "cohort", **SMALL, workers=2)
    assert contents(again.folder) == contents(made.folder)


def test_the_same_command_goes_on_and_remakes_only_what_is_missing(made):
    before = contents(made.folder)
    lost, kept = made.folder / "videos" / "p01-s1.mp4", made.folder / "videos" / "p02-c1.mp4"
    untouched = kept.stat().st_mtime_ns
    lost.unlink()
    next((made.folder / "truth" / "pictures" / "p02").glob("p02-s1-*.png")).unlink()
    (made.folder / "recordings.tsv").unlink()
    make_ward_cohort(made.folder, **SMALL, workers=1)
    assert contents(made.folder) == before
    assert kept.stat().st_mtime_ns == untouched
    with pytest.raises(CohortError, match="made with another contextual_hours"):
        make_ward_cohort(made.folder, **(SMALL | {"contextual_hours": 0.1}), workers=1)


def test_held_out_patients_are_not_in_the_tables(made):
    assert [video.name for video in made.held_out_videos] == ["h01-s1.mp4"]
    assert made.held_out_videos[0].is_file()
    with (made.folder / "held-out" / "held-out.tsv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert (row["path"], row["patient_id"], row["seizure_type"]) == ("h01-s1.mp4", "h01", "PNES")
    assert float(row["onset"]) < float(row["offset"])
    tables = "".join(path.read_text() for path in made.folder.glob("*.tsv"))
    assert "h01" not in tables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_patients": 0}, "num_patients must be 1 or more, got 0"),
        ({"num_seizures": 1}, r"at least one per patient \(2\), got 1"),
        ({"hold_out": -1}, "hold_out must be 0 or more, got -1"),
        ({"size": (161, 90)}, "two even numbers .* got 161x90"),
        ({"size": (80, 44)}, "from 160x90 to 1920x1080, got 80x44"),
        ({"fps": 4.0}, r"fps of a ward cohort must be in \[5, 60\], got 4"),
        ({"min_seconds": 4.0}, "min_seconds must be at least 5"),
        ({"codec": "mpeg"}, "Unknown codec 'mpeg'. Did you mean mpeg2"),
        ({"contextual_hours": 0.001}, r"at least 10 s for each of 2 patients, got 0.001 h \(3.6 s\)"),
        ({"contextual_hours": 1e6}, "contextual_hours must be at most 1000, got 1e\\+06"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        make_ward_cohort(tmp_path / "cohort", **(SMALL | change))
    assert not (tmp_path / "cohort").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"task": "fos-vs-tcs", "contextual_hours": 1.0}, "made for es-vs-pnes only, got task fos-vs-tcs"),
        ({"task": "es-vs-pnes", "depth": True}, "made of videos without depth"),
        ({"task": "es-vs-pnes", "preictal_seconds": 1.0}, "for depth cohorts only"),
        ({"task": "es-vs-pne"}, "Did you mean es-vs-pnes"),
    ],
)
def test_tasks_and_options_that_do_not_fit_are_refused(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        make_cohort(tmp_path / "cohort", **words)
