"""A detector follows a patient along events of a cohort: once a second, kept in the cohort, nothing lost silently."""

from dataclasses import replace

import numpy as np
import pytest

from semioscope.cohort import Cohort
from semioscope.core.errors import LeakageError, StoreError
from semioscope.core.records import Event, EventView, Patient, Recording, Region
from semioscope.networks import Detection
from semioscope.preprocess.crop_frames import open_event
from semioscope.preprocess.track_files import read_tracks, tracks_path
from semioscope.preprocess.track_finding import TrackConfig, ensure_box_tracks, find_box_track, look_places
from semioscope.video import VideoWriter

FPS, SIZE, SIDE = 5, 64, 16
VIEW = EventView(recording_id="r1", onset_seconds=1.0, offset_seconds=5.3)
"""Frames 5 to 26; the bright square is 2 pixels further right in each."""


def square(frame):
    return 2 * frame


class FindsBright:
    """Finds a bright square as the patient; counts how often it looks."""

    weights_hash = "bright"

    def __init__(self, *, blind_at=()):
        self.seen, self.blind_at = 0, set(blind_at)

    def detect(self, picture):
        self.seen += 1
        rows, columns = np.nonzero(picture.mean(axis=2) > 128)
        if not len(rows) or self.seen - 1 in self.blind_at:
            return []
        height, width = picture.shape[:2]
        box = Region(
            x=columns.min() / width,
            y=rows.min() / height,
            width=(np.ptp(columns) + 1) / width,
            height=(np.ptp(rows) + 1) / height,
        )
        other = Region(x=0.0, y=0.0, width=1.0, height=1.0)
        return [
            Detection(label="carer", score=0.99, box=other),
            Detection(label="patient", score=0.9, box=box),
            Detection(label="patient", score=0.6, box=other),
        ]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks")
    with VideoWriter(folder / "r1.mkv", width=SIZE, height=SIZE, fps=FPS, codec="ffv1") as writer:
        for frame in range(40):
            picture = np.zeros((SIZE, SIZE, 3), np.uint8)
            picture[8 : 8 + SIDE, square(frame) % SIZE : square(frame) % SIZE + SIDE] = 255
            writer.write(picture)
    (folder / "r2.mkv").write_bytes(b"no video")
    recordings = {
        name: Recording(recording_id=name, patient_id="p1", view="ward", path=f"{name}.mkv")
        for name in ("r1", "r2")
    }
    return Cohort(folder=folder, patients=(Patient(patient_id="p1"),), recordings=recordings, seizures=())


@pytest.fixture
def own(cohort, tmp_path):
    """The same videos, and a folder of one's own for the table."""
    for file in cohort.folder.glob("*.mkv"):
        (tmp_path / file.name).symlink_to(file)
    return replace(cohort, folder=tmp_path)


def event(name="e1", *views):
    return Event(event_id=name, patient_id="p1", y_true=None, views=views or (VIEW,))


def test_it_looks_once_a_second_and_at_the_last_frame(cohort):
    with open_event(cohort, cohort.recordings["r1"], VIEW.interval) as frames:
        assert frames.num_frames == 22
        assert look_places(frames, every_seconds=1.0).tolist() == [0, 5, 10, 15, 20, 21]
        assert look_places(frames, every_seconds=100.0).tolist() == [0, 21]
        assert look_places(frames, every_seconds=0.2).tolist() == list(range(22))


def test_boxes_are_where_the_patient_is(cohort):
    track = find_box_track(cohort, cohort.recordings["r1"], "e1", VIEW, FindsBright())
    np.testing.assert_allclose(track.times_seconds, [1, 2, 3, 4, 5, 5.2], atol=1e-9)
    for edges, frame in zip(track.edges, (5, 10, 15, 20, 25, 26), strict=True):
        want = np.array([square(frame), 8, min(square(frame) + SIDE, SIZE), 8 + SIDE]) / SIZE
        np.testing.assert_allclose(edges, want, atol=1e-5)
    assert track.scores.tolist() == [0.9] * 6
    [between] = track.box_at(np.array([2.6]))
    np.testing.assert_allclose(
        between, np.array([square(13), 8, square(13) + SIDE, 8 + SIDE]) / SIZE, atol=1e-5
    )


