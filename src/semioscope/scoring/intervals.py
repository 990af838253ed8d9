"""How sure a score is: percentile intervals over resampled patients, and exact intervals of counts."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.scoring.classification import Metric
from semioscope.scoring.confusion import Threshold
from semioscope.scoring.resampling import (
    LEAST_DEFINED,
    MIN_PATIENTS,
    drawn_weights,
    ends,
    mostly_undefined,
    too_few,
)
from semioscope.scoring.undefined import UndefinedScoreWarning, undefined

Score = Metric | Callable[..., float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A score and how sure it is.

    Args:
        value: On all examples; NaN if undefined.
        low: Lower end of the interval; NaN if there is none.
        high: Upper end.
        num_resamples: Resamples that were drawn; 0 for an exact interval.
        num_dropped: Resamples on which the score was undefined.
        note: Empty, or the sentence that says why there is no interval.
        confidence: Of the interval.
    """

    value: float
    low: float
    high: float
    num_resamples: int
    num_dropped: int
    note: str
    confidence: float = 0.95


def bootstrap_patients(
    metric: Score,
    y_true: Int[np.ndarray, " num_examples"],
    y_score: Float[np.ndarray, "num_examples num_classes"],
    patients: Sequence[str],
    *,
    threshold: Threshold = 0.5,
    seed: int = 0,
    num_resamples: int = 2000,
    confidence: float = 0.95,
    min_patients: int = MIN_PATIENTS,
    class_names: Sequence[str] | None = None,
) -> Estimate:
    """Return a score with its percentile interval over resampled patients.

    There is no interval, but a sentence in ``note``, with fewer than ``min_patients`` patients, with a class that
    only one patient has, where more than half of the resamples are undefined, or where all resamples give the
    same value (resampling cannot say then how sure it is; give ``exact_binomial`` of the counts). The result does
    not depend on the order of the examples.

    Args:
        metric: An entry of ``METRICS`` (fast), or any function of ``(y_true, y_score)``, called once per resample.
        y_true: Class of each example.
        y_score: Probability of each class.
        patients: Patient of each example.
        threshold: As for a metric; used by entries of ``METRICS`` only.
        seed: Seed of the run; equal seeds draw equal patients for every metric.
        num_resamples: Resamples, 1 or more.
        confidence: In (0, 1).
        min_patients: Fewest patients for an interval.
        class_names: For the sentence; their indices otherwise.
    """
    values = _value_of(metric, y_true, y_score, threshold)
    value = _one(metric, y_true, y_score, threshold)
    return _estimate(
        value, values, y_true, patients,
        seed=seed, num_resamples=num_resamples, confidence=confidence, min_patients=min_patients,
        class_names=class_names,
    )  # fmt: skip


def paired_bootstrap(
    metric: Score,
    y_true: Int[np.ndarray, " num_examples"],
    y_score_a: Float[np.ndarray, "num_examples num_classes"],
    y_score_b: Float[np.ndarray, "num_examples num_classes"],
    patients: Sequence[str],
    *,
    threshold_a: Threshold = 0.5,
    threshold_b: Threshold = 0.5,
    seed: int = 0,
    num_resamples: int = 2000,
    confidence: float = 0.95,
    min_patients: int = MIN_PATIENTS,
    class_names: Sequence[str] | None = None,
) -> Estimate:
    """Return the difference of a score, a minus b, over the same resampled patients.

    The two differ at this confidence if the interval leaves out 0. Arguments and sentences as for
    ``bootstrap_patients``.
    """
    values_a = _value_of(metric, y_true, y_score_a, threshold_a)
    values_b = _value_of(metric, y_true, y_score_b, threshold_b)
    value = _one(metric, y_true, y_score_a, threshold_a) - _one(metric, y_true, y_score_b, threshold_b)
    return _estimate(
        value, lambda weights: values_a(weights) - values_b(weights), y_true, patients,
        seed=seed, num_resamples=num_resamples, confidence=confidence, min_patients=min_patients,
        class_names=class_names,
    )  # fmt: skip


