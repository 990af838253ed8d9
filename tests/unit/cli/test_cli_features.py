"""``semioscope extract`` and ``semioscope preprocess`` through the command line."""

import json
import shutil

import pytest
from tiny import call

QUIET = ("--progress", "quiet")


@pytest.fixture
def cohort(tiny, tmp_path):
    """One seizure of the shared cohort, with its two views."""
    folder = tiny.copy(tmp_path / "cohort")
    for name, column in (("seizures.tsv", "seizure_id"), ("recordings.tsv", "recording_id")):
        lines = (folder / name).read_text().splitlines()
        place = lines[0].split("\t").index(column)
        first = lines[1].split("\t")[place]
        stem = first if column == "seizure_id" else first.rsplit("-", 1)[0]
        kept = [line for line in lines[1:] if line.split("\t")[place].startswith(stem)]
        (folder / name).write_text("\n".join([lines[0], *kept]) + "\n")
    return folder


def extract(cohort, *more):
    return call("extract", cohort, "--backbone", "motion", "--fps", "10", "--stride", "8", *more, *QUIET)


def test_extract_plans_computes_and_skips(cohort, tmp_path):
    store = tmp_path / "store"
    planned = extract(cohort, "--store", store, "--plan")
    assert planned.exit_code == 0, planned.text
    assert planned.out.splitlines()[-1] == "Next: the same command without --plan"
    assert not store.exists()
    done = extract(cohort, "--store", store)
    assert done.exit_code == 0, done.text
    assert f"Next: semioscope run gestures-2021 --cohort {cohort} --out RUN" in done.out.splitlines()[-1]
    assert list(store.rglob("*.safetensors"))
    assert "0 computed" in extract(cohort, "--store", store).out


def test_extract_tells_what_is_wrong_with_the_events_and_who_was_left_out(cohort, tmp_path):
    table = cohort / "seizures.tsv"
    heads, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    for row in rows:
        cells = dict(zip(heads, row, strict=True))
        middle = (float(cells["onset"]) + float(cells["offset"])) / 2
        row[heads.index("seizure_type")], row[heads.index("clonic_onset")] = "FOS", f"{middle:.2f}"
    table.write_text("".join("\t".join(row) + "\n" for row in [heads, *rows]))
    shown = extract(cohort, "--store", tmp_path / "store", "--plan")
    assert shown.exit_code == 0, shown.text
    [note] = [line for line in shown.out.splitlines() if line.startswith("Note: ")]
    assert "seizures.tsv row 2" in note
    assert "clonic_onset" in note
    assert "Left out" not in shown.out
    shown = extract(cohort, "--store", tmp_path / "store", "--plan", "--min-duration-seconds", "1000")
    assert "Left out: 1 (shorter than 1000 s)." in shown.out.splitlines()


def test_extract_speaks_json(cohort, tmp_path):
    shown = call(
        "extract",
        cohort,
        "--backbone",
        "motion",
        "--fps",
        "10",
        "--store",
        tmp_path / "s",
        "--progress",
        "json",
    )
    assert shown.exit_code == 0, shown.text
    assert {json.loads(line)["event"] for line in shown.err.splitlines()} >= {"start", "finish"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backbone", "motoin"], "Did you mean motion"),
        (["--backbone", "motion", "--engine", "opnvino"], "openvino"),
        (["--backbone", "motion", "--precision", "f16"], "Unknown precision 'f16'"),
        (["--backbone", "motion", "--task", "fos-tcs"], "Did you mean fos-vs-tcs"),
        (["--backbone", "motion", "--executor", "loca"], "Did you mean local"),
    ],
)
def test_extract_names_the_nearest(cohort, options, message):
    shown = call("extract", cohort, *options, *QUIET)
    assert shown.exit_code == 2
    assert message in shown.err
    assert not (cohort / "derived").exists()


def test_preprocess_makes_a_cohort_that_passes_its_check(cohort, tmp_path):
    out = tmp_path / "small"
    options = ("--fps", "5", "--width", "64", "--height", "36", "--codec", "h264", *QUIET)
    done = call("preprocess", cohort, out, *options)
    assert done.exit_code == 0, done.text
    assert done.out.splitlines()[-1] == f"Next: semioscope cohort check {out}"
    assert call("cohort", "check", out, *QUIET).exit_code == 0
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    assert times
    assert call("preprocess", cohort, out, *options).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")} == times


def test_preprocess_names_the_nearest_codec(cohort, tmp_path):
    shown = call("preprocess", cohort, tmp_path / "small", "--codec", "h265", *QUIET)
    assert shown.exit_code == 2
    assert "Unknown codec 'h265'" in shown.err


def test_a_lost_video_is_listed_and_sets_the_exit_code(cohort, tmp_path):
    for video in (cohort / "videos").iterdir():
        video.unlink()
    shown = extract(cohort, "--store", tmp_path / "store")
    assert shown.exit_code == 1
    assert f"semioscope cohort check {cohort}" in shown.out.splitlines()[-1]
    shown = call("preprocess", cohort, tmp_path / "small", *QUIET)
    assert shown.exit_code == 2
    assert "At least one recording must be readable, but none is:" in shown.err


def test_a_folder_that_is_no_cohort(tmp_path):
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    shown = extract(tmp_path / "none")
    assert shown.exit_code == 2
    assert "semioscope cohort new" in shown.err
