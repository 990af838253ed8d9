"""Whether probabilities mean what they say, and how to mend them. All of it belongs on out-of-fold scores."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from semioscope.scoring.intervals import exact_binomial
from semioscope.scoring.undefined import undefined

_LEAST = 1e-6  # probabilities are kept this far from 0 and 1 before the logit


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A map of probabilities, for a bundle.

    Args:
        kind: ``platt``: sigmoid(slope * logit(p) + intercept) of the positive class; ``temperature``: softmax(slope
            * log p) over any number of classes; ``identity``: unchanged.
        slope: Above 0, so that the order of scores stays.
        intercept: 0 unless ``platt``.
    """

    kind: Literal["identity", "platt", "temperature"]
    slope: float = 1.0
    intercept: float = 0.0

    def apply(
        self, y_score: Float[np.ndarray, "num_examples num_classes"]
    ) -> Float[np.ndarray, "num_examples num_classes"]:
        """Return calibrated probabilities.

        Raises:
            ValueError: If the kind is ``platt`` and there are not two classes.
        """
        if self.kind == "identity":
            return y_score
        if self.kind == "platt":
            if y_score.shape[1] != 2:
                msg = f"Platt calibration maps two classes, got {y_score.shape[1]}. Fit the calibration on this task."
                raise ValueError(msg)
            positive = _sigmoid(self.slope * _logit(y_score[:, 1].astype(np.float64)) + self.intercept)
            return np.stack([1 - positive, positive], axis=1)
        return _tempered(y_score, self.slope)


def fit_platt(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"]
) -> Calibration:
    """Fit a sigmoid to out-of-fold probabilities of the positive class.

    Logistic regression of the outcome on logit(score), by Newton steps, with Platt's targets (N+ + 1)/(N+ + 2) and
    1/(N- + 2), which keep the fit finite where scores separate the classes. Where it is undefined (one class only,
    or all scores equal), and where scores do not rise with the class, the result is ``identity``, with a warning.

    Args:
        y_true: 1 for the positive class, 0 otherwise.
        score: Probability of the positive class, in [0, 1].

    References:
        Platt (1999), Probabilistic outputs for support vector machines; applied to the logit of a probability
        instead of a margin.
    """
    x = _logit(score.astype(np.float64))
    num_positive, num_negative = int((y_true == 1).sum()), int((y_true != 1).sum())
    if num_positive == 0 or num_negative == 0 or np.ptp(x) < 1e-9:
        undefined("The calibration", "it needs both classes and scores that differ; scores stay as they are")
        return Calibration(kind="identity")
    target = np.where(y_true == 1, (num_positive + 1) / (num_positive + 2), 1 / (num_negative + 2))
    centre, width = x.mean(), x.std()
    design = np.stack([(x - centre) / width, np.ones(len(x))], axis=1)
    beta = np.array([0.0, np.log((num_positive + 1) / (num_negative + 1))])
    loss = _platt_loss(design @ beta, target)
    for _ in range(100):
        p = _sigmoid(design @ beta)
        step = np.linalg.solve(
            design.T @ (design * (p * (1 - p))[:, None]) + 1e-12 * np.eye(2), design.T @ (p - target)
        )
        scale = 1.0
        while scale > 1e-8 and _platt_loss(design @ (beta - scale * step), target) > loss:
            scale /= 2
        beta = beta - scale * step
        loss = _platt_loss(design @ beta, target)
        if np.abs(scale * step).max() < 1e-10:
            break
    slope = float(beta[0] / width)
    if slope <= 0:
        undefined("The calibration", "out-of-fold scores do not rise with the class; scores stay as they are")
        return Calibration(kind="identity")
    return Calibration(kind="platt", slope=slope, intercept=float(beta[1] - slope * centre))


def fit_temperature(
    y_true: Int[np.ndarray, " num_examples"], y_score: Float[np.ndarray, "num_examples num_classes"]
) -> Calibration:
    """Fit one temperature to out-of-fold probabilities of any number of classes, by least log loss.

    The slope (one over the temperature) lies in [0.02, 50]. Undefined, ``identity`` with a warning: one class only.
    """
    from scipy.optimize import minimize_scalar

    if len(np.unique(y_true)) < 2:
        undefined("The calibration", "it needs at least two classes; scores stay as they are")
        return Calibration(kind="identity")
    rows = np.arange(len(y_true))

    def loss(log_slope: float) -> float:
        return float(-np.log(np.clip(_tempered(y_score, np.exp(log_slope))[rows, y_true], 1e-300, 1)).mean())

    found = minimize_scalar(
        loss, bounds=(np.log(0.02), np.log(50)), method="bounded", options={"xatol": 1e-8}
    )
    return Calibration(kind="temperature", slope=float(np.exp(found.x)))


