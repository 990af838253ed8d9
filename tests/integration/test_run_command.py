"""The main job, through the command line, on a tiny synthetic cohort."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import SETTINGS, Tiny, assert_same_files, call, edit, run_arguments, tree

from semioscope.recipes import read_config

QUICK = ("--set", "baselines=[majority]", "--thumbnails", "off")


def test_a_run_leaves_what_is_described_and_says_what_comes_next(tiny: Tiny) -> None:
    assert "7 events (" in tiny.text
    assert "scores mean nothing clinically" in tiny.text
    assert f"semioscope predict VIDEO --model {tiny.bundle}" in tiny.text
    names = {name.split("/")[0] for name in tree(tiny.run, without=())}
    assert names == {
        "config.yaml", "folds.json", "predictions.tsv", "baselines.tsv", "scores.json", "segments.tsv",
        "failures.tsv", "models", "figures", "report.html", "units", "provenance.json", "run.jsonl", "thumbnails",
    }  # fmt: skip
    models = {path.name for path in (tiny.run / "models").iterdir()}
    assert models == {"fold-0.safetensors", "fold-1.safetensors", "final.safetensors", "gestures-2021.semio"}
    bundle = {path.name for path in tiny.bundle.iterdir()}
    assert bundle == {"bundle.json", "aggregator.safetensors", "model_card.md"}
    assert "it means nothing clinically" in (tiny.bundle / "model_card.md").read_text()
    events = [json.loads(line)["event"] for line in (tiny.run / "run.jsonl").read_text().splitlines()]
    assert events[:4] == ["start", "features", "trained", "done"]


def test_every_event_is_tested_once_by_a_model_that_did_not_see_its_patient(tiny: Tiny) -> None:
    folds = json.loads((tiny.run / "folds.json").read_text())
    with (tiny.run / "predictions.tsv").open() as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["level"] == "event"]
    assert sorted(row["event_id"] for row in rows) == sorted(folds["patient_of"])
    for row in rows:
        fold = folds["folds"][int(row["fold"])]
        assert row["event_id"] in fold["test"]
        seen = {folds["patient_of"][name] for name in (*fold["train"], *fold["validation"])}
        assert row["patient_id"] not in seen


def test_a_configuration_run_again_gives_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    out = tmp_path / "again"
    arguments = ["--cohort", tiny.cohort, "--out", out, "--store", tmp_path / "store", "--progress", "quiet"]
    assert call("run", tiny.run / "config.yaml", *arguments, "--workers", "1").exit_code == 0
    assert_same_files(out, tiny.run)


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    more = ("--store", str(tmp_path / "store"), "--workers", "2")
    assert call(*run_arguments(tiny.cohort, tmp_path / "run", *more)).exit_code == 0
    assert_same_files(tmp_path / "run", tiny.run)


def plan_of(tiny: Tiny, *more: str, out: Path) -> Any:
    return call(*run_arguments(tiny.cohort, out, "--store", str(tiny.store), "--dry-run", *more))


def test_a_protocol_sets_folds_and_selection(tiny: Tiny, tmp_path: Path) -> None:
    patient = plan_of(tiny, out=tmp_path)
    assert "2 folds by rule patient, selection on inner" in patient.out
    assert "one every 4 frames" in patient.out
    paper = plan_of(tiny, "--protocol", "paper", out=tmp_path)
    assert "2 folds by rule seizure, selection on test" in paper.out
    assert "one every 1 frames" in paper.out
    file = tmp_path / "config.yaml"
    file.write_text((tiny.run / "config.yaml").read_text())
    again = call(
        "run", file, "--cohort", tiny.cohort, "--out", tmp_path / "r", "--protocol", "paper", "--dry-run"
    )
    assert "2 folds by rule seizure, selection on test" in again.out


def test_the_paper_protocol_says_so_in_the_report(tiny: Tiny, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = run_arguments(tiny.cohort, out, "--protocol", "paper", *QUICK, "--set", "clips.stride=4")
    assert call(*arguments, "--store", tiny.store).exit_code == 0
    assert read_config(out / "config.yaml").protocol == "paper"
    scores = json.loads((out / "scores.json").read_text())
    assert (scores["run"]["rule"], scores["run"]["selection"]) == ("seizure", "test")
    assert "both sides" in (out / "report.html").read_text()


def test_folds_are_used_again(tiny: Tiny, tmp_path: Path) -> None:
    out, folds = tmp_path / "run", tmp_path / "folds.json"
    folds.write_bytes((tiny.run / "folds.json").read_bytes())
    arguments = run_arguments(tiny.cohort, out, *QUICK, "--folds", str(folds), "--set", "seed=5")
    assert call(*arguments, "--store", tiny.store).exit_code == 0
    assert (out / "folds.json").read_bytes() == folds.read_bytes()
    refused = call(*run_arguments(tiny.cohort, out, *QUICK, "--set", "seed=5", "--store", str(tiny.store)))
    assert refused.exit_code == 2
    assert "began with other folds. Choose another --out" in refused.err


def moved(folds: dict[str, Any]) -> None:
    fold = folds["folds"][0]
    fold["train"].append(fold["test"].pop())


def shared(folds: dict[str, Any]) -> None:
    """Let one event of a patient with several seizures change sides."""
    patients = list(folds["patient_of"].values())
    fold = folds["folds"][0]
    for name in list(fold["test"]):
        if patients.count(folds["patient_of"][name]) > 1:
            fold["test"].remove(name)
            fold["train"].append(name)
            other = folds["folds"][1]
            other["train"].remove(name)
            other["test"].append(name)
            return
    raise AssertionError


def without(folds: dict[str, Any]) -> None:
    for fold in folds["folds"]:
        for names in (fold["train"], fold["validation"], fold["test"]):
            names[:] = [name for name in names if name != "p01-s1"]
    del folds["patient_of"]["p01-s1"]


FOLDS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a patient on both sides": (
        shared,
        r"No patient may be on both sides of a fold (rule patient), but fold 0 has pat",
    ),
    "another cohort": (without, "p01-s1"),
    "newer": (lambda folds: folds.update(schema_version=99), "has schema_version 99"),
    "no rule": (lambda folds: folds.update(rule="patients"), "Did you mean patient"),
}


@pytest.mark.parametrize("fault", FOLDS)
def test_wrong_folds_are_refused(tiny: Tiny, tmp_path: Path, fault: str) -> None:
    change, message = FOLDS[fault]
    folds = json.loads((tiny.run / "folds.json").read_text())
    change(folds)
    path = tmp_path / "folds.json"
    path.write_text(json.dumps(folds))
    done = plan_of(tiny, "--folds", str(path), out=tmp_path / "run")
    assert done.exit_code == 2
    assert message in done.err
    if fault == "a patient on both sides":
        assert "patient p0" in done.err


def test_folds_by_seizure_are_refused_under_a_patient_rule(tiny: Tiny, tmp_path: Path) -> None:
    """The file declares that patients are shared; the settings of the run do not."""
    folds = json.loads((tiny.run / "folds.json").read_text())
    shared(folds)
    folds["rule"] = "seizure"
    path = tmp_path / "folds.json"
    path.write_text(json.dumps(folds))
    refused = plan_of(tiny, "--folds", str(path), out=tmp_path / "run")
    assert refused.exit_code == 2
    assert "must fit the settings of the run, but has folds.rule seizure, not patient" in refused.err
    taken = plan_of(tiny, "--folds", str(path), "--set", "folds.rule=seizure", out=tmp_path / "run")
    assert taken.exit_code == 0


def test_a_missing_folds_file(tiny: Tiny, tmp_path: Path) -> None:
    done = plan_of(tiny, "--folds", str(tmp_path / "nix.json"), out=tmp_path / "run")
    assert (done.exit_code, "nix.json does not exist" in done.err) == (2, True)


def test_the_folder_of_another_run_or_cohort_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    before = tree(tiny.run)
    other = call(*run_arguments(tiny.cohort, tiny.run, "--set", "seed=9", "--store", str(tiny.store)))
    assert other.exit_code == 2
    assert "holds a run with other settings (seed was 0, now 9). Choose another --out" in other.err
    cohort = tiny.copy(tmp_path / "cohort")
    edit(cohort / "seizures.tsv", lambda text: text.replace("\t3.15\t", "\t3.25\t"))
    changed = call(*run_arguments(cohort, tiny.run, "--store", str(tiny.store)))
    assert changed.exit_code == 2
    assert "The tables of the cohort changed since the run in" in changed.err
    assert tree(tiny.run) == before


def test_settings_of_the_command_line_are_in_the_configuration(tiny: Tiny, tmp_path: Path) -> None:
    config = read_config(tiny.run / "config.yaml")
    assert config.backbone.name == "motion"
    assert config.training.epochs == 3
    assert len(SETTINGS) == 7
    task = tmp_path / "side.yaml"
    task.write_text("column: semiology\nclasses: {a: [still, automatisms], b: [hyperkinetic, version]}\n")
    done = plan_of(tiny, "--task", str(task), "--seed", "4", "--precision", "bf16", out=tmp_path / "run")
    assert done.exit_code in (0, 2)
    assert "events (" in done.out or "class" in done.err


def test_progress_as_json_is_one_object_per_line(tiny: Tiny) -> None:
    arguments = run_arguments(tiny.cohort, tiny.run, "--store", str(tiny.store))
    arguments[arguments.index("quiet")] = "json"
    done = call(*arguments, "--dry-run")
    assert done.exit_code == 0
    assert all(json.loads(line) for line in done.err.splitlines())
