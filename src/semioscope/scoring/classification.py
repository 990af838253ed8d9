"""How good class scores are.

Every metric is computed for many weightings of the examples at once, so that resampling costs little; the plain
value is the one with weight 1 for all. A metric that is not defined is NaN, never 0. In a task of two classes the
second is the positive one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.scoring.confusion import Threshold, check_scores, predict_classes
from semioscope.scoring.ranking import area_under_roc, average_precision, ranked, ratio
from semioscope.scoring.undefined import undefined

Weighted = Callable[..., Float[np.ndarray, " num_resamples"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score of predictions. Call it: ``METRICS["auroc"](y_true, y_score)``.

    Args:
        name: Key in ``METRICS``.
        label: As a report shows it.
        low: Smallest possible value.
        high: Largest possible value; may be infinite.
        perfect: Value of perfect predictions: certain, and right.
        two_classes_only: Whether it speaks of a positive class; NaN for more than two classes.
        uses_threshold: Whether it judges predicted classes rather than scores.
        needs: When it is defined, in words.
        function: ``(y_true, y_score, weights, threshold)`` -> one value per row of weights.
    """

    name: str
    label: str
    low: float
    high: float
    perfect: float
    two_classes_only: bool
    uses_threshold: bool
    needs: str
    function: Weighted

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is a better one."""
        return self.perfect == self.high

    def __call__(
        self,
        y_true: Int[np.ndarray, " num_examples"],
        y_score: Float[np.ndarray, "num_examples num_classes"],
        *,
        threshold: Threshold = 0.5,
    ) -> float:
        """Return the value, or NaN with an ``UndefinedScoreWarning``.

        Args:
            y_true: Class of each example, 0 to num_classes - 1.
            y_score: Probability of each class; finite.
            threshold: From this probability of class 1 on, class 1 is predicted; two classes only. One number, or
                one per example where folds have their own.

        Raises:
            ValueError: If there are no examples, a score is not finite, or a class is out of range.
        """
        value = float(self.weighted(y_true, y_score, np.ones((1, len(y_true))), threshold=threshold)[0])
        return undefined(self.name, f"it needs {self.needs}") if np.isnan(value) else value

    def weighted(
        self,
        y_true: Int[np.ndarray, " num_examples"],
        y_score: Float[np.ndarray, "num_examples num_classes"],
        weights: Float[np.ndarray, "num_resamples num_examples"],
        *,
        threshold: Threshold = 0.5,
    ) -> Float[np.ndarray, " num_resamples"]:
        """Return one value per row of weights, NaN (without a warning) where undefined.

        A weight of 2 counts as the example twice, 0 as absent. Arguments as for a call.
        """
        check_scores(y_true, y_score)
        if self.two_classes_only and y_score.shape[1] != 2:
            return np.full(len(weights), np.nan)
        return self.function(y_true, y_score.astype(np.float64), weights, threshold)


def find_metric(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in METRICS:
        raise ConfigError(unknown_name("metric", name, METRICS))
    return METRICS[name]


def metrics_for(num_classes: int) -> Mapping[str, Metric]:
    """Return the metrics that are defined for a task of this many classes."""
    return {
        name: metric for name, metric in METRICS.items() if num_classes == 2 or not metric.two_classes_only
    }


def _tables(
    y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
) -> Float[np.ndarray, "num_resamples num_classes num_classes"]:
    size = y_score.shape[1]
    cell = y_true * size + predict_classes(y_score, threshold=threshold)
    tables: Float[np.ndarray, "num_resamples num_classes num_classes"] = (
        weights @ np.eye(size * size)[cell]
    ).reshape(len(weights), size, size)
    return tables


def _from_tables(
    score: Callable[[np.ndarray], Float[np.ndarray, " num_resamples"]],
) -> Weighted:
    def function(
        y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
    ) -> Float[np.ndarray, " num_resamples"]:
        return score(_tables(y_true, y_score, weights, threshold))

    return function


def _accuracy(tables: np.ndarray) -> Float[np.ndarray, " num_resamples"]:
    return ratio(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2)))


def _balanced_accuracy(tables: np.ndarray) -> Float[np.ndarray, " num_resamples"]:
    return np.asarray(ratio(np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=2)).mean(axis=1))


def _f1_each(tables: np.ndarray) -> Float[np.ndarray, "num_resamples num_classes"]:
    return ratio(2 * np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=1) + tables.sum(axis=2))


def _mcc(tables: np.ndarray) -> Float[np.ndarray, " num_resamples"]:
    total, hits = tables.sum(axis=(1, 2)), np.trace(tables, axis1=1, axis2=2)
    of_class, predicted = tables.sum(axis=2), tables.sum(axis=1)
    covariance = hits * total - (of_class * predicted).sum(axis=1)
    spread = (total**2 - (of_class**2).sum(axis=1)) * (total**2 - (predicted**2).sum(axis=1))
    return np.asarray(np.clip(ratio(covariance, np.sqrt(np.maximum(spread, 0))), -1, 1))


def _mean_over_classes(area: Callable[..., Float[np.ndarray, " num_resamples"]]) -> Weighted:
    def function(
        y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
    ) -> Float[np.ndarray, " num_resamples"]:
        classes = [1] if y_score.shape[1] == 2 else range(y_score.shape[1])
        each = [area(ranked(y_true == number, y_score[:, number], weights)) for number in classes]
        return np.asarray(np.mean(each, axis=0))

    return function


def _mean_loss(loss: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Weighted:
    def function(
        y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray, threshold: Threshold
    ) -> Float[np.ndarray, " num_resamples"]:
        return ratio(weights @ loss(y_true, y_score), weights.sum(axis=1))

    return function


def _brier_each(y_true: np.ndarray, y_score: np.ndarray) -> np.ndarray:
    squared: np.ndarray = (y_score - np.eye(y_score.shape[1])[y_true]) ** 2
    return np.asarray(squared.sum(axis=1) / 2)


def _log_loss_each(y_true: np.ndarray, y_score: np.ndarray) -> np.ndarray:
    least = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(y_score[np.arange(len(y_true)), y_true], least, 1 - least)))


def _metric(
    name: str,
    label: str,
    function: Weighted,
    *,
    needs: str = "at least one example",
    low: float = 0.0,
    high: float = 1.0,
    perfect: float = 1.0,
    two_classes_only: bool = False,
    uses_threshold: bool = True,
) -> Metric:
    return Metric(
        name=name,
        label=label,
        low=low,
        high=high,
        perfect=perfect,
        two_classes_only=two_classes_only,
        uses_threshold=uses_threshold,
        needs=needs,
        function=function,
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("accuracy", "accuracy", _from_tables(_accuracy)),
        _metric(
            "balanced_accuracy",
            "balanced accuracy",
            _from_tables(_balanced_accuracy),
            needs="examples of every class",
        ),
        _metric(
            "f1",
            "F1",
            _from_tables(lambda tables: _f1_each(tables)[:, 1]),
            needs="two classes, and an example that is or is predicted positive",
            two_classes_only=True,
        ),
        _metric(
            "macro_f1",
            "macro F1",
            _from_tables(lambda tables: _f1_each(tables).mean(axis=1)),
            needs="an example that is of or is predicted as each class",
        ),
        _metric(
            "precision",
            "precision",
            _from_tables(lambda tables: ratio(tables[:, 1, 1], tables[:, :, 1].sum(axis=1))),
            needs="two classes, and an example that is predicted positive",
            two_classes_only=True,
        ),
        _metric(
            "sensitivity",
            "sensitivity",
            _from_tables(lambda tables: ratio(tables[:, 1, 1], tables[:, 1].sum(axis=1))),
            needs="two classes, and a positive example",
            two_classes_only=True,
        ),
        _metric(
            "specificity",
            "specificity",
            _from_tables(lambda tables: ratio(tables[:, 0, 0], tables[:, 0].sum(axis=1))),
            needs="two classes, and a negative example",
            two_classes_only=True,
        ),
        _metric(
            "mcc",
            "Matthews correlation",
            _from_tables(_mcc),
            needs="examples of, and predictions of, more than one class",
            low=-1.0,
        ),
        _metric(
            "auroc",
            "area under the ROC curve",
            _mean_over_classes(area_under_roc),
            needs="examples of every class",
            uses_threshold=False,
        ),
        _metric(
            "auprc",
            "average precision",
            _mean_over_classes(average_precision),
            needs="a positive example (more than two classes: one of every class)",
            uses_threshold=False,
        ),
        _metric("brier", "Brier score", _mean_loss(_brier_each), perfect=0.0, uses_threshold=False),
        _metric(
            "log_loss", "log loss", _mean_loss(_log_loss_each), high=np.inf, perfect=0.0, uses_threshold=False
        ),
    )
}
"""Scores of predictions. Means over classes are unweighted (macro); ``auroc`` of more than two classes is one
against the rest; ``auprc`` is the average precision, without interpolation. ``brier`` is half the squared distance
to the true class, which for two classes is (probability - outcome) squared, so it lies in 0 to 1 for any number of
classes; ``log_loss`` is natural, with probabilities kept 2.2e-16 away from 0 and 1."""
