"""From the picture of a camera to the picture of a network; crop plans; cohorts of small videos."""

from semioscope.preprocess.cohorts import PreprocessReport, preprocess_cohort
from semioscope.preprocess.crops import (
    CROPPERS,
    Cropper,
    CropPlan,
    Detection,
    Detector,
    cropper,
    merge_crops,
    read_crops,
    write_crops,
)
from semioscope.preprocess.pictures import (
    PictureConfig,
    base_picture,
    base_size,
    network_picture,
    resized,
    view_picture,
)

__all__ = [
    "CROPPERS",
    "CropPlan",
    "Cropper",
    "Detection",
    "Detector",
    "PictureConfig",
    "PreprocessReport",
    "base_picture",
    "base_size",
    "cropper",
    "merge_crops",
    "network_picture",
    "preprocess_cohort",
    "read_crops",
    "resized",
    "view_picture",
    "write_crops",
]
