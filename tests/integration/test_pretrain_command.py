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
from tiny_hou import pretrain_arguments, shared_hou

from semioscope.core.formats import PRETRAINING_PATIENTS
from semioscope.core.tables import read_rows
from semioscope.models import TransformerConfig
from semioscope.training import load_encoder

VOLATILE = ("run.jsonl", "provenance.json", "units/lock")


@pytest.fixture(scope="module")
def hou(tmp_path_factory):
    return shared_hou(tmp_path_factory)


@pytest.fixture(scope="module")
def cohort(hou):
    return hou.cohort


def arguments(cohort, out, *more):
    return [str(word) for word in pretrain_arguments(cohort, out, *more)]


def test_the_plan_and_the_end_are_told(hou, tmp_path):
    out, store = tmp_path / "run", tmp_path / "store"
    shown = call(*arguments(hou.cohort, out, "--store", store, "--dry-run"))
    assert shown.exit_code == 0, shown.text
    assert not out.exists()
    assert not store.exists()
    looked = shown.out
    assert "15 of 15 excerpts (300 frames) from 3 contextual recordings of 3 patients" in looked
    assert "0 of 300 pictures are in the store" in looked
    assert "Pre-training: 12 steps of 4 excerpts, 3 epochs. Transformer: 1 layer of width 16" in looked
    assert "The features take about" in looked
    assert "12 steps take about" in looked
    assert "Synthetic cohort" in looked
    assert looked.splitlines()[-1].startswith("Nothing was computed (--dry-run).")
    shutil.copytree(hou.pretraining, out)
    done = call(*arguments(hou.cohort, out, "--store", hou.store)).out
    assert "steps take about" not in done, "nothing is left to do"
    assert "12 of 12 steps taken." in done
    assert "Mean loss of epoch 3" in done
    ending = f"then semioscope run hou-2022-small --cohort {hou.cohort} --pretrained {out} --out ANSWER"
    assert done.splitlines()[-1] == f"Next: open the report in a browser, {ending}"
    assert_same_files(out, hou.pretraining, without=VOLATILE)


def test_the_folder_holds_what_later_steps_need(hou):
    out = hou.pretraining
    curve = json.loads((out / "curve.json").read_text())
    assert len(curve["loss"]) == curve["num_steps"] == 12
    assert len(curve["epoch_loss"]) == 3
    assert curve["epoch_loss"][-1] < curve["epoch_loss"][0]
    assert curve["trivial_loss"]["spoilt_input"] > 0
    assert curve["backbone"]["weights_hash"].startswith("random-0-")
    patients = read_rows(out / "patients.tsv", PRETRAINING_PATIENTS)
    assert [row["patient_id"] for row in patients] == ["p01", "p02", "p03"]
    assert sum(row["num_excerpts"] for row in patients) == curve["num_excerpts"] == 15
    assert sum(row["seconds"] for row in patients) == pytest.approx(30.0)
    size = TransformerConfig(
        num_features=512, num_positions=22, num_layers=1, num_heads=2, width=16, feedforward=32
    )
    assert load_encoder(out / "pretraining.safetensors", config=size).config == size
    assert (out / "failures.tsv").read_text().count("\n") == 1
    assert "Pre-training is done" in (out / "report.html").read_text()


def test_stopped_in_every_stage_the_same_command_gives_the_same_bytes(hou, tmp_path):
    out, store = tmp_path / "run", tmp_path / "store"
    job = {"arguments": arguments(hou.cohort, out, "--store", store)}
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
    assert_same_files(out, hou.pretraining, without=VOLATILE)


def test_two_processes_of_torchrun_give_the_curve_of_one_and_one_voice(hou, tmp_path):
    out = tmp_path / "together"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "-m", "semioscope"]  # fmt: skip
    done = subprocess.run(
        [*command, *arguments(hou.cohort, out, "--store", hou.store)],
        env=os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("12 of 12 steps taken.") == 1
    assert done.stdout.count("15 of 15 excerpts") == 1
    curves = [json.loads((folder / "curve.json").read_text()) for folder in (out, hou.pretraining)]
    np.testing.assert_allclose(curves[0]["loss"], curves[1]["loss"], rtol=1e-4)
    assert curves[0]["run"]["processes"] == 2


def test_other_settings_and_other_excerpts_are_refused(hou, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(hou.pretraining, out)
    other = call(*arguments(hou.cohort, out, "--store", hou.store, "--seed", "1"))
    assert other.exit_code == 2
    assert "holds a run with other settings (seed was 0, now 1). Choose another --out" in other.err
    assert "excerpts" not in other.out, "it was planned first"
    smaller = tmp_path / "cohort"
    shutil.copytree(hou.cohort, smaller)
    edit_rows(smaller / "recordings.tsv", lambda row: None if row["recording_id"] == "p02-c1" else row)
    fewer = call(*arguments(smaller, out, "--store", hou.store))
    assert fewer.exit_code == 2
    assert "began with 15 excerpts, and now there are 10, not the same: video was added" in fewer.err


def test_a_broken_recording_is_told_and_the_others_are_used(cohort, tmp_path):
    own, out = tmp_path / "cohort", tmp_path / "run"
    shutil.copytree(cohort, own)
    (own / "videos" / "p01-c1.mp4").write_text("not a video")
    done = call(*arguments(own, out, "--balance", "day-night", "--num-crops", "2", "--stop-after", "2"))
    assert done.exit_code == 1
    assert "2 of 9 steps taken." in done.out
    assert done.out.splitlines()[-1] == "Next: the same command without --stop-after goes on"
    assert "1 failure, listed in" in done.out
    assert (out / "failures.tsv").read_text().splitlines()[1].startswith("p01-c1\t")
    assert [row["patient_id"] for row in read_rows(out / "patients.tsv", PRETRAINING_PATIENTS)] == [
        "p02",
        "p03",
    ]
    curve = json.loads((out / "curve.json").read_text())
    assert curve["excerpts"]["num_crops"] == 2
    assert (curve["excerpts"]["by_night"], curve["num_excerpts"]) == (5, 10)
    assert "p01-c1" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "backbone.name=motion"], "must see single pictures"),
        (["--num-clips", "99"], "number of excerpts that are free, which is 15, got 99"),
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
