"""From the results of a search to the settings of a fold and of the final model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import read_json
from semioscope.evaluation.fold import FoldTask
from semioscope.models import AggregatorConfig
from semioscope.training import TrainingConfig, TrialResult, best_over_folds, best_trial, trial_configs


def read_trial(path: Path) -> TrialResult:
    """Read what a trial gave.

    Raises:
        StoreError: If the file is absent or no result of a trial.
    """
    content = read_json(path)
    try:
        return TrialResult(**{key: value for key, value in content.items() if key != "fold"})
    except (AttributeError, TypeError) as err:
        msg = f"{path} must hold the result of a trial: {err}. Delete it and give the same command again."
        raise StoreError(msg) from err


def chosen_settings(
    results: Sequence[TrialResult], *, aggregator: AggregatorConfig, training: TrainingConfig
) -> tuple[AggregatorConfig, TrainingConfig]:
    """Return the settings of the best trial of a fold, in whatever order the results come.

    Args:
        results: Of one fold.
        aggregator: Settings that were not searched.
        training: Settings that were not searched.

    Raises:
        ConfigError: If no trial could be trained.
    """
    return trial_configs(best_trial(results).settings, aggregator, training)


def searched(task: FoldTask, results: Sequence[TrialResult]) -> FoldTask:
    """Return a fold with the settings that its search chose; where epochs are fixed, they are the chosen ones.

    Raises:
        ConfigError: If no trial could be trained; the message names the fold.
    """
    try:
        aggregator, training = chosen_settings(results, aggregator=task.aggregator, training=task.training)
    except ConfigError as err:
        msg = f"Fold {task.fold.index}: {err}"
        raise ConfigError(msg) from err
    epochs = None if task.epochs is None else training.epochs
    return replace(task, aggregator=aggregator, training=training, epochs=epochs)


def searched_final(task: FoldTask, results: Mapping[int, Sequence[TrialResult]]) -> FoldTask:
    """Return the final model with the settings that did best over all folds, for the median of their best epochs.

    Args:
        task: The final model as it would be trained without a search.
        results: By fold.

    Raises:
        ConfigError: If no trial could be trained in all folds.
    """
    best = best_over_folds([results[index] for index in sorted(results)])
    aggregator, training = trial_configs(best[0].settings, task.aggregator, task.training)
    epochs = max(1, round(median(result.best_epoch for result in best if result.best_epoch is not None)))
    return replace(task, aggregator=aggregator, training=training, epochs=epochs)
