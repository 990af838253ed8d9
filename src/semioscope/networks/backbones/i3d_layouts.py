"""The published forms of the weights of I3D, and their way into our names.

The same numbers are published under four sets of names: by DeepMind for TensorFlow, for Keras, and twice for
PyTorch. A form is an entry of ``LAYOUTS``; which one a file has is seen from its names.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from semioscope.core.errors import WeightsError

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_STEM = ("conv_1a", "conv_2b", "conv_2c")
_BLOCKS = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
_BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3")
UNITS: tuple[str, ...] = (
    *_STEM,
    *(f"mixed.{block}.{branch}" for block, branch in itertools.product(_BLOCKS, _BRANCHES)),
)
"""Our names of the convolutions with their normalisation."""
OWN_PARTS = ("conv.weight", "norm.bias", "norm.running_mean", "norm.running_var")
"""Our names of what a convolution has: kernel, shift, mean and variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One published form of the weights.

    Args:
        publisher: Whose it is, in words.
        stem: Names of the first three convolutions.
        block: Beginning of the names inside a block, with ``{}`` for 3b to 5c.
        branches: Rest of the names, in the order b0, b1a, b1b, b2a, b2b, b3.
        parts: Names of kernel, shift, mean and variance, with ``{}`` for the name of the convolution.
        scale: Name of the scale of the normalisation; None where there is none.
        kernel_last: Whether kernels are (time, height, width, in, out) instead of (out, in, time, ...).
        head: How the names of the classification layer begin; it is left out.
        prefixes: What all names may have in front.
        exceptions: Names that break the rule, by our name of the convolution.
    """

    publisher: str
    stem: tuple[str, str, str]
    block: str
    branches: tuple[str, str, str, str, str, str]
    parts: tuple[str, str, str, str]
    head: str
    scale: str | None = None
    kernel_last: bool = False
    prefixes: tuple[str, ...] = ("",)
    exceptions: Mapping[str, str] = field(default_factory=dict)

    def unit_name(self, unit: str) -> str:
        """Return the published name of one of ``UNITS``."""
        if unit in self.exceptions:
            return self.exceptions[unit]
        if unit in _STEM:
            return self.stem[_STEM.index(unit)]
        _, block, branch = unit.split(".")
        return self.block.format(block) + self.branches[_BRANCHES.index(branch)]

    def names(self) -> dict[str, str]:
        """Return the published name of each of our tensors."""
        return {
            f"{unit}.{own}": part.format(*[self.unit_name(unit)] * part.count("{}"))
            for unit in UNITS
            for own, part in zip(OWN_PARTS, self.parts, strict=True)
        }

    def scale_names(self) -> dict[str, str]:
        """Return the published name of the scale that belongs to each convolution; empty without scales."""
        if self.scale is None:
            return {}
        return {unit: self.scale.format(self.unit_name(unit)) for unit in UNITS}


LAYOUTS: dict[str, Layout] = {
    "semioscope": Layout(
        publisher="semioscope",
        stem=_STEM,
        block="mixed.{}.",
        branches=_BRANCHES,
        parts=("{}.conv.weight", "{}.norm.bias", "{}.norm.running_mean", "{}.norm.running_var"),
        head="head.",
    ),
    "deepmind": Layout(
        publisher="DeepMind (TensorFlow)",
        stem=("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"),
        block="Mixed_{}/",
        branches=(
            "Branch_0/Conv3d_0a_1x1",
            "Branch_1/Conv3d_0a_1x1",
            "Branch_1/Conv3d_0b_3x3",
            "Branch_2/Conv3d_0a_1x1",
            "Branch_2/Conv3d_0b_3x3",
            "Branch_3/Conv3d_0b_1x1",
        ),
        parts=(
            "{}/conv_3d/w",
            "{}/batch_norm/beta",
            "{}/batch_norm/moving_mean",
            "{}/batch_norm/moving_variance",
        ),
        head="Logits/",
        kernel_last=True,
        prefixes=("RGB/inception_i3d/", "Flow/inception_i3d/", ""),
        exceptions={"mixed.5b.b2b": "Mixed_5b/Branch_2/Conv3d_0a_3x3"},
    ),
    "keras": Layout(
        publisher="keras-kinetics-i3d (Keras)",
        stem=("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"),
        block="Conv3d_{}_",
        branches=("0a_1x1", "1a_1x1", "1b_3x3", "2a_1x1", "2b_3x3", "3b_1x1"),
        parts=(
            "{}_conv/{}_conv/kernel:0",
            "{}_bn/{}_bn/beta:0",
            "{}_bn/{}_bn/moving_mean:0",
            "{}_bn/{}_bn/moving_variance:0",
        ),
        head="Conv3d_6a_1x1_conv/",
        kernel_last=True,
        prefixes=("", "model_weights/"),
    ),
    "piergiaj": Layout(
        publisher="pytorch-i3d (PyTorch)",
        stem=("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"),
        block="Mixed_{}.",
        branches=("b0", "b1a", "b1b", "b2a", "b2b", "b3b"),
        parts=("{}.conv3d.weight", "{}.bn.bias", "{}.bn.running_mean", "{}.bn.running_var"),
        scale="{}.bn.weight",
        head="logits.",
    ),
    "hassony2": Layout(
        publisher="kinetics_i3d_pytorch (PyTorch)",
        stem=("conv3d_1a_7x7", "conv3d_2b_1x1", "conv3d_2c_3x3"),
        block="mixed_{}.",
        branches=("branch_0", "branch_1.0", "branch_1.1", "branch_2.0", "branch_2.1", "branch_3.1"),
        parts=("{}.conv3d.weight", "{}.batch3d.bias", "{}.batch3d.running_mean", "{}.batch3d.running_var"),
        scale="{}.batch3d.weight",
        head="conv3d_0c_1x1.",
    ),
}
"""Every published form, and our own."""


def translate_i3d(
    state: "Mapping[str, torch.Tensor]", expected: Mapping[str, tuple[int, ...]], *, where: object
) -> "State":
    """Return weights of any published form under our names and in our order of axes.

    A scale of the normalisation, which the published weights have as ones and tuned ones may have otherwise,
    is multiplied into kernel and mean, which gives the same numbers.

    Args:
        state: Named tensors of a file.
        expected: Name and shape of what the network needs.
        where: The file, for messages.

    Raises:
        WeightsError: If the form is not known, the weights are of optical flow, tensors are missing or left
            over, or have another shape; the message names them as the file does.
    """
    layout, prefix = _recognise(state, where)
    given = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if not name.removeprefix(prefix).startswith(layout.head) and not name.endswith("num_batches_tracked")
    }
    names, scales = layout.names(), layout.scale_names()
    _refuse_flow(given, layout, where)
    wanted = {name: own for own, name in (names | scales).items()}
    shapes = {name: _published_shape(own, expected, layout) for name, own in wanted.items()}
    wrong = [
        f"{prefix}{name} {_shape(given[name])} instead of {'x'.join(map(str, shape))}"
        for name, shape in shapes.items()
        if name in given and _without_leading_ones(given[name]).shape != shape
    ]
    found = {
        "missing": [prefix + name for name in wanted if name not in given],
        "not known": [prefix + name for name in given if name not in wanted],
        "wrong shape": wrong,
    }
    if any(found.values()):
        problems = "; ".join(f"{kind}: {_some(which)}" for kind, which in found.items() if which)
        msg = (
            f"{where} must hold the weights of i3d as {layout.publisher} publishes them, but they do not fit: "
            f"{problems}. Bring the published file again, or choose the backbone that it is of."
        )
        raise WeightsError(msg)
    translated = {own: _in_our_order(given[name], layout) for own, name in names.items()}
    for unit, name in scales.items():
        scale = given[name].detach().float().flatten()
        translated[f"{unit}.conv.weight"] = translated[f"{unit}.conv.weight"] * scale.reshape(-1, 1, 1, 1, 1)
        translated[f"{unit}.norm.running_mean"] = translated[f"{unit}.norm.running_mean"] * scale
    return translated


def _recognise(state: "Mapping[str, torch.Tensor]", where: object) -> tuple[Layout, str]:
    """Return the form, and what stands before all names, that most names of a file fit."""
    choices = [
        (sum(prefix + name in state for name in layout.names().values()), layout, prefix)
        for layout in LAYOUTS.values()
        for prefix in layout.prefixes
    ]
    count, layout, prefix = max(choices, key=lambda choice: choice[0])
    if count == 0:
        known = ", ".join(layout.publisher for layout in LAYOUTS.values())
        msg = (
            f"{where} must hold the weights of i3d as one of these publishes them: {known}. Its names are of "
            f"another network: {_some(sorted(state))}. Bring the file that the backbone names (semioscope "
            "weights list), or choose the backbone that it is of."
        )
        raise WeightsError(msg)
    return layout, prefix


def _refuse_flow(given: "State", layout: Layout, where: object) -> None:
    name = layout.names()["conv_1a.conv.weight"]
    kernel = given.get(name)
    if kernel is not None and kernel.ndim == 5 and kernel.shape[3 if layout.kernel_last else 1] == 2:
        msg = (
            f"{where} must hold the weights for RGB pictures, but {name} has 2 input channels: they are for "
            "optical flow. Bring the file of the RGB network (its name has rgb in it) of the same publisher."
        )
        raise WeightsError(msg)


def _published_shape(own: str, expected: Mapping[str, tuple[int, ...]], layout: Layout) -> tuple[int, ...]:
    """Return the shape of one of our tensors, or of the scale of a convolution, in a published form."""
    if own in UNITS:
        return expected[f"{own}.norm.bias"]
    shape = expected[own]
    return (*shape[2:], shape[1], shape[0]) if layout.kernel_last and len(shape) == 5 else shape


def _in_our_order(tensor: "torch.Tensor", layout: Layout) -> "torch.Tensor":
    plain = _without_leading_ones(tensor.detach().float())
    if plain.ndim == 5 and layout.kernel_last:
        plain = plain.permute(4, 3, 0, 1, 2)
    return plain.contiguous()


def _without_leading_ones(tensor: "torch.Tensor") -> "torch.Tensor":
    """Return a statistic as (channels,): TensorFlow keeps it as (1, 1, 1, 1, channels). Kernels stay."""
    return tensor.flatten() if tensor.shape[:-1].numel() == 1 and tensor.ndim > 0 else tensor


def _shape(tensor: "torch.Tensor") -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _some(names: Iterable[str], *, most: int = 5) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
