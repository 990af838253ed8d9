"""The batches of an epoch: all clips are drawn in one step, the features of a batch are taken in one gather.

Random numbers come from streams named by seed, fold and epoch, so an epoch draws the same whatever ran
before it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Int

from semioscope.core.randomness import stream
from semioscope.plans import SegmentBounds, draw_positions
from semioscope.training.sequences import SequenceSet

Batch = tuple[
    Float32[torch.Tensor, "num_models batch num_segments num_features"], Int[torch.Tensor, " batch"]
]


def epoch_batches(
    data: SequenceSet,
    bounds: SegmentBounds,
    *,
    gammas: Sequence[float],
    batch_size: int,
    seed: int,
    fold: int | str,
    epoch: int,
) -> Iterator[Batch]:
    """Yield features and classes of every example once, in a random order; for every gamma clips of its own.

    What a gamma draws does not depend on the others beside it.

    Args:
        data: The examples.
        bounds: What :meth:`SequenceSet.bounds` gave for them.
        gammas: Spread of the clips, see :func:`semioscope.plans.draw_positions`.
        batch_size: Examples per batch; the last one may be smaller.
        seed: Seed of the run.
        fold: Names the random streams, with the epoch.
        epoch: From 1.
    """
    drawn = [
        data.rows(draw_positions(bounds, gamma=gamma, rng=epoch_stream(seed, fold=fold, epoch=epoch)))
        for gamma in gammas
    ]
    yield from shuffled_batches(data, drawn, batch_size=batch_size, seed=seed, fold=fold, epoch=epoch)


def epoch_stream(seed: int, *, fold: int | str, epoch: int) -> np.random.Generator:
    """Return the random stream from which the clips of an epoch are drawn."""
    return stream(seed, "segments", fold=fold, epoch=epoch)


def shuffled_batches(
    data: SequenceSet,
    rows_of_models: Sequence[Int[np.ndarray, "num_sequences num_segments"]],
    *,
    batch_size: int,
    seed: int,
    fold: int | str,
    epoch: int,
    owner: Int[np.ndarray, " num_sequences"] | None = None,
) -> Iterator[Batch]:
    """Yield features and classes of every sequence once, in a random order that all models share.

    Args:
        data: The examples.
        rows_of_models: For each model, the rows of every sequence that the examples show in this epoch.
        batch_size: Sequences per batch; the last one may be smaller.
        seed: Seed of the run.
        fold: Names the random stream, with the epoch.
        epoch: From 1.
        owner: The example that each sequence belongs to and has the class of; None means one sequence per example,
            in their order.
    """
    y_of_rows = data.y_true if owner is None else data.y_true[owner]
    order = stream(seed, "order", fold=fold, epoch=epoch).permutation(y_of_rows.size)
    # gathered step by step, as recurrent layers read it; a batch is a view of that
    rows = np.stack([own[order].T for own in rows_of_models])
    y_true = y_of_rows[order]
    for begin in range(0, order.size, batch_size):
        part = slice(begin, begin + batch_size)
        steps_first = torch.from_numpy(data.gathered(rows[:, :, part]))
        yield steps_first.transpose(1, 2), torch.from_numpy(y_true[part])
