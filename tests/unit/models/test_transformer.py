import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from semioscope.core.errors import ConfigError
from semioscope.models import (
    TRANSFORMER_SIZES,
    TransformerClassifier,
    TransformerConfig,
    TransformerEncoder,
    TransformerRegressor,
    TransformerSize,
    build_transformer,
    dropout_generators,
    transformer_size,
)
from semioscope.models.transformer import dropped

TINY = TransformerConfig(
    num_features=6, num_positions=12, num_layers=2, num_heads=2, width=8, feedforward=16, dropout=0.2
)
LENGTHS = (12, 7, 1, 10)


def batch(seed=0):
    rng = np.random.default_rng(seed)
    x = torch.tensor(rng.normal(size=(4, 12, 6)), dtype=torch.float32)
    real = torch.arange(12) < torch.tensor(LENGTHS)[:, None]
    return x, real


def strong(network):
    """Make weights large enough that every part of the network shows."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def encoder():
    return strong(build_transformer(lambda: TransformerEncoder(TINY), seed=3))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_full_size_has_the_numbers_of_the_paper():
    with torch.device("meta"):
        network = TransformerRegressor(TRANSFORMER_SIZES["full"])
    assert sum(count(layer) for layer in network.encoder.layers) == 75_577_344
    assert network.encoder.positions.numel() == 262_144
    assert count(network.encoder.inputs) == 2_098_176
    assert count(network.encoder) == 75_577_344 + 262_144 + 2_098_176 == 77_937_664
    assert count(network.head) == 1024 * 2048 + 2048


@pytest.mark.parametrize("name", TRANSFORMER_SIZES)
def test_every_size_can_be_made(name):
    config = transformer_size(name)
    assert (config.num_positions, config.num_features, config.num_heads) == (256, 2048, 8)
    with torch.device("meta"):
        encoder = TransformerEncoder(config)
    assert len(encoder.layers) == config.num_layers
    assert encoder.layers[0].attention_in.weight.shape == (3 * config.width, config.width)


def reference(own):
    """PyTorch's own encoder with the same weights."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
    stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    with torch.no_grad():
        for mine, theirs in zip(own.layers, stack.layers, strict=True):
            for source, target in (
                (mine.attention_in.weight, theirs.self_attn.in_proj_weight),
                (mine.attention_in.bias, theirs.self_attn.in_proj_bias),
                (mine.attention_out.weight, theirs.self_attn.out_proj.weight),
                (mine.attention_out.bias, theirs.self_attn.out_proj.bias),
                (mine.feedforward_in.weight, theirs.linear1.weight),
                (mine.feedforward_in.bias, theirs.linear1.bias),
                (mine.feedforward_out.weight, theirs.linear2.weight),
                (mine.feedforward_out.bias, theirs.linear2.bias),
                (mine.attention_norm.weight, theirs.norm1.weight),
                (mine.attention_norm.bias, theirs.norm1.bias),
                (mine.feedforward_norm.weight, theirs.norm2.weight),
                (mine.feedforward_norm.bias, theirs.norm2.bias),
            ):
                target.copy_(source)
    return stack


