"""Whose class a patient is of, and which patients of a class take the places of the folds.

For the rule ``patients-per-class``. Methods: section 3, "Folds" (protocol ``paper``).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.wording import counted, join_words


def own_classes(number: Int[np.ndarray, "num_patients num_classes"]) -> tuple[int, ...]:
    """Return the classes that divide the patients; the others follow the patients of these.

    Pre- and post-ictal parts are a class of events and not of patients: patients with frontal and with temporal
    seizures have them. Such a class cannot be told by its own patients all having another class too, because where
    everybody has such parts that is true of every class. It is told by what is left without it: as long as there are
    more than two classes, the class is taken out without which the fewest patients have none or several of those
    left, if that makes them fewer; of equals the last. So all classes of a task where everybody has one stay, and
    two classes always do.

    Args:
        number: Events per patient and class, 0 or more.

    Returns:
        Ascending; two or more where there are two or more.

    Examples:
        >>> own_classes(np.array([[3, 0, 2], [0, 1, 2], [0, 2, 0]]))
        (0, 1)
    """
    has_class = number > 0
    own = list(range(number.shape[1]))
    while len(own) > 2:
        mixed = [int((has_class[:, [c for c in own if c != left]].sum(axis=1) != 1).sum()) for left in own]
        if min(mixed) >= int((has_class[:, own].sum(axis=1) != 1).sum()):
            break
        position = len(own) - 1 - int(np.argmin(mixed[::-1]))
        own.pop(position)
    return tuple(own)


def patient_classes(
    number: Int[np.ndarray, "num_patients num_classes"], patient_ids: Sequence[str]
) -> Int[np.ndarray, " num_patients"]:
    """Return the class of each patient: that of most of their events, of equals the lower.

    Only :func:`own_classes` count. A patient with seizures of two of them is of one class here, so that every fold
    tests the same number of patients per class and nobody takes two places; all their events follow them.

    Args:
        number: Events per patient and class.
        patient_ids: For messages.

    Raises:
        CohortError: If a patient has no event of such a class.
    """
    own = own_classes(number)
    of_own = number[:, list(own)]
    without = np.flatnonzero(of_own.sum(axis=1) == 0)
    if without.size:
        first = int(without[0])
        follows = join_words([str(index) for index in np.flatnonzero(number[first]).tolist()])
        msg = (
            f"Rule patients-per-class deals patients by the class of their seizures, but patient "
            f"{patient_ids[first]} has events of class {follows} only, which goes with the patients of the others "
            f"({counted(without.size, 'such patient')}). Leave their events out (use = no), or use --set "
            "folds.rule=patient."
        )
        raise CohortError(msg)
    class_of: Int[np.ndarray, " num_patients"] = np.array(own)[of_own.argmax(axis=1)]
    return class_of


def places_of(
    num_patients: int, num_folds: int, patients_per_class: int, *, class_index: int
) -> Int[np.ndarray, "num_folds patients_per_class"]:
    """Return which patients of a class each fold tests: in turn, beginning again after the last.

    Everybody is tested at least once, nobody twice in a fold, and nobody more than once more often than another.

    Args:
        num_patients: Patients of the class.
        num_folds: At least 2.
        patients_per_class: Places of the class in each fold.
        class_index: For messages.

    Raises:
        ConfigError: If there are fewer places than patients, or no patient of the class is left to train on.

    Examples:
        >>> places_of(4, 3, 2, class_index=0).tolist()
        [[0, 1], [2, 3], [0, 1]]
    """
    if num_patients <= patients_per_class:
        most = num_patients - 1
        remedy = (
            f"Use --set folds.patients_per_class={most}" if most > 0 else "Add patients"
        ) + ", or --set folds.rule=patient."
        msg = (
            f"folds.patients_per_class must be below the number of patients of every class, so that some are left to "
            f"train on, got {patients_per_class} and {counted(num_patients, 'patient')} of class {class_index}. "
            f"{remedy}"
        )
        raise ConfigError(msg)
    if num_folds * patients_per_class < num_patients:
        more_folds, more_patients = -(-num_patients // patients_per_class), -(-num_patients // num_folds)
        msg = (
            f"Every patient must be tested, but {num_folds} folds with {patients_per_class} patients of each class "
            f"have {num_folds * patients_per_class} places for {num_patients} patients of class {class_index}. Use "
            f"--set folds.num_folds={more_folds} or --set folds.patients_per_class={more_patients}."
        )
        raise ConfigError(msg)
    turn: Int[np.ndarray, "num_folds patients_per_class"] = (
        np.arange(num_folds * patients_per_class).reshape(num_folds, patients_per_class) % num_patients
    )
    return turn
