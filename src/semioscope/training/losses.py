"""What training makes small, and how much each class counts in it."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int

from semioscope.core.errors import ConfigError, unknown_name

Loss = Callable[
    [
        Float[torch.Tensor, "batch num_classes"],
        Int[torch.Tensor, " batch"],
        Float[torch.Tensor, " num_classes"],
    ],
    Float[torch.Tensor, " batch"],
]
"""Logits, classes and class weights to the loss of each example; what training makes small is their mean."""


def weighted_nll(
    logits: Float[torch.Tensor, "batch num_classes"],
    y_true: Int[torch.Tensor, " batch"],
    weights: Float[torch.Tensor, " num_classes"],
) -> Float[torch.Tensor, " batch"]:
    """Return ``w_y * (-log p_y)`` of each example; the mean is not divided by the sum of the weights.

    Args:
        logits: p is their softmax.
        y_true: Class of each example.
        weights: Weight of each class.

    References:
        Methods: GESTURES 2021, common to both experiments. The paper does not say how it normalises.
    """
    nll = torch.nn.functional.cross_entropy(logits, y_true, reduction="none")
    return weights[y_true] * nll


def weighted_mse(
    logits: Float[torch.Tensor, "batch num_classes"],
    y_true: Int[torch.Tensor, " batch"],
    weights: Float[torch.Tensor, " num_classes"],
) -> Float[torch.Tensor, " batch"]:
    """Return ``w_y * (p_1 - y)^2`` of each example of one of two classes.

    Args:
        logits: p is their softmax; for logits (0, z), p_1 is the sigmoid of z.
        y_true: Class of each example, 0 or 1.
        weights: Weight of each class.

    Raises:
        ConfigError: If there are more than two classes.

    References:
        Methods: Karácsony 2020, section 3.5.1, and 2022, "Implemented classifier architectures"; as in the papers.
    """
    p = torch.sigmoid(_log_odds("weighted_mse", logits))
    return weights[y_true] * (p - y_true.to(p.dtype)).square()


def bce(
    logits: Float[torch.Tensor, "batch num_classes"],
    y_true: Int[torch.Tensor, " batch"],
    weights: Float[torch.Tensor, " num_classes"],
) -> Float[torch.Tensor, " batch"]:
    """Return ``w_y * (-y log p_1 - (1 - y) log(1 - p_1))``, the other loss of the search of Karácsony.

    Args:
        logits: p is their softmax.
        y_true: Class of each example, 0 or 1.
        weights: Weight of each class.

    Raises:
        ConfigError: If there are more than two classes.
    """
    odds = _log_odds("bce", logits)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    return weights[y_true] * entropy(odds, y_true.to(odds.dtype), reduction="none")


def _log_odds(name: str, logits: Float[torch.Tensor, "batch num_classes"]) -> Float[torch.Tensor, " batch"]:
    if logits.shape[1] != 2:
        msg = (
            f"The loss {name} needs two classes, got {logits.shape[1]}. "
            "Use --set training.loss=weighted_nll, the categorical cross-entropy."
        )
        raise ConfigError(msg)
    return logits[:, 1] - logits[:, 0]


LOSSES: dict[str, Loss] = {"weighted_nll": weighted_nll, "weighted_mse": weighted_mse, "bce": bce}
"""Losses by name; weighted_mse and bce are for two classes."""


def first_over_class(counts: Int[np.ndarray, " num_classes"]) -> Float[np.ndarray, " num_classes"]:
    """Return N_0 / N_c: 1 for the first class, focal over tonic-clonic for the second. GESTURES 2021."""
    weights: np.ndarray = counts[0] / counts
    return weights


def inverse_frequency(counts: Int[np.ndarray, " num_classes"]) -> Float[np.ndarray, " num_classes"]:
    """Return N / (C * N_c): every class has the same total weight, and the mean weight of an example is 1."""
    weights: np.ndarray = counts.sum() / (counts.size * counts)
    return weights


def inverse_count(counts: Int[np.ndarray, " num_classes"]) -> Float[np.ndarray, " num_classes"]:
    """Return 1 / N_c: "reciprocal of the number of video clips per class". Hou 2022, "Training details"."""
    weights: np.ndarray = 1 / counts
    return weights


def equal(counts: Int[np.ndarray, " num_classes"]) -> Float[np.ndarray, " num_classes"]:
    """Return 1 for every class."""
    return np.ones(counts.size)


CLASS_WEIGHTS: dict[str, Callable[[Int[np.ndarray, " num_classes"]], Float[np.ndarray, " num_classes"]]] = {
    "first_over_class": first_over_class,
    "inverse_frequency": inverse_frequency,
    "inverse_count": inverse_count,
    "equal": equal,
}


def class_weights(
    y_true: Int[np.ndarray, " num_examples"], *, num_classes: int, rule: str
) -> Float[np.ndarray, " num_classes"]:
    """Return the weight of each class in the loss, from the training examples.

    Args:
        y_true: Classes of the training examples, in [0, num_classes).
        num_classes: At least 2.
        rule: A name in ``CLASS_WEIGHTS``.

    Raises:
        ConfigError: If the rule is unknown, or a class has no training example.

    Examples:
        >>> class_weights(np.array([0, 0, 0, 1]), num_classes=2, rule="first_over_class")
        array([1., 3.])
    """
    if rule not in CLASS_WEIGHTS:
        raise ConfigError(unknown_name("class weighting", rule, CLASS_WEIGHTS))
    if y_true.size and (y_true.min() < 0 or y_true.max() >= num_classes):
        msg = (
            f"Classes must be in [0, {num_classes}), got {y_true.min()} to {y_true.max()}. Check the "
            "task and num_classes."
        )
        raise ConfigError(msg)
    counts = np.bincount(y_true, minlength=num_classes)
    if not counts.all():
        listed = ", ".join(f"class {index}: {count}" for index, count in enumerate(counts))
        msg = (
            f"Every class needs at least one training example, got {listed}. Use fewer or other folds, "
            "another task, or more patients of the class that is missing."
        )
        raise ConfigError(msg)
    return CLASS_WEIGHTS[rule](counts)
