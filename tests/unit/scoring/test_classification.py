import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from semioscope.core.errors import ConfigError
from semioscope.scoring import (
    METRICS,
    UndefinedScoreWarning,
    confusion,
    find_metric,
    metrics_for,
    per_class,
    pr_points,
    predict_classes,
    roc_points,
)


def sample(seed, *, num_examples=60, num_classes=2, ties=True):
    """Labels with all classes, and probabilities that know a little; with ties some are equal."""
    rng = np.random.default_rng(seed)
    y_true = np.concatenate(
        [np.arange(num_classes), rng.integers(0, num_classes, num_examples - num_classes)]
    )
    logit = rng.normal(size=(num_examples, num_classes)) + 1.2 * np.eye(num_classes)[y_true]
    if ties:
        logit = np.round(logit)
    power = np.exp(logit)
    return y_true, power / power.sum(axis=1, keepdims=True)


def perfect(num_classes=2, num_examples=12):
    y_true = np.arange(num_examples) % num_classes
    return y_true, np.eye(num_classes)[y_true]


def cases():
    return [(name, classes) for classes in (2, 4) for name in metrics_for(classes)]


REFERENCES = {
    "accuracy": lambda y, s, p: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, s, p: sk.balanced_accuracy_score(y, p),
    "f1": lambda y, s, p: sk.f1_score(y, p),
    "macro_f1": lambda y, s, p: sk.f1_score(y, p, average="macro"),
    "precision": lambda y, s, p: sk.precision_score(y, p),
    "sensitivity": lambda y, s, p: sk.recall_score(y, p),
    "specificity": lambda y, s, p: sk.recall_score(y, p, pos_label=0),
    "mcc": lambda y, s, p: sk.matthews_corrcoef(y, p),
    "auroc": lambda y, s, p: (
        sk.roc_auc_score(y, s[:, 1]) if s.shape[1] == 2 else sk.roc_auc_score(y, s, multi_class="ovr")
    ),
    "auprc": lambda y, s, p: (
        sk.average_precision_score(y, s[:, 1])
        if s.shape[1] == 2
        else sk.average_precision_score(np.eye(s.shape[1])[y], s, average="macro")
    ),
    "brier": lambda y, s, p: ((np.eye(s.shape[1])[y] - s) ** 2).sum(axis=1).mean() / 2,
    "log_loss": lambda y, s, p: sk.log_loss(y, s),
}


def test_every_metric_has_a_reference_and_its_own_name():
    assert set(REFERENCES) == set(METRICS)
    assert all(metric.name == name for name, metric in METRICS.items())


@pytest.mark.parametrize(("name", "num_classes"), cases())
@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_scikit_learn(name, num_classes, ties):
    for seed in range(10):
        y_true, y_score = sample(seed, num_classes=num_classes, ties=ties)
        expected = REFERENCES[name](y_true, y_score, predict_classes(y_score))
        assert METRICS[name](y_true, y_score) == pytest.approx(expected, abs=1e-12)


def test_binary_brier_is_that_of_scikit_learn():
    y_true, y_score = sample(0)
    assert METRICS["brier"](y_true, y_score) == pytest.approx(sk.brier_score_loss(y_true, y_score[:, 1]))


@pytest.mark.parametrize(("name", "num_classes"), cases())
@given(seed=st.integers(0, 2**32), num_examples=st.integers(4, 30))
@settings(max_examples=15, deadline=None)
def test_order_of_examples_does_not_matter(name, num_classes, seed, num_examples):
    y_true, y_score = sample(seed, num_classes=num_classes, num_examples=num_examples)
    order = np.random.default_rng(seed).permutation(num_examples)
    ones = np.ones((1, num_examples))
    a = METRICS[name].weighted(y_true, y_score, ones)
    b = METRICS[name].weighted(y_true[order], y_score[order], ones)
    np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize(("name", "num_classes"), cases())
@given(seed=st.integers(0, 2**32), num_examples=st.integers(4, 30))
@settings(max_examples=15, deadline=None)
def test_value_lies_in_its_range(name, num_classes, seed, num_examples):
    y_true, y_score = sample(seed, num_classes=num_classes, num_examples=num_examples)
    value = METRICS[name].weighted(y_true, y_score, np.ones((1, num_examples)))[0]
    assert np.isnan(value) or METRICS[name].low <= value <= METRICS[name].high


@pytest.mark.parametrize(("name", "num_classes"), cases())
def test_perfect_and_worst_predictions(name, num_classes):
    metric = METRICS[name]
    y_true, y_score = perfect(num_classes)
    assert metric(y_true, y_score) == pytest.approx(metric.perfect, abs=1e-12)
    assert metric.perfect in (metric.low, metric.high)
    worse = metric(y_true, np.roll(y_score, 1, axis=1))
    assert worse < metric.perfect if metric.higher_is_better else worse > metric.perfect


