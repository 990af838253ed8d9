"""One epoch of a fit: a step per batch, then what the validation examples show."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int

from semioscope.models import Aggregator, logits_side_by_side
from semioscope.models.steps import StepAggregator
from semioscope.training.losses import Loss
from semioscope.training.predict import batches_of_rows
from semioscope.training.pretraining_settings import PRECISIONS
from semioscope.training.samplers import ShownSequences
from semioscope.training.sampling import Batch
from semioscope.training.selection import Validation
from semioscope.training.sequences import SequenceSet
from semioscope.training.settings import SCHEDULES, TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitWork:
    """What every step of a fit needs.

    Args:
        models: What is trained, side by side; all on one device.
        optimizer: Of those weights that are trained.
        training: How; its names were checked.
        loss_of: The loss.
        weights: Weight of each class, on the device of the models.
        num_epochs: Epochs of the whole fit.
    """

    models: Sequence[Aggregator]
    optimizer: torch.optim.Optimizer
    training: TrainingConfig
    loss_of: Loss
    weights: Float[torch.Tensor, " num_classes"]
    num_epochs: int

    def logits(
        self, x: Float[torch.Tensor, "num_models batch num_segments num_features"]
    ) -> Float[torch.Tensor, "num_models batch num_classes"]:
        """Return the logits of all models, in the precision that training asks for."""
        dtype = PRECISIONS[self.training.precision]
        with torch.autocast(
            self.weights.device.type, dtype=torch.bfloat16, enabled=dtype is not torch.float32
        ):
            return logits_side_by_side(self.models, x).float()


def train_epoch(
    work: FitWork,
    batches: Iterable[Batch],
    *,
    epoch: int,
    num_steps: int,
    dropout_seed: Callable[..., int],
) -> Float64[np.ndarray, " num_models"]:
    """Take one step per batch and return each mean loss over the sequences, as it was before each step.

    Args:
        work: What is trained.
        batches: Features and classes.
        epoch: From 1.
        num_steps: How many batches there are.
        dropout_seed: Gives the seed of a step's dropout.
    """
    for model in work.models:
        model.train()
    # the others draw nothing in a step and have no penalty
    with_dropout = [model for model in work.models if isinstance(model, StepAggregator)]
    schedule, device = SCHEDULES[work.training.schedule], work.weights.device
    total, count = np.zeros(len(work.models)), 0
    for step, (x, y_true) in enumerate(batches):
        for model in with_dropout:
            model.set_step_generator(torch.Generator().manual_seed(dropout_seed(step=step)))
        done = (epoch - 1 + step / num_steps) / work.num_epochs
        for settings in work.optimizer.param_groups:
            settings["lr"] = work.training.learning_rate * schedule(done)
        work.optimizer.zero_grad()
        loss = _mean_losses(work, work.logits(x.to(device)), y_true.to(device))
        to_lower = sum((model.penalty() for model in with_dropout), start=loss.sum())
        to_lower.backward()  # type: ignore[no-untyped-call]
        work.optimizer.step()
        total += loss.detach().cpu().double().numpy() * len(y_true)
        count += len(y_true)
    return total / count


def validate(work: FitWork, data: SequenceSet, shown: ShownSequences) -> Validation:
    """Return what every model shows over the same examples; one that shows several sequences has their mean."""
    for model in work.models:
        model.eval()
    with torch.no_grad():
        logits = torch.cat(
            [
                work.logits(x.expand(len(work.models), -1, -1, -1))
                for x in batches_of_rows(work.models[0], data, shown.rows, work.training.batch_size)
            ],
            dim=1,
        )
        logits = _of_examples(logits, shown, data.num_examples)
        y_true = torch.tensor(data.y_true, device=logits.device)
        return Validation(
            loss=_mean_losses(work, logits, y_true).cpu().double().numpy(),
            y_predicted=logits.argmax(dim=2).cpu().numpy(),
            y_true=data.y_true,
            num_classes=logits.shape[2],
        )


def _of_examples(
    logits: Float[torch.Tensor, "num_models num_sequences num_classes"],
    shown: ShownSequences,
    num_examples: int,
) -> Float[torch.Tensor, "num_models num_examples num_classes"]:
    """Return logits whose softmax is the mean of those of an example's sequences."""
    if shown.is_one_each:
        return logits
    owner = torch.tensor(shown.owner, device=logits.device)
    each = torch.softmax(logits.double(), dim=2)
    total = each.new_zeros(len(each), num_examples, each.shape[2]).index_add_(1, owner, each)
    mean = total / torch.bincount(owner, minlength=num_examples)[:, None]
    return mean.log().to(logits.dtype)


def _mean_losses(
    work: FitWork,
    logits: Float[torch.Tensor, "num_models batch num_classes"],
    y_true: Int[torch.Tensor, " batch"],
) -> Float[torch.Tensor, " num_models"]:
    each = work.loss_of(logits.flatten(0, 1), y_true.repeat(len(logits)), work.weights)
    return each.view(len(logits), -1).mean(dim=1)
