"""Tests between two sets of predictions of the same examples, and corrections for several such tests.

The patient is the unit: seizures of one patient resemble each other, so under the hypothesis that two models are
alike, a patient's predictions of one may be exchanged for those of the other, all of them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.core.randomness import stream
from semioscope.core.wording import counted
from semioscope.scoring.classification import Metric
from semioscope.scoring.confusion import Threshold, predict_classes
from semioscope.scoring.undefined import undefined

NUM_FLIPS = 10_000
_CELLS_AT_ONCE = 4_000_000  # of the table of arrangements by predictions: 32 MB
_SAME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipTest:
    """Result of a sign-flip permutation test over patients, two-sided.

    Args:
        difference: Of the metric, a minus b, as it is; NaN if undefined.
        p_value: Share of the arrangements whose difference is at least as large in size; NaN if undefined.
        num_patients: Patients for whom the two models differ; the others cannot change anything.
        num_flips: Arrangements that were looked at: all 2^num_patients, or so many drawn ones.
        num_undefined: Arrangements in which the metric is undefined; they count as at least as large.
        is_exact: Whether all arrangements were looked at.
        note: Empty, or a sentence: why there is no p value, or that it cannot become small.
    """

    difference: float
    p_value: float
    num_patients: int
    num_flips: int
    num_undefined: int
    is_exact: bool
    note: str


def sign_flip_test(
    metric: Metric,
    y_true: Int[np.ndarray, " num_examples"],
    y_score_a: Float[np.ndarray, "num_examples num_classes"],
    y_score_b: Float[np.ndarray, "num_examples num_classes"],
    patients: Sequence[str],
    *,
    threshold_a: float = 0.5,
    threshold_b: float = 0.5,
    seed: int = 0,
    num_flips: int = NUM_FLIPS,
) -> FlipTest:
    """Test whether the difference of a metric between two models could be chance.

    In each arrangement some patients have the predictions of the two models exchanged, all their examples
    together, and the metric is computed anew for both sides. All arrangements are looked at where there are at
    most ``num_flips`` of them; otherwise so many are drawn, and the arrangement that was found counts as one
    more. The result does not depend on the order of the examples, and exchanging the models changes the sign
    of the difference only.

    Args:
        metric: An entry of ``METRICS``.
        y_true: Class of each example.
        y_score_a: Probability of each class by the first model.
        y_score_b: The same by the second.
        patients: Patient of each example.
        threshold_a: As for a metric, of the first model.
        threshold_b: Of the second.
        seed: Of the drawn arrangements.
        num_flips: Most arrangements, 1 or more.

    Returns:
        NaN, with an ``UndefinedScoreWarning`` and a note, where the metric itself is undefined for a model.

    References:
        Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses; Phipson & Smyth (2010),
        Permutation p-values should never be zero (the arrangement that was found is counted).
    """
    if num_flips < 1:
        msg = f"num_flips must be at least 1, got {num_flips}."
        raise ValueError(msg)
    names, column = np.unique(list(patients), return_inverse=True)
    called_a, called_b = (
        _judged(metric, y_score, threshold)
        for y_score, threshold in ((y_score_a, threshold_a), (y_score_b, threshold_b))
    )
    differing = np.unique(column[(called_a != called_b).any(axis=1)])
    both_true = np.concatenate([y_true, y_true])
    both_score = np.concatenate([y_score_a, y_score_b]).astype(np.float64)
    thresholds = np.repeat([threshold_a, threshold_b], len(y_true)).astype(np.float64)

    def differences(
        flips: Bool[np.ndarray, "num_arrangements num_differing"],
    ) -> Float[np.ndarray, " num_arrangements"]:
        exchanged = np.zeros((len(flips), len(names)), dtype=bool)
        exchanged[:, differing] = flips
        rows = exchanged[:, column]
        own = np.concatenate([~rows, rows], axis=1).astype(np.float64)
        values = [
            metric.weighted(both_true, both_score, side, threshold=thresholds) for side in (own, 1.0 - own)
        ]
        return np.asarray(values[0] - values[1])

    observed = float(differences(np.zeros((1, len(differing)), dtype=bool))[0])
    num = len(differing)
    if np.isnan(observed):
        undefined(f"The test of {metric.name}", f"the metric needs {metric.needs}, for both models")
        return FlipTest(
            difference=observed, p_value=observed, num_patients=num, num_flips=0, num_undefined=0, is_exact=False,
            note=f"No test: {metric.label} is undefined for one of the two; it needs {metric.needs}.",
        )  # fmt: skip
    is_exact = num < 63 and 2**num <= num_flips
    total = 2**num if is_exact else num_flips
    rng = stream(seed, "sign flips over patients")
    step = max(1, _CELLS_AT_ONCE // (2 * len(y_true)))
    at_least = num_undefined = 0
    for start in range(0, total, step):
        size = min(step, total - start)
        flips = _patterns(start, size, num) if is_exact else rng.integers(0, 2, size=(size, num)).astype(bool)
        found = differences(flips)
        missing = np.isnan(found)
        num_undefined += int(missing.sum())
        at_least += int((missing | (np.abs(found) >= abs(observed) - _SAME)).sum())
    p_value = at_least / total if is_exact else (1 + at_least) / (1 + total)
    return FlipTest(
        difference=observed, p_value=p_value, num_patients=num, num_flips=total, num_undefined=num_undefined,
        is_exact=is_exact, note=_few(num, is_exact=is_exact),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTest:
    """Result of McNemar's exact test, two-sided; it takes examples to be independent.

    Args:
        num_only_a: Examples that only the first model has right.
        num_only_b: Examples that only the second has right.
        p_value: Of so uneven a division, were either equally likely; 1 where there is none.
    """

    num_only_a: int
    num_only_b: int
    p_value: float


def mcnemar_exact(
    correct_a: Bool[np.ndarray, " num_examples"], correct_b: Bool[np.ndarray, " num_examples"]
) -> McNemarTest:
    """Test whether two models are right equally often, from the examples on which only one of them is right.

    Examples of one patient count as independent here, which they are not: hold it against ``sign_flip_test``.
    """
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    p_value = 1.0
    if only_a + only_b:
        from scipy.stats import binomtest

        p_value = float(binomtest(min(only_a, only_b), only_a + only_b, 0.5).pvalue)
    return McNemarTest(num_only_a=only_a, num_only_b=only_b, p_value=p_value)


def holm(p_values: Float[np.ndarray, " num_tests"]) -> Float[np.ndarray, " num_tests"]:
    """Return p values that are corrected for each other by Holm's step-down method.

    Never larger than with ``bonferroni``. NaN stays NaN and counts as a comparison, since it was planned.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values, kind="stable")  # NaN last
    order = order[: int(np.isfinite(p_values).sum())]
    times = len(p_values) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * times), 1.0)
    return adjusted


def _judged(
    metric: Metric, y_score: Float[np.ndarray, "num_examples num_classes"], threshold: Threshold
) -> Float[np.ndarray, "num_examples num_judged"]:
    """Return what a metric looks at: the predicted class, or the scores."""
    if metric.uses_threshold:
        return predict_classes(y_score, threshold=threshold)[:, None].astype(np.float64)
    return y_score.astype(np.float64)


def _patterns(start: int, size: int, num_bits: int) -> Bool[np.ndarray, "size num_bits"]:
    """Return the binary digits of ``size`` numbers from ``start`` on."""
    numbers = np.arange(start, start + size, dtype=np.int64)
    return ((numbers[:, None] >> np.arange(num_bits)) & 1).astype(bool)


def _few(num_patients: int, *, is_exact: bool) -> str:
    if num_patients == 0:
        return "Nothing to test: the two do not differ for any patient."
    smallest = 2 / 2**num_patients
    if not is_exact or smallest <= 0.05:
        return ""
    return f"The two differ for {counted(num_patients, 'patient')} only, so p cannot be below {smallest:.3g}."
