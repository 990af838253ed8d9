import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import iqr, mannwhitneyu
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from semioscope.scoring import (
    UndefinedScoreWarning,
    WindowScores,
    average_windows,
    compare_rows,
    mean_clip_score,
    median_iqr,
    seizure_clip_scores,
)


def windows(number, y_score, y_true=None, step=0.5):
    number = np.array(number, dtype=np.int64)
    y_true = np.zeros(len(number)) if y_true is None else y_true
    return WindowScores(
        window_number=number,
        start_seconds=number * step,
        y_true=np.array(y_true, dtype=np.int64),
        y_score=np.array(y_score, dtype=np.float64),
    )


@st.composite
def views(draw, most=4):
    """Views of one seizure; each has some of the moments, all have the same classes."""
    length = draw(st.integers(1, 12))
    y_true = np.array(draw(st.lists(st.integers(0, 1), min_size=length, max_size=length)))
    found = []
    for _ in range(draw(st.integers(1, most))):
        there = sorted(draw(st.sets(st.integers(0, length - 1), min_size=1)))
        # few distinct values, so that there are ties
        score = draw(st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0]), min_size=len(there),
                              max_size=len(there)))  # fmt: skip
        found.append(windows(there, score, y_true[there]))
    return found


@given(views())
def test_scores_are_those_of_scikit_learn_on_the_mean_of_the_views(seizure):
    moments = sorted({number for view in seizure for number in view.window_number.tolist()})
    y_true, y_score = [], []
    for moment in moments:
        own = [(view, int(np.flatnonzero(view.window_number == moment)[0]))
               for view in seizure if moment in view.window_number]  # fmt: skip
        y_true.append(own[0][0].y_true[own[0][1]])
        y_score.append(sum(sorted(view.y_score[k] for view, k in own)) / len(own))
    predicted = np.array(y_score) >= 0.5
    scores = seizure_clip_scores(seizure, is_positive=True)
    assert scores.num_windows == len(moments)
    assert scores.num_positive_windows == sum(y_true)
    assert scores.num_views == len(seizure)
    assert scores.accuracy == pytest.approx(accuracy_score(y_true, predicted))
    if any(y_true) or predicted.any():
        assert scores.f1 == pytest.approx(f1_score(y_true, predicted))
    else:
        assert math.isnan(scores.f1)
    if any(y_true):
        assert scores.auc == pytest.approx(average_precision_score(y_true, y_score))
    else:
        assert math.isnan(scores.auc)