@pytest.mark.parametrize(("name", "num_classes"), cases())
@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_weights_are_copies(name, num_classes, seed):
    y_true, y_score = sample(seed, num_classes=num_classes, num_examples=20)
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, 20))
    assume(weights.sum(axis=1).all())
    together = METRICS[name].weighted(y_true, y_score, weights.astype(float))
    for row, value in zip(weights, together, strict=True):
        copied = np.repeat(np.arange(20), row)
        alone = METRICS[name].weighted(y_true[copied], y_score[copied], np.ones((1, len(copied))))[0]
        np.testing.assert_allclose(value, alone, atol=1e-12)


@pytest.mark.parametrize(("name", "num_classes"), cases())
def test_inputs_stay_and_single_precision_is_the_same(name, num_classes):
    y_true, y_score = sample(3, num_classes=num_classes)
    single = y_score.astype(np.float32)
    y_true.setflags(write=False)
    single.setflags(write=False)
    assert METRICS[name](y_true, single) == METRICS[name](y_true, single.astype(np.float64))


NEGATIVE = np.array([[0.9, 0.1]] * 4)
POSITIVE = np.array([[0.1, 0.9]] * 4)
MIXED = np.array([0, 1, 0, 1])
ZEROS, ONES = np.zeros(4, dtype=int), np.ones(4, dtype=int)


@pytest.mark.parametrize(
    ("name", "y_true", "y_score"),
    [
        ("balanced_accuracy", ZEROS, NEGATIVE),
        ("f1", ZEROS, NEGATIVE),
        ("macro_f1", ZEROS, NEGATIVE),
        ("precision", MIXED, NEGATIVE),
        ("sensitivity", ZEROS, POSITIVE),
        ("specificity", ONES, POSITIVE),
        ("mcc", MIXED, NEGATIVE),
        ("mcc", ONES, np.concatenate([NEGATIVE[:2], POSITIVE[:2]])),
        ("auroc", ZEROS, POSITIVE),
        ("auroc", ONES, POSITIVE),
        ("auprc", ZEROS, NEGATIVE),
    ],
)
def test_undefined_is_nan_with_a_warning(name, y_true, y_score):
    with pytest.warns(UndefinedScoreWarning, match=f"{name} is undefined here: it needs .* Its value is NaN"):
        assert np.isnan(METRICS[name](y_true, y_score))


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(metrics_for(3))))
def test_positive_class_metrics_are_undefined_for_three_classes(name):
    y_true, y_score = sample(0, num_classes=3)
    with pytest.warns(UndefinedScoreWarning, match=f"{name} .* it needs two classes"):
        assert np.isnan(METRICS[name](y_true, y_score))


@pytest.mark.parametrize("name", METRICS)
def test_bad_input(name):
    with pytest.raises(ValueError, match="at least one example, got none"):
        METRICS[name](np.zeros(0, dtype=int), np.zeros((0, 2)))
    with pytest.raises(ValueError, match=r"y_score must be finite, got \[nan, 1.0\] in row 1"):
        METRICS[name](np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 1.0]]))
    with pytest.raises(ValueError, match=r"y_true must lie in 0 to 1, .* got 0 to 2"):
        METRICS[name](np.array([0, 2]), np.full((2, 2), 0.5))


def test_unknown_metric():
    with pytest.raises(ConfigError, match=r"Unknown metric 'auc_roc'.*Allowed: accuracy, auprc, auroc"):
        find_metric("auc_roc")
    assert find_metric("auroc") is METRICS["auroc"]


def test_threshold_is_included_and_may_differ_by_example():
    y_score = np.array([[0.7, 0.3], [0.5, 0.5], [0.7, 0.3]])
    assert predict_classes(y_score).tolist() == [0, 1, 0]
    assert predict_classes(y_score, threshold=0.3).tolist() == [1, 1, 1]
    each = np.array([0.2, 0.6, 0.4])
    assert predict_classes(y_score, threshold=each).tolist() == [1, 0, 0]
    assert METRICS["accuracy"](np.array([1, 0, 0]), y_score, threshold=each) == 1
    assert [name for name, metric in METRICS.items() if not metric.uses_threshold] == [
        "auroc", "auprc", "brier", "log_loss",
    ]  # fmt: skip


def test_three_classes_take_the_first_of_the_highest():
    assert predict_classes(np.array([[0.2, 0.4, 0.4], [0.1, 0.2, 0.7]])).tolist() == [1, 2]


