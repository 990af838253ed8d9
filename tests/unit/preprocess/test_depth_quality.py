"""The check of depth crops: laws, and scenes with a known end. How often it is right is a benchmark."""

import itertools
import math
import sys
from dataclasses import replace
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semioscope.core.errors import VideoError
from semioscope.preprocess import DepthPlanes, denoised, plan_depth_crop
from semioscope.preprocess.depth_bed import BED_METRES, find_bed
from semioscope.preprocess.depth_quality import LEAST_ESTIMATE, CropCheck, check_crop
from semioscope.synthetic import FAILURES, PARTS, PLACEMENTS, scene_frames
from semioscope.synthetic.geometry import CameraState, project

SIZE = (256, 212)
FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def scenes():
    return list(scene_frames(31, num_scenes=len(PLACEMENTS), size=SIZE))


@pytest.fixture(scope="module")
def scene(scenes):
    """A scene without carers."""
    return next(scene for scene in scenes if scene.labels.max() < PARTS["carer"])


def planned(scene):
    return plan_depth_crop(denoised(scene.depth))


def keeping(scene, lower, upper):
    """The plan of a scene, with level planes instead of its own."""
    planes = DepthPlanes(
        axis="x", lower_slope=0.0, lower_intercept=lower, upper_slope=0.0, upper_intercept=upper
    )
    return replace(planned(scene), planes=planes)


def test_the_bed_is_where_it_stands(scenes):
    for scene in scenes:
        bed = find_bed(scene.depth)
        camera = project(scene.plan.camera, CameraState(), width=SIZE[0], height=SIZE[1])
        down = camera.axes @ np.array([0.0, 0.0, -1.0])
        length = camera.axes @ np.array([0.0, 1.0, 0.0])
        middle = camera.to_camera(np.array([[0.0, 1.0, 0.0]]))[0]
        yaw = math.radians(scene.plan.style.bed_yaw_degrees)
        assert bed.floor @ down > math.cos(math.radians(1.5))
        assert bed.camera_height == pytest.approx(scene.plan.camera.position[2], abs=0.05)
        assert bed.height == pytest.approx(0.63, abs=0.06)
        assert abs(bed.along @ length) > math.cos(abs(yaw) + math.radians(8))
        assert bed.along @ middle - bed.middle[0] == pytest.approx(0, abs=0.35)
        assert bed.across @ middle - bed.middle[1] == pytest.approx(0, abs=0.15)
        for one, other in ((bed.along, bed.across), (bed.along, bed.floor), (bed.across, bed.floor)):
            assert one @ other == pytest.approx(0, abs=1e-9)


def test_the_body_is_most_of_what_is_taken_for_it(scenes):
    for scene in scenes:
        found = find_bed(scene.depth).body(scene.depth)
        patient = scene.labels == PARTS["patient"]
        assert found[patient].mean() > 0.85, scene.plan.placement
        assert np.isin(scene.labels[found], (PARTS["patient"], PARTS["blanket"])).mean() > 0.6


