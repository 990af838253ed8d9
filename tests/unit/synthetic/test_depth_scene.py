"""Geometry and sensor of depth scenes, against plane equations and distance functions written out here."""

from dataclasses import replace

import numpy as np
import pytest

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream
from semioscope.synthetic import (
    DEPTH_SIZE,
    FAILURES,
    PARTS,
    PERFECT,
    PLACEMENTS,
    SensorFaults,
    depth_frames,
    make_depth_scene,
    plan_depth_cohort,
    scene_frames,
)
from semioscope.synthetic.body import MATTRESS_METRES
from semioscope.synthetic.depth_room import bed_planes, draw_depth_camera, furnish_depth
from semioscope.synthetic.depth_sensor import Sensor
from semioscope.synthetic.depth_truth import bed_region, body_region, camera_truth
from semioscope.synthetic.depth_view import _HEAD_END_CAMERA
from semioscope.synthetic.geometry import CameraState, project
from semioscope.synthetic.room import on_backrest

WIDTH, HEIGHT = 128, 106
PLANS = plan_depth_cohort(
    num_patients=len(PLACEMENTS), num_seizures=len(PLACEMENTS), seed=3, min_seconds=4, max_seconds=8,
    preictal_seconds=4, postictal_seconds=4,
)  # fmt: skip


def perfect(plan, seconds=2.0, *, faults=PERFECT):
    scene = make_depth_scene(plan, np.array([seconds]), width=WIDTH, height=HEIGHT)
    return scene, next(depth_frames(scene, faults=faults, labelled=(0,)))


def points(scene, depth):
    """Points of the room that pixels show; depth along the camera's axis, metres."""
    projection = scene.projection
    rays = np.stack(
        [
            np.broadcast_to(projection.column[None, :], depth.shape),
            np.broadcast_to(projection.row[:, None], depth.shape),
            np.ones(depth.shape),
        ],
        axis=-1,
    ).astype(np.float64)
    return rays * depth[..., None].astype(np.float64)


def inside(region, mask):
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return True
    left, top = region.x * WIDTH, region.y * HEIGHT
    right, bottom = left + region.width * WIDTH, top + region.height * HEIGHT
    slack = 1e-6
    return (
        columns.min() >= np.floor(left) - slack and columns.max() + 1 <= np.ceil(right) + slack
        and rows.min() >= np.floor(top) - slack and rows.max() + 1 <= np.ceil(bottom) + slack
    )  # fmt: skip


def test_the_camera_is_that_of_the_papers():
    for number, name in enumerate(PLACEMENTS):
        camera = draw_depth_camera(f"p{number}", name, seed=number)
        full = project(camera, CameraState(), width=DEPTH_SIZE[0], height=DEPTH_SIZE[1])
        assert full.focal_pixels == pytest.approx(365.0)
        assert 1.95 <= camera.position[2] <= 2.75
        tilt = np.degrees(np.arcsin(full.axes[2, 2]))
        assert -65 < tilt < -33
    assert len(PLACEMENTS) >= 6
    assert {place.bed_along for place in PLACEMENTS.values()} == {"x", "y", "oblique"}


def test_every_placement_is_given_out():
    assert {plan.placement for plan in PLANS} == set(PLACEMENTS)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.placement)
def test_the_bed_lies_in_the_picture_as_its_placement_says(plan):
    scene, _ = perfect(plan)
    ends = scene.projection.to_camera(np.array([[0.0, 0.0, 0.6], [0.0, 2.0, 0.6]]))
    pixels = ends[:, :2] / ends[:, 2:]
    across, down = np.abs(pixels[1] - pixels[0])
    along = PLACEMENTS[plan.placement].bed_along
    assert {"x": across > 2.5 * down, "y": down > 2.5 * across, "oblique": across > 0.2 < down}[along]
    seen = np.isin(scene.room.labels, (PARTS["bed"], PARTS["blanket"]))
    assert 0.06 < seen.mean() < 0.6


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.placement)
def test_pixels_of_the_mattress_lie_on_its_plane(plan):
    plan = replace(plan, style=replace(plan.style, blanket_reach=0.0))
    scene, frame = perfect(plan)
    plane = np.array(bed_planes(plan.style, scene.projection)["mattress"])
    assert np.linalg.norm(plane[:3]) == pytest.approx(1.0)
    seen = points(scene, frame.true_depth)
    on_plane = plane[3] / np.maximum(-(seen @ plane[:3]) / frame.true_depth, -1e9) * -1  # depth along the ray
    room = seen @ scene.projection.axes + scene.projection.origin
    angle = np.radians(plan.style.bed_yaw_degrees)
    offset = room - np.array([0.0, 1.0, 0.0])
    x = np.cos(angle) * offset[..., 0] + np.sin(angle) * offset[..., 1]
    y = -np.sin(angle) * offset[..., 0] + np.cos(angle) * offset[..., 1]
    top = (frame.labels == PARTS["bed"]) & (np.abs(x) < 0.43) & (y > -1.0) & (y < -0.05)
    assert top.sum() > 15
    np.testing.assert_allclose(room[top][:, 2], MATTRESS_METRES, atol=2e-3)
    np.testing.assert_allclose(on_plane[top], frame.true_depth[top], atol=4e-3)
    np.testing.assert_allclose(frame.depth[top], 1000 * frame.true_depth[top], atol=1.0)


