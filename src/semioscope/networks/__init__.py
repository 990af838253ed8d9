"""Everything pre-trained and frozen: backbones, their weights, and the engines that run them.

Importing this package, and reading what it knows about backbones, loads neither PyTorch nor OpenVINO.
"""

from semioscope.networks.accelerator import (
    Accelerator,
    describe_accelerator,
    find_accelerator,
    judge_accelerator,
)
from semioscope.networks.backbone import Backbone
from semioscope.networks.backbones import BACKBONES, BackboneEntry, backbone_spec
from semioscope.networks.engines import ENGINES, choose_engine, describe_engines
from semioscope.networks.loading import load
from semioscope.networks.motion import (
    FEATURE_NAMES,
    band_limit,
    band_power_ratio,
    grey,
    motion_energy,
    motion_features,
)
from semioscope.networks.openvino_engine import import_openvino
from semioscope.networks.runner import PRECISIONS
from semioscope.networks.spec import BackboneSpec, WeightsSource
from semioscope.networks.weights import (
    WeightsStatus,
    fetch_weights,
    list_weights,
    load_weights,
    verify_weights,
    weights_folder,
    weights_status,
)

__all__ = [
    "BACKBONES",
    "ENGINES",
    "FEATURE_NAMES",
    "PRECISIONS",
    "Accelerator",
    "Backbone",
    "BackboneEntry",
    "BackboneSpec",
    "WeightsSource",
    "WeightsStatus",
    "backbone_spec",
    "band_limit",
    "band_power_ratio",
    "choose_engine",
    "describe_accelerator",
    "describe_engines",
    "fetch_weights",
    "find_accelerator",
    "grey",
    "import_openvino",
    "judge_accelerator",
    "list_weights",
    "load",
    "load_weights",
    "motion_energy",
    "motion_features",
    "verify_weights",
    "weights_folder",
    "weights_status",
]