@given(views(most=4), st.randoms(use_true_random=False))
def test_the_order_of_the_views_does_not_matter_to_the_last_bit(seizure, random):
    other = list(seizure)
    random.shuffle(other)
    a, b = average_windows(seizure), average_windows(other)
    for name in ("window_number", "start_seconds", "y_true", "y_score"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert mean_clip_score(seizure) == mean_clip_score(other)


@given(views(most=1))
def test_one_view_is_its_own_mean_and_equal_views_change_nothing(seizure):
    for joined in (average_windows(seizure), average_windows(seizure * 2)):
        for name in ("window_number", "start_seconds", "y_true", "y_score"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(seizure[0], name))


def test_a_moment_that_one_view_lacks_is_taken_from_the_other():
    joined = average_windows([windows([0, 2], [0.2, 0.8]), windows([0, 1], [0.6, 0.3])])
    assert joined.window_number.tolist() == [0, 1, 2]
    np.testing.assert_allclose(joined.y_score, [0.4, 0.3, 0.8])
    np.testing.assert_allclose(joined.start_seconds, [0, 0.5, 1])


def test_where_views_disagree_on_the_class_half_of_them_are_enough_for_one():
    a, b, c = (windows([0, 1, 2], [0.5] * 3, y) for y in ([0, 1, 1], [0, 0, 1], [0, 0, 1]))
    assert average_windows([a, b]).y_true.tolist() == [0, 1, 1]
    assert average_windows([a, b, c]).y_true.tolist() == [0, 0, 1]


def test_seizures_of_the_other_class_have_an_accuracy_only():
    scores = seizure_clip_scores([windows([0, 1, 2, 3], [0.1, 0.5, 0.2, 0.3])], is_positive=False)
    assert scores.accuracy == 0.75
    assert np.isnan([scores.f1, scores.auc]).all()


def test_a_seizure_without_windows_has_no_score():
    nothing = windows([], [])
    scores = seizure_clip_scores([nothing], is_positive=True)
    assert np.isnan([scores.accuracy, scores.f1, scores.auc]).all()
    assert (scores.num_windows, scores.num_views) == (0, 0)
    with pytest.warns(UndefinedScoreWarning, match="mean of clip probabilities is undefined here"):
        assert math.isnan(mean_clip_score([nothing]))
    with pytest.raises(ValueError, match="A seizure needs at least one view, got none"):
        seizure_clip_scores([], is_positive=True)


def test_the_mean_clip_score_is_over_time_then_over_views():
    long, short = windows(range(4), [0.0, 0.0, 0.0, 1.0]), windows([7], [0.75])
    assert mean_clip_score([long, short, windows([], [])]) == 0.5


@pytest.mark.parametrize(
    ("number", "score", "match"),
    [
        ([1, 0], [0.1, 0.2], "in the order of their numbers, none twice"),
        ([1, 1], [0.1, 0.2], "in the order of their numbers, none twice"),
        ([0, 1], [0.1, 1.2], r"probabilities in \[0, 1\]"),
        ([0, 1], [0.1, math.nan], r"probabilities in \[0, 1\]"),
    ],
)
def test_windows_check_themselves(number, score, match):
    with pytest.raises(ValueError, match=match):
        windows(number, score)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 3))
def test_median_and_iqr_are_those_of_scipy_and_numpy(values, num_nan):
    found = median_iqr(np.array(values + [math.nan] * num_nan))
    assert found.median == pytest.approx(np.median(values))
    assert found.iqr == pytest.approx(iqr(values))
    assert found.num == len(values)


def test_median_of_nothing():
    with pytest.warns(UndefinedScoreWarning, match="The median is undefined here"):
        found = median_iqr(np.array([math.nan]))
    assert np.isnan([found.median, found.iqr]).all()
    assert found.num == 0


def test_rows_are_compared_in_every_order_at_the_level_of_the_paper():
    rng = np.random.default_rng(0)
    rows = {
        name: {
            "accuracy": rng.normal(shift, 0.3, size=60),
            "f1": np.append(rng.normal(size=30), [math.nan] * 30),
        }
        for name, shift in (("a", 0.0), ("b", 0.0), ("c", 1.0), ("d", 1.0))
    }
    found = compare_rows(rows)
    assert found.level == pytest.approx(0.0042, abs=5e-5)
    pairs = list(itertools.permutations("abcd", 2))
    assert [(t.metric, t.better, t.worse) for t in found.tests] == [
        (metric, *pair) for metric in ("accuracy", "f1") for pair in pairs
    ]
    for test in found.tests:
        a, b = (rows[name][test.metric] for name in (test.better, test.worse))
        a, b = a[~np.isnan(a)], b[~np.isnan(b)]
        wanted = mannwhitneyu(a, b, alternative="greater")
        assert (test.num_a, test.num_b) == (len(a), len(b))
        assert test.u == wanted.statistic
        assert test.p_value == pytest.approx(wanted.pvalue)
        assert test.adjusted == pytest.approx(min(1, 12 * wanted.pvalue))
        assert test.significant == (test.p_value < 0.05 / 12)
    significant = {(t.better, t.worse) for t in found.tests if t.significant}
    assert significant == {("c", "a"), ("c", "b"), ("d", "a"), ("d", "b")}


def test_one_row_is_compared_with_nothing():
    found = compare_rows({"a": {"accuracy": np.ones(3)}})
    assert found.tests == ()
    assert math.isnan(found.level)


def test_rows_need_the_same_metrics():
    with pytest.raises(ValueError, match="Row 'b' must have values of f1 to be compared"):
        compare_rows({"a": {"f1": np.ones(3)}, "b": {"accuracy": np.ones(3)}})
