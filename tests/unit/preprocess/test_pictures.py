import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.records import Region
from semioscope.preprocess import (
    PictureConfig,
    base_picture,
    base_size,
    network_picture,
    resized,
    view_picture,
)

INSET = Region(x=0.0, y=0.0, width=800 / 1920, height=450 / 1080)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def antialiased(pixels, size):
    """Resize one axis by the definition: a triangle as wide as the larger pixel, weights summing to 1."""
    old = pixels.shape[0]
    scale = old / size
    reach = max(scale, 1.0)
    out = np.zeros((size, *pixels.shape[1:]))
    for i in range(size):
        centre = (i + 0.5) * scale
        weights = np.clip(1 - np.abs(np.arange(old) + 0.5 - centre) / reach, 0, None)
        out[i] = np.tensordot(weights / weights.sum(), pixels, axes=(0, 0))
    return out


class TestView:
    def test_the_montage_of_the_paper(self):
        whole = picture(108, 192)
        before = whole.copy()
        large = view_picture(whole, region=None, blank=INSET)
        small = view_picture(whole, region=INSET, blank=None)
        assert np.array_equal(whole, before)
        assert not large[:45, :80].any()
        assert np.array_equal(large[45:], whole[45:])
        assert np.array_equal(large[:, 80:], whole[:, 80:])
        assert np.array_equal(small, whole[:45, :80])

    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_cutting_and_blackening_can_be_exchanged(self, data):
        edges = [
            Region(x=x, y=y, width=w * (1 - x), height=h * (1 - y))
            for x, y, w, h in data.draw(
                st.lists(
                    st.tuples(*[st.floats(0, 0.9)] * 2, *[st.floats(0.05, 1)] * 2), min_size=2, max_size=2
                )
            )
        ]
        whole = picture(31, 47)
        expected = whole.copy()
        left, top, right, bottom = edges[1].pixels(width=47, height=31)
        expected[top:bottom, left:right] = 0
        left, top, right, bottom = edges[0].pixels(width=47, height=31)
        got = view_picture(whole, region=edges[0], blank=edges[1])
        assert np.array_equal(got, expected[top:bottom, left:right])


class TestBase:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((1080, 1920), (180, 320)),
            ((450, 800), (180, 320)),
            ((576, 720), (180, 224)),
            ((180, 320), (180, 320)),
            ((90, 160), (90, 160)),
            ((49, 65), (48, 64)),
            ((1920, 1080), (180, 102)),
            ((1, 1), (2, 2)),
        ],
    )
    def test_sizes(self, size, expected):
        assert base_size(*size, PictureConfig()) == expected
        assert base_picture(picture(*size), PictureConfig()).shape[:2] == expected

    @settings(max_examples=50, deadline=None)
    @given(st.integers(2, 3000), st.integers(2, 3000))
    def test_even_never_larger_and_settled(self, height, width):
        config = PictureConfig()
        once = base_size(height, width, config)
        assert once[0] % 2 == once[1] % 2 == 0
        assert once[0] <= 180
        assert once[1] <= 320
        assert base_size(*once, config) == once

    def test_a_picture_of_the_right_size_is_not_touched(self):
        small = picture(180, 320)
        assert base_picture(small, PictureConfig()) is small
        raw = PictureConfig(base_width=None, base_height=None)
        odd = picture(49, 65)
        assert base_picture(odd, raw) is odd


class TestNetwork:
    def test_geometry_of_the_paper(self):
        white = np.full((180, 320, 3), 255, np.uint8)
        white[:, :16] = white[:, -16:] = 7
        square = network_picture(white, PictureConfig(), size=288)
        assert not square[:54].any()
        assert not square[-54:].any()
        assert (square[54:234] == 255).all()

    def test_a_tall_picture_gets_bars_at_the_sides(self):
        square = network_picture(np.full((20, 10, 3), 9, np.uint8), PictureConfig(side_crop=0.0), size=20)
        assert not square[:, :5].any()
        assert not square[:, 15:].any()
        assert (square[:, 5:15] == 9).all()

    def test_without_bars_it_is_stretched(self):
        config = PictureConfig(square=False, side_crop=0.0)
        assert (network_picture(np.full((9, 16, 3), 200, np.uint8), config, size=32) == 200).all()

    @pytest.mark.parametrize("size", [112, 224, 64])
    def test_against_the_definition(self, size):
        small = picture(180, 320)
        padded = np.zeros((288, 288, 3))
        padded[54:234] = small[:, 16:-16]
        expected = antialiased(antialiased(padded, size).transpose(1, 0, 2), size).transpose(1, 0, 2)
        got = network_picture(small, PictureConfig(), size=size)
        assert got.shape == (size, size, 3)
        assert got.flags.c_contiguous
        assert np.abs(got - expected).max() <= 1.5

    @settings(max_examples=50, deadline=None)
    @given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 8, 33]))
    def test_any_size_works_and_inputs_stay(self, height, width, size):
        given_picture = picture(height, width)
        before = given_picture.copy()
        assert network_picture(given_picture, PictureConfig(), size=size).shape == (size, size, 3)
        assert np.array_equal(given_picture, before)

    def test_read_only_and_cut_pictures(self):
        whole = picture(120, 200)
        cut = whole[3:90:1, 5:150]
        expected = resized(cut.copy(), height=40, width=60)
        assert np.array_equal(resized(cut, height=40, width=60), expected)
        whole.setflags(write=False)
        assert np.array_equal(resized(whole[3:90, 5:150], height=40, width=60), expected)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="side_crop"):
        PictureConfig(side_crop=0.5)
    with pytest.raises(ValueError, match="base_widht"):
        PictureConfig(base_widht=3)
