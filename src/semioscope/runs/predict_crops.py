"""Which part of the picture a model looks at in a prediction: planned as in a run, or as a person asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError, VideoError, WeightsError, unknown_name
from semioscope.core.records import Event
from semioscope.networks.detectors import DETECTORS, load_detector
from semioscope.preprocess import NO_CROPS, CropPlan
from semioscope.preprocess.crop_finding import CROP_METHODS
from semioscope.preprocess.crop_plans import ensure_crops
from semioscope.preprocess.moving_region import FOLLOWED, MovingRegion
from semioscope.preprocess.track_finding import ensure_box_tracks
from semioscope.recipes import CropsConfig
from semioscope.runs.bundle import Bundle
from semioscope.runs.bundle_crops import BundleCrops, detector_weights, is_other_file
from semioscope.runs.prediction import PredictionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCrops:
    """Which part of the picture of an event is looked at; the raw picture where nothing stands here.

    Args:
        plans: One part of the picture for the whole event.
        moving: By event and recording, a part that follows the patient.
        notes: Sentences about what was not cropped as the model knows it.
    """

    plans: tuple[CropPlan, ...] = ()
    moving: Mapping[tuple[str, str], MovingRegion] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def crops_of(request: PredictionRequest, bundle: Bundle) -> CropsConfig:
    """Return how the part of the picture is found: as asked for, else as the model was trained."""
    return request.crops or bundle.facts.crops


def check_crops(request: PredictionRequest, bundle: Bundle) -> None:
    """Refuse depth and croppers where the model has no use for them, and names that do not exist.

    Raises:
        ConfigError: With what to leave out, or the nearest names.
    """
    name = bundle.path.name
    if not bundle.sees_all:
        if request.depth is not None or request.crops is not None:
            msg = (
                f"Depth and croppers are for models of slices or excerpts, but {name} looks at drawn clips. Leave "
                "out --depth, --cropper, --detector and --detector-weights."
            )
            raise ConfigError(msg)
        return
    crops = crops_of(request, bundle)
    for what, given, allowed in (
        ("cropper", crops.method, {NO_CROPS: None, FOLLOWED: None, **CROP_METHODS}),
        ("detector", crops.detector, DETECTORS),
    ):
        if given not in allowed:
            raise ConfigError(unknown_name(what, given, allowed))
    if crops.method == FOLLOWED and bundle.facts.frame is None:
        msg = (
            f"The cropper {FOLLOWED} follows the patient frame by frame, for models of single frames, but {name} "
            "looks at other pictures. Name another --cropper."
        )
        raise ConfigError(msg)
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


def event_crops(cohort: Cohort, event: Event, request: PredictionRequest, bundle: Bundle) -> EventCrops:
    """Return the crops of an event.

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
        return EventCrops(notes=tuple(notes))
    if _uses_depth(crops) and request.depth is None:
        notes.append(
            f"The raw picture was used: the cropper {crops.method} needs depth, and none was given. Give it with "
            "--depth FILE, or name another --cropper."
        )
        return EventCrops(notes=tuple(notes))
    try:
        weights = _weights(crops, bundle)
        if crops.detector == own.detector and is_other_file(weights, own):
            notes.append(
                f"{weights} is not the detector {own.weights} that the model was trained with: its boxes may differ."
            )
        if crops.method == FOLLOWED:
            return _followed(cohort, event, crops, weights, notes)
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
    return EventCrops(plans=tuple(done.plans), notes=tuple(notes))


def _followed(cohort: Cohort, event: Event, crops: CropsConfig, weights: str, notes: list[str]) -> EventCrops:
    """Return where the patient is along an event; the raw picture is used where nobody is found."""
    done = ensure_box_tracks(
        cohort, [event], detector=load_detector(crops.detector, weights=weights), config=crops.track
    )
    said = [f"{one.message} The raw picture was used." for one in done.failures]
    said += [one.reason for one in done.flagged]
    return EventCrops(
        moving={
            (one.event_id, one.recording_id): MovingRegion(track=one.track, rule=crops.boxes)
            for one in done.tracks
            if one.status == "accepted"
        },
        notes=(*notes, *done.notes, *said),
    )


def _weights(crops: CropsConfig, bundle: Bundle) -> str:
    """Return the weights of the detector that is needed, if any is; the model's own by their place here."""
    own = bundle.facts.crops
    is_own = isinstance(crops, BundleCrops) and crops.model_copy(update={"method": own.method}) == own
    if is_own and (crops.method == FOLLOWED or CROP_METHODS[crops.method].needs_detector):
        return detector_weights(own, bundle.path)
    return crops.weights


def _uses_depth(crops: CropsConfig) -> bool:
    return crops.method in CROP_METHODS and CROP_METHODS[crops.method].uses_depth
