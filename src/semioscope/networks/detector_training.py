"""Training a detector on pictures with boxes: a small loop over arrays, the same bits from the same seed.

References:
    Hou et al. (2022) train an SSD detector on their videos (no settings published). The settings here are ours.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.randomness import stream, torch_seed
from semioscope.networks.accelerator import find_accelerator
from semioscope.networks.detector_examples import DetectorExample, pixel_edges
from semioscope.networks.detector_files import DetectorDesign, write_detector
from semioscope.networks.detector_networks import empty_network, fill_random
from semioscope.networks.detector_start import RANDOM, start_training_from

if TYPE_CHECKING:
    import torch

_FINAL_RATE = 0.01
"""Share of the learning rate that is left in the last step."""
_LARGEST_GRADIENT = 10.0
_PICTURES_TIMED = 4


class DetectorTraining(Config):
    """How a detector is trained."""

    epochs: int = Field(default=30, ge=1, le=100_000)
    """Times that every picture is seen."""
    batch_size: int = Field(default=8, ge=2, le=1024)
    """Pictures per step; a last picture alone joins the batch before it (batch normalisation needs two)."""
    learning_rate: float = Field(default=1e-3, gt=0, le=10, allow_inf_nan=False)
    """Step size at the start; it falls along half a cosine."""
    weight_decay: float = Field(default=1e-4, ge=0, le=10, allow_inf_nan=False)
    """Pull of the weights towards 0 (AdamW)."""
    mirror: bool = True
    """Show half of the pictures mirrored left to right."""
    brightness: float = Field(default=0.2, ge=0, lt=1)
    """Pictures are made brighter or darker by up to this share, drawn anew each time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectorFit:
    """A trained detector.

    Args:
        design: What it is.
        state: Its tensors, for ``write_detector``.
        train_loss: Mean loss of each epoch.
        started: Where it started, as a sentence.
    """

    design: DetectorDesign
    state: "dict[str, torch.Tensor]"
    train_loss: Float64[np.ndarray, " num_epochs"]
    started: str

    def save(self, path: Path, *, training: Mapping[str, Any] | None = None) -> None:
        """Write the file that ``load_detector("own", weights=path)`` reads; ``training`` says what else is known."""
        write_detector(path, self.design, self.state, training=training)


def fit_detector(
    examples: Sequence[DetectorExample],
    *,
    design: DetectorDesign | None = None,
    training: DetectorTraining | None = None,
    seed: int,
    start: str | Path = RANDOM,
    fold: int | str = 0,
    progress: Progress | None = None,
    title: str = "",
) -> DetectorFit:
    """Train a detector, on a usable graphics card or on the CPU.

    Equal arguments, equal bits (on the CPU of one machine with one number of threads).

    Args:
        examples: Two pictures or more; those without boxes teach what is nothing.
        design: What is trained; None is the default.
        training: How; None is the default.
        seed: Seed of the run.
        start: ``random`` (by the seed), ``pretrained`` (published weights of the same architecture; fetched on
            first use) or a file of weights, as in ``start_state``. Layers of another shape, such as the last ones,
            start at random.
        fold: Names the random streams of this fit.
        progress: Where to report to, an epoch at a time.
        title: Of the stage; empty is ``train ARCHITECTURE``.

    Raises:
        ConfigError: If there are fewer than two pictures, no box at all, or a label that the design lacks.
        WeightsError: If the weights to start from cannot be had.
    """
    import torch

    design, training = design or DetectorDesign(), training or DetectorTraining()
    _check(examples, design)
    module = empty_network(design.build)
    fill_random(module, name=design.architecture, seed=seed)
    started = f"All numbers are random (seed {seed})."
    if start != RANDOM:
        started = start_training_from(module, design, start, progress=progress)
    device = "cuda" if find_accelerator().usable else "cpu"
    module.to(device).requires_grad_(True)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    batches = _batch_sizes(len(examples), training.batch_size)
    num_steps, step, losses = len(batches) * training.epochs, 0, []
    name = title or f"train {design.architecture}"
    with stage(progress or QuietProgress(), name, training.epochs, unit="epochs") as display:
        for epoch in range(training.epochs):
            rng = stream(seed, "detector-training", fold=fold, epoch=epoch)
            order = rng.permutation(len(examples))
            total, done = 0.0, 0
            with _torch_stream(torch_seed(seed, "detector-sampling", fold=fold, epoch=epoch), device):
                module.train()
                for size in batches:
                    chosen = [examples[index] for index in order[done : done + size]]
                    pictures, targets = _batch(chosen, design, training, rng, device)
                    for group in optimizer.param_groups:
                        group["lr"] = training.learning_rate * _share(step, num_steps)
                    loss = sum(module(pictures, targets).values())
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(module.parameters(), _LARGEST_GRADIENT)
                    optimizer.step()
                    total, done, step = total + float(loss.detach()) * size, done + size, step + 1
            losses.append(total / done)
            if not math.isfinite(losses[-1]):
                msg = (
                    f"The loss of epoch {epoch + 1} is not finite. learning_rate {training.learning_rate:g} may be "
                    "too large: choose a smaller one."
                )
                raise ConfigError(msg)
            display.advance(1, note=f"loss {losses[-1]:.3f}")
    module.eval()
    state = {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}
    return DetectorFit(design=design, state=state, train_loss=np.array(losses), started=started)


