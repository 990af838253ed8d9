import csv
import json
from collections import Counter

import numpy as np
import pytest

from semioscope.cohort import check_cohort, read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.progress import QuietProgress
from semioscope.synthetic import (
    SCENARIOS,
    inset_region,
    is_synthetic,
    make_cohort,
)
from semioscope.synthetic.cohort import _deal
from semioscope.video import probe, read_pictures

SMALL = {
    "num_patients": 2,
    "num_seizures": 3,
    "size": (160, 90),
    "fps": 10.0,
    "min_seconds": 5.0,
    "max_seconds": 6.0,
    "hold_out": 1,
    "progress": QuietProgress(),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    return make_cohort(folder, **SMALL, workers=1)


def contents(folder):
    """The bytes of everything that must not differ: tables, truth, marks."""
    kept = {".tsv", ".json", ".txt"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in kept and ".units" not in path.parts
    }


def pictures(video):
    info = probe(video)
    times = np.arange(int(info.duration_seconds * 10) - 1) / 10 + 0.01
    return read_pictures(video, times)[0]


def test_the_tables_are_valid_and_name_every_video(made):
    cohort = read_cohort(made.folder)
    assert len(cohort.patients) == made.num_patients == 2
    assert len(cohort.seizures) == made.num_seizures == 3
    assert len(cohort.recordings) == 6
    problems = [problem for problem in check_cohort(made.folder) if problem.severity == "error"]
    assert problems == []
    videos = {path.name for path in (made.folder / "videos").iterdir()}
    assert videos == {f"{seizure.seizure_id}.mpg" for seizure in cohort.seizures}


def test_the_montage_is_two_recordings_of_one_file(made):
    inset = inset_region(160, 90)
    for seizure in read_cohort(made.folder).seizures:
        views = {view.recording_id.rsplit("-", 1)[1]: view for view in seizure.views}
        assert set(views) == {"large", "small"}
        cohort = read_cohort(made.folder)
        large, small = (cohort.recordings[views[name].recording_id] for name in ("large", "small"))
        assert large.path == small.path
        assert large.blank == inset
        assert large.region is None
        assert small.region == inset
        assert small.blank is None
        assert (large.view, small.view) == ("large", "small")


def test_labels_and_times_agree_with_the_truth(made):
    for seizure in read_cohort(made.folder).seizures:
        truth = json.loads((made.folder / "truth" / f"{seizure.seizure_id}.json").read_text(encoding="utf-8"))
        assert truth["synthetic"] is True
        assert truth["label"] == seizure.labels["seizure_type"]
        assert truth["semiology"] == seizure.labels["semiology"]
        for view in seizure.views:
            assert view.onset_seconds == pytest.approx(truth["onset_seconds"])
            assert view.offset_seconds == pytest.approx(truth["offset_seconds"])
            assert (view.clonic_onset_seconds is None) == (truth["label"] == "FOS")
            assert truth["views"][view.recording_id.rsplit("-", 1)[1]]["use"] == view.use
        info = probe(made.folder / "videos" / f"{seizure.seizure_id}.mpg")
        assert (info.width, info.height) == (160, 90)
        assert truth["num_frames"] / 10 == pytest.approx(info.duration_seconds, abs=0.21)
        assert seizure.views[0].offset_seconds < info.duration_seconds - 1
        seconds = [entry["time_seconds"] for entry in truth["views"]["large"]["boxes"]]
        np.testing.assert_allclose(seconds, np.arange(len(seconds)), atol=0.06)
        assert len(seconds) == int(np.ceil(truth["num_frames"] / 10))


def test_held_out_patients_are_not_in_the_tables(made):
    tables = "".join(
        (made.folder / f"{name}.tsv").read_text(encoding="utf-8")
        for name in ("patients", "recordings", "seizures")
    )
    assert "h01" not in tables
    assert "held-out" not in tables
    assert [video.name for video in made.held_out_videos] == ["h01-s1.mpg"]
    assert made.held_out_videos[0].is_file()
    with (made.folder / "held-out" / "held-out.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 1
    assert rows[0]["path"] == "h01-s1.mpg"
    assert rows[0]["seizure_type"] == "TCS"
    assert float(rows[0]["onset"]) < float(rows[0]["clonic_onset"]) < float(rows[0]["offset"])
    assert (made.folder / "held-out" / "truth" / "h01-s1.json").is_file()


def test_it_says_that_it_is_synthetic(made, tmp_path):
    assert is_synthetic(made.folder)
    assert not is_synthetic(tmp_path)
    assert json.loads((made.folder / "synthetic.json").read_text(encoding="utf-8"))["synthetic"] is True
    assert "mean nothing\nclinically" in (made.folder / "README.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(made, tmp_path):
    again = make_cohort(tmp_path / "cohort", **SMALL, workers=2)
    assert contents(again.folder) == contents(made.folder)
    for video in sorted(made.folder.rglob("*.mpg")):
        other = again.folder / video.relative_to(made.folder)
        np.testing.assert_array_equal(pictures(other), pictures(video))


def test_the_same_command_goes_on_and_remakes_only_what_is_missing(made, tmp_path):
    before = contents(made.folder)
    lost, kept = sorted((made.folder / "videos").glob("*.mpg"))[:2]
    content, untouched = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    (made.folder / "seizures.tsv").unlink()
    make_cohort(made.folder, **SMALL, workers=1)
    assert contents(made.folder) == before
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == untouched


def test_another_seed_gives_another_cohort(made):
    first = _deal(SCENARIOS["fos-vs-tcs"], 12, 36, seed=0)
    assert first == _deal(SCENARIOS["fos-vs-tcs"], 12, 36, seed=0)
    assert first != _deal(SCENARIOS["fos-vs-tcs"], 12, 36, seed=1)
    with pytest.raises(CohortError, match="made with another seed"):
        make_cohort(made.folder, **SMALL, seed=1, workers=1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_patients", [4, 12, 25])
def test_both_classes_are_dealt_to_several_patients(num_patients, seed):
    dealt = _deal(SCENARIOS["fos-vs-tcs"], num_patients, 3 * num_patients, seed=seed)
    assert len(dealt) == num_patients
    assert sum(map(len, dealt.values())) == 3 * num_patients
    assert min(map(len, dealt.values())) >= 1
    patients_of = Counter(label for labels in dealt.values() for label in set(labels))
    assert min(patients_of["FOS"], patients_of["TCS"]) >= num_patients // 4 + 1 - (num_patients < 8)
    seizures_of = Counter(label for labels in dealt.values() for label in labels)
    assert min(seizures_of.values()) > 0.2 * 3 * num_patients


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "fos-vs-tsc"}, "Did you mean fos-vs-tcs"),
        ({"num_patients": 0}, "num_patients must be 1 or more, got 0"),
        ({"num_seizures": 1}, r"at least one per patient \(2\), got 1"),
        ({"size": (481, 270)}, "two even numbers .* got 481x270"),
        ({"size": (80, 40)}, "from 160x90 to 3840x2160, got 80x40"),
        ({"fps": 5.0}, r"fps must be in \[10, 60\], got 5"),
        ({"min_seconds": 9.0}, "at most max_seconds, got 9 and 6"),
        ({"min_seconds": 1.0}, "min_seconds must be at least 5"),
        ({"hold_out": -1}, "hold_out must be 0 or more, got -1"),
        ({"codec": "mpeg"}, "Unknown codec 'mpeg'. Did you mean mpeg2"),
        ({"workers": 0}, "workers must be 1 or more, got 0"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        make_cohort(tmp_path / "cohort", **(SMALL | change))
    assert not (tmp_path / "cohort" / "videos").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(CohortError, match=r"must be empty or absent, but holds files. Choose another folder"):
        make_cohort(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_recordings_that_fail_are_named(tmp_path, monkeypatch):
    from semioscope.synthetic import recording

    def broken(*args, **kwargs):
        raise CohortError("the sky fell")

    monkeypatch.setattr(recording, "VideoWriter", broken)
    with pytest.raises(CohortError, match=r"4 of 4 recordings could not be made:\n.*the sky fell"):
        make_cohort(tmp_path / "cohort", **SMALL, workers=1)
    assert not (tmp_path / "cohort" / "seizures.tsv").exists()
