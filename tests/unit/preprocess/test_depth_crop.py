"""The depth crop against a second transcription of the algorithm, and its laws."""

import math
from fractions import Fraction

import numpy as np
import pytest
from depth_scene import scene
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semioscope.core.errors import VideoError
from semioscope.core.records import Region
from semioscope.preprocess import denoised, plan_depth_crop
from semioscope.preprocess.depth_crop import LOC_SOURCES
from semioscope.preprocess.depth_fit import fit_line, fit_parabola, population_variance

FRAMES = arrays(
    np.uint16,
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    elements=st.one_of(st.just(0), st.integers(500, 4000)),
)


def by_the_book(frame):
    """Algorithm 1 with loops and floating point: axis, loc, lower and upper depth of every pixel."""
    height, width = frame.shape

    def profile(lines, choose):
        xs, values = [], []
        for position, line in enumerate(lines):
            there = [int(value) for value in line if value != 0]
            if there:
                xs.append(position)
                values.append(choose(there))
        return np.polyfit(xs, values, 2)

    columns = [frame[:, x] for x in range(width)]
    rows = [frame[y, :] for y in range(height)]
    axis = "x" if profile(columns, max)[0] <= profile(rows, max)[0] else "y"
    across, along, size = (rows, columns, height) if axis == "x" else (columns, rows, width)
    low, high = profile(across, min), profile(across, max)
    at_low, at_high = -low[1] / (2 * low[0]), -high[1] / (2 * high[0])
    if 0 < at_low < size and 0 < at_high < size:
        loc = int((at_low + at_high) / 2)
    elif 0 < at_low < size:
        loc = int(at_low)
    elif 0 < at_high < size:
        loc = int(at_high)
    else:
        loc = int(size / 2)
    line = across[loc]
    xs = [position for position in range(len(along)) if line[position] != 0]
    depths = [int(line[position]) for position in xs]
    slope, intercept = np.polyfit(xs, depths, 1)
    mean = sum(depths) / len(depths)
    sigma = math.sqrt(sum((depth - mean) ** 2 for depth in depths) / len(depths))
    lower, upper = np.zeros((height, width)), np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            fit = slope * (x if axis == "x" else y) + intercept
            lower[y, x], upper[y, x] = fit - 2 * sigma, fit + 2 * sigma
    return axis, loc, lower, upper


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_a_second_transcription_agrees(seed, turned):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:23, :31]
    bend = rng.normal(0, 1.0, 4)
    frame = 2000 + bend[0] * (x - 15) ** 2 + bend[1] * (y - 11) ** 2 + 9 * bend[2] * x + 9 * bend[3] * y
    frame = (frame + rng.integers(0, 300, frame.shape)).astype(np.uint16)
    frame[rng.random(frame.shape) < 0.2] = 0
    frame = np.ascontiguousarray(frame.T) if turned else frame
    axis, loc, lower, upper = by_the_book(frame)
    plan = plan_depth_crop(frame)
    assert (plan.axis, plan.loc) == (axis, loc)
    stream = rng.integers(0, 4000, (4, *frame.shape), dtype=np.uint16)
    expected = (stream == 0) | (stream < lower) | (stream > upper)
    assert np.array_equal(plan.outside(stream), expected)
    infrared = rng.integers(1, 65536, stream.shape, dtype=np.uint16)
    depth_left, infrared_left = plan.apply(stream, infrared)
    assert np.array_equal(depth_left, np.where(expected, 0, stream))
    assert np.array_equal(infrared_left, np.where(expected, 0, infrared))


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_turning_the_frame_exchanges_the_axes(frame):
    plan, turned = plan_depth_crop(frame), plan_depth_crop(np.ascontiguousarray(frame.T))
    assume(plan.axis is not None and plan.x_farthest.a != plan.y_farthest.a)
    assert {plan.axis, turned.axis} == {"x", "y"}
    assert (plan.x_nearest, plan.x_farthest) == (turned.y_nearest, turned.y_farthest)
    assert (plan.loc, plan.loc_source, plan.sigma) == (turned.loc, turned.loc_source, turned.sigma)
    assert np.array_equal(plan.outside(frame), turned.outside(frame.T.copy()).T)


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_clearing_laws(frame):
    plan = plan_depth_crop(frame)
    infrared = np.full(frame.shape, 255, np.uint8)
    depth, light = plan.apply(frame, infrared)
    again, light_again = plan.apply(depth, light)
    assert np.array_equal(again, depth)
    assert np.array_equal(light_again, light)
    assert infrared.all()
    assert light.dtype == np.uint8
    outside = plan.outside(frame)
    if plan.planes is None:
        assert plan.status == "flagged"
        assert not outside.any()
        return
    assert outside[frame == 0].all()
    assert plan.kept_fraction == pytest.approx(1 - outside.mean())
    line = np.s_[plan.loc] if plan.axis == "x" else np.s_[:, plan.loc]
    valid = frame[line] > 0
    assert 4 * np.count_nonzero(outside[line][valid]) <= valid.sum()  # at most a quarter is beyond two sigma


