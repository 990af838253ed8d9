"""The one training loop: clips are drawn afresh in every epoch (or all are taken), the best epoch is kept."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float64

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import torch_seed
from semioscope.models import (
    MASK_VALUE,
    AggregatorConfig,
    build,
    forget_memory,
)
from semioscope.plans import SegmentPlan
from semioscope.training.epochs import FitWork, train_epoch, validate
from semioscope.training.losses import LOSSES, class_weights
from semioscope.training.pretrained import begin_pretrained
from semioscope.training.pretraining_settings import PRECISIONS
from semioscope.training.samplers import ExamplePlan, sampler_of
from semioscope.training.sampling import epoch_stream, shuffled_batches
from semioscope.training.selection import BEST_EPOCH, BestEpochs
from semioscope.training.sequences import SequenceSet
from semioscope.training.settings import OPTIMIZERS, SCHEDULES, TrainingConfig, training_device

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

    Validation takes the middle clip of every segment (gamma infinite), all steps, or excerpts from the first frame
    on, each view on its own, with the class weights of the training examples. A step makes the loss and the penalty
    of the aggregator small; what its dropout leaves out follows from seed, fold, epoch and step, not from what ran
    before. An example that shows several excerpts is learnt from once for each, counts once in the weights of the
    classes, and is validated by the mean of their probabilities.

    Args:
        train: Examples to learn from; every class must be there.
        validation: Examples that choose the epoch, or None: then the last epoch is kept.
        aggregator: What is trained.
        training: How it is trained.
        segments: How clips are drawn; they differ in gamma only. For single clips (:func:`clip_set`)
            ``num_segments`` is 1; for slices (:func:`step_set`) a ``StepPlan``, which draws nothing; for excerpts of
            views an ``ExcerptStepPlan``, which draws where they are cut.
        num_classes: At least 2.
        seed: Seed of the run.
        fold: Names the random streams of this fit.
        epochs: In place of ``training.epochs``.

    Raises:
        ConfigError: If a class has no training example, a name is unknown, sizes differ, the pre-training is not
            the one that is wanted, or (LostLossError) a loss does not stay finite.
        StoreError: If the pre-training with which it begins cannot be read.
        ValueError: If the ways to draw differ in more than gamma.

    References:
        Methods: GESTURES 2021, sections 3.1 and 3.2; Karácsony 2020, section 3.5.1, and 2022, "Training methods";
        Hou 2022, section 4, "Training details"; as in the papers.
    """
    loss_of = _chosen("loss", training.loss, LOSSES)
    make_optimizer = _chosen("optimizer", training.optimizer, OPTIMIZERS)
    _chosen("schedule", training.schedule, SCHEDULES)
    _chosen("precision", training.precision, PRECISIONS)
    device = training_device(training.device)
    rule = _chosen("rule for the best epoch", training.best_epoch, BEST_EPOCH)
    num_epochs = training.epochs if epochs is None else epochs
    _check(train, validation, num_epochs, segments)
    balance = class_weights(train.y_true, num_classes=num_classes, rule=training.class_weights)
    models = [
        build(
            aggregator,
            num_features=train.num_features,
            num_classes=num_classes,
            seed=torch_seed(seed, "fit", fold=fold),
        )
        for _ in segments
    ]
    begin_pretrained(models, aggregator)
    if training.standardize:
        moments = _moments(train)
        for model in models:
            model.standardize(*moments)
    for model in models:
        model.to(device)
    trained = [parameter for model in models for parameter in model.parameters() if parameter.requires_grad]
    work = FitWork(
        models=models,
        optimizer=make_optimizer(trained, training),
        training=training,
        loss_of=loss_of,
        weights=torch.tensor(balance, dtype=torch.float32, device=device),
        num_epochs=num_epochs,
    )

    sampler = sampler_of(train, segments[0])
    num_short, valid_shown = sampler.num_short, None
    if validation is not None:
        fixed = sampler_of(validation, segments[0])
        num_short, valid_shown = num_short + fixed.num_short, fixed.fixed()

    best = BestEpochs(rule, num_models=len(models), num_epochs=num_epochs, patience=training.patience)
    train_loss, valid_loss, valid_accuracy = np.full((3, len(models), num_epochs), np.nan)
    for epoch in range(1, num_epochs + 1):
        drawn = [sampler.drawn(plan, epoch_stream(seed, fold=fold, epoch=epoch)) for plan in segments]
        batches = shuffled_batches(
            train,
            [shown.rows for shown in drawn],
            batch_size=training.batch_size,
            seed=seed,
            fold=fold,
            epoch=epoch,
            owner=drawn[0].owner,
        )
        now, is_running = epoch - 1, best.is_running
        losses = train_loss[:, now] = train_epoch(
            work,
            batches,
            epoch=epoch,
            num_steps=-(-len(drawn[0].owner) // training.batch_size),
            dropout_seed=functools.partial(torch_seed, seed, "dropout", fold=fold, epoch=epoch),
        )
        if validation is not None and valid_shown is not None:
            seen = validate(work, validation, valid_shown)
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
