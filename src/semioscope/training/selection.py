"""Which epoch of a fit is kept, and when it has seen enough of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

from semioscope.models import Aggregator
from semioscope.scoring.ranking import ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What the validation examples of an epoch showed, for models that are trained side by side.

    Args:
        loss: Mean loss over the examples, as training weighs them.
        y_predicted: The class with the highest score.
        y_true: Class of each example.
        num_classes: At least 2.
    """

    loss: Float64[np.ndarray, " num_models"]
    y_predicted: Int[np.ndarray, "num_models num_examples"]
    y_true: Int[np.ndarray, " num_examples"]
    num_classes: int

    @property
    def accuracy(self) -> Float64[np.ndarray, " num_models"]:
        """Share of the examples that are right."""
        return np.asarray((self.y_predicted == self.y_true).mean(axis=1))

    @property
    def macro_f1(self) -> Float64[np.ndarray, " num_models"]:
        """Mean F1 of the classes that are there or predicted; a class of which neither is true has none."""
        size, num_models = self.num_classes, len(self.y_predicted)
        cell = (np.arange(num_models)[:, None] * size + self.y_true) * size + self.y_predicted
        tables = np.bincount(cell.ravel(), minlength=num_models * size * size).reshape(-1, size, size)
        hits = np.diagonal(tables, axis1=1, axis2=2)
        each = ratio(2.0 * hits, (tables.sum(axis=1) + tables.sum(axis=2)).astype(np.float64))
        return np.asarray(np.nanmean(each, axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRule:
    """What makes an epoch the best.

    Args:
        measure: Its name in the history of a fit.
        of: The measure, one value per model; an epoch where it is not finite is never the best.
        is_better: Whether values are better than other ones.
    """

    measure: str
    of: Callable[[Validation], Float64[np.ndarray, " num_models"]]
    is_better: Callable[[float, float], bool]


BEST_EPOCH: dict[str, SelectionRule] = {
    "lowest_loss": SelectionRule(
        measure="validation_loss", of=lambda seen: seen.loss, is_better=lambda new, old: new < old
    ),
    "best_f1": SelectionRule(
        measure="validation_f1", of=lambda seen: seen.macro_f1, is_better=lambda new, old: new > old
    ),
}
"""Rules by name. Methods: GESTURES 2021 (lowest_loss); Karácsony 2020 and 2022 (best_f1, over slices). Of
equal epochs the first is the best."""


class BestEpochs:
    """Keeps the best state of models that are trained side by side, each as if it were alone.

    Args:
        rule: What makes an epoch the best.
        num_models: How many there are.
        num_epochs: The most that are trained.
        patience: Epochs without a better one after which a model has stopped; None means it never does.
    """

    def __init__(
        self, rule: SelectionRule, *, num_models: int, num_epochs: int, patience: int | None
    ) -> None:
        self.rule = rule
        self.patience = patience
        self.values = np.full((num_models, num_epochs), np.nan)
        self.best_epoch = [num_epochs] * num_models
        self.last_epoch = [num_epochs] * num_models
        self.best_state: list[dict[str, np.ndarray] | None] = [None] * num_models
        self.last_state: list[dict[str, np.ndarray] | None] = [None] * num_models

    @property
    def is_running(self) -> Bool[np.ndarray, " num_models"]:
        """Which models have not stopped."""
        return np.array([state is None for state in self.last_state])

    def see(self, epoch: int, validation: Validation, models: Sequence[Aggregator]) -> None:
        """Take note of an epoch, counted from 1."""
        self.values[:, epoch - 1] = self.rule.of(validation)
        for k in np.flatnonzero(self.is_running).tolist():
            value, model = float(self.values[k, epoch - 1]), models[k]
            is_first = self.best_state[k] is None
            best = float(self.values[k, self.best_epoch[k] - 1])
            if np.isfinite(value) and (is_first or self.rule.is_better(value, best)):
                self.best_epoch[k], self.best_state[k] = epoch, model.state()
            since = epoch - (0 if self.best_state[k] is None else self.best_epoch[k])
            if self.patience is not None and since >= self.patience:
                self.last_epoch[k], self.last_state[k] = epoch, model.state()
                if self.best_state[k] is None:
                    self.best_epoch[k] = epoch
