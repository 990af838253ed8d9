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
from semioscope.networks.detections import Detection, Detector, EventDetector
from semioscope.networks.detector_examples import (
    DetectorExample,
    LabelledBox,
    PictureBoxes,
    read_coco,
    write_coco,
)
from semioscope.networks.detector_files import DetectorDesign, read_detector, write_detector
from semioscope.networks.detector_folder import (
    PatientDetectors,
    detector_for_patient,
    read_detector_folder,
)
from semioscope.networks.detector_networks import ARCHITECTURES
from semioscope.networks.detector_recorded import RecordedDetector, read_recorded, write_recorded
from semioscope.networks.detector_training import DetectorFit, DetectorTraining, fit_detector
from semioscope.networks.detectors import (
    DETECTORS,
    DetectorEntry,
    DetectorSpec,
    NetworkDetector,
    load_detector,
)
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
    "ARCHITECTURES",
    "BACKBONES",
    "DETECTORS",
    "ENGINES",
    "FEATURE_NAMES",
    "PRECISIONS",
    "Accelerator",
    "Backbone",
    "BackboneEntry",
    "BackboneSpec",
    "Detection",
    "Detector",
    "DetectorDesign",
    "DetectorEntry",
    "DetectorExample",
    "DetectorFit",
    "DetectorSpec",
    "DetectorTraining",
    "EventDetector",
    "LabelledBox",
    "NetworkDetector",
    "PatientDetectors",
    "PictureBoxes",
    "RecordedDetector",
    "WeightsSource",
    "WeightsStatus",
    "backbone_spec",
    "band_limit",
    "band_power_ratio",
    "choose_engine",
    "describe_accelerator",
    "describe_engines",
    "detector_for_patient",
    "fetch_weights",
    "find_accelerator",
    "fit_detector",
    "grey",
    "import_openvino",
    "judge_accelerator",
    "list_weights",
    "load",
    "load_detector",
    "load_weights",
    "motion_energy",
    "motion_features",
    "read_coco",
    "read_detector",
    "read_detector_folder",
    "read_recorded",
    "verify_weights",
    "weights_folder",
    "weights_status",
    "write_coco",
    "write_detector",
    "write_recorded",
]
