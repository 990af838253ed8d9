"""The way through ``docs/crops.md``, in its order, as a reader types it; only the cohort is a tiny one."""

from depth_cohort import tiny_depth_cohort
from documents import command_lines
from sheet_decisions import write_decisions
from tiny import call

from semioscope.preprocess import read_crops

WALK = [found.words[1:] for found in command_lines() if found.document == "crops.md"]


def test_the_walk_is_whole():
    assert [words[:2] for words in WALK] == [
        ["synth", "ward"], ["crop", "plan"], ["crop", "explain"], ["crop", "sheet"], ["crop", "apply"],
    ]  # fmt: skip


def test_the_way_from_streams_to_accepted_crops(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tiny_depth_cohort(tmp_path / "ward", ["p01-s1", "p02-s1"]).folder
    for words in WALK[1:]:
        if words[1] == "apply":
            accepted = {plan.event_id: {"decision": "accept"} for plan in read_crops(folder / "crops.tsv")}
            write_decisions(folder / "derived" / "crops" / "sheet.html", tmp_path / words[2], **accepted)
        shown = call(*words, *(["--progress", "quiet"] if words[1] in ("plan", "sheet") else []))
        assert shown.exit_code == 0, f"{words}\n{shown.text}"
        assert "Next: " in shown.out, f"{words} does not say what comes next"
    plans = read_crops(folder / "crops.tsv")
    assert [(plan.origin, plan.status) for plan in plans] == [("manual", "accepted")] * 2
