"""Tests between two sets of predictions: laws, and full enumeration written plainly."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from semioscope.scoring import (
    METRICS,
    UndefinedScoreWarning,
    bonferroni,
    holm,
    mcnemar_exact,
    sign_flip_test,
)

METRIC_NAMES = ("accuracy", "balanced_accuracy", "f1", "macro_f1", "auroc", "auprc", "brier")


def two_models(num_patients: int, num_each: int, seed: int):
    """Return classes, scores of two models, and patients; every patient has both classes."""
    rng = np.random.default_rng(seed)
    y_true = np.tile(np.arange(num_each) % 2, num_patients)
    scores = []
    for skill in (0.5, 1.5):
        positive = 1 / (1 + np.exp(-(skill * (2 * y_true - 1) + rng.normal(size=len(y_true)))))
        scores.append(np.stack([1 - positive, positive], axis=1))
    patients = [f"p{i:02d}" for i in range(num_patients) for _ in range(num_each)]
    return y_true, scores[0], scores[1], patients


def enumerated(metric, y_true, a, b, patients):
    """Exchange whole patients in every possible way, one after another."""
    names = sorted(set(patients))
    owner = np.array(patients)
    observed = metric(y_true, a) - metric(y_true, b)
    hits = total = 0
    for exchanged in itertools.product([False, True], repeat=len(names)):
        first, second = a.copy(), b.copy()
        for name, turn in zip(names, exchanged, strict=True):
            if turn:
                first[owner == name], second[owner == name] = b[owner == name], a[owner == name]
        total += 1
        hits += abs(metric(y_true, first) - metric(y_true, second)) >= abs(observed) - 1e-12
    return observed, hits / total


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_the_exact_test_is_full_enumeration(name):
    material = two_models(6, 4, seed=2)
    found = sign_flip_test(METRICS[name], *material)
    difference, p_value = enumerated(METRICS[name], *material)
    assert found.is_exact
    assert found.num_flips == 2**found.num_patients <= 64
    assert found.difference == pytest.approx(difference)
    assert found.p_value == pytest.approx(p_value)


@pytest.mark.parametrize("name", METRIC_NAMES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8)
def test_exchanging_the_models_turns_the_sign_only(name, seed):
    y_true, a, b, patients = two_models(5, 3, seed)
    one = sign_flip_test(METRICS[name], y_true, a, b, patients, num_flips=20)
    two = sign_flip_test(METRICS[name], y_true, b, a, patients, num_flips=20)
    assert one.difference == pytest.approx(-two.difference)
    assert (one.p_value, one.num_patients, one.num_flips) == (two.p_value, two.num_patients, two.num_flips)
    assert 0 < one.p_value <= 1


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_a_model_against_itself(name):
    y_true, a, _, patients = two_models(8, 3, seed=1)
    found = sign_flip_test(METRICS[name], y_true, a, a, patients)
    assert (found.difference, found.p_value, found.num_patients, found.is_exact) == (0.0, 1.0, 0, True)
    assert found.note == "Nothing to test: the two do not differ for any patient."


def test_the_order_of_the_examples_does_not_matter():
    y_true, a, b, patients = two_models(20, 3, seed=4)
    order = np.random.default_rng(0).permutation(len(y_true))
    shuffled = (y_true[order], a[order], b[order], [patients[i] for i in order])
    for name in ("accuracy", "auroc"):
        assert sign_flip_test(METRICS[name], *shuffled, num_flips=500) == sign_flip_test(
            METRICS[name], y_true, a, b, patients, num_flips=500
        )


def test_drawn_arrangements_come_near_the_exact_ones():
    material = two_models(10, 4, seed=6)
    exact = sign_flip_test(METRICS["auroc"], *material)
    drawn = sign_flip_test(METRICS["auroc"], *material, num_flips=1000)
    assert (exact.is_exact, exact.num_flips, drawn.is_exact, drawn.num_flips) == (True, 1024, False, 1000)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.05)
    assert drawn.p_value == sign_flip_test(METRICS["auroc"], *material, num_flips=1000).p_value
    assert drawn.p_value != sign_flip_test(METRICS["auroc"], *material, num_flips=1000, seed=1).p_value


def test_the_smallest_p_value_is_never_zero():
    num = 40
    y_true = np.arange(num) % 2
    right = np.eye(2)[y_true]
    found = sign_flip_test(
        METRICS["accuracy"], y_true, right, 1 - right, [f"p{i}" for i in range(num)], num_flips=99
    )
    assert found.p_value == pytest.approx(1 / 100)


def test_patients_are_the_unit():
    """Twenty seizures of two patients on which one model is right and the other wrong are two facts, not twenty."""
    y_true = np.arange(20) % 2
    right = np.eye(2)[y_true]
    found = sign_flip_test(METRICS["accuracy"], y_true, right, 1 - right, ["a"] * 10 + ["b"] * 10)
    assert (found.p_value, found.num_patients, found.num_flips) == (0.5, 2, 4)
    assert found.note == "The two differ for 2 patients only, so p cannot be below 0.5."


def test_under_the_hypothesis_small_p_values_are_as_rare_as_they_say():
    p_values = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        y_true = np.tile([0, 1], 9)
        scores = rng.random((2, 18))
        a, b = (np.stack([1 - row, row], axis=1) for row in scores)
        patients = [f"p{i}" for i in range(9) for _ in range(2)]
        p_values.append(sign_flip_test(METRICS["balanced_accuracy"], y_true, a, b, patients).p_value)
    hits = sum(p <= 0.1 for p in p_values)
    assert binomtest(hits, len(p_values), 0.1, alternative="greater").pvalue > 0.001


def test_an_undefined_metric_has_no_test_but_a_reason():
    y_true = np.array([0, 0, 0])
    scores = np.array([[0.9, 0.1]] * 3)
    with pytest.warns(UndefinedScoreWarning, match="examples of every class"):
        found = sign_flip_test(METRICS["auroc"], y_true, scores, scores, ["a", "b", "c"])
    assert np.isnan([found.difference, found.p_value]).all()
    assert "area under the ROC curve is undefined" in found.note


def test_arrangements_without_a_value_count_against_a_difference():
    """F1 needs a positive call: exchanging both patients' calls may leave one side without any."""
    y_true = np.array([0, 0])
    a, b = np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([[0.9, 0.1], [0.2, 0.8]])
    found = sign_flip_test(METRICS["f1"], y_true, a, b, ["p", "q"])
    assert (found.num_undefined, found.num_flips, found.p_value) == (2, 4, 1.0)


