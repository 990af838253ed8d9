"""The way through ``docs/infrared.md`` that needs no weights, in its order; only the cohort is a tiny one."""

import shutil

from documents import command_lines
from tiny import call
from tiny_ward import shared_ward

WALK = [found.words[1:] for found in command_lines() if found.document == "infrared.md"]


def test_the_walk_is_whole():
    assert [words[:2] for words in WALK[:4]] == [
        ["synth", "ward"], ["cohort", "check"], ["run", "karacsony-2022-b"],
        ["predict", "ward/videos/p01-s1-infrared.mkv"],
    ]  # fmt: skip


def test_the_way_from_streams_to_a_report_and_a_prediction(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cohort = shared_ward(tmp_path_factory)
    shutil.copytree(cohort, tmp_path / "ward", ignore=shutil.ignore_patterns("derived", "crops.tsv"))
    for words in WALK[1:4]:
        more = ["--set", "training.epochs=2", "--set", "folds.num_folds=2", "--workers", "1"]
        shown = call(*words, *(more if words[0] == "run" else []), "--progress", "quiet")
        assert shown.exit_code == 0, f"{words}\n{shown.text}"
        assert "Next: " in shown.out, f"{words} does not say what comes next"
    assert (tmp_path / "ward-run" / "report.html").is_file()
    assert list((tmp_path / "ward-prediction").glob("timeline-*.svg"))
