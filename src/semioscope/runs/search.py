"""The random search of a run: trials inside the training patients of every fold, then its best settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.progress import Progress
from semioscope.evaluation import (
    FoldTask,
    TrialTask,
    read_trial,
    run_search_trial,
    search_estimate,
    searched,
    searched_final,
    trial_tasks,
)
from semioscope.execution import Executor, Ledger, Unit, run_stage
from semioscope.recipes import RunConfig
from semioscope.runs.folder import RunFolder, log_event
from semioscope.runs.results import Failure
from semioscope.training import TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSearch:
    """What a search gave; without one, the folds as they were.

    Args:
        tasks: The folds, with the settings that their search chose; a fold without a trial that worked is gone.
        results: What every trial gave, by fold; empty without a search.
    """

    tasks: tuple[FoldTask, ...]
    results: Mapping[int, Sequence[TrialResult]] = field(default_factory=dict)

    def final(self, task: FoldTask) -> FoldTask:
        """Return the final model with the settings that did best over the folds.

        Raises:
            ConfigError: If no trial could be trained in all folds.
        """
        return searched_final(task, self.results) if self.results else task

    def facts(self, config: RunConfig, final: FoldTask) -> dict[str, Any]:
        """Return what the report says of the search; empty without one."""
        if not self.results:
            return {}
        return {
            "num_trials": config.search.num_trials,
            "space": config.search.space,
            "num_failed": sum(
                one.failure is not None for of_fold in self.results.values() for one in of_fold
            ),
            "chosen": [
                {
                    "fold": task.fold.index,
                    "score": _best_score(self.results[task.fold.index]),
                    **_settings(task),
                }
                for task in self.tasks
            ],
            "final": _settings(final),
        }


def search_stage(
    tasks: Sequence[FoldTask],
    config: RunConfig,
    folder: RunFolder,
    *,
    ledger: Ledger,
    executor: Executor,
    workers: int,
    progress: Progress,
    failures: list[Failure],
) -> RunSearch:
    """Do the trials of every fold that are not done; the time they will take is told first.

    Raises:
        ConfigError: If the space does not fit the aggregator, or the training patients of a fold cannot be divided.
        StoreError: If no fold has a trial that could be trained.
    """
    if config.search.num_trials == 0:
        return RunSearch(tasks=tuple(tasks))
    by_fold = trial_tasks(
        tasks, config.search, fraction=config.selection.fraction, folder=folder.units / "search"
    )
    trials = [one for of_fold in by_fold.values() for one in of_fold]
    left = [one for one in trials if not ledger.is_done(one.unit())]
    told = search_estimate(left, workers=workers)
    progress.message(f"{told}.")
    log_event(folder, "search", estimate=told)
    stage = run_stage(
        "search", run_search_trial, _units(trials), ledger=ledger, executor=executor,
        progress=progress, unit_name="trials",
    )  # fmt: skip
    failures += [
        Failure(recording_id="", event_id="", stage="search", message=f"{one.unit.name}: {one.message}")
        for one in stage.failed
    ]
    results = {
        fold: [read_trial(one.result) for one in of_fold if ledger.is_done(one.unit())]
        for fold, of_fold in by_fold.items()
    }
    found = []
    for task in tasks:
        try:
            found.append(searched(task, results[task.fold.index]))
        except ConfigError as err:
            failures.append(Failure(recording_id="", event_id="", stage="search", message=str(err)))
            del results[task.fold.index]
    if not found:
        raise StoreError(
            "No fold has a trial that could be trained. "
            + " ".join(failure.message for failure in failures[-3:])
        )
    return RunSearch(tasks=tuple(found), results=results)


def _units(trials: Sequence[TrialTask]) -> list[Unit]:
    """Return units whose weights are their share of all costs, so that they add up to the number of trials."""
    total = sum(one.cost for one in trials)
    return [replace(one.unit(), weight=one.cost * len(trials) / total) for one in trials]


def _best_score(results: Sequence[TrialResult]) -> float:
    return max(result.score for result in results if result.score is not None)


def _settings(task: FoldTask) -> dict[str, Any]:
    return {
        "aggregator": task.aggregator.without_place.model_dump(mode="json"),
        "training": task.training.model_dump(mode="json"),
    }
