import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from semioscope.scoring import (
    METRICS,
    Calibration,
    UndefinedScoreWarning,
    brier_split,
    ece,
    fit_calibration,
    fit_platt,
    fit_temperature,
    fit_threshold,
    reliability_points,
)


def overconfident(seed, num_examples=400, num_classes=2, factor=3.0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=(num_examples, num_classes))
    p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    y_true = (rng.random((num_examples, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    sharp = np.exp(factor * logit)
    return y_true, sharp / sharp.sum(axis=1, keepdims=True)


def two(p):
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_platt_agrees_with_logistic_regression_on_smoothed_targets(seed):
    y_true, y_score = overconfident(seed, num_examples=80)
    found = fit_platt(y_true, y_score[:, 1])
    p = np.clip(y_score[:, 1], 1e-6, 1 - 1e-6)
    x = np.log(p / (1 - p))[:, None]
    positive = y_true.sum()
    target = np.where(y_true == 1, (positive + 1) / (positive + 2), 1 / (80 - positive + 2))
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
    reference.fit(
        np.tile(x, (2, 1)), np.repeat([1, 0], 80), sample_weight=np.concatenate([target, 1 - target])
    )
    assert found.kind == "platt"
    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)
    assert found.intercept == pytest.approx(reference.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_calibration_mends_overconfidence_and_keeps_the_order(num_classes):
    y_true, y_score = overconfident(1, num_examples=2000, num_classes=num_classes)
    found = fit_calibration(y_true, y_score)
    mended = found.apply(y_score)
    assert found.kind == ("platt" if num_classes == 2 else "temperature")
    assert found.slope == pytest.approx(1 / 3, rel=0.2)
    np.testing.assert_allclose(mended.sum(axis=1), 1)
    assert ece(y_true, mended) < 0.5 * ece(y_true, y_score)
    assert METRICS["log_loss"](y_true, mended) < METRICS["log_loss"](y_true, y_score)
    if num_classes == 2:
        assert METRICS["auroc"](y_true, mended) == pytest.approx(METRICS["auroc"](y_true, y_score), abs=1e-6)
    else:
        assert (mended.argmax(axis=1) == y_score.argmax(axis=1)).all()


def test_scores_that_separate_the_classes_stay_finite():
    found = fit_platt(np.array([0, 0, 0, 1, 1, 1]), np.array([0.0, 0.0, 0.1, 0.9, 1.0, 1.0]))
    assert 0 < found.slope < 10
    np.testing.assert_allclose(found.apply(two(np.array([0.0, 1.0])))[:, 1], [0.2, 0.8], atol=0.05)


@given(
    hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(0, 1)),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::semioscope.scoring.UndefinedScoreWarning")
def test_platt_is_finite_and_rising_for_any_scores(score, seed):
    y_true = np.random.default_rng(seed).integers(0, 2, len(score))
    found = fit_platt(y_true, score)
    assert found.slope > 0
    assert np.isfinite([found.slope, found.intercept]).all()
    mended = found.apply(two(np.sort(score)))[:, 1]
    assert (np.diff(mended) >= 0).all()
    assert ((mended >= 0) & (mended <= 1)).all()


@pytest.mark.parametrize(
    ("y_true", "score", "why"),
    [
        ([1, 1, 1], [0.2, 0.5, 0.9], "needs both classes"),
        ([0, 1, 0], [0.5, 0.5, 0.5], "scores that differ"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], "do not rise with the class"),
    ],
)
def test_where_platt_is_undefined_scores_stay(y_true, score, why):
    with pytest.warns(UndefinedScoreWarning, match=f"The calibration is undefined here: .*{why}"):
        found = fit_platt(np.array(y_true), np.array(score))
    assert found == Calibration(kind="identity")
    y_score = two(np.array(score))
    assert found.apply(y_score) is y_score


def test_temperature_is_the_best_one():
    y_true, y_score = overconfident(2, num_classes=3)
    slope = fit_temperature(y_true, y_score).slope
    best = log_loss(y_true, Calibration(kind="temperature", slope=slope).apply(y_score))
    for other in (0.98 * slope, 1.02 * slope):
        assert log_loss(y_true, Calibration(kind="temperature", slope=other).apply(y_score)) > best
    with pytest.warns(UndefinedScoreWarning, match="at least two classes"):
        assert fit_temperature(np.zeros(4, dtype=int), np.full((4, 3), 1 / 3)).kind == "identity"


def test_platt_is_for_two_classes():
    with pytest.raises(ValueError, match="Platt calibration maps two classes, got 3"):
        Calibration(kind="platt").apply(np.full((2, 3), 1 / 3))


def test_reliability_points_by_hand():
    y_true = np.array([0, 1, 1, 1, 0])
    positive = np.array([0.05, 0.5, 0.59, 1.0, 0.95])
    points = reliability_points(y_true, two(positive))
    np.testing.assert_allclose(points.bin_low, [0, 0.5, 0.9])
    np.testing.assert_allclose(points.bin_high, [0.1, 0.6, 1.0])
    np.testing.assert_allclose(points.mean_score, [0.05, 0.545, 0.975])
    np.testing.assert_allclose(points.fraction, [0, 1, 0.5])
    assert points.num_examples.tolist() == [1, 2, 2]
    np.testing.assert_allclose(points.high[0], 0.975)
    assert (points.low <= points.fraction).all()
    assert ece(y_true, two(positive)) == pytest.approx((0.05 + 2 * 0.455 + 2 * 0.475) / 5)


def test_reliability_of_three_classes_is_that_of_the_chosen_one():
    y_score = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.2, 0.0]])
    points = reliability_points(np.array([0, 1, 2, 1]), y_score, num_bins=5)
    assert (points.mean_score.tolist(), points.fraction.tolist()) == ([0.8], [0.75])


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)),
    st.integers(1, 15),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_laws_of_calibration_error_and_brier_parts(positive, num_bins, seed):
    y_true = np.random.default_rng(seed).integers(0, 2, len(positive))
    assert 0 <= ece(y_true, two(positive), num_bins=num_bins) <= 1
    points = reliability_points(y_true, two(positive), num_bins=num_bins)
    assert points.num_examples.sum() == len(positive)
    assert (
        (points.bin_low <= points.mean_score + 1e-9) & (points.mean_score <= points.bin_high + 1e-9)
    ).all()
    parts = brier_split(y_true, positive, num_bins=num_bins)
    brier = METRICS["brier"](y_true, two(positive))
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins == pytest.approx(
        brier
    )
    assert 0 <= parts.resolution <= parts.uncertainty + 1e-12
    exact = brier_split(y_true, np.floor(positive * 4) / 4, num_bins=8)  # equal scores within a bin
    assert exact.within_bins == pytest.approx(0, abs=1e-12)


