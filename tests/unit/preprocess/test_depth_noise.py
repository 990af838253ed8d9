import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from semioscope.core.errors import VideoError
from semioscope.preprocess import NoiseFilter, denoised

FRAMES = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=14))


def one_pass(frame):
    """A 4x4 square of ones with its anchor at (2, 2), by the definition; nothing outside the frame counts."""
    height, width = frame.shape
    out = np.zeros_like(frame)
    for y in range(height):
        for x in range(width):
            around = [
                frame[y + row - 2, x + column - 2]
                for row in range(4)
                for column in range(4)
                if 0 <= y + row - 2 < height and 0 <= x + column - 2 < width
            ]
            out[y, x] = max(around)
    return out


@settings(max_examples=30, deadline=None)
@given(FRAMES)
def test_two_passes_by_the_definition(frame):
    before = frame.copy()
    assert np.array_equal(denoised(frame), one_pass(one_pass(frame)))
    assert np.array_equal(frame, before)


@settings(max_examples=30, deadline=None)
@given(FRAMES)
def test_another_implementation_agrees(frame):
    expected = frame
    for _ in range(2):  # origin -1 puts the even window at -2 .. +1
        expected = scipy.ndimage.grey_dilation(expected, size=(4, 4), origin=-1, mode="constant", cval=0)
    assert np.array_equal(denoised(frame), expected)


def test_a_camera_frame_agrees_with_one_window_of_seven():
    frame = np.random.default_rng(1).integers(0, 65536, (424, 512), dtype=np.uint16)
    expected = scipy.ndimage.maximum_filter(frame, size=7, origin=1, mode="constant", cval=0)
    assert np.array_equal(denoised(frame), expected)


@settings(max_examples=25, deadline=None)
@given(FRAMES, st.integers(0, 5))
def test_laws(frame, shift):
    got = denoised(frame)
    assert (got >= frame).all()
    assert np.array_equal(denoised(frame.T.copy()), got.T)
    assert np.array_equal(
        denoised(frame // 2 + shift), got // 2 + shift
    )  # any rising function passes through


def test_the_window_reaches_four_before_and_two_after():
    frame = np.zeros((20, 20), np.uint16)
    frame[10, 10] = 7
    rows, columns = np.nonzero(denoised(frame))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 14, 8, 14)


def test_a_filter_is_used_again_and_writes_where_it_is_told():
    frames = np.random.default_rng(0).integers(0, 9, (3, 2, 9, 11), dtype=np.uint16)
    keeper = NoiseFilter(height=9, width=11)
    out = np.empty_like(frames)
    assert keeper(frames, out) is out
    assert np.array_equal(out[1, 1], denoised(frames[1, 1]))
    assert np.array_equal(keeper(frames[::2]), out[::2])
    in_place = frames.copy()
    keeper(in_place, in_place)
    assert np.array_equal(in_place, out)
    assert np.array_equal(keeper(np.asfortranarray(frames[0, 0])), out[0, 0])


def test_other_sizes_are_refused():
    keeper = NoiseFilter(height=4, width=5)
    with pytest.raises(VideoError, match=r"must be 4 rows of 5 pixels.*got \(5, 4\)"):
        keeper(np.zeros((5, 4), np.uint16))
    with pytest.raises(VideoError, match="out must be as large"):
        keeper(np.zeros((2, 4, 5), np.uint16), np.zeros((4, 5), np.uint16))
