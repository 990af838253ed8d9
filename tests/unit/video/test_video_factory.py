import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("size", [(128, 96), (65, 49), (200, 24)])
def test_barcode_tells_the_number(factory, size):
    for number in (0, 1, 77, 12_345, 2**16 - 1):
        picture = factory.draw_picture(number, size=size)
        assert picture.shape == (size[1], size[0], 3)
        assert factory.read_barcode(picture) == number


@given(number=st.integers(0, 2**16 - 1), noise_seed=st.integers(0, 100))
def test_barcode_survives_noise(factory, number, noise_seed):
    noise = np.random.default_rng(noise_seed).normal(0, 15, (96, 128, 1))
    picture = np.clip(factory.draw_picture(number) + noise, 0, 255).astype(np.uint8)
    assert factory.read_barcode(picture) == number


def test_unclear_barcode_is_no_number(factory):
    assert factory.read_barcode(np.full((96, 128, 3), 128, np.uint8)) == -1


def test_corner_shows_the_orientation(factory):
    picture = factory.draw_picture(5)
    assert factory.corner_is_bright(picture)
    assert not factory.corner_is_bright(np.rot90(picture))
