import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_transformer import tiny_size

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream, torch_seed
from semioscope.models import AGGREGATORS, AggregatorConfig, build, restore
from semioscope.plans import SegmentPlan, draw_positions
from semioscope.training import (
    CLASS_WEIGHTS,
    OPTIMIZERS,
    TrainingConfig,
    clip_set,
    epoch_batches,
    fit,
    predict_representations,
    predict_scores,
    predict_steps,
    sequence_set,
    single_thread,
)

NUM_FEATURES = 6


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


def events(count=24, *, seed=0, shift=3.0, num_classes=2, scale=1.0):
    """Events of any length; those of class c carry a signal in feature c during their last half."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 60, count)
    y_true = np.arange(count) % num_classes
    features = []
    for length, y in zip(lengths, y_true, strict=True):
        part = rng.normal(size=(length, NUM_FEATURES)).astype(np.float32)
        part[length // 2 :, y] += shift
        features.append(part * np.float32(scale))
    return sequence_set(
        features,
        start_frames=[np.arange(length) * 4 for length in lengths],
        num_frames=[int((length - 1) * 4 + 8) for length in lengths],
        frames_per_clip=8,
        y_true=y_true.tolist(),
        names=[f"sz-{index}" for index in range(count)],
    )


def run(train, validation=None, *, aggregator="mean", segments=None, num_classes=2, seed=0, **options):
    training = {"epochs": 8, "batch_size": 10} | options
    fold, epochs = training.pop("fold", 0), training.pop("override", None)
    return fit(
        train,
        validation,
        aggregator=AggregatorConfig(name=aggregator, hidden_size=4, transformer=tiny_size()),
        training=TrainingConfig(**training),
        segments=segments or SegmentPlan(num_segments=4),
        num_classes=num_classes,
        seed=seed,
        fold=fold,
        epochs=epochs,
    )


def model_of(result, aggregator="mean", num_classes=2):
    config = AggregatorConfig(name=aggregator, hidden_size=4, transformer=tiny_size())
    return restore(config, num_features=NUM_FEATURES, num_classes=num_classes, state=result.state)


def same_state(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("aggregator", sorted(AGGREGATORS))
def test_every_aggregator_learns_a_signal_it_can_see(aggregator):
    train, validation, test = events(), events(seed=1), events(seed=2)
    result = run(train, validation, aggregator=aggregator, epochs=40)
    assert result.history["train_loss"][-1] < result.history["train_loss"][0]
    scores = predict_scores(model_of(result, aggregator), test, SegmentPlan(num_segments=4))
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert np.mean(scores.argmax(axis=1) == test.y_true) > 0.8


@pytest.mark.parametrize("aggregator", sorted(AGGREGATORS))
def test_same_seed_same_bits(aggregator):
    train, validation = events(), events(12, seed=1)
    torch.manual_seed(1)
    first = run(train, validation, aggregator=aggregator)
    torch.manual_seed(2)
    second = run(train, validation, aggregator=aggregator)
    assert same_state(first.state, second.state)
    for key in first.history:
        np.testing.assert_array_equal(first.history[key], second.history[key])
    assert not same_state(first.state, run(train, validation, aggregator=aggregator, seed=1).state)
    assert not same_state(first.state, run(train, validation, aggregator=aggregator, fold=1).state)


def test_loop_is_the_plain_one():
    """The same fit written out: draw, gather, weigh, step."""
    train = events(10)
    ours = run(train, epochs=3, batch_size=4)
    model = build(
        AggregatorConfig(name="mean"),
        num_features=NUM_FEATURES,
        num_classes=2,
        seed=torch_seed(0, "fit", fold=0),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    bounds = train.bounds(SegmentPlan(num_segments=4))
    for epoch in (1, 2, 3):
        positions = draw_positions(bounds, gamma=4.0, rng=stream(0, "segments", fold=0, epoch=epoch))
        order = stream(0, "order", fold=0, epoch=epoch).permutation(10)
        for batch in (order[:4], order[4:8], order[8:]):
            x = torch.stack(
                [
                    torch.stack([torch.tensor(train.features[train.first_clip[i] + p]) for p in positions[i]])
                    for i in batch
                ]
            )
            optimizer.zero_grad()
            p = torch.softmax(model(x), dim=1)[torch.arange(len(batch)), torch.tensor(train.y_true[batch])]
            torch.mean(-torch.log(p)).backward()  # 5 of each class: all weights are 1
            optimizer.step()
    for key, value in model.state().items():
        np.testing.assert_allclose(ours.state[key], value, atol=1e-5)


def test_best_epoch_is_the_first_of_the_lowest_validation_loss():
    train, validation = events(shift=1.0), events(12, seed=2, shift=1.0)
    result = run(train, validation, epochs=20, learning_rate=0.1)
    losses = result.history["validation_loss"]
    assert result.best_epoch == int(np.argmin(losses)) + 1
    assert 1 < result.best_epoch < 20
    # The kept state is the one after that many epochs, and it is what the recorded figures belong to.
    assert same_state(result.state, run(train, epochs=result.best_epoch, learning_rate=0.1).state)
    scores = predict_scores(model_of(result), validation, SegmentPlan(num_segments=4))
    accuracy = np.mean(scores.argmax(axis=1) == validation.y_true)
    assert result.history["validation_accuracy"][result.best_epoch - 1] == accuracy
    nll = -np.log(scores[np.arange(12), validation.y_true])
    assert losses[result.best_epoch - 1] == pytest.approx(
        np.mean(result.class_weights[validation.y_true] * nll)
    )


def test_ties_go_to_the_earliest_epoch():
    train = events()
    result = run(train, train, learning_rate=1e-30, weight_decay=0.0)
    assert len(set(result.history["validation_loss"])) == 1
    assert result.best_epoch == 1


def test_validation_changes_nothing_but_the_choice_of_the_epoch():
    train = events()
    without, beside = run(train), run(train, events(12, seed=1))
    np.testing.assert_array_equal(without.history["train_loss"], beside.history["train_loss"])
    assert without.best_epoch == 8
    assert np.isnan(without.history["validation_loss"]).all()
    assert np.isnan(without.history["validation_accuracy"]).all()


def test_epochs_can_be_overridden():
    result = run(events(), epochs=5, override=2)
    assert result.best_epoch == 2
    assert all(history.shape == (2,) for history in result.history.values())
    with pytest.raises(ConfigError, match=r"epochs must be at least 1, got 0\. Set"):
        run(events(), override=0)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_lowers_the_loss(optimizer):
    history = run(events(), optimizer=optimizer, epochs=15).history["train_loss"]
    assert history[-1] < history[0]


def test_rare_class_counts_more():
    train = events().subset(np.array([0, 2, 4, 6, 8, 10, 1]))
    result = run(train)
    np.testing.assert_array_equal(result.class_weights, [1.0, 6.0])
    bias = {
        rule: predict_scores(
            model_of(run(train, class_weights=rule, epochs=60)), events(seed=3, shift=0.0), SegmentPlan()
        )[:, 1].mean()
        for rule in CLASS_WEIGHTS
    }
    assert bias["first_over_class"] > bias["equal"]
    assert bias["inverse_frequency"] > bias["equal"]


def test_three_classes():
    train, test = events(30, num_classes=3), events(30, num_classes=3, seed=5)
    result = run(train, num_classes=3, epochs=60)
    scores = predict_scores(model_of(result, num_classes=3), test, SegmentPlan(num_segments=4))
    assert scores.shape == (30, 3)
    assert np.mean(scores.argmax(axis=1) == test.y_true) > 0.7


def test_standardization_is_fitted_on_training_clips_only_and_kept():
    whole = events(scale=1000.0)
    train = whole.subset(np.arange(12))
    result = run(train, whole.subset(np.arange(12, 24)), standardize=True)
    clips = whole.features[train.clip_rows].astype(np.float64)
    np.testing.assert_allclose(result.state["feature_mean"], clips.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(result.state["feature_scale"], clips.std(axis=0), rtol=1e-5)
    # Scaled features give the scores of the unscaled ones.
    plain = run(events(scale=1.0).subset(np.arange(12)), standardize=True, epochs=8)
    scaled = run(train, standardize=True, epochs=8)
    np.testing.assert_allclose(
        predict_scores(model_of(plain), events(seed=4), SegmentPlan()),
        predict_scores(model_of(scaled), events(seed=4, scale=1000.0), SegmentPlan()),
        atol=1e-3,
    )


def test_constant_feature_is_not_blown_up():
    train = events()
    train.features[:, 2] = 7.0
    result = run(train, standardize=True)
    assert result.state["feature_scale"][2] == 1.0


def test_clips_are_trained_on_with_the_same_loop():
    rng = np.random.default_rng(0)
    y_true = (rng.random(400) < 0.25).astype(np.int64)
    features = rng.normal(size=(400, NUM_FEATURES)).astype(np.float32)
    features[:, 0] += 3 * y_true
    one = SegmentPlan(num_segments=1)
    result = run(
        clip_set(features, y_true),
        aggregator="fc",
        segments=one,
        epochs=30,
        batch_size=100,
        learning_rate=3e-2,
    )
    assert result.class_weights[1] == pytest.approx((y_true == 0).sum() / (y_true == 1).sum())
    scores = predict_scores(model_of(result, "fc"), clip_set(features, y_true), one)
    assert np.mean(scores.argmax(axis=1) == y_true) > 0.85


def test_short_segments_are_counted():
    assert run(events(), events(4), segments=SegmentPlan(num_segments=4)).num_short_segments == 0
    assert run(events(), events(4), segments=SegmentPlan(num_segments=30)).num_short_segments > 0


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("aggregator", sorted(AGGREGATORS))
def test_steps_end_at_the_prediction(aggregator, standardize):
    train, plan = events(), SegmentPlan(num_segments=4)
    model = model_of(run(train, aggregator=aggregator, standardize=standardize), aggregator)
    steps = predict_steps(model, train, plan)
    np.testing.assert_allclose(steps.score_so_far[:, -1], predict_scores(model, train, plan), atol=1e-6)
    np.testing.assert_allclose(steps.score_so_far[:, 0], steps.score_alone[:, 0], atol=1e-6)
    np.testing.assert_array_equal(steps.start_frame, steps.position * 4)
    assert predict_representations(model, train, plan).shape[0] == train.num_examples


def test_scores_do_not_depend_on_the_other_examples():
    data, plan = events(), SegmentPlan(num_segments=4)
    model = model_of(run(data, aggregator="blstm", epochs=2), "blstm")
    whole = predict_scores(model, data, plan)
    for index in (0, 7):
        alone = predict_scores(model, data.subset(np.array([index])), plan)
        np.testing.assert_allclose(alone[0], whole[index], atol=1e-6)


def test_inputs_are_not_changed():
    train = events()
    before = train.features.copy()
    train.features.setflags(write=False)
    predict_scores(model_of(run(train, standardize=True)), train, SegmentPlan())
    np.testing.assert_array_equal(train.features, before)


def test_all_one_class_is_refused():
    train = events()
    with pytest.raises(ConfigError, match=r"Every class needs .* got class 0: 12, class 1: 0"):
        run(train.subset(train.y_true == 0))


def test_loss_that_explodes_says_what_to_try():
    with pytest.raises(ConfigError, match=r"lost in epoch \d+ of fold 3 .*learning_rate=100\).*standardize"):
        run(events(scale=1e20), events(scale=1e20), optimizer="sgd", learning_rate=1e3, fold=3)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 10**11),
        ("epochs", True),
        ("batch_size", 10**11),
        ("learning_rate", 1e300),
        ("weight_decay", 1e300),
    ],
)
def test_settings_without_sense_are_refused_before_work_begins(setting, value):
    with pytest.raises(ValueError, match=rf"{setting}\s+Input should be"):
        TrainingConfig(**{setting: value})


def test_damaged_features_are_named():
    train = events()
    train.features[train.first_clip[5] : train.first_clip[5] + train.num_clips[5]] = math.inf
    with pytest.raises(ConfigError, match=r"lost in epoch 1 of fold 0: features of sz-5 are not finite"):
        run(train)
    with pytest.raises(ConfigError, match=r"features of sz-5 are not finite"):
        run(events(), train)


def test_validation_must_fit_the_training_set():
    train = events()
    with pytest.raises(ConfigError, match=r"at least one example, got none\. Give None"):
        run(train, train.subset(np.zeros(0, dtype=np.int64)))
    narrow = clip_set(np.zeros((2, 3), dtype=np.float32), np.array([0, 1]))
    with pytest.raises(ConfigError, match=r"features of one size, got 6 and 3\. Extract"):
        run(train, narrow)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"optimizer": "adamv"}, r"Unknown optimizer 'adamv'\. Did you mean adam"),
        ({"loss": "nll"}, r"Unknown loss 'nll'"),
        ({"class_weights": "no"}, r"Unknown class weighting 'no'"),
        ({"aggregator": "gru"}, r"Unknown aggregator 'gru'"),
    ],
)
def test_unknown_names(option, message):
    with pytest.raises(ConfigError, match=message):
        run(events(), **option)


@pytest.mark.parametrize(
    "option", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"weight_decay": -1.0}]
)
def test_settings_out_of_range(option):
    with pytest.raises(ValidationError, match=next(iter(option))):
        TrainingConfig(**option)


def test_single_thread_puts_everything_back():
    torch.set_num_threads(2)
    torch.backends.mkldnn.enabled = True
    with single_thread():
        assert torch.get_num_threads() == 1
        assert not torch.backends.mkldnn.enabled
    assert torch.get_num_threads() == 2
    assert torch.backends.mkldnn.enabled


def test_features_may_be_mapped_from_a_file(tmp_path):
    train = events()
    np.save(tmp_path / "features.npy", train.features)
    mapped = replace(train, features=np.load(tmp_path / "features.npy", mmap_mode="r"))
    for standardize in (True, False):
        first, second = (run(data, data, standardize=standardize) for data in (train, mapped))
        assert same_state(first.state, second.state)


def test_batches_hold_every_example_once_in_another_order_each_epoch():
    data, plan = events(23), SegmentPlan(num_segments=4)
    orders = []
    for epoch in (1, 2):
        batches = list(
            epoch_batches(data, data.bounds(plan), gammas=[4.0], batch_size=5, seed=0, fold=0, epoch=epoch)
        )
        assert [len(y_true) for _, y_true in batches] == [5, 5, 5, 5, 3]
        order = []
        for features, y_true in batches:
            for x, y in zip(features[0].numpy(), y_true.tolist(), strict=True):
                row = int(np.flatnonzero((data.features == x[0]).all(axis=1))[0])
                order.append(int(np.searchsorted(data.first_clip, row, side="right")) - 1)
                assert data.y_true[order[-1]] == y
        assert sorted(order) == list(range(23))
        orders.append(order)
    assert orders[0] != orders[1]