@pytest.mark.parametrize("num_classes", [2, 3])
def test_confusion_and_classes_agree_with_scikit_learn(num_classes):
    y_true, y_score = sample(5, num_classes=num_classes)
    y_pred = predict_classes(y_score)
    table = confusion(y_true, y_score)
    assert (table == sk.confusion_matrix(y_true, y_pred)).all()
    expected = sk.precision_recall_fscore_support(y_true, y_pred)
    rows = per_class(y_true, y_score)
    for column, field in enumerate(["precision", "sensitivity", "f1", "num_true"]):
        np.testing.assert_allclose([getattr(row, field) for row in rows], expected[column])
    for row in rows:
        apart = y_true != row.class_index
        assert row.specificity == pytest.approx(np.mean(y_pred[apart] != row.class_index))
        assert row.num_predicted == (y_pred == row.class_index).sum()
    assert confusion(y_true, y_score, num_classes=5).shape == (5, 5)


def test_undefined_cells_of_a_class_are_nan():
    rows = per_class(ZEROS, NEGATIVE)
    assert np.isnan([rows[1].precision, rows[1].sensitivity, rows[1].f1, rows[0].specificity]).all()


def test_published_confusion_of_hou_2022():
    # ES 181/54, PNES 15/33: accuracy 0.756, F1 ES 0.840, PNES 0.489, macro 0.664; always ES: 0.830
    y_true = np.repeat([0, 0, 1, 1], [181, 54, 15, 33])
    y_pred = np.repeat([0, 1, 0, 1], [181, 54, 15, 33])
    y_score = np.eye(2)[y_pred]
    assert METRICS["accuracy"](y_true, y_score) == pytest.approx(0.756, abs=5e-4)
    assert METRICS["macro_f1"](y_true, y_score) == pytest.approx(0.664, abs=6e-4)
    assert [row.f1 for row in per_class(y_true, y_score)] == pytest.approx([0.840, 0.489], abs=5e-4)
    assert METRICS["accuracy"](y_true, np.eye(2)[np.zeros(283, dtype=int)]) == pytest.approx(0.830, abs=5e-4)


def test_published_best_result_of_gestures_2021():
    # TP 77, TN 104, FP 2, FN 0: accuracy 98.9 %, F1 98.7 %
    y_true = np.repeat([1, 0, 0], [77, 104, 2])
    y_score = np.eye(2)[np.repeat([1, 0, 1], [77, 104, 2])]
    assert METRICS["accuracy"](y_true, y_score) == pytest.approx(0.989, abs=5e-4)
    assert METRICS["f1"](y_true, y_score) == pytest.approx(0.987, abs=5e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_curves_agree_with_scikit_learn(ties):
    y_true, y_score = sample(8, ties=ties)
    ours = roc_points(y_true, y_score[:, 1])
    fpr, tpr, threshold = sk.roc_curve(y_true, y_score[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive_rate, fpr)
    np.testing.assert_allclose(ours.sensitivity, tpr)
    np.testing.assert_array_equal(ours.threshold, threshold)
    precision, recall, threshold = sk.precision_recall_curve(y_true, y_score[:, 1])
    points = pr_points(y_true, y_score[:, 1])
    np.testing.assert_allclose(points.precision[::-1], precision)
    np.testing.assert_allclose(points.sensitivity[::-1], recall)
    np.testing.assert_array_equal(points.threshold[:0:-1], threshold)


def test_areas_are_those_under_the_points():
    y_true, y_score = sample(9)
    roc, pr = roc_points(y_true, y_score[:, 1]), pr_points(y_true, y_score[:, 1])
    assert METRICS["auroc"](y_true, y_score) == pytest.approx(
        np.trapezoid(roc.sensitivity, roc.false_positive_rate)
    )
    assert METRICS["auprc"](y_true, y_score) == pytest.approx(
        (np.diff(pr.sensitivity) * pr.precision[1:]).sum()
    )


def test_undefined_curves():
    score = np.array([0.1, 0.2])
    with pytest.warns(
        UndefinedScoreWarning, match="ROC curve is undefined here: it needs positive and negative"
    ):
        assert np.isnan(roc_points(np.array([1, 1]), score).false_positive_rate).all()
    with pytest.warns(UndefinedScoreWarning, match="precision-sensitivity curve .* needs positive examples"):
        assert np.isnan(pr_points(np.array([0, 0]), score).sensitivity).all()
    with pytest.raises(ValueError, match="finite scores of at least one example, got 0 examples"):
        roc_points(np.zeros(0, dtype=int), np.zeros(0))
    with pytest.raises(ValueError, match="finite scores of at least one example, got 2 examples"):
        pr_points(np.array([0, 1]), np.array([0.1, np.nan]))


def test_import_is_light():
    heavy = "{'torch', 'sklearn', 'scipy', 'matplotlib'}"
    code = f"import sys, semioscope.scoring; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
