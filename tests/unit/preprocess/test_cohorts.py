import shutil
import sys

import numpy as np
import pytest

from semioscope.cohort import Annotation, Cohort, read_cohort, write_cohort
from semioscope.core.errors import CohortError, ConfigError, StoreError, VideoError
from semioscope.core.progress import QuietProgress
from semioscope.core.records import Patient, Recording, Region
from semioscope.execution import EXECUTORS, make_executor
from semioscope.preprocess import (
    CropPlan,
    PictureConfig,
    base_picture,
    network_picture,
    preprocess_cohort,
    read_crops,
    view_picture,
    write_crops,
)
from semioscope.video import VideoWriter, open_reader, probe, read_pictures

INSET = Region(x=0.0, y=0.0, width=0.5, height=0.5)
SMALL = PictureConfig(base_width=64, base_height=36)


def write_montage(path, *, seconds=3.0, fps=30, skip=(), seed=0):
    rng = np.random.default_rng(seed)
    still = np.kron(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    with VideoWriter(path, width=160, height=96, fps=fps) as writer:
        for number in range(round(seconds * fps)):
            if number not in skip:
                writer.write(np.roll(still, number, axis=1), pts_seconds=number / fps)


def recording(name, path, **options):
    return Recording(**{"recording_id": name, "patient_id": "p1", "view": name, "path": path} | options)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    (folder / "videos").mkdir()
    write_montage(folder / "videos" / "a.mp4")
    write_montage(folder / "videos" / "b.mp4", seconds=2.0, fps=25, seed=1)
    recordings = [
        recording("a-large", "videos/a.mp4", blank=INSET, depth_path="depth/a.mkv"),
        recording("a-small", "videos/a.mp4", region=INSET),
        recording("b", "videos/b.mp4", role="contextual"),
        recording("features-only", None),
    ]
    rows = [
        Annotation(
            seizure_id="sz-1",
            recording_id=name,
            onset_seconds=0.5,
            offset_seconds=2.5,
            clonic_onset_seconds=1.25,
            use=use,
            annotator=who,
            labels={"seizure_type": "TCS"},
            row=2,
        )
        for name, use in (("a-large", "train"), ("a-small", "evaluate"))
        for who in ("anna", "ben")
    ]
    write_cohort(
        Cohort(
            folder=folder,
            patients=(Patient(patient_id="p1", labels={"lobe": "frontal"}),),
            recordings={r.recording_id: r for r in recordings},
            annotations=tuple(rows),
        )
    )
    box = Region(x=0.1, y=0.125, width=0.2, height=0.25)
    write_crops(
        folder / "crops.tsv",
        [
            CropPlan(event_id="sz-1", recording_id="a-small", box=box, origin="manual"),
            CropPlan(event_id="sz-1", recording_id="a-large", box=box),
            CropPlan(
                event_id="sz-2", recording_id="a-small", box=Region(x=0.8, y=0.8, width=0.1, height=0.1)
            ),
        ],
    )
    return folder


@pytest.fixture(scope="module")
def small(source, tmp_path_factory):
    """The small cohort, lossless."""
    out = tmp_path_factory.mktemp("out") / "small"
    report = preprocess_cohort(read_cohort(source), out, picture=SMALL, codec="ffv1")
    return out, report


def test_the_result_is_a_cohort_with_the_same_seizures(source, small):
    before, after = read_cohort(source), read_cohort(small[0])
    assert after.patients == before.patients
    assert [(s.seizure_id, s.views, s.labels) for s in after.seizures] == [
        (s.seizure_id, s.views, s.labels) for s in before.seizures
    ]
    assert len(after.annotations) == len(before.annotations)
    for name, old in before.recordings.items():
        new = after.recordings[name]
        assert (new.view, new.role, new.patient_id) == (old.view, old.role, old.patient_id)
        assert (new.region, new.blank) == (None, None)
    assert after.recordings["features-only"].path is None
    depth = after.folder / after.recordings["a-large"].depth_path
    assert depth.resolve() == (source / "depth" / "a.mkv").resolve()


def test_the_videos_are_small_and_on_the_grid(small):
    cohort = read_cohort(small[0])
    for name, size, seconds in (("a-large", (60, 36), 3.0), ("a-small", (60, 36), 3.0), ("b", (60, 36), 2.0)):
        info = probe(cohort.video_path(name))
        assert (info.width, info.height, info.fps) == (*size, 15)
        assert info.duration_seconds == pytest.approx(seconds, abs=0.04)
    assert {video.recording_id: video.num_written for video in small[1].videos} == {
        "a-large": 45,
        "a-small": 45,
        "b": 30,
    }
    assert "3 recordings" in small[1].describe()


@pytest.mark.parametrize("name", ["a-large", "a-small", "b"])
def test_on_the_fly_equals_through_the_file(source, small, name):
    old, new = read_cohort(source), read_cohort(small[0])
    times = np.arange(30) / 15
    whole, _ = read_pictures(old.video_path(name), times)
    written, _ = read_pictures(new.video_path(name), times)
    for picture, through_file in zip(whole, written, strict=True):
        seen = old.recordings[name]
        fly = base_picture(view_picture(picture, region=seen.region, blank=seen.blank), SMALL)
        assert np.array_equal(fly, through_file)
        assert np.array_equal(
            network_picture(fly, SMALL, size=24),
            network_picture(base_picture(through_file, SMALL), SMALL, size=24),
        )


def test_boxes_follow_their_view(small):
    crops = {(crop.event_id, crop.recording_id): crop for crop in read_crops(small[0] / "crops.tsv")}
    box = crops["sz-1", "a-small"].box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0.2, 0.25, 0.4, 0.5))
    assert crops["sz-1", "a-small"].origin == "manual"
    large = crops["sz-1", "a-large"].box
    assert (large.x, large.y) == pytest.approx((0.1, 0.125))
    assert (crops["sz-2", "a-small"].box, crops["sz-2", "a-small"].status) == (None, "flagged")