def measured_picture_seconds(
    examples: Sequence[DetectorExample], *, design: DetectorDesign, training: DetectorTraining
) -> float:
    """Return how long a picture takes in an epoch, in seconds: the second of two steps of training is timed.

    Args:
        examples: Two pictures or more; some of the first are used.
        design: What is trained.
        training: How.

    Raises:
        ConfigError: As :func:`fit_detector`.
    """
    few = examples[: min(training.batch_size, _PICTURES_TIMED)]
    boxed = next((example for example in examples if example.boxes), None)
    if boxed is not None:
        few = [boxed, *few[1:]]
    clock = _Clock()
    two_steps = training.model_copy(update={"epochs": 2})
    fit_detector(few, design=design, training=two_steps, seed=0, progress=clock)
    return (clock.times[1] - clock.times[0]) / len(few)


class _Clock(QuietProgress):
    """Notes when each epoch ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        del amount, note
        self.times.append(time.perf_counter())


def _check(examples: Sequence[DetectorExample], design: DetectorDesign) -> None:
    if len(examples) < 2 or not any(example.boxes for example in examples):
        msg = (
            f"A detector needs at least 2 pictures and a box, got {len(examples)} pictures with "
            f"{sum(len(example.boxes) for example in examples)} boxes. Annotate more pictures."
        )
        raise ConfigError(msg)
    for number, example in enumerate(examples, start=1):
        for item in example.boxes:
            if item.label not in design.labels:
                raise ConfigError(f"Picture {number}: {unknown_name('label', item.label, design.labels)}")


def _batch_sizes(num_examples: int, batch_size: int) -> list[int]:
    sizes = [batch_size] * (num_examples // batch_size)
    rest = num_examples % batch_size
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def _batch(
    examples: Sequence[DetectorExample],
    design: DetectorDesign,
    training: DetectorTraining,
    rng: np.random.Generator,
    device: str = "cpu",
) -> "tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]":
    """Return pictures (3, H, W) in [0, 1] and what torchvision wants to know of each."""
    import torch

    pictures, targets = [], []
    for example in examples:
        pixels = example.pixels()
        height, width = pixels.shape[:2]
        edges = pixel_edges(example.boxes, width=width, height=height)
        picture = pixels.astype(np.float32) / 255
        mirrored = rng.random() < 0.5  # always drawn: an option never moves the numbers of another
        gain = 1 + training.brightness * (2 * rng.random() - 1)
        if training.mirror and mirrored:
            picture = picture[:, ::-1]
            edges[:, [0, 2]] = width - edges[:, [2, 0]]
        picture = np.clip(picture * np.float32(gain), 0, 1)
        pictures.append(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).to(device))
        numbers = [design.labels.index(item.label) + 1 for item in example.boxes]
        targets.append(
            {
                "boxes": torch.from_numpy(edges.astype(np.float32)).to(device),
                "labels": torch.tensor(numbers, dtype=torch.int64, device=device),
            }
        )
    return pictures, targets


def _share(step: int, num_steps: int) -> float:
    return _FINAL_RATE + (1 - _FINAL_RATE) * (1 + math.cos(math.pi * step / num_steps)) / 2


@contextmanager
def _torch_stream(seed: int, device: str) -> Iterator[None]:
    """Let torchvision draw from a seed of ours: it samples anchors with the global generators, put back after."""
    import torch

    seed_cpu: Callable[[int], Any] = torch.default_generator.manual_seed
    with torch.random.fork_rng(devices=[] if device == "cpu" else [torch.cuda.current_device()]):
        seed_cpu(seed)
        if device != "cpu":
            torch.cuda.manual_seed(seed)
        yield
