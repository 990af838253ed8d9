"""Random search: settings drawn at random, each trial from its number alone, compared inside the training patients.

A trial is a function of its number, so trials may run in any order and on any machine, and a search that was
interrupted gives the same as one that was not. Nothing here opens a file: results are plain numbers that a stage can
keep, one file per trial.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from semioscope.core.errors import ConfigError, LeakageError
from semioscope.core.wording import counted
from semioscope.models import AggregatorConfig
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
    """What a search may see: the examples of the training patients, in two parts.

    Args:
        train: Examples that are learnt from.
        validation: Examples that compare the trials.
        train_patients: Patients of the former.
        validation_patients: Patients of the latter; none of the former.
        num_classes: At least 2.
    """

    train: SequenceSet
    validation: SequenceSet
    train_patients: frozenset[str]
    validation_patients: frozenset[str]
    num_classes: int

    def __post_init__(self) -> None:
        both = sorted(self.train_patients & self.validation_patients)
        if both:
            msg = (
                f"A search compares trials on patients that they have not learnt from, but {both[0]} is on both "
                f"sides ({counted(len(both), 'such patient')}). Split by patient."
            )
            raise LeakageError(msg)
        if not (self.train.num_examples and self.validation.num_examples):
            msg = (
                f"A search needs examples to learn from and others to compare trials on, got "
                f"{self.train.num_examples} and {self.validation.num_examples}. Use more patients."
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
    model, schedule = trial_configs(settings, aggregator, training)
    try:
        result = fit(
            data.train,
            data.validation,
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


def best_over_folds(results: Iterable[Sequence[TrialResult]]) -> tuple[TrialResult, ...]:
    """Return what the trial that is best over all folds gave in each: the highest mean score, then the lowest number.

    A trial has the same settings in every fold. One that failed in a fold is not chosen.

    Args:
        results: Of each fold, in whatever order.

    Raises:
        ConfigError: If no trial could be trained in all folds.
    """
    of_folds = [{result.number: result for result in fold} for fold in results]
    numbers = sorted(set().union(*of_folds))
    whole = [
        tuple(fold[number] for fold in of_folds)
        for number in numbers
        if all(number in fold and fold[number].score is not None for fold in of_folds)
    ]
    if not whole:
        msg = (
            f"A search needs a trial that could be trained in all of {len(of_folds)} folds, got none of "
            f"{len(numbers)}. Use more trials (search.num_trials)."
        )
        raise ConfigError(msg)
    # of equal ones the first
    return max(
        whole, key=lambda own: float(np.mean([result.score for result in own if result.score is not None]))
    )


def trial_configs(
    settings: Mapping[str, Mapping[str, Any]], aggregator: AggregatorConfig, training: TrainingConfig
) -> tuple[AggregatorConfig, TrainingConfig]:
    """Return the configurations with the settings of a trial in them, checked anew.

    Args:
        settings: What :func:`trial` drew.
        aggregator: Settings that are not searched.
        training: Settings that are not searched.

    Raises:
        ConfigError: If there is no such setting, or a value of it is not possible.
    """
    try:
        return (
            AggregatorConfig.model_validate(aggregator.model_dump() | dict(settings["aggregator"])),
            TrainingConfig.model_validate(training.model_dump() | dict(settings["training"])),
        )
    except ValidationError as err:
        msg = f"A search space must give settings that are possible: {err}. Correct its keys or its ranges."
        raise ConfigError(msg) from err
