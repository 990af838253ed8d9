"""One step of pre-training: a share of the batch is spoilt, the gradients of all shares are added up."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream, torch_seed
from semioscope.models import TransformerRegressor, dropout_generators
from semioscope.plans import CorruptionPlan
from semioscope.training.excerpt_source import ExcerptSource, SpoiltExcerpts, not_finite, spoilt_excerpts
from semioscope.training.pretraining_settings import PRECISIONS, PretrainingConfig, learning_rate_share
from semioscope.training.process_group import ProcessGroup

_LARGE = 65_536
"""Gradients of so many numbers are summed one by one; smaller ones together, for each meeting takes time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainingWork:
    """What every step needs; arguments as those of ``pretrain``.

    Args:
        source: The excerpts.
        training: How it is trained.
        corruption: How much is spoilt.
        seed: Seed of the run.
        group: The processes that share a batch.
        device: Where the network is.
        clips_at_once: Excerpts that are in the network together.
        network: What is trained; in training mode.
        optimizer: Of its parameters.
    """

    source: ExcerptSource
    training: PretrainingConfig
    corruption: CorruptionPlan
    seed: int
    group: ProcessGroup
    device: torch.device
    clips_at_once: int
    network: TransformerRegressor
    optimizer: torch.optim.Optimizer

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every excerpt is seen once; the last batch may be smaller."""
        return -(-len(self.source.names) // self.training.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the whole pre-training."""
        return self.steps_per_epoch * self.training.epochs


def _batch_of(work: PretrainingWork, step: int) -> tuple[int, Int[np.ndarray, " batch"]]:
    """Return the epoch of a step, from 1, and the excerpts of its global batch."""
    epoch, number = divmod(step, work.steps_per_epoch)
    order = stream(work.seed, "pretraining-order", epoch=epoch + 1).permutation(len(work.source.names))
    size = work.training.batch_size
    return epoch + 1, order[number * size : (number + 1) * size]


def take_step(work: PretrainingWork, step: int) -> tuple[float, bool]:
    """Take one step unless it would spoil the weights; return the loss and whether all was finite."""
    epoch, batch = _batch_of(work, step)
    own = batch[work.group.share(len(batch))]
    work.optimizer.zero_grad(set_to_none=True)
    loss = torch.zeros((), device=work.device)
    for begin in range(0, len(own), work.clips_at_once):
        part = _part_loss(work, [int(index) for index in own[begin : begin + work.clips_at_once]], epoch)
        part = part / len(batch)
        part.backward()  # type: ignore[no-untyped-call]
        loss += part.detach()
    gradients = _added_up(work, loss)
    norm = torch.nn.utils.get_total_norm(gradients)
    value, is_good = float(loss), bool(torch.isfinite(loss) & torch.isfinite(norm))
    if is_good:
        if work.training.max_gradient_norm is not None:
            parameters = list(work.network.parameters())
            torch.nn.utils.clip_grads_with_norm_(parameters, work.training.max_gradient_norm, norm)
        share = learning_rate_share(step, num_steps=work.num_steps, warmup_share=work.training.warmup_share)
        for settings in work.optimizer.param_groups:
            settings["lr"] = work.training.learning_rate * share
        work.optimizer.step()
    return value, is_good


def _part_loss(work: PretrainingWork, index: list[int], epoch: int) -> torch.Tensor:
    """Return the summed loss of some excerpts."""
    names = [work.source.names[number] for number in index]
    spoilt = spoilt_excerpts(
        work.source,
        index,
        corruption=work.corruption,
        num_positions=work.network.encoder.config.num_positions,
        seed=work.seed,
        epoch=epoch,
    )
    _check_finite(spoilt, names)
    inputs, targets, real = (
        torch.from_numpy(array).to(work.device) for array in (spoilt.inputs, spoilt.targets, spoilt.real)
    )
    generators = dropout_generators(
        [torch_seed(work.seed, "pretraining-dropout", epoch=epoch, clip=name) for name in names],
        device=work.device,
    )
    dtype = PRECISIONS[work.training.precision]
    with torch.autocast(work.device.type, dtype=torch.bfloat16, enabled=dtype is not torch.float32):
        predicted = work.network(inputs, real, generators)
    loss: torch.Tensor = (predicted.float() - targets)[real].square().sum()
    return loss


def _added_up(work: PretrainingWork, loss: torch.Tensor) -> list[torch.Tensor]:
    """Let loss and gradients be the sums over all processes; return the gradients."""
    parameters = list(work.network.parameters())
    for parameter in parameters:
        if parameter.grad is None:  # a share may be empty
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if work.group.size > 1:
        small = [loss, *(gradient for gradient in gradients if gradient.numel() < _LARGE)]
        for gradient in gradients:
            if gradient.numel() >= _LARGE:  # in its place: no second copy of most of them
                _add_up(work.group, gradient)
        flat = torch.cat([tensor.flatten() for tensor in small])
        _add_up(work.group, flat)
        for tensor, part in zip(small, torch.split(flat, [tensor.numel() for tensor in small]), strict=True):
            tensor.copy_(part.view_as(tensor))
    return gradients


def _add_up(group: ProcessGroup, tensor: torch.Tensor) -> None:
    """Sum a tensor over all processes; they meet on the CPU."""
    met = tensor.cpu()
    group.add_up(met)
    if met is not tensor:
        tensor.copy_(met)


def _check_finite(spoilt: SpoiltExcerpts, names: list[str]) -> None:
    for name, inputs, targets in zip(names, spoilt.inputs, spoilt.targets, strict=True):
        if not (np.isfinite(inputs).all() and np.isfinite(targets).all()):
            raise ConfigError(not_finite(name))
