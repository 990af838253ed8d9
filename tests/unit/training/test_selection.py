"""Which epoch is kept: the rules, and fits that stop early."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from semioscope.core.errors import ConfigError
from semioscope.models import AggregatorConfig, restore
from semioscope.models.pooling import MeanAggregator
from semioscope.plans import SegmentPlan
from semioscope.training import (
    BEST_EPOCH,
    SequenceSet,
    TrainingConfig,
    clip_set,
    fit_side_by_side,
    predict_scores,
    sequence_set,
    single_thread,
)
from semioscope.training.selection import BestEpochs, Validation

RULES = sorted(BEST_EPOCH)


class Counter(MeanAggregator):
    """A model whose state is the epoch."""

    epoch = 0

    def state(self):
        return {"epoch": np.array(self.epoch)}


@settings(max_examples=100, deadline=None)
@given(
    num_classes=st.integers(2, 4),
    num_models=st.integers(1, 3),
    num_examples=st.integers(1, 12),
    seed=st.integers(0, 999),
)
def test_macro_f1_is_that_of_scikit_learn(num_classes, num_models, num_examples, seed):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, num_classes, num_examples)
    y_predicted = rng.integers(0, num_classes, (num_models, num_examples))
    seen = Validation(
        loss=np.zeros(num_models), y_predicted=y_predicted, y_true=y_true, num_classes=num_classes
    )
    wanted = [f1_score(y_true, own, average="macro") for own in y_predicted]
    np.testing.assert_allclose(seen.macro_f1, wanted)
    np.testing.assert_allclose(seen.accuracy, [(own == y_true).mean() for own in y_predicted])


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(RULES),
    losses=st.lists(
        st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, np.nan, np.inf])] * 2), min_size=1, max_size=12
    ),
    patience=st.none() | st.integers(1, 5),
)
def test_first_of_the_best_epochs_is_kept_and_patience_counts_from_it(name, losses, patience):
    """Against each model alone, epoch by epoch in plain words."""
    table = np.array(losses).T
    rule = BEST_EPOCH[name]
    best = BestEpochs(_of_loss(rule), num_models=2, num_epochs=len(losses), patience=patience)
    models = [Counter(num_features=1, num_classes=2) for _ in range(2)]
    for epoch in range(1, len(losses) + 1):
        for model in models:
            model.epoch = epoch
        values = table[:, epoch - 1]
        seen = Validation(
            loss=values, y_predicted=np.zeros((2, 1), int), y_true=np.zeros(1, int), num_classes=2
        )
        best.see(epoch, seen, models)
        if not best.is_running.any():
            break
    for k in range(2):
        sign = 1 if name == "lowest_loss" else -1
        chosen, value, stopped = None, None, len(losses)
        for epoch, loss in enumerate(table[k].tolist(), start=1):
            if np.isfinite(loss) and (value is None or sign * loss < value):
                chosen, value = epoch, sign * loss
            if patience is not None and epoch - (chosen or 0) >= patience:
                stopped = epoch
                break
        assert best.last_epoch[k] == stopped
        if chosen is None:
            assert best.best_state[k] is None
            assert best.best_epoch[k] == stopped
        else:
            assert best.best_epoch[k] == chosen
            assert int(best.best_state[k]["epoch"]) == chosen
        if best.last_state[k] is not None:
            assert int(best.last_state[k]["epoch"]) == stopped


def _of_loss(rule):
    """The same rule over the losses, so that a test can choose its values."""
    return type(rule)(measure=rule.measure, of=lambda seen: seen.loss, is_better=rule.is_better)


def clips(count=60, *, seed=0, num_classes=3) -> SequenceSet:
    rng = np.random.default_rng(seed)
    y_true = np.arange(count) % num_classes
    features = rng.normal(size=(count, 5)).astype(np.float32)
    features[np.arange(count), y_true] += 1.0
    return clip_set(features, y_true)


def fits(*, gammas=(4.0,), train=None, validation=None, **options):
    with single_thread():
        return fit_side_by_side(
            clips() if train is None else train,
            clips(24, seed=1) if validation is None else validation,
            aggregator=AggregatorConfig(name="mean"),
            training=TrainingConfig(**({"epochs": 25, "batch_size": 20, "learning_rate": 0.05} | options)),
            segments=[SegmentPlan(num_segments=1, gamma=gamma) for gamma in gammas],
            num_classes=3,
            seed=0,
        )


@pytest.mark.parametrize("name", RULES)
def test_every_rule_keeps_the_first_of_its_best_epochs(name):
    (result,) = fits(best_epoch=name)
    values = result.history[BEST_EPOCH[name].measure]
    index = np.argmin(values) if name == "lowest_loss" else np.argmax(values)
    assert result.best_epoch == index + 1
    (again,) = fits(best_epoch=name, epochs=result.best_epoch)
    for key, array in result.state.items():
        np.testing.assert_array_equal(array, again.last_state[key])


def test_rules_choose_among_the_same_epochs():
    (by_loss,), (by_f1,) = fits(best_epoch="lowest_loss"), fits(best_epoch="best_f1")
    assert by_loss.best_epoch != by_f1.best_epoch
    assert set(by_loss.history) == {"train_loss", "validation_loss", "validation_accuracy"}
    assert set(by_f1.history) - set(by_loss.history) == {"validation_f1"}
    for key, values in by_loss.history.items():
        np.testing.assert_array_equal(values, by_f1.history[key])
    for key, array in by_loss.last_state.items():
        np.testing.assert_array_equal(array, by_f1.last_state[key])


def test_recorded_f1_is_that_of_the_predictions():
    (result,) = fits(best_epoch="best_f1")
    data = clips(24, seed=1)
    model = restore(AggregatorConfig(name="mean"), num_features=5, num_classes=3, state=result.state)
    scores = predict_scores(model, data, SegmentPlan(num_segments=1))
    wanted = f1_score(data.y_true, scores.argmax(axis=1), average="macro")
    assert result.history["validation_f1"][result.best_epoch - 1] == pytest.approx(wanted)


@pytest.mark.parametrize("name", RULES)
def test_patience_ends_a_fit_after_so_many_epochs_without_a_better_one(name):
    (whole,), (short,) = fits(best_epoch=name), fits(best_epoch=name, patience=3)
    num_epochs = len(short.history["train_loss"])
    assert num_epochs < 25
    assert num_epochs == short.best_epoch + 3
    for key, values in short.history.items():
        np.testing.assert_array_equal(values, whole.history[key][:num_epochs])
    (fixed,) = fits(best_epoch=name, epochs=num_epochs)
    for key, array in short.last_state.items():
        np.testing.assert_array_equal(array, fixed.last_state[key])


def test_patience_needs_a_validation_set_to_end_anything():
    with single_thread():
        result = fit_side_by_side(
            clips(),
            None,
            aggregator=AggregatorConfig(name="mean"),
            training=TrainingConfig(epochs=9, patience=1, best_epoch="best_f1"),
            segments=[SegmentPlan(num_segments=1)],
            num_classes=3,
            seed=0,
        )[0]
    assert result.best_epoch == 9
    assert len(result.history["train_loss"]) == 9
    assert np.isnan(result.history["validation_f1"]).all()


def test_those_side_by_side_stop_each_for_itself():
    """Of clips that differ, each with its gamma, in one fit and alone."""
    gammas = (1.0, 4.0)
    data = {name: _longer(seed) for name, seed in (("train", 0), ("validation", 1))}
    together = fits(gammas=gammas, patience=2, **data)
    alone = [fits(gammas=[gamma], patience=2, **data)[0] for gamma in gammas]
    assert len({len(one.history["train_loss"]) for one in alone}) == 2
    for found, wanted in zip(together, alone, strict=True):
        assert found.best_epoch == wanted.best_epoch
        for key, values in wanted.history.items():
            np.testing.assert_allclose(found.history[key], values, rtol=1e-4)
        for key, array in wanted.last_state.items():
            np.testing.assert_allclose(found.last_state[key], array, rtol=1e-3, atol=1e-4)


def _longer(seed):
    rng = np.random.default_rng(seed)
    y_true = (np.arange(24) % 3).tolist()
    features = [
        rng.normal(size=(20, 5)).astype(np.float32) + np.eye(3, 5, dtype=np.float32)[y] for y in y_true
    ]
    return sequence_set(
        features,
        start_frames=[np.arange(20) * 4] * 24,
        num_frames=[84] * 24,
        frames_per_clip=8,
        y_true=y_true,
        names=[f"sz-{i}" for i in range(24)],
    )


def test_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown rule for the best epoch 'f1'"):
        fits(best_epoch="f1")
