"""The fast last state against torch.nn.LSTM: states, gradients, and passes that overlap."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from semioscope.models import last_state
from semioscope.models.last_state import forget_memory, last_hidden


def make_layer(features: int, units: int, *, bidirectional: bool, seed: int) -> nn.LSTM:
    torch.manual_seed(seed)
    return nn.LSTM(features, units, batch_first=True, bidirectional=bidirectional)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 5),
    steps=st.integers(1, 6),
    features=st.integers(1, 7),
    units=st.integers(1, 5),
    bidirectional=st.booleans(),
    steps_first=st.booleans(),
    seed=st.integers(0, 100),
)
def test_states_and_gradients_are_those_of_the_general_layer(
    batch: int, steps: int, features: int, units: int, bidirectional: bool, steps_first: bool, seed: int
) -> None:
    reference = make_layer(features, units, bidirectional=bidirectional, seed=seed)
    layer = copy.deepcopy(reference)
    x = torch.randn(batch, steps, features)
    if steps_first:
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    direction = torch.randn(2 if bidirectional else 1, batch, units)
    wanted = reference(x)[1][0]
    (wanted * direction).sum().backward()
    found = last_hidden([layer], x[None])[0]
    (found * direction).sum().backward()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for (name, ours), theirs in zip(layer.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(
            ours.grad, theirs.grad, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_without_gradients_the_states_are_the_same() -> None:
    layer = make_layer(6, 4, bidirectional=True, seed=3)
    x = torch.randn(1, 3, 5, 6)
    with torch.no_grad():
        found = last_hidden([layer], x)
    assert not found.requires_grad
    assert torch.equal(found, last_hidden([layer], x))


@pytest.mark.parametrize("bidirectional", [True, False])
def test_layers_side_by_side_are_each_what_they_are_alone(bidirectional: bool) -> None:
    layers = [make_layer(6, 4, bidirectional=bidirectional, seed=seed) for seed in range(3)]
    x = torch.randn(3, 7, 5, 6)
    scale = torch.tensor([1.0, -2.0, 0.5])[:, None, None, None]
    together = last_hidden(layers, x)
    (together * scale).sum().backward()
    gradients = [[parameter.grad.clone() for parameter in layer.parameters()] for layer in layers]
    for k, layer in enumerate(layers):
        layer.zero_grad()
        alone = last_hidden([layer], x[k : k + 1])
        (alone * scale[k]).sum().backward()
        torch.testing.assert_close(together[k], alone[0])
        for own, parameter in zip(gradients[k], layer.parameters(), strict=True):
            torch.testing.assert_close(own, parameter.grad)


def test_passes_that_overlap_do_not_disturb_each_other() -> None:
    layer = make_layer(6, 4, bidirectional=True, seed=0)
    first, second = torch.randn(3, 5, 6), torch.randn(3, 5, 6)

    def gradients(*, overlapping: bool) -> list[torch.Tensor]:
        layer.zero_grad()
        if overlapping:
            a, b = last_hidden([layer], first[None]), last_hidden([layer], second[None])
            b.sum().backward()
            a.square().sum().backward()
        else:
            last_hidden([layer], second[None]).sum().backward()
            last_hidden([layer], first[None]).square().sum().backward()
        return [parameter.grad.clone() for parameter in layer.parameters() if parameter.grad is not None]

    for together, apart in zip(gradients(overlapping=True), gradients(overlapping=False), strict=True):
        torch.testing.assert_close(together, apart, rtol=0, atol=0)


def test_equal_passes_give_equal_bits_in_memory_that_was_used_before() -> None:
    layer = make_layer(6, 4, bidirectional=False, seed=1)
    x = torch.randn(3, 5, 6)
    found = []
    for _ in range(3):
        layer.zero_grad()
        states = last_hidden([layer], x[None])[0]
        states.sum().backward()
        found.append((states.detach().clone(), layer.weight_hh_l0.grad.clone()))
        last_hidden([layer], torch.randn(1, 3, 5, 6)).sum().backward()
    for states, gradient in found[1:]:
        assert torch.equal(states, found[0][0])
        assert torch.equal(gradient, found[0][1])


@pytest.mark.parametrize("case", ["inference", "double precision", "gradient of the input"])
def test_whatever_else_is_asked_runs_in_the_general_layer(case: str) -> None:
    layer = make_layer(6, 4, bidirectional=True, seed=2)
    x = torch.randn(3, 5, 6)
    if case == "double precision":
        layer, x = layer.double(), x.double()
    x.requires_grad_(case == "gradient of the input")
    with torch.inference_mode(case == "inference"):
        assert torch.equal(last_hidden([layer], x[None])[0], layer(x)[1][0])
    if case == "gradient of the input":
        last_hidden([layer], x[None])[0].sum().backward()
        assert x.grad is not None


def test_memory_can_be_given_back_also_while_a_pass_is_under_way() -> None:
    layer = make_layer(6, 4, bidirectional=True, seed=4)
    x = torch.randn(1, 3, 5, 6)
    states = last_hidden([layer], x)
    forget_memory()
    states.sum().backward()
    assert sum(len(spaces) for spaces in last_state._FREE.values()) == 1
    forget_memory()
    assert not last_state._FREE
