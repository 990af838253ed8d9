"""Averages of a confusion matrix: scikit-learn as the reference, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from semioscope.scoring import (
    AVERAGES,
    METRICS,
    OF_A_CLASS,
    against_rest,
    always_largest,
    averages_of_table,
    bootstrap_patients,
    confusion,
)

REFERENCES = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "macro_f1": lambda y, p: sk.f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p: sk.f1_score(y, p, average="weighted"),
    "micro_f1": lambda y, p: sk.f1_score(y, p, average="micro"),
}
REFERENCES_OF_A_CLASS = {
    "f1": lambda y, p: sk.f1_score(y, p),
    "precision": lambda y, p: sk.precision_score(y, p),
    "sensitivity": lambda y, p: sk.recall_score(y, p),
    "specificity": lambda y, p: sk.recall_score(y, p, pos_label=0),
}


def full_tables(size):
    """Tables in which every class has examples and calls, so that nothing is undefined."""
    cells = st.lists(st.integers(0, 30), min_size=size * size, max_size=size * size)
    return cells.map(lambda numbers: np.array(numbers).reshape(size, size) + np.eye(size, dtype=np.int64))


TABLES = st.integers(2, 4).flatmap(full_tables)


def examples_of(table):
    """One row of truth and call per example."""
    y_true, called = (index.ravel() for index in np.indices(table.shape))
    return np.repeat(y_true, table.ravel()), np.repeat(called, table.ravel())


def test_every_average_has_a_reference():
    assert set(REFERENCES) == set(AVERAGES)
    assert set(REFERENCES_OF_A_CLASS) == set(OF_A_CLASS)
    assert all(metric.name == name for name, metric in AVERAGES.items())


@given(table=TABLES)
@settings(max_examples=60)
def test_all_averages_agree_with_scikit_learn(table):
    y_true, called = examples_of(table)
    found = averages_of_table(table)
    assert found.overall == pytest.approx(
        {name: reference(y_true, called) for name, reference in REFERENCES.items()}
    )
    assert len(found.per_class) == len(table)
    for index, values in enumerate(found.per_class):
        assert values == pytest.approx(
            {
                name: reference(y_true == index, called == index)
                for name, reference in REFERENCES_OF_A_CLASS.items()
            }
        )


@given(table=TABLES, seed=st.integers(0, 99))
@settings(max_examples=30)
def test_renaming_the_classes_changes_no_average(table, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    found, renamed = averages_of_table(table), averages_of_table(table[np.ix_(order, order)])
    assert renamed.overall == pytest.approx(found.overall)
    for place, index in enumerate(order):
        assert renamed.per_class[place] == pytest.approx(found.per_class[index])


@given(table=TABLES)
@settings(max_examples=30)
def test_a_table_and_its_examples_have_the_same_averages(table):
    y_true, called = examples_of(table)
    y_score = np.eye(len(table))[called]
    assert confusion(y_true, y_score).tolist() == table.tolist()
    found = averages_of_table(table)
    assert {name: metric(y_true, y_score) for name, metric in AVERAGES.items()} == pytest.approx(
        found.overall
    )
    for index, values in enumerate(found.per_class):
        assert {name: against_rest(name, index)(y_true, y_score) for name in values} == pytest.approx(values)


def test_of_two_classes_the_second_has_the_metrics_of_the_positive_class():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 50)
    positive = rng.uniform(size=50)
    y_score = np.stack([1 - positive, positive], axis=1)
    for name in OF_A_CLASS:
        for threshold in (0.5, 0.3):
            own = against_rest(name, 1)(y_true, y_score, threshold=threshold)
            assert own == METRICS[name](y_true, y_score, threshold=threshold)


def test_what_nobody_called_is_undefined_and_not_zero():
    found = averages_of_table(np.array([[8, 0], [3, 0]]))
    assert np.isnan(found.per_class[1]["precision"])
    assert found.per_class[1]["sensitivity"] == 0
    assert found.per_class[1]["f1"] == 0
    assert found.overall["weighted_f1"] == pytest.approx(8 / 11 * 16 / 19)
    without = averages_of_table(np.array([[5, 0, 0], [1, 4, 0], [0, 0, 0]]))
    assert np.isnan(without.overall["macro_f1"])
    assert np.isnan(without.overall["balanced_accuracy"])
    assert without.overall["weighted_f1"] == pytest.approx((5 * 10 / 11 + 5 * 8 / 9) / 10)


def test_always_the_larger_class():
    largest, table = always_largest(np.array([[3, 4], [9, 1]]))
    assert (largest, table.tolist()) == (1, [[0, 7], [0, 10]])
    assert averages_of_table(table).overall["accuracy"] == pytest.approx(10 / 17)
    assert averages_of_table(table).overall["balanced_accuracy"] == 0.5
    assert always_largest(np.array([[1, 1], [2, 0]]))[0] == 0


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[1, -1], [0, 2]], [[4]]])
def test_what_is_no_confusion_matrix_is_refused(table):
    with pytest.raises(ValueError, match="A confusion matrix must have two classes or more"):
        averages_of_table(np.array(table))


@pytest.mark.parametrize("name", AVERAGES)
def test_every_average_has_an_interval_over_patients(name):
    rng = np.random.default_rng(1)
    y_true = np.tile([0, 0, 1], 20)
    positive = np.clip(0.35 + 0.3 * y_true + rng.normal(0, 0.25, 60), 0, 1)
    patients = [f"p{number // 3:02d}" for number in range(60)]
    found = bootstrap_patients(
        AVERAGES[name], y_true, np.stack([1 - positive, positive], axis=1), patients, num_resamples=200
    )
    assert found.low < found.value < found.high