def test_gaps_stay_gaps(source, tmp_path):
    folder = tmp_path / "gap"
    shutil.copytree(source, folder)
    write_montage(folder / "videos" / "a.mp4", skip=range(30, 45))
    cohort = read_cohort(folder)
    report = preprocess_cohort(cohort, tmp_path / "out", picture=SMALL, codec="ffv1")
    [large] = [video for video in report.videos if video.recording_id == "a-large"]
    assert (large.num_written, large.num_left_out) == (37, 8)
    assert "8 are missing in the source" in report.describe()
    times = np.arange(45) / 15
    statuses = []
    for path in (cohort.video_path("a-large"), tmp_path / "out" / "videos" / "a-large.mkv"):
        with open_reader(path) as reader:
            statuses.append([frame.status for frame in reader.read(times)])
    assert statuses[0] == statuses[1]
    assert statuses[0].count("held") == 8


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def results(folder):
    """Return tables as bytes and videos as pictures: Matroska files carry a random number."""
    found = {name: content for name, content in files(folder).items() if not name.startswith("derived/")}
    return {
        name: read_pictures(folder / name, np.arange(30) / 15)[0].tobytes()
        if name.endswith(".mkv")
        else content
        for name, content in found.items()
    }


@pytest.mark.parametrize("name", EXECUTORS)
def test_processes_and_interruptions_give_the_same_files(source, small, tmp_path, name, monkeypatch):
    cohort = read_cohort(source)
    out = tmp_path / "out"

    class Stop(QuietProgress):
        def advance(self, amount=1.0, *, note=""):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1", progress=Stop())
    (out / "videos" / ".partial-left-behind.mkv").write_bytes(b"x")
    written = {path: path.stat().st_mtime_ns for path in (out / "videos").glob("a-*.mkv")}
    assert len(written) == 2
    preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1", executor=make_executor(name, workers=2))
    assert results(out) == results(small[0])
    assert {path: path.stat().st_mtime_ns for path in written} == written
    before = {path: path.stat().st_mtime_ns for path in (out / "videos").iterdir()}
    preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1")
    assert {path: path.stat().st_mtime_ns for path in (out / "videos").iterdir()} == before
    preprocess_cohort(cohort, out, picture=PictureConfig(base_width=32, base_height=18), codec="ffv1")
    assert probe(out / "videos" / "b.mkv").width == 30


