"""ResNets of torchvision, trained on ImageNet-1k; one picture at a time.

Papers:
    K. He et al. (2016). Deep residual learning for image recognition. CVPR.
    S. Zagoruyko, N. Komodakis (2016). Wide residual networks. BMVC.
Weights: torchvision IMAGENET1K_V1 (BSD-3-Clause), which is what ``pretrained=True`` meant when the methods
    were published; today's default of ResNet-152 and Wide ResNet-50-2 is another one. ImageNet itself is for
    non-commercial research.

Methods: GESTURES 2021, Table 1 (``resnet34``, ``wide_resnet50_2``); Hou 2022 (``resnet152``).
"""

from typing import TYPE_CHECKING

from semioscope.networks.spec import BackboneSpec, WeightsSource

if TYPE_CHECKING:
    from torch import nn

_BASE = "https://download.pytorch.org/models/"
_RESNET = "He et al. (2016), Deep residual learning for image recognition, CVPR"
_WIDE = "Zagoruyko and Komodakis (2016), Wide residual networks, BMVC"


def _spec(name: str, *, prefix: str, num_features: int, num_parameters: int, paper: str) -> BackboneSpec:
    file_name = f"{name}-{prefix}.pth"
    return BackboneSpec(
        name=name,
        kind="2d",
        frames_per_clip=1,
        min_frames=1,
        input_size=224,
        num_features=num_features,
        num_parameters=num_parameters,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        weights=WeightsSource(
            name=name,
            url=_BASE + file_name,
            file_name=file_name,
            sha256_prefix=prefix,
            licence="BSD-3-Clause (torchvision); ImageNet is for non-commercial research",
            origin="ImageNet-1k, torchvision IMAGENET1K_V1",
            paper=paper,
        ),
        paper=paper,
        preprocessing=(
            "one RGB picture, square, 224 x 224 (bilinear, antialiased), values to [0, 1], then minus mean, "
            "divided by standard deviation of ImageNet per channel"
        ),
        batch_size=4,
        accelerator_batch_size=64,
        steps_rule="frames",
    )


SPECS: dict[str, BackboneSpec] = {
    spec.name: spec
    for spec in (
        _spec("resnet34", prefix="b627a593", num_features=512, num_parameters=21_284_672, paper=_RESNET),
        _spec(
            "wide_resnet50_2", prefix="95faca4d", num_features=2048, num_parameters=66_834_240, paper=_WIDE
        ),
        _spec("resnet152", prefix="394f9c45", num_features=2048, num_parameters=58_143_808, paper=_RESNET),
    )
}


def build_resnet(name: str) -> "nn.Module":
    """Return a torchvision ResNet without classification layer: (B, 3, H, W) -> (B, num_features)."""
    from torch import nn
    from torchvision import models

    module: nn.Module = models.get_model(name, weights=None)
    module.fc = nn.Identity()
    return module.eval()
