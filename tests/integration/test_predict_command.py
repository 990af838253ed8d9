"""``semioscope predict`` through the command line."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import Called, Tiny, call, edit

from semioscope.core.files import read_json, write_json
from semioscope.evaluation import read_examples, score_views
from semioscope.models import load
from semioscope.runs import read_bundle
from semioscope.runs.bundle import sealed


def predict(tiny: Tiny, out: Path, *arguments: object) -> Called:
    return call("predict", *arguments, "--model", tiny.bundle, "--out", out, "--progress", "quiet")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_a_video_of_the_cohort_gets_what_its_stored_features_get(tiny: Tiny, tmp_path: Path) -> None:
    table, bundle = read_examples(tiny.run / "units"), read_bundle(tiny.bundle)
    model = load(tiny.run / "models" / "final.safetensors")
    chosen = [i for i, view in enumerate(table.views) if view.event_id in ("p01-s1", "p03-s2")]
    assert len(chosen) == 4
    rows = score_views(model, table, chosen, segments=bundle.facts.segments, clips=bundle.facts.clips)
    for i, row in zip(chosen, rows, strict=True):
        view = table.views[i]
        video = tiny.cohort / "videos" / f"{view.event_id}.mp4"
        out = tmp_path / view.event_id
        if not out.exists():
            times = ("--onset", view.onset_seconds, "--offset", view.offset_seconds)
            assert predict(tiny, out, video, *times).exit_code == 0
        found = [
            line for line in rows_of(out / "predictions.tsv") if line["recording_id"] == view.recording_id
        ]
        assert [float(found[0][f"y_score_{name}"]) for name in ("FOS", "TCS")] == pytest.approx(
            row["scores"], abs=1e-5
        )
        course = [line for line in rows_of(out / "segments.tsv") if line["recording_id"] == view.recording_id]
        for column, values in (
            ("y_score_clip", [clip[1] for clip in row["clip"]]),
            ("y_score_prefix", [prefix[1] for prefix in row["prefix"]]),
            ("start_seconds", row["start_seconds"]),
        ):
            assert [float(line[column]) for line in course] == pytest.approx(values, abs=1e-5)


def test_the_event_is_the_mean_of_its_views_in_every_file(tiny: Tiny, tmp_path: Path) -> None:
    done = predict(tiny, tmp_path, tiny.held_out, "--representations")
    assert done.exit_code == 0
    rows = rows_of(tmp_path / "predictions.tsv")
    assert [row["level"] for row in rows] == ["view", "view", "event"]
    assert {row["fold"] for row in rows} == {row["y_true"] for row in rows} == {"n/a"}
    scores = [float(row["y_score_TCS"]) for row in rows]
    assert np.mean(scores[:2]) == pytest.approx(scores[2])
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert content["failures"] == []
    assert content["synthetic"] is True
    only = content["predictions"][0]
    assert only["probability"]["TCS"] == pytest.approx(scores[2], abs=1e-6)
    assert sum(only["probability"].values()) == pytest.approx(1, abs=1e-5)
    threshold = read_bundle(tiny.bundle).facts.threshold
    assert content["threshold"] == pytest.approx(threshold)
    assert only["class"] == ("TCS" if only["probability"]["TCS"] >= threshold else "FOS")
    side = "at or above" if only["class"] == "TCS" else "below"
    assert re.search(
        rf"{only['class']} \(probability of TCS 0\.\d+, {side} the threshold 0\.\d+; calibrated", done.out
    )
    frames = ("num_held_frames", "num_damaged_frames", "num_missing_frames")
    assert [only[name] for name in frames] == [0, 0, 0]
    assert only["num_frames_read"] > 0
    vectors = load_file(tmp_path / "representations.safetensors")
    assert sorted(vectors) == ["h01-s1/h01-s1-large", "h01-s1/h01-s1-small"]
    assert len({vector.shape for vector in vectors.values()}) == 1
    assert (tmp_path / "timeline-h01-s1.svg").read_text().startswith("<svg")
    assert "synthetic video" in done.out
    assert "not a medical device" in done.out


def test_the_same_command_writes_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert (
            predict(tiny, tmp_path / name, tiny.held_out, "--onset", "0:02", "--representations").exit_code
            == 0
        )
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_cameras_of_one_event_are_averaged(tiny: Tiny, tmp_path: Path) -> None:
    other = tmp_path / "camera" / "p01-s1.mp4"
    other.parent.mkdir()
    shutil.copy(tiny.videos()[1], other)
    out = tmp_path / "out"
    done = predict(tiny, out, tiny.videos()[0], other, "--same-event", "--offset", "8", "--representations")
    assert done.exit_code == 0
    rows = rows_of(out / "predictions.tsv")
    assert [row["recording_id"] for row in rows] == ["p01-s1-whole", "p01-s1-2-whole", "n/a"]
    assert sorted(load_file(out / "representations.safetensors")) == [
        "p01-s1/p01-s1-2-whole",
        "p01-s1/p01-s1-whole",
    ]
    assert "views: p01-s1-whole 0." in done.out


def test_the_whole_picture_is_one_view(tiny: Tiny, tmp_path: Path) -> None:
    assert predict(tiny, tmp_path, tiny.held_out, "--whole-picture").exit_code == 0
    assert [row["recording_id"] for row in rows_of(tmp_path / "predictions.tsv")] == ["h01-s1-whole", "n/a"]


def test_a_table_of_seizures(tiny: Tiny, tmp_path: Path) -> None:
    table = tmp_path / "seizures.tsv"
    table.write_text(
        "seizure_id\trecording_id\tonset\toffset\tuse\tannotator\n"
        "one\tp01-s1\t0:03\t9\ttrain\ta\n"
        "one\tp01-s1\t4\t10\ttrain\tb\n"
        "one\tp01-s2.mp4\t2\t8\ttrain\ta\n"
        "two\tp01-s1\t2\t8\tevaluate\ta\n"
        "not\tp01-s1\t2\t8\tno\ta\n"
        "three\telsewhere\t2\t8\ttrain\ta\n"
    )
    videos = tiny.videos()
    done = predict(tiny, tmp_path / "out", *videos[:3], "--seizures", table)
    assert done.exit_code == 1
    assert f"{videos[2].stem}: failed. no row of the seizures table asks for this video" in done.out
    rows = [row for row in rows_of(tmp_path / "out" / "predictions.tsv") if row["level"] == "view"]
    found = {
        (row["event_id"], row["recording_id"]): (row["start_seconds"], row["end_seconds"]) for row in rows
    }
    assert found == {
        ("one", "p01-s1-whole"): ("3.5", "9.5"),
        ("one", "p01-s2-whole"): ("2.0", "8.0"),
        ("two", "p01-s1-large"): ("2.0", "8.0"),
        ("two", "p01-s1-small"): ("2.0", "8.0"),
    }


def test_tables_that_do_not_fit(tiny: Tiny, tmp_path: Path) -> None:
    table, video = tmp_path / "s.tsv", tiny.videos()[0]
    assert "s.tsv: must exist, but does not" in predict(tiny, tmp_path, video, "--seizures", table).err
    head = "seizure_id\trecording_id\tonset\toffset\n"
    table.write_text(head + "one\telsewhere\t2\t8\n")
    done = predict(tiny, tmp_path, video, "--seizures", table)
    assert done.exit_code == 2
    assert "must name the videos in recording_id" in done.err
    table.write_text(head + "one\tp01-s1\tsoon\t8\n")
    assert (
        "s.tsv row 2 (seizure one): onset must be a time such as 75.2"
        in predict(tiny, tmp_path, video, "--seizures", table).err
    )
    for option in (["--onset", "2"], ["--offset", "2"], ["--same-event"]):
        done = predict(tiny, tmp_path, video, "--seizures", table, *option)
        assert done.exit_code == 2
        assert "--seizures brings its own times" in done.err
    twin = tmp_path / "p01-s1.mp4"
    done = predict(tiny, tmp_path, video, twin, "--seizures", table)
    assert "every video needs its own name" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--onset", "5 s"], "Error: --onset must be a time such as 75.2 (seconds)"),
        (["--onset=-5"], "Error: --onset must be 0 or later"),
        (["--offset", "1:75"], "Error: --offset must have minutes and seconds below 60"),
        (["--engine", "foo"], "Error: Unknown engine 'foo'."),
        (
            ["--depth", "d.mkv"],
            "Error: Depth and croppers are for models of slices or excerpts, but gestures-2021.semio",
        ),
        (["--cropper", "box"], "Leave out --depth, --cropper, --detector and --detector-weights."),
    ],
)
def test_wrong_options(tiny: Tiny, tmp_path: Path, options: list[str], message: str) -> None:
    done = predict(tiny, tmp_path, tiny.videos()[0], *options)
    assert done.exit_code == 2
    assert message in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--onset", "9", "--offset", "3"], "must end after it begins, got onset 9 s and offset 3 s"),
        (["--onset", "90"], "The event must begin inside the video, but p01-s1.mp4 lasts"),
    ],
)
def test_times_that_do_not_fit_the_video(
    tiny: Tiny, tmp_path: Path, options: list[str], message: str
) -> None:
    done = predict(tiny, tmp_path, tiny.videos()[0], *options)
    assert done.exit_code == 1
    assert f"p01-s1: failed. {message}" in re.sub(r"The event in \S+ must end", "must end", done.out)


@pytest.fixture
def bundle(tiny: Tiny, tmp_path: Path) -> Path:
    copy = tmp_path / "copy.semio"
    shutil.copytree(tiny.bundle, copy)
    return copy


BUNDLES = {
    "newer": ('"schema_version": 1', '"schema_version": 99', "was made by a newer semioscope (format 99"),
    "key missing": (
        '"classes"',
        '"klasses"',
        "bundle.json is damaged: classes: Field required. Copy the bundle",
    ),
    "not JSON": ("{", "[", "bundle.json must be JSON that can be read"),
    "weights differ": ("motion-", "other-", "copy.semio needs motion with weights other-"),
    "classes differ": (
        '"FOS",\n  "TCS"',
        '"FOS",\n  "TCS",\n  "X"',
        "bundle.json names 3 classes, aggregator.safetensors has 2",
    ),
}


@pytest.mark.parametrize("fault", BUNDLES)
def test_damaged_bundles(tiny: Tiny, bundle: Path, tmp_path: Path, fault: str) -> None:
    old, new, message = BUNDLES[fault]
    edit(bundle / "bundle.json", lambda text: text.replace(old, new, 1))
    if fault == "weights differ":
        write_json(bundle / "bundle.json", sealed(read_json(bundle / "bundle.json")))
    done = call("predict", tiny.videos()[0], "--model", bundle, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_bundles_without_their_weights(tiny: Tiny, bundle: Path, tmp_path: Path) -> None:
    file = bundle / "aggregator.safetensors"
    command = ["predict", tiny.videos()[0], "--model", bundle, "--out", tmp_path / "out"]
    file.write_bytes(file.read_bytes()[:100])
    assert "must be an aggregator written by this program" in call(*command).err
    file.unlink()
    assert "aggregator.safetensors does not exist" in call(*command).err


OUTS = {
    "file": "--out must be a folder, but .*taken.* is a file. Choose another --out",
    "below a file": "--out must be a folder, but .*taken.* is a file. Choose another --out",
    "read only": "--out must be a folder that can be written, but .*closed.* cannot",
}


@pytest.mark.parametrize("kind", OUTS)
def test_an_out_that_cannot_be_made_is_refused_before_any_work(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "closed").mkdir(mode=0o555)
    access = os.access  # root may write everywhere, so the answer is given here
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed" and access(path, mode))
    monkeypatch.setattr("semioscope.runs.read_bundle", lambda path: pytest.fail("work began"))
    out = {"file": "taken", "below a file": "taken/a/b", "read only": "closed/a"}[kind]
    done = call("predict", tiny.videos()[0], "--model", tiny.bundle, "--out", tmp_path / out)
    assert done.exit_code == 2
    assert re.search(OUTS[kind], " ".join(done.err.split()))
    assert (tmp_path / "taken").read_text() == "mine"


def test_what_is_not_a_bundle(tiny: Tiny, tmp_path: Path) -> None:
    done = call("predict", tiny.videos()[0], "--model", tiny.run)
    assert done.exit_code == 2
    assert "There is gestures-2021.semio in it." in done.err
    assert "A run leaves one in RUN/models." in call("predict", tiny.videos()[0], "--model", tmp_path).err
