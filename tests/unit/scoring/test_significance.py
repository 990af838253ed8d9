import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from semioscope.scoring import (
    UndefinedScoreWarning,
    bonferroni,
    cohens_kappa,
    fleiss_kappa,
    mann_whitney_one_tailed,
)


def test_mann_whitney_by_counting_all_orders():
    a, b = np.array([1.5, 3.0, 7.0]), np.array([0.2, 2.0])
    found = mann_whitney_one_tailed(a, b)
    u = sum(x > y for x in a for y in b)
    pooled = np.concatenate([a, b])
    larger = [
        sum(x > y for x in chosen for y in set(pooled) - set(chosen)) >= u
        for chosen in itertools.combinations(pooled, 3)
    ]
    assert found.u == u
    assert found.p_value == pytest.approx(np.mean(larger))
    assert found.effect == pytest.approx(u / 6)
    assert (found.num_a, found.num_b) == (3, 2)


def test_mann_whitney_is_one_tailed_and_leaves_out_nan():
    rng = np.random.default_rng(0)
    low, high = rng.normal(size=40), rng.normal(1, size=40)
    assert mann_whitney_one_tailed(high, low).p_value < 0.001
    assert mann_whitney_one_tailed(low, high).p_value > 0.999
    assert mann_whitney_one_tailed(np.append(high, np.nan), low) == mann_whitney_one_tailed(high, low)


def test_mann_whitney_of_equal_values_says_nothing():
    found = mann_whitney_one_tailed(np.ones(3), np.ones(4))
    assert (found.p_value, found.effect) == (0.5, 0.5)


def test_mann_whitney_of_nothing():
    with pytest.warns(UndefinedScoreWarning, match="Mann-Whitney test is undefined here"):
        found = mann_whitney_one_tailed(np.array([np.nan]), np.ones(2))
    assert np.isnan([found.p_value, found.u]).all()


def test_bonferroni_level_of_the_paper():
    found = bonferroni(np.array([1e-7, 0.012, 0.9, np.nan]), num_comparisons=4 * 3)
    assert found.level == pytest.approx(0.0042, abs=5e-5)
    assert found.significant.tolist() == [True, False, False, False]
    np.testing.assert_allclose(found.adjusted, [12e-7, 0.144, 1, np.nan])
    assert bonferroni(np.array([0.02, 0.03])).level == 0.025


@pytest.mark.parametrize(("number", "p_values"), [(1, [0.1, 0.2]), (None, []), (0, [])])
def test_bonferroni_refuses_too_few_comparisons(number, p_values):
    with pytest.raises(ValueError, match="num_comparisons must be at least 1 and the number of p values"):
        bonferroni(np.array(p_values, dtype=float), num_comparisons=number)


LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=30)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_cohen_agrees_with_scikit_learn(pairs):
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len(set(a + b)) > 1:
        assert cohens_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
        assert cohens_kappa(a, b) == pytest.approx(cohens_kappa(b, a), abs=1e-12)


def test_cohen_of_one_label_or_nothing():
    for labels in ([], ["a", "a"]):
        with pytest.warns(UndefinedScoreWarning, match="Cohen's kappa is undefined here"):
            assert np.isnan(cohens_kappa(labels, labels))
    with pytest.raises(ValueError, match="label the same items, got 1 and 2 labels"):
        cohens_kappa(["a"], ["a", "b"])


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=15))
@settings(max_examples=60, deadline=None)
def test_fleiss_agrees_with_counting_pairs(ratings):
    counts = np.array([[row.count(label) for label in range(3)] for row in ratings])
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return
    agree = np.mean([x == y for row in ratings for x, y in itertools.permutations(row, 2)])
    pooled = [label for row in ratings for label in row]
    chance = np.mean([x == y for x in pooled for y in pooled])
    assert fleiss_kappa(counts) == pytest.approx((agree - chance) / (1 - chance), abs=1e-12)


def test_fleiss_leaves_out_items_of_one_annotator():
    counts = np.array([[2, 0], [0, 2], [1, 1]])
    assert fleiss_kappa(np.concatenate([counts, [[1, 0], [0, 0]]])) == fleiss_kappa(counts)
    assert fleiss_kappa(counts[:2]) == 1


@pytest.mark.parametrize("counts", [[[1, 0], [0, 1]], [[3, 0], [2, 0]]])
def test_fleiss_undefined(counts):
    with pytest.warns(UndefinedScoreWarning, match="Fleiss' kappa is undefined here"):
        assert np.isnan(fleiss_kappa(np.array(counts)))
