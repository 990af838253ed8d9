"""Excerpts of contextual video through the store, against a computation frame by frame without it."""

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from semioscope.cohort import Cohort
from semioscope.cohort.contextual_video import contextual_videos
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.intervals import Interval
from semioscope.core.records import EventView, Patient, Recording, Region, Seizure
from semioscope.features import BackboneChoice, FeatureStore, extract, load_backbone
from semioscope.features.constant_pictures import constant_features
from semioscope.features.contextual import plan_contextual, stored_excerpts
from semioscope.plans import ExcerptPlan, contextual_excerpts
from semioscope.preprocess import resized, view_picture
from semioscope.preprocess.frame_pictures import FramePictureConfig, RandomCut
from semioscope.training import ExcerptSource
from semioscope.video import VideoWriter, fingerprint, read_pictures

CHOICE = BackboneChoice(name="resnet34", weights="random", engine="torch", input_size=32)
PICTURE = FramePictureConfig(base_height=36, base_width=48, cut_seed=5)
PLAN = ExcerptPlan(fps=25, num_frames=20, num_positions=24, min_frames=10, margin_seconds=0)
START = datetime(2026, 3, 1, 22, 0, 0)


def write_video(path, *, seconds, first=0, fps=25, grey=False, skip=()):
    with VideoWriter(path, width=64, height=48, fps=fps, codec="h264") as writer:
        for number in range(round(seconds * fps)):
            if number in skip:
                continue
            coarse = np.random.default_rng(first + number // 10).integers(60, 256, (6, 8, 3), dtype=np.uint8)
            if grey:
                coarse = np.repeat(coarse[..., :1], 3, axis=2)
            picture = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
            writer.write(np.roll(picture, number, axis=1), pts_seconds=number / fps)


def recording(name, patient, path, **options):
    return Recording(
        recording_id=name,
        patient_id=patient,
        view="main",
        path=path,
        **{"role": "contextual"} | options,
    )


def cohort_of(folder, *recordings, seizures=()):
    names = dict.fromkeys(one.patient_id for one in recordings)
    return Cohort(
        folder=folder,
        patients=tuple(Patient(patient_id=name) for name in names),
        recordings={one.recording_id: one for one in recordings},
        seizures=tuple(seizures),
    )


def seizure(name, patient, recording_id, onset, offset):
    view = EventView(recording_id=recording_id, onset_seconds=onset, offset_seconds=offset)
    return Seizure(seizure_id=name, patient_id=patient, views=(view,), labels={}, row=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contextual")
    write_video(folder / "a.mp4", seconds=2.2)
    write_video(folder / "b.mp4", seconds=1.6, first=900, fps=30)
    write_video(folder / "gap.mp4", seconds=2.4, first=70, skip=range(25, 35))
    write_video(folder / "night.mp4", seconds=4.0, first=50, grey=True)
    (folder / "broken.mp4").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def cohort(folder):
    half = Region(x=0, y=0, width=0.5, height=1)
    return cohort_of(
        folder, recording("a", "p1", "a.mp4"), recording("b", "p2", "b.mp4", region=half, blank=half)
    )


@pytest.fixture(scope="module")
def plan(cohort, tmp_path_factory):
    store = FeatureStore(tmp_path_factory.mktemp("store"))
    return plan_contextual(cohort, PLAN, backbone=CHOICE, store=store, picture=PICTURE, num_crops=2)


@pytest.fixture(scope="module")
def source(plan):
    report = extract(plan.joined)
    assert report.failures == ()
    return stored_excerpts(plan)


def test_the_plan_names_excerpts_and_writes_nothing(plan, tmp_path_factory):
    assert plan.names == ("a@0", "a@20", "a@40", "b@0", "b@20")
    assert plan.num_frames.tolist() == [20, 20, 15, 20, 20]
    assert plan.patients == ("p1", "p2")
    assert plan.num_free == 5


def test_files_are_read_once_for_all_cuts(plan):
    joined = plan.joined
    assert [read.path.name for read in joined.reads] == ["a.mp4", "b.mp4"]
    assert joined.num_clips == 2 * 95
    assert joined.num_frames == 95


def test_cached_features_are_those_of_every_frame_alone(cohort, folder, source):
    network = load_backbone(CHOICE, fps=25)
    for index, name in enumerate(source.names):
        own = cohort.recordings[name.split("@")[0]]
        first = int(name.split("@")[1])
        times = (first + np.arange(source.num_frames[index])) / 25
        pictures, _ = read_pictures(folder / own.path, times)
        for crop in range(2):
            down, right = RandomCut(
                seed=5, video=fingerprint(folder / own.path), number=crop, excerpt_frames=20
            ).place(first)
            top, left = int(down * 5), int(right * 17)
            expected = []
            for picture in pictures:
                seen = view_picture(picture, region=own.region, blank=own.blank)
                base = resized(np.ascontiguousarray(seen), height=36, width=48)
                small = base[top : top + 32, left : left + 32]
                expected.append(network(network.preprocess(small[None])[None])[0, 0])
            assert np.array_equal(source.read(index, crop), np.array(expected))
    assert not np.array_equal(source.read(0, 0), source.read(0, 1))


def test_mask_and_pad_are_features_of_constant_pictures_and_kept(source, plan, monkeypatch):
    network = load_backbone(CHOICE, fps=25)
    expected = [network(np.full((1, 3, 1, 32, 32), value, np.float32))[0, 0] for value in (-1.0, 0.0)]
    assert np.array_equal(source.mask, expected[0])
    assert np.array_equal(source.pad, expected[1])
    monkeypatch.setattr(type(network), "__call__", lambda *_: pytest.fail("computed again"))
    again = constant_features(CHOICE, plan.extractions[0].store)
    assert np.array_equal(again, expected)


def test_it_is_a_source_of_excerpts(source):
    assert isinstance(source, ExcerptSource)
    assert (source.num_crops, source.patients, source.left_out, source.notes) == (2, ("p1", "p2"), (), ())


def test_the_second_plan_has_nothing_to_do(source, cohort, plan):
    again = plan_contextual(
        cohort, PLAN, backbone=CHOICE, store=plan.extractions[0].store, picture=PICTURE, num_crops=2
    )
    assert again.joined.num_missing == 0
    fewer = PLAN.model_copy(update={"num_clips": 2})
    some = plan_contextual(
        cohort, fewer, backbone=CHOICE, store=plan.extractions[0].store, picture=PICTURE, num_crops=1
    )
    assert some.joined.num_missing == 0
    assert some.names == ("a@20", "b@0")


def test_broken_recordings_and_lacking_frames_are_named_and_the_others_go_on(folder, tmp_path):
    cohort = cohort_of(
        folder,
        recording("broken", "p1", "broken.mp4"),
        recording("gap", "p1", "gap.mp4"),
        recording("a", "p2", "a.mp4"),
        recording("twin", "p2", "a.mp4"),
    )
    plan = plan_contextual(cohort, PLAN, backbone=CHOICE, store=FeatureStore(tmp_path), picture=PICTURE)
    assert [failure.recording_id for failure in plan.failures] == ["broken", "twin"]
    assert "Not used: broken." in plan.describe()
    extract(plan.joined)
    # the stretch without frames is kept: its last picture is held, so features are there
    source = stored_excerpts(plan)
    assert set(source.names) | set(source.left_out) == set(plan.names)
    (note,) = [note for note in source.notes if note.startswith("Trained on: ")]
    assert note.endswith("for which an older picture is shown, as the video has a gap there (gap).")
    short = dataclasses.replace(plan, num_frames=plan.num_frames + 1)
    with pytest.raises(ConfigError, match=r"At least one excerpt must have features"):
        stored_excerpts(short)


def test_an_excerpt_that_the_store_lacks_is_left_out(cohort, tmp_path):
    plan = plan_contextual(cohort, PLAN, backbone=CHOICE, store=FeatureStore(tmp_path), picture=PICTURE)
    extract(dataclasses.replace(plan.joined, reads=plan.joined.reads[:1]))
    source = stored_excerpts(plan)
    assert source.left_out == ("b@0", "b@20")
    assert source.patients == ("p1",)
    assert source.notes == ("Left out: 2 excerpts of b: its features could not be computed.",)


def test_seizures_are_kept_out_by_recording_file_and_clock(folder):
    clock = START + timedelta(seconds=100)
    cohort = cohort_of(
        folder,
        recording("a", "p1", "a.mp4", start_datetime=clock),
        recording("s", "p1", "s.mp4", role="seizures", start_datetime=START),
        recording("same", "p1", "a.mp4", role="seizures"),
        recording("other", "p2", "o.mp4", role="seizures", start_datetime=START),
        seizures=[
            seizure("s1", "p1", "a", 0.5, 0.7),
            seizure("s2", "p1", "s", 101, 102),
            seizure("s3", "p1", "same", 1.8, 2.0),
            seizure("s4", "p2", "other", 100, 102),
            seizure("s5", "p1", "s", 20, 30),
        ],
    )
    [video], faults = contextual_videos(cohort)
    assert faults == {}
    assert video.seizures == (
        Interval(start_seconds=0.5, end_seconds=0.7),
        Interval(start_seconds=1.0, end_seconds=2.0),
        Interval(start_seconds=1.8, end_seconds=2.0),
        Interval(start_seconds=-80.0, end_seconds=-70.0),
    )


def test_the_margin_of_a_seizure_before_a_recording_reaches_into_it(folder):
    zone = START.replace(tzinfo=UTC)
    cohort = cohort_of(
        folder,
        recording("a", "p1", "a.mp4", start_datetime=START + timedelta(seconds=50)),
        recording("s", "p1", "s.mp4", role="seizures", start_datetime=zone),
        seizures=[seizure("s1", "p1", "s", 20, 49.5)],
    )
    [video], _ = contextual_videos(cohort)
    assert video.seizures == (Interval(start_seconds=-30.0, end_seconds=-0.5),)
    for margin, first in ((0, [0, 20, 40]), (1, [20, 40]), (60, [])):
        plan = PLAN.model_copy(update={"margin_seconds": margin})
        found = contextual_excerpts([video.duration_seconds], [video.seizures], plan)
        assert found.first_frame.tolist() == first


def test_recordings_without_an_excerpt_are_named(folder, tmp_path):
    cohort = cohort_of(
        folder,
        recording("a", "p1", "a.mp4"),
        recording("b", "p2", "b.mp4"),
        seizures=[seizure("s1", "p2", "b", 0.1, 1.5)],
    )
    plan = plan_contextual(cohort, PLAN, backbone=CHOICE, store=FeatureStore(tmp_path), picture=PICTURE)
    assert plan.notes == (
        f"1 recording without an excerpt (b): shorter than {PLAN.min_frames / PLAN.fps:g} s, or within "
        f"{PLAN.margin_seconds:g} s of seizures all along.",
    )
    assert plan.num_recordings == 1
    assert plan.notes[0] in plan.describe()


def test_day_and_night_are_balanced(folder, tmp_path):
    cohort = cohort_of(folder, recording("a", "p1", "a.mp4"), recording("night", "p2", "night.mp4"))
    store = FeatureStore(tmp_path)
    arguments = {"backbone": CHOICE, "store": store, "picture": PICTURE, "balance": "day-night"}
    plan = plan_contextual(cohort, PLAN.model_copy(update={"num_clips": 4}), **arguments)
    assert plan.num_night == 2
    assert [name.split("@")[0] for name in plan.names] == ["a", "a", "night", "night"]
    every = plan_contextual(cohort, PLAN, **arguments)
    assert (len(every.names), every.num_night) == (6, 3)
    most = plan_contextual(cohort, PLAN.model_copy(update={"num_clips": 8}), **arguments)
    assert (len(most.names), most.num_night) == (8, 5)
    assert "Day and night cannot be balanced" in most.notes[0]
    with pytest.raises(ConfigError, match="num_clips must be at most"):
        plan_contextual(cohort, PLAN.model_copy(update={"num_clips": 9}), **arguments)


def test_what_does_not_fit_is_refused_before_work(cohort, folder, tmp_path):
    store = FeatureStore(tmp_path)
    with pytest.raises(ConfigError, match="num_crops must be 1 or more"):
        plan_contextual(cohort, PLAN, backbone=CHOICE, store=store, picture=PICTURE, num_crops=0)
    with pytest.raises(ConfigError, match=r"single pictures \(2d\), but motion"):
        plan_contextual(cohort, PLAN, backbone=BackboneChoice(name="motion"), store=store, picture=PICTURE)
    small = PICTURE.model_copy(update={"base_height": 30})
    with pytest.raises(ConfigError, match="cannot be cut from"):
        plan_contextual(cohort, PLAN, backbone=CHOICE, store=store, picture=small)
    none = cohort_of(folder, recording("s", "p1", "a.mp4", role="seizures"))
    with pytest.raises(CohortError, match="role contextual, got none"):
        plan_contextual(none, PLAN, backbone=CHOICE, store=store, picture=PICTURE)
    broken = cohort_of(folder, recording("broken", "p1", "broken.mp4"))
    with pytest.raises(ConfigError, match=r"At least one excerpt of contextual video"):
        plan_contextual(broken, PLAN, backbone=CHOICE, store=store, picture=PICTURE)
    assert list(tmp_path.iterdir()) == []