def test_thresholds_stay_with_their_model():
    y_true, a, b, patients = two_models(6, 4, seed=3)
    found = sign_flip_test(METRICS["accuracy"], y_true, a, b, patients, threshold_a=0.3, threshold_b=0.6)
    wanted = METRICS["accuracy"](y_true, a, threshold=0.3) - METRICS["accuracy"](y_true, b, threshold=0.6)
    assert found.difference == pytest.approx(wanted)


def test_a_test_needs_an_arrangement():
    with pytest.raises(ValueError, match="num_flips must be at least 1, got 0"):
        sign_flip_test(METRICS["accuracy"], *two_models(2, 2, seed=0), num_flips=0)


def test_holm_by_hand():
    # sorted 0.005 0.01 0.03 0.04: times 4 3 2 1 gives 0.02 0.03 0.06 0.04, and never smaller than before
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).tolist() == []


def test_holm_counts_what_could_not_be_tested():
    found = holm(np.array([0.01, np.nan, 0.02]))
    assert found[[0, 2]] == pytest.approx([0.03, 0.04])
    assert np.isnan(found[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_plain_p_and_bonferroni(p_values):
    plain = np.array(p_values)
    found = holm(plain)
    assert (found >= plain).all()
    assert (found <= bonferroni(plain).adjusted + 1e-12).all()
    order = np.argsort(plain, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_is_the_sign_test_of_the_discordant(only_a, only_b):
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    found, turned = mcnemar_exact(a, b), mcnemar_exact(b, a)
    assert (found.num_only_a, found.num_only_b) == (only_a, only_b) == (turned.num_only_b, turned.num_only_a)
    tail = sum(
        np.prod([(only_a + only_b - j) / (j + 1) for j in range(k)]) for k in range(min(only_a, only_b) + 1)
    )
    assert found.p_value == pytest.approx(min(1.0, 2 * tail / 2 ** (only_a + only_b)))
    assert found.p_value == turned.p_value
