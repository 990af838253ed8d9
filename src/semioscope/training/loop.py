"""The one training loop: clips are drawn afresh in every epoch (or all steps taken), the best epoch is kept."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import torch_seed
from semioscope.models import (
    MASK_VALUE,
    Aggregator,
    AggregatorConfig,
    build,
    forget_memory,
    logits_side_by_side,
)
from semioscope.models.steps import StepAggregator
from semioscope.plans import SegmentPlan
from semioscope.training.losses import LOSSES, Loss, class_weights
from semioscope.training.predict import batches_of_rows
from semioscope.training.samplers import ExamplePlan, sampler_of
from semioscope.training.sampling import Batch, epoch_stream, shuffled_batches
from semioscope.training.selection import BEST_EPOCH, BestEpochs, Validation
from semioscope.training.sequences import SequenceSet
from semioscope.training.settings import OPTIMIZERS, TrainingConfig

Entry = TypeVar("Entry")


class LostLossError(ConfigError):
    """The loss did not stay finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """What a fit gives.

    Args:
        state: The weights after ``best_epoch``, for :func:`semioscope.models.restore`.
        best_epoch: Epochs of training behind the state, from 1; the first of the best epochs (by default of the
            lowest validation loss), or the last epoch if there was no validation.
        last_state: The weights after the last epoch that was trained, whatever the validation said.
        history: ``train_loss``, ``validation_loss``, ``validation_accuracy`` and what else chose the epoch
            (``validation_f1``), one number per epoch that was trained; those of the validation are NaN if there was
            none. Losses are without the penalty of the aggregator.
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
    segments: ExamplePlan,
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
    segments: Sequence[ExamplePlan],
    num_classes: int,
    seed: int,
    fold: int | str = 0,
    epochs: int | None = None,
) -> list[FitResult]:
    """Train one aggregator per way of drawing clips, in less time than one after the other; they share nothing else.

    All begin with the same weights and see the examples in the same order, as they would alone. The result of each
    is what it would be alone but for rounding; equal arguments, equal bits (on one thread).

    Validation takes the middle clip of every segment (gamma infinite) or all steps, each view on its own, with the
    class weights of the training examples. A step makes the loss and the penalty of the aggregator small; what its
    dropout leaves out follows from seed, fold, epoch and step, not from what ran before.

    Args:
        train: Examples to learn from; every class must be there.
        validation: Examples that choose the epoch, or None: then the last epoch is kept.
        aggregator: What is trained.
        training: How it is trained.
        segments: How clips are drawn; they differ in gamma only. For single clips (:func:`clip_set`)
            ``num_segments`` is 1; for slices (:func:`step_set`) a ``StepPlan``, which draws nothing.
        num_classes: At least 2.
        seed: Seed of the run.
        fold: Names the random streams of this fit.
        epochs: In place of ``training.epochs``.

    Raises:
        ConfigError: If a class has no training example, a name is unknown, sizes differ, or (LostLossError) a loss
            does not stay finite.
        ValueError: If the ways to draw differ in more than gamma.

    References:
        Methods: GESTURES 2021, sections 3.1 and 3.2; Karácsony 2020, section 3.5.1, and 2022, "Training methods";
        as in the papers.
    """
    loss_of = _chosen("loss", training.loss, LOSSES)
    make_optimizer = _chosen("optimizer", training.optimizer, OPTIMIZERS)
    rule = _chosen("rule for the best epoch", training.best_epoch, BEST_EPOCH)
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

    sampler = sampler_of(train, segments[0])
    num_short, valid_rows = sampler.num_short, None
    if validation is not None:
        fixed = sampler_of(validation, segments[0])
        num_short, valid_rows = num_short + fixed.num_short, fixed.fixed()

    best = BestEpochs(rule, num_models=len(models), num_epochs=num_epochs, patience=training.patience)
    train_loss, valid_loss, valid_accuracy = np.full((3, len(models), num_epochs), np.nan)
    for epoch in range(1, num_epochs + 1):
        drawn = [sampler.drawn(plan, epoch_stream(seed, fold=fold, epoch=epoch)) for plan in segments]
        batches = shuffled_batches(
            train, drawn, batch_size=training.batch_size, seed=seed, fold=fold, epoch=epoch
        )
        now, is_running = epoch - 1, best.is_running
        dropout = functools.partial(torch_seed, seed, "dropout", fold=fold, epoch=epoch)
        losses = train_loss[:, now] = _train_on(models, optimizer, batches, loss_of, weights, dropout)
        if validation is not None and valid_rows is not None:
            seen = _validate(models, validation, valid_rows, loss_of, weights, training.batch_size)
            losses = valid_loss[:, now] = seen.loss
            valid_accuracy[:, now] = seen.accuracy
            best.see(epoch, seen, models)
        lost = np.flatnonzero(~(np.isfinite(train_loss[:, now]) & np.isfinite(losses)) & is_running)
        if lost.size:
            plan = segments[lost[0]] if len(segments) > 1 else None
            raise LostLossError(_not_finite_message(train, validation, training, epoch, fold, plan))
        if not best.is_running.any():
            break
    forget_memory()
    results = []
    history = {
        "train_loss": train_loss,
        "validation_loss": valid_loss,
        "validation_accuracy": valid_accuracy,
    }
    history.setdefault(rule.measure, best.values)
    for k, model in enumerate(models):
        last_state, best_state = best.last_state[k] or model.state(), best.best_state[k]
        results.append(
            FitResult(
                state=last_state if best_state is None else best_state,
                best_epoch=best.best_epoch[k],
                last_state=last_state,
                history={name: values[k, : best.last_epoch[k]] for name, values in history.items()},
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
    dropout_seed: Callable[..., int],
) -> Float64[np.ndarray, " num_models"]:
    """Take one step per batch and return each mean loss over the examples, as it was before each step."""
    for model in models:
        model.train()
    # the others draw nothing in a step and have no penalty
    with_dropout = [model for model in models if isinstance(model, StepAggregator)]
    total, count = np.zeros(len(models)), 0
    for step, (x, y_true) in enumerate(batches):
        for model in with_dropout:
            model.set_step_generator(torch.Generator().manual_seed(dropout_seed(step=step)))
        optimizer.zero_grad()
        loss = _mean_losses(logits_side_by_side(models, x), y_true, loss_of, weights)
        to_lower = sum((model.penalty() for model in with_dropout), start=loss.sum())
        to_lower.backward()  # type: ignore[no-untyped-call]
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
    rows: Int[np.ndarray, "num_examples num_steps"],
    loss_of: Loss,
    weights: Float[torch.Tensor, " num_classes"],
    batch_size: int,
) -> Validation:
    """Return what every model shows over the same examples."""
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
        return Validation(
            loss=_mean_losses(logits, y_true, loss_of, weights).double().numpy(),
            y_predicted=logits.argmax(dim=2).numpy(),
            y_true=data.y_true,
            num_classes=logits.shape[2],
        )


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
    train: SequenceSet, validation: SequenceSet | None, num_epochs: int, segments: Sequence[ExamplePlan]
) -> None:
    if len({_without_gamma(plan) for plan in segments}) != 1:
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


def _without_gamma(plan: ExamplePlan) -> ExamplePlan:
    return plan.model_copy(update={"gamma": 1.0}) if isinstance(plan, SegmentPlan) else plan


def _not_finite_message(
    train: SequenceSet,
    validation: SequenceSet | None,
    training: TrainingConfig,
    epoch: int,
    fold: int | str,
    plan: ExamplePlan | None,
) -> str:
    """Say where the loss was lost, and whether the features or the step size are to blame."""
    which = f" with gamma {plan.gamma:g}" if isinstance(plan, SegmentPlan) else ""
    lead = f"The loss must stay finite, but was lost in epoch {epoch} of fold {fold}{which}"
    for data in (train,) if validation is None else (train, validation):
        for index in range(data.num_examples):
            part = slice(data.first_clip[index], data.first_clip[index] + data.num_clips[index])
            if not np.isfinite(data.features[part]).all():
                return f"{lead}: features of {data.names[index]} are not finite. Extract them again."
            if (data.features[part] == MASK_VALUE).all():
                return (
                    f"{lead}: all steps of {data.names[index]} are masked. Leave it out, or extract it again."
                )
    return (
        f"{lead} (learning rate {training.learning_rate:g}, largest feature "
        f"{np.abs(train.features).max():g}). Try a smaller step "
        f"(--set training.learning_rate={training.learning_rate / 10:g}) or standardised "
        "features (--set training.standardize=true)."
    )
