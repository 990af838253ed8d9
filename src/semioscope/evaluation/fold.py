"""One fold as a unit of work: fit on its training views, score its test views.

A unit reads the examples from files and leaves two files behind: the weights of the fold and its scores. It runs
on one thread, because the last bits of a matrix product depend on the number of threads.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest, file_sha256, write_json
from semioscope.evaluation.example_table import EXAMPLE_FILES, ExampleTable, read_examples
from semioscope.evaluation.levels import level_of
from semioscope.execution import Unit
from semioscope.models import Aggregator, AggregatorConfig, relative_cost, restore, save
from semioscope.plans import ClipPlan, SlicePlan
from semioscope.scoring import fit_threshold
from semioscope.splits import Fold
from semioscope.training import (
    ExamplePlan,
    FitResult,
    TrainingConfig,
    fit_side_by_side,
    single_thread,
    training_device,
)

FINAL = -1
"""Fold number of the model that is trained on all examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """Everything that the result of a fold depends on; can be sent to another process.

    Args:
        folder: Folder with the examples.
        examples_digest: Digest of their content.
        fold: Which events are trained on, chosen on and scored; for the final model all are trained on.
        num_classes: At least 2.
        clips: The clips that the features belong to.
        segments: How examples are seen: how clips are drawn from an event, the steps of a slice, or excerpts.
        aggregator: What is trained.
        training: How.
        epochs: Fixed number of epochs; None means ``training.epochs`` with the epoch chosen on the validation
            events, or all of them when there are none.
        seed: Seed of the run.
        weights: File for the weights of the fold; None keeps no weights.
        result: File for the scores of the fold.
        name: How the unit is called; None means by its fold.
        brief: Keep only the scores of views, after the best and after the last epoch; not their course over time.
    """

    folder: Path
    examples_digest: str
    fold: Fold
    num_classes: int
    clips: ClipPlan | SlicePlan
    segments: ExamplePlan
    aggregator: AggregatorConfig
    training: TrainingConfig
    epochs: int | None
    seed: int
    weights: Path | None
    result: Path
    name: str | None = None
    brief: bool = False

    def unit(self) -> Unit:
        """Return the unit of work of this fold.

        Raises:
            ValueError: If the hash of the pre-training is not known, on which the result depends.
        """
        if self.aggregator.pretrained is not None and self.aggregator.pretrained_sha256 is None:
            msg = "A fold needs the hash of its pre-training. Plan it with planned_pretraining."
            raise ValueError(msg)
        content = {
            "examples": self.examples_digest,
            "fold": asdict(self.fold),
            "num_classes": self.num_classes,
            "clips": self.clips.model_dump(mode="json"),
            "segments": self.segments.model_dump(mode="json"),
            "aggregator": self.aggregator.without_place.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "epochs": self.epochs,
            "seed": self.seed,
            "brief": self.brief,
        }
        name = self.name or ("final model" if self.fold.index == FINAL else f"fold {self.fold.index}")
        outputs = (self.result,) if self.weights is None else (self.weights, self.result)
        return Unit(name=name, key=digest(content), outputs=outputs, payload=self)

    @property
    def cost(self) -> float:
        """Return about how long the fit takes against others of its stage."""
        epochs = self.training.epochs if self.epochs is None else self.epochs
        step = relative_cost(self.aggregator, num_segments=level_of(self.segments).num_steps(self.segments))
        return step * max(1, len(self.fold.train)) * epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldGroup:
    """Folds that differ only in how clips are drawn; they are trained side by side, which takes less time.

    Args:
        name: How the unit is called.
        tasks: Equal in all but the gamma of their segments, their names and their files.
    """

    name: str
    tasks: tuple[FoldTask, ...]

    def unit(self) -> Unit:
        """Return the unit of work of these folds."""
        units = [task.unit() for task in self.tasks]
        outputs = tuple(path for unit in units for path in unit.outputs)
        return Unit(name=self.name, key=digest([unit.key for unit in units]), outputs=outputs, payload=self)

    @property
    def cost(self) -> float:
        """Return about how long the fits take against others of their stage."""
        return sum(task.cost for task in self.tasks)


def examples_digest(folder: Path) -> str:
    """Return a digest of the content of the examples in a folder."""
    return digest([file_sha256(folder / name) for name in EXAMPLE_FILES])


@functools.lru_cache(maxsize=1)
def _examples_of(folder: Path, examples_digest: str) -> ExampleTable:
    """Return the examples of a folder; a process that works on many units reads them once."""
    return read_examples(folder)


def run_fold(task: FoldTask) -> dict[str, Any]:
    """Fit and score one fold; write its weights and scores.

    Returns:
        A short summary: fold, best epoch.

    Raises:
        ConfigError: If the fold cannot be trained; the message names the fold.
        StoreError: If the files cannot be written.
    """
    table = _examples_of(task.folder, task.examples_digest)
    with single_thread():
        try:
            result = _fitted([task], table)[0]
        except ConfigError as err:
            name = task.name or ("The final model" if task.fold.index == FINAL else f"Fold {task.fold.index}")
            raise ConfigError(_told(name, err)) from err
        return _scored(task, table, result)


