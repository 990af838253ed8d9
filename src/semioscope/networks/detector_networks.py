"""The networks of detectors, without weights: what torchvision builds, with nothing downloaded and no draws.

Papers:
    K. He et al. (2017). Mask R-CNN. ICCV.
    S. Ren et al. (2015). Faster R-CNN. NeurIPS; on A. Howard et al. (2019). Searching for MobileNetV3. ICCV.
    W. Liu et al. (2016). SSD: single shot multibox detector. ECCV.

A network maps a list of pictures (3, H, W) with values in [0, 1] to one dictionary per picture: ``boxes``
(left, top, right, bottom in pixels), ``labels`` (1 and up; 0 is the background) and ``scores``. It scales and
normalises the pictures itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from semioscope.core.files import digest
from semioscope.core.randomness import stream

if TYPE_CHECKING:
    import torch
    from torch import nn

_VERSION = 2
_MOBILENET_STAGES = 6
_RESNET_STAGES = 5
_RENAMED = (
    (re.compile(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"^(rpn\.head\.conv)\.(weight|bias)$"), r"\1.0.0.\2"),
)
_VGG_LAYER = re.compile(r"^features\.(\d+)\.(weight|bias)$")
_VGG_SPLIT = 23
"""The pooling of VGG-16 behind which its layers are in the first extra block of SSD."""
_MASK_LAYER = re.compile(r"^(roi_heads\.mask_head)\.mask_fcn(\d+)\.(weight|bias)$")
_PREDICTORS = ("cls_", "bbox_pred", "classification_head", "regression_head", "mask_fcn_logits")
"""Last layers: they start small, so that a network that knows nothing is sure of nothing."""
_PREDICTOR_SCALE = 0.1
_BRANCH_SCALE = 0.25
_PROPOSALS_IN_TRAINING = 100
_BOXES_IN_TRAINING = 16
"""Per picture; torchvision's 2000 and 512 are for pictures with dozens of things, and ten times as slow."""
_SSD_SCALE = (
    20.0  # of the first feature map after its normalisation, where training starts (Liu et al., section 3.1)
)
_SSD_FIRST, _SSD_FIRST_SCALE = "backbone.features.0.weight", 1 / 64
"""SSD does not divide values of 0 to 255 by their spread, so a random first layer does."""


def build_maskrcnn(num_classes: int) -> "nn.Module":
    """Return Mask R-CNN on ResNet-50 with a feature pyramid, as its published weights need it.

    Batch normalisation is frozen and adds nothing to the variance: with the usual 1e-5 the published weights
    give other boxes.

    Args:
        num_classes: The background among them.
    """
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops.misc import FrozenBatchNorm2d

    backbone = resnet_fpn_backbone(
        backbone_name="resnet50",
        weights=None,
        norm_layer=partial(FrozenBatchNorm2d, eps=0.0),
        trainable_layers=_RESNET_STAGES,
    )
    module: nn.Module = MaskRCNN(backbone, num_classes, rpn_anchor_generator=_anchors(num_levels=5))
    return module.eval()


def build_fasterrcnn_mobilenet(
    num_classes: int, *, min_size: int = 320, max_size: int = 640, frozen: bool = False
) -> "nn.Module":
    """Return Faster R-CNN on MobileNetV3-Large with a feature pyramid, at low resolution.

    Args:
        num_classes: The background among them.
        min_size: Pictures are scaled so that their shorter side has so many pixels...
        max_size: ... unless the longer one would have more than these.
        frozen: Batch normalisation with fixed statistics, as the published weights need it.
    """
    from torch import nn
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import mobilenet_backbone
    from torchvision.ops.misc import FrozenBatchNorm2d

    backbone = mobilenet_backbone(
        backbone_name="mobilenet_v3_large",
        weights=None,
        fpn=True,
        norm_layer=FrozenBatchNorm2d if frozen else nn.BatchNorm2d,
        trainable_layers=_MOBILENET_STAGES,
    )
    module: nn.Module = FasterRCNN(
        backbone,
        num_classes,
        min_size=min_size,
        max_size=max_size,
        rpn_anchor_generator=_anchors(num_levels=3, every_size=True),
        rpn_pre_nms_top_n_test=150,
        rpn_post_nms_top_n_test=150,
        rpn_score_thresh=0.05,
        rpn_pre_nms_top_n_train=_PROPOSALS_IN_TRAINING,
        rpn_post_nms_top_n_train=_PROPOSALS_IN_TRAINING,
        box_batch_size_per_image=_BOXES_IN_TRAINING,
    )
    return module.eval()