def test_the_backrest_has_its_plane():
    plan = PLANS[0]
    scene, _ = perfect(plan)
    normal_and_offset = np.array(bed_planes(plan.style, scene.projection)["backrest"])
    from semioscope.synthetic.body import bed_to_room

    for along in (0.1, 0.9):
        point = scene.projection.to_camera(bed_to_room(plan.style, on_backrest(plan.style, along, 0.0)))
        assert normal_and_offset[:3] @ point == pytest.approx(normal_and_offset[3], abs=1e-9)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.placement)
def test_what_is_labelled_bed_lies_on_a_box_of_the_bed(plan):
    scene, frame = perfect(plan)
    boxes = furnish_depth(plan.style, plan.camera, seed=plan.seed)
    room = points(scene, frame.true_depth) @ scene.projection.axes + scene.projection.origin
    for part in ("bed", "room"):
        shown = room[(frame.labels == PARTS[part])]
        surface = np.full(len(shown), np.inf)
        for box in (box for box in boxes if box.part == part):
            outside = np.abs((shown - box.centre) @ box.axes.T) - np.array(box.half)
            away = np.linalg.norm(np.maximum(outside, 0), axis=1) + np.minimum(outside.max(axis=1), 0)
            surface = np.minimum(surface, np.abs(away))
        # the pillow is no box; it is small
        assert np.mean(surface < 4e-3) > (0.75 if part == "bed" else 0.999)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.placement)
def test_boxes_hold_the_masks(plan):
    for seconds in (0.5, plan.onset_seconds + 2.0):
        scene, frame = perfect(plan, seconds)
        assert inside(body_region(frame.body_bounds, frame.labels), frame.labels == PARTS["patient"])
        assert inside(bed_region(scene), frame.labels == PARTS["bed"])
        assert set(np.unique(frame.labels)) <= set(range(PARTS["carer"] + len(plan.visits)))


def test_carers_cover_what_is_behind_them():
    plan = next(plan for plan in PLANS if plan.visits)
    visit = replace(plan.visits[0], enter_seconds=-30.0, leave_seconds=1e6)
    with_carer, without = replace(plan, visits=(visit,)), replace(plan, visits=())
    (_, there), (_, alone) = perfect(with_carer), perfect(without)
    carer = there.labels == PARTS["carer"]
    assert carer.sum() > 50
    assert (there.true_depth[carer] < alone.true_depth[carer]).all()
    np.testing.assert_array_equal(there.true_depth[~carer], alone.true_depth[~carer])
    np.testing.assert_array_equal(there.labels[~carer], alone.labels[~carer])


def test_infrared_falls_with_the_square_of_the_distance():
    scene, frame = perfect(PLANS[0])
    projection = scene.projection
    sensor = Sensor(projection, PERFECT, corner_loss=0.0, rng=stream(0, "test"))
    light = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    near, _ = sensor.frame(light / 2.0**2, np.full_like(light, 2.0))
    far, _ = sensor.frame(light / 4.0**2, np.full_like(light, 4.0))
    assert near.dtype == np.uint16
    np.testing.assert_allclose(near / far, 4.0, rtol=0.01)
    assert frame.infrared.max() > 4000


def test_the_noise_of_depth_grows_and_pepper_is_rare():
    projection = make_depth_scene(PLANS[0], np.array([0.0]), width=WIDTH, height=HEIGHT).projection
    sensor = Sensor(projection, SensorFaults(), corner_loss=0.0, rng=stream(0, "test"))
    light = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    noise = []
    for metres in (1.0, 2.0, 4.0):
        distance = (metres / projection.inverse_norm).astype(np.float32)
        depth = np.stack([sensor.frame(light, distance)[1] for _ in range(4)])
        assert 0.01 < (depth == 0).mean() < 0.02
        noise.append((depth[depth > 0].astype(float) - 1000 * metres).std())
        assert depth[depth > 0].mean() == pytest.approx(1000 * metres, abs=0.2)
    assert noise == sorted(noise)
    np.testing.assert_allclose(noise, [1.0, 2.0, 4.0], rtol=0.1)
    nothing = sensor.frame(np.zeros_like(light), np.full_like(light, 2.0))[1]
    assert nothing.max() == 0
    assert sensor.frame(light, np.full_like(light, 20.0))[1].max() == 0