def run_fold_group(group: FoldGroup) -> list[dict[str, Any]]:
    """Fit and score folds that differ only in how clips are drawn, as :func:`run_fold` does with one.

    A fit whose loss does not stay finite leaves ``{"failed": MESSAGE}`` as its result; the others are trained
    without it.

    Returns:
        A short summary per fold.

    Raises:
        ConfigError: If none of them can be trained.
        StoreError: If the files cannot be written.
    """
    first = group.tasks[0]
    table = _examples_of(first.folder, first.examples_digest)
    with single_thread():
        try:
            results: list[FitResult | ConfigError] = [*_fitted(group.tasks, table)]
        except ConfigError:
            results = [_fitted_or_error(task, table) for task in group.tasks]
        errors = [result for result in results if isinstance(result, ConfigError)]
        if len(errors) == len(results):
            raise ConfigError(_told(group.name, errors[0])) from errors[0]
        summaries = []
        for task, result in zip(group.tasks, results, strict=True):
            if isinstance(result, ConfigError):
                summaries.append({"failed": _told(task.name or group.name, result)})
                write_json(task.result, summaries[-1])
            else:
                summaries.append(_scored(task, table, result))
        return summaries


def _told(name: str, err: ConfigError) -> str:
    return f"{name[0].upper()}{name[1:]} cannot be trained: {err}"


def _fitted_or_error(task: FoldTask, table: ExampleTable) -> FitResult | ConfigError:
    try:
        return _fitted([task], table)[0]
    except ConfigError as err:
        return err


def _scored(task: FoldTask, table: ExampleTable, result: FitResult) -> dict[str, Any]:
    """Score the test views of a trained fold, write its files and return a short summary."""
    model = _model(task, table, result.state)
    scored = [] if task.fold.index == FINAL else table.positions(task.fold.test)
    if task.brief:
        rows = _brief_rows(task, table, scored, model, _model(task, table, result.last_state))
    else:
        rows = level_of(task.segments).rows(model, table, scored, segments=task.segments, clips=task.clips)
    threshold = _inner_threshold(task, table, model)
    history = {name: [float(value) for value in values] for name, values in result.history.items()}
    facts = {
        "fold": task.fold.index,
        "best_epoch": result.best_epoch,
        "threshold": threshold,
        "validation_loss": history["validation_loss"][result.best_epoch - 1],
        "num_short_segments": result.num_short_segments,
    }
    if task.weights is not None:
        save(task.weights, model, task.aggregator.without_place, facts=facts)
    write_json(task.result, {**facts, **({} if task.brief else {"history": history}), "views": rows})
    return facts


def _model(task: FoldTask, table: ExampleTable, state: Mapping[str, np.ndarray]) -> Aggregator:
    model = restore(
        task.aggregator, num_features=table.num_features, num_classes=task.num_classes, state=state
    )
    return model.to(training_device(task.training.device))


def _brief_rows(
    task: FoldTask, table: ExampleTable, chosen: list[int], best: Aggregator, last: Aggregator
) -> list[dict[str, Any]]:
    """Return the scores of views after the best and after the last epoch, and nothing else."""
    if not chosen:
        return []
    of_views = level_of(task.segments).scores
    scores, last_scores = (
        of_views(model, table, chosen, segments=task.segments, clips=task.clips) for model in (best, last)
    )
    return [
        {
            "event_id": table.views[i].event_id,
            "recording_id": table.views[i].recording_id,
            "scores": scores[k].tolist(),
            "last_scores": last_scores[k].tolist(),
        }
        for k, i in enumerate(chosen)
    ]


def _fitted(tasks: Sequence[FoldTask], table: ExampleTable) -> list[FitResult]:
    task = tasks[0]
    train = table.positions(task.fold.train, only_training=True)
    validation = table.positions(task.fold.validation, only_training=True)
    if not train:
        msg = "no training event has features. Look at the failures in the report."
        raise ConfigError(msg)
    examples = level_of(task.segments).examples
    return fit_side_by_side(
        examples(table, train, task.clips),
        examples(table, validation, task.clips) if validation and task.epochs is None else None,
        aggregator=task.aggregator,
        training=task.training,
        segments=[one.segments for one in tasks],
        num_classes=task.num_classes,
        seed=task.seed,
        fold="final" if task.fold.index == FINAL else task.fold.index,
        epochs=task.epochs,
    )


def _inner_threshold(task: FoldTask, table: ExampleTable, model: Aggregator) -> float | None:
    """Return the threshold that serves the inner validation events best; None where there are none.

    Methods: section 0, protocol ``patient``. Events that are also tested choose nothing.
    """
    inner = set(task.fold.validation) - set(task.fold.test)
    chosen = table.positions(inner)
    if task.num_classes != 2 or not chosen or inner != set(task.fold.validation):
        return None
    by_event: dict[str, list[float]] = {}
    scores = level_of(task.segments).scores(model, table, chosen, segments=task.segments, clips=task.clips)
    for i, score in zip(chosen, scores[:, 1].tolist(), strict=True):
        by_event.setdefault(table.views[i].event_id, []).append(score)
    truth = {table.views[i].event_id: table.views[i].y_true for i in chosen}
    y_true = np.array([truth[event_id] for event_id in by_event], dtype=np.int64)
    return fit_threshold(y_true, np.array([np.mean(own) for own in by_event.values()]))
