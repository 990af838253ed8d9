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
from semioscope.preprocess.depth_crop import DepthCropPlan, plan_depth_crop
from semioscope.preprocess.depth_noise import NoiseFilter, denoised
from semioscope.preprocess.depth_planes import DepthPlanes, PlaneCrop
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
    "DepthCropPlan",
    "DepthPlanes",
    "Detection",
    "Detector",
    "NoiseFilter",
    "PictureConfig",
    "PlaneCrop",
    "PreprocessReport",
    "base_picture",
    "base_size",
    "cropper",
    "denoised",
    "merge_crops",
    "network_picture",
    "plan_depth_crop",
    "preprocess_cohort",
    "read_crops",
    "resized",
    "view_picture",
    "write_crops",
]