def test_pure(scene):
    before = scene.depth.copy(), scene.infrared.copy()
    plan = planned(scene)
    first, second = (check_crop(scene.depth, scene.infrared, plan) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(before[0], scene.depth)
    np.testing.assert_array_equal(before[1], scene.infrared)


def test_what_keeps_all_passes_and_what_keeps_nothing_is_flagged(scene):
    kept = check_crop(scene.depth, scene.infrared, keeping(scene, 1.0, 65535.0))
    assert (kept.score, kept.flagged, kept.reasons) == (1.0, False, ())
    lost = check_crop(scene.depth, scene.infrared, keeping(scene, 60000.0, 65535.0))
    assert (lost.score, lost.flagged) == (0.0, True)
    assert lost.reasons == (
        "About 0.0 % of what lies on the bed is kept, less than 95.75 %: 100.0 % is nearer than the planes.",
    )


def test_a_floor_that_is_cut_off_does_not_matter_and_a_head_does(scene):
    metres = scene.true_depth[find_bed(scene.depth).body(scene.depth)]
    near, far = 1000 * float(metres.min()), 1000 * float(metres.max())
    wide = check_crop(scene.depth, scene.infrared, keeping(scene, near - 60, far + 400))
    assert wide.score > LEAST_ESTIMATE
    narrow = check_crop(scene.depth, scene.infrared, keeping(scene, (near + far) / 2, far + 400))
    assert narrow.score < 0.9
    assert "is nearer than the planes" in narrow.reasons[0]


@settings(max_examples=3, deadline=None)
@given(st.lists(st.floats(0, 2000), min_size=2, max_size=2).map(sorted))
def test_wider_planes_never_score_less(scene, added):
    scores = []
    for more in added:
        check = check_crop(scene.depth, scene.infrared, keeping(scene, 1900 - more, 2000 + more))
        scores.append(check.score)
        assert (check.score < LEAST_ESTIMATE) == check.flagged
    assert scores[0] <= scores[1]


def test_later_frames_add_reasons_and_never_take_one_away(scene):
    plan = keeping(scene, 1.0, 65535.0)
    empty = np.zeros_like(scene.depth)
    checks = [
        check_crop(scene.depth, scene.infrared, plan, later)
        for later in ((), (scene.depth,), (scene.depth, empty), (scene.depth, empty, empty))
    ]
    assert [len(check.reasons) for check in checks] == [0, 0, 1, 2]
    assert checks[2].reasons[0].startswith("In later frame 2: Next to nothing lies on the bed (0 pixels)")
    for fewer, more in itertools.pairwise(checks):
        assert set(fewer.reasons) <= set(more.reasons)
        assert more.score <= fewer.score


def test_a_patient_who_comes_nearer_later_is_seen(scene):
    metres = scene.true_depth[find_bed(scene.depth).body(scene.depth)]
    plan = keeping(scene, 1000 * float(metres.min()) - 30, 65535.0)
    later = scene.depth.copy()
    patient = scene.labels == PARTS["patient"]
    later[patient] -= np.minimum(later[patient], 300)
    check = check_crop(scene.depth, scene.infrared, plan, (later,))
    assert not check_crop(scene.depth, scene.infrared, plan).flagged
    assert check.flagged
    assert check.reasons[0].startswith("In later frame 1: About ")


def test_failures_that_hide_the_bed_are_flagged():
    names = ("missing-depth", "no-bed")
    assert set(names) <= set(FAILURES)
    for scene in scene_frames(8, num_scenes=len(names), size=SIZE, failures=names):
        check = check_crop(scene.depth, scene.infrared, planned(scene))
        assert check.flagged, scene.plan.failure
        assert any("of a bed is seen" in reason or "No floor" in reason for reason in check.reasons)


def test_bad_input_is_flagged(scene):
    nothing = np.zeros_like(scene.depth)
    check = check_crop(nothing, scene.infrared, plan_depth_crop(nothing))
    assert math.isnan(check.score)
    assert check.reasons == (
        "The plan has no planes, so nothing is cut.",
        "100 % of the depth is missing, more than half.",
        "No floor with a bed above it is found, so nobody knows what the crop keeps of it.",
    )
    black = check_crop(scene.depth, np.zeros_like(scene.infrared), keeping(scene, 1.0, 65535.0))
    assert black.reasons == ("The first infrared frame is black.",)


def test_frames_of_another_size_are_refused(scene):
    plan = planned(scene)
    for frames in (
        (scene.depth[1:], scene.infrared),
        (scene.depth, scene.infrared[1:]),
        (scene.depth, scene.infrared, (scene.depth[1:],)),
    ):
        with pytest.raises(
            VideoError, match=r"must be 212 rows of 256 pixels, as the plan's, got \(211, 256\)"
        ):
            check_crop(*frames[:2], plan, *frames[2:])


def test_a_check_is_flagged_if_and_only_if_it_says_why():
    with pytest.raises(ValueError, match="if and only if it has reasons"):
        CropCheck(score=1.0, flagged=True, reasons=(), bed_seen=1.0)


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint16, (24, 30), elements=st.integers(0, 4500), fill=st.integers(0, 4500)))
def test_no_picture_breaks_it(depth):
    check = check_crop(depth, depth, plan_depth_crop(denoised(depth)))
    assert math.isnan(check.score) or 0 <= check.score <= 1
    assert check.flagged == bool(check.reasons)


@pytest.fixture(scope="module")
def benchmark():
    spec = util.spec_from_file_location("crop_quality", FOLDER / "crop_quality.py")
    module = util.module_from_spec(spec)
    sys.modules["crop_quality"] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["crop_quality"]


def test_what_is_tuned_on_is_not_measured_on(benchmark):
    assert benchmark.TUNING_SEEDS
    assert benchmark.MEASURING_SEEDS
    assert not set(benchmark.TUNING_SEEDS) & set(benchmark.MEASURING_SEEDS)
    assert len(PLACEMENTS) >= 6
    assert benchmark.NUM_SCENES >= 60
    assert benchmark.NUM_FORCED >= 1


def test_the_benchmark_counts_body_under_the_blanket_and_not_the_flat_blanket(benchmark, scenes):
    for scene in scenes:
        covered, blanket = benchmark.covered(scene), scene.labels == PARTS["blanket"]
        assert not (covered & ~blanket).any()
    assert any((benchmark.covered(scene)).sum() > 200 for scene in scenes)
    assert any((blanket := scene.labels == PARTS["blanket"]).any()
               and benchmark.covered(scene).sum() < blanket.sum() for scene in scenes)  # fmt: skip


def test_the_benchmark_counts(benchmark, scene):
    judged = benchmark.judge(scene, name="a")
    assert not judged.failure
    flagged = CropCheck(score=0.5, flagged=True, reasons=("because",), bed_seen=1.0)
    fine = CropCheck(score=1.0, flagged=False, reasons=(), bed_seen=1.0)
    cases = [
        (0.94, flagged),
        (0.94, fine),
        (0.95, flagged),
        (1.0, fine),
        (1.0, fine),
        (float("nan"), flagged),
    ]
    found = [replace(judged, kept_body=kept, kept_patient=kept, check=check) for kept, check in cases]
    figures = benchmark.judgement(found)
    assert figures["misses"] == 1
    assert figures["misses_share"] == pytest.approx(1 / 3)
    assert figures["false_flags_share"] == pytest.approx(1 / 3)
    assert figures["false_flags_share_low"] < 1 / 3 < figures["false_flags_share_high"]
    assert set(benchmark.GOALS) <= set(figures)


def test_a_bed_is_longer_than_wide():
    assert BED_METRES[0] > BED_METRES[1]
