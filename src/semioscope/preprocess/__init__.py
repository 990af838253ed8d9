"""From the picture of a camera to the picture of a network; crop plans; cohorts of small videos."""

from semioscope.preprocess.box_crop import BoxCropConfig, BoxFinding, find_box, merged_box, widened
from semioscope.preprocess.box_quality import (
    CropQuality,
    CropQualitySummary,
    body_kept,
    crop_quality,
    iou,
    summarize_quality,
    true_box,
)
from semioscope.preprocess.box_track import BOX_RULES, BoxTrack, TrackCounts, box_track
from semioscope.preprocess.cohorts import PreprocessReport, preprocess_cohort
from semioscope.preprocess.crop_boxes import box_after_depth, box_crop
from semioscope.preprocess.crop_finding import CROP_METHODS, NO_CROPS, CropMethod, crop_method
from semioscope.preprocess.crop_plans import CropPlanning, ensure_crops
from semioscope.preprocess.crops import CropPlan, merge_crops, read_crops, write_crops
from semioscope.preprocess.day_night import (
    DayOrNight,
    LightFinding,
    NightRule,
    light_of_pictures,
    light_of_stretch,
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
from semioscope.preprocess.track_files import EventTrack, read_tracks, write_tracks
from semioscope.preprocess.track_finding import BoxTracking, TrackConfig, ensure_box_tracks, find_box_track

__all__ = [
    "BOX_RULES",
    "CROP_METHODS",
    "NO_CROPS",
    "BoxCropConfig",
    "BoxFinding",
    "BoxTrack",
    "BoxTracking",
    "CropMethod",
    "CropPlan",
    "CropPlanning",
    "CropQuality",
    "CropQualitySummary",
    "DayOrNight",
    "DepthCropPlan",
    "DepthPlanes",
    "EventTrack",
    "LightFinding",
    "NightRule",
    "NoiseFilter",
    "PictureConfig",
    "PlaneCrop",
    "PreprocessReport",
    "TrackConfig",
    "TrackCounts",
    "base_picture",
    "base_size",
    "body_kept",
    "box_after_depth",
    "box_crop",
    "box_track",
    "crop_method",
    "crop_quality",
    "denoised",
    "ensure_box_tracks",
    "ensure_crops",
    "find_box",
    "find_box_track",
    "iou",
    "light_of_pictures",
    "light_of_stretch",
    "merge_crops",
    "merged_box",
    "network_picture",
    "plan_depth_crop",
    "preprocess_cohort",
    "read_crops",
    "read_tracks",
    "resized",
    "summarize_quality",
    "true_box",
    "view_picture",
    "widened",
    "write_crops",
    "write_tracks",
]
