"""The one training loop: segments are drawn afresh in every epoch, the best epoch is kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import torch_seed
from semioscope.models import (
    Aggregator,
    AggregatorConfig,
    build,
    forget_memory,
    logits_side_by_side,
)
from semioscope.plans import SegmentPlan, draw_positions
from semioscope.training.losses import LOSSES, Loss, class_weights
from semioscope.training.predict import MIDDLE_GAMMA, batches_of_rows
from semioscope.training.sampling import Batch, epoch_batches
from semioscope.training.sequences import SequenceSet


class TrainingConfig(Config):
    """How an aggregator is trained. Defaults: GESTURES 2021, section 3.2 and its released code."""

    epochs: int = Field(default=400, ge=1, le=1_000_000)
    """Times that every training example is seen."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Examples per step; the last batch of an epoch may be smaller."""
    learning_rate: float = Field(default=1e-2, gt=0, le=1e3, allow_inf_nan=False)
    """Step size, constant over the epochs."""
    weight_decay: float = Field(default=1e-2, ge=0, le=1e3, allow_inf_nan=False)
    """Pull of the weights towards 0."""
    optimizer: str = "adamw"
    """adamw, adam or sgd."""
    loss: str = "weighted_nll"
    """weighted_nll."""
    class_weights: str = "first_over_class"
    """first_over_class (as GESTURES), inverse_frequency or equal."""
    standardize: bool = False
    """Bring every feature to mean 0 and deviation 1 over the training clips. Not in the paper."""


Parameters = Iterable[torch.nn.Parameter]
Entry = TypeVar("Entry")

