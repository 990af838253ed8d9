"""Infrared and depth of every kind go from ``cohort check`` to the same crops and the same features."""

from dataclasses import replace

import numpy as np
import pytest
from depth_cohort import FPS, tiny_depth_cohort
from gray16 import WRITERS

from semioscope.cohort import Cohort, check_cohort, read_cohort, write_cohort
from semioscope.features import BackboneChoice, FeatureStore, extract, load_features, plan_extraction
from semioscope.plans import SlicePlan
from semioscope.preprocess.crop_events import crop_events
from semioscope.preprocess.crop_plans import make_crop_plans
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.video import open_gray16


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return tiny_depth_cohort(tmp_path_factory.mktemp("kinds") / "cohort", ["e1", "e2"])


def converted(cohort: Cohort, folder, infrared: str, depth: str) -> Cohort:
    """Return the same cohort in another folder, with its streams kept in other ways, and read from its tables."""
    recordings = {}
    for name, recording in cohort.recordings.items():
        paths = {}
        for column, way in (("path", infrared), ("depth_path", depth)):
            with open_gray16(cohort.folder / getattr(recording, column)) as reader:
                frames, times = reader.read(np.arange(reader.num_frames)), reader.times_seconds
            path = WRITERS[way](folder / "streams" / f"{name}-{column}", frames, fps=FPS, times=times)
            paths[column] = path.relative_to(folder).as_posix()
        recordings[name] = replace(recording, **paths)
    write_cohort(replace(cohort, folder=folder, recordings=recordings))
    return read_cohort(folder)


def seen(cohort: Cohort):
    """Return crops and features of a cohort."""
    events = crop_events(cohort, None).events
    crops = make_crop_plans(cohort, events, method="depth", check=False).plans
    plan = plan_extraction(
        cohort,
        events,
        SlicePlan(),
        backbone=BackboneChoice(name="motion"),
        store=FeatureStore(cohort.folder / "features"),
        picture=GrayPictureConfig(),
        crops=crops,
    )
    report = extract(plan)
    assert (report.failures, plan.failures) == ((), ())
    assert all(read.picture.depth is not None for read in plan.reads)
    return crops, [load_features(plan.store, event, plan.clip_plan).features for event in plan.events]


@pytest.fixture(scope="module")
def expected(videos):
    return seen(videos)


KINDS = list(WRITERS)


@pytest.mark.parametrize(("infrared", "depth"), list(zip(KINDS, KINDS[1:] + KINDS[:1], strict=True)))
def test_every_kind_gives_the_same(videos, expected, tmp_path, infrared, depth):
    cohort = converted(videos, tmp_path, infrared, depth)
    assert [str(found) for found in check_cohort(tmp_path) if found.severity == "error"] == []
    crops, features = seen(cohort)
    assert crops == expected[0]
    assert all(crop.status == "accepted" for crop in crops)
    assert len(features) == 2
    for found, other in zip(features, expected[1], strict=True):
        np.testing.assert_array_equal(found, other)
        assert not np.isnan(found).any()


def test_depth_of_half_the_rate_is_told_flagged_and_loses_no_event(videos, tmp_path):
    cohort = converted(videos, tmp_path, "folder", "array")
    for name in ("e1", "e2"):
        whole = tmp_path / "streams" / f"{name}-depth_path.npy"
        np.save(whole, np.load(whole)[::2])
        times = whole.with_suffix(".timestamps.txt")
        times.write_text("\n".join(times.read_text().split()[::2]))
    told = [found.message for found in check_cohort(tmp_path) if found.severity == "warning"]
    assert sum("11 of 21 (52 %) have a depth frame within half a frame" in message for message in told) == 2
    events = crop_events(cohort, None).events
    crops = make_crop_plans(cohort, events, method="depth", check=False).plans
    assert [crop.status for crop in crops] == ["flagged"] * 2
    by_hand = [replace(crop, status="accepted", origin="manual") for crop in crops]
    plan = plan_extraction(
        cohort,
        events,
        SlicePlan(),
        backbone=BackboneChoice(name="motion"),
        store=FeatureStore(tmp_path / "features"),
        picture=GrayPictureConfig(),
        crops=by_hand,
    )
    assert ["8 of 16 frames have none within half a frame" in flag.message for flag in plan.flags] == [
        True
    ] * 2
    assert extract(plan).num_incomplete == 0
