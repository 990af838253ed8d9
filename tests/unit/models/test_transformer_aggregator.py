"""The Transformer as an aggregator: masks, dropout per excerpt, what is trained, and what it costs."""

import numpy as np
import pytest
import torch
from tiny_transformer import tiny_size

from semioscope.core.errors import ConfigError
from semioscope.models import (
    MASK_VALUE,
    TRANSFORMER_SIZES,
    AggregatorConfig,
    TransformerClassifier,
    build,
    relative_cost,
    restore,
)

NUM_FEATURES = 6
CONFIG = AggregatorConfig(name="transformer", transformer=tiny_size(), dropout=0.5)


def make(*, seed=0, num_classes=2, **changes):
    """Return one whose weights are large enough that every part of the network shows."""
    config = CONFIG.model_copy(update=changes)
    model = build(config, num_features=NUM_FEATURES, num_classes=num_classes, seed=seed)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def excerpts(lengths=(12, 7, 1, 10), num_steps=12, seed=0):
    x = torch.tensor(
        np.random.default_rng(seed).normal(size=(len(lengths), num_steps, NUM_FEATURES)), dtype=torch.float32
    )
    for row, length in enumerate(lengths):
        x[row, length:] = MASK_VALUE
    return x


def same(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_it_is_the_classifier_over_the_real_steps():
    model, x = make(), excerpts()
    real = (x != MASK_VALUE).any(dim=2)
    network = model.network
    assert isinstance(network, TransformerClassifier)
    same(model(x), network(x, real))
    states = network.encoder(x, real)
    means = torch.stack([states[row][real[row]].mean(dim=0) for row in range(4)])
    same(model.representation(x), means)
    same(model(x), network.head(means))


def test_padding_behind_changes_nothing():
    model, x = make(), excerpts()
    for row, length in enumerate((12, 7, 1, 10)):
        same(model(x[row : row + 1, :length]), model(x[row : row + 1]))
    longer = torch.cat([x, torch.full((4, 20, NUM_FEATURES), MASK_VALUE)], dim=1)
    same(model(longer), model(x))


def test_a_masked_step_between_others_keeps_its_place():
    model, x = make(), excerpts(lengths=(12,))
    holed = x.clone()
    holed[0, 4] = MASK_VALUE
    without = torch.cat([x[:, :4], x[:, 5:]], dim=1)
    real = torch.arange(12) != 4
    same(model(holed), model.network(x, real[None]))
    assert (model(holed) - model(without)).abs().max() > 1e-4


def test_an_excerpt_without_a_real_step_is_undefined_and_spoils_no_other():
    model, x = make(), excerpts(lengths=(12, 0, 5))
    logits = model(x)
    assert logits[1].isnan().all()
    same(logits[[0, 2]], model(x[[0, 2]]))
    assert model.representation(x)[1].isnan().all()


def step(model, x, seed):
    model.train().set_step_generator(torch.Generator().manual_seed(seed))
    return model(x)


def test_every_excerpt_has_its_own_dropout_from_the_step_generator():
    model, x = make(), excerpts(lengths=(12, 12)).clone()
    x[1] = x[0]
    first, again, other = step(model, x, 3), step(model, x, 3), step(model, x, 4)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])
    # the first excerpt draws the same whatever stands behind it
    same(step(model, x[:1], 3), first[:1])
    model.set_step_generator(None)
    with pytest.raises(RuntimeError, match="call set_step_generator before the step"):
        model(x)


def test_a_frozen_encoder_computes_without_dropout_and_has_no_gradient():
    frozen, free = make(frozen=True, dropout=0.0), make(dropout=0.0)
    x = excerpts()
    same(step(frozen, x, 3), frozen.eval()(x))
    assert not torch.allclose(step(free, x, 3), free.eval()(x))
    step(frozen, x, 3).sum().backward()
    with_gradient = {name for name, parameter in frozen.named_parameters() if parameter.grad is not None}
    assert with_gradient == {"network.head.weight", "network.head.bias"}
    assert frozen.num_parameters == 2 * (32 + 1)
    assert not frozen.eval().network.encoder.training


def test_weights_begin_as_those_of_pretraining():
    model = build(
        CONFIG.model_copy(update={"transformer": TRANSFORMER_SIZES["small"].size}),
        num_features=64,
        num_classes=2,
        seed=0,
    )
    for name, tensor in model.state_dict().items():
        if "norm.weight" in name:
            assert torch.equal(tensor, torch.ones_like(tensor)), name
        elif name.endswith("bias"):
            assert not tensor.any(), name
        else:
            assert float(tensor.std()) == pytest.approx(0.02, rel=0.15), name


def test_it_is_given_back_without_the_file_of_the_pretraining():
    config = CONFIG.model_copy(update={"pretrained": "/nowhere", "pretrained_sha256": "0" * 64})
    model, x = make(), excerpts()
    again = restore(config, num_features=NUM_FEATURES, num_classes=2, state=model.state())
    assert torch.equal(again(x), model(x))


def test_a_place_is_no_part_of_what_a_result_depends_on():
    one, two = (
        AggregatorConfig(name="transformer", pretrained=path, pretrained_sha256="a" * 64)
        for path in ("here", "there")
    )
    assert one.without_place == two.without_place
    assert one.without_place.pretrained_sha256 == "a" * 64
    assert AggregatorConfig().without_place == AggregatorConfig()


def test_more_steps_than_positions_are_refused():
    with pytest.raises(ConfigError, match="1 to 256, 6"):
        make()(torch.zeros(1, 257, NUM_FEATURES))


@pytest.mark.parametrize("size", TRANSFORMER_SIZES)
def test_cost_counts_the_products_of_a_step(size):
    """Against a count of every matrix product that runs."""
    config = AggregatorConfig(name="transformer", transformer=TRANSFORMER_SIZES[size].size)
    with torch.device("meta"):
        x = torch.zeros(1, 64, 512)
    from torch.utils.flop_counter import FlopCounterMode

    from semioscope.models.build import _without_numbers

    model = _without_numbers(config, 512, 2).eval()
    with FlopCounterMode(display=False) as counted:
        model.network(x, torch.ones(1, 64, dtype=torch.bool, device="meta"))
    products = counted.get_total_flops() / 2
    assert model.products(64) == pytest.approx(products, rel=0.05)
    assert relative_cost(config, num_segments=64) == pytest.approx(1 + products / 1e5, rel=0.05)
    frozen = config.model_copy(update={"frozen": True})
    assert relative_cost(frozen, num_segments=64) < 0.4 * relative_cost(config, num_segments=64)


def test_every_aggregator_can_be_on_another_device():
    """No tensor of the CPU is mixed in: on the device of shapes only, that would be an error."""
    from semioscope.models import AGGREGATORS
    from semioscope.models.build import _without_numbers

    for name in AGGREGATORS:
        model = _without_numbers(AggregatorConfig(name=name, transformer=tiny_size()), 6, 3).eval()
        x = torch.zeros(2, 5, 6, device="meta")
        for found in (model(x), model.representation(x), model.logits_per_step(x), model.logits_per_clip(x)):
            assert found.device.type == "meta", name
        assert model.device.type == "meta"
