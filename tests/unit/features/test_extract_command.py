import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from semioscope.cohort import Annotation, write_cohort
from semioscope.core.errors import ConfigError

sys.path.insert(0, str(Path(__file__).parent))
import feature_material as material

from semioscope.cli.extract import command as extract_command
from semioscope.cli.preprocess import command as preprocess_command


def make_folder(folder, videos):
    for name in videos:
        if name != "gone":
            material.write_video(folder / f"{name}.mp4", seconds=6)
    cohort = material.make_cohort(folder, {name: f"{name}.mp4" for name in videos}, montage=False)
    rows = [
        Annotation(
            seizure_id=f"sz-{name}",
            recording_id=f"{name}-large",
            onset_seconds=0.5,
            offset_seconds=5.5,
            clonic_onset_seconds=None,
            use="train",
            annotator="",
            labels={"seizure_type": "FOS"},
            row=2,
        )
        for name in videos
    ]
    write_cohort(replace(cohort, annotations=tuple(rows)))


def test_plan_then_extract_then_nothing_left(tmp_path, capsys):
    make_folder(tmp_path, ["a"])
    extract_command(tmp_path, backbone="motion", plan_only=True, progress="quiet")
    shown = capsys.readouterr().out
    assert "frames to read" in shown
    assert "Next: the same command without --plan" in shown
    assert not (tmp_path / "derived").exists()
    extract_command(tmp_path, backbone="motion", progress="quiet")
    assert "Next: semioscope run" in capsys.readouterr().out
    extract_command(tmp_path, backbone="motion", progress="quiet")
    assert "0 computed" in capsys.readouterr().out


def test_a_broken_video_sets_the_exit_code(tmp_path, capsys):
    make_folder(tmp_path, ["a", "gone"])
    for call in (
        lambda: extract_command(tmp_path, backbone="motion", progress="quiet"),
        lambda: preprocess_command(tmp_path, tmp_path / "small", progress="quiet"),
    ):
        with pytest.raises(typer.Exit) as left:
            call()
        assert left.value.exit_code == 1
        shown = capsys.readouterr().out
        assert "gone-large failed" in shown
        assert "then the same command again" in shown


def test_preprocess_says_what_comes_next(tmp_path, capsys):
    make_folder(tmp_path, ["a"])
    preprocess_command(tmp_path, tmp_path / "small", codec="h264", progress="quiet")
    assert f"Next: semioscope cohort check {tmp_path / 'small'}" in capsys.readouterr().out


def test_unknown_names(tmp_path):
    make_folder(tmp_path, ["a"])
    with pytest.raises(ConfigError, match="Unknown backbone 'moton'"):
        extract_command(tmp_path, backbone="moton", progress="quiet")
    with pytest.raises(ConfigError, match="Unknown executor 'rai'"):
        extract_command(tmp_path, backbone="motion", executor="rai", progress="quiet")