def mean_paired_bootstrap(
    metric: Score,
    y_true: Int[np.ndarray, " num_examples"],
    y_scores_a: Sequence[Float[np.ndarray, "num_examples num_classes"]],
    y_scores_b: Sequence[Float[np.ndarray, "num_examples num_classes"]],
    patients: Sequence[str],
    *,
    threshold: Threshold = 0.5,
    seed: int = 0,
    num_resamples: int = 2000,
    confidence: float = 0.95,
    min_patients: int = MIN_PATIENTS,
    class_names: Sequence[str] | None = None,
) -> Estimate:
    """Return the mean over settings of the difference of a score, a minus b, over resampled patients.

    The patients are drawn once per resample, for all settings and both sides, so what settings have in common
    (a patient whom all of them get wrong) widens the interval as it should. A resample in which the score of any
    setting is undefined is dropped and counted. ``y_scores_a`` and ``y_scores_b`` hold, per setting and in one order,
    the probabilities of the same examples by either side; other arguments and sentences as for
    ``bootstrap_patients``.

    Raises:
        ValueError: If the sides differ in their number of settings, or there is none.
    """
    if len(y_scores_a) != len(y_scores_b) or not len(y_scores_a):
        msg = f"Both sides must have the same settings, at least one, got {len(y_scores_a)} and {len(y_scores_b)}."
        raise ValueError(msg)
    pairs = [
        tuple(_value_of(metric, y_true, side, threshold) for side in pair)
        for pair in zip(y_scores_a, y_scores_b, strict=True)
    ]
    value = float(
        np.mean(
            [
                _one(metric, y_true, a, threshold) - _one(metric, y_true, b, threshold)
                for a, b in zip(y_scores_a, y_scores_b, strict=True)
            ]
        )
    )

    def values(weights: np.ndarray) -> np.ndarray:
        mean: np.ndarray = np.mean([first(weights) - second(weights) for first, second in pairs], axis=0)
        return mean

    return _estimate(
        value, values, y_true, patients,
        seed=seed, num_resamples=num_resamples, confidence=confidence, min_patients=min_patients,
        class_names=class_names,
    )  # fmt: skip


def exact_binomial(num_hits: int, num_trials: int, *, confidence: float = 0.95) -> Estimate:
    """Return a fraction with its exact (Clopper-Pearson) interval, which takes trials to be independent.

    With no trials the value is NaN, with a warning.

    Raises:
        ValueError: If there are more hits than trials, or fewer than 0.
    """
    if not 0 <= num_hits <= num_trials:
        msg = f"num_hits must lie in 0 to num_trials, got {num_hits} of {num_trials}."
        raise ValueError(msg)
    if num_trials == 0:
        value = undefined("A fraction", "it needs at least one trial")
        low = high = float("nan")
    else:
        from scipy.stats import beta

        value, tail = num_hits / num_trials, (1 - confidence) / 2
        low = float(beta.ppf(tail, num_hits, num_trials - num_hits + 1)) if num_hits > 0 else 0.0
        high = (
            float(beta.ppf(1 - tail, num_hits + 1, num_trials - num_hits)) if num_hits < num_trials else 1.0
        )
    note = "" if num_trials else "No interval: there are no trials."
    return Estimate(
        value=value, low=low, high=high, num_resamples=0, num_dropped=0, note=note, confidence=confidence
    )


def _estimate(
    value: float,
    values: Callable[[np.ndarray], np.ndarray],
    y_true: Int[np.ndarray, " num_examples"],
    patients: Sequence[str],
    *,
    seed: int,
    num_resamples: int,
    confidence: float,
    min_patients: int,
    class_names: Sequence[str] | None,
) -> Estimate:
    note = too_few(y_true, patients, min_patients=min_patients, class_names=class_names)
    if not note and np.isnan(value):
        note = "No interval: the score itself is undefined."
    drawn = np.empty(0)
    if not note:
        pieces = drawn_weights(y_true, patients, seed=seed, num_resamples=num_resamples)
        drawn = np.concatenate([values(weights) for weights in pieces])
    kept = drawn[np.isfinite(drawn)]
    if not note and len(kept) < LEAST_DEFINED * num_resamples:
        note = mostly_undefined(num_resamples - len(kept), num_resamples)
    if not note and np.ptp(kept) < 1e-12:
        note = (
            f"No interval: all {len(kept)} resamples of the patients give the same value, so resampling cannot say "
            "how sure it is."
        )
    low, high = (float(end) for end in ends(kept, confidence)) if not note else (float("nan"), float("nan"))
    return Estimate(
        value=value, low=low, high=high, num_resamples=len(drawn), num_dropped=len(drawn) - len(kept), note=note,
        confidence=confidence,
    )  # fmt: skip


def _one(metric: Score, y_true: np.ndarray, y_score: np.ndarray, threshold: Threshold) -> float:
    if isinstance(metric, Metric):
        return metric(y_true, y_score, threshold=threshold)
    return float(metric(y_true, y_score))


def _value_of(
    metric: Score, y_true: np.ndarray, y_score: np.ndarray, threshold: Threshold
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from weights (num_resamples num_examples) to values."""
    if isinstance(metric, Metric):
        weighted = metric.weighted
        return lambda weights: weighted(y_true, y_score, weights, threshold=threshold)
    plain = metric

    def looped(weights: np.ndarray) -> np.ndarray:
        values = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedScoreWarning)
            for row in weights.astype(np.int64):
                chosen = np.repeat(np.arange(len(y_true)), row)
                values.append(float(plain(y_true[chosen], y_score[chosen])))
        return np.array(values)

    return looped
