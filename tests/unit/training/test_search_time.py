"""How long a random search will take: by clocks that tests set, not by real time."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_material import FIXED, material

from semioscope.models import AggregatorConfig
from semioscope.plans import StepPlan
from semioscope.training import (
    SEARCH_SPACES,
    TrainingConfig,
    TrialPace,
    measured_pace,
    search_pace,
    trial,
    trial_seconds,
    trial_sizes,
)
from semioscope.training import search_time as module

BASE = {
    "aggregator": AggregatorConfig(name="lstm_fc"),
    "training": TrainingConfig(),
    "space": SEARCH_SPACES["lstm_fc"],
    "seed": 0,
    "num_steps": 7,
    "num_features": 1024,
}


def truth(sizes, number, num_examples, rates, *, busy=1.0):
    """The pace of a machine on which an epoch takes what the docstring says."""
    at = sizes.numbers.index(number)
    steps, cost = np.ceil(num_examples / sizes.batch_size[at]), sizes.cost[at]
    a, b, d, e = rates
    epoch = num_examples * (a + b * cost) + steps * (d + e * cost)
    return TrialPace(begin_seconds=(2.0, 2.0 * busy), epoch_seconds=(epoch, busy * epoch))


FORTY = trial_sizes(range(40), **BASE)


@given(
    rates=st.tuples(*[st.floats(1e-6, 1e-3)] * 4),
    num_examples=st.integers(500, 9000),
    others=st.integers(500, 9000),
)
@settings(max_examples=30, deadline=None)
def test_steps_examples_and_sizes_are_told_apart(rates, num_examples, others):
    """From five of many trials, and for folds with other numbers of examples."""
    asked = []

    def measure(number):
        asked.append(number)
        return truth(FORTY, number, num_examples, rates)

    pace = search_pace(FORTY, num_examples=num_examples, measure=measure)
    assert len(asked) == len(set(asked)) <= 5
    assert pace.numbers == tuple(asked)
    for number in (num_examples, others):
        wanted = np.array([2 + epochs * truth(FORTY, k, number, rates).epoch_seconds[0]
                           for k, epochs in zip(FORTY.numbers, FORTY.epochs, strict=True)])  # fmt: skip
        low, high = trial_seconds(FORTY, pace, num_examples=number)
        assert low == pytest.approx(wanted, rel=0.02)
        assert high == pytest.approx(wanted, rel=0.02)


def test_small_batches_are_not_taken_for_large_ones():
    """An epoch that costs its steps only: the smallest batch takes as many times as long as it has more steps."""
    pace = search_pace(FORTY, num_examples=2000, measure=lambda n: truth(FORTY, n, 2000, (0, 0, 0.1, 0)))
    per_epoch = (trial_seconds(FORTY, pace, num_examples=2000)[0] - 2) / FORTY.epochs
    small, large = int(FORTY.batch_size.argmin()), int(FORTY.batch_size.argmax())
    steps = np.ceil(2000 / FORTY.batch_size)
    assert steps[small] > 5 * steps[large]
    assert per_epoch[small] / per_epoch[large] == pytest.approx(steps[small] / steps[large])


def test_the_corners_and_the_middle_are_measured():
    sizes, asked = trial_sizes(range(100), **BASE), []

    def measure(number):
        asked.append(number)
        return truth(sizes, number, 2000, (1e-4, 1e-6, 1e-2, 1e-4))

    search_pace(sizes, num_examples=2000, measure=measure)
    steps = np.ceil(2000 / sizes.batch_size)
    cost, steps = (np.argsort(np.argsort(values))[asked] / 100 for values in (sizes.cost, steps))
    assert len(asked) == 5
    assert sorted(zip(cost[:4] > 0.5, steps[:4] > 0.5, strict=True)) == [
        (False, False), (False, True), (True, False), (True, True),
    ]  # fmt: skip
    assert 0.2 < cost[4] < 0.8


@pytest.mark.parametrize("num_trials", [1, 2, 3, 4, 5])
def test_few_trials_are_all_measured_and_no_time_is_outside(num_trials):
    """Whatever their epochs take: nothing that was measured lies outside of what is told."""
    sizes = trial_sizes(range(num_trials), **BASE)
    rng = np.random.default_rng(num_trials)
    for _ in range(20):
        epochs = rng.exponential(size=num_trials) + 0.01
        measured = {n: TrialPace(begin_seconds=(0, 0), epoch_seconds=(epochs[n],) * 2) for n in sizes.numbers}
        pace = search_pace(sizes, num_examples=1000, measure=measured.__getitem__)
        low, high = trial_seconds(sizes, pace, num_examples=1000)
        for k, number in enumerate(sizes.numbers):
            if number in pace.numbers:
                assert low[k] <= sizes.epochs[k] * epochs[number] * (1 + 1e-9)
                assert high[k] >= sizes.epochs[k] * epochs[number] * (1 - 1e-9)
        assert pace.least <= 1 <= pace.most


def test_a_busy_machine_is_told_by_two_clocks():
    sizes = trial_sizes(range(20), **BASE)
    rates = (1e-4, 1e-6, 1e-2, 1e-4)
    pace = search_pace(sizes, num_examples=2000, measure=lambda n: truth(sizes, n, 2000, rates, busy=3.0))
    low, high = trial_seconds(sizes, pace, num_examples=2000)
    assert pace.busy == pytest.approx(3)
    assert high == pytest.approx(3 * low, rel=1e-3)


def test_what_the_middle_took_otherwise_widens_the_range():
    sizes = trial_sizes(range(60), **BASE)
    rates, asked = (1e-4, 1e-6, 1e-2, 1e-4), []

    def measure(number):
        asked.append(number)
        pace = truth(sizes, number, 2000, rates)
        if len(asked) < 5:
            return pace
        return TrialPace(begin_seconds=(2.0, 2.0), epoch_seconds=(2 * pace.epoch_seconds[0],) * 2)

    pace = search_pace(sizes, num_examples=2000, measure=measure)
    assert (pace.least, pace.most) == (pytest.approx(1), pytest.approx(2))


class FakeMachine:
    """A fit that takes 0.5 s and 0.2 s per epoch of work, on a machine that works for others twice as long."""

    def __init__(self, begin=0.5, epoch=0.2, busy=3.0):
        self.begin, self.epoch, self.busy, self.work, self.fits = begin, epoch, busy, 0.0, []

    def fit(self, *_data, epochs, **_options):
        self.fits.append(epochs)
        self.work += self.begin + epochs * self.epoch

    @property
    def clocks(self):
        return (lambda: self.work), (lambda: 100 + self.busy * self.work)


@pytest.mark.parametrize(
    ("begin", "epoch", "epochs"),
    [
        (0.5, 0.2, [1, 2]),  # long enough to need no warming up
        (0.0, 5.0, [1, 2]),
        (0.0, 0.01, [1, 1, 18]),  # so many that they take half a second
        (0.0, 1e-5, [1, 1, 33]),  # but no more than 32
    ],
)
def test_begin_and_epoch_of_a_trial_are_told_apart(monkeypatch, begin, epoch, epochs):
    machine = FakeMachine(begin, epoch)
    monkeypatch.setattr(module, "fit", machine.fit)
    found = measured_pace(0, material(), plan=StepPlan(num_steps=3), clocks=machine.clocks, **FIXED)
    assert machine.fits == epochs
    assert found.epoch_seconds == pytest.approx(
        (max(epoch, (begin / epochs[-1] + epoch) / 2), 3 * epoch), rel=0.6
    )
    total = found.begin_seconds[0] + epochs[-1] * found.epoch_seconds[0]
    assert total == pytest.approx(begin + epochs[-1] * epoch)
    assert found.epoch_seconds[1] == pytest.approx(3 * found.epoch_seconds[0])


def test_a_shorter_fit_that_took_longer_gives_no_time_below_nothing(monkeypatch):
    times = iter([5.0, 1.0])
    clock = [0.0]

    def slow_then_quick(*_data, **_options):
        clock[0] += next(times)

    monkeypatch.setattr(module, "fit", slow_then_quick)
    found = measured_pace(
        0, material(), plan=StepPlan(num_steps=3), clocks=(lambda: clock[0], lambda: clock[0]), **FIXED
    )
    assert found == TrialPace(begin_seconds=(0.5, 0.5), epoch_seconds=(0.25, 0.25))


def test_a_real_trial_is_measured_by_the_real_clocks():
    assert (time.process_time, time.perf_counter) == module.CLOCKS
    found = measured_pace(0, material(), plan=StepPlan(num_steps=3), **FIXED)
    assert np.all(np.isfinite([found.begin_seconds, found.epoch_seconds]))
    assert min(found.epoch_seconds) > 0
    assert min(found.begin_seconds) >= 0


def test_sizes_are_those_of_the_trials():
    sizes = trial_sizes([3, 1], **BASE)
    for k, number in enumerate((3, 1)):
        drawn = trial(number, BASE["space"], seed=0)["training"]
        assert (sizes.epochs[k], sizes.batch_size[k]) == (drawn["epochs"], drawn["batch_size"])
    assert np.all(sizes.cost > 1)