def test_boxes_of_a_region_are_in_fractions_of_the_file(cohort):
    part = Region(x=0.0, y=0.0, width=1.0, height=0.5)
    recording = replace(cohort.recordings["r1"], region=part)
    track = find_box_track(cohort, recording, "e1", VIEW, FindsBright())
    whole = find_box_track(cohort, cohort.recordings["r1"], "e1", VIEW, FindsBright())
    np.testing.assert_allclose(track.edges, whole.edges, atol=1e-5)
    blank = replace(cohort.recordings["r1"], blank=Region(x=0.0, y=0.0, width=1.0, height=1.0))
    assert find_box_track(cohort, blank, "e1", VIEW, FindsBright()).found_nothing


def test_a_margin_widens_and_a_label_chooses(cohort):
    config = TrackConfig(margin=0.25, every_seconds=100)
    track = find_box_track(cohort, cohort.recordings["r1"], "e1", VIEW, FindsBright(), config=config)
    np.testing.assert_allclose(track.edges[0], np.array([10 - 4, 8 - 4, 26 + 4, 24 + 4]) / SIZE, atol=1e-5)
    carer = TrackConfig(label="carer", every_seconds=100)
    track = find_box_track(cohort, cohort.recordings["r1"], "e1", VIEW, FindsBright(), config=carer)
    assert track.edges.tolist() == [[0, 0, 1, 1]] * 2
    sure = TrackConfig(min_score=0.95)
    assert find_box_track(
        cohort, cohort.recordings["r1"], "e1", VIEW, FindsBright(), config=sure
    ).found_nothing


def test_tracks_are_kept_and_used_again_until_something_changes(own):
    eye = FindsBright(blind_at=[1])
    done = ensure_box_tracks(own, [event()], detector=eye)
    assert (done.num_made, done.num_kept, eye.seen) == (1, 0, 6)
    [one] = done.tracks
    assert (one.status, one.track.num_missed) == ("accepted", 1)
    assert read_tracks(tracks_path(own.folder))["e1", "r1"].track.digest() == one.track.digest()
    again = ensure_box_tracks(own, [event()], detector=eye)
    assert (again.num_made, again.num_kept, eye.seen) == (0, 1, 6)
    assert again.tracks[0].track.digest() == one.track.digest()
    for change in (
        {"config": TrackConfig(every_seconds=2.0)},
        {"config": TrackConfig()},
        {"events": [event("e1", replace(VIEW, offset_seconds=4.0))]},
    ):
        made = ensure_box_tracks(
            own, change.get("events", [event()]), detector=eye, config=change.get("config")
        )
        assert (made.num_made, made.num_kept) == (1, 0)
    eye.weights_hash = "other"
    assert (
        ensure_box_tracks(own, [event("e1", replace(VIEW, offset_seconds=4.0))], detector=eye).num_made == 1
    )


def test_nothing_found_is_flagged_and_listed_and_a_bad_recording_loses_no_other(own):
    class Blind(FindsBright):
        def detect(self, picture):
            return []

    unreadable = replace(VIEW, recording_id="r2")
    done = ensure_box_tracks(own, [event("e1", VIEW, unreadable), event("e2")], detector=Blind())
    assert [(one.event_id, one.recording_id, one.status) for one in done.flagged] == [
        ("e1", "r1", "flagged"),
        ("e2", "r1", "flagged"),
    ]
    assert done.tracks == done.flagged
    [failure] = done.failures
    assert (failure.event_id, failure.recording_id) == ("e1", "r2")
    assert "r2.mkv" in failure.message
    assert {row.track.found_nothing for row in read_tracks(tracks_path(own.folder)).values()} == {True}


def test_the_detector_of_the_patient_looks(own):
    class OfPatients:
        weights_hash = "folder"

        def __init__(self):
            self.asked = []

        def for_patient(self, patient_id):
            self.asked.append(patient_id)
            if patient_id != "p1":
                raise LeakageError("was trained on p2")
            return FindsBright()

        def detect(self, picture):
            raise AssertionError("nobody was asked for")

    detectors = OfPatients()
    assert ensure_box_tracks(own, [event()], detector=detectors).num_made == 1
    assert set(detectors.asked) == {"p1"}
    stranger = replace(own, recordings={"r1": replace(own.recordings["r1"], patient_id="p2")})
    with pytest.raises(LeakageError, match="was trained on p2"):
        ensure_box_tracks(stranger, [event("e9")], detector=detectors)


def test_a_full_disk_ends_everything(own, monkeypatch):
    def full(path, tracks):
        raise StoreError("The disk is full.")

    monkeypatch.setattr("semioscope.preprocess.track_finding.write_tracks", full)
    with pytest.raises(StoreError, match="disk is full"):
        ensure_box_tracks(own, [event()], detector=FindsBright())
