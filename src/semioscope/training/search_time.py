"""How long the trials of a random search take, before they start: a few of them are trained for some epochs.

An epoch has N examples in S steps, and both take longer with a larger network:

    seconds of an epoch = N (a + b c) + S (d + e c)

where c is the relative cost of a step. Small batches make many steps, so with small networks they are several times
as dear as large ones. The four numbers come from the trials nearest to the corners of what was drawn: small and large
networks, few and many steps. One more trial, in the middle, shows how far this holds.

Everything is measured by two clocks: one counts the work of this process, the other goes on while a busy machine lets
others work.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semioscope.models import AggregatorConfig, relative_cost
from semioscope.training.loop import fit
from semioscope.training.samplers import ExamplePlan
from semioscope.training.search import SearchData, trial_configs
from semioscope.training.search_space import SearchSpace, trial
from semioscope.training.settings import TrainingConfig

CLOCKS: tuple[Callable[[], float], Callable[[], float]] = (time.process_time, time.perf_counter)
"""What counts the work of this process, and what goes on whoever works."""
_WARM_SECONDS = 1.0  # a fit that takes longer needs no other one before it to warm up
_LEAST_SECONDS = 0.5  # short epochs are measured so long
_MOST_EPOCHS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPace:
    """How long a trial takes by each clock: a time for its beginning, and a time for every epoch.

    Args:
        begin_seconds: By the clock of the work, and by that on the wall.
        epoch_seconds: The same.
    """

    begin_seconds: tuple[float, float]
    epoch_seconds: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPace:
    """What was measured of a search.

    Args:
        numbers: Trials that were measured.
        begin_seconds: Mean of their beginnings by each clock.
        rates: The numbers a, b, d and e by each clock.
        least: The smallest share of its prediction that a measured epoch took, at most 1.
        most: The largest one, at least 1.
        busy: Wall time over work; about 1 on a quiet machine.
    """

    numbers: tuple[int, ...]
    begin_seconds: tuple[float, float]
    rates: Float[np.ndarray, "2 4"]
    least: float
    most: float
    busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSizes:
    """What the time of trials depends on.

    Args:
        numbers: The trials.
        epochs: Of each.
        batch_size: Of each.
        cost: Relative cost of a step of each.
    """

    numbers: tuple[int, ...]
    epochs: Float[np.ndarray, " num_trials"]
    batch_size: Float[np.ndarray, " num_trials"]
    cost: Float[np.ndarray, " num_trials"]

    def terms(self, num_examples: int) -> Float[np.ndarray, "num_trials 4"]:
        """Return what an epoch of each has of a, b, d and e."""
        steps = np.ceil(num_examples / self.batch_size)
        examples = np.full(len(self.cost), float(num_examples))
        return np.stack([examples, examples * self.cost, steps, steps * self.cost], axis=1)


def trial_sizes(
    numbers: Sequence[int],
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    space: SearchSpace,
    seed: int,
    num_steps: int,
    num_features: int,
) -> TrialSizes:
    """Return what the time of trials depends on.

    Args:
        numbers: The trials.
        aggregator: Settings that are not searched.
        training: Settings that are not searched.
        space: Where the others are drawn from.
        seed: Seed of the search.
        num_steps: Steps of an example.
        num_features: Size of a feature vector.
    """
    configs = [trial_configs(trial(number, space, seed), aggregator, training) for number in numbers]
    costs = [relative_cost(model, num_segments=num_steps, num_features=num_features) for model, _ in configs]
    return TrialSizes(
        numbers=tuple(numbers),
        epochs=np.array([schedule.epochs for _, schedule in configs], dtype=np.float64),
        batch_size=np.array([schedule.batch_size for _, schedule in configs], dtype=np.float64),
        cost=np.array(costs, dtype=np.float64),
    )


def search_pace(sizes: TrialSizes, *, num_examples: int, measure: Callable[[int], TrialPace]) -> SearchPace:
    """Measure at most five trials, and return what follows for all.

    Args:
        sizes: Of all trials; at least one.
        num_examples: Examples that a measured trial learns from.
        measure: Measures one trial; see :func:`measured_pace`.
    """
    corners, middle = _ends(sizes, num_examples)
    chosen = [*corners, *middle]
    paces = [measure(sizes.numbers[k]) for k in chosen]
    measured = np.array([pace.epoch_seconds for pace in paces])
    terms = sizes.terms(num_examples)[chosen]
    rates = np.stack([_rates(terms[: len(corners)], measured[: len(corners), clock]) for clock in (0, 1)])
    shares = measured[:, 0] / np.maximum(terms @ rates[0], np.finfo(float).tiny)
    begin = np.mean([pace.begin_seconds for pace in paces], axis=0)
    return SearchPace(
        numbers=tuple(sizes.numbers[k] for k in chosen),
        begin_seconds=(float(begin[0]), float(begin[1])),
        rates=rates,
        least=float(min(1.0, shares.min())),
        most=float(max(1.0, shares.max())),
        busy=float(measured[:, 1].sum() / max(measured[:, 0].sum(), np.finfo(float).tiny)),
    )


def trial_seconds(
    sizes: TrialSizes, pace: SearchPace, *, num_examples: int
) -> Float[np.ndarray, "2 num_trials"]:
    """Return between which times trials take: by their work alone, and at the pace of this machine now.

    Args:
        sizes: Of the trials.
        pace: What was measured.
        num_examples: Examples that each learns from.
    """
    epochs = sizes.terms(num_examples) @ pace.rates.T
    work, wall = (pace.begin_seconds[clock] + sizes.epochs * epochs[:, clock] for clock in (0, 1))
    return np.stack([np.minimum(work, wall) * pace.least, np.maximum(work, wall) * pace.most])


def measured_pace(
    number: int,
    data: SearchData,
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    plan: ExamplePlan,
    space: SearchSpace,
    seed: int,
    clocks: tuple[Callable[[], float], Callable[[], float]] = CLOCKS,
) -> TrialPace:
    """Return how long a trial takes here: from a fit of one epoch and one of several.

    Args:
        number: Which trial.
        data: Examples of the training patients.
        aggregator: Settings that are not searched.
        training: Settings that are not searched.
        plan: How examples are seen.
        space: Where the others are drawn from.
        seed: Seed of the search.
        clocks: As :data:`CLOCKS`.
    """
    model, schedule = trial_configs(trial(number, space, seed), aggregator, training)

    def taken(epochs: int) -> Float[np.ndarray, " 2"]:
        began = np.array([clock() for clock in clocks])
        fit(
            data.train,
            data.validation,
            aggregator=model,
            training=schedule,
            segments=plan,
            num_classes=data.num_classes,
            seed=seed,
            epochs=epochs,
        )
        passed: Float[np.ndarray, " 2"] = np.array([clock() for clock in clocks]) - began
        return passed

    one = taken(1)
    if one[1] < _WARM_SECONDS:
        one = taken(1)
    more = int(np.clip(math.ceil(_LEAST_SECONDS / max(float(one[1]), 1e-9)), 1, _MOST_EPOCHS))
    several = taken(1 + more)
    # a busy machine may make the shorter fit the slower one
    epoch = np.maximum((several - one) / more, several / (2 * (1 + more)))
    begin = np.maximum(several - (1 + more) * epoch, 0.0)
    return TrialPace(
        begin_seconds=(float(begin[0]), float(begin[1])), epoch_seconds=(float(epoch[0]), float(epoch[1]))
    )


def _ends(sizes: TrialSizes, num_examples: int) -> tuple[list[int], list[int]]:
    """Return the positions of trials at the corners of what was drawn, and of one in the middle that is none."""
    places = np.stack([_spread(sizes.cost), _spread(np.ceil(num_examples / sizes.batch_size))], axis=1)
    targets = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
    nearest = ((places[:, None, :] - targets) ** 2).sum(axis=2).argmin(axis=0)
    corners = list(dict.fromkeys(nearest.tolist()))
    others = np.setdiff1d(np.arange(len(places)), corners)
    from_middle = ((places[others] - 0.5) ** 2).sum(axis=1)
    return corners, [int(others[from_middle.argmin()])] if len(others) else []


def _spread(values: Float[np.ndarray, " num_trials"]) -> Float[np.ndarray, " num_trials"]:
    """Return values on a scale of ratios from 0, the smallest, to 1, the largest."""
    logs = np.log(values)
    width = float(np.ptp(logs))
    return (logs - logs.min()) / width if width else np.zeros(len(values))


def _rates(
    terms: Float[np.ndarray, "num_measured 4"], seconds: Float[np.ndarray, " num_measured"]
) -> Float[np.ndarray, " 4"]:
    """Return the numbers, 0 or more, with which predictions are nearest to what was measured, in ratios."""
    from scipy.optimize import nnls

    scale = terms.max(axis=0)
    weights = 1 / np.maximum(seconds, np.finfo(float).tiny)
    found, _ = nnls(terms / scale * weights[:, None], np.ones(len(seconds)))
    rates: Float[np.ndarray, " 4"] = found / scale
    return rates
