"""``semioscope demo`` on the shared tiny cohort, and once (slow) on its own."""

import shutil

import pytest
from tiny import SETTINGS, call

from semioscope import synthetic

QUICK = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def ready_cohort(tiny, monkeypatch):
    """Let the demo take the shared cohort in place of a new one."""
    asked = {}

    def take(folder, **options):
        asked.update(options)
        shutil.copytree(tiny.cohort, folder, dirs_exist_ok=True)
        return synthetic.SyntheticCohort(
            folder=folder, task="fos-vs-tcs", seed=0, num_patients=5, num_seizures=7,
            class_counts={"FOS": 4, "TCS": 3}, total_seconds=40.0, held_out_videos=(),
        )  # fmt: skip

    monkeypatch.setattr(synthetic, "make_cohort", take)
    monkeypatch.setenv("SEMIOSCOPE_STORE", str(tiny.store))
    return asked


def test_it_goes_the_whole_way(ready_cohort, tmp_path):
    out = tmp_path / "demo"
    shown = call("demo", out, *QUICK, "--workers", "1", "--progress", "quiet", "--seed", "3")
    assert shown.exit_code == 0, shown.text
    assert shown.err == ""
    assert ready_cohort["hold_out"] == 1
    assert ready_cohort["seed"] == 3
    for step in ("1/3  ", "\n2/3  ", "\n3/3  ", "     Truth: "):
        assert step in shown.out
    assert shown.out.count("mean") >= 2, "it says that scores mean nothing clinically"
    assert shown.out.count("Next") == 1, "steps do not say what comes next"
    assert "Next, with own videos:\n  semioscope cohort new MYCOHORT" in shown.out
    assert (out / "run" / "report.html").stat().st_size > 10_000
    assert list((out / "prediction").glob("timeline-h01*.svg"))
    assert f"Report:      {out / 'run' / 'report.html'}" in shown.out


def test_a_misspelt_setting_is_one_sentence(ready_cohort, tmp_path):
    shown = call("demo", tmp_path / "demo", "--set", "trainig.epochs=2", "--progress", "quiet")
    assert shown.exit_code == 2
    assert "Unknown setting 'trainig'" in shown.err


@pytest.mark.slow
def test_it_makes_its_own_cohort(tmp_path, monkeypatch):
    monkeypatch.setattr("semioscope.cli.demo.SIZE", (160, 90))
    monkeypatch.setattr("semioscope.cli.demo.FPS", 10.0)
    shown = call(
        "demo", tmp_path / "demo", "--patients", "4", *QUICK, "--workers", "1", "--progress", "quiet"
    )
    assert shown.exit_code == 0, shown.text
    assert "12 seizures" in shown.out
    assert call("cohort", "check", tmp_path / "demo" / "cohort", "--progress", "quiet").exit_code == 0
