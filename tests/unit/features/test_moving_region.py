"""Pictures that follow the patient: every frame is cut where the track says, and the key names the track."""

import numpy as np
import pytest

from semioscope.cohort import Cohort
from semioscope.core.records import Event, EventView, Patient, Recording, Region
from semioscope.features import (
    BackboneChoice,
    FeatureStore,
    extract,
    load_backbone,
    load_features,
    plan_extraction,
)
from semioscope.plans import ClipPlan
from semioscope.preprocess import resized, view_picture
from semioscope.preprocess.box_track import box_track
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.preprocess.moving_region import MovingRegion, region_at
from semioscope.video import VideoWriter, read_pictures

CHOICE = BackboneChoice(name="resnet34", weights="random", engine="torch", input_size=32)
CLIPS = ClipPlan(fps=25, frames_per_clip=1, stride=1, anchor="event")
PICTURE = FramePictureConfig(base_height=36, base_width=48)
LEFT, RIGHT = Region(x=0, y=0, width=0.5, height=1), Region(x=0.5, y=0.25, width=0.5, height=0.75)
TRACK = box_track([0.2, 0.6, 1.0], [LEFT, RIGHT, None])
VIEW = EventView(recording_id="r", onset_seconds=0.2, offset_seconds=1.0)
EVENT = Event(event_id="e", patient_id="p", y_true=0, views=(VIEW,))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moving")
    noise = np.random.default_rng(0)
    with VideoWriter(folder / "v.mp4", width=64, height=48, fps=25, codec="h264") as writer:
        for number in range(30):
            coarse = noise.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            writer.write(np.kron(coarse, np.ones((8, 8, 1), np.uint8)), pts_seconds=number / 25)
    recording = Recording(recording_id="r", patient_id="p", view="main", path="v.mp4")
    return Cohort(folder=folder, patients=(Patient(patient_id="p"),), recordings={"r": recording})


def planned(cohort, store, moving):
    named = None if moving is None else {("e", "r"): moving}
    return plan_extraction(
        cohort,
        [EVENT],
        CLIPS,
        backbone=CHOICE,
        store=FeatureStore(store),
        picture=PICTURE,
        moving=named,
    )


@pytest.mark.parametrize("rule", ["interpolated", "median"])
def test_every_frame_is_cut_where_the_track_says(cohort, tmp_path, rule):
    moving = MovingRegion(track=TRACK, rule=rule)
    plan = planned(cohort, tmp_path, moving)
    extract(plan)
    found = load_features(plan.store, plan.events[0], CLIPS)
    times = 0.2 + np.arange(20) / 25
    assert np.allclose(found.start_seconds, times)
    pictures, _ = read_pictures(cohort.folder / "v.mp4", times)
    network = load_backbone(CHOICE, fps=25)
    for number, (picture, time) in enumerate(zip(pictures, times, strict=True)):
        left, top, right, bottom = TRACK.box_at(np.array([time]), rule=rule)[0].tolist()
        region = Region(x=left, y=top, width=right - left, height=bottom - top)
        seen = view_picture(picture, region=region, blank=None)
        base = resized(np.ascontiguousarray(seen), height=36, width=48)
        expected = network(network.preprocess(base[None, 2:34, 8:40])[None])[0]
        assert np.array_equal(found.features[number], expected)


def test_the_key_names_the_track_and_its_rule(cohort, tmp_path):
    other = box_track([0.2, 0.6, 1.0], [LEFT, LEFT, None])
    choices = [
        None,
        *(MovingRegion(track=one) for one in (TRACK, other)),
        MovingRegion(track=TRACK, rule="median"),
    ]
    keys = {planned(cohort, tmp_path, one).events[0].key_digest for one in choices}
    assert len(keys) == 4
    assert planned(cohort, tmp_path, choices[1]).events[0].key_digest in keys


def test_a_region_that_stays_is_itself():
    assert region_at(LEFT, 3.0) is LEFT
    assert region_at(None, 3.0) is None
    assert region_at(MovingRegion(track=TRACK), 0.2) == LEFT
