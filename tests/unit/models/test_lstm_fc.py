"""The classifier of slices against Keras with the same weights, and its laws."""

import math

import keras_reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from semioscope.models import AggregatorConfig, build, restore
from semioscope.models.seeded_layers import MaskedLstm, kept_by_dropout
from semioscope.models.steps import MASK_VALUE

PAPER = AggregatorConfig(name="lstm_fc")
EXTENDED = AggregatorConfig(name="lstm_fc", lstm_sizes=(128, 128), fc_sizes=(128, 64))
SMALL = AggregatorConfig(name="lstm_fc", lstm_sizes=(6, 5), fc_sizes=(7, 4))
WITHOUT_DROPOUT = {"dropout": 0.0, "recurrent_dropout": 0.0}
NUM_FEATURES = 12


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    return keras_reference.import_keras(str(tmp_path_factory.mktemp("keras")))


def make(config=SMALL, *, num_features=NUM_FEATURES, num_classes=2, seed=0):
    return build(config, num_features=num_features, num_classes=num_classes, seed=seed)


def slices(lengths, *, num_steps=7, num_features=NUM_FEATURES, seed=0):
    """Return features that are not below 0, with masked steps in front of the shorter ones."""
    rng = np.random.default_rng(seed)
    x = rng.exponential(size=(len(lengths), num_steps, num_features)).astype(np.float32)
    for row, length in enumerate(lengths):
        x[row, : num_steps - length] = MASK_VALUE
    return torch.tensor(x)


def pair(keras, config, *, num_features=NUM_FEATURES, num_classes=2):
    """Return the Keras model and ours with the same weights."""
    model = keras_reference.keras_lstm_fc(keras, config, num_features=num_features, num_classes=num_classes)
    keras_reference.randomise(model, seed=1)
    ours = make(config, num_features=num_features, num_classes=num_classes)
    keras_reference.copy_weights(model, ours)
    return model, ours


def scores(logits):
    p = torch.softmax(logits, dim=1)
    return p[:, 1:] if p.shape[1] == 2 else p


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "num_classes"), [(PAPER, 2), (PAPER, 3), (EXTENDED, 3), (SMALL, 2), (SMALL, 4)]
)
def test_scores_are_those_of_keras_for_all_lengths(keras, config, num_classes):
    model, ours = pair(keras, config, num_features=64, num_classes=num_classes)
    x = slices(range(1, 8), num_features=64)
    with torch.no_grad():
        wanted = model(x, training=False)
        assert wanted.std(dim=0).max() > 1e-3  # not all alike
        close(scores(ours.eval()(x)), wanted)
        for row, length in enumerate(range(1, 8)):
            close(scores(ours(x[row : row + 1, 7 - length :])), wanted[row : row + 1])


@pytest.mark.parametrize(
    "x", [slices(range(1, 8)), slices([7] * 5), slices([3])], ids=["mixed", "whole", "one"]
)
@pytest.mark.parametrize("num_classes", [2, 3])
def test_training_is_that_of_keras(keras, num_classes, x):
    """Scores, penalty, gradients of both together, and the moving averages after the step."""
    config = SMALL.model_copy(update=WITHOUT_DROPOUT)
    model, ours = pair(keras, config, num_classes=num_classes)
    wanted = model(x, training=True)
    penalty = torch.stack(list(model.losses)).sum()
    target = torch.linspace(0, 1, wanted.numel()).reshape(wanted.shape)
    ((wanted - target).square().mean() + penalty).backward()

    found = scores(ours.train()(x))
    close(found, wanted)
    torch.testing.assert_close(ours.penalty(), penalty, rtol=1e-5, atol=0)
    ((found - target).square().mean() + ours.penalty()).backward()
    expected = keras_reference.gradients(model, ours)
    for name, parameter in ours.named_parameters():
        close(parameter.grad, expected[name])
    after = ours.state()
    for name, value in zip(
        keras_reference.names_of(model, ours), keras_reference.weights_of(model), strict=True
    ):
        np.testing.assert_allclose(after[name], value.T, atol=1e-6)


def test_masked_steps_within_a_sequence_repeat_the_output_before(keras):
    config = SMALL.model_copy(update=WITHOUT_DROPOUT)
    model, ours = pair(keras, config)
    x = slices([7, 6, 5])
    x[:, 3], x[1, 6] = MASK_VALUE, MASK_VALUE
    close(scores(ours.train()(x)), model(x, training=True))
    torch.testing.assert_close(ours.penalty(), torch.stack(list(model.losses)).sum(), rtol=1e-5, atol=0)


