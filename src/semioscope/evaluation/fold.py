"""One fold as a unit of work: fit on its training views, score its test views.

A unit reads the examples from files and leaves two files behind: the weights of the fold and its scores. It runs
on one thread, because the last bits of a matrix product depend on the number of threads.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest, file_sha256, write_json
from semioscope.evaluation.examples import ExampleTable, read_examples
from semioscope.execution import Unit
from semioscope.models import Aggregator, AggregatorConfig, restore, save
from semioscope.plans import ClipPlan, SegmentPlan
from semioscope.scoring import fit_threshold
from semioscope.splits import Fold
from semioscope.training import (
    FitResult,
    TrainingConfig,
    fit,
    predict_scores,
    predict_steps,
    single_thread,
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
        segments: How clips are drawn.
        aggregator: What is trained.
        training: How.
        epochs: Fixed number of epochs; None means ``training.epochs`` with the epoch chosen on the validation
            events, or all of them when there are none.
        seed: Seed of the run.
        weights: File for the weights of the fold.
        result: File for the scores of the fold.
    """

    folder: Path
    examples_digest: str
    fold: Fold
    num_classes: int
    clips: ClipPlan
    segments: SegmentPlan
    aggregator: AggregatorConfig
    training: TrainingConfig
    epochs: int | None
    seed: int
    weights: Path
    result: Path

    def unit(self) -> Unit:
        """Return the unit of work of this fold."""
        content = {
            "examples": self.examples_digest,
            "fold": asdict(self.fold),
            "num_classes": self.num_classes,
            "clips": self.clips.model_dump(mode="json"),
            "segments": self.segments.model_dump(mode="json"),
            "aggregator": self.aggregator.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "epochs": self.epochs,
            "seed": self.seed,
        }
        name = "final model" if self.fold.index == FINAL else f"fold {self.fold.index}"
        return Unit(name=name, key=digest(content), outputs=(self.weights, self.result), payload=self)


def examples_digest(folder: Path) -> str:
    """Return a digest of the content of the examples in a folder."""
    return digest([file_sha256(folder / name) for name in ("examples.json", "examples.npy")])


def run_fold(task: FoldTask) -> dict[str, Any]:
    """Fit and score one fold; write its weights and scores.

    Returns:
        A short summary: fold, best epoch.

    Raises:
        ConfigError: If the fold cannot be trained; the message names the fold.
        StoreError: If the files cannot be written.
    """
    table = read_examples(task.folder)
    with single_thread():
        try:
            result = _fitted(task, table)
        except ConfigError as err:
            name = "The final model" if task.fold.index == FINAL else f"Fold {task.fold.index}"
            msg = f"{name} cannot be trained: {err}"
            raise ConfigError(msg) from err
        num_features = table.features.shape[1]
        model = restore(
            task.aggregator, num_features=num_features, num_classes=task.num_classes, state=result.state
        )
        scored = [] if task.fold.index == FINAL else table.positions(task.fold.test)
        rows = score_views(model, table, scored, segments=task.segments, clips=task.clips)
        threshold = _inner_threshold(task, table, model)
    facts = {"fold": task.fold.index, "best_epoch": result.best_epoch, "threshold": threshold}
    save(task.weights, model, task.aggregator, facts=facts)
    history = {name: [float(value) for value in values] for name, values in result.history.items()}
    write_json(task.result, {**facts, "history": history, "views": rows})
    return facts


def _fitted(task: FoldTask, table: ExampleTable) -> FitResult:
    train = table.positions(task.fold.train, only_training=True)
    validation = table.positions(task.fold.validation, only_training=True)
    if not train:
        msg = "no training event has features. Look at the failures in the report."
        raise ConfigError(msg)
    frames = task.clips.frames_per_clip
    return fit(
        table.sequences(train, frames_per_clip=frames),
        table.sequences(validation, frames_per_clip=frames) if validation and task.epochs is None else None,
        aggregator=task.aggregator,
        training=task.training,
        segments=task.segments,
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
    rows = score_views(model, table, chosen, segments=task.segments, clips=task.clips)
    for row in rows:
        by_event.setdefault(row["event_id"], []).append(row["scores"][1])
    truth = {table.views[i].event_id: table.views[i].y_true for i in chosen}
    y_true = np.array([truth[event_id] for event_id in by_event], dtype=np.int64)
    return fit_threshold(y_true, np.array([np.mean(scores) for scores in by_event.values()]))


def score_views(
    model: Aggregator,
    table: ExampleTable,
    chosen: list[int],
    *,
    segments: SegmentPlan,
    clips: ClipPlan,
) -> list[dict[str, Any]]:
    """Return the scores of some views, one plain dict each.

    Clips are the middle ones of their segments (gamma = inf), as in the paper.

    Returns:
        Per view ``event_id``, ``recording_id``, ``scores`` (class probabilities), and per segment
        ``start_seconds``, ``prefix`` (probabilities had the event ended there) and ``clip`` (of that clip alone).
    """
    if not chosen:
        return []
    sequences = table.sequences(chosen, frames_per_clip=clips.frames_per_clip)
    scores = predict_scores(model, sequences, segments)
    steps = predict_steps(model, sequences, segments)
    starts = table.start_seconds[sequences.rows(steps.position)]
    return [
        {
            "event_id": table.views[i].event_id,
            "recording_id": table.views[i].recording_id,
            "scores": scores[k].tolist(),
            "start_seconds": starts[k].tolist(),
            "prefix": steps.score_so_far[k].tolist(),
            "clip": steps.score_alone[k].tolist(),
        }
        for k, i in enumerate(chosen)
    ]
