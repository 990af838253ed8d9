"""``semioscope pretrain`` from synthetic contextual video to a report: stopped, gone on with, by two processes."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from stopping import jobs_done
from tiny import assert_same_files, call, edit_rows

from semioscope.core.formats import PRETRAINING_PATIENTS
from semioscope.core.tables import read_rows
from semioscope.models import TransformerConfig
from semioscope.synthetic import make_ward_cohort
from semioscope.training import load_encoder

SETTINGS = (
    "backbone.name=resnet34",
    "backbone.input_size=32",
    "backbone.engine=torch",
    "frame={base_height: 36, base_width: 48}",
    "excerpts={fps: 10, num_frames: 20, num_positions: 22, min_frames: 12}",
    "corruption.span_frames=4",
    "transformer={num_positions: 22, num_layers: 1, width: 16, feedforward: 32}",
    "training={epochs: 4, batch_size: 4}",
)
VOLATILE = ("run.jsonl", "provenance.json", "units/lock")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain") / "cohort"
    make_ward_cohort(
        folder,
        num_patients=2,
        num_seizures=2,
        size=(160, 90),
        fps=10,
        seed=2,
        min_seconds=5,
        max_seconds=5.1,
        contextual_hours=0.006,
        workers=1,
    )
    return folder


def arguments(cohort, out, *more):
    given = [word for setting in SETTINGS for word in ("--set", setting)]
    command = ["pretrain", "hou-2022-small", "--cohort", cohort, "--out", out, "--weights", "random", *given]
    return [
        str(word) for word in (*command, "--device", "cpu", "--workers", "1", "--progress", "quiet", *more)
    ]


@pytest.fixture(scope="module")
def whole(cohort):
    """An undisturbed run, after a look at the plan."""
    out = cohort.parent / "whole"
    looked = call(*arguments(cohort, out, "--dry-run"))
    assert looked.exit_code == 0, looked.text
    assert not out.exists()
    assert not (cohort / "derived").exists()
    done = call(*arguments(cohort, out))
    assert done.exit_code == 0, done.text
    return out, looked.out, done.out


def test_the_plan_and_the_end_are_told(whole):
    _, looked, done = whole
    assert "10 of 10 excerpts (200 frames) from 2 contextual recordings of 2 patients" in looked
    assert "0 of 200 pictures are in the store" in looked
    assert "Pre-training: 12 steps of 4 excerpts, 4 epochs. Transformer: 1 layer of width 16" in looked
    assert "The features take about" in looked
    assert "12 steps take about" in looked
    assert "Synthetic cohort" in looked
    assert looked.splitlines()[-1].startswith("Nothing was computed (--dry-run).")
    assert "12 of 12 steps taken." in done
    assert "Mean loss of epoch 4" in done
    assert done.splitlines()[-1] == "Next: open the report in a browser"


def test_the_folder_holds_what_later_steps_need(cohort, whole):
    out, _, _ = whole
    curve = json.loads((out / "curve.json").read_text())
    assert len(curve["loss"]) == curve["num_steps"] == 12
    assert len(curve["epoch_loss"]) == 4
    assert curve["epoch_loss"][-1] < curve["epoch_loss"][0]
    assert curve["trivial_loss"]["spoilt_input"] > 0
    assert curve["backbone"]["weights_hash"].startswith("random-0-")
    patients = read_rows(out / "patients.tsv", PRETRAINING_PATIENTS)
    assert [row["patient_id"] for row in patients] == ["p01", "p02"]
    assert sum(row["num_excerpts"] for row in patients) == curve["num_excerpts"] == 10
    assert sum(row["seconds"] for row in patients) == pytest.approx(20.0)
    size = TransformerConfig(num_features=512, num_positions=22, num_layers=1, width=16, feedforward=32)
    assert load_encoder(out / "pretraining.safetensors", config=size).config == size
    assert (out / "failures.tsv").read_text().count("\n") == 1
    assert "Pre-training is done" in (out / "report.html").read_text()


def test_stopped_in_every_stage_the_same_command_gives_the_same_bytes(cohort, whole, tmp_path):
    out, store = tmp_path / "run", tmp_path / "store"
    job = {"arguments": arguments(cohort, out, "--store", str(store))}
    part = {"arguments": [*job["arguments"], "--stop-after", "5"]}
    stops = [
        (job, r"store/.*/block-", 2, "kill"),
        (part, r"run/report\.html$", 1, "interrupt"),
        (job, r"run/pretraining\.safetensors$", 1, "kill"),
    ]
    broken = [
        {**one, "stop": {"file": file, "number": number, "how": how}} for one, file, number, how in stops
    ]
    done = jobs_done([*broken, job])
    assert [one["code"] for one in done] == [-9, 130, -9, 0], done
    assert "the same command goes on from here" in done[1]["text"]
    assert "7 steps take about" in done[3]["text"]
    assert_same_files(out, whole[0], without=VOLATILE)


def test_two_processes_of_torchrun_give_the_curve_of_one_and_one_voice(cohort, whole, tmp_path):
    out = tmp_path / "together"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "-m", "semioscope"]  # fmt: skip
    done = subprocess.run(
        [*command, *arguments(cohort, out)],
        env=os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("12 of 12 steps taken.") == 1
    assert done.stdout.count("10 of 10 excerpts") == 1
    curves = [json.loads((folder / "curve.json").read_text()) for folder in (out, whole[0])]
    np.testing.assert_allclose(curves[0]["loss"], curves[1]["loss"], rtol=1e-4)
    assert curves[0]["run"]["processes"] == 2


def test_other_settings_and_other_excerpts_are_refused(cohort, whole, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(whole[0], out)
    other = call(*arguments(cohort, out, "--seed", "1"))
    assert other.exit_code == 2
    assert "holds a run with other settings (seed was 0, now 1). Choose another --out" in other.err
    assert "excerpts" not in other.out, "it was planned first"
    smaller = tmp_path / "cohort"
    shutil.copytree(cohort, smaller)
    edit_rows(smaller / "recordings.tsv", lambda row: None if row["recording_id"] == "p02-c1" else row)
    fewer = call(*arguments(smaller, out))
    assert fewer.exit_code == 2
    assert "began with 10 excerpts, and now there are 5, not the same: video was added" in fewer.err


def test_a_broken_recording_is_told_and_the_others_are_used(cohort, tmp_path):
    own, out = tmp_path / "cohort", tmp_path / "run"
    shutil.copytree(cohort, own)
    (own / "videos" / "p01-c1.mp4").write_text("not a video")
    done = call(*arguments(own, out, "--balance", "day-night", "--num-crops", "2", "--stop-after", "2"))
    assert done.exit_code == 1
    assert "2 of 8 steps taken." in done.out
    assert done.out.splitlines()[-1] == "Next: the same command without --stop-after goes on"
    assert "1 failure, listed in" in done.out
    assert (out / "failures.tsv").read_text().splitlines()[1].startswith("p01-c1\t")
    assert [row["patient_id"] for row in read_rows(out / "patients.tsv", PRETRAINING_PATIENTS)] == ["p02"]
    curve = json.loads((out / "curve.json").read_text())
    assert curve["excerpts"]["num_crops"] == 2
    assert curve["excerpts"]["by_night"] in (0, curve["num_excerpts"])
    assert "p01-c1" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "backbone.name=motion"], "must see single pictures"),
        (["--num-clips", "99"], "number of excerpts that are free, which is 10, got 99"),
        (["--precision", "bf16"], "Unknown precision 'bf16'. Did you mean bfloat16"),
        (["--set", "backbone.input_size=64"], "cannot be cut from 48 x 36"),
    ],
)
def test_what_does_not_fit_is_one_sentence(cohort, tmp_path, more, message):
    done = call(*arguments(cohort, tmp_path / "run", *more))
    assert done.exit_code == 2
    assert message in done.err
    assert done.err.startswith("Error: ")


def test_a_cohort_without_contextual_video_says_how_to_add_some(cohort, tmp_path):
    own = tmp_path / "cohort"
    shutil.copytree(cohort, own)
    edit_rows(own / "recordings.tsv", lambda row: None if row["role"] == "contextual" else row)
    done = call(*arguments(own, tmp_path / "run"))
    assert done.exit_code == 2
    assert "semioscope cohort import contextual" in done.err
