"""The R(2+1)D network: 3x3x3 convolutions factored into a spatial and a temporal part.

Paper: D. Tran et al. (2018), section 3; layer names as in the published checkpoints (``ig65m-pytorch``).
Imports torch: load it only where a network is built.
"""

from torch import Tensor, nn

BATCH_NORM_EPS = 1e-3
"""As in Caffe2, where the weights come from. PyTorch's 1e-5 changes the features."""


def mid_planes(in_planes: int, out_planes: int) -> int:
    """Return the width between the spatial and the temporal part of a factored 3x3x3 convolution.

    It keeps the number of weights of the full convolution. Each convolution counts with its own input, so the
    second of the first block of layers 2 to 4 has 288, 576 and 1152 (torchvision re-uses that of the first).

    Examples:
        >>> [mid_planes(64, 128), mid_planes(128, 128), mid_planes(256, 512), mid_planes(512, 512)]
        [230, 288, 921, 1152]
    """
    return (in_planes * out_planes * 27) // (in_planes * 9 + 3 * out_planes)


class R2Plus1D(nn.Module):
    """R(2+1)D without classification layer: (B, 3, T, H, W) -> (B, widths[-1]), the mean over time and space.

    Args:
        num_blocks: Residual blocks of the four layers; the default is the 34-layer network.
        widths: Channels of the four layers.
        stem_planes: Width between the two parts of the first convolution.
    """

    def __init__(
        self,
        *,
        num_blocks: tuple[int, int, int, int] = (3, 4, 6, 3),
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        stem_planes: int = 45,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, stem_planes, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
            _batch_norm(stem_planes),
            nn.ReLU(inplace=True),
            nn.Conv3d(stem_planes, widths[0], (3, 1, 1), padding=(1, 0, 0), bias=False),
            _batch_norm(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.layer1 = _layer(widths[0], widths[0], num_blocks[0], stride=1)
        self.layer2 = _layer(widths[0], widths[1], num_blocks[1], stride=2)
        self.layer3 = _layer(widths[1], widths[2], num_blocks[2], stride=2)
        self.layer4 = _layer(widths[2], widths[3], num_blocks[3], stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return one feature vector per clip."""
        x = self.stem(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3, 4))


class ResidualBlock(nn.Module):
    """Two factored convolutions beside a shortcut.

    Args:
        in_planes: Channels of the input.
        planes: Channels of the output.
        stride: Step in time, height and width of the first convolution.
    """

    def __init__(self, in_planes: int, planes: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            _factored(in_planes, planes, stride), _batch_norm(planes), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(_factored(planes, planes, 1), _batch_norm(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_planes != planes:
            convolution = nn.Conv3d(in_planes, planes, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(convolution, _batch_norm(planes))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of shortcut and convolutions, rectified."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(self.conv2(self.conv1(x)) + shortcut)
        return out


def _layer(in_planes: int, planes: int, num_blocks: int, *, stride: int) -> nn.Sequential:
    first = ResidualBlock(in_planes, planes, stride=stride)
    return nn.Sequential(first, *(ResidualBlock(planes, planes, stride=1) for _ in range(num_blocks - 1)))


def _factored(in_planes: int, out_planes: int, stride: int) -> nn.Sequential:
    mid = mid_planes(in_planes, out_planes)
    return nn.Sequential(
        nn.Conv3d(in_planes, mid, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1), bias=False),
        _batch_norm(mid),
        nn.ReLU(inplace=True),
        nn.Conv3d(mid, out_planes, (3, 1, 1), stride=(stride, 1, 1), padding=(1, 0, 0), bias=False),
    )


def _batch_norm(planes: int) -> nn.Module:
    return nn.BatchNorm3d(planes, eps=BATCH_NORM_EPS)
