"""The I3D network: Inception-v1 with its filters inflated to three dimensions, padded as TensorFlow pads.

Paper: J. Carreira, A. Zisserman (2017), figure 3; the names of the blocks are those of the figure in the
published checkpoints (1a to 5c). Imports torch: load it only where a network is built.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Size3 = tuple[int, int, int]
Widths = tuple[int, int, int, int, int, int]

BATCH_NORM_EPS = 1e-3
STEM: Size3 = (64, 64, 192)
"""Channels of 1a, 2b and 2c."""
MIXED: dict[str, Widths] = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
"""Channels of the branches b0, b1a, b1b, b2a, b2b and b3 of each block."""
_POOL_BEFORE: dict[str, tuple[Size3, Size3]] = {"4b": ((3, 3, 3), (2, 2, 2)), "5b": ((2, 2, 2), (2, 2, 2))}
"""Kernel and stride of the pool before a block."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros TensorFlow's SAME padding puts before and after one axis.

    The output has ``ceil(size / stride)`` values. An odd number of zeros has the extra one at the end, so the
    padding depends on the size: a network with fixed padding is shifted by a pixel or a frame.

    Examples:
        >>> same_padding(60, 7, 2), same_padding(79, 7, 2), same_padding(112, 3, 2), same_padding(16, 2, 2)
        ((2, 3), (3, 3), (0, 1), (0, 0))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class I3D(nn.Module):
    """I3D without classification layer: (B, 3, T, H, W) -> (B, ceil(T / 8) - 1, channels), never negative.

    One step is the mean over the picture and over two neighbouring positions in time, as in the published
    network, where the window is 2x7x7 for pictures of 224 pixels; other sizes take what is left of them.
    T must be 9 or more.

    Args:
        stem: Channels of the first three convolutions.
        mixed: Channels of the branches of each Inception block.
    """

    def __init__(self, *, stem: Size3 = STEM, mixed: Mapping[str, Widths] = MIXED) -> None:
        super().__init__()
        self.conv_1a = Unit(3, stem[0], kernel=7, stride=2)
        self.conv_2b = Unit(stem[0], stem[1], kernel=1)
        self.conv_2c = Unit(stem[1], stem[2], kernel=3)
        self.mixed = nn.ModuleDict()
        channels = stem[2]
        for name, widths in mixed.items():
            block = Mixed(channels, widths)
            self.mixed[name] = block
            channels = block.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the steps of each clip."""
        x = max_pool(self.conv_1a(x), (1, 3, 3), (1, 2, 2))
        x = max_pool(self.conv_2c(self.conv_2b(x)), (1, 3, 3), (1, 2, 2))
        for name, block in self.mixed.items():
            if name in _POOL_BEFORE:
                x = max_pool(x, *_POOL_BEFORE[name])
            x = block(x)
        x = x.mean(dim=(3, 4))  # the average pool, first over the picture, then over two positions in time
        return ((x[:, :, :-1] + x[:, :, 1:]) / 2).transpose(1, 2)


class Mixed(nn.Module):
    """An Inception block: four branches side by side, their channels one after the other.

    Args:
        in_channels: Channels of the input.
        widths: Channels of b0, b1a, b1b, b2a, b2b and b3.
    """

    def __init__(self, in_channels: int, widths: Widths) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3 = widths
        self.out_channels = b0 + b1b + b2b + b3
        self.b0 = Unit(in_channels, b0, kernel=1)
        self.b1a = Unit(in_channels, b1a, kernel=1)
        self.b1b = Unit(b1a, b1b, kernel=3)
        self.b2a = Unit(in_channels, b2a, kernel=1)
        self.b2b = Unit(b2a, b2b, kernel=3)
        self.b3 = Unit(in_channels, b3, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches, joined."""
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3(pooled)]
        return torch.cat(branches, dim=1)


class Unit(nn.Module):
    """Convolution without bias, batch normalisation without scale, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size in time, height and width.
        stride: Step in time, height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = SameConv3d(in_channels, out_channels, kernel, stride=stride, bias=False)
        self.norm = ShiftNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the rectified output."""
        return functional.relu(self.norm(self.conv(x)), inplace=True)


class SameConv3d(nn.Conv3d):
    """A convolution with SAME padding: what is alike on both ends is left to it, the rest is padded first."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of the overridden method
        """Return ``ceil(size / stride)`` values along each axis."""
        sides = _sides(input, self.kernel_size, self.stride)
        even = tuple(before if before == after else 0 for before, after in sides)
        uneven = [(0, 0) if before == after else (before, after) for before, after in sides]
        if any(side != (0, 0) for side in uneven):
            input = functional.pad(input, [zeros for side in reversed(uneven) for zeros in side])  # noqa: A001
        return functional.conv3d(input, self.weight, self.bias, self.stride, even)


class ShiftNorm(nn.BatchNorm3d):
    """Batch normalisation that has a shift and no scale, as published.

    Args:
        num_channels: Of input and output.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, eps=BATCH_NORM_EPS)
        self.register_parameter("weight", None)


def max_pool(x: Tensor, kernel: Size3, stride: Size3) -> Tensor:
    """Return the maximum of each window, with SAME padding.

    Rounding the number of windows up lets the last one reach over the end, which is the extra padding there.
    """
    before = tuple(before for before, _ in _sides(x, kernel, stride))
    return functional.max_pool3d(x, kernel, stride, before, ceil_mode=True)


def _sides(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> list[tuple[int, int]]:
    return [same_padding(*axis) for axis in zip(x.shape[2:], kernel, stride, strict=True)]
