import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from semioscope.core.errors import ConfigError
from semioscope.training import CLASS_WEIGHTS, LOSSES, class_weights


def test_weighted_nll_is_the_formula_of_the_methods():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    y_true, weights = [0, 1, 1], [1.0, 2.5]
    expected = sum(-weights[y] * math.log(p[y]) for p, y in zip(probabilities, y_true, strict=True)) / 3
    logits = torch.tensor(np.log(probabilities)) + 3
    each = LOSSES["weighted_nll"](logits, torch.tensor(y_true), torch.tensor(weights, dtype=torch.float64))
    assert float(each.mean()) == pytest.approx(expected)


OF_TWO_CLASSES = {"weighted_mse", "bce"}


@pytest.mark.parametrize(
    ("name", "num_classes"),
    [(name, 2) for name in sorted(LOSSES)] + [(name, 3) for name in sorted(LOSSES.keys() - OF_TWO_CLASSES)],
)
def test_every_loss_grows_with_the_weight_and_falls_with_the_right_score(name, num_classes):
    y_true = torch.arange(num_classes)
    ones = torch.ones(num_classes)
    unsure = LOSSES[name](torch.zeros(num_classes, num_classes), y_true, ones)
    sure = LOSSES[name](5 * torch.eye(num_classes), y_true, ones)
    assert unsure.shape == sure.shape == (num_classes,)
    assert (sure < unsure).all()
    torch.testing.assert_close(
        LOSSES[name](torch.zeros(num_classes, num_classes), y_true, 3 * ones), 3 * unsure
    )


@settings(max_examples=50, deadline=None)
@given(
    logits=st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=1, max_size=9),
    weights=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
    seed=st.integers(0, 99),
)
def test_losses_of_two_classes_are_their_formulas(logits, weights, seed):
    """Written out in plain numbers; of two classes the cross-entropies are one."""
    y_true = np.random.default_rng(seed).integers(0, 2, len(logits))
    found = {
        name: LOSSES[name](
            torch.tensor(logits, dtype=torch.float64), torch.tensor(y_true), torch.tensor(weights).double()
        )
        for name in LOSSES
    }
    for i, ((first, second), y) in enumerate(zip(logits, y_true.tolist(), strict=True)):
        p = 1 / (1 + math.exp(first - second))
        assert float(found["weighted_mse"][i]) == pytest.approx(weights[y] * (p - y) ** 2, rel=1e-6)
        wanted = -weights[y] * (y * math.log(p) + (1 - y) * math.log(1 - p))
        assert float(found["bce"][i]) == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(found["bce"], found["weighted_nll"])


@pytest.mark.parametrize("name", sorted(OF_TWO_CLASSES))
def test_losses_of_two_classes_refuse_three(name):
    with pytest.raises(ConfigError, match=rf"loss {name} needs two classes, got 3\. Use .*weighted_nll"):
        LOSSES[name](torch.zeros(2, 3), torch.tensor([0, 1]), torch.ones(3))


labels = st.lists(st.integers(0, 2), min_size=3).map(lambda more: np.array([0, 1, 2, *more]))


@pytest.mark.parametrize("rule", sorted(CLASS_WEIGHTS))
@settings(deadline=None)
@given(y_true=labels)
def test_weights_are_positive_and_ignore_the_order(rule, y_true):
    weights = class_weights(y_true, num_classes=3, rule=rule)
    assert np.all(weights > 0)
    np.testing.assert_array_equal(weights, class_weights(y_true[::-1], num_classes=3, rule=rule))


@settings(deadline=None)
@given(y_true=labels)
def test_first_over_class_gives_all_classes_the_total_of_the_first(y_true):
    weights = class_weights(y_true, num_classes=3, rule="first_over_class")
    counts = np.bincount(y_true)
    assert weights[0] == 1
    np.testing.assert_allclose(weights * counts, counts[0])


@settings(deadline=None)
@given(y_true=labels)
def test_inverse_frequency_is_that_of_scikit_learn(y_true):
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y_true)
    np.testing.assert_allclose(class_weights(y_true, num_classes=3, rule="inverse_frequency"), expected)


@settings(deadline=None)
@given(y_true=labels)
def test_inverse_count_gives_every_class_a_total_of_one(y_true):
    weights = class_weights(y_true, num_classes=3, rule="inverse_count")
    totals = [sum(weights[y] for y in y_true if y == c) for c in range(3)]
    np.testing.assert_allclose(totals, 1)


def test_class_without_example_is_refused():
    with pytest.raises(ConfigError, match=r"at least one training example, got class 0: 0, class 1: 3\. Use"):
        class_weights(np.array([1, 1, 1]), num_classes=2, rule="first_over_class")
    with pytest.raises(ConfigError, match=r"Classes must be in \[0, 2\), got 0 to 2"):
        class_weights(np.array([0, 2]), num_classes=2, rule="equal")
    with pytest.raises(
        ConfigError, match=r"Unknown class weighting 'inverse'\. Did you mean inverse_(count|freq)"
    ):
        class_weights(np.array([0, 1]), num_classes=2, rule="inverse")
