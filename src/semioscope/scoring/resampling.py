"""Draw patients again and again, and say when there are too few of them for that.

Seizures of one patient resemble each other, so what is drawn again is the patient, with all that belongs to him.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.randomness import stream

MIN_PATIENTS = 5
LEAST_DEFINED = 0.5  # a smaller share of defined resamples speaks of another population
_CELLS_AT_ONCE = 4_000_000  # of the table of resamples by examples: 32 MB


def resample_patients(
    y_true: Int[np.ndarray, " num_examples"],
    patients: Sequence[str],
    *,
    seed: int = 0,
    num_resamples: int = 2000,
) -> Int[np.ndarray, "num_resamples num_patients"]:
    """Draw patients with replacement, within strata; patients are in the order of their ids.

    A stratum holds the patients whose examples have the same set of classes. Every resample draws as many
    patients from each stratum as it has, so classes do not vanish.

    Returns:
        How often each patient was drawn.
    """
    names = sorted(set(patients))
    classes: dict[str, set[int]] = {name: set() for name in names}
    for name, class_index in zip(patients, y_true.tolist(), strict=True):
        classes[name].add(class_index)
    times = np.zeros((num_resamples, len(names)), dtype=np.int64)
    rng = stream(seed, "bootstrap over patients")
    for stratum in sorted({tuple(sorted(kinds)) for kinds in classes.values()}):
        members = [position for position, name in enumerate(names) if tuple(sorted(classes[name])) == stratum]
        even = np.full(len(members), 1 / len(members))
        times[:, members] = rng.multinomial(len(members), even, size=num_resamples)
    return times


def drawn_weights(
    y_true: Int[np.ndarray, " num_examples"], patients: Sequence[str], *, seed: int, num_resamples: int
) -> Iterator[Float[np.ndarray, "num_piece num_examples"]]:
    """Yield how often each example is drawn, some resamples at a time."""
    times = resample_patients(y_true, patients, seed=seed, num_resamples=num_resamples)
    column = np.unique(list(patients), return_inverse=True)[1]
    step = max(1, _CELLS_AT_ONCE // len(y_true))
    for start in range(0, num_resamples, step):
        yield times[start : start + step, column].astype(np.float64)


def too_few(
    y_true: Int[np.ndarray, " num_examples"],
    patients: Sequence[str],
    *,
    min_patients: int,
    class_names: Sequence[str] | None,
) -> str:
    """Return the sentence that says why there are too few patients for an interval, or nothing."""
    number = len(set(patients))
    if number < min_patients:
        return f"No interval: it needs at least {min_patients} patients, and there are {number}."
    for class_index in np.unique(y_true).tolist():
        owners = {name for name, own in zip(patients, y_true.tolist(), strict=True) if own == class_index}
        if len(owners) < 2:
            shown = class_names[class_index] if class_names is not None else f"class {class_index}"
            return f"No interval: only one patient ({owners.pop()}) has {shown}."
    return ""


def mostly_undefined(num_dropped: int, num_resamples: int) -> str:
    """Return the sentence for a score that most resamples leave undefined."""
    return (
        f"No interval: the score is undefined in {num_dropped} of {num_resamples} resamples of the patients."
    )


def ends(drawn: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentiles between which the middle of the resamples lies."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)
