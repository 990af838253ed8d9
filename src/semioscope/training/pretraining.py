"""Pre-training of the Transformer: spoilt excerpts in, the original features wanted back.

One process or many give the same curve: the global batch is fixed, each process takes its share of it, and masks and
dropout are named by seed, epoch and excerpt. Memory: one share of features, four times the weights.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.files import digest
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.models import TransformerConfig, TransformerRegressor, build_transformer
from semioscope.plans import CorruptionPlan
from semioscope.training.excerpt_source import ExcerptSource, check_source
from semioscope.training.loop import LostLossError
from semioscope.training.pretraining_checkpoint import (
    PretrainingCheckpoint,
    check_settings,
    patients_digest,
    read_checkpoint,
    write_checkpoint,
)
from semioscope.training.pretraining_settings import PRECISIONS, PretrainingConfig, learning_rate_share
from semioscope.training.pretraining_step import PretrainingWork, take_step
from semioscope.training.process_group import ProcessGroup
from semioscope.training.stopping import EndRequest, ending_between_steps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainingResult:
    """What pre-training gives.

    Args:
        network: The encoder and its head, after the last step that was taken.
        loss: Loss of the global batch of every step, before the step, with its masks and dropout.
        epoch_loss: Mean of it over the excerpts of each whole epoch.
        num_steps: Steps of the whole pre-training; more than were taken if it was stopped.
    """

    network: TransformerRegressor
    loss: Float64[np.ndarray, " num_taken"]
    epoch_loss: Float64[np.ndarray, " num_epochs"]
    num_steps: int

    @property
    def is_finished(self) -> bool:
        """Whether all steps were taken."""
        return len(self.loss) == self.num_steps


def pretrain(
    source: ExcerptSource,
    *,
    transformer: TransformerConfig,
    training: PretrainingConfig,
    corruption: CorruptionPlan | None = None,
    seed: int,
    patients: Sequence[str] = (),
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    stop_after: int | None = None,
    group: ProcessGroup | None = None,
    device: str = "cpu",
    clips_at_once: int = 16,
    on_checkpoint: Callable[[Float64[np.ndarray, " num_taken"]], None] | None = None,
    progress: Progress | None = None,
) -> PretrainingResult:
    """Pre-train a Transformer, or go on from a checkpoint; stopped or not, the same bits (on as many threads).

    Loss: squared differences to the original features, summed over features and real positions, averaged over the
    excerpts of the batch.

    Args:
        source: The excerpts; every process gives the same ones.
        transformer: Its size.
        training: How it is trained.
        corruption: How much is spoilt; None is the paper's.
        seed: Seed of the run.
        patients: Whose video the excerpts are from; the checkpoint can tell later whether a list names them.
        checkpoint: A file that the first process keeps up to date, and from which all go on. None keeps nothing.
        checkpoint_every: Steps between two checkpoints. The last step always makes one.
        stop_after: Stop when so many steps are taken; the step size falls as if it went on. None takes all.
        group: The processes that share the batch, from ``joined_processes``; None is this one alone.
        device: Where the network is. Dropout is drawn there; processors and accelerators draw different numbers.
        clips_at_once: Excerpts of a share that are in the network together; fewer need less memory, and the
            gradient is the same but for rounding.
        on_checkpoint: Called in the first process after each checkpoint, with the loss of every step.
        progress: Where the first process reports to, step by step.

    Raises:
        ConfigError: If there are no excerpts, one is too short or not finite, a name is unknown, or the checkpoint is
            of another architecture or other settings; LostLossError if the loss does not stay finite.
        StoreError: If the checkpoint cannot be read or written.
        LostProcessError: If another process ends.
        KeyboardInterrupt: After Ctrl-C or SIGTERM, behind the step that was under way and with its checkpoint, where
            one process trains alone.

    References:
        Hou et al. (2022), equation 1 and section 4, "Training details"; as in the paper, where it says.
    """
    corruption, group = corruption or CorruptionPlan(), group or ProcessGroup()
    if training.precision not in PRECISIONS:
        raise ConfigError(unknown_name("precision", training.precision, PRECISIONS))
    check_source(source, corruption)
    network = build_transformer(lambda: TransformerRegressor(transformer), seed=seed).to(device).train()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    work = PretrainingWork(
        source=source,
        training=training,
        corruption=corruption,
        seed=seed,
        group=group,
        device=torch.device(device),
        clips_at_once=clips_at_once,
        network=network,
        optimizer=optimizer,
    )
    settings = {
        "transformer": transformer.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"device"}),
        "corruption": corruption.model_dump(mode="json"),
        "seed": seed,
        "excerpts": _excerpts_digest(source),
        "patients": patients_digest(patients),
    }
    loss = _resumed(work, checkpoint, settings)
    last_step = work.num_steps if stop_after is None else min(stop_after, work.num_steps)
    shown = progress if progress is not None and group.is_first else QuietProgress()
    kept = len(loss)

    def keep() -> None:
        if checkpoint is not None and group.is_first:
            write_checkpoint(checkpoint, _state(work, settings, loss))
            if on_checkpoint is not None:
                on_checkpoint(np.array(loss, dtype=np.float64))

    # several processes end where they meet, see process_group
    alone = ending_between_steps(shown) if group.size == 1 else contextlib.nullcontext(EndRequest())
    with stage(shown, "pre-training", max(0, last_step - len(loss)), unit="steps"), alone as request:
        for step in range(len(loss), last_step):
            value, is_good = take_step(work, step)
            if not is_good:
                raise LostLossError(_lost_message(work, step, value, checkpoint, kept))
            loss.append(value)
            if (step + 1) % checkpoint_every == 0 or step + 1 == last_step:
                keep()
                kept = step + 1
            shown.advance(1, note=f"loss {value:.6g}")
            request.obey(keep)
    return PretrainingResult(
        network=network,
        loss=np.array(loss, dtype=np.float64),
        epoch_loss=epoch_losses(loss, num_excerpts=len(source.names), batch_size=training.batch_size),
        num_steps=work.num_steps,
    )


def _state(work: PretrainingWork, settings: dict[str, Any], loss: list[float]) -> PretrainingCheckpoint:
    tensors = {}
    for name, parameter in work.network.named_parameters():
        moments = work.optimizer.state[parameter]
        tensors[f"network.{name}"] = parameter
        tensors[f"mean.{name}"] = moments["exp_avg"]
        tensors[f"square.{name}"] = moments["exp_avg_sq"]
    return PretrainingCheckpoint(settings=settings, loss=np.array(loss, dtype=np.float64), tensors=tensors)


def _resumed(work: PretrainingWork, path: Path | None, settings: dict[str, Any]) -> list[float]:
    """Put the state of a checkpoint into all processes; return the losses of the steps behind it."""
    found = None
    if path is not None and work.group.is_first and path.exists():
        found = read_checkpoint(path)
        check_settings(path, found.settings, settings)
    loss = torch.tensor([] if found is None else found.loss, dtype=torch.float64)
    num_taken = torch.tensor(len(loss))
    work.group.copy_from_first(num_taken)
    if num_taken == 0:
        return []
    loss = loss if work.group.is_first else torch.zeros(int(num_taken), dtype=torch.float64)
    work.group.copy_from_first(loss)
    for name, parameter in work.network.named_parameters():
        for kind in ("network", "mean", "square"):
            value = torch.empty(parameter.shape) if found is None else found.tensors[f"{kind}.{name}"]
            work.group.copy_from_first(value)
            _put(work, parameter, kind, value)
        work.optimizer.state[parameter]["step"] = torch.tensor(float(num_taken), device=work.device)
    return [float(value) for value in loss]


def _put(work: PretrainingWork, parameter: torch.nn.Parameter, kind: str, value: torch.Tensor) -> None:
    if kind == "network":
        with torch.no_grad():
            parameter.copy_(value)
    else:
        name = {"mean": "exp_avg", "square": "exp_avg_sq"}[kind]
        work.optimizer.state[parameter][name] = value.to(work.device, copy=True)


def epoch_losses(
    loss: Sequence[float] | Float64[np.ndarray, " num_taken"], *, num_excerpts: int, batch_size: int
) -> Float64[np.ndarray, " num_epochs"]:
    """Return the mean loss over the excerpts of every whole epoch; a last, smaller batch counts less.

    Args:
        loss: Of every step.
        num_excerpts: How many there are.
        batch_size: Excerpts per step.
    """
    per_epoch = -(-num_excerpts // batch_size)
    sizes = np.minimum(batch_size, num_excerpts - np.arange(per_epoch) * batch_size)
    whole = len(loss) // per_epoch
    mean: np.ndarray = np.array(loss[: whole * per_epoch]).reshape(whole, per_epoch) @ sizes / sizes.sum()
    return mean


def _excerpts_digest(source: ExcerptSource) -> str:
    return digest([list(source.names), source.num_frames.tolist(), len(source.pad), source.num_crops])


def _lost_message(work: PretrainingWork, step: int, value: float, checkpoint: Path | None, kept: int) -> str:
    training = work.training
    what = (
        f"The loss must stay finite, but is {value:g}"
        if not math.isfinite(value)
        else "Gradients must be finite"
    )
    rate = training.learning_rate * learning_rate_share(
        step, num_steps=work.num_steps, warmup_share=training.warmup_share
    )
    stands = (
        f"The last good checkpoint, of step {kept}, is kept in {checkpoint}."
        if checkpoint is not None and kept
        else "There is no checkpoint yet."
    )
    tries = [f"a smaller learning_rate (such as {training.learning_rate / 10:g})"]
    tries += ["a warm-up (warmup_share 0.1)"] if training.warmup_share == 0 else []
    tries += ["shortened gradients (max_gradient_norm 1)"] if training.max_gradient_norm is None else []
    tries += ["precision float32"] if training.precision != "float32" else []
    return (
        f"{what} at step {step + 1} of {work.num_steps} (epoch {step // work.steps_per_epoch + 1}, step size "
        f"{rate:g}). {stands} Try {', '.join(tries)}, in a folder of its own."
    )
