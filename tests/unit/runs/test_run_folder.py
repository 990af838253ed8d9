"""Whether a command may go on in a run folder."""

from pathlib import Path

import pytest

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import read_json
from semioscope.recipes import RunConfig, apply_overrides, make_config, read_config
from semioscope.runs.folder import check_run, log_event, open_run, working_in


def config(*overrides: str) -> RunConfig:
    return apply_overrides(make_config("gestures-2021"), overrides)


def test_a_new_folder_holds_what_was_asked(tmp_path: Path) -> None:
    folder = open_run(tmp_path / "run", config("seed=3"), cohort_hash="h")
    assert read_config(folder.config) == config("seed=3")
    assert read_json(folder.request)["cohort_hash"] == "h"
    assert read_json(folder.path / "provenance.json")["versions"]["semioscope"]
    log_event(folder, "start", workers=1)
    log_event(folder, "done")
    assert len((folder.path / "run.jsonl").read_text().splitlines()) == 2


def test_the_same_command_goes_on_and_sweeps_what_was_left(tmp_path: Path) -> None:
    folder = open_run(tmp_path, config(), cohort_hash="h", folds_digest="f")
    before = folder.config.read_bytes()
    stray = tmp_path / "models" / ".partial-fold-0-x.safetensors"
    stray.parent.mkdir()
    stray.write_text("half")
    assert open_run(tmp_path, config(), cohort_hash="h", folds_digest="f") == folder
    assert folder.config.read_bytes() == before
    assert not stray.exists()


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    open_run(tmp_path, config(), cohort_hash="h")
    message = (
        r"other settings \(seed was 0, now 1; segments\.gamma was 4\.0, now '?inf.*\)\. Choose another --out"
    )
    with pytest.raises(ConfigError, match=message):
        open_run(tmp_path, config("seed=1", "segments.gamma=.inf"), cohort_hash="h")
    assert read_config(tmp_path / "config.yaml") == config()


def of_detector(weights: str, sha256: str, *more: str) -> RunConfig:
    chosen = ("crops.method=box", f"crops.weights={weights}", f"crops.weights_sha256={sha256 or repr('')}")
    return apply_overrides(make_config("karacsony-2020"), [*chosen, *more])


def test_a_detector_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    known = "a" * 64
    open_run(tmp_path, of_detector("here/d.pth", known), cohort_hash="h")
    check_run(tmp_path, of_detector("there/d.pth", known), cohort_hash="h")
    with pytest.raises(
        ConfigError, match=r"other settings \(crops\.weights_sha256 was 'a+', now 'b+'\)\. Choose"
    ):
        check_run(tmp_path, of_detector("there/d.pth", "b" * 64), cohort_hash="h")
    with pytest.raises(
        ConfigError, match=r"the file here/d\.pth, but there/d\.pth is not there\. Give its place"
    ):
        check_run(tmp_path, of_detector("there/d.pth", ""), cohort_hash="h")
    with pytest.raises(ConfigError, match="other settings"):
        check_run(tmp_path, of_detector("there/d.pth", "", "seed=5"), cohort_hash="h")
    assert read_config(tmp_path / "config.yaml").crops.weights == "here/d.pth"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    check_run(tmp_path / "run", config(), cohort_hash="h")
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        StoreError, match=r"--out must be a folder, but .*file is a file\. Choose another --out"
    ):
        check_run(tmp_path / "file", config(), cohort_hash="h")


def test_a_changed_cohort_and_other_folds_are_refused(tmp_path: Path) -> None:
    open_run(tmp_path, config(), cohort_hash="h")
    with pytest.raises(ConfigError, match=r"The tables of the cohort changed since the run .* began"):
        open_run(tmp_path, config(), cohort_hash="other")
    with pytest.raises(ConfigError, match=r"began with other folds\. Choose another --out"):
        open_run(tmp_path, config(), cohort_hash="h", folds_digest="f")


@pytest.mark.parametrize("kind", ["file", "other files"])
def test_places_that_are_taken_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    if kind == "file":
        path.write_text("x")
    else:
        path.mkdir()
        (path / "thesis.doc").write_text("x")
    message = {
        "file": "--out must be a folder, but .* is a file",
        "other files": "must be a new or empty folder or a run",
    }
    with pytest.raises(StoreError, match=message[kind]):
        open_run(path, config(), cohort_hash="h")
    with pytest.raises(StoreError, match=message[kind]), working_in(path):
        pytest.fail("it was entered")
    assert path.is_file() or [entry.name for entry in path.iterdir()] == ["thesis.doc"]


def test_two_runs_in_one_folder_are_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "run"
    message = r"Another run is working in .*run\. Wait for its end, stop it, or choose another --out"

    def first() -> None:
        with working_in(path):
            open_run(path, config(), cohort_hash="h")
            with pytest.raises(StoreError, match=message), working_in(path):
                pytest.fail("two were in")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first()
    with working_in(path):
        open_run(path, config(), cohort_hash="h")


@pytest.mark.parametrize("left", ["nothing", "request", "configuration"])
def test_a_run_that_was_stopped_while_it_began_begins_again(tmp_path: Path, left: str) -> None:
    folder = open_run(tmp_path, config(), cohort_hash="h")
    if left != "configuration":
        folder.config.unlink()
    if left != "request":
        folder.request.unlink()
    open_run(tmp_path, config(), cohort_hash="h")
    assert folder.config.exists()
    assert folder.request.exists()


def test_a_damaged_request_is_told(tmp_path: Path) -> None:
    folder = open_run(tmp_path, config(), cohort_hash="h")
    folder.request.write_text("{")
    with pytest.raises(StoreError, match=r"request\.json must be a JSON file that can be read"):
        open_run(tmp_path, config(), cohort_hash="h")
