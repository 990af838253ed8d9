"""Seeded random weights: for tests and for demonstrations without downloads, never for results.

Batch-norm statistics are set from one seeded batch; otherwise the features of a deep network overflow.
"""

from typing import TYPE_CHECKING

import numpy as np

from semioscope.core.files import digest
from semioscope.core.randomness import stream
from semioscope.networks.spec import BackboneSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

_VERSION = 1
_BATCH_SHAPES: dict[str, tuple[int, ...]] = {
    "one": (2, 3, 8, 64, 64),
    "frames": (8, 3, 64, 64),
    "eighths": (2, 3, 12, 96, 96),
}
"""Shape of the batch that sets the statistics, by the steps rule of the backbone; small, so that it takes well
under a second, but large enough that the last layers do not see padding alone."""
_BRANCH_SCALE = 0.25


def fill_random(module: "nn.Module", spec: BackboneSpec, *, seed: int) -> str:
    """Set every weight of a network from a seed; no global random state is read or changed.

    Convolutions are uniform with variance 2 / fan-in. Batch-norm statistics are those of one batch of smooth
    noise, rounded to 8 significant bits so that the rounding of one processor or another is not seen.

    Args:
        module: Changed in place; left in evaluation mode.
        spec: Names the stream and gives the shape of the input.
        seed: Any integer.

    Returns:
        A hash for feature keys: ``random-<seed>-<digits>``.
    """
    import torch

    rng = stream(seed, "random-weights", backbone=spec.name)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                bound = np.float32(np.sqrt(6 / np.prod(parameter.shape[1:])))
                values = rng.random(tuple(parameter.shape), dtype=np.float32)
                parameter.copy_(torch.from_numpy((2 * values - 1) * bound))
            else:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        for buffer in module.buffers():
            buffer.zero_()
        _calm_branches(module)
        _set_statistics(module, torch.from_numpy(_noise(rng, spec)))
    module.eval()
    return f"random-{seed}-{digest([spec.name, spec.num_parameters, _VERSION], length=8)}"


def _noise(rng: np.random.Generator, spec: BackboneSpec) -> np.ndarray:
    """Return one batch of pictures with structure at every size, about as bright as normalised ones."""
    shape = _BATCH_SHAPES[spec.steps_rule]
    side = shape[-1]
    pictures = np.zeros(shape, dtype=np.float32)
    for size, weight in ((side, 0.5), (32, 0.5), (8, 0.5), (1, 0.15)):  # blocks of so many pixels
        coarse = rng.standard_normal((*shape[:-2], side // size, side // size), dtype=np.float32)
        pictures += np.float32(weight) * np.repeat(np.repeat(coarse, size, axis=-2), size, axis=-1)
    return pictures


def _calm_branches(module: "nn.Module") -> None:
    """Scale down what each residual block adds, as training does, so that small differences do not grow."""
    from torch.nn.modules.batchnorm import _BatchNorm

    for block in module.modules():
        if hasattr(block, "downsample"):
            branch = [
                layer
                for name, layer in block.named_modules()
                if isinstance(layer, _BatchNorm) and not name.startswith("downsample")
            ]
            branch[-1].weight.fill_(_BRANCH_SCALE)


def _set_statistics(module: "nn.Module", batch: "torch.Tensor") -> None:
    from torch.nn.modules.batchnorm import _BatchNorm

    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0
    module.train()
    module(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        for statistic in (layer.running_mean, layer.running_var):
            if statistic is not None:
                statistic.copy_(statistic.bfloat16().float())
