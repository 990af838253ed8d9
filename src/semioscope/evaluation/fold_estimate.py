"""How long the folds of a run will take, told before they start."""

from collections.abc import Callable, Sequence

from semioscope.core.progress import format_seconds
from semioscope.core.wording import counted
from semioscope.evaluation.example_table import read_examples
from semioscope.evaluation.fold import FoldTask
from semioscope.evaluation.levels import level_of
from semioscope.training import measured_step_seconds, training_device
from semioscope.training.samplers import sampler_of


def fold_estimate(
    tasks: Sequence[FoldTask], *, workers: int, step_seconds: Callable[[FoldTask], float] | None = None
) -> str:
    """Return how long folds will take, as a sentence; a few steps on made-up features are taken to find out.

    Args:
        tasks: The folds that are not done; equal in all but their events.
        workers: How many run at once, each on one core, or all on the same card.
        step_seconds: Measures a step; None means by taking some.

    Raises:
        ConfigError: If an aggregator cannot be made, or there is no card where one is wanted.
        StoreError: If the examples cannot be read.
    """
    if not tasks:
        return "Folds: nothing is left to do"
    first = tasks[0]
    table, level = read_examples(first.folder), level_of(first.segments)
    epochs = first.training.epochs if first.epochs is None else first.epochs
    num_sequences, num_steps = 0, 0
    for task in tasks:
        data = level.examples(table, table.positions(task.fold.train, only_training=True), task.clips)
        own = len(sampler_of(data, task.segments).fixed().owner)
        num_sequences += own
        num_steps += -(-own // task.training.batch_size)

    def measured(task: FoldTask) -> float:
        return measured_step_seconds(
            aggregator=task.aggregator,
            training=task.training,
            plan=task.segments,
            num_steps=level.num_steps(task.segments),
            num_features=table.num_features,
            num_classes=task.num_classes,
        )

    seconds = (step_seconds or measured)(first) * num_steps * epochs
    is_card = training_device(first.training.device).type != "cpu"
    at_once = 1 if is_card else max(1, min(workers, len(tasks)))
    where = "the graphics card" if is_card else counted(at_once, "core")
    return (
        f"Folds: {counted(len(tasks), 'training')} of {counted(epochs, 'epoch')} with about "
        f"{counted(round(num_sequences / len(tasks)), 'excerpt')} each, about {format_seconds(seconds / at_once)} on "
        f"{where}"
    )