def test_two_at_once_in_one_folder_are_refused_and_leave_each_other_alone(source, tmp_path):
    cohort, out = read_cohort(source), tmp_path / "out"
    partial = out / "videos" / ".partial-of-the-first.mkv"

    class Second(QuietProgress):
        refused = 0

        def advance(self, amount=1, **options):
            partial.write_bytes(b"half")
            with pytest.raises(
                StoreError, match=r"Another preprocess is working in .*out\. Wait for its end"
            ):
                preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1")
            assert partial.exists()
            Second.refused += 1

    preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1", progress=Second())
    assert Second.refused
    preprocess_cohort(cohort, out, picture=SMALL, codec="ffv1")
    assert not partial.exists()


def test_the_default_is_hevc(source, tmp_path):
    preprocess_cohort(read_cohort(source), tmp_path / "out")
    info = probe(tmp_path / "out" / "videos" / "a-large.mp4")
    assert (info.codec, info.width, info.height, info.fps) == ("hevc", 160, 96, 15)


def test_one_broken_video_is_left_out(source, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(source, folder)
    (folder / "videos" / "a.mp4").write_text("no video")
    report = preprocess_cohort(read_cohort(folder), tmp_path / "out", picture=SMALL, codec="ffv1")
    assert {name for name, _ in report.failures} == {"a-large", "a-small"}
    assert "Recording a-large failed and was left out" in report.describe()
    recordings = (tmp_path / "out" / "recordings.tsv").read_text()
    assert "a-large" not in recordings
    assert "videos/b.mkv" in recordings
    (folder / "videos" / "b.mp4").unlink()
    with pytest.raises(VideoError, match="At least one recording must be readable"):
        preprocess_cohort(read_cohort(folder), tmp_path / "none")


def test_full_disk_stops(source, tmp_path, monkeypatch):
    module = sys.modules["semioscope.preprocess.cohorts"]

    def full(*_args, **_kwargs):
        msg = "The disk is full: a.mp4 could not be written. Free some space."
        raise StoreError(msg)

    monkeypatch.setattr(module, "VideoWriter", full)
    with pytest.raises(StoreError, match="The disk is full"):
        preprocess_cohort(read_cohort(source), tmp_path / "out")
    monkeypatch.undo()
    assert len(preprocess_cohort(read_cohort(source), tmp_path / "out", codec="h264").videos) == 3


class TestRefusals:
    def test_hevc_of_tiny_views(self, source, tmp_path):
        tiny = PictureConfig(base_width=32, base_height=18)
        with pytest.raises(VideoError, match="must be at least 64x36 pixels for hevc, got 30x18"):
            preprocess_cohort(read_cohort(source), tmp_path / "out", picture=tiny)

    def test_codec_and_rate(self, source, tmp_path):
        with pytest.raises(ConfigError, match=r"Unknown codec 'hevcc'\. Did you mean hevc"):
            preprocess_cohort(read_cohort(source), tmp_path / "out", codec="hevcc")
        with pytest.raises(ConfigError, match="fps must be above 0 pictures per second, got 0"):
            preprocess_cohort(read_cohort(source), tmp_path / "out", fps=0.0)

    def test_places(self, source, tmp_path):
        cohort = read_cohort(source)
        with pytest.raises(CohortError, match="must have a folder of its own"):
            preprocess_cohort(cohort, source)
        (tmp_path / "file").write_text("")
        with pytest.raises(CohortError, match="but is a file"):
            preprocess_cohort(cohort, tmp_path / "file")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "thesis.txt").write_text("")
        with pytest.raises(CohortError, match="must be new, empty, or left by the same command"):
            preprocess_cohort(cohort, tmp_path / "full")
