"""Slices with their own numbers of steps: sets, samplers, and fits with dropout and penalty."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream, torch_seed
from semioscope.models import MASK_VALUE, AggregatorConfig, build, restore
from semioscope.plans import ExcerptStepPlan, SegmentPlan, StepPlan
from semioscope.training import (
    LOSSES,
    SAMPLERS,
    TrainingConfig,
    fit,
    fit_side_by_side,
    predict_representations,
    predict_scores,
    predict_steps,
    single_thread,
    step_set,
)
from semioscope.training.samplers import sampler_of
from semioscope.training.sampling import shuffled_batches

NUM_FEATURES = 5
PLAN = StepPlan()
STEP_NAMES = ["lstm_fc", "i3d_head"]


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


def slices(lengths, *, seed=0, num_steps=7, num_classes=2, filling=math.nan, shift=1.0):
    """Steps as the store gives them: the shorter slices behind rows of NaN; features are not below 0."""
    rng = np.random.default_rng(seed)
    features = rng.exponential(size=(len(lengths), num_steps, NUM_FEATURES)).astype(np.float32)
    y_true = np.arange(len(lengths)) % num_classes
    features[np.arange(len(lengths)), :, y_true] += np.float32(shift)
    for row, length in enumerate(lengths):
        features[row, : num_steps - length] = filling
    return step_set(
        features, np.array(lengths), y_true, names=[f"sz-{row}, slice 0" for row in range(len(lengths))]
    )


def many(count=40, *, seed=0, **options):
    lengths = np.where(np.arange(count) % 5 == 4, 1 + np.arange(count) % 7, 7).tolist()
    return slices(lengths, seed=seed, **options)


def config(name="lstm_fc", **options):
    return AggregatorConfig(name=name, **({"lstm_sizes": (6, 5), "fc_sizes": (7, 4), "l2": 1e-3} | options))


def run(train, validation=None, *, aggregator=None, **options):
    training = {
        "epochs": 6,
        "batch_size": 15,
        "learning_rate": 1e-2,
        "weight_decay": 0.0,
        "optimizer": "adam",
    }
    training |= {
        "loss": "weighted_mse",
        "class_weights": "inverse_frequency",
        "best_epoch": "best_f1",
    } | options
    num_classes = training.pop("num_classes", 2)
    return fit(
        train,
        validation,
        aggregator=aggregator or config(),
        training=TrainingConfig(**training),
        segments=PLAN,
        num_classes=num_classes,
        seed=0,
        fold=3,
    )


def padded_by_hand(data, num_steps=7):
    x = np.full((data.num_examples, num_steps, NUM_FEATURES), MASK_VALUE, np.float32)
    for row, (first, count) in enumerate(zip(data.first_clip.tolist(), data.num_clips.tolist(), strict=True)):
        for step in range(count):
            x[row, num_steps - count + step] = data.features[first + step]
    return x


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=8),
    more=st.integers(0, 3),
    filling=st.sampled_from([math.nan, MASK_VALUE, 0.0]),
    seed=st.integers(0, 99),
)
def test_steps_stand_behind_masked_ones(lengths, more, filling, seed):
    data = slices(lengths, filling=filling, seed=seed)
    chosen = np.random.default_rng(seed).permutation(len(lengths))[: 1 + seed % len(lengths)]
    for part in (data, data.subset(chosen)):
        rows = sampler_of(part, StepPlan(num_steps=7 + more)).fixed().rows
        np.testing.assert_array_equal(part.gathered(rows), padded_by_hand(part, 7 + more))


def test_nothing_is_copied_but_batches():
    data = many()
    before = data.features.copy()
    data.features.setflags(write=False)
    assert data.subset(np.arange(3)).features is data.features
    run(data, data, epochs=1)
    np.testing.assert_array_equal(data.features, before)
    whole = np.ones((4, 7, NUM_FEATURES), np.float32)
    shared = step_set(whole, np.full(4, 7), np.array([0, 1, 0, 1]))
    assert np.shares_memory(shared.features, whole)
    assert shared.names[3] == "slice 3"


def test_an_epoch_shows_every_slice_once_with_all_its_steps():
    data = many(23)
    wanted = padded_by_hand(data)
    rows = sampler_of(data, PLAN).drawn(PLAN, stream(0, "segments")).rows
    found = []
    for x, y_true in shuffled_batches(data, [rows], batch_size=5, seed=0, fold=0, epoch=1):
        assert x.shape[1:] == (len(y_true), 7, NUM_FEATURES)
        for own, y in zip(x[0].numpy(), y_true.tolist(), strict=True):
            index = int(np.flatnonzero((wanted == own).all(axis=(1, 2)))[0])
            assert data.y_true[index] == y
            found.append(index)
    assert sorted(found) == list(range(23))
    assert found != sorted(found)


def test_every_sampler_is_chosen_by_its_plan():
    for plan in (PLAN, SegmentPlan(num_segments=2), ExcerptStepPlan(num_positions=4)):
        assert isinstance(sampler_of(slices([7, 7]), plan), SAMPLERS[plan.sampler])
    assert {PLAN.sampler, SegmentPlan().sampler, ExcerptStepPlan().sampler} == SAMPLERS.keys()


def test_loop_is_the_plain_one():
    """The same fit written out: order, masks, dropout of each step, weighted loss and penalty."""
    train = many(22)
    ours = run(train, epochs=3, batch_size=8)
    model = build(
        config(), num_features=NUM_FEATURES, num_classes=2, seed=torch_seed(0, "fit", fold=3)
    ).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x, y_true = padded_by_hand(train), train.y_true
    losses = []
    for epoch in (1, 2, 3):
        order = stream(0, "order", fold=3, epoch=epoch).permutation(22)
        total = 0.0
        for step, batch in enumerate((order[:8], order[8:16], order[16:])):
            seed = torch_seed(0, "dropout", fold=3, epoch=epoch, step=step)
            model.set_step_generator(torch.Generator().manual_seed(seed))
            optimizer.zero_grad()
            p = torch.softmax(model(torch.tensor(x[batch])), dim=1)[:, 1]
            mse = ((p - torch.tensor(y_true[batch])) ** 2).mean()  # 11 of each class: all weights are 1
            (mse + model.penalty()).backward()
            optimizer.step()
            total += float(mse.detach()) * len(batch)
        losses.append(total / 22)
    np.testing.assert_allclose(ours.history["train_loss"], losses, rtol=1e-4)
    for key, value in model.state().items():
        np.testing.assert_allclose(ours.last_state[key], value, atol=1e-4)


@pytest.mark.parametrize("name", STEP_NAMES)
def test_same_seed_same_bits_whatever_ran_before(name):
    train, validation = many(), many(14, seed=1)
    torch.manual_seed(1)
    first = run(train, validation, aggregator=config(name))
    torch.manual_seed(2)
    second = run(train, validation, aggregator=config(name))
    assert first.best_epoch == second.best_epoch
    assert all(np.array_equal(first.last_state[key], second.last_state[key]) for key in first.last_state)
    without = run(train, aggregator=config(name))
    np.testing.assert_array_equal(first.history["train_loss"], without.history["train_loss"])


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("name", STEP_NAMES)
def test_those_side_by_side_draw_their_own_dropout(name, dropout):
    """Two that are alike give what one gives alone: no draw of one moves the other."""
    options = {"epochs": 3, "batch_size": 15, "loss": "bce", "optimizer": "adam"}
    aggregator = config(name, dropout=dropout, recurrent_dropout=dropout)
    results = [
        fit_side_by_side(
            many(),
            many(14, seed=1),
            aggregator=aggregator,
            training=TrainingConfig(**options),
            segments=[PLAN] * count,
            num_classes=2,
            seed=0,
        )
        for count in (1, 2)
    ]
    alone = results[0][0]
    for one in results[1]:
        for key, array in alone.last_state.items():
            np.testing.assert_allclose(one.last_state[key], array, rtol=1e-4, atol=1e-5)


def test_dropout_and_penalty_take_part():
    base = run(many())
    for other in ({"dropout": 0.0}, {"recurrent_dropout": 0.0}, {"l2": 0.0}):
        assert not np.array_equal(
            base.history["train_loss"], run(many(), aggregator=config(**other)).history["train_loss"]
        )
    heavy, light = (run(many(), aggregator=config(l2=l2), epochs=12).last_state for l2 in (1.0, 0.0))
    assert np.square(heavy["lstms.0.weight_ih"]).sum() < 0.1 * np.square(light["lstms.0.weight_ih"]).sum()


@pytest.mark.parametrize("name", STEP_NAMES)
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_learns_slices_of_any_length(name, loss):
    train, test = many(80, shift=2.0), many(40, seed=5, shift=2.0)
    aggregator = config(name, dropout=0.1, recurrent_dropout=0.1)
    result = run(
        train, many(30, seed=1, shift=2.0), aggregator=aggregator, loss=loss, epochs=14, learning_rate=0.05
    )
    model = restore(aggregator, num_features=NUM_FEATURES, num_classes=2, state=result.state)
    scores = predict_scores(model, test, PLAN)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert np.mean(scores.argmax(axis=1) == test.y_true) > 0.8


def test_three_classes_take_the_categorical_loss():
    train = many(60, num_classes=3)
    result = run(train, train, num_classes=3, loss="weighted_nll", epochs=10, aggregator=config("i3d_head"))
    assert result.history["train_loss"][-1] < result.history["train_loss"][0]
    with pytest.raises(ConfigError, match="weighted_mse needs two classes, got 3"):
        run(train, num_classes=3)


@pytest.mark.parametrize("name", STEP_NAMES)
@pytest.mark.parametrize("standardize", [False, True])
def test_predictions_are_those_of_each_slice_alone(name, standardize):
    data = many(20)
    result = run(data, aggregator=config(name), epochs=2, standardize=standardize)
    model = restore(config(name), num_features=NUM_FEATURES, num_classes=2, state=result.state)
    scores, steps = predict_scores(model, data, PLAN), predict_steps(model, data, PLAN)
    np.testing.assert_allclose(scores, steps.score_so_far[:, -1], atol=1e-6)
    for index, count in enumerate(data.num_clips.tolist()):
        own = data.features[data.first_clip[index] :][:count]
        with torch.no_grad():
            wanted = torch.softmax(model(torch.tensor(own[None])).double(), dim=1)
        np.testing.assert_allclose(scores[index], wanted[0], atol=1e-5)
        masked = 7 - count
        assert steps.position[index].tolist() == [-1] * masked + list(range(count))
        assert steps.start_frame[index].tolist() == [-1] * masked + list(range(0, 8 * count, 8))
        assert np.isnan(steps.score_so_far[index, :masked]).all()
        assert np.isfinite(steps.score_alone[index, masked:]).all()
    assert predict_representations(model, data, PLAN).shape[0] == 20
    if standardize:
        rows = data.features[data.clip_rows].astype(np.float64)
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(result.state["feature_mean"], rows.mean(axis=0), rtol=1e-5)


def test_slices_that_cannot_be_used_are_named():
    features = np.ones((3, 7, NUM_FEATURES), np.float32)
    y_true, full = np.array([0, 1, 0]), np.array([7, 7, 7])
    with pytest.raises(ConfigError, match="but slice 1 has none"):
        step_set(features, np.array([7, 0, 7]), y_true)
    for steps, said in ((slice(None), "nothing but"), (2, "1 of 7")):
        masked = features.copy()
        masked[1, steps] = MASK_VALUE
        with pytest.raises(
            ConfigError, match=rf"must not be -1 throughout, but night 2 has {said} such steps"
        ):
            step_set(masked, full, y_true, names=["night 1", "night 2", "night 3"])
    damaged = features.copy()
    damaged[2, 6, 0] = math.inf
    with pytest.raises(ConfigError, match=r"but slice 2 has some that are not: a frame was missing\. Leave"):
        step_set(damaged, full, y_true)
    with pytest.raises(ValueError, match="a largest of 8"):
        step_set(features, np.array([7, 8, 7]), y_true)
    with pytest.raises(ConfigError, match=r"may have 5 steps, but slice 0 has 7 \(3 such"):
        sampler_of(step_set(features, full, y_true), StepPlan(num_steps=5))


@pytest.mark.parametrize("name", STEP_NAMES)
def test_training_names_an_example_all_of_whose_steps_are_masked(name):
    train = many()
    train.features[train.first_clip[4] : train.first_clip[4] + train.num_clips[4]] = MASK_VALUE
    with pytest.raises(
        ConfigError, match=r"in epoch 1 of fold 3: all steps of sz-4, slice 0 are masked\. Leave"
    ):
        run(train, aggregator=config(name))