@settings(max_examples=30, deadline=None)
@given(FRAMES, st.data())
def test_missing_depth_between_the_extremes_moves_no_parabola(frame, data):
    plan = plan_depth_crop(frame)
    assume(plan.axis is not None)
    seen = np.where(frame == 0, np.uint16(65535), frame)
    free = np.ones(frame.shape, bool)
    for axis in (0, 1):
        free &= (frame != frame.max(axis=axis, keepdims=True)) & (frame != seen.min(axis=axis, keepdims=True))
    holes = free & data.draw(arrays(bool, frame.shape))
    got = plan_depth_crop(np.where(holes, np.uint16(0), frame))
    for name in ("x_nearest", "x_farthest", "y_nearest", "y_farthest", "axis", "loc", "loc_source"):
        assert getattr(got, name) == getattr(plan, name)


@given(st.integers(-40, 40), st.integers(3, 40), st.integers(3, 40))
@settings(max_examples=30, deadline=None)
def test_a_plane_tilted_along_the_bed_stays_whole(slope, width, height):
    frame = np.tile((2000 + slope * np.arange(width)).astype(np.uint16), (height, 1))
    plan = plan_depth_crop(frame)
    assert (plan.axis, plan.loc_source, plan.loc, plan.status) == ("x", "middle", height // 2, "accepted")
    assert plan.x_farthest.a == 0
    assert plan.stationary_nearest is None
    assert not plan.outside(frame).any()


def bed(bends, *, height=40, width=60):
    """A frame whose rows have given nearest and farthest depths: the parabolas of step 3."""
    y = np.arange(height)
    (low_bend, low_at), (high_bend, high_at) = bends
    frame = np.zeros((height, width))
    frame[:] = (2000 + low_bend * (y - low_at) ** 2)[:, None]
    frame[:, 1::2] = (20000 + high_bend * (y - high_at) ** 2)[:, None]
    return frame.astype(np.uint16)


BRANCHES = {
    "both": (((1, 10), (1, 21)), 15),
    "minimum": (((1, 10), (1, 60)), 10),
    "maximum": (((1, -30), (1, 21)), 21),
    "middle": (((1, -30), (1, 60)), 20),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("source", LOC_SOURCES)
def test_every_branch_of_step_three(source, turned):
    bends, loc = BRANCHES[source]
    frame = bed(bends)
    plan = plan_depth_crop(np.ascontiguousarray(frame.T) if turned else frame)
    assert (plan.axis, plan.loc_source, plan.loc) == ("y" if turned else "x", source, loc)


@pytest.mark.parametrize(
    ("low", "high", "source", "loc"),
    [(0, 40, "middle", 20), (0, 39, "maximum", 39), (1, 40, "minimum", 1), (1, 2, "both", 1)],
)
def test_inside_is_strict_and_positions_are_cut_to_whole_numbers(low, high, source, loc):
    plan = plan_depth_crop(bed(((1, low), (1, high))))
    assert (plan.stationary_nearest, plan.stationary_farthest) == (low, high)
    assert (plan.loc_source, plan.loc) == (source, loc)


def test_a_straight_profile_has_no_stationary_point():
    y = np.arange(20, dtype=np.uint16)
    frame = np.tile(1000 + 5 * y[:, None], (1, 30))
    plan = plan_depth_crop(frame)
    assert (plan.stationary_nearest, plan.stationary_farthest, plan.loc) == (None, None, 10)
    assert (plan.axis, plan.sigma) == ("x", 0)  # a tie goes to x, and a line of one depth has no spread
    assert np.array_equal(plan.outside(frame), frame != 1050)


@pytest.mark.parametrize(
    ("x_bend", "y_bend", "axis", "absolute_axis"),
    [
        (-2, 1, "x", "y"),
        (1, -2, "y", "x"),
        (1, 2, "x", "x"),
        (2, 1, "y", "y"),
        (-1, -2, "y", "x"),
        (1, 1, "x", "x"),
    ],
)
def test_both_readings_of_the_curvature(x_bend, y_bend, axis, absolute_axis):
    y, x = np.mgrid[:31, :31]
    frame = (5000 + x_bend * (x - 15) ** 2 + y_bend * (y - 15) ** 2).astype(np.uint16)
    plan = plan_depth_crop(frame)
    assert (plan.axis, plan.absolute_axis) == (axis, absolute_axis)
    assert plan.readings_disagree == (axis != absolute_axis)
    assert ("their sizes along" in plan.remark) == plan.readings_disagree
    assert "their sizes" not in plan.reason  # it is told, but flags nothing
    row = plan.row(event_id="e1", recording_id="r1")
    assert (row.depth_doubt, row.depth_remark) == (plan.reason, plan.remark)
    assert row.status == plan.status == ("flagged" if plan.reason else "accepted")


class TestFlags:
    def test_no_depth(self):
        plan = plan_depth_crop(np.zeros((4, 5), np.uint16))
        assert (plan.status, plan.planes, plan.axis, plan.missing_fraction) == ("flagged", None, None, 1)
        assert plan.reason == "The frame holds no depth at all."
        assert not plan.outside(np.zeros((4, 5), np.uint16)).any()

    def test_more_than_half_missing_says_how_much(self):
        frame = bed(BRANCHES["both"][0])
        half, more = frame.copy(), frame.copy()
        half[::2] = 0
        more[::2], more[1, 0] = 0, 0
        assert plan_depth_crop(half).reason == ""
        more[3] = 0
        plan = plan_depth_crop(more)
        assert "52.5 % of the depth is missing, more than half." in plan.reason
        assert plan.planes is not None

    @pytest.mark.parametrize("turned", [False, True])
    def test_too_few_columns(self, turned):
        frame = np.zeros((9, 12), np.uint16)
        frame[:, [2, 7]] = 1000
        plan = plan_depth_crop(np.ascontiguousarray(frame.T) if turned else frame)
        word = "rows" if turned else "columns"
        assert f"2 {word} hold depth, but a parabola needs 3." in plan.reason
        assert plan.planes is None

    def test_too_little_on_the_line(self):
        frame = bed(BRANCHES["both"][0])
        frame[15, 2:] = 0
        plan = plan_depth_crop(frame)
        assert plan.reason.startswith(f"2 pixels of the line y = {plan.loc} hold depth, but 3 are needed.")
        assert (plan.planes, plan.kept_fraction) == (None, 1.0)

    def test_next_to_nothing_left(self):
        frame = np.tile((1000 + 5 * np.arange(50, dtype=np.uint16))[:, None], (1, 30))
        assert plan_depth_crop(frame).reason == "Only 2.0 % of the frame lies between the planes."


def test_a_ward_room_is_cut_to_the_bed():
    depth, infrared = scene()
    clean = denoised(depth)
    plan = plan_depth_crop(clean)
    assert (plan.axis, plan.absolute_axis, plan.status) == ("x", "x", "accepted")
    left, light = plan.apply(clean, infrared)
    assert light[200, 200]  # the trunk
    assert not light[:130].any()  # floor and wall behind the bed
    assert not left[400, 420]  # the carer in front
    assert 0.2 < np.mean(left > 0) < 0.5
    turned = plan_depth_crop(np.ascontiguousarray(clean.T))
    assert (turned.axis, turned.loc, turned.sigma) == ("y", plan.loc, plan.sigma)


def test_the_row_of_a_plan():
    plan = plan_depth_crop(bed(BRANCHES["both"][0]))
    box = Region(x=0.1, y=0.1, width=0.5, height=0.5)
    row = plan.row(event_id="e1", recording_id="r1", box=box)
    assert (row.planes, row.status, row.depth_reason, row.box) == (plan.planes, plan.status, plan.reason, box)


def test_other_sizes_are_refused():
    plan = plan_depth_crop(bed(BRANCHES["both"][0]))
    with pytest.raises(VideoError, match="made on a frame of 40 rows of 60 pixels"):
        plan.outside(np.zeros((60, 40), np.uint16))


class TestFits:
    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 600), st.integers(1, 65535)), min_size=3, unique_by=lambda p: p[0])
    )
    def test_floating_point_agrees(self, points):
        xs, values = (np.array(row, np.int64) for row in zip(*points, strict=True))
        fit = fit_parabola(xs, values)
        scale = max(xs) + 1
        a, b, c = np.polyfit(xs / scale, values, 2) / np.array([scale**2, scale, 1])
        residual = np.abs(fit.at(xs) - (c + b * xs + a * xs**2))
        assert residual.max() <= 1e-6 * values.max()
        slope, intercept = fit_line(xs, values)
        assert float(intercept) + float(slope) * xs == pytest.approx(
            np.polyval(np.polyfit(xs, values, 1), xs)
        )
        assert float(population_variance(values)) == pytest.approx(np.var(values))

    @given(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 9), st.integers(3, 500))
    @settings(max_examples=30, deadline=None)
    def test_a_parabola_is_found_exactly(self, a, b, c, size):
        xs = np.arange(size)
        fit = fit_parabola(xs, a * xs**2 + b * xs + c)
        assert (fit.a, fit.b, fit.c) == (a, b, c)
        assert fit.stationary == (None if a == 0 else Fraction(-b, 2 * a))
