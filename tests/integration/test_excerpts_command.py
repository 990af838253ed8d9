"""From ward video to a report with a pre-trained Transformer that sees excerpts, and what its bundle says."""

import csv
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny import assert_same_files, call
from tiny_hou import TinyHou, hou_arguments, shared_hou

from semioscope.core.files import file_sha256
from semioscope.evaluation import level_of, read_examples
from semioscope.models import load
from semioscope.plans import ClipPlan, ExcerptStepPlan
from semioscope.recipes import read_config

CLIPS = ClipPlan(fps=10, frames_per_clip=1, stride=1, anchor="event")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished run, whose checkpoint is gone."""

    run: Path
    checkpoint: Path
    sha256: str
    told: str


@pytest.fixture(scope="module")
def hou(tmp_path_factory: pytest.TempPathFactory) -> TinyHou:
    return shared_hou(tmp_path_factory)


def arguments(hou: TinyHou, out: Path, checkpoint: Path, *more: object) -> list[object]:
    begins = ("--set", f"aggregator.pretrained={checkpoint}", "--store", hou.store)
    return hou_arguments(hou.cohort, out, *begins, *more, recipe="hou-2022")


@pytest.fixture(scope="module")
def done(hou: TinyHou, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("excerpts")
    checkpoint = folder / "begins.safetensors"
    shutil.copy(hou.pretraining / "pretraining.safetensors", checkpoint)
    result = call(*arguments(hou, folder / "run", checkpoint))
    assert result.exit_code == 0, result.text
    sha256 = file_sha256(checkpoint)
    checkpoint.unlink()
    return Done(run=folder / "run", checkpoint=checkpoint, sha256=sha256, told=result.out)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_what_it_does_is_told_and_kept(done: Done) -> None:
    assert "5 folds by rule leave-one-patient-out, selection on none" in done.told
    assert "single frames at 10 fps. Aggregator transformer, every frame seen, in excerpts of 22" in done.told
    assert f"begins as its pre-training left it (SHA-256 {done.sha256[:16]}) and is trained on" in done.told
    config = read_config(done.run / "config.yaml")
    assert config.aggregator.pretrained_sha256 == done.sha256
    log = [json.loads(line) for line in (done.run / "run.jsonl").read_text().splitlines()]
    [estimate] = [record["estimate"] for record in log if record["event"] == "folds"]
    assert estimate.startswith("Folds: 5 trainings of 2 epochs with about ")


def test_every_frame_of_a_seizure_is_in_one_excerpt_of_the_table(done: Done, hou: TinyHou) -> None:
    segments = rows_of(done.run / "segments.tsv")
    views = {row["event_id"]: row for row in rows_of(done.run / "predictions.tsv") if row["level"] == "view"}
    assert len(views) == 6
    for event_id, view in views.items():
        own = [row for row in segments if row["event_id"] == event_id]
        begins, ends = ([float(row[key]) for row in own] for key in ("start_seconds", "end_seconds"))
        onset, offset = float(view["start_seconds"]), float(view["end_seconds"])
        assert len(own) == math.ceil((offset - onset) * 10 / 22 - 1e-9)
        assert begins == pytest.approx([onset + 2.2 * k for k in range(len(own))])
        assert ends == pytest.approx([*begins[1:], offset], abs=0.1)
        assert ends[-1] <= offset
        mean = np.mean([float(row["y_score_clip"]) for row in own])
        assert mean == pytest.approx(float(view["y_score_PNES"]))
        assert float(own[-1]["y_score_prefix"]) == pytest.approx(mean)
    assert "not a medical device" in (done.run / "report.html").read_text()


def test_only_the_final_model_is_kept(done: Done) -> None:
    assert sorted(path.name for path in (done.run / "models").iterdir()) == [
        "final.safetensors",
        "hou-2022.semio",
    ]
    for path in (done.run / "models").rglob("*"):
        if path.is_file():
            assert done.checkpoint.name.encode() not in path.read_bytes()


@pytest.mark.slow
def test_the_same_command_in_several_processes_gives_the_same_bytes(
    done: Done, hou: TinyHou, tmp_path: Path
) -> None:
    shutil.copy(hou.pretraining / "pretraining.safetensors", done.checkpoint)
    try:
        again = call(*arguments(hou, tmp_path / "again", done.checkpoint, "--workers", "2"))
        assert again.exit_code == 0, again.text
        assert_same_files(tmp_path / "again", done.run)
        once_more = call(*arguments(hou, tmp_path / "again", done.checkpoint))
        assert once_more.exit_code == 0, once_more.text
        assert_same_files(tmp_path / "again", done.run)
    finally:
        done.checkpoint.unlink()


def test_another_checkpoint_at_the_place_ends_the_run(done: Done, hou: TinyHou) -> None:
    gone = call(*arguments(hou, done.run, done.checkpoint))
    assert gone.exit_code == 2
    assert "begins.safetensors does not exist. Give the checkpoint" in gone.err
    config = done.run / "config.yaml"
    damaged = bytearray((hou.pretraining / "pretraining.safetensors").read_bytes())
    damaged[-1] ^= 1
    done.checkpoint.write_bytes(damaged)
    try:
        other = call("run", config, "--cohort", hou.cohort, "--out", done.run, "--store", hou.store)
    finally:
        done.checkpoint.unlink()
    assert other.exit_code == 2
    assert f"must be the checkpoint with SHA-256 {done.sha256[:16]}" in other.err


def test_the_bundle_says_of_a_video_what_the_model_says_of_the_run(
    done: Done, hou: TinyHou, tmp_path: Path
) -> None:
    bundle = done.run / "models" / "hou-2022.semio"
    facts = json.loads((bundle / "bundle.json").read_text())
    assert facts["frame"]["base_width"] == 48
    assert facts["gray"] is None
    assert facts["segments"] == {"num_positions": 22}
    assert (facts["aggregator"]["pretrained"], facts["aggregator"]["pretrained_sha256"]) == (
        None,
        done.sha256,
    )
    assert "single frames at 10 frames per second" in (bundle / "model_card.md").read_text()

    table = read_examples(done.run / "units")
    view = table.views[0]
    plan = ExcerptStepPlan(num_positions=22)
    [wanted] = level_of(plan).rows(
        load(bundle / "aggregator.safetensors"), table, [0], segments=plan, clips=CLIPS
    )
    [recording] = [
        row for row in rows_of(hou.cohort / "recordings.tsv") if row["recording_id"] == view.recording_id
    ]
    asked = ("--onset", view.onset_seconds, "--offset", view.offset_seconds, "--progress", "quiet")
    said = call(
        "predict", hou.cohort / recording["path"], "--model", bundle, "--out", tmp_path / "said", *asked
    )
    assert said.exit_code == 0, said.text
    [event] = json.loads((tmp_path / "said" / "predictions.json").read_text())["predictions"]
    [row] = [row for row in rows_of(tmp_path / "said" / "predictions.tsv") if row["level"] == "view"]
    assert float(row["y_score_PNES"]) == pytest.approx(wanted["scores"][1], abs=1e-4)
    segments = rows_of(tmp_path / "said" / "segments.tsv")
    assert [float(one["y_score_clip"]) for one in segments] == pytest.approx(
        [clip[1] for clip in wanted["clip"]], abs=1e-4
    )
    assert [float(one["end_seconds"]) for one in segments] == pytest.approx(wanted["end_seconds"])
    assert event["num_frames_read"] >= view.num_frames


def test_a_cropper_of_another_model_is_told(done: Done, hou: TinyHou, tmp_path: Path) -> None:
    video = next((hou.cohort / "videos").iterdir())
    command = (
        "predict",
        video,
        "--model",
        done.run / "models" / "hou-2022.semio",
        "--out",
        tmp_path / "said",
    )
    unknown = call(*command, "--cropper", "trak")
    assert unknown.exit_code == 2
    assert "Unknown cropper 'trak'. Did you mean track" in unknown.err
