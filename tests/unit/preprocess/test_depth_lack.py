"""Too little depth for an event is told; what is left is enough for at least half of its slices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semioscope.plans import SlicePlan, slices_of
from semioscope.preprocess.depth_lack import lack_of_depth


@given(arrays(bool, st.integers(1, 400), elements=st.floats(0, 1).map(lambda value: value < 0.98)))
def test_depth_that_is_used_loses_half_at_most(has_depth):
    said = lack_of_depth("d.mkv", has_depth)
    lost = sum(
        not has_depth[first : first + count].all() for first, count in slices_of(len(has_depth), SlicePlan())
    )
    num_slices = len(slices_of(len(has_depth), SlicePlan()))
    enough = 2 * np.count_nonzero(~has_depth) <= len(has_depth) and 2 * lost <= num_slices
    assert (said == "") == enough
    assert said == "" or (said.startswith("d.mkv must give depth for ") and said.endswith("."))


@pytest.mark.parametrize("num_frames", [59, 60, 61, 120, 180])
def test_every_second_frame_is_too_little(num_frames):
    for phase in (0, 1):
        has_depth = np.arange(num_frames) % 2 == phase
        assert lack_of_depth("d", has_depth) != ""


@pytest.mark.parametrize(("num_without", "said"), [(60, ""), (61, "61 of 120 have none within half a frame")])
def test_the_limits_are_more_than_half(num_without, said):
    has_depth = np.arange(120) >= num_without
    found = lack_of_depth("d", has_depth, np.array([False, True]))
    assert said in found
    assert (said == "") == (found == "")


def test_given_slices_count_and_not_the_usual_ones():
    has_depth = np.ones(120, dtype=bool)
    has_depth[70] = False
    assert lack_of_depth("d", has_depth) == ""  # one of two slices
    assert "2 of 3 slices hold such a frame" in lack_of_depth("d", has_depth, np.array([True, False, False]))
    assert lack_of_depth("d", has_depth, np.zeros(0, dtype=bool)) == ""
