"""Where the training of a detector starts: at random, from published weights, or from a file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semioscope.core.errors import WeightsError
from semioscope.core.progress import Progress
from semioscope.networks.detector_files import DetectorDesign
from semioscope.networks.detector_networks import ARCHITECTURES, fill_network, translate_published

if TYPE_CHECKING:
    from torch import nn

RANDOM, PRETRAINED = "random", "pretrained"
"""Words in place of a file to start from."""
FINE_TUNING_RATE = 1e-4
"""Learning rate for weights that know something already. Ours."""
LEAST_FILLED = 0.5
"""A start that gives a smaller share of the backbone's numbers is of another network, and refused."""
_BACKBONE = "backbone."


def usual_learning_rate(architecture: str, start: str | Path) -> float:
    """Return the learning rate that suits an architecture (a key of ``ARCHITECTURES``) and its start."""
    return ARCHITECTURES[architecture].random_rate if start == RANDOM else FINE_TUNING_RATE


def start_state(
    module: "nn.Module", design: DetectorDesign, start: str | Path, *, progress: Progress | None = None
) -> tuple[dict[str, Any], str]:
    """Return the tensors that a start has for a network, and a sentence about them.

    A tensor is taken where name and shape agree. The last layers depend on the labels, so those of weights with
    other labels stay as they are.

    Args:
        module: The network, with or without numbers.
        design: What it is.
        start: ``pretrained`` (published weights of the same architecture, fetched on first use) or a file: published
            weights, a trained detector, the VGG-16 of torchvision for SSD.
        progress: Where a download reports to.

    Raises:
        WeightsError: If there is no such file, it is damaged, holds numbers that are not finite, or is of another
            network: less than half of the backbone's numbers are in it.
    """
    from semioscope.networks.checkpoints import check_finite, expected_shapes, is_checkpoint, read_checkpoint
    from semioscope.networks.weights import load_weights

    expected = expected_shapes(module)
    if start == PRETRAINED:
        given: Mapping[str, Any] = load_weights(design.architecture, progress=progress)[0]
        where = f"the published weights of {design.architecture}"
    else:
        path = Path(start).expanduser()
        if not is_checkpoint(path):
            msg = (
                f"The weights to start from must be {PRETRAINED}, {RANDOM} or a file that exists, got "
                f"{str(start)!r}. Check the path."
            )
            raise WeightsError(msg)
        given, where = translate_published(read_checkpoint(path), expected, where=path), path.name
    fitting = {name: tensor for name, tensor in given.items() if tuple(tensor.shape) == expected.get(name)}
    check_finite(fitting, where=where)
    filled, total = _numbers(fitting, expected), _numbers(expected, expected)
    if filled < LEAST_FILLED * total:
        msg = (
            f"The weights to start from must be of {design.architecture}, but {where} gives "
            f"{100 * filled / total:.0f} % of the numbers of its backbone: it is of another network. Choose other "
            f"weights, another architecture, or {RANDOM}."
        )
        raise WeightsError(msg)
    rest = sorted(
        {name.rsplit(".", 1)[0].split(".module_list")[0] for name in expected.keys() - fitting.keys()}
    )
    told = f"{len(fitting)} of {len(expected)} tensors come from {where}"
    return fitting, f"{told}{f'; at random: {_some(rest)}' if rest else ''}."


def start_training_from(
    module: "nn.Module", design: DetectorDesign, start: str | Path, *, progress: Progress | None = None
) -> str:
    """Put a start into a network, as :func:`start_state`; what it lacks stays. Return the sentence about it."""
    from semioscope.networks.checkpoints import expected_shapes

    fitting, told = start_state(module, design, start, progress=progress)
    expected = expected_shapes(module)
    there = {name: tensor for name, tensor in module.state_dict().items() if name in expected}
    fill_network(module, there | fitting)
    return told


def start_digest(start: str | Path, design: DetectorDesign, *, progress: Progress | None = None) -> str:
    """Return what names the numbers of a start: the word ``random``, or a digest; ``progress`` shows a download.

    Raises:
        WeightsError: As :func:`start_state`.
    """
    import torch

    from semioscope.networks.checkpoints import tensors_digest

    if start == RANDOM:
        return RANDOM
    with torch.device("meta"):
        module = design.build()
    return tensors_digest(start_state(module, design, start, progress=progress)[0])


def _numbers(names: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]]) -> int:
    return sum(math.prod(expected[name]) for name in names if name.startswith(_BACKBONE))


def _some(names: list[str], *, most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
