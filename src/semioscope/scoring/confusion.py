"""What was predicted as what: classes, the confusion matrix, and scores per class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.scoring.ranking import ratio

Threshold = float | Float[np.ndarray, " num_examples"]


def predict_classes(
    y_score: Float[np.ndarray, "num_examples num_classes"], *, threshold: Threshold = 0.5
) -> Int[np.ndarray, " num_examples"]:
    """Return the predicted class of each example.

    Two classes: 1 where ``y_score[:, 1] >= threshold``. More: the class with the highest score, the first one of
    equals; the threshold is not used.
    """
    if y_score.shape[1] == 2:
        return (y_score[:, 1].astype(np.float64) >= threshold).astype(np.int64)
    best: Int[np.ndarray, " num_examples"] = np.argmax(y_score, axis=1)
    return best


def confusion(
    y_true: Int[np.ndarray, " num_examples"],
    y_score: Float[np.ndarray, "num_examples num_classes"],
    *,
    num_classes: int | None = None,
    threshold: Threshold = 0.5,
) -> Int[np.ndarray, "num_labels num_labels"]:
    """Return how many examples of class ``row`` were predicted as class ``column``.

    The table has ``num_classes`` rows and columns, by default as many as ``y_score`` has columns.
    """
    size = y_score.shape[1] if num_classes is None else num_classes
    cell = y_true * size + predict_classes(y_score, threshold=threshold)
    return np.bincount(cell, minlength=size * size).reshape(size, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Scores of one class against the rest; NaN where undefined (nothing predicted, or nothing to find).

    Args:
        class_index: The class.
        num_true: Examples of the class.
        num_predicted: Examples predicted as the class.
        precision: Of those predicted, the fraction that is right.
        sensitivity: Of those of the class, the fraction that was found.
        specificity: Of the others, the fraction that was not predicted as this class.
        f1: Harmonic mean of precision and sensitivity.
    """

    class_index: int
    num_true: int
    num_predicted: int
    precision: float
    sensitivity: float
    specificity: float
    f1: float


def per_class(
    y_true: Int[np.ndarray, " num_examples"],
    y_score: Float[np.ndarray, "num_examples num_classes"],
    *,
    threshold: Threshold = 0.5,
) -> tuple[ClassScores, ...]:
    """Return a row of scores for each class, in the order of the classes. A cell that is undefined is NaN."""
    check_scores(y_true, y_score)
    table = confusion(y_true, y_score, threshold=threshold).astype(np.float64)
    hits, of_class, predicted, total = np.diag(table), table.sum(axis=1), table.sum(axis=0), table.sum()
    missed = total - of_class - predicted + hits
    precision, sensitivity = ratio(hits, predicted), ratio(hits, of_class)
    specificity, f1 = ratio(missed, total - of_class), ratio(2 * hits, of_class + predicted)
    return tuple(
        ClassScores(
            class_index=number,
            num_true=int(of_class[number]),
            num_predicted=int(predicted[number]),
            precision=float(precision[number]),
            sensitivity=float(sensitivity[number]),
            specificity=float(specificity[number]),
            f1=float(f1[number]),
        )
        for number in range(len(table))
    )


def check_scores(
    y_true: Int[np.ndarray, " num_examples"], y_score: Float[np.ndarray, "num_examples num_classes"]
) -> None:
    """Refuse scores that cannot be scored.

    Raises:
        ValueError: If there are no examples, a score is not finite, or a class has no column.
    """
    if len(y_true) == 0:
        msg = "A score needs at least one example, got none."
        raise ValueError(msg)
    bad = np.flatnonzero(~np.isfinite(y_score).all(axis=1))
    if len(bad):
        msg = (
            f"y_score must be finite, got {y_score[bad[0]].tolist()} in row {bad[0]}. "
            "Leave failures out and count them."
        )
        raise ValueError(msg)
    if y_true.min() < 0 or y_true.max() >= y_score.shape[1]:
        msg = (
            f"y_true must lie in 0 to {y_score.shape[1] - 1}, one class per column of y_score, "
            f"got {y_true.min()} to {y_true.max()}."
        )
        raise ValueError(msg)