def test_recurrent_dropout_is_that_of_keras_with_the_same_masks(keras):
    layer = keras.layers.LSTM(5, return_sequences=True, recurrent_dropout=0.3)
    layer.build((None, 7, NUM_FEATURES))
    keras_reference.randomise(layer, seed=0)
    assert layer.cell.dropout_mask_count == 4
    x, real = slices([7, 4, 1]), slices([7, 4, 1])[:, :, 0] != MASK_VALUE
    keep = kept_by_dropout((4, 3, 5), rate=0.3, generator=torch.Generator().manual_seed(0), like=x)
    layer.cell.get_recurrent_dropout_mask = lambda hidden: list(keep)
    ours = MaskedLstm(NUM_FEATURES, 5)
    with torch.no_grad():
        for parameter, weight in zip(ours.parameters(), keras_reference.weights_of(layer), strict=True):
            parameter.copy_(torch.tensor(weight.T))
        wanted = layer(x, mask=real, training=True)
        close(ours(x, real, keep), wanted)
        assert (ours(x, real) - wanted).abs().max() > 1e-3


@pytest.mark.parametrize(("config", "num_classes"), [(PAPER, 2), (PAPER, 3), (EXTENDED, 3)])
def test_sizes_and_first_weights_are_those_of_keras(keras, config, num_classes):
    """Equal numbers of weights; constants equal, random ones of equal spread and bounds; orthogonal states."""
    model = keras_reference.keras_lstm_fc(keras, config, num_features=1024, num_classes=num_classes)
    ours = make(config, num_features=1024, num_classes=num_classes)
    assert ours.num_parameters == sum(weight.value.numel() for weight in model.trainable_weights)
    assert sum(array.size for array in ours.state().values()) == model.count_params()
    state = ours.state()
    for name, value in zip(
        keras_reference.names_of(model, ours), keras_reference.weights_of(model), strict=True
    ):
        found = state[name]
        if value.ndim == 1:
            np.testing.assert_array_equal(found, value)
            continue
        if value.size > 1000:  # Keras draws others in every run; so many of them are alike
            assert found.std() == pytest.approx(value.std(), rel=0.1), name
        if "fcs" in name:
            assert np.abs(found).max() <= math.sqrt(6 / found.shape[1])
        if "ih" in name:
            assert np.abs(found).max() == pytest.approx(np.abs(value).max(), rel=0.02), name
        if "hh" in name:
            np.testing.assert_allclose(found.T @ found, np.eye(found.shape[1]), atol=1e-5)
            np.testing.assert_allclose(value @ value.T, np.eye(found.shape[1]), atol=1e-5)


@settings(max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    more=st.integers(1, 4),
    at_front=st.booleans(),
    training=st.booleans(),
    name=st.sampled_from(["lstm_fc", "i3d_head"]),
    seed=st.integers(0, 99),
)
def test_masked_steps_change_nothing(lengths, more, at_front, training, name, seed):
    """In front of the sequences, in training too; behind them, for the prediction.

    In twice the precision: products over other numbers of rows round otherwise, and normalising a batch of rows that
    are nearly alike makes that up to 31 times larger in each of three layers (1 / sqrt(VARIANCE_FLOOR)).
    """
    config = SMALL.model_copy(update=WITHOUT_DROPOUT | {"name": name})
    x = slices(lengths, seed=seed).double()
    masked = torch.full((len(lengths), more, NUM_FEATURES), MASK_VALUE, dtype=torch.float64)
    training = training and at_front
    found = []
    for inputs in (x, torch.cat([masked, x] if at_front else [x, masked], dim=1)):
        model = make(config, num_classes=3).train(training)
        model.standardize(np.full(NUM_FEATURES, 0.7), np.full(NUM_FEATURES, 1.7))
        model.double()
        result = [model(inputs), model.penalty()]
        assert result[0].dtype == torch.float64
        result += [torch.tensor(value) for value in model.state().values()]
        found.append([*result, model.eval().representation(inputs)])
    for with_few, with_more in zip(*found, strict=True):
        torch.testing.assert_close(with_few, with_more, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["lstm_fc", "i3d_head"])
def test_batch_of_all_lengths_equals_each_alone(name):
    model, x = make(SMALL.model_copy(update={"name": name})).eval(), slices(range(1, 8))
    for call in (model, model.representation):
        close(call(x), torch.cat([call(x[row : row + 1, 6 - row :]) for row in range(7)]))


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("name", ["lstm_fc", "i3d_head"])
def test_results_of_steps_where_there_is_none_are_undefined(name, num_classes):
    model, x = make(SMALL.model_copy(update={"name": name}), num_classes=num_classes).eval(), slices([7, 3])
    so_far, alone = model.logits_per_step(x), model.logits_per_clip(x)
    for found in (so_far, alone):
        assert found[1, :4].isnan().all()
        assert found[1, 4:].isfinite().all()
        assert found[0].isfinite().all()
    for step in range(4, 7):
        close(so_far[1, step], model(x[1:, : step + 1])[0])
        close(alone[1, step], model(x[1:, step : step + 1])[0])
    nothing = torch.full_like(x, MASK_VALUE)
    assert model(nothing).isnan().all()
    assert model.representation(nothing).isnan().all()


