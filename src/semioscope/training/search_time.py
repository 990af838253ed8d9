"""How long trials of a random search take, before they start."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from semioscope.models import AggregatorConfig, relative_cost
from semioscope.training.loop import fit
from semioscope.training.samplers import ExamplePlan
from semioscope.training.search import SearchData, trial_configs
from semioscope.training.search_space import SearchSpace, trial
from semioscope.training.settings import TrainingConfig


def estimate_seconds(
    numbers: Sequence[int],
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    space: SearchSpace,
    seed: int,
    num_steps: int,
    num_features: int,
    seconds_per_epoch: Callable[[int], float],
) -> float:
    """Return about how long trials take on one core, before they start.

    Only the cheapest and the dearest of them are measured; between these, an epoch grows with the cost of a step.

    Args:
        numbers: The trials.
        aggregator: Settings that are not searched.
        training: Settings that are not searched.
        space: Where the others are drawn from.
        seed: Seed of the search.
        num_steps: Steps of an example.
        num_features: Size of a feature vector.
        seconds_per_epoch: Measures an epoch of one trial; see :func:`measured_epoch_seconds`.
    """
    if not numbers:
        return 0.0
    configs = [trial_configs(trial(number, space, seed), aggregator, training) for number in numbers]
    costs = np.array(
        [relative_cost(model, num_segments=num_steps, num_features=num_features) for model, _ in configs]
    )
    ends = sorted({int(costs.argmin()), int(costs.argmax())}, key=lambda k: costs[k])
    measured = [seconds_per_epoch(numbers[k]) for k in ends]
    per_epoch = np.interp(costs, costs[ends], measured)
    return float(per_epoch @ np.array([schedule.epochs for _, schedule in configs], dtype=np.float64))


def measured_epoch_seconds(
    number: int,
    data: SearchData,
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    plan: ExamplePlan,
    space: SearchSpace,
    seed: int,
) -> float:
    """Return how long an epoch of a trial takes here: the difference of fits of one epoch and of two."""
    model, schedule = trial_configs(trial(number, space, seed), aggregator, training)
    taken = []
    for epochs in (1, 1, 2):  # the first one warms up
        begin = time.perf_counter()
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
        taken.append(time.perf_counter() - begin)
    return max(taken[2] - taken[1], taken[2] / 4)
