"""R(2+1)D-34, trained on 65 million Instagram videos and tuned on Kinetics-400.

Papers:
    D. Tran et al. (2018). A closer look at spatiotemporal convolutions for action recognition. CVPR.
    D. Ghadiyaram et al. (2019). Large-scale weakly-supervised pre-training for video action recognition.
        CVPR.
Weights: converted from the authors' Caffe2 release by the project ig65m-pytorch (MIT); the originals come
    from Facebook's VMZ (Apache-2.0). The videos that they were trained on are not covered by either.

Methods: GESTURES 2021, sections 1 (Table 1) and 3.1; the network of the paper, 8 and 32 frames.
"""

from typing import TYPE_CHECKING

from semioscope.networks.spec import BackboneSpec, WeightsSource

if TYPE_CHECKING:
    from torch import nn

_BASE = "https://github.com/moabitcoin/ig65m-pytorch/releases/download/v1.0.0/"
_PAPER = (
    "Tran et al. (2018), A closer look at spatiotemporal convolutions for action recognition, CVPR; "
    "Ghadiyaram et al. (2019), Large-scale weakly-supervised pre-training for video action recognition, CVPR"
)


def _spec(frames: int, file_name: str, prefix: str) -> BackboneSpec:
    name = f"r2plus1d_34_{frames}"
    return BackboneSpec(
        name=name,
        kind="3d",
        frames_per_clip=frames,
        min_frames=8,
        input_size=112,
        num_features=512,
        num_parameters=63_491_975,
        mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989),
        weights=WeightsSource(
            name=name,
            url=_BASE + file_name,
            file_name=file_name,
            sha256_prefix=prefix,
            licence="MIT (ig65m-pytorch, conversion); Apache-2.0 (VMZ, original)",
            origin=f"IG-65M, then Kinetics-400, {frames} frames; Facebook VMZ, converted by MoabitCoin",
            paper=_PAPER,
        ),
        paper=_PAPER,
        preprocessing=(
            f"{frames} consecutive RGB pictures, square, 112 x 112 (bilinear, antialiased), values to [0, "
            "1], "
            "then minus mean, divided by standard deviation of Kinetics-400 per channel"
        ),
        batch_size=1,
        accelerator_batch_size=16,
    )


SPECS: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        _spec(8, "r2plus1d_34_clip8_ft_kinetics_from_ig65m-0aa0550b.pth", "0aa0550b"),
        _spec(32, "r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth", "ade133f1"),
    )
}


def build_r2plus1d() -> "nn.Module":
    """Return the 34-layer network without classification layer: (B, 3, T, H, W) -> (B, 512)."""
    from semioscope.networks.backbones.r2plus1d_network import R2Plus1D

    return R2Plus1D().eval()