def test_mask_is_read_before_the_features_are_standardised():
    model, x = make().eval(), slices([7, 3])
    model.standardize(np.full(NUM_FEATURES, -1.0), np.full(NUM_FEATURES, 1.0))
    assert model.logits_per_step(x)[1, :4].isnan().all()
    x[0, 0] = 0
    model.standardize(np.full(NUM_FEATURES, 2.0), np.full(NUM_FEATURES, 2.0))  # a step of 0 becomes one of -1
    assert model.logits_per_step(x)[0].isfinite().all()


def test_two_classes_are_a_sigmoid_on_one_unit():
    model, x = make().eval(), slices([7, 3])
    assert torch.equal(model(x)[:, 0], torch.zeros(2))
    assert model.state()["fcs.2.weight"].shape == (1, 4)
    assert model.representation(x).shape == (2, 5)


@pytest.mark.parametrize("name", ["lstm_fc", "i3d_head"])
def test_dropout_draws_from_its_generator_alone(name):
    config = SMALL.model_copy(update={"name": name})
    x = slices([7, 6, 3])

    def step(seed):
        model = make(config).train()
        model.set_step_generator(torch.Generator().manual_seed(seed))
        logits = model(x)
        (logits.square().sum() + model.penalty()).backward()
        return [logits, *(parameter.grad for parameter in model.parameters())]

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = step(3)
    assert torch.equal(before, torch.get_rng_state())
    model = make(config).train()
    model(x), model(x)  # as built: draws from the seed of the weights
    torch.manual_seed(6)
    assert all(torch.equal(a, b) for a, b in zip(first, step(3), strict=True))
    assert not torch.equal(first[0], step(4)[0])


def test_dropout_without_random_numbers_is_refused():
    restored = restore(SMALL, num_features=NUM_FEATURES, num_classes=2, state=make().state())
    restored(slices([7]))
    with pytest.raises(RuntimeError, match=r"call set_step_generator before"):
        restored.train()(slices([7]))


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_dropout_keeps_the_mean(rate):
    generator = torch.Generator().manual_seed(0)
    keep = kept_by_dropout((200, 200), rate=rate, generator=generator, like=torch.zeros(1))
    assert keep.unique().tolist() == pytest.approx([0, 1 / (1 - rate)])
    assert float((keep == 0).float().mean()) == pytest.approx(rate, abs=4 * math.sqrt(0.25 / 40_000))


def test_each_dropout_has_its_own_rate():
    x = slices([7] * 50)
    for silent in ("dropout", "recurrent_dropout"):
        other = ({"dropout", "recurrent_dropout"} - {silent}).pop()
        plain = make(SMALL.model_copy(update=WITHOUT_DROPOUT)).train()(x)
        assert not torch.equal(make(SMALL.model_copy(update={silent: 0.0})).train()(x), plain)
        assert torch.equal(make(SMALL.model_copy(update={silent: 0.0, other: 0.0})).train()(x), plain)


@torch.no_grad()
def test_penalty_of_the_weights_alone_is_that_without_a_pass_in_training():
    model = make()
    weights = [p for name, p in model.named_parameters() if "norms" not in name and not _lstm_bias(name)]
    wanted = 0.01 * sum(float(weight.detach().square().sum()) for weight in weights)
    assert float(model.penalty()) == pytest.approx(wanted)
    model.train()(slices([7]))
    assert float(model.penalty()) > wanted
    model.eval()(slices([7]))
    assert float(model.penalty()) == pytest.approx(wanted)
    assert float(make(SMALL.model_copy(update={"l2": 0.0})).penalty()) == 0
    assert float(make(AggregatorConfig(name="blstm")).penalty()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"lstm_sizes": ()},
        {"lstm_sizes": (128, 0)},
        {"fc_sizes": (5000,)},
        {"dropout": 1.0},
        {"recurrent_dropout": -0.1},
        {"l2": -1.0},
        {"fc_sizes": (True,)},
    ],
)
def test_impossible_sizes_and_shares_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        AggregatorConfig(name="lstm_fc", **wrong)


def test_other_numbers_of_layers():
    config = AggregatorConfig(name="lstm_fc", lstm_sizes=(3,), fc_sizes=())
    assert make(config, num_classes=3).eval()(slices([7, 2])).shape == (2, 3)


def _lstm_bias(name):
    return name.startswith("lstms") and name.endswith("bias")