def test_depth_is_missing_mostly_at_edges():
    _, frame = perfect(PLANS[0], faults=SensorFaults(pepper_share=0.0))
    missing = (frame.depth == 0) & (frame.true_depth < 4.9)
    assert 0.002 < missing.mean() < 0.15
    true = 1000 * frame.true_depth
    steps = np.zeros(true.shape)
    for axis in (0, 1):
        step = np.abs(np.diff(true, axis=axis))
        pad = [(0, 1), (0, 0)] if axis == 0 else [(0, 0), (0, 1)]
        steps = np.maximum(steps, np.maximum(np.pad(step, pad), np.pad(step, [p[::-1] for p in pad])))
    assert steps[missing].min() > 20
    plain = ~missing & (steps < 20)
    assert np.abs(frame.depth[plain] - true[plain]).max() < 6 * 0.001 * true[plain].max()


def test_the_same_seed_gives_the_same_stills():
    first, again = (list(scene_frames(5, num_scenes=9, size=(WIDTH, HEIGHT))) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.event_id == other.event_id
        for name in ("infrared", "depth", "labels", "true_depth"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert (one.body, one.bed) == (other.body, other.bed)
    other = next(scene_frames(6, num_scenes=1, size=(WIDTH, HEIGHT)))
    assert (other.depth != first[0].depth).mean() > 0.5
    assert {frame.plan.placement for frame in first} == set(PLACEMENTS)


def test_many_stills_have_carers_and_blankets():
    frames = list(scene_frames(0, num_scenes=28, size=(64, 53)))
    carers = sum(bool((frame.labels >= PARTS["carer"]).any()) for frame in frames)
    assert 5 <= carers <= 23
    assert sum((frame.labels == PARTS["blanket"]).mean() > 0.02 for frame in frames) > 18
    assert {frame.moment for frame in frames} == {"preictal", "ictal", "postictal"}
    seen = sum((frame.labels == PARTS["patient"]).mean() > 0.003 for frame in frames)
    assert seen >= 26


def test_a_time_of_a_scene_does_not_depend_on_the_others():
    plan = PLANS[2]
    times = np.arange(12) / 10
    whole = make_depth_scene(plan, times, width=WIDTH, height=HEIGHT)
    frames = list(depth_frames(whole, faults=PERFECT))
    single = next(depth_frames(
        make_depth_scene(plan, times[7:8], width=WIDTH, height=HEIGHT), faults=PERFECT))  # fmt: skip
    assert np.abs(frames[7].depth.astype(int) - single.depth.astype(int)).max() <= 1


@pytest.mark.parametrize("failure", FAILURES)
def test_forced_failures_show_what_they_say(failure):
    plain = next(scene_frames(1, num_scenes=1, size=(WIDTH, HEIGHT)))
    forced = next(scene_frames(1, num_scenes=1, size=(WIDTH, HEIGHT), failures=(failure,)))
    assert forced.plan.failure == failure
    scene = make_depth_scene(forced.plan, np.array([1.0]), width=WIDTH, height=HEIGHT)
    patient = forced.labels == PARTS["patient"]
    if failure == "crowd":
        assert patient.sum() < 0.7 * (plain.labels == PARTS["patient"]).sum()
        assert set(np.unique(forced.labels)) >= {4, 5, 6}
    if failure == "missing-depth":
        assert 0.7 < (forced.depth == 0).mean() < 0.95
    if failure == "no-bed":
        assert forced.bed is None
        assert camera_truth(scene)["bed_planes"] == {}
        assert not (forced.labels == PARTS["bed"]).any()
    if failure == "head-end-camera":
        assert tuple(scene.projection.origin) == _HEAD_END_CAMERA[0]
    if failure == "sitting":
        top = (points(scene, forced.true_depth) @ scene.projection.axes + scene.projection.origin)[patient]
        assert top[:, 2].max() > MATTRESS_METRES + 0.6


def test_stills_refuse_unknown_failures():
    with pytest.raises(ConfigError, match="Did you mean sitting"):
        next(scene_frames(0, num_scenes=2, failures=("siting",)))
    with pytest.raises(ConfigError, match="at least the number of failures"):
        next(scene_frames(0, num_scenes=1, failures=("sitting", "crowd")))