@pytest.mark.parametrize("training", [False, True])
def test_states_and_gradients_are_those_of_pytorch(training):
    own = strong(
        build_transformer(lambda: TransformerEncoder(TINY.model_copy(update={"dropout": 0.0})), seed=3)
    )
    own.train(training)
    theirs = reference(own).train(training)
    x, real = batch()
    x.requires_grad_()
    other = x.detach().clone().requires_grad_()
    mine = own(x, real)
    expected = theirs(own.inputs(other) + own.positions, src_key_padding_mask=~real)
    assert mine[real].std() > 0.1
    torch.testing.assert_close(mine[real], expected[real], rtol=1e-5, atol=1e-5)
    weights = torch.linspace(-1, 1, 8)
    (mine[real] * weights).sum().backward()
    (expected[real] * weights).sum().backward()
    torch.testing.assert_close(x.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing():
    network = encoder().eval()
    x, real = batch()
    with torch.no_grad():
        states = network(x, real)
        other = network(torch.where(real.unsqueeze(2), x, 1e6), real)
        assert torch.equal(states[real], other[real])
        for row, length in enumerate(LENGTHS):
            alone = network(x[row : row + 1, :length], real[row : row + 1, :length])
            torch.testing.assert_close(states[row, :length], alone[0], rtol=1e-5, atol=1e-5)


def test_order_of_frames_matters():
    network = encoder().eval()
    x, real = batch()
    swapped = x[:, [1, 0, *range(2, 12)]]
    with torch.no_grad():
        a, b = network(x, real)[0], network(swapped, real)[0]
    assert (a[2:] - b[2:]).abs().max() > 0.01


def generators(rows, epoch=1):
    return dropout_generators([100 * epoch + row for row in rows])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", [TransformerRegressor, TransformerClassifier])
def test_batch_is_the_same_as_one_by_one(kind, training):
    network = strong(build_transformer(lambda: kind(TINY), seed=0)).train(training)
    x, real = batch()
    with torch.no_grad():
        together = network(x, real, generators(range(4)))
        alone = [network(x[row : row + 1], real[row : row + 1], generators([row]))[0] for row in (2, 0, 3, 1)]
    for row, one in zip((2, 0, 3, 1), alone, strict=True):
        where = real[row] if one.ndim == 2 else slice(None)
        torch.testing.assert_close(together[row][where], one[where], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [TransformerRegressor, TransformerClassifier])
def test_dropout_follows_its_generators(kind):
    network = strong(build_transformer(lambda: kind(TINY), seed=0)).train()
    x, real = batch()
    with torch.no_grad():
        first = network(x, real, generators(range(4)))
        again = network(x, real, generators(range(4)))
        later = network(x, real, generators(range(4), epoch=2))
        without = network.eval()(x, real)
    assert torch.equal(first, again)
    assert not torch.allclose(first, later)
    assert not torch.allclose(first, without)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_leaves_its_share(rate, dtype):
    x = torch.ones(2, 501, 401, dtype=dtype, requires_grad=True)
    left = dropped(x, rate, dropout_generators([1, 2]))
    share = (left != 0).float().mean(dim=(1, 2))
    assert left.dtype == dtype
    assert torch.all((share - (1 - rate)).abs() < 0.005)
    assert torch.allclose(left[left != 0].float(), torch.tensor(1 / (1 - rate)), rtol=5e-3)
    assert not torch.equal(left[0], left[1])
    # neighbours are independent, also where they share a random number
    for step in (1, 2, 3):
        both = ((left[:, :, step:] != 0) & (left[:, :, :-step] != 0)).float().mean()
        assert abs(both - (1 - rate) ** 2) < 0.01
    left.sum().backward()
    assert torch.equal(x.grad, left)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_is_a_product_both_ways(dtype):
    x = torch.linspace(-3, 3, 2 * 5 * 7).reshape(2, 5, 7).to(dtype).requires_grad_()
    kept = dropped(torch.ones(2, 5, 7), 0.25, dropout_generators([3, 4])) > 0
    left = dropped(x, 0.25, dropout_generators([3, 4]))
    assert torch.equal(left, x * kept * (1 / 0.75))
    weights = torch.linspace(1, 2, 70).reshape(2, 5, 7).to(dtype)
    (left * weights).sum().backward()
    assert torch.equal(x.grad, weights * kept * (1 / 0.75))


def test_dropout_keeps_the_mean():
    network = build_transformer(lambda: TransformerClassifier(TINY, dropout=0.5), seed=0).train()
    x, real = batch()
    x, real = x[:1].expand(4000, -1, -1), real[:1].expand(4000, -1)
    network.encoder.eval()
    with torch.no_grad():
        mean = network(x, real, generators(range(4000))).mean(dim=0)
        expected = network.eval()(x[:1], real[:1])[0]
    torch.testing.assert_close(mean, expected, rtol=0.05, atol=0.003)


@pytest.mark.parametrize("given", [None, dropout_generators([1])])
def test_dropout_without_its_numbers_is_refused(given):
    x, real = batch()
    message = rf"one generator per excerpt \(4\), got {'none' if given is None else 1}\."
    with pytest.raises(RuntimeError, match=message):
        encoder().train()(x, real, given)


def test_classifier_takes_the_mean_over_real_frames():
    network = strong(build_transformer(lambda: TransformerClassifier(TINY), seed=0)).eval()
    x, real = batch()
    with torch.no_grad():
        states = network.encoder(x, real)
        means = torch.stack([states[row, :length].mean(dim=0) for row, length in enumerate(LENGTHS)])
        torch.testing.assert_close(network(x, real), network.head(means), rtol=1e-5, atol=1e-5)
        nothing = network(x[:1], torch.zeros(1, 12, dtype=torch.bool))
    assert nothing.isnan().all()


def test_a_seed_gives_the_same_bits_and_touches_no_global_state():
    before = torch.get_rng_state()
    one, same, other = (
        build_transformer(lambda: TransformerRegressor(TINY), seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    assert not torch.equal(one.encoder.positions, other.encoder.positions)


def test_weights_begin_as_in_bert():
    network = build_transformer(
        lambda: TransformerRegressor(TINY.model_copy(update={"width": 256, "num_features": 512})), seed=0
    )
    for name, tensor in network.state_dict().items():
        if "norm.weight" in name:
            assert torch.equal(tensor, torch.ones_like(tensor))
        elif name.endswith("bias"):
            assert not tensor.any()
        else:
            assert math.isclose(tensor.std(), 0.02, rel_tol=0.1), name


@pytest.mark.parametrize("shape", [(1, 13, 6), (1, 0, 6), (1, 12, 5)])
def test_input_that_does_not_fit_is_refused(shape):
    with pytest.raises(ConfigError, match=r"shape \(batch, 1 to 12, 6\), got"):
        encoder()(torch.zeros(shape), torch.ones(shape[:2], dtype=torch.bool))


@pytest.mark.parametrize("name", TRANSFORMER_SIZES)
def test_a_size_with_its_features_is_the_whole(name):
    config = transformer_size(name)
    assert type(config.size) is TransformerSize
    assert TransformerConfig.of(config.size, num_features=2048) == config
    assert TransformerConfig.of(config.size, num_features=9).num_features == 9


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match=r"multiple of num_heads \(8\), got 250\. Choose 248"):
        TransformerConfig(width=250)
    with pytest.raises(ConfigError, match="Unknown size of the Transformer 'smal'"):
        transformer_size("smal")


def test_half_precision_stays_near():
    network = encoder().eval()
    x, real = batch()
    with torch.no_grad():
        full = network(x, real)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = network(x, real)
    assert half.dtype == torch.bfloat16, "states are cast to and fro"
    assert (full - half)[real].abs().max() < 0.1
