import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_transformer import tiny_size
from torch import nn

from semioscope.core.errors import ConfigError, StoreError
from semioscope.models import (
    AGGREGATORS,
    AggregatorConfig,
    build,
    check_shape,
    describe,
    load,
    restore,
    save,
)

NUM_FEATURES = 12
every = pytest.mark.parametrize("name", sorted(AGGREGATORS))
every_and_classes = pytest.mark.parametrize(
    ("name", "num_classes"), [(name, classes) for name in sorted(AGGREGATORS) for classes in (2, 3)]
)


def make(name, *, seed=0, num_classes=2, hidden_size=5):
    """Return one that is ready to predict: results in training may depend on the batch and on dropout."""
    config = config_of(name, hidden_size)
    return build(config, num_features=NUM_FEATURES, num_classes=num_classes, seed=seed).eval()


def config_of(name, hidden_size=5):
    return AggregatorConfig(
        name=name, hidden_size=hidden_size, lstm_sizes=(6, 5), fc_sizes=(7, 6), transformer=tiny_size()
    )


def sequences(batch=4, num_segments=6, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=(batch, num_segments, NUM_FEATURES)), dtype=torch.float32)


def same(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@every_and_classes
def test_shapes(name, num_classes):
    model, x = make(name, num_classes=num_classes), sequences()
    assert model(x).shape == (4, num_classes)
    assert model.logits_per_step(x).shape == (4, 6, num_classes)
    assert model.logits_per_clip(x).shape == (4, 6, num_classes)
    assert model.representation(x).shape[0] == 4


@every
@settings(max_examples=10, deadline=None)
@given(batch=st.integers(1, 5), num_segments=st.integers(1, 7), seed=st.integers(0, 9))
def test_batch_equals_one_by_one(name, batch, num_segments, seed):
    model, x = make(name), sequences(batch, num_segments, seed)
    for call in (model, model.representation, model.logits_per_step, model.logits_per_clip):
        same(call(x), torch.cat([call(x[row : row + 1]) for row in range(batch)]))


@every_and_classes
def test_prefix_prediction_is_that_of_the_prefix(name, num_classes):
    model, x = make(name, num_classes=num_classes), sequences()
    steps = model.logits_per_step(x)
    for step in range(x.shape[1]):
        same(steps[:, step], model(x[:, : step + 1]))


@every_and_classes
def test_clip_alone_is_a_sequence_of_one(name, num_classes):
    model, x = make(name, num_classes=num_classes), sequences()
    alone = model.logits_per_clip(x)
    for step in range(x.shape[1]):
        same(alone[:, step], model(x[:, step : step + 1]))


@every_and_classes
def test_gradient_reaches_every_parameter(name, num_classes):
    model = make(name, num_classes=num_classes)
    y_true = torch.tensor([0, 1, 1, num_classes - 1])
    nn.functional.cross_entropy(model(sequences()), y_true).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.abs().sum() > 0, label


@every
def test_same_seed_same_bits_and_no_global_state_is_touched(name):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = make(name, seed=5).state()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    second = make(name, seed=5).state()
    other = make(name, seed=6).state()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
    assert any(not np.array_equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", sorted(AGGREGATORS.keys() - {"transformer"}))  # begins as BERT
def test_weights_are_even_between_the_bounds_of_pytorch(name):
    """k = 1/sqrt(fan): every value inside, and the spread is that of an even density."""
    config = AggregatorConfig(name=name, hidden_size=64)
    model = build(config, num_features=512, num_classes=2, seed=0)
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.LSTM)):
            fan = module.in_features if isinstance(module, nn.Linear) else module.hidden_size
            values = torch.cat([p.detach().flatten() for p in module.parameters()]) * math.sqrt(fan)
            assert values.abs().max() <= 1
            assert float(values.std()) == pytest.approx(1 / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize(
    ("name", "expected", "size"),
    [
        ("fc", 513, 512),
        ("mean", 2 * 513, 512),
        ("lstm", 4 * 64 * (512 + 64 + 2) + 2 * 65, 64),
        ("blstm", 2 * 4 * 64 * (512 + 64 + 2) + 2 * 129, 128),
    ],
)
def test_sizes_are_those_of_the_paper(name, expected, size):
    model = build(AggregatorConfig(name=name), num_features=512, num_classes=2, seed=0)
    assert model.num_parameters == expected
    assert model.representation(torch.zeros(1, 3, 512)).shape == (1, size)


def test_lstm_follows_the_textbook_equations():
    model, x = make("lstm"), sequences()
    state = {key: torch.tensor(value) for key, value in model.state().items()}
    hidden = cell = torch.zeros(4, 5)
    for step in range(x.shape[1]):
        gates = (
            x[:, step] @ state["lstm.weight_ih_l0"].T
            + state["lstm.bias_ih_l0"]
            + hidden @ state["lstm.weight_hh_l0"].T
            + state["lstm.bias_hh_l0"]
        )
        i, f, g, o = gates.chunk(4, dim=1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
    same(model.representation(x), hidden)
    same(model(x), hidden @ state["fc.weight"].T + state["fc.bias"])


def test_blstm_is_two_lstms_of_which_one_reads_backwards():
    model, x = make("blstm"), sequences()
    state = model.state()
    forward, backward = make("lstm"), make("lstm")
    for single, suffix in ((forward, "_l0"), (backward, "_l0_reverse")):
        names = [f"lstm.{kind}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        own = {f"{key}_l0": state[f"{key}{suffix}"] for key in names}
        single.load_state(single.state() | own)
    expected = torch.cat([forward.representation(x), backward.representation(x.flip(1))], dim=1)
    same(model.representation(x), expected)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_fc_scores_are_the_mean_of_the_clips_probabilities(num_classes):
    model, x = make("fc", num_classes=num_classes), sequences()
    clips = torch.softmax(model.logits_per_clip(x), dim=2)
    same(torch.softmax(model(x), dim=1), clips.mean(dim=1))


def test_fc_of_two_classes_is_a_sigmoid_on_one_unit():
    model, x = make("fc"), sequences(num_segments=1)
    state = model.state()
    logit = x[:, 0] @ torch.tensor(state["fc.weight"])[0] + torch.tensor(state["fc.bias"])
    same(torch.softmax(model(x), dim=1)[:, 1], torch.sigmoid(logit))


def test_mean_ignores_the_order():
    model, x = make("mean"), sequences()
    same(model(x), model(x.flip(1)))
    same(model.representation(x), x.mean(dim=1))


@every
def test_standardisation_is_part_of_the_state(name):
    model, x = make(name), sequences()
    mean = np.linspace(-1, 1, NUM_FEATURES, dtype=np.float32)
    scale = np.linspace(0.5, 2, NUM_FEATURES, dtype=np.float32)
    expected = model((x - torch.tensor(mean)) / torch.tensor(scale))
    model.standardize(mean, scale)
    same(model(x), expected)
    state = model.state()
    config = config_of(name)
    again = restore(config, num_features=NUM_FEATURES, num_classes=2, state=state)
    assert torch.equal(again(x), model(x))
    plain = make(name)
    again.load_state(plain.state())
    assert torch.equal(again(x), plain(x))


def test_standardisation_needs_scales_above_zero():
    with pytest.raises(ConfigError, match=r"12 numbers each and scales above 0.*smallest scale of 0\. Fit"):
        make("fc").standardize(np.zeros(NUM_FEATURES), np.zeros(NUM_FEATURES))


@every
def test_inputs_are_not_changed(name):
    model, x = make(name), sequences()
    before = x.clone()
    model.standardize(np.ones(NUM_FEATURES), np.full(NUM_FEATURES, 2.0))
    model(x), model.logits_per_step(x), model.representation(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("shape", [(4, 12), (4, 0, 12), (4, 6, 512)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ConfigError, match=r"for 12 features needs input of shape .* got \(4.*same backbone"):
        check_shape(shape, num_features=12)


@every
def test_other_feature_size_is_refused(name):
    with pytest.raises(ConfigError, match=r"for 12 features needs input"):
        make(name)(torch.zeros(2, 3, 7))


def test_unknown_aggregator_and_sizes():
    with pytest.raises(ConfigError, match=r"Unknown aggregator 'blsm'\. Did you mean blstm"):
        make("blsm")
    with pytest.raises(ConfigError, match=r"at least 1 feature and 2 classes, got 12 and 1"):
        make("mean", num_classes=1)


@every
def test_file_is_the_same_bytes_and_the_same_model(name, tmp_path):
    config = config_of(name)
    model, x = make(name), sequences()
    model.standardize(np.ones(NUM_FEATURES), np.full(NUM_FEATURES, 2.0))
    for file in ("a", "b"):
        save(tmp_path / f"{file}.safetensors", model, config, facts={"fold": 3, "epoch": 7})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    again = load(tmp_path / "a.safetensors")
    assert torch.equal(again(x), model(x))
    assert describe(tmp_path / "a.safetensors")["facts"] == {"fold": 3, "epoch": 7}


def test_file_that_is_not_an_aggregator(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    with pytest.raises(StoreError, match=r"does not exist\. Give the file"):
        load(path)
    path.write_bytes(b"not weights")
    with pytest.raises(StoreError, match=r"must be an aggregator written by this program"):
        load(path)
    save_file({"x": np.zeros(2)}, path)
    with pytest.raises(StoreError, match=r"must be an aggregator written by this program"):
        load(path)
    save_file({"x": np.zeros(2)}, path, metadata={"semioscope": '{"schema_version": 999}'})
    with pytest.raises(StoreError, match=r"format version 999, but this program reads.*Update"):
        load(path)
    save_file({"x": np.zeros(2)}, path, metadata={"semioscope": '{"schema_version": 1}'})
    with pytest.raises(StoreError, match=r"must hold an aggregator of this version.*Train it again"):
        load(path)


def test_weights_of_another_aggregator_are_refused():
    with pytest.raises(
        ConfigError, match=r"of a MeanAggregator of 12 features.*fc\.bias: \(1,\), not \(2,\)"
    ):
        make("mean").load_state(make("fc").state())
