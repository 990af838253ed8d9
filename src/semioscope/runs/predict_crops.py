"""Which part of the picture a model of slices looks at in a prediction: planned as in a run, or as a person asks."""

from collections.abc import Sequence

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError, VideoError, WeightsError, unknown_name
from semioscope.core.records import Event
from semioscope.networks.detectors import DETECTORS
from semioscope.preprocess import NO_CROPS, CropPlan
from semioscope.preprocess.crop_finding import CROP_METHODS
from semioscope.preprocess.crop_plans import ensure_crops
from semioscope.recipes import CropsConfig
from semioscope.runs.bundle import Bundle
from semioscope.runs.bundle_crops import BundleCrops, detector_weights, is_other_file
from semioscope.runs.prediction import PredictionRequest


def crops_of(request: PredictionRequest, bundle: Bundle) -> CropsConfig:
    """Return how the part of the picture is found: as asked for, else as the model was trained."""
    return request.crops or bundle.facts.crops


def check_crops(request: PredictionRequest, bundle: Bundle) -> None:
    """Refuse depth and croppers where the model has no use for them, and names that do not exist.

    Raises:
        ConfigError: With what to leave out, or the nearest names.
    """
    name = bundle.path.name
    if not bundle.has_slices:
        if request.depth is not None or request.crops is not None:
            msg = (
                f"Depth and croppers are for models of slices, but {name} looks at clips on a grid in time. Leave "
                "out --depth, --cropper, --detector and --detector-weights."
            )
            raise ConfigError(msg)
        return
    crops = crops_of(request, bundle)
    for what, given, allowed in (
        ("cropper", crops.method, {NO_CROPS: None, **CROP_METHODS}),
        ("detector", crops.detector, DETECTORS),
    ):
        if given not in allowed:
            raise ConfigError(unknown_name(what, given, allowed))
    if request.depth is None:
        return
    if not _uses_depth(crops):
        able = " or ".join(method for method, one in CROP_METHODS.items() if one.uses_depth)
        msg = (
            f"Depth is for croppers that use it ({able}), but the cropper of {name} is {crops.method}. Leave --depth "
            "out, or name another --cropper."
        )
        raise ConfigError(msg)
    if len(request.videos) > 1:
        msg = (
            f"A depth recording belongs to one video, but the event has {len(request.videos)}. Predict them one by "
            "one, each with its own --depth."
        )
        raise ConfigError(msg)


def event_crops(
    cohort: Cohort, event: Event, request: PredictionRequest, bundle: Bundle
) -> tuple[Sequence[CropPlan], list[str]]:
    """Return the crops of an event, and sentences about what was not cropped as the model knows it.

    Where a plan waits for a person, or there is no depth to make it on, the raw picture is used, as in a run.

    Raises:
        WeightsError: If the detector cannot be loaded.
        VideoError: If the depth that was given does not fit the video.
    """
    crops, own = crops_of(request, bundle), bundle.facts.crops
    notes = []
    if crops.method != own.method:
        notes.append(
            f"The cropper {crops.method} was used, but the model was trained with {own.method}: what it says of "
            "other pictures may be worse."
        )
    if crops.method == NO_CROPS:
        return (), notes
    if _uses_depth(crops) and request.depth is None:
        notes.append(
            f"The raw picture was used: the cropper {crops.method} needs depth, and none was given. Give it with "
            "--depth FILE, or name another --cropper."
        )
        return (), notes
    try:
        weights = _weights(crops, bundle)
        if crops.detector == own.detector and is_other_file(weights, own):
            notes.append(
                f"{weights} is not the file {own.weights} that the model was trained with: its boxes may differ."
            )
        done = ensure_crops(
            cohort,
            [event],
            method=crops.method,
            detector_name=crops.detector,
            weights=weights,
            check=crops.check,
        )
    except (WeightsError, ConfigError) as err:
        without = [NO_CROPS, *(name for name, one in CROP_METHODS.items() if not one.needs_detector)]
        msg = (
            f"The part of the picture that {bundle.path.name} looks at is found by the detector {crops.detector}, "
            f"which cannot be loaded. {err} Or give --detector NAME and --detector-weights FILE, or a --cropper that "
            f"needs none ({', '.join(without)})."
        )
        raise WeightsError(msg) from err
    if done.failures and request.depth is not None:
        msg = f"{done.failures[0].message} Or leave --depth out: the raw picture is used then."
        raise VideoError(msg)
    notes += [*done.news, *done.notes]
    notes += [f"The raw picture was used: no crop could be planned. {one.message}" for one in done.failures]
    for crop in done.flagged:
        why = " ".join(filter(None, (crop.depth_reason, crop.box_reason)))
        notes.append(f"The raw picture was used, as the crop is in doubt and nobody has looked at it. {why}")
    return done.plans, notes


def _weights(crops: CropsConfig, bundle: Bundle) -> str:
    """Return the weights of the detector that is needed, if any is; the model's own by their place here."""
    own = bundle.facts.crops
    is_own = isinstance(crops, BundleCrops) and crops.model_copy(update={"method": own.method}) == own
    if is_own and CROP_METHODS[crops.method].needs_detector:
        return detector_weights(own, bundle.path)
    return crops.weights


def _uses_depth(crops: CropsConfig) -> bool:
    return crops.method != NO_CROPS and CROP_METHODS[crops.method].uses_depth
