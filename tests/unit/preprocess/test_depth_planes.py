import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.errors import VideoError
from semioscope.preprocess import DepthPlanes, PlaneCrop

NUMBERS = st.floats(-1e5, 1e5)


def planes(**options):
    given_by = {"lower_slope": 0.0, "lower_intercept": 1000.0, "upper_slope": 0.0, "upper_intercept": 2000.0}
    return DepthPlanes(**{"axis": "x"} | given_by | options)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["x", "y"]), NUMBERS, NUMBERS, st.tuples(NUMBERS, NUMBERS).map(sorted))
def test_by_the_definition_over_all_depths(axis, lower_slope, upper_slope, intercepts):
    made = planes(
        axis=axis, lower_slope=lower_slope, upper_slope=upper_slope, lower_intercept=intercepts[0],
        upper_intercept=intercepts[1],
    )  # fmt: skip
    every = np.concatenate([np.arange(0, 65536, 97), np.arange(65530, 65536)]).astype(np.uint16)
    depth = np.stack([every] * 3, axis=1 if axis == "x" else 0)
    position = np.arange(3)[None, :] if axis == "x" else np.arange(3)[:, None]
    lower, upper = (
        made.lower_at(np.arange(3)).reshape(position.shape),
        made.upper_at(np.arange(3)).reshape(position.shape),
    )
    expected = (depth == 0) | (depth < lower - 1e-6) | (depth > upper + 1e-6)
    assert np.array_equal(made.outside(depth), expected)


def test_boundaries_stay():
    depth = np.array([[999, 1000, 1001], [1999, 2000, 2001]], np.uint16)
    assert planes().outside(depth).tolist() == [[True, False, False], [False, False, True]]
    tenth = planes(lower_slope=0.1, lower_intercept=1000.0 - 0.3)  # 0.1 * 3 is not 0.3 in floating point
    assert not tenth.outside(np.full((1, 4), 1000, np.uint16))[0, 3]


def test_all_or_nothing_stays_at_the_ends_of_the_range():
    depth = np.array([[0, 1, 65535]], np.uint16)
    assert planes(lower_intercept=-5.0, upper_intercept=1e6).outside(depth).tolist() == [[True, False, False]]
    assert planes(lower_intercept=65535.5, upper_intercept=1e6).outside(depth).all()
    assert planes(lower_intercept=-9.0, upper_intercept=-1.0).outside(depth).all()
    assert planes(lower_intercept=1.2, upper_intercept=1.8).outside(depth).all()


def test_clearing_in_place_is_applying_to_copies():
    rng = np.random.default_rng(0)
    depth = rng.integers(0, 3000, (2, 3, 5, 6), dtype=np.uint16)
    infrared = rng.integers(0, 65536, depth.shape, dtype=np.uint16)
    crop = PlaneCrop(planes(axis="y", lower_slope=30.0), height=5, width=6)
    left, light = crop.apply(depth, infrared)
    assert np.array_equal(left, np.where(crop.outside(depth), 0, depth))
    crop.clear(depth, infrared)
    assert np.array_equal(depth, left)
    assert np.array_equal(infrared, light)


def test_sizes_must_fit():
    crop = PlaneCrop(planes(), height=5, width=6)
    with pytest.raises(VideoError, match="must be 5 rows of 6 pixels"):
        crop.outside(np.zeros((6, 5), np.uint16))
    with pytest.raises(VideoError, match=r"Infrared must have the shape of the depth \(2, 5, 6\)"):
        crop.clear(np.zeros((2, 5, 6), np.uint16), np.zeros((5, 6), np.uint16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lower_slope": math.nan}, "four finite numbers"),
        (
            {"lower_intercept": 3000.0},
            "must not be farther than the upper one at position 0, got 3000 and 2000 mm",
        ),
    ],
)
def test_planes_must_be_valid(options, message):
    with pytest.raises(ValueError, match=message):
        planes(**options)


def test_cells():
    assert DepthPlanes.from_cells(planes(axis="y").to_cells()) == planes(axis="y")
    assert DepthPlanes.from_cells({}) is None
    with pytest.raises(ValueError, match="or n/a in all of them; depth_axis is n/a"):
        DepthPlanes.from_cells(planes().to_cells() | {"depth_axis": None})
