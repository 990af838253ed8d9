"""``semioscope weights`` in process; the network behind it is tested with the networks."""

import hashlib

import pytest
from tiny import call

from semioscope.networks import backbone_spec, list_weights, weights_status

WITH_WEIGHTS = [status.name for status in list_weights() if status.source is not None]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Give each test its own folder of weights, and a mirror that has nothing."""
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", mirror.as_uri())
    return mirror


def test_list_says_source_licence_and_paper_of_each():
    shown = call("weights", "list").out
    for name in WITH_WEIGHTS:
        source = weights_status(name).source
        for text in (f"{name:<18} absent", source.url, source.licence, source.paper, source.file_name):
            assert text in shown
    assert f"{'motion':<18} none needed" in shown
    assert "$SEMIOSCOPE_WEIGHTS chooses another" in shown
    assert shown.splitlines()[-1] == f"Next: semioscope weights fetch {WITH_WEIGHTS[0]}"


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_what_cannot_be_fetched_is_one_error_that_says_what_to_bring(name, tmp_path):
    shown = call("weights", "fetch", name, "--progress", "quiet")
    assert shown.exit_code == 2
    assert shown.err.startswith("Error: ")
    assert weights_status(name).source.file_name in shown.err
    assert str(tmp_path / "weights") in shown.err


def test_a_wrong_file_is_refused(empty_folder):
    source = backbone_spec("resnet34").weights
    (empty_folder / source.file_name).write_bytes(b"not weights")
    shown = call("weights", "fetch", "resnet34", "--progress", "quiet")
    assert shown.exit_code == 2
    assert hashlib.sha256(b"not weights").hexdigest()[:8] in shown.err


def test_motion_needs_nothing():
    shown = call("weights", "fetch", "motion", "--progress", "quiet")
    assert shown.exit_code == 0
    assert "motion: no weights needed." in shown.out


def test_all_means_those_that_have_some(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("semioscope.networks.fetch_weights", lambda name, progress: asked.append(name))
    assert call("weights", "fetch", "all").exit_code == 0
    assert asked == WITH_WEIGHTS


def test_unknown_backbones_are_named():
    shown = call("weights", "fetch", "r2plus1d")
    assert shown.exit_code == 2
    assert "Unknown backbone 'r2plus1d'. Did you mean r2plus1d_34_8" in shown.err


def test_verify_tells_absent_from_damaged(tmp_path):
    shown = call("weights", "verify")
    assert shown.exit_code == 0
    assert shown.out.count(": absent. Run 'semioscope weights fetch ") == len(WITH_WEIGHTS)
    assert shown.out.splitlines()[-1] == f"Next: semioscope weights fetch {WITH_WEIGHTS[0]}"
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / backbone_spec("resnet34").weights.file_name).write_bytes(b"cut off")
    shown = call("weights", "verify", "resnet34")
    assert shown.exit_code == 1
    assert "resnet34: damaged." in shown.out


def test_with_weights_the_next_step_is_a_run(tmp_path):
    from semioscope.recipes import RECIPES

    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / backbone_spec("resnet34").weights.file_name).write_bytes(b"to be checked when used")
    shown = call("weights", "list")
    assert f"{'resnet34':<18} waiting" in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope run {next(iter(RECIPES))} --cohort DIR --out RUN"
    (folder / "resnet34.json").write_text("{")
    (folder / "resnet34.safetensors").write_bytes(b"")
    assert call("weights", "list").out.splitlines()[-1] == "Next: semioscope weights fetch resnet34"
