"""Whole patients shared out to folds: what a detector of one fold never sees.

Pictures have no class to balance, so these folds know patients and how much there is of each, and nothing else.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream
from semioscope.splits.balance import partition


def patient_groups(patients: Sequence[str], *, num_folds: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Return the patients that each fold holds out, sorted; every patient is in exactly one fold.

    Folds have equally many patients (to one), then about equally many of the things.

    Args:
        patients: Whose each thing is, such as a picture.
        num_folds: From 2 to the number of patients.
        seed: Seed of the run.

    Raises:
        ConfigError: If there is one patient only, or more folds than patients.

    Examples:
        >>> folds = patient_groups(["a", "a", "b", "c", "d"], num_folds=2, seed=0)
        >>> sorted(len(fold) for fold in folds), sorted(sum(folds, ()))
        ([2, 2], ['a', 'b', 'c', 'd'])
    """
    number = Counter(patients)
    names = sorted(number)
    if len(names) < 2:
        msg = (
            f"Holding out patients needs two of them at least, got {f'one ({names[0]})' if names else 'none'}: "
            "nothing would be left to train on. Bring pictures of more patients, or use the rule paper, which says "
            "that it measures on what was trained on."
        )
        raise ConfigError(msg)
    if not 2 <= num_folds <= len(names):
        msg = (
            f"The number of folds must be from 2 to the number of patients, {len(names)}, got {num_folds}. Use "
            f"--folds {min(5, len(names))}."
        )
        raise ConfigError(msg)
    found = partition(
        np.array([[float(number[name])] for name in names]),
        np.ones((len(names), 1), dtype=bool),
        shares=np.full(num_folds, 1 / num_folds),
        rng=stream(seed, "folds", rule="patient groups"),
        counted_first=(np.ones((len(names), 1), dtype=bool),),
    )
    groups = [tuple(name for name, part in zip(names, found.part, strict=True) if part == fold)
              for fold in range(num_folds)]  # fmt: skip
    return tuple(sorted(groups))
