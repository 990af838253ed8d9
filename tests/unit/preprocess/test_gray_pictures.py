import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from semioscope.core.records import Region
from semioscope.preprocess.gray_pictures import (
    GrayPicture,
    GrayPictureConfig,
    gray_picture,
    letterbox,
    luma,
)
from semioscope.video import GreyRule, GreyWindow

WINDOW = GreyWindow(rule="fixed", low=1000, high=1000 + 255)


def frame_of(height, width, seed=0):
    return np.random.default_rng(seed).integers(1000, 1256, (height, width), dtype=np.uint16)


class TestGray:
    def test_sixteen_bits_become_eight_by_the_window_and_no_earlier(self):
        frame = frame_of(8, 8)
        made = gray_picture(frame, GrayPicture(window=WINDOW), region=None, blank=None, size=8)
        assert np.array_equal(made, np.repeat((frame - 1000).astype(np.uint8)[..., None], 3, axis=2))

    def test_the_part_of_the_view_fills_the_square(self):
        frame = np.full((8, 16), 2000, np.uint16)
        frame[:4, 8:] = 1000
        part = Region(x=0.5, y=0.0, width=0.5, height=1.0)
        made = gray_picture(frame, GrayPicture(window=WINDOW), region=part, blank=None, size=8)
        assert np.array_equal(made[..., 0], np.repeat([[0], [255]], 4, axis=0) * np.ones((1, 8), np.uint8))
        black = gray_picture(frame, GrayPicture(window=WINDOW), region=part, blank=part, size=8)
        assert not black.any()

    def test_gray_in_eight_bits_stays_as_it_is(self):
        gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
        picture = np.repeat(gray[..., None], 3, axis=2)
        assert np.array_equal(luma(picture), gray)
        made = gray_picture(picture, GrayPicture(), region=None, blank=None, size=16)
        assert np.array_equal(made, picture)

    def test_colours_have_the_brightness_of_the_standard(self):
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        assert np.abs(luma(picture) - picture @ np.array([0.299, 0.587, 0.114])).max() < 1.2

    def test_a_window_belongs_to_sixteen_bits(self):
        with pytest.raises(ValueError, match="belongs to 16-bit frames"):
            gray_picture(frame_of(4, 4), GrayPicture(), region=None, blank=None, size=4)

    def test_a_window_that_cannot_be(self):
        for low, high in ((1000, 2000), (50, 20), (100, None), (None, 1)):
            with pytest.raises(
                ValidationError, match=r"0 <= low < high <= 100, got .* or choose the window fixed"
            ):
                GrayPictureConfig(low=low, high=high)
        for low, high in ((2000, 1000), (7, 7)):
            with pytest.raises(ValidationError, match=r"high <= 65535, got .* Give two values of the 16-bit"):
                GrayPictureConfig(window="fixed", low=low, high=high)
        with pytest.raises(ValidationError, match=r"must be whole, got 7 and 8\.5"):
            GrayPictureConfig(window="fixed", low=7, high=8.5)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({}, "low none and high none"),
            ({"low": 7}, "low 7 and high none"),
            ({"high": 99}, "low none and high 99"),
        ],
    )
    def test_a_fixed_window_is_given_whole(self, given, told):
        """Percentiles 1 and 99 taken for values of pixels would make almost every pixel white."""
        with pytest.raises(
            ValidationError, match=f"a fixed window must be given low and high, .*, got {told}"
        ):
            GrayPictureConfig(window="fixed", **given)

    def test_rules_of_windows(self):
        assert GrayPictureConfig().rule == GreyRule(rule="percentiles", low=1, high=99)
        assert GrayPictureConfig(low=5).rule == GreyRule(rule="percentiles", low=5, high=99)
        fixed = GrayPictureConfig(window="fixed", low=1000, high=2000)
        assert fixed.rule == GreyRule(rule="fixed", low=1000, high=2000)
        assert GrayPictureConfig.model_validate(fixed.model_dump()) == fixed


class TestLetterbox:
    @given(height=st.integers(1, 40), width=st.integers(1, 40), size=st.integers(8, 40))
    def test_bars_are_black_and_even_and_the_picture_keeps_its_aspect(self, height, width, size):
        made = letterbox(np.full((height, width, 3), 200, np.uint8), size=size)
        rows, columns = made[..., 0].any(axis=1), made[..., 0].any(axis=0)
        assert max(rows.sum(), columns.sum()) == size
        wanted = max(1, size * min(height, width) / max(height, width))
        assert abs(min(rows.sum(), columns.sum()) - wanted) <= 0.5
        assert set(np.unique(made)) <= {0, 200}
        for lines in (rows, columns):
            before = int(np.argmax(lines))
            after = size - before - int(lines.sum())
            assert after - before in (0, 1)

    def test_a_picture_of_the_size_is_not_touched(self):
        picture = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        made = letterbox(picture, size=9)
        assert np.array_equal(made[1:7], picture)
