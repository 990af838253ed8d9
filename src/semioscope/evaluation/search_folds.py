"""A random search as a stage: one unit of work per fold and trial, inside the training patients of the fold.

```
fold.test        never seen
fold.validation  compares the trials, where it is an inner split; else some of the training patients do
fold.train       learnt from
```
A trial has the same settings in every fold, so a search also says which settings do best over all of them. The fold
is trained anew with the best settings of its own search: nothing of a search is scored.

Methods: Karácsony 2020, section 3.5.1, and 2022, "Implemented classifier architectures". Differs: the papers do not
say on which patients trials are compared; here no tested event takes part.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.errors import ConfigError, LeakageError
from semioscope.core.files import digest, write_json
from semioscope.core.wording import counted
from semioscope.evaluation.example_table import ExampleTable, read_examples
from semioscope.evaluation.fold import FoldTask
from semioscope.evaluation.levels import level_of
from semioscope.execution import Unit
from semioscope.models import relative_cost
from semioscope.splits import FoldEvents, SelectionConfig, inner_split
from semioscope.training import (
    SearchConfig,
    SearchData,
    SearchSpace,
    run_trial,
    single_thread,
    space_of,
    trial,
    trial_configs,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTask:
    """Everything that the result of a trial depends on; can be sent to another process.

    Args:
        of: The fold as it would be trained without a search; its aggregator and training give what is not searched.
        number: Which trial, from 0.
        space: A key of ``SEARCH_SPACES``.
        fraction: Wanted share of the training patients that compare the trials, where the fold has no inner split.
        result: File for what the trial gave.
    """

    of: FoldTask
    number: int
    space: str
    fraction: float
    result: Path

    def unit(self) -> Unit:
        """Return the unit of work of this trial; how many others there are does not matter."""
        content = {
            "fold": self.of.unit().key,
            "number": self.number,
            "space": self.space,
            "fraction": self.fraction,
        }
        name = f"fold {self.of.fold.index}, trial {self.number}"
        return Unit(name=name, key=digest(content), outputs=(self.result,), payload=self, weight=self.cost)

    @property
    def cost(self) -> float:
        """Return about how long the trial takes against others of its stage."""
        settings = trial(self.number, self.search_space, self.of.seed)
        model, schedule = trial_configs(settings, self.of.aggregator, self.of.training)
        step = relative_cost(model, num_segments=level_of(self.of.segments).num_steps(self.of.segments))
        return step * max(1, len(self.of.fold.train)) * schedule.epochs

    @property
    def search_space(self) -> SearchSpace:
        """Return where the settings are drawn from."""
        return space_of(self.space, aggregator=self.of.aggregator.name, num_classes=self.of.num_classes)


def trial_tasks(
    folds: Sequence[FoldTask], search: SearchConfig, *, fraction: float, folder: Path
) -> dict[int, tuple[TrialTask, ...]]:
    """Return the trials of every fold, by its index.

    Args:
        folds: The folds as they would be trained without a search.
        search: How many trials, and of which space.
        fraction: ``selection.fraction`` of the run.
        folder: Where results go: ``fold-K/trial-N.json``.

    Raises:
        ConfigError: If there is no such space, or it is that of another aggregator.
    """
    for task in folds:
        space_of(search.space, aggregator=task.aggregator.name, num_classes=task.num_classes)
    return {
        task.fold.index: tuple(
            TrialTask(
                of=task,
                number=number,
                space=search.space,
                fraction=fraction,
                result=folder / f"fold-{task.fold.index}" / f"trial-{number}.json",
            )
            for number in range(search.num_trials)
        )
        for task in folds
    }


def run_search_trial(task: TrialTask) -> dict[str, Any]:
    """Train one trial and write what it gave. A loss that does not stay finite is a result, with its reason.

    Returns:
        A short summary: fold, number, score (None if it failed).

    Raises:
        LeakageError: If a tested event would be seen.
        ConfigError: If the training patients cannot be divided, or a setting is not possible; the message names the
            trial and the fold.
        StoreError: If the files cannot be read or written.
    """
    fold = task.of.fold.index
    with single_thread():
        try:
            result = run_trial(
                task.number,
                search_data(task, read_examples(task.of.folder)),
                aggregator=task.of.aggregator,
                training=task.of.training,
                plan=task.of.segments,
                space=task.search_space,
                seed=task.of.seed,
                fold=fold,
            )
        except ConfigError as err:
            msg = f"Trial {task.number} of fold {fold} cannot be trained: {err}"
            raise ConfigError(msg) from err
    task.result.parent.mkdir(parents=True, exist_ok=True)
    write_json(task.result, {"fold": fold, **asdict(result)})
    return {"fold": fold, "number": task.number, "score": result.score}


def search_data(task: TrialTask, table: ExampleTable) -> SearchData:
    """Return what the search of a fold may see.

    Raises:
        LeakageError: If a tested event would be seen, or a patient is on both sides.
        ConfigError: If the training patients cannot be divided, or a side has no example.
    """
    train, validation = search_sides(task, table)
    examples = level_of(task.of.segments).examples
    return SearchData(
        train=examples(table, train, task.of.clips),
        validation=examples(table, validation, task.of.clips),
        train_patients=frozenset(table.views[i].patient_id for i in train),
        validation_patients=frozenset(table.views[i].patient_id for i in validation),
        num_classes=task.of.num_classes,
    )


def search_sides(task: TrialTask, table: ExampleTable) -> tuple[list[int], list[int]]:
    """Return the positions of the views that are learnt from and of those that compare the trials.

    Raises:
        LeakageError: If a tested event would be among them.
        ConfigError: If the training patients cannot be divided.
    """
    fold = task.of.fold
    has_inner_split = not set(fold.validation) <= set(fold.test)
    learnt, compared = (set(fold.train), set(fold.validation)) if has_inner_split else _own_split(task, table)
    tested = sorted((learnt | compared) & set(fold.test))
    if tested:
        msg = (
            f"A search must not see the events that a fold tests, but fold {fold.index} also trains or chooses on "
            f"{tested[0]} ({counted(len(tested), 'such event')}). Make the folds again."
        )
        raise LeakageError(msg)
    return table.positions(learnt, only_training=True), table.positions(compared, only_training=True)


def _own_split(task: TrialTask, table: ExampleTable) -> tuple[set[str], set[str]]:
    """Divide the training events as an inner split of the fold would, by patient."""
    fold = task.of.fold
    first = {view.event_id: view for view in reversed(table.views) if view.event_id in set(fold.train)}
    names = tuple(sorted(first))
    can_train = {table.views[i].event_id for i in table.positions(names, only_training=True)}
    events = FoldEvents(
        event_ids=names,
        patient_ids=tuple(first[name].patient_id for name in names),
        y_true=np.array([first[name].y_true for name in names], dtype=np.int64),
        duration_seconds=np.array(
            [first[name].offset_seconds - first[name].onset_seconds for name in names], dtype=np.float64
        ),
        trainable=np.array([name in can_train for name in names], dtype=np.bool_),
    )
    chosen = np.zeros(0, dtype=np.bool_)
    if names:
        chosen = inner_split(
            events,
            events.trainable,
            SelectionConfig(fraction=task.fraction),
            seed=task.of.seed,
            fold=fold.index,
            num_classes=task.of.num_classes,
        )
    if not chosen.any():
        msg = (
            f"A search compares trials on some of the training patients, but those of fold {fold.index} cannot be "
            "divided so that every class has a patient on both sides. Use more folds, more patients, or --set "
            "search.num_trials=0 for no search."
        )
        raise ConfigError(msg)
    compared = {name for name, mine in zip(names, chosen.tolist(), strict=True) if mine}
    return set(names) - compared, compared
