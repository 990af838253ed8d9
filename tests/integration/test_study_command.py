"""Studies from the command line: published features, interruptions, and the order of work."""

import html
import math
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from stopping import jobs_done
from tiny import assert_same_files, call
from tiny_study import VOLATILE, TinyStudy, clip_study, event_study

from semioscope.core.errors import ConfigError
from semioscope.core.files import read_json
from semioscope.evaluation import ExampleTable, FoldTask, fold
from semioscope.execution import EXECUTORS, LocalExecutor, Unit, UnitResult
from semioscope.features import read_imported
from semioscope.training import FitResult

INTERRUPTED, KILLED = 130, -9
STOPS = (
    (r"units/r2plus1d_34_8/examples\.npy$", 1, "kill"),
    (r"clips-r2plus1d_34_8/fold-1\.safetensors$", 1, "interrupt"),
    (r"lstm-n2-gamma1/fold-0\.json$", 1, "kill"),
    (r"lstm-n4-gammainf/fold-1\.json$", 1, "kill"),
    (r"patient/predictions\.tsv$", 1, "interrupt"),
    (r"/scores\.json$", 1, "kill"),
    (r"/report\.html$", 1, "kill"),
)


@pytest.mark.slow
def test_a_study_that_is_stopped_again_and_again_gives_the_same_bytes(
    study: TinyStudy, tmp_path: Path
) -> None:
    arguments = event_study(study.cohort, tmp_path / "event")
    stops = [
        {"arguments": arguments, "stop": {"file": file, "number": number, "how": how}}
        for file, number, how in STOPS
    ]
    done = jobs_done([*stops, {"arguments": arguments}])
    codes = [KILLED if how == "kill" else INTERRUPTED for _, _, how in STOPS]
    assert [job["code"] for job in done] == [*codes, 0], done
    assert_same_files(tmp_path / "event", study.event, without=VOLATILE)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_no_byte(study: TinyStudy, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "event"
    given = call(*event_study(study.cohort, out, "--workers", "1"))
    assert given.exit_code == 0
    ledger = out / "units" / "ledger"
    shutil.rmtree(ledger)  # every training again, over the results of the others
    given = call(*event_study(study.cohort, out, "--workers", str(workers)))
    assert given.exit_code == 0
    assert_same_files(out, study.event, without=VOLATILE)


def test_a_raw_feature_set_is_imported_once_and_then_used_again(tmp_path: Path) -> None:
    features, out = tmp_path / "set", tmp_path / "study"
    made = call(
        "synth",
        "features",
        features,
        "--seizures",
        12,
        "--patients",
        6,
        "--minutes",
        4,
        "--progress",
        "quiet",
    )
    assert made.exit_code == 0, made.text
    arguments = event_study(
        features, out, "--set", "grid.num_segments=[2]", "--set", "grid.aggregators=[mean]"
    )
    first = call(*arguments)
    assert first.exit_code == 0, first.text
    assert "Clips: one every 1 frames" in first.out
    before = (out / "scores.json").read_bytes()
    again = call(*arguments)
    assert again.exit_code == 0, again.text
    assert (out / "scores.json").read_bytes() == before
    vectors = sorted((features / "features_fpc_8_fps_15").glob("*/*.pth"))
    vectors[0].write_bytes(vectors[1].read_bytes())
    refused = call(*arguments)
    assert refused.exit_code != 0
    assert "began with another feature set, or files of it changed" in refused.err
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    for settings, message in (
        (("--dry-run",), "--dry-run needs a set that was imported"),
        (("--set", "grid.backbones=[resnet43]"), "resnet43"),
        ((), "holds other files"),
    ):
        refused = call(*event_study(features, foreign, *settings))
        assert refused.exit_code != 0
        assert message in refused.err
        assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


def test_a_set_with_faults_is_run_on_what_is_whole(tmp_path: Path) -> None:
    features, out = tmp_path / "set", tmp_path / "study"
    drawn = ("--seizures", "8", "--patients", "4", "--minutes", "2.5", "--progress", "quiet")
    assert call("synth", "features", features, *drawn).exit_code == 0
    views = sorted((features / "features_fpc_8_fps_15").iterdir())
    (views[2] / "000005.pth").unlink()
    (views[5] / "000003.pth").write_bytes(b"cut off")
    table = features / "seizures.csv"
    lines = table.read_text().splitlines()
    told_wrong = next(number for number, line in enumerate(lines) if line.split(",")[4] == "No")
    lines[told_wrong] = lines[told_wrong].replace(",No,", ",Yes,", 1)
    table.write_text("\n".join(lines) + "\n")
    (views[0] / ".." / "999_01_L").resolve().mkdir()
    shutil.copy(views[0] / "000000.pth", views[0].parent / "999_01_L")
    small = [
        word
        for key in ("num_segments=[2]", "aggregators=[mean]", "gammas=[1]")
        for word in ("--set", f"grid.{key}")
    ]
    small += ["--protocol", "patient", "--set", "grid.clip_baseline=false"]
    refused = call(*event_study(features, out, *small))
    assert refused.exit_code != 0
    assert "999_01_L: must belong to a row" in refused.err
    for _ in range(2):
        given = call(*event_study(features, out, *small, "--skip-unmatched"))
        assert given.exit_code == 1, "a view is missing"
        lost = f"{views[2].name}, {views[5].name}"
        assert f"Left out at the import, as files are missing or damaged: {lost}; see" in given.out
        page = html.unescape((out / "report.html").read_text())
        assert f"took no part ({lost})" in page
        assert f"At the import of the features: seizures.csv row {told_wrong + 1} (" in page
        assert "GTCS is 'Yes' and OnsetClonic is empty" in page
        assert f"{views[5].name}/000003.pth must hold a plain tensor, but holds something else" in page
        assert "At the import of the features: left out: features_fpc_8_fps_15/999_01_L" in page
    cohort = out / "units" / "cohort"
    listed = {entry.key for entries in read_imported(cohort).values() for entry in entries}
    assert {path.parent.name for path in cohort.rglob("key.json")} == listed
    refused = call(*event_study(features, out, *small))
    assert "began with --skip-unmatched" in refused.err


def test_what_may_be_skipped_is_said_of_features_only(tmp_path: Path) -> None:
    given = (
        "run",
        "gestures-2021-figure2",
        "--cohort",
        tmp_path,
        "--out",
        tmp_path / "x",
        "--skip-unmatched",
    )
    refused = call(*given)
    assert refused.exit_code != 0
    assert "--skip-unmatched is about a feature set, so it must be given with --features DIR" in refused.err
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_order_of_trainings_changes_no_byte(
    study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units of every stage are run from the last to the first, and so are their results given back."""
    stages: list[tuple[list[str], list[str]]] = []

    class Backwards:
        def __init__(self, **_: object) -> None: ...

        def map(self, function: Callable[[Any], Any], units: Sequence[Unit]) -> Iterator[UnitResult]:
            stages.append(([unit.name for unit in units], []))
            for result in LocalExecutor().map(function, units[::-1]):
                stages[-1][1].append(result.unit.name)
                yield result

    monkeypatch.setitem(EXECUTORS, "backwards", Backwards)
    for make, wanted in ((event_study, study.event), (clip_study, study.clip)):
        out = tmp_path / wanted.name
        given = call(*make(study.cohort, out, "--executor", "backwards"))
        assert given.exit_code == 0, given.text
        assert_same_files(out, wanted, without=VOLATILE)
    assert all(done == given[::-1] for given, done in stages)
    trainings = [done for _, done in stages if any("fold" in name for name in done)]
    assert len(trainings) == 3, "clips of the first study, its settings, clips of the second"
    for done in trainings:
        assert len(done) >= 4
        assert done[0].startswith("patient")
        assert done[0].endswith("fold 1")
        assert done[-1].startswith("paper")
        assert done[-1].endswith("fold 0")


@pytest.mark.parametrize("given", [(), ("--cohort", "c", "--features", "f")])
def test_a_run_needs_videos_or_features(tmp_path: Path, given: tuple[str, ...]) -> None:
    refused = call("run", "gestures-2021-figure2", *given, "--out", tmp_path / "x")
    assert refused.exit_code != 0
    assert re.search(r"Give --cohort DIR \(videos\) or --features DIR .* got (neither|both)", refused.err)


def test_the_plan_of_a_study_can_be_seen_without_computing(study: TinyStudy, tmp_path: Path) -> None:
    shown = call(*event_study(study.cohort, tmp_path / "x", "--dry-run"))
    assert shown.exit_code == 0
    assert "8 configurations, each under paper, patient: 32 trainings of 3 epochs." in shown.out
    assert "Next: the same command without --dry-run." in shown.out
    assert not (tmp_path / "x" / "scores.json").exists()


def test_one_protocol_is_enough(study: TinyStudy, tmp_path: Path) -> None:
    out = tmp_path / "one"
    given = call(*event_study(study.cohort, out, "--protocol", "released", "--set", "grid.num_segments=[2]"))
    assert given.exit_code == 0, given.text
    assert (out / "released" / "folds.json").exists()
    assert "flatters" not in given.out
    assert "not a medical device" in (out / "report.html").read_text()


def test_a_study_folder_is_kept_from_other_settings(study: TinyStudy, tmp_path: Path) -> None:
    out = tmp_path / "event"
    shutil.copytree(study.event, out)
    refused = call(*event_study(study.cohort, out, "--set", "training.epochs=4"))
    assert refused.exit_code != 0
    assert "holds a run with other settings (training.epochs was 3, now 4)" in refused.err


def test_cells_of_a_study_can_be_compared(study: TinyStudy, tmp_path: Path) -> None:
    first = f"{study.event / 'patient'}@mean-n2-gamma1"
    second = f"{study.event / 'patient'}@lstm-n4-gammainf"
    given = call("compare", first, second, "--out", tmp_path / "comparison")
    assert given.exit_code == 0, given.text
    assert (tmp_path / "comparison" / "report.html").exists()
    across = call("compare", first, f"{study.event / 'paper'}@mean-n2-gamma1")
    assert across.exit_code != 0
    assert "--allow-different-folds" in across.err
    assert "folds.json --protocol patient, or give" in across.err


SMALL = (
    "--protocol", "patient", "--set", "grid.aggregators=[mean]", "--set", "grid.num_segments=[2]",
    "--set", "grid.clip_baseline=false",
)  # fmt: skip


@pytest.mark.parametrize("gammas", [{math.inf}, pytest.param({1.0, math.inf}, marks=pytest.mark.slow)])
def test_trainings_that_failed_are_told_and_tried_again(
    study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gammas: set[float]
) -> None:
    """One of those trained side by side, or all of them."""
    fit, tried = fold._fitted, []

    def fit_or_fail(tasks: Sequence[FoldTask], table: ExampleTable) -> list[FitResult]:
        tried.append([task.name for task in tasks])
        if any(task.fold.index == 0 and task.segments.gamma in gammas for task in tasks):
            msg = "the loss is not finite. Lower the learning rate."
            raise ConfigError(msg)
        return fit(tasks, table)

    out = tmp_path / "study"
    monkeypatch.setattr(fold, "_fitted", fit_or_fail)
    for _ in range(2):
        tried.clear()
        given = call(*event_study(study.cohort, out, *SMALL))
        assert given.exit_code == 1
        assert any("fold 0" in name for names in tried for name in names), "tried again"
        failures = (out / "failures.tsv").read_text()
        assert "fold 0 cannot be trained: the loss is not finite." in failures
        scores = read_json(out / "scores.json")
        assert scores["run"]["num_trained"] == 4 - len(gammas)
        assert scores["summary"][0] == f"2 settings, {4 - len(gammas)} of 4 trainings."
    monkeypatch.setattr(fold, "_fitted", fit)
    given = call(*event_study(study.cohort, out, *SMALL))
    assert given.exit_code == 0, given.text
    assert read_json(out / "scores.json")["summary"][0] == "2 settings, 4 trainings."
    whole = tmp_path / "whole"
    assert call(*event_study(study.cohort, whole, *SMALL)).exit_code == 0
    assert_same_files(out, whole, without=VOLATILE)


def test_no_row_of_the_table_can_be_had(study: TinyStudy, tmp_path: Path) -> None:
    refused = call(*clip_study(study.cohort, tmp_path / "x", "--set", "grid.backbones=[resnet34]"))
    assert refused.exit_code != 0
    assert "No backbone has features" in refused.err
    assert "resnet34" in refused.err
