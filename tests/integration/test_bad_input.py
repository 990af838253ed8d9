"""What users get wrong: one sentence that says what must hold, and the right exit code."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from make_videos import make_broken, make_video, remux
from tiny import Called, Tiny, assert_same_files, call, edit, edit_rows, run_arguments

FAILED, PROBLEMS = 2, 1


def planned(tiny: Tiny, cohort: Path, *more: str) -> Called:
    out = cohort.parent / "run"
    return call(*run_arguments(cohort, out, "--store", str(tiny.store), "--dry-run", *more))


def checked(cohort: Path) -> Called:
    return call("cohort", "check", cohort, "--progress", "quiet")


def test_the_plan_of_the_material_is_good(tiny: Tiny, tmp_path: Path) -> None:
    done = planned(tiny, tiny.copy(tmp_path / "cohort"))
    assert done.exit_code == 0
    assert "Nothing was computed (--dry-run)" in done.out
    assert not (tmp_path / "run").exists()


TABLES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty table": (
        lambda table: table.write_text(""),
        "seizures.tsv: must begin with a header row, but is empty. Write the header: seizure_id recording_id",
    ),
    "no rows": (
        lambda table: table.write_text(table.read_text().splitlines()[0] + "\n"),
        "seizures.tsv: must have at least one row below the header",
    ),
    "not text": (
        lambda table: table.write_bytes(b"\x00\x01\x02"),
        "seizures.tsv: must be text, but holds zero bytes. Export the table again",
    ),
    "missing table": (lambda table: table.unlink(), "seizures.tsv: must exist, but does not."),
    "too many cells": (
        lambda table: edit(table, lambda text: text.replace("\tTCS\t", "\tTCS\tx\t", 1)),
        "must have 9 cells separated by tabs, has 10. Put one tab between two cells",
    ),
    "unknown column": (
        lambda table: edit(table, lambda text: text.replace("onset", "onest", 1)),
        "seizures.tsv row 1: unknown column 'onest': did you mean onset? Correct the header.",
    ),
    "times out of order": (
        lambda table: edit_rows(table, lambda row: {**row, "offset": "1"}),
        "seizures.tsv row 2 (seizure p01-s1): offset 1.0 must come after onset",
    ),
    "clonic phase outside": (
        lambda table: edit_rows(table, lambda row: {**row, "clonic_onset": "99"}),
        "must lie between onset",
    ),
    "not a time": (
        lambda table: edit_rows(table, lambda row: {**row, "onset": "soon"}),
        "seizures.tsv row 2 (seizure p01-s1): onset must be a time such as 75.2 (seconds)",
    ),
}


@pytest.mark.parametrize("fault", TABLES)
def test_a_faulty_table_stops_the_run_before_it_begins(tiny: Tiny, tmp_path: Path, fault: str) -> None:
    cohort = tiny.copy(tmp_path / "cohort")
    spoil, message = TABLES[fault]
    spoil(cohort / "seizures.tsv")
    done = planned(tiny, cohort)
    assert (done.exit_code, done.out) == (FAILED, "")
    assert message in done.err


SETTINGS: dict[str, tuple[list[str], str]] = {
    "protocol": (
        ["--protocol", "papr"],
        "Unknown protocol 'papr'. Did you mean paper? Allowed: paper, patient, released.",
    ),
    "task": (["--task", "fos-tcs"], "Unknown task 'fos-tcs'. Did you mean fos-vs-tcs?"),
    "backbone": (["--set", "backbone.name=motin"], "Unknown backbone 'motin'. Did you mean motion?"),
    "engine": (["--engine", "onnx"], "backbone.engine must be 'auto', 'torch' or 'openvino', got 'onnx'."),
    "executor": (["--executor", "locl"], "Unknown executor 'locl'. Did you mean local?"),
    "progress": (["--progress", "loud"], "Unknown progress mode 'loud'."),
    "key": (["--set", "segments.gama=3"], "Unknown setting 'segments.gama'. Did you mean segments.gamma"),
    "no value": (["--set", "seed"], "--set needs key=value, got 'seed'."),
    "value": (["--set", "seed=minus"], "seed must be a whole number, got 'minus'."),
    "list": (["--set", "baselines=majority"], "baselines must be a list such as [majority, duration]"),
    "aggregator": (["--set", "aggregator.name=blsm"], "Unknown value of aggregator.name 'blsm'. Did you mean blstm"),
    "loss": (["--set", "training.loss=nll"], "Unknown value of training.loss 'nll'."),
    "baseline": (["--set", "baselines=[majorty]"], "Unknown value of baselines 'majorty'. Did you mean majority?"),
    "name only": (["--set", "protocol=paper"], "--set protocol=paper would change the name only."),
    "clip": (["--set", "clips.frames_per_clip=2"], "clips.frames_per_clip must be at least 8 for motion, got 2."),
    "folds": (
        ["--set", "folds.num_folds=9"],
        "folds.num_folds must be at most the number of patients, 5, got 9. Use --set folds.num_folds=5",
    ),
    "too short": (
        ["--set", "events.min_duration_seconds=60"],
        "there is none of class FOS (left out: 7 shorter than 60 s). Check the column seizure_type",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", SETTINGS)
def test_a_wrong_setting_is_told_before_work_begins(tiny: Tiny, tmp_path: Path, fault: str) -> None:
    options, message = SETTINGS[fault]
    dry = [] if fault == "executor" else ["--dry-run"]
    done = call(*run_arguments(tiny.cohort, tmp_path / "run", "--store", str(tiny.store), *dry, *options))
    assert done.exit_code == FAILED
    assert message in done.err


def test_unknown_recipe_option_and_command(tiny: Tiny, tmp_path: Path) -> None:
    done = call("run", "gestures-2012", "--cohort", tiny.cohort, "--out", tmp_path / "run")
    assert done.exit_code == FAILED
    assert "Error: Unknown recipe 'gestures-2012'. Did you mean gestures-2021 or" in done.err
    done = call("run", "gestures-2021", "--cohrt", tiny.cohort, "--out", tmp_path / "run")
    assert done.exit_code == FAILED
    assert "No such option: --cohrt" in done.err
    assert "--cohort" in done.err
    done = call("rnu")
    assert done.exit_code == FAILED
    assert "No such command 'rnu'. Did you mean 'run'" in done.err


def test_a_cohort_that_is_not_there(tmp_path: Path) -> None:
    done = call(*run_arguments(tmp_path / "nothing", tmp_path / "run"))
    assert done.exit_code == FAILED
    assert "nothing must be a cohort folder, but does not exist" in done.err


def test_a_configuration_that_cannot_be_read(tiny: Tiny, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    command = ["run", config, "--cohort", tiny.cohort, "--out", tmp_path / "run"]
    assert (
        "config.yaml does not exist. Give a recipe's name or the config.yaml of a run" in call(*command).err
    )
    config.write_text("recipe: [")
    assert "must be a YAML file that can be read" in call(*command).err
    config.write_text("- 1\n")
    assert "must hold the settings of a run as key: value lines, got list" in call(*command).err
    config.write_text((tiny.run / "config.yaml").read_text().replace("num_segments", "num_segment"))
    done = call(*command)
    assert done.exit_code == FAILED
    assert "Unknown setting 'segments.num_segment'. Did you mean segments.num_segments" in done.err


def test_a_class_with_one_patient(tiny: Tiny, tmp_path: Path) -> None:
    cohort = tiny.copy(tmp_path / "cohort")
    of_one = {"True": "TCS", "False": "FOS"}
    edit_rows(
        cohort / "seizures.tsv",
        lambda row: {**row, "seizure_type": of_one[str(row["seizure_id"].startswith("p01"))]},
    )
    done = planned(tiny, cohort)
    assert done.exit_code == FAILED
    assert "need at least two patients with events of class 1 to train on, got 1 (p01)" in done.err
    assert "(Class 0 is FOS, 1 is TCS.)" in done.err


def test_a_training_fold_of_one_class(tiny: Tiny, tmp_path: Path) -> None:
    """All seizures of a class are lost to broken videos, which only the extraction can know."""
    cohort = tiny.copy(tmp_path / "cohort")
    for row in (cohort / "seizures.tsv").read_text().splitlines()[1:]:
        seizure, label = row.split("\t")[0], row.split("\t")[7]
        video = cohort / "videos" / f"{seizure}.mp4"
        if label == "TCS" and video.exists():
            video.unlink()
    done = call(*run_arguments(cohort, tmp_path / "run", "--store", str(tiny.store), "--set", "baselines=[]"))
    assert done.exit_code == FAILED
    assert "No fold could be trained. Fold 0 cannot be trained: " in done.err
    assert "class" in done.err


def test_an_annotation_past_the_end(tiny: Tiny, tmp_path: Path) -> None:
    cohort = tiny.copy(tmp_path / "cohort")
    late = {"p01-s1": {"offset": "60"}, "p02-s1": {"onset": "80", "clonic_onset": "n/a", "offset": "90"}}
    edit_rows(cohort / "seizures.tsv", lambda row: {**row, **late.get(row["seizure_id"], {})})
    done = checked(cohort)
    assert done.exit_code == PROBLEMS
    assert "offset 60.0 must lie within recording p01-s1-large, which ends at" in done.out
    assert "onset 80.0 must lie within recording p02-s1-small, which ends at" in done.out
    done = call(
        *run_arguments(cohort, tmp_path / "run", "--set", "baselines=[majority]", "--thumbnails", "off")
    )
    assert done.exit_code == PROBLEMS
    assert "clips lack frames and were left out. Check times and files: semioscope cohort check" in done.out
    failures = (tmp_path / "run" / "failures.tsv").read_text()
    assert "p02-s1-large\tp02-s1\texamples\tAll " in failures
    assert "clips from 80 s to 90 s have missing frames. Check that the video covers this time" in failures
    assert "p01-s1" not in failures
    assert "p01-s1\t" in (tmp_path / "run" / "predictions.tsv").read_text()


def broken_videos(tiny: Tiny, folder: Path) -> dict[str, tuple[Path, str]]:
    """Return a video for each way to be broken, and what ``semioscope predict`` says about it."""
    whole, mkv = tiny.videos()[0], folder / "whole.mkv"
    remux(whole, mkv)
    (folder / "text.mp4").write_text("not a video")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "header.mp4").write_bytes(mkv.read_bytes()[:700])
    (folder / "half.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 40])
    return {
        "missing": (folder / "gone.mp4", "gone.mp4 must be a video file, but it does not exist"),
        "text": (folder / "text.mp4", "text.mp4 must be a video that can be read"),
        "zero bytes": (folder / "empty.mp4", "empty.mp4 must be a video, but it is empty (0 bytes)"),
        "zero frames": (folder / "header.mp4", "header.mp4 must"),
        "cut before the first frame": (folder / "half.mp4", "half.mp4 must"),
        "folder": (folder, f"{folder.name} must be a video file, but it is a folder"),
    }


def test_broken_videos_among_good_ones(tiny: Tiny, tmp_path: Path) -> None:
    broken = broken_videos(tiny, tmp_path)
    videos = [tiny.videos()[0], *(path for path, _ in broken.values()), tiny.videos()[1]]
    done = call("predict", *videos, "--model", tiny.bundle, "--out", tmp_path / "out", "--progress", "quiet")
    assert done.exit_code == PROBLEMS
    assert done.out.count("(probability of TCS ") == 2
    for _, message in broken.values():
        assert f"failed. {message}" in done.out
    assert f"open {tmp_path / 'out' / 'timeline-p01-s1.svg'}" in done.out


def test_a_run_goes_on_without_broken_videos_and_mends_itself(tiny: Tiny, tmp_path: Path) -> None:
    """What is missing is left out and told; once it is back, the same command gives the undisturbed run."""
    cohort, out = tiny.copy(tmp_path / "cohort"), tmp_path / "run"
    video, keep = cohort / "videos" / "p03-s1.mp4", tmp_path / "kept.mp4"
    os.rename(video, keep)
    arguments = run_arguments(cohort, out, "--store", str(tiny.store))
    done = call(*arguments)
    assert done.exit_code == PROBLEMS
    assert f"failures, listed in {out / 'failures.tsv'} and in the report" in done.out
    failures = (out / "failures.tsv").read_text()
    assert (
        "p03-s1-large\tp03-s1\tfeatures\tp03-s1.mp4 must be a video file, but it does not exist" in failures
    )
    assert "p03-s1\t" not in (out / "predictions.tsv").read_text()
    assert "p03-s1" in (out / "report.html").read_text()
    os.rename(keep, video)
    assert call(*arguments).exit_code == 0
    assert_same_files(out, tiny.run)


ODD: dict[str, dict[str, Any]] = {
    "variable frame rate": {"suffix": ".mp4", "variable": True, "size": (160, 90)},
    "odd size": {"suffix": ".mkv", "codec": "ffv1", "size": (161, 91)},
    "tall": {"suffix": ".mp4", "size": (64, 128)},
}


@pytest.mark.parametrize("kind", ODD)
def test_unusual_videos_are_judged(tiny: Tiny, tmp_path: Path, kind: str) -> None:
    options = dict(ODD[kind])
    video = tmp_path / f"unusual{options.pop('suffix')}"
    make_video(video, fps=10, num_frames=60, **options)
    command = ["predict", video, "--model", tiny.bundle, "--out", tmp_path / "out", "--progress", "quiet"]
    done = call(*command, "--whole-picture")
    assert done.exit_code == 0, done.text
    assert "judged from 0.0 s to" in done.out


def test_a_variable_frame_rate_is_a_warning_of_the_check(tiny: Tiny, tmp_path: Path) -> None:
    cohort = tiny.copy(tmp_path / "cohort")
    (cohort / "videos" / "p01-s1.mp4").unlink()
    make_video(cohort / "videos" / "p01-s1.mp4", variable=True, fps=10, num_frames=150, size=(160, 90))
    done = checked(cohort)
    assert done.exit_code == 0
    assert "p01-s1.mp4 has a variable frame rate. Times are exact here" in done.out


def test_truncated_videos(tiny: Tiny, tmp_path: Path) -> None:
    """What is there is judged; what is missing is said, not invented."""
    mkv, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    remux(tiny.videos()[0], mkv)
    cut.write_bytes(mkv.read_bytes()[: int(mkv.stat().st_size * 0.6)])
    command = ["predict", cut, "--model", tiny.bundle, "--out", tmp_path / "out", "--progress", "quiet"]
    done = call(*command, "--onset", "2", "--offset", "11")
    assert done.exit_code == 0
    said = " ".join(done.out.split())
    assert "cut.mkv is incomplete: by its header it lasted" in said
    assert "the seizure may go on in the lost part (the offset is 11.0 s)" in said
    done = call(*command, "--onset", "9", "--offset", "11")
    assert done.exit_code == PROBLEMS
    assert "cut: failed. The event must begin inside the video, but cut.mkv lasts" in done.out


def test_a_video_with_a_gap(tiny: Tiny, tmp_path: Path) -> None:
    """Pictures that stand still because nothing was recorded are counted, not passed off as a quiet patient."""
    video = tmp_path / "gap.mp4"
    make_video(video, num_frames=80, times=[k / 10 + (6 if k >= 40 else 0) for k in range(80)])
    command = ["predict", video, "--model", tiny.bundle, "--out", tmp_path / "out", "--progress", "quiet"]
    done = call(*command, "--whole-picture")
    assert done.exit_code == 0
    assert "frames repeat an older picture: the video has a gap there." in done.out


def test_a_video_that_is_cut_to_less_than_a_clip(tiny: Tiny, tmp_path: Path) -> None:
    made = make_broken(tmp_path / "broken")["truncated-faststart"]
    command = ["predict", made.path, "--model", tiny.bundle, "--out", tmp_path / "out", "--progress", "quiet"]
    done = call(*command, "--whole-picture", "--offset", "1.6")
    assert done.exit_code == PROBLEMS
    assert "must hold at least one clip of 2.00 s, but lasts 1.00 s" in done.out


def test_a_seizure_that_is_shorter_than_its_clips(tiny: Tiny, tmp_path: Path) -> None:
    """Fewer frames than segments times clip: the nearest clips are taken; shorter than one clip: told."""
    settings = ["--set", "segments.num_segments=64", "--set", "baselines=[]", "--thumbnails", "off"]
    done = call(*run_arguments(tiny.cohort, tmp_path / "run", "--store", str(tiny.store), *settings))
    assert done.exit_code == 0
    refused = call(
        *run_arguments(tiny.cohort, tmp_path / "no", "--store", str(tiny.store), *settings),
        "--set",
        "segments.short=error",
    )
    assert refused.exit_code == FAILED
    assert "each of 64 segments must hold a whole clip of 20 frames, but seizure p0" in refused.err
    assert "segments (--set segments.num_segments=" in refused.err
    assert not (tmp_path / "no").exists(), "known before anything is trained"
    cohort = tiny.copy(tmp_path / "cohort")
    edit_rows(
        cohort / "seizures.tsv",
        lambda row: (
            {**row, "clonic_onset": "n/a", "offset": str(float(row["onset"]) + 1)}
            if row["seizure_id"] == "p03-s2"
            else row
        ),
    )
    done = call(*run_arguments(cohort, tmp_path / "short", "--set", "baselines=[]", "--thumbnails", "off"))
    assert done.exit_code == PROBLEMS
    failures = (tmp_path / "short" / "failures.tsv").read_text()
    assert "p03-s2 must hold at least one clip (2 s" in failures
    done = call(
        "predict", tiny.videos()[0], "--model", tiny.bundle, "--out", tmp_path / "out", "--onset", "3",
        "--offset", "3.5",
    )  # fmt: skip
    assert done.exit_code == PROBLEMS
    assert "must hold at least one clip of 2.00 s, but lasts 0.50 s" in done.out


@pytest.mark.parametrize("name", ["file", "other"])
def test_a_run_folder_that_is_taken(tiny: Tiny, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("x")
    messages = {
        "file": "--out must be a folder, but",
        "other": "--out must be a new or empty folder or a run, but",
    }
    done = call(*run_arguments(tiny.cohort, tmp_path / name, "--store", str(tiny.store)))
    assert done.exit_code == FAILED
    assert messages[name] in done.err
    assert (tmp_path / "file").read_text() == "x"