def fit_calibration(
    y_true: Int[np.ndarray, " num_examples"], y_score: Float[np.ndarray, "num_examples num_classes"]
) -> Calibration:
    """Fit ``platt`` to two classes, ``temperature`` to more."""
    return fit_platt(y_true, y_score[:, 1]) if y_score.shape[1] == 2 else fit_temperature(y_true, y_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityPoints:
    """One entry per bin that has examples.

    Args:
        bin_low: Lower edge, included.
        bin_high: Upper edge, excluded; 1 is included in the last bin.
        mean_score: Mean confidence of the bin's examples.
        fraction: How many of them are right (two classes: positive).
        low: Lower end of the exact 95 % interval of the fraction.
        high: Upper end.
        num_examples: In the bin.
    """

    bin_low: Float[np.ndarray, " num_bins"]
    bin_high: Float[np.ndarray, " num_bins"]
    mean_score: Float[np.ndarray, " num_bins"]
    fraction: Float[np.ndarray, " num_bins"]
    low: Float[np.ndarray, " num_bins"]
    high: Float[np.ndarray, " num_bins"]
    num_examples: Int[np.ndarray, " num_bins"]


def reliability_points(
    y_true: Int[np.ndarray, " num_examples"],
    y_score: Float[np.ndarray, "num_examples num_classes"],
    *,
    num_bins: int = 10,
) -> ReliabilityPoints:
    """Return the reliability diagram in bins of equal width.

    Two classes: probability of class 1 against the fraction of class 1. More: highest probability against the
    fraction of right predictions.
    """
    confidence, hit = _confidence(y_true, y_score)
    index = np.clip((confidence * num_bins).astype(np.int64), 0, num_bins - 1)
    number = np.bincount(index, minlength=num_bins)
    used = np.flatnonzero(number)
    hits = np.bincount(index, weights=hit, minlength=num_bins)[used]
    spans = [exact_binomial(round(h), int(n)) for h, n in zip(hits, number[used], strict=True)]
    return ReliabilityPoints(
        bin_low=used / num_bins,
        bin_high=(used + 1) / num_bins,
        mean_score=np.bincount(index, weights=confidence, minlength=num_bins)[used] / number[used],
        fraction=hits / number[used],
        low=np.array([span.low for span in spans]),
        high=np.array([span.high for span in spans]),
        num_examples=number[used],
    )


def ece(
    y_true: Int[np.ndarray, " num_examples"],
    y_score: Float[np.ndarray, "num_examples num_classes"],
    *,
    num_bins: int = 10,
) -> float:
    """Return the expected calibration error: mean |confidence - fraction| over ``reliability_points``, 0 to 1.

    NaN, with a warning, without examples.
    """
    if len(y_true) == 0:
        return undefined("ece", "it needs at least one example")
    points = reliability_points(y_true, y_score, num_bins=num_bins)
    return float(np.average(np.abs(points.mean_score - points.fraction), weights=points.num_examples))


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierSplit:
    """Parts of the Brier score of two classes: brier = reliability - resolution + uncertainty + within_bins.

    Args:
        reliability: Squared distance of mean score and fraction per bin; smaller is better.
        resolution: Spread of the bins' fractions about the overall one; larger is better.
        uncertainty: Fraction times (1 - fraction) of the positive class; not the model's merit.
        within_bins: What the bins blur; 0 if scores within a bin are equal.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def brier_split(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"], *, num_bins: int = 10
) -> BrierSplit:
    """Split the Brier score of a positive class's probability (Murphy 1973), in bins of equal width.

    Raises:
        ValueError: If there are no examples.
    """
    if len(y_true) == 0:
        msg = "A Brier score needs at least one example, got none."
        raise ValueError(msg)
    positive = score.astype(np.float64)
    points = reliability_points(y_true, np.stack([1 - positive, positive], axis=1), num_bins=num_bins)
    share, overall = points.num_examples / len(y_true), float((y_true == 1).mean())
    reliability = float((share * (points.mean_score - points.fraction) ** 2).sum())
    resolution = float((share * (points.fraction - overall) ** 2).sum())
    brier = float(((positive - (y_true == 1)) ** 2).mean())
    uncertainty = overall * (1 - overall)
    return BrierSplit(
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within_bins=brier - reliability + resolution - uncertainty,
    )


def fit_threshold(
    y_true: Int[np.ndarray, " num_examples"], score: Float[np.ndarray, " num_examples"]
) -> float:
    """Return the threshold with the highest balanced accuracy; a score at the threshold is positive.

    Every threshold between two neighbouring scores does the same; of all that are best, 0.5 is taken if it is
    among them, else the middle between two neighbouring scores that is nearest to 0.5 (the lower one of two). Where
    it is undefined (one class only, or no examples), 0.5.

    Args:
        y_true: 1 for the positive class, 0 otherwise.
        score: Probability of the positive class, in [0, 1].
    """
    positive = y_true == 1
    if not positive.any() or positive.all():
        return 0.5
    scores = score.astype(np.float64)
    edges = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    candidates = np.concatenate([[0.5, 0.0], (edges[1:] + edges[:-1]) / 2])
    ascending_positive, ascending_negative = np.sort(scores[positive]), np.sort(scores[~positive])
    found = 1 - np.searchsorted(ascending_positive, candidates) / len(ascending_positive)
    spared = np.searchsorted(ascending_negative, candidates) / len(ascending_negative)
    best = candidates[found + spared >= (found + spared).max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _confidence(
    y_true: Int[np.ndarray, " num_examples"], y_score: Float[np.ndarray, "num_examples num_classes"]
) -> tuple[Float[np.ndarray, " num_examples"], Float[np.ndarray, " num_examples"]]:
    wide = y_score.astype(np.float64)
    if wide.shape[1] == 2:
        return wide[:, 1], (y_true == 1).astype(np.float64)
    return wide.max(axis=1), (wide.argmax(axis=1) == y_true).astype(np.float64)


def _logit(p: Float[np.ndarray, " num_examples"]) -> Float[np.ndarray, " num_examples"]:
    clipped = np.clip(p, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _sigmoid(x: Float[np.ndarray, " num_examples"]) -> Float[np.ndarray, " num_examples"]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _platt_loss(
    logit: Float[np.ndarray, " num_examples"], target: Float[np.ndarray, " num_examples"]
) -> float:
    return float((np.logaddexp(0, logit) - target * logit).sum())


def _tempered(
    y_score: Float[np.ndarray, "num_examples num_classes"], slope: float
) -> Float[np.ndarray, "num_examples num_classes"]:
    logit = slope * np.log(np.clip(y_score.astype(np.float64), _LEAST, None))
    power = np.exp(logit - logit.max(axis=1, keepdims=True))
    return np.asarray(power / power.sum(axis=1, keepdims=True))
