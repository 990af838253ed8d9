"""Fits side by side against the same fits one after the other."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tiny_transformer import tiny_size

from semioscope.core.errors import ConfigError
from semioscope.models import AGGREGATORS, AggregatorConfig, last_state
from semioscope.plans import SegmentPlan
from semioscope.training import (
    OPTIMIZERS,
    FitResult,
    SequenceSet,
    TrainingConfig,
    epoch_batches,
    fit_side_by_side,
    sequence_set,
    single_thread,
)

GAMMAS = (1.0, 2.0, math.inf)
NUM_FEATURES = 6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with single_thread():
        yield


def events(count: int, *, seed: int) -> SequenceSet:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 60, count)
    y_true = np.arange(count) % 2
    features = [
        (rng.normal(size=(length, NUM_FEATURES)) + y).astype(np.float32)
        for length, y in zip(lengths, y_true, strict=True)
    ]
    return sequence_set(
        features,
        start_frames=[np.arange(length) * 4 for length in lengths],
        num_frames=[int((length - 1) * 4 + 8) for length in lengths],
        frames_per_clip=8,
        y_true=y_true.tolist(),
        names=[f"sz-{index}" for index in range(count)],
    )


def fits(gammas: Sequence[float], *, aggregator: str = "blstm", **options: object) -> list[FitResult]:
    return fit_side_by_side(
        events(24, seed=0),
        events(9, seed=1),
        aggregator=AggregatorConfig(name=aggregator, hidden_size=4, transformer=tiny_size()),
        training=TrainingConfig.model_validate({"epochs": 6, "batch_size": 10} | options),
        segments=[SegmentPlan(num_segments=4, gamma=gamma) for gamma in gammas],
        num_classes=2,
        seed=0,
    )


def assert_same(found: FitResult, wanted: FitResult) -> None:
    assert found.best_epoch == wanted.best_epoch
    for name, values in wanted.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    for states in ("state", "last_state"):
        for name, numbers in getattr(wanted, states).items():
            np.testing.assert_allclose(getattr(found, states)[name], numbers, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("aggregator", sorted(AGGREGATORS))
def test_each_is_what_it_would_be_alone(aggregator: str, standardize: bool) -> None:
    together = fits(GAMMAS, aggregator=aggregator, standardize=standardize)
    for gamma, found in zip(GAMMAS, together, strict=True):
        assert_same(found, fits([gamma], aggregator=aggregator, standardize=standardize)[0])
    losses = [found.history["train_loss"].tolist() for found in together]
    assert losses[0] != losses[1] != losses[2]


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_moves_each_on_its_own(optimizer: str) -> None:
    for gamma, found in zip(GAMMAS, fits(GAMMAS, optimizer=optimizer), strict=True):
        assert_same(found, fits([gamma], optimizer=optimizer)[0])


def test_the_same_fits_give_the_same_bits() -> None:
    for one, two in zip(fits(GAMMAS), fits(GAMMAS), strict=True):
        assert all(np.array_equal(one.state[name], two.state[name]) for name in one.state)


def test_what_a_gamma_draws_does_not_depend_on_the_others() -> None:
    data, plan = events(23, seed=2), SegmentPlan(num_segments=4)

    def epoch(gammas: Sequence[float]) -> list[tuple[np.ndarray, list[int]]]:
        batches = epoch_batches(data, data.bounds(plan), gammas=gammas, batch_size=5, seed=0, fold=0, epoch=1)
        return [(x.numpy(), y_true.tolist()) for x, y_true in batches]

    together = epoch(GAMMAS)
    for k, gamma in enumerate(GAMMAS):
        for (x, y_true), (alone, own) in zip(together, epoch([gamma]), strict=True):
            assert y_true == own
            np.testing.assert_array_equal(x[k], alone[0])


def test_no_memory_of_the_passes_is_kept_after_a_fit() -> None:
    fits(GAMMAS)
    assert not last_state._FREE


def test_plans_that_differ_in_more_than_gamma_are_refused() -> None:
    data = events(8, seed=0)
    plans = [SegmentPlan(num_segments=2), SegmentPlan(num_segments=4)]
    for chosen in (plans, []):
        with pytest.raises(ValueError, match="differ in gamma only"):
            fit_side_by_side(
                data,
                None,
                aggregator=AggregatorConfig(name="mean"),
                training=TrainingConfig(epochs=1),
                segments=chosen,
                num_classes=2,
                seed=0,
            )


def test_a_lost_loss_names_its_gamma_where_there_are_several() -> None:
    data = events(24, seed=0)
    data.features[:] = 1e30

    def train(gammas: Sequence[float]) -> None:
        fit_side_by_side(
            data,
            None,
            aggregator=AggregatorConfig(name="mean"),
            training=TrainingConfig(epochs=5, optimizer="sgd", learning_rate=1e3),
            segments=[SegmentPlan(num_segments=4, gamma=gamma) for gamma in gammas],
            num_classes=2,
            seed=0,
        )

    with pytest.raises(ConfigError, match=r"lost in epoch \d of fold 0 with gamma 1 \(learning rate 1000"):
        train(GAMMAS)
    with pytest.raises(ConfigError, match=r"lost in epoch \d of fold 0 \(learning rate 1000"):
        train([1.0])
