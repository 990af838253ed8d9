import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semioscope.synthetic.body import two_bones
from semioscope.synthetic.geometry import (
    Camera,
    CameraState,
    draw_capsules,
    pixel_boxes,
    project,
    silhouette_bounds,
)

CAMERA = Camera(position=(1.5, -1.2, 2.2), target=(0.0, 1.0, 0.7), field_degrees=45.0)
coordinate = st.floats(-0.6, 0.6)
point = st.tuples(coordinate, coordinate, coordinate)


def drawn(start, end, radius, *, width=72, height=48, state=None):
    projection = project(CAMERA, state or CameraState(), width=width, height=height)
    a, b = (projection.to_camera(np.array(CAMERA.target) + np.array(p)) for p in (start, end))
    bounds = silhouette_bounds(projection, a, b, np.array(radius))
    box = tuple(pixel_boxes(bounds, width=width, height=height).tolist())
    picture = np.zeros((height, width), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    draw_capsules(
        picture, depth, projection, starts=a[None], ends=b[None], radii=np.array([radius]), albedo=np.ones(1),
        boxes=np.array([[0, 0, width, height]]), infrared=1.0, lamp=0.0,
    )  # fmt: skip
    return projection, a, b, bounds, box, picture, depth


def distance_to_axis(points, start, end):
    axis = end - start
    share = np.clip((points - start) @ axis / max(axis @ axis, 1e-12), 0, 1)
    return np.linalg.norm(points - start - share[..., None] * axis, axis=-1)


@settings(max_examples=15, deadline=None)
@given(start=point, end=point, radius=st.floats(0.03, 0.3))
def test_rays_meet_a_capsule_where_its_distance_function_is_zero(start, end, radius):
    projection, a, b, _, _, _, depth = drawn(start, end, radius, width=36, height=24)
    rays = np.stack(
        [
            projection.column[None, :] + 0 * projection.row[:, None],
            projection.row[:, None] + 0 * projection.column[None, :],
            np.ones((24, 36)),
        ],
        axis=-1,
    )
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    hit = np.isfinite(depth)
    surface = distance_to_axis(rays[hit] * depth[hit][:, None], a, b)
    np.testing.assert_allclose(surface, radius, atol=2e-3)
    steps = np.linspace(1.4, 4.6, 320)
    nearest = np.min([distance_to_axis(rays * step, a, b) for step in steps], axis=0)
    assert np.all(nearest[~hit] > radius - 2e-3)
    assert np.all(nearest[hit] < radius + 5e-3)


@settings(max_examples=60, deadline=None)
@given(start=point, end=point, radius=st.floats(0.03, 0.3))
def test_the_silhouette_box_is_exact(start, end, radius):
    *_, bounds, box, _, depth = drawn(start, end, radius, width=144, height=96)
    rows, columns = np.nonzero(np.isfinite(depth))
    left, top, right, bottom = box
    assert columns.size == 0 or (columns.min() >= left and columns.max() < right)
    assert rows.size == 0 or (rows.min() >= top and rows.max() < bottom)
    if bounds[0] > 0 and bounds[1] > 0 and bounds[2] < 144 and bounds[3] < 96 and radius > 0.1:
        assert columns.min() - left <= 3
        assert right - 1 - columns.max() <= 3
        assert rows.min() - top <= 3
        assert bottom - 1 - rows.max() <= 3


def test_a_capsule_facing_the_lamp_is_brightest_in_its_middle():
    *_, picture, depth = drawn((0, 0, 0), (0, 0, 0.001), 0.4)
    assert np.unravel_index(picture.argmax(), picture.shape) == np.unravel_index(depth.argmin(), depth.shape)
    assert picture[np.isfinite(depth)].min() < 0.6 * picture.max()


def test_what_is_nearer_covers_what_is_farther():
    projection, a, b, _, _, picture, depth = drawn((0, 0, 0), (0.3, 0, 0), 0.2)
    before = picture.copy()
    away = np.array([0.0, 0.0, 1.0])
    draw_capsules(
        picture, depth, projection, starts=(a + away)[None], ends=(b + away)[None], radii=np.array([0.1]),
        albedo=np.array([0.1]), boxes=np.array([[0, 0, 72, 48]]), infrared=1.0, lamp=0.0,
    )  # fmt: skip
    np.testing.assert_array_equal(picture[before > 0], before[before > 0])


def test_a_capsule_at_the_lens_is_not_drawn():
    projection = project(CAMERA, CameraState(), width=40, height=30)
    bounds = silhouette_bounds(projection, np.array([0, 0, 0.1]), np.array([0, 0, 2.0]), np.array(0.05))
    assert np.isnan(bounds).all()
    np.testing.assert_array_equal(pixel_boxes(bounds, width=40, height=30), 0)


def test_the_target_is_in_the_middle_and_zoom_and_turn_move_it():
    def place(state):
        projection = project(CAMERA, state, width=160, height=90)
        x, y, z = projection.to_camera(np.array(CAMERA.target))
        return x / z * projection.focal_pixels, y / z * projection.focal_pixels, projection.focal_pixels

    middle = place(CameraState())
    assert middle[:2] == pytest.approx((0, 0), abs=1e-9)
    assert place(CameraState(yaw_degrees=5))[0] < -3
    assert place(CameraState(pitch_degrees=5))[1] > 3
    assert place(CameraState(zoom=2.0))[2] == pytest.approx(2 * middle[2])


@settings(max_examples=60, deadline=None)
@given(target=point, pole=point)
def test_bones_keep_their_lengths(target, pole):
    assume(np.linalg.norm(target) > 0.05 and np.linalg.norm(np.cross(target, np.array(pole) + 1e-3)) > 1e-3)
    root = np.zeros((1, 3))
    joint, end = two_bones(root, np.array([target]), np.array([pole]) + 1e-3, first=0.3, second=0.26)
    reach = np.linalg.norm(end - root)
    assert np.linalg.norm(joint - root) == pytest.approx(0.3, abs=1e-6) or reach > 0.55
    assert reach <= 0.56
    if 0.1 < np.linalg.norm(target) < 0.55:
        np.testing.assert_allclose(end[0], target, atol=1e-6)
