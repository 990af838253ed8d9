"""Every usual average of a confusion matrix, beside what "always the larger class" would have.

A paper may print one figure and not say which average it is. Here all of them stand side by side: over all classes,
and for each class against the rest. Each is a :class:`Metric`, so intervals and tests take it as any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from semioscope.scoring.classification import METRICS, Metric
from semioscope.scoring.confusion import Threshold, predict_classes
from semioscope.scoring.ranking import ratio

OF_A_CLASS = ("f1", "precision", "sensitivity", "specificity")
"""Entries of ``METRICS`` that a class has against the rest."""


def against_rest(name: str, class_index: int) -> Metric:
    """Return a metric of two classes for one class against all others together.

    Args:
        name: One of ``OF_A_CLASS``.
        class_index: The class that counts as the positive one.
    """
    metric = METRICS[name]

    def function(
        y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
    ) -> Float[np.ndarray, " num_resamples"]:
        is_called = predict_classes(y_score, threshold=threshold) == class_index
        as_two = np.stack([~is_called, is_called], axis=1).astype(np.float64)
        return metric.function((y_true == class_index).astype(np.int64), as_two, weights, 0.5)

    return replace(metric, two_classes_only=False, function=function)


def _weighted_f1(
    y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
) -> Float[np.ndarray, " num_resamples"]:
    classes = range(y_score.shape[1])
    share = np.stack([weights @ (y_true == index) for index in classes], axis=1)
    each = [against_rest("f1", index).function(y_true, y_score, weights, threshold) for index in classes]
    parts = np.where(share > 0, share * np.stack(each, axis=1), 0.0)  # a class without examples has no say
    return ratio(parts.sum(axis=1), share.sum(axis=1))


AVERAGES: dict[str, Metric] = {
    **{name: METRICS[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")},
    "weighted_f1": replace(
        METRICS["accuracy"], name="weighted_f1", label="weighted F1", function=_weighted_f1
    ),
    # Where every example has one class and one call, the hits of all classes over their calls are the accuracy.
    "micro_f1": replace(METRICS["accuracy"], name="micro_f1", label="micro F1"),
}
"""Averages over all classes. ``macro_f1`` is the plain mean of the F1 of each class, ``weighted_f1`` that weighted
by the number of examples of the class, ``micro_f1`` the F1 of all classes' hits and calls together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAverages:
    """All averages of one confusion matrix; NaN where undefined.

    Args:
        overall: By the keys of ``AVERAGES``.
        per_class: For each class, in their order, by the names of ``OF_A_CLASS``.
    """

    overall: Mapping[str, float]
    per_class: tuple[Mapping[str, float], ...]


def averages_of_table(table: Int[np.ndarray, "num_classes num_classes"]) -> TableAverages:
    """Return all averages of a confusion matrix.

    Args:
        table: How many examples of class ``row`` were called ``column``; at least one example, two classes or more.

    Raises:
        ValueError: If there are no examples, a number is negative, or there is one class only.

    Examples:
        >>> found = averages_of_table(np.array([[181, 54], [15, 33]]))
        >>> round(found.overall["accuracy"], 3), round(found.per_class[0]["f1"], 3)
        (0.756, 0.84)
    """
    size = len(table)
    if size < 2 or table.min() < 0 or table.sum() == 0:
        msg = f"A confusion matrix must have two classes or more and counts from 0 up, got {table.tolist()}."
        raise ValueError(msg)
    y_true, called = (index.ravel() for index in np.indices((size, size)))
    y_score, weights = np.eye(size)[called], table.reshape(1, -1).astype(np.float64)

    def value(metric: Metric) -> float:
        return float(metric.weighted(y_true, y_score, weights)[0])

    return TableAverages(
        overall={name: value(metric) for name, metric in AVERAGES.items()},
        per_class=tuple(
            {name: value(against_rest(name, index)) for name in OF_A_CLASS} for index in range(size)
        ),
    )


def always_largest(
    table: Int[np.ndarray, "num_classes num_classes"],
) -> tuple[int, Int[np.ndarray, "num_classes num_classes"]]:
    """Return the class with most examples (the first of equals), and the table had every call been that class."""
    of_class = table.sum(axis=1)
    largest = int(np.argmax(of_class))
    always = np.zeros_like(table)
    always[:, largest] = of_class
    return largest, always
