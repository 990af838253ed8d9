"""How long a search will take, told before it starts."""

import functools
from collections.abc import Callable, Sequence

from semioscope.core.progress import format_seconds
from semioscope.core.wording import counted
from semioscope.evaluation.examples import ExampleTable, read_examples
from semioscope.evaluation.levels import level_of
from semioscope.evaluation.search_folds import TrialTask, search_data, search_sides
from semioscope.training import SearchSpace, estimate_seconds, measured_epoch_seconds, single_thread


def search_estimate(
    tasks: Sequence[TrialTask],
    *,
    workers: int,
    seconds_per_epoch: Callable[[int], float] | None = None,
) -> str:
    """Return how long trials will take, as a sentence; some epochs of two of them are trained to find out.

    Args:
        tasks: The trials that are not done.
        workers: How many run at once, each on one core.
        seconds_per_epoch: Measures an epoch of a trial in the first fold; None means by training.

    Raises:
        LeakageError: As :func:`run_search_trial`.
        ConfigError: As :func:`run_search_trial`.
        StoreError: If the examples cannot be read.
    """
    by_fold: dict[int, list[TrialTask]] = {}
    for task in tasks:
        by_fold.setdefault(task.of.fold.index, []).append(task)
    if not by_fold:
        return "Search: nothing is left to do"
    first = tasks[0]
    table = read_examples(first.of.folder)
    space, level = first.search_space, level_of(first.of.segments)
    sizes = {
        fold: level.examples(table, search_sides(own[0], table)[0], own[0].of.clips).num_examples
        for fold, own in by_fold.items()
    }
    measure = functools.cache(seconds_per_epoch or functools.partial(_measured, first, table, space))
    seconds = 0.0
    for fold, own in by_fold.items():
        of_fold = estimate_seconds(
            [task.number for task in own],
            aggregator=first.of.aggregator,
            training=first.of.training,
            space=space,
            seed=first.of.seed,
            num_steps=level.num_steps(first.of.segments),
            num_features=table.num_features,
            seconds_per_epoch=measure,
        )
        seconds += of_fold * sizes[fold] / sizes[first.of.fold.index]
    num_trials, folds = len({task.number for task in tasks}), counted(len(by_fold), "fold")
    what = (
        f"{counted(num_trials, 'trial')} x {folds}"
        if num_trials * len(by_fold) == len(tasks)
        else f"{counted(len(tasks), 'trial')} left in {folds}"
    )
    at_once = max(1, min(workers, len(tasks)))
    return f"Search: {what}, about {format_seconds(seconds / at_once)} on {counted(at_once, 'core')}"


def _measured(task: TrialTask, table: ExampleTable, space: SearchSpace, number: int) -> float:
    with single_thread():
        return measured_epoch_seconds(
            number,
            search_data(task, table),
            aggregator=task.of.aggregator,
            training=task.of.training,
            plan=task.of.segments,
            space=space,
            seed=task.of.seed,
        )
