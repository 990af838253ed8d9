"""One fold of a classifier of clips as a unit of work: fit on its training clips, score its test windows.

A unit reads the table of clips from files and leaves one file behind, in one step. It runs on one thread, because
the last bits of a matrix product depend on the number of threads.
"""

import functools
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest
from semioscope.evaluation.clip_results import COLUMNS, write_clip_fold
from semioscope.evaluation.clip_table import ClipTable, read_clip_table
from semioscope.execution import Unit
from semioscope.models import AggregatorConfig, restore
from semioscope.plans import SegmentPlan
from semioscope.splits import Fold
from semioscope.training import (
    FitResult,
    SequenceSet,
    TrainingConfig,
    clip_set,
    fit,
    predict_scores,
    single_thread,
)

ONE_CLIP = SegmentPlan(num_segments=1, gamma=math.inf)
"""An example is one clip, so there is nothing to draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFoldTask:
    """Everything that the result of a fold depends on; can be sent to another process.

    Args:
        folder: Folder with the table of clips.
        table_digest: Digest of its content.
        fold: Which events are trained on, chosen on and scored.
        aggregator: What is trained; the paper's is ``fc``, one fully-connected layer with a sigmoid.
        training: How.
        epochs: Fixed number of epochs; None means ``training.epochs`` with the epoch chosen on the validation
            events, or all of them when there are none.
        seed: Seed of the run.
        result: File for the result of the fold; a safetensors file, see ``read_clip_fold``.
        name: How the unit is called; None means by its fold.
    """

    folder: Path
    table_digest: str
    fold: Fold
    aggregator: AggregatorConfig
    training: TrainingConfig
    epochs: int | None
    seed: int
    result: Path
    name: str | None = None

    @property
    def title(self) -> str:
        """How the fold is called."""
        return self.name or f"fold {self.fold.index}"

    def unit(self) -> Unit:
        """Return the unit of work of this fold."""
        content = {
            "kind": "clips",
            "table": self.table_digest,
            "fold": asdict(self.fold),
            "aggregator": self.aggregator.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "epochs": self.epochs,
            "seed": self.seed,
        }
        return Unit(name=self.title, key=digest(content), outputs=(self.result,), payload=self)


def run_clip_fold(task: ClipFoldTask) -> dict[str, Any]:
    """Fit and score one fold; write its result.

    Returns:
        A short summary: fold, best epoch, validation loss, numbers of clips per class.

    Raises:
        ConfigError: If the fold cannot be trained; the message names the fold.
        StoreError: If the table cannot be read or the result cannot be written.

    References:
        Methods: GESTURES 2021, Table 1; as in the paper with the training configuration of its recipe.
    """
    table = _table_of(task.folder, task.table_digest)
    train_rows = table.training_rows(task.fold.train)
    chosen_on = table.training_rows(task.fold.validation) if task.epochs is None else train_rows[:0]
    with single_thread():
        try:
            result = _fitted(task, table, train_rows, chosen_on)
        except ConfigError as err:
            title = task.title
            msg = f"{title[0].upper()}{title[1:]} cannot be trained: {err}"
            raise ConfigError(msg) from err
        views, columns = _scored(task, table, result)
    loss = float(result.history["validation_loss"][result.best_epoch - 1])
    facts = {
        "fold": task.fold.index,
        "best_epoch": result.best_epoch,
        "validation_loss": None if math.isnan(loss) else loss,
        "num_train": _class_counts(table, train_rows),
        "num_validation": _class_counts(table, chosen_on),
    }
    write_clip_fold(task.result, {**facts, "views": views}, columns)
    return facts


@functools.lru_cache(maxsize=1)
def _table_of(folder: Path, table_digest: str) -> ClipTable:
    """Return the table of a folder; a process that works on many folds reads it once."""
    return read_clip_table(folder)


def _fitted(
    task: ClipFoldTask,
    table: ClipTable,
    train_rows: Int64[np.ndarray, " num_train"],
    chosen_on: Int64[np.ndarray, " num_validation"],
) -> FitResult:
    counts = _class_counts(table, train_rows)
    if not all(counts):
        msg = (
            "its training clips must include some before and some after a clonic onset, got "
            f"{counts[0]} of class 0 and {counts[1]} of class 1. Use fewer or other folds, or more patients "
            "with clonic phases; what was left out is in the failures of the report."
        )
        raise ConfigError(msg)
    return fit(
        _examples(table, train_rows),
        _examples(table, chosen_on) if len(chosen_on) else None,
        aggregator=task.aggregator,
        training=task.training,
        segments=ONE_CLIP,
        num_classes=2,
        seed=task.seed,
        fold=task.fold.index,
        epochs=task.epochs,
    )


def _examples(table: ClipTable, rows: Int64[np.ndarray, " num_rows"]) -> SequenceSet:
    """Return some clips as examples; their features are copied, so that an epoch reads memory side by side."""
    return clip_set(np.asarray(table.features[rows]), table.y_clip[rows])


def _scored(
    task: ClipFoldTask, table: ClipTable, result: FitResult
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return the views of the test events with a window, and their windows, one view after the other."""
    models = [
        restore(task.aggregator, num_features=table.features.shape[1], num_classes=2, state=state)
        for state in (result.state, result.last_state)
    ]
    views: list[dict[str, Any]] = []
    parts: list[dict[str, np.ndarray]] = []
    for position in table.positions(task.fold.test):
        view, own = table.views[position], table.rows_of(position)
        rows = own.start + np.flatnonzero(table.is_window[own])
        if len(rows) == 0:
            continue
        examples = _examples(table, rows)
        best, last = (predict_scores(model, examples, ONE_CLIP)[:, 1] for model in models)
        part = (
            table.window_number[rows],
            table.start_seconds[rows],
            table.centre_seconds[rows] - table.clip_seconds / 2,
            table.y_clip[rows],
            best,
            last,
        )
        parts.append(dict(zip(COLUMNS, part, strict=True)))
        views.append({"event_id": view.event_id, "recording_id": view.recording_id, "num_windows": len(rows)})
    whole = {"window_number": np.int64, "y_true": np.int64}
    columns = {
        name: np.concatenate([np.zeros(0, whole.get(name, np.float64)), *(part[name] for part in parts)])
        for name in COLUMNS
    }
    return views, columns


def _class_counts(table: ClipTable, rows: Int64[np.ndarray, " num_rows"]) -> tuple[int, int]:
    ones = int(table.y_clip[rows].sum())
    return len(rows) - ones, ones
