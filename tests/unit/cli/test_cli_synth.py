"""``semioscope synth`` in process, with videos of a few seconds."""

import json
from functools import partial

import pytest
from tiny import call, tree

from semioscope import synthetic
from semioscope.cli.synth import parse_size
from semioscope.core.errors import ConfigError

SMALL = (
    "--patients", "2", "--seizures", "2", "--size", "160x90", "--fps", "10", "--workers", "1", "--progress",
    "quiet",
)  # fmt: skip


@pytest.fixture(autouse=True)
def short_seizures(monkeypatch):
    short = partial(synthetic.make_cohort, min_seconds=5, max_seconds=6)
    monkeypatch.setattr(synthetic, "make_cohort", short)


def test_a_cohort_is_made_that_passes_its_check(tmp_path):
    shown = call("synth", tmp_path / "a", *SMALL, "--hold-out", "1", "--seed", "4")
    assert shown.exit_code == 0, shown.text
    assert f"of 2 patients in {tmp_path / 'a'}." in shown.out
    assert shown.out.startswith("2 seizures (")
    assert "mean nothing clinically" in shown.out
    assert shown.out.splitlines()[-1] == f"Next: semioscope cohort check {tmp_path / 'a'}"
    assert len(list((tmp_path / "a" / "held-out").glob("h01*"))) == 1
    checked = call("cohort", "check", tmp_path / "a", "--progress", "quiet")
    assert checked.exit_code == 0, checked.out
    again = call("synth", tmp_path / "a", *SMALL, "--hold-out", "1", "--seed", "4")
    assert again.out == shown.out
    other = call("synth", tmp_path / "a", *SMALL, "--hold-out", "1", "--seed", "5")
    assert other.exit_code == 2
    assert tree(tmp_path / "a")


def test_json_progress_is_json_lines_only(tmp_path):
    shown = call("synth", tmp_path / "a", *SMALL[:-1], "json")
    events = [json.loads(line)["event"] for line in shown.err.splitlines()]
    assert events[0] == "start"
    assert events[-1] == "finish"


@pytest.mark.parametrize("text", ["big", "160", "160x", "x90", "160x90x3", "1e3x90"])
def test_a_size_is_two_numbers(text):
    with pytest.raises(ConfigError, match="--size must be WIDTHxHEIGHT in pixels, got"):
        parse_size(text)


@pytest.mark.parametrize("text", ["158x90", "160x88", "161x90", "160x91", "-160x90"])
def test_a_size_is_even_and_not_tiny(text):
    with pytest.raises(ConfigError, match="--size needs even numbers of at least 160x90, got"):
        parse_size(text)


def test_sizes():
    assert parse_size("1920X1080") == (1920, 1080)


def test_unknown_tasks_and_foreign_folders(tmp_path):
    shown = call("synth", tmp_path / "a", *SMALL, "--task", "fos-vs-tc")
    assert shown.exit_code == 2
    assert "Did you mean fos-vs-tcs" in shown.err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "patients.tsv").write_text("patient_id\nreal\n")
    shown = call("synth", tmp_path / "b", *SMALL)
    assert shown.exit_code == 2
    assert (tmp_path / "b" / "patients.tsv").read_text() == "patient_id\nreal\n"


def test_a_depth_cohort_is_made_that_passes_its_check(tmp_path, monkeypatch):
    short = partial(synthetic.make_depth_cohort, min_seconds=1, max_seconds=1.5)
    monkeypatch.setattr(
        synthetic,
        "make_cohort",
        lambda folder, *, depth, **others: short(
            folder, **{key: value for key, value in others.items() if depth and value is not None}
        ),
    )
    shown = call(
        "synth", tmp_path / "a", "--depth", "--patients", "2", "--seizures", "2", "--size", "64x52", "--fps", "5",
        "--preictal", "0.5", "--postictal", "0.5", "--workers", "1", "--progress", "quiet",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.text
    assert shown.out.startswith("2 seizures (1 FLE, 1 TLE) of 2 patients in ")
    assert json.loads((tmp_path / "a" / "synthetic.json").read_text())["task"] == "fle-vs-tle-vs-nonepileptic"
    checked = call("cohort", "check", tmp_path / "a", "--progress", "quiet")
    assert checked.exit_code == 0, checked.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "fle-vs-tle"], "made of depth recordings. Ask for depth (--depth)"),
        (["--preictal", "3"], "must be asked for without --preictal"),
        (["--depth", "--minutes", "3"], "must be asked for without --minutes"),
        (["--depth", "--size", "62x52"], "at least 64x52, got 62x52"),
        (["--depth", "--task", "fos-vs-tcs"], "made of videos without depth"),
    ],
)
def test_options_of_depth_that_do_not_fit_are_refused(tmp_path, words, message):
    shown = call("synth", tmp_path / "a", *words, "--progress", "quiet")
    assert shown.exit_code == 2
    assert message in " ".join(shown.err.split())
    assert not (tmp_path / "a").exists()


def test_a_ward_cohort_is_made_that_passes_its_check(tmp_path):
    words = (*SMALL, "--task", "es-vs-pnes", "--contextual-hours", "0.006")
    shown = call("synth", tmp_path / "a", *words)
    assert shown.exit_code == 0, shown.text
    assert shown.out.startswith("2 seizures (1 ES, 1 PNES) of 2 patients in ")
    assert "0.01 h of contextual video besides." in shown.out
    checked = call("cohort", "check", tmp_path / "a", "--progress", "quiet")
    assert checked.exit_code == 0, checked.out
    again = call("synth", tmp_path / "a", *SMALL, "--contextual-hours", "1")
    assert again.exit_code == 2
    assert "made for es-vs-pnes only, got task fos-vs-tcs" in " ".join(again.err.split())
