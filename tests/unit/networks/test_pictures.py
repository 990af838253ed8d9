import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.networks import backbone_spec
from semioscope.networks.pictures import network_input, resize_weights


@given(size=st.integers(1, 60), new_size=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_resizing_is_the_antialiased_bilinear_filter_of_torch(size: int, new_size: int) -> None:
    picture = np.random.default_rng(size).random((1, 1, size, size), dtype=np.float32)
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(picture), size=(new_size, new_size), mode="bilinear", antialias=True
    )
    weights = resize_weights(size, new_size)
    np.testing.assert_allclose(weights @ picture @ weights.T, reference.numpy(), atol=2e-5)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["resnet34", "r2plus1d_34_8", "motion"])
def test_values_are_normalised_per_channel_in_the_right_order(name: str) -> None:
    spec = backbone_spec(name)
    frames = np.zeros((8, spec.input_size, spec.input_size, 3), dtype=np.uint8)
    frames[3, 5, 7] = (10, 100, 250)
    clip = network_input(frames, spec)
    expected = (np.array([10, 100, 250]) / 255 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(clip[:, 3, 5, 7], expected, rtol=1e-5)
    np.testing.assert_allclose(
        clip[:, 0, 0, 0], -np.array(spec.mean) / np.array(spec.std), rtol=1e-5, atol=1e-7
    )


def test_pictures_must_be_square() -> None:
    with pytest.raises(ValueError, match="resnet34 needs square pictures, got 20 x 10"):
        # the shape check of the tests is by name, so the function is asked without it
        network_input.__wrapped__(np.zeros((1, 10, 20, 3), dtype=np.uint8), backbone_spec("resnet34"))