def test_calibration_of_nothing():
    with pytest.warns(UndefinedScoreWarning, match="ece is undefined here"):
        assert np.isnan(ece(np.zeros(0, dtype=int), np.zeros((0, 2))))
    with pytest.raises(ValueError, match="Brier score needs at least one example"):
        brier_split(np.zeros(0, dtype=int), np.zeros(0))


@given(
    hnp.arrays(np.float64, st.integers(2, 25), elements=st.sampled_from(np.linspace(0, 1, 13))),
    st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_threshold_is_the_best_of_all_and_nearest_to_one_half(score, seed):
    y_true = np.random.default_rng(seed).integers(0, 2, len(score))
    y_true[:2] = [0, 1]
    found = fit_threshold(y_true, score)

    def value(threshold):
        positive = score >= threshold
        return (positive[y_true == 1].mean() + (~positive)[y_true == 0].mean()) / 2

    every = np.linspace(0, 1, 49)
    most = max(value(threshold) for threshold in every)
    assert value(found) == pytest.approx(most)
    if value(0.5) > most - 1e-9:
        assert found == 0.5
    edges = sorted({0.0, 1.0, *score})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    assert not any(value(m) > most - 1e-9 and abs(m - 0.5) < abs(found - 0.5) - 1e-9 for m in middles)


def test_threshold_examples():
    assert fit_threshold(np.array([0, 1]), np.array([0.1, 0.2])) == pytest.approx(0.15)
    assert fit_threshold(np.array([0, 1]), np.array([0.2, 0.9])) == 0.5
    assert fit_threshold(np.array([1, 0]), np.array([0.0, 1.0])) == 0
    assert fit_threshold(np.array([1, 1]), np.array([0.1, 0.2])) == 0.5
    assert fit_threshold(np.zeros(0, dtype=int), np.zeros(0)) == 0.5
