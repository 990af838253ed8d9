"""Curves over all thresholds, and the areas under them, for one or many weightings of the examples at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.scoring.undefined import undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class RocPoints:
    """Receiver operating characteristic; from (0, 0), threshold infinity, to (1, 1)."""

    false_positive_rate: Float[np.ndarray, " num_points"]
    sensitivity: Float[np.ndarray, " num_points"]
    threshold: Float[np.ndarray, " num_points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrPoints:
    """Precision against sensitivity; from sensitivity 0 (precision 1 by convention), threshold infinity, to 1.

    Between two points the curve is a step: the precision on the way to a sensitivity is that of the point that
    reaches it. The area under that step function is the average precision.
    """

    sensitivity: Float[np.ndarray, " num_points"]
    precision: Float[np.ndarray, " num_points"]
    threshold: Float[np.ndarray, " num_points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """What lies at or above each distinct score, per weighting; scores descend.

    Args:
        threshold: Distinct scores, descending.
        true_positives: Weight of the positives with this score or a higher one.
        false_positives: The same of the negatives.
    """

    threshold: Float[np.ndarray, " num_thresholds"]
    true_positives: Float[np.ndarray, "num_resamples num_thresholds"]
    false_positives: Float[np.ndarray, "num_resamples num_thresholds"]


def ranked(
    is_positive: Bool[np.ndarray, " num_examples"],
    score: Float[np.ndarray, " num_examples"],
    weights: Float[np.ndarray, "num_resamples num_examples"],
) -> Ranked:
    """Count positives and negatives down the list of scores; equal scores are one point."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=-np.inf))
    weighted = weights[:, order]
    positives = np.cumsum(weighted * is_positive[order], axis=1)[:, ends]
    negatives = np.cumsum(weighted * ~is_positive[order], axis=1)[:, ends]
    return Ranked(threshold=score[order][ends], true_positives=positives, false_positives=negatives)


def area_under_roc(points: Ranked) -> Float[np.ndarray, " num_resamples"]:
    """Return the trapezoidal area; NaN where there are no positives or no negatives."""
    tp, fp = _from_zero(points.true_positives), _from_zero(points.false_positives)
    area = (np.diff(fp, axis=1) * (tp[:, 1:] + tp[:, :-1]) / 2).sum(axis=1)
    return ratio(area, tp[:, -1] * fp[:, -1])


def average_precision(points: Ranked) -> Float[np.ndarray, " num_resamples"]:
    """Return the area of the step function of precision over sensitivity; NaN where there are no positives."""
    tp, fp = points.true_positives, points.false_positives
    gained = np.diff(_from_zero(tp), axis=1)
    summed = (gained * np.nan_to_num(ratio(tp, tp + fp))).sum(
        axis=1
    )  # nothing is gained where nothing is found
    return ratio(summed, tp[:, -1])


def roc_on_grid(
    points: Ranked, grid: Float[np.ndarray, " num_grid"]
) -> Float[np.ndarray, "num_resamples num_grid"]:
    """Return the sensitivity at given false positive rates: linear between points, the top of a vertical step."""
    tp, fp = _from_zero(points.true_positives), _from_zero(points.false_positives)
    sensitivity, false_rate = ratio(tp, tp[:, -1:]), ratio(fp, fp[:, -1:])
    rows = [
        np.interp(grid, rate, height) if np.isfinite(rate[-1] + height[-1]) else np.full(len(grid), np.nan)
        for rate, height in zip(false_rate, sensitivity, strict=True)
    ]
    return np.array(rows).reshape(len(tp), len(grid))


def precision_on_grid(
    points: Ranked, grid: Float[np.ndarray, " num_grid"]
) -> Float[np.ndarray, "num_resamples num_grid"]:
    """Return the precision at given sensitivities: that of the first point that reaches it."""
    tp, fp = points.true_positives, points.false_positives
    sensitivity, precision = ratio(tp, tp[:, -1:]), ratio(tp, tp + fp)
    wanted = np.clip(grid - 1e-12, 1e-12, None)  # at 0: the first point that finds anything
    rows = [
        height[np.searchsorted(reach, wanted)] if np.isfinite(reach[-1]) else np.full(len(grid), np.nan)
        for reach, height in zip(sensitivity, precision, strict=True)
    ]
    return np.array(rows).reshape(len(tp), len(grid))


def roc_points(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"]
) -> RocPoints:
    """Return the ROC curve of a binary score.

    Args:
        y_true: 1 for the positive class, 0 otherwise.
        score: Higher means positive; finite, any range.

    Returns:
        A point per distinct score and the origin. A rate without examples is NaN, with a warning.
    """
    counts = _one_weighting(y_true, score)
    tp, fp = _from_zero(counts.true_positives)[0], _from_zero(counts.false_positives)[0]
    if tp[-1] == 0 or fp[-1] == 0:
        undefined("The ROC curve", "it needs positive and negative examples")
    return RocPoints(
        false_positive_rate=ratio(fp, fp[-1:]),
        sensitivity=ratio(tp, tp[-1:]),
        threshold=np.concatenate([[np.inf], counts.threshold]),
    )


def pr_points(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"]
) -> PrPoints:
    """Return the precision-sensitivity curve of a binary score; arguments as for ``roc_points``.

    Returns:
        A point per distinct score and the start. Sensitivity without positives is NaN, with a warning.
    """
    counts = _one_weighting(y_true, score)
    tp, fp = counts.true_positives[0], counts.false_positives[0]
    if tp[-1] == 0:
        undefined("The precision-sensitivity curve", "it needs positive examples")
    return PrPoints(
        sensitivity=ratio(_from_zero(tp[None])[0], tp[-1:]),
        precision=np.concatenate([[1.0], ratio(tp, tp + fp)]),
        threshold=np.concatenate([[np.inf], counts.threshold]),
    )


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> Float[np.ndarray, "*shape"]:
    """Return the quotient; NaN, without a warning, where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Float[np.ndarray, "*shape"] = np.where(denominator == 0, np.nan, numerator / denominator)
    return quotient


def _from_zero(
    counts: Float[np.ndarray, "num_resamples num_thresholds"],
) -> Float[np.ndarray, "num_resamples num_points"]:
    return np.concatenate([np.zeros((len(counts), 1)), counts], axis=1)


def _one_weighting(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"]
) -> Ranked:
    if len(y_true) == 0 or not np.isfinite(score).all():
        msg = f"A curve needs finite scores of at least one example, got {len(y_true)} examples. Leave out failures."
        raise ValueError(msg)
    return ranked(y_true == 1, score.astype(np.float64), np.ones((1, len(y_true))))