def build_ssd300_vgg16(num_classes: int, *, min_size: int = 300, max_size: int = 300) -> "nn.Module":
    """Return SSD on VGG-16, which stretches every picture to 300 x 300.

    Args:
        num_classes: The background among them.
        min_size: Must be 300: its default boxes are made for that.
        max_size: Must be 300.
    """
    from torchvision.models.detection import ssd300_vgg16

    if (min_size, max_size) != (300, 300):
        msg = f"ssd300_vgg16 sees pictures of 300 x 300, got min_size {min_size} and max_size {max_size}."
        raise ValueError(msg)
    module: nn.Module = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=num_classes)
    return module.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that a user can train.

    Args:
        build: From the number of classes (with the background) and ``min_size`` and ``max_size`` in pixels.
        min_size: Default of the shorter side of the pictures it sees.
        max_size: Default of the longer side.
        least_size: Smallest shorter side that it works with.
        random_rate: Learning rate that suits a random start; without batch normalisation it is a small one.
        paper: What to cite.
    """

    build: "Callable[..., nn.Module]"
    min_size: int
    max_size: int
    least_size: int
    random_rate: float
    paper: str


ARCHITECTURES: dict[str, Architecture] = {
    "fasterrcnn_mobilenet": Architecture(
        build=build_fasterrcnn_mobilenet,
        min_size=320,
        max_size=640,
        least_size=64,
        random_rate=1e-3,
        paper="Ren et al. (2015), Faster R-CNN, NeurIPS; Howard et al. (2019), MobileNetV3, ICCV",
    ),
    "ssd300_vgg16": Architecture(
        build=build_ssd300_vgg16,
        min_size=300,
        max_size=300,
        least_size=300,
        random_rate=1e-4,
        paper="Liu et al. (2016), SSD: single shot multibox detector, ECCV",
    ),
}
"""What can be trained: names in the files of detectors that users train."""


def empty_network(build: "Callable[[], nn.Module]") -> "nn.Module":
    """Return a network whose tensors hold nothing yet, in evaluation mode; no random number is drawn."""
    import torch

    with torch.device("meta"):
        module = build()
    return module.to_empty(device="cpu").eval()


def fill_network(module: "nn.Module", state: "Mapping[str, torch.Tensor]") -> None:
    """Put named tensors into a network; counters of batches become 0.

    Args:
        module: Changed in place.
        state: Every tensor of it, counters apart, as ``checkpoints.fit_state`` gives them.
    """
    import torch

    counters = {
        name: torch.zeros((), dtype=torch.int64)
        for name in module.state_dict()
        if name.endswith("num_batches_tracked")
    }
    module.load_state_dict(dict(state) | counters, strict=True)


def fill_random(module: "nn.Module", *, name: str, seed: int) -> str:
    """Set every weight of a detector from a seed: a start of training, or a stand-in for tests.

    Convolutions and full layers are uniform with variance 2 / fan-in, last layers a tenth as wide; batch
    normalisation does nothing at first. No global random state is read or changed.

    Returns:
        A hash: ``random-<seed>-<digits>``.
    """
    import torch

    rng = stream(seed, "random-weights", detector=name)
    with torch.no_grad():
        for key, tensor in sorted(module.state_dict().items()):
            if tensor.ndim > 1:
                bound = np.float32(np.sqrt(6 / np.prod(tensor.shape[1:])))
                if any(part in key for part in _PREDICTORS):
                    bound *= np.float32(_PREDICTOR_SCALE)
                if key == _SSD_FIRST:
                    bound *= np.float32(_SSD_FIRST_SCALE)
                values = rng.random(tuple(tensor.shape), dtype=np.float32)
                tensor.copy_(torch.from_numpy((2 * values - 1) * bound))
            elif key.endswith("scale_weight"):
                tensor.fill_(_SSD_SCALE)
            elif key.endswith("bn3.weight"):  # what a residual block adds
                tensor.fill_(_BRANCH_SCALE)
            else:
                tensor.fill_(1.0 if key.endswith(("weight", "running_var")) else 0.0)
    shapes = [[key, list(tensor.shape)] for key, tensor in sorted(module.state_dict().items())]
    return f"random-{seed}-{digest([name, shapes, _VERSION], length=8)}"


def translate_published(
    state: "Mapping[str, torch.Tensor]", expected: Mapping[str, tuple[int, ...]], *, where: object
) -> "dict[str, torch.Tensor]":
    """Return the tensors of a published file under the names that torchvision uses today.

    Pyramid, region proposal and mask layers were nested once more after the weights were published. A file of VGG-16
    alone (``features.0.weight`` and on) holds most of the backbone of SSD.
    """
    del where
    made = {}
    for name, tensor in state.items():
        new = _VGG_LAYER.sub(_vgg_name, name)
        for pattern, replacement in _RENAMED:
            new = pattern.sub(replacement, new)
        new = _MASK_LAYER.sub(lambda found: f"{found[1]}.{int(found[2]) - 1}.0.{found[3]}", new)
        made[new if new in expected else name] = tensor
    return made


def _vgg_name(found: "re.Match[str]") -> str:
    number = int(found[1])
    place = f"features.{number}" if number < _VGG_SPLIT else f"extra.0.{number - _VGG_SPLIT}"
    return f"backbone.{place}.{found[2]}"


def _anchors(*, num_levels: int, every_size: bool = False) -> "nn.Module":
    """Return the maker of anchors: one size per level, or every size on each; real even in a meta context."""
    import torch
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    sizes = (32, 64, 128, 256, 512)
    per_level = (sizes,) * num_levels if every_size else tuple((size,) for size in sizes[:num_levels])
    with torch.device("cpu"):
        made: nn.Module = AnchorGenerator(per_level, ((0.5, 1.0, 2.0),) * num_levels)
    return made
