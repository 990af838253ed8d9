"""The README's own way, in its order, as a new user types it; only the cohort is a tiny one."""

import shutil
from fractions import Fraction

import numpy as np
import openpyxl
import pytest
from documents import Found, command_lines, inline
from tiny import SETTINGS, call
from tiny_study import FEATURES
from tiny_ward import SETTINGS as WARD_SETTINGS
from tiny_ward import shared_ward

from semioscope.networks import backbone_spec
from semioscope.video import VideoWriter

STUDY = {
    "gestures-2021-figure2": (
        "training.epochs=2", "grid.clip_training.epochs=2", "folds.num_folds=2", "grid.num_segments=[16]",
        "grid.gammas=[4]", "grid.aggregators=[mean, blstm]",
    ),
    "gestures-2021-table1": (
        "training.epochs=2", "folds.num_folds=2", "grid.backbones=[motion]", "events.min_duration_seconds=0",
    ),
}  # fmt: skip
"""Small settings that leave the commands after them true."""

NOT_WALKED = ("demo", "bench")
"""Tested with the command line itself; the benchmarks take minutes."""

WALK = sorted(
    [
        found
        for found in [*command_lines(), *inline("semioscope ")]
        if found.document == "README.md"
        and found.words[0] == "semioscope"
        and found.words[1] not in NOT_WALKED
    ],
    key=lambda found: found.line,
)


@pytest.fixture
def place(tiny, tmp_path, monkeypatch):
    """An empty folder with the two files that the reader is said to have, and a mirror without weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMIOSCOPE_STORE", str(tiny.store))
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", (tmp_path / "mirror").as_uri())
    monkeypatch.setenv("SEMIOSCOPE_DATA_URL", "http://127.0.0.1:9")
    write_annotations(tmp_path / "annotations.xlsx")
    write_long_video(tmp_path / "seizure.mpg")
    return tmp_path


def write_annotations(path):
    book = openpyxl.Workbook()
    for row in (
        ["patient", "video", "onset", "offset", "seizure_type"],
        ["a", "a.mpg", "1:02.5", 118, "FOS"],
    ):
        book.active.append(row)
    book.save(path)


def write_long_video(path):
    """Write two minutes of moving grey, 10 pictures per second."""
    rows = np.arange(90, dtype=np.uint8)[:, None, None]
    with VideoWriter(path, width=160, height=90, fps=Fraction(10), codec="mpeg2") as writer:
        for number in range(1200):
            writer.write(np.broadcast_to(rows + np.uint8(number % 100), (90, 160, 3)))


def fill(tiny, folder):
    """Do what the README asks of the reader between making and checking a cohort."""
    for table in tiny.cohort.glob("*.tsv"):
        shutil.copy(table, folder)
    shutil.copytree(tiny.cohort / "videos", folder / "videos", dirs_exist_ok=True)


def test_the_walk_holds_the_main_commands():
    walked = [" ".join(found.words[1:3]) for found in WALK]
    assert walked[:3] == ["doctor", "cohort new", "cohort import"] or walked[0].startswith("doctor")
    assert {"cohort check", "cohort summary", "weights fetch", "run gestures-2021"} <= set(walked)
    assert {"cohort fetch", "run gestures-2021-figure2", "run gestures-2021-table1"} <= set(walked)


def test_the_readme_from_top_to_bottom(tiny, place, tmp_path_factory):
    ward = shared_ward(tmp_path_factory)
    for found in WALK:
        if found.words[1:3] == ["synth", "ward"]:  # the cohort that the command makes, but small
            shutil.copytree(ward, place / "ward", ignore=shutil.ignore_patterns("derived", "crops.tsv"))
            continue
        if found.words[1:3] == ["cohort", "check"]:
            fill(tiny, place / "mycohort")
        follow(found, place)
    for run in ("myrun", "figure2", "table1", "ward-run"):
        assert (place / run / "report.html").exists()
    assert list((place / "prediction").glob("timeline-seizure*.svg"))


def follow(found: Found, place) -> None:
    words = found.words[1:]
    if words[:2] == ["weights", "fetch"]:
        shown = call(*words)
        assert shown.exit_code == 2
        assert backbone_spec(words[2]).weights.file_name in shown.err
        return
    if words[:2] == ["cohort", "fetch"]:
        shown = call(*words, "--progress", "quiet")
        assert shown.exit_code != 0
        assert f"{words[2]} could not be fetched" in shown.text
        return
    if words[:2] == ["synth", "features"]:
        size = ("num_seizures", "num_patients", "minutes")
        given = [str(word) for name in size for word in (f"--{name.removeprefix('num_')}", FEATURES[name])]
        words += [*given, "--progress", "quiet"]
    if words[:2] in (["run", "gestures-2021-figure2"], ["run", "gestures-2021-table1"]):
        words += [word for setting in STUDY[words[1]] for word in ("--set", setting)]
        words += ["--workers", "1", "--progress", "quiet"]
    elif words[:2] == ["run", "karacsony-2022-b"]:
        words += [word for setting in WARD_SETTINGS for word in ("--set", setting)]
        words += ["--backbone", "motion", "--workers", "1"]
    elif words[0] == "run":
        small = [word for setting in SETTINGS for word in ("--set", setting)]
        words += [*small, "--workers", "1"]
    if (words[0] in ("run", "predict") and "--progress" not in words) or words[:2] == ["cohort", "check"]:
        words += ["--progress", "quiet"]
    shown = call(*words)
    assert shown.exit_code == 0, f"{found}\n{shown.text}"
    assert "Next: " in shown.out, f"{found} does not say what comes next"
