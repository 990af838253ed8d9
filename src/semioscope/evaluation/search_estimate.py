"""How long a search will take, told before it starts."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from semioscope.core.progress import format_seconds
from semioscope.core.wording import counted
from semioscope.evaluation.example_table import ExampleTable, read_examples
from semioscope.evaluation.levels import level_of
from semioscope.evaluation.search_folds import TrialTask, search_data, search_sides
from semioscope.training import (
    TrialPace,
    TrialSizes,
    measured_pace,
    search_pace,
    single_thread,
    trial_seconds,
    trial_sizes,
)

_BUSY = 1.25
"""Above so much wall time per work others are told of."""


def search_estimate(
    tasks: Sequence[TrialTask], *, workers: int, measure: Callable[[int], TrialPace] | None = None
) -> str:
    """Return how long trials will take, as a sentence; some epochs of a few of them are trained to find out.

    Two times are told where they are not the same: from the work that the trials are, if that went as well as where
    it went best, to their time at the pace of this machine now, if it went as badly as where it went worst. The
    start of processes is in neither.

    Args:
        tasks: The trials that are not done.
        workers: How many run at once, each on one core.
        measure: Measures a trial in the first fold; None means by training.

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
    table, level = read_examples(first.of.folder), level_of(first.of.segments)
    num_examples = {
        fold: level.examples(table, search_sides(own[0], table)[0], own[0].of.clips).num_examples
        for fold, own in by_fold.items()
    }

    def sizes_of(numbers: Sequence[int]) -> TrialSizes:
        return trial_sizes(
            numbers,
            aggregator=first.of.aggregator,
            training=first.of.training,
            space=first.search_space,
            seed=first.of.seed,
            num_steps=level.num_steps(first.of.segments),
            num_features=table.num_features,
        )

    numbers = list(dict.fromkeys(task.number for task in tasks))
    pace = search_pace(
        sizes_of(numbers),
        num_examples=num_examples[first.of.fold.index],
        measure=measure or functools.partial(_measured, first, table),
    )
    seconds = np.concatenate(
        [
            trial_seconds(sizes_of([task.number for task in own]), pace, num_examples=num_examples[fold])
            for fold, own in by_fold.items()
        ],
        axis=1,
    )
    folds = counted(len(by_fold), "fold")
    what = (
        f"{counted(len(numbers), 'trial')} x {folds}"
        if len(numbers) * len(by_fold) == len(tasks)
        else f"{counted(len(tasks), 'trial')} left in {folds}"
    )
    at_once = max(1, min(workers, len(tasks)))
    times = list(dict.fromkeys(format_seconds(_together(own, at_once)) for own in seconds))
    stays = ", the longer if this machine stays as busy as now" if pace.busy > _BUSY else ""
    return (
        f"Search: {what}, about {' to '.join(times)} on {counted(at_once, 'core')}{stays if len(times) > 1 else ''} "
        f"({counted(len(pace.numbers), 'trial')} measured)"
    )


def _together(seconds: Float[np.ndarray, " num_trials"], at_once: int) -> float:
    """Return how long trials take that run so many at once: none is shared, so the longest is the least."""
    return float(max(seconds.sum() / at_once, seconds.max()))


def _measured(task: TrialTask, table: ExampleTable, number: int) -> TrialPace:
    with single_thread():
        return measured_pace(
            number,
            search_data(task, table),
            aggregator=task.of.aggregator,
            training=task.of.training,
            plan=task.of.segments,
            space=task.search_space,
            seed=task.of.seed,
        )
