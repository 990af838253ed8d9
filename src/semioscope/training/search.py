"""Random search: settings drawn at random, each trial from its number alone, compared inside the training patients.

A trial is a function of its number, so trials may run in any order and on any machine, and a search that was
interrupted gives the same as one that was not. Nothing here opens a file: results are plain numbers that a stage can
keep, one file per trial.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool
from pydantic import ValidationError

from semioscope.core.errors import ConfigError, LeakageError
from semioscope.models import AggregatorConfig, relative_cost
from semioscope.training.loop import LostLossError, fit
from semioscope.training.samplers import ExamplePlan
from semioscope.training.search_space import SearchSpace, trial
from semioscope.training.sequences import SequenceSet
from semioscope.training.settings import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial gave; plain values that can be written as JSON and read again.

    Args:
        number: Which trial.
        settings: What :func:`trial` drew.
        score: Highest macro F1 over the inner validation examples; None if it failed.
        best_epoch: The first epoch that had it; None if it failed.
        failure: Why it failed; None if it did not.
    """

    number: int
    settings: dict[str, dict[str, Any]]
    score: float | None
    best_epoch: int | None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchData:
    """What a search may see: the examples of the training patients and one split of them.

    Args:
        examples: Examples of training patients only.
        patients: The patient of each example.
        is_validation: Which examples compare the trials; the others are learnt from.
        num_classes: At least 2.
    """

    examples: SequenceSet
    patients: tuple[str, ...]
    is_validation: Bool[np.ndarray, " num_examples"]
    num_classes: int

    def __post_init__(self) -> None:
        if not len(self.patients) == len(self.is_validation) == self.examples.num_examples:
            msg = (
                f"Every example needs a patient and a side, got {len(self.patients)} patients and "
                f"{len(self.is_validation)} sides for {self.examples.num_examples} examples."
            )
            raise ValueError(msg)
        who = np.array(self.patients, dtype=np.str_)
        both = sorted(set(who[self.is_validation].tolist()) & set(who[~self.is_validation].tolist()))
        if both:
            msg = (
                f"A search compares trials on patients that they have not learnt from, but {both[0]} is on both "
                f"sides ({len(both)} such patients). Split by patient."
            )
            raise LeakageError(msg)
        if not self.is_validation.any() or self.is_validation.all():
            msg = (
                f"A search needs examples to learn from and others to compare trials on, got "
                f"{int((~self.is_validation).sum())} and {int(self.is_validation.sum())}. Use more patients."
            )
            raise ConfigError(msg)


def run_trial(
    number: int,
    data: SearchData,
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    plan: ExamplePlan,
    space: SearchSpace,
    seed: int,
    fold: int | str = 0,
) -> TrialResult:
    """Train with the settings of a trial and return its score; equal arguments, equal results (on one thread).

    The score is the macro F1 whatever ``training.best_epoch`` says: losses of one kind say nothing beside another.

    Args:
        number: Which trial, from 0.
        data: Training patients only; test patients are not given to a search.
        aggregator: Settings that are not searched.
        training: Settings that are not searched.
        plan: How examples are seen.
        space: Where the others are drawn from.
        seed: Seed of the run.
        fold: Names the random streams, with the number.

    Raises:
        ConfigError: If the space or the settings are not possible. A loss that does not stay finite is a failure of
            the trial, not an error.
    """
    settings = trial(number, space, seed)
    model, schedule = _configs(settings, aggregator, training)
    try:
        result = fit(
            data.examples.subset(~data.is_validation),
            data.examples.subset(data.is_validation),
            aggregator=model,
            training=schedule.model_copy(update={"best_epoch": "best_f1"}),
            segments=plan,
            num_classes=data.num_classes,
            seed=seed,
            fold=f"{fold}, trial {number}",
        )
    except LostLossError as err:
        return TrialResult(number=number, settings=settings, score=None, best_epoch=None, failure=str(err))
    score = float(result.history["validation_f1"][result.best_epoch - 1])
    return TrialResult(number=number, settings=settings, score=score, best_epoch=result.best_epoch)


def best_trial(results: Sequence[TrialResult]) -> TrialResult:
    """Return the trial with the highest score, of equal ones the one with the lowest number, in whatever order.

    Raises:
        ConfigError: If none has a score.
    """
    scored = [(-result.score, result.number, result) for result in results if result.score is not None]
    if not scored:
        why = next((f": {result.failure}" for result in results if result.failure), ".")
        msg = f"A search needs a trial that could be trained, got none of {len(results)}{why}"
        raise ConfigError(msg)
    return min(scored, key=lambda entry: entry[:2])[2]


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
    configs = [_configs(trial(number, space, seed), aggregator, training) for number in numbers]
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
    model, schedule = _configs(trial(number, space, seed), aggregator, training)
    taken = []
    for epochs in (1, 1, 2):  # the first one warms up
        begin = time.perf_counter()
        fit(
            data.examples.subset(~data.is_validation),
            data.examples.subset(data.is_validation),
            aggregator=model,
            training=schedule,
            segments=plan,
            num_classes=data.num_classes,
            seed=seed,
            epochs=epochs,
        )
        taken.append(time.perf_counter() - begin)
    return max(taken[2] - taken[1], taken[2] / 4)


def _configs(
    settings: Mapping[str, Mapping[str, Any]], aggregator: AggregatorConfig, training: TrainingConfig
) -> tuple[AggregatorConfig, TrainingConfig]:
    """Return the configurations with the settings of a trial in them, checked anew."""
    try:
        return (
            AggregatorConfig.model_validate(aggregator.model_dump() | dict(settings["aggregator"])),
            TrainingConfig.model_validate(training.model_dump() | dict(settings["training"])),
        )
    except ValidationError as err:
        msg = f"A search space must give settings that are possible: {err}. Correct its keys or its ranges."
        raise ConfigError(msg) from err
