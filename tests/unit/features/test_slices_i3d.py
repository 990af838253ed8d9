"""From the raw streams of a small synthetic cohort to the features of I3D, on pictures of 32 pixels."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semioscope.cohort import TASKS, events_of, read_cohort
from semioscope.core.files import write_bytes
from semioscope.core.records import Region
from semioscope.execution import make_executor
from semioscope.features import BackboneChoice, FeatureStore, extract, load_features, plan_extraction
from semioscope.plans import SlicePlan, slices_of
from semioscope.preprocess import denoised, plan_depth_crop
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.synthetic import make_depth_cohort
from semioscope.video import open_paired

sys.path.insert(0, str(Path(__file__).parent))
from feature_material import block_files

CHOICE = BackboneChoice(name="i3d", weights="random", engine="torch", input_size=32)
WHOLE_PICTURES = BackboneChoice(name="motion", input_size=128)  # nothing is resized, so no worker loads torch
BOX = Region(x=0.1, y=0.1, width=0.8, height=0.8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    make_depth_cohort(
        folder,
        task="fle-vs-tle",
        num_patients=2,
        num_seizures=2,
        size=(128, 106),
        min_seconds=2.35,
        max_seconds=2.5,
        preictal_seconds=0.5,
        postictal_seconds=0.5,
        drop_share=0.0,
        workers=1,
    )
    return folder


def plan_of(folder, store, backbone=CHOICE):
    cohort = read_cohort(folder)
    events = events_of(cohort, TASKS["fle-vs-tle"]).events
    crops = []
    for event in events:
        [view] = event.views
        recording = cohort.recording(view.recording_id)
        with open_paired(folder / recording.path, folder / recording.depth_path) as streams:
            first, _ = streams.infrared.span(view.interval)
            frame = next(streams.stored(first, first + 1))
        found = plan_depth_crop(denoised(frame.depth))
        crop = found.row(
            event_id=event.event_id, recording_id=view.recording_id, box=BOX if backbone is CHOICE else None
        )
        crops.append(replace(crop, status="accepted"))
    return plan_extraction(
        cohort,
        events,
        SlicePlan(),
        backbone=backbone,
        store=FeatureStore(store),
        picture=GrayPictureConfig(),
        crops=crops,
    )


def run(folder, store, *, backbone=CHOICE, **options):
    return extract(plan_of(folder, store, backbone), **options)


def resume_with_two_workers(folder, store, backbone):
    executor = make_executor("local", workers=2)
    return run(folder, store, backbone=backbone, executor=executor, blocks_per_unit=1)


def test_raw_streams_to_features_and_on_after_an_interruption(folder, tmp_path, monkeypatch):
    plan = plan_of(folder, tmp_path / "whole")
    assert (plan.flags, plan.failures) == ((), ())
    report = extract(plan)
    assert report.num_computed == plan.num_clips > 2
    for event in plan.events:
        found = load_features(plan.store, event, plan.clip_plan)
        slices = slices_of(event.slices.num_event_frames, plan.clip_plan)
        assert found.features.shape == (len(slices), 7, 1024)
        assert found.valid_steps.tolist() == [-(-count // 8) - 1 for count in slices[:, 1].tolist()]
        for features, valid in zip(found.features, found.valid_steps.tolist(), strict=True):
            assert np.isfinite(features[7 - valid :]).all()
            assert np.isnan(features[: 7 - valid]).all()
    assert found.num_frames[-1] < 60  # a leftover is among them
    whole = block_files(tmp_path / "whole")

    store_module, write = sys.modules["semioscope.features.store"], write_bytes

    def interrupted(path, content):
        write(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "two")
    monkeypatch.setattr(store_module, "write_bytes", write)
    assert 0 < len(block_files(tmp_path / "two")) < len(whole)
    resumed = run(folder, tmp_path / "two")
    assert (resumed.failures, resumed.num_stored) == ((), 1)
    assert block_files(tmp_path / "two") == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["motion", "i3d"])
def test_two_workers_give_the_same_bytes(folder, tmp_path, name):
    backbone = CHOICE if name == "i3d" else WHOLE_PICTURES
    report = run(folder, tmp_path / "one", backbone=backbone)
    again = resume_with_two_workers(folder, tmp_path / "two", backbone)
    assert (report.num_computed, again.failures) == (again.num_computed, ())
    assert block_files(tmp_path / "two") == block_files(tmp_path / "one")
