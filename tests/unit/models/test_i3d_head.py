"""The head of I3D against a convolution written out."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from semioscope.models import AggregatorConfig, build
from semioscope.models.steps import MASK_VALUE

HEAD = AggregatorConfig(name="i3d_head")


def slices(lengths, num_features=1024):
    x = torch.tensor(
        np.random.default_rng(0).exponential(size=(len(lengths), 7, num_features)), dtype=torch.float32
    )
    for row, length in enumerate(lengths):
        x[row, : 7 - length] = MASK_VALUE
    return x


@pytest.mark.parametrize("num_classes", [2, 3])
def test_is_a_convolution_and_the_mean_over_real_steps(num_classes):
    model, x = build(HEAD, num_features=1024, num_classes=num_classes, seed=0).eval(), slices(range(1, 8))
    weight, bias = (torch.tensor(model.state()[f"conv.{part}"]) for part in ("weight", "bias"))
    assert model.num_parameters == num_classes * 1025
    for row in range(7):
        alone = x[row, 6 - row :].T[None, :, :, None, None]  # batch, channels, time, height, width
        wanted = functional.conv3d(alone, weight[:, :, None, None, None], bias).mean(dim=(2, 3, 4))
        torch.testing.assert_close(model(x[row : row + 1]), wanted, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model.representation(x[row : row + 1])[0], x[row, 6 - row :].mean(dim=0))


def test_first_weights_are_glorot_uniform():
    state = build(HEAD, num_features=1024, num_classes=3, seed=0).state()
    bound = np.sqrt(6 / (1024 + 3))
    assert 0.98 * bound < np.abs(state["conv.weight"]).max() <= bound
    assert state["conv.weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    assert not state["conv.bias"].any()


def test_dropout_leaves_out_features_and_keeps_the_mean():
    model, x = build(HEAD, num_features=64, num_classes=2, seed=0), slices([7], 64)
    with torch.no_grad():
        wanted = model.eval()(x)
        found = torch.stack([model.train()(x)[0] for _ in range(2000)])
    assert float(found.std()) > 0.05
    torch.testing.assert_close(found.mean(dim=0, keepdim=True), wanted, rtol=0, atol=0.05)
