"""The way through ``docs/hou.md`` that needs no weights, in its order; only cohort and networks are tiny ones."""

import shutil

import pytest
from documents import command_lines
from tiny import call
from tiny_hou import PRETRAIN_SETTINGS, RUN_SETTINGS, shared_hou, with_settings

WALK = [found.words[1:] for found in command_lines() if found.document == "hou.md"]
SMALL = {
    "pretrain": [*with_settings(PRETRAIN_SETTINGS), "--device", "cpu", "--workers", "1"],
    "run": [*with_settings(RUN_SETTINGS), "--workers", "1"],
    "cohort": [],
}


@pytest.fixture
def place(tmp_path, tmp_path_factory, monkeypatch):
    """An empty folder but for the cohort that the first command makes, which is a small one here."""
    hou = shared_hou(tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMIOSCOPE_STORE", str(hou.store))
    shutil.copytree(hou.cohort, tmp_path / "ward", ignore=shutil.ignore_patterns("derived"))
    return tmp_path


def test_the_walk_is_whole():
    assert [words[:2] for words in WALK[:4]] == [
        ["synth", "ward"], ["cohort", "check"], ["pretrain", "hou-2022-small"], ["run", "hou-2022-small"],
    ]  # fmt: skip


def test_the_way_from_video_without_labels_to_the_answer(place):
    for words in WALK[1:4]:
        shown = call(*words, *SMALL[words[0]], "--progress", "quiet")
        assert shown.exit_code == 0, f"{words}\n{shown.text}"
        assert "Next: " in shown.out, f"{words} does not say what comes next"
    assert "Pre-training: accuracy" in shown.out
    assert (place / "ward-answer" / "report.html").is_file()
    assert (place / "ward-pretraining" / "report.html").is_file()