OPTIMIZERS: dict[str, Callable[[Parameters, TrainingConfig], torch.optim.Optimizer]] = {
    # fused: a third of the time of a step, and the same on every run
    "adamw": lambda parameters, config: torch.optim.AdamW(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    ),
    "adam": lambda parameters, config: torch.optim.Adam(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay
    ),
    "sgd": lambda parameters, config: torch.optim.SGD(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, momentum=0.9
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """What a fit gives.

    Args:
        state: The weights after ``best_epoch``, for :func:`semioscope.models.restore`.
        best_epoch: Epochs of training behind the state, from 1; the first epoch of the lowest validation
            loss, or the last epoch if there was no validation.
        last_state: The weights after the last epoch, whatever the validation said.
        history: ``train_loss``, ``validation_loss`` and ``validation_accuracy``, one number per epoch; those
            of the validation are NaN if there was none.
        class_weights: Weight of each class in the loss.
        num_short_segments: Segments of training and validation examples that held no whole clip.
    """

    state: dict[str, np.ndarray]
    best_epoch: int
    last_state: dict[str, np.ndarray]
    history: dict[str, Float64[np.ndarray, " num_epochs"]]
    class_weights: Float64[np.ndarray, " num_classes"]
    num_short_segments: int


def fit(
    train: SequenceSet,
    validation: SequenceSet | None,
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    segments: SegmentPlan,
    num_classes: int,
    seed: int,
    fold: int | str = 0,
    epochs: int | None = None,
) -> FitResult:
    """Train an aggregator and return its best state. Equal arguments, equal bits (on one thread).

    Args:
        train: As for :func:`fit_side_by_side`, like the rest.
        validation: Examples that choose the epoch, or None.
        aggregator: What is trained.
        training: How it is trained.
        segments: How clips are drawn.
        num_classes: At least 2.
        seed: Seed of the run.
        fold: Names the random streams of this fit.
        epochs: In place of ``training.epochs``.

    Raises:
        ConfigError: As :func:`fit_side_by_side`.
    """
    return fit_side_by_side(
        train,
        validation,
        aggregator=aggregator,
        training=training,
        segments=[segments],
        num_classes=num_classes,
        seed=seed,
        fold=fold,
        epochs=epochs,
    )[0]


def fit_side_by_side(
    train: SequenceSet,
    validation: SequenceSet | None,
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    segments: Sequence[SegmentPlan],
    num_classes: int,
    seed: int,
    fold: int | str = 0,
    epochs: int | None = None,
) -> list[FitResult]:
    """Train one aggregator per way of drawing clips, in less time than one after the other; they share nothing else.

    All begin with the same weights and see the examples in the same order, as they would alone. The result of each
    is what it would be alone but for rounding; equal arguments, equal bits (on one thread).

    Validation takes the middle clip of every segment (gamma infinite), each view on its own, with the class
    weights of the training examples.

    Args:
        train: Examples to learn from; every class must be there.
        validation: Examples that choose the epoch, or None: then the last epoch is kept.
        aggregator: What is trained.
        training: How it is trained.
        segments: How clips are drawn; they differ in gamma only. For single clips (:func:`clip_set`)
            ``num_segments`` is 1.
        num_classes: At least 2.
        seed: Seed of the run.
        fold: Names the random streams of this fit.
        epochs: In place of ``training.epochs``.

    Raises:
        ConfigError: If a class has no training example, a name is unknown, sizes differ, or a loss does not
            stay finite.
        ValueError: If the ways to draw differ in more than gamma.

    References:
        Methods: GESTURES 2021, sections 3.1 and 3.2; as in the paper.
    """
    loss_of = _chosen("loss", training.loss, LOSSES)
    make_optimizer = _chosen("optimizer", training.optimizer, OPTIMIZERS)
    num_epochs = training.epochs if epochs is None else epochs
    _check(train, validation, num_epochs, segments)
    balance = class_weights(train.y_true, num_classes=num_classes, rule=training.class_weights)
    weights = torch.tensor(balance, dtype=torch.float32)
    models = [
        build(
            aggregator,
            num_features=train.num_features,
            num_classes=num_classes,
            seed=torch_seed(seed, "fit", fold=fold),
        )
        for _ in segments
    ]
    if training.standardize:
        moments = _moments(train)
        for model in models:
            model.standardize(*moments)
    optimizer = make_optimizer([parameter for model in models for parameter in model.parameters()], training)

    bounds = train.bounds(segments[0])
    num_short = int(bounds.num_short.sum())
    valid_rows = None
    if validation is not None:
        valid_bounds = validation.bounds(segments[0])
        num_short += int(valid_bounds.num_short.sum())
        valid_rows = validation.rows(draw_positions(valid_bounds, gamma=MIDDLE_GAMMA, rng=None))

    train_loss, valid_loss, valid_accuracy = np.full((3, len(models), num_epochs), np.nan)
    best_epoch = [num_epochs] * len(models)
    best_state: list[dict[str, np.ndarray] | None] = [None] * len(models)
    for epoch in range(1, num_epochs + 1):
        batches = epoch_batches(
            train,
            bounds,
            gammas=[plan.gamma for plan in segments],
            batch_size=training.batch_size,
            seed=seed,
            fold=fold,
            epoch=epoch,
        )
        now = epoch - 1
        losses = train_loss[:, now] = _train_on(models, optimizer, batches, loss_of, weights)
        if validation is not None and valid_rows is not None:
            losses, valid_accuracy[:, now] = _validate(
                models, validation, valid_rows, loss_of, weights, training.batch_size
            )
            valid_loss[:, now] = losses
            for k, model in enumerate(models):
                if np.isfinite(losses[k]) and (
                    best_state[k] is None or losses[k] < valid_loss[k, best_epoch[k] - 1]
                ):
                    best_epoch[k], best_state[k] = epoch, model.state()
        lost = np.flatnonzero(~(np.isfinite(train_loss[:, now]) & np.isfinite(losses)))
        if lost.size:
            gamma = segments[lost[0]].gamma if len(segments) > 1 else None
            raise ConfigError(_not_finite_message(train, validation, training, epoch, fold, gamma))
    forget_memory()
    results = []
    for k, model in enumerate(models):
        last_state, best = model.state(), best_state[k]
        results.append(
            FitResult(
                state=last_state if best is None else best,
                best_epoch=best_epoch[k],
                last_state=last_state,
                history={
                    "train_loss": train_loss[k],
                    "validation_loss": valid_loss[k],
                    "validation_accuracy": valid_accuracy[k],
                },
                class_weights=balance,
                num_short_segments=num_short,
            )
        )
    return results


def _train_on(
    models: Sequence[Aggregator],
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    loss_of: Loss,
    weights: Float[torch.Tensor, " num_classes"],
) -> Float64[np.ndarray, " num_models"]:
    """Take one step per batch and return each mean loss over the examples, as it was before each step."""
    for model in models:
        model.train()
    total, count = np.zeros(len(models)), 0
    for x, y_true in batches:
        optimizer.zero_grad()
        loss = _mean_losses(logits_side_by_side(models, x), y_true, loss_of, weights)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach().double().numpy() * len(y_true)
        count += len(y_true)
    return total / count


def _mean_losses(
    logits: Float[torch.Tensor, "num_models batch num_classes"],
    y_true: Int[torch.Tensor, " batch"],
    loss_of: Loss,
    weights: Float[torch.Tensor, " num_classes"],
) -> Float[torch.Tensor, " num_models"]:
    each = loss_of(logits.flatten(0, 1), y_true.repeat(len(logits)), weights)
    return each.view(len(logits), -1).mean(dim=1)


def _validate(
    models: Sequence[Aggregator],
    data: SequenceSet,
    rows: Int[np.ndarray, "num_examples num_segments"],
    loss_of: Loss,
    weights: Float[torch.Tensor, " num_classes"],
    batch_size: int,
) -> tuple[Float64[np.ndarray, " num_models"], Float64[np.ndarray, " num_models"]]:
    """Return loss and accuracy of every model over the same examples."""
    for model in models:
        model.eval()
    with torch.no_grad():
        logits = torch.cat(
            [
                logits_side_by_side(models, x.expand(len(models), -1, -1, -1))
                for x in batches_of_rows(data, rows, batch_size)
            ],
            dim=1,
        )
        y_true = torch.tensor(data.y_true)
        accuracy = (logits.argmax(dim=2) == y_true).double().mean(dim=1)
        return _mean_losses(logits, y_true, loss_of, weights).double().numpy(), accuracy.numpy()


def _moments(
    data: SequenceSet,
) -> tuple[Float64[np.ndarray, " num_features"], Float64[np.ndarray, " num_features"]]:
    """Return mean and deviation of every feature over all clips; a constant one has scale 1."""
    features = data.features[data.clip_rows]
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    return mean, np.where(scale > 1e-6 * np.maximum(1, np.abs(mean)), scale, 1.0)


def _chosen(kind: str, name: str, allowed: dict[str, Entry]) -> Entry:
    if name not in allowed:
        raise ConfigError(unknown_name(kind, name, allowed))
    return allowed[name]


def _check(
    train: SequenceSet, validation: SequenceSet | None, num_epochs: int, segments: Sequence[SegmentPlan]
) -> None:
    if len({plan.model_copy(update={"gamma": 1.0}) for plan in segments}) != 1:
        msg = f"Fits side by side need plans that differ in gamma only, got {[*segments]}."
        raise ValueError(msg)
    if num_epochs < 1:
        msg = f"epochs must be at least 1, got {num_epochs}. Set training.epochs."
        raise ConfigError(msg)
    if validation is None:
        return
    if validation.num_examples == 0:
        msg = "A validation set needs at least one example, got none. Give None to train for fixed epochs."
        raise ConfigError(msg)
    if validation.num_features != train.num_features:
        msg = (
            f"Training and validation need features of one size, got {train.num_features} and "
            f"{validation.num_features}. Extract both with the same backbone."
        )
        raise ConfigError(msg)


def _not_finite_message(
    train: SequenceSet,
    validation: SequenceSet | None,
    training: TrainingConfig,
    epoch: int,
    fold: int | str,
    gamma: float | None,
) -> str:
    """Say where the loss was lost, and whether the features or the step size are to blame."""
    which = "" if gamma is None else f" with gamma {gamma:g}"
    lead = f"The loss must stay finite, but was lost in epoch {epoch} of fold {fold}{which}"
    for data in (train,) if validation is None else (train, validation):
        for index in range(data.num_examples):
            part = slice(data.first_clip[index], data.first_clip[index] + data.num_clips[index])
            if not np.isfinite(data.features[part]).all():
                return f"{lead}: features of {data.names[index]} are not finite. Extract them again."
    return (
        f"{lead} (learning rate {training.learning_rate:g}, largest feature "
        f"{np.abs(train.features).max():g}). Try a smaller step "
        f"(--set training.learning_rate={training.learning_rate / 10:g}) or standardised "
        "features (--set training.standardize=true)."
    )
