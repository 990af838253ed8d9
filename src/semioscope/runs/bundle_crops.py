"""How runs and model bundles name the detector behind their crops: a file by its content, not by its place alone.

Where the detector is a folder of detectors, ``detectors.json`` in it stands for its content.
"""

from pathlib import Path

from semioscope.core.errors import ConfigError, WeightsError
from semioscope.networks.detector_folder import NO_FILE, detector_sha256
from semioscope.networks.weights import weights_folder
from semioscope.preprocess import NO_CROPS, crop_method
from semioscope.preprocess.moving_region import FOLLOWED
from semioscope.recipes import CropsConfig, RunConfig


def with_known_detector(config: RunConfig) -> RunConfig:
    """Return the settings with the hash of the detector's file, where crops need one and it is there.

    Raises:
        ConfigError: If it is another file than the settings say.
    """
    crops = config.crops
    uses = crops.method == FOLLOWED or (crops.method != NO_CROPS and crop_method(crops.method).needs_detector)
    found = detector_sha256(crops.weights) if uses else ""
    if not found:
        return config
    if crops.weights_sha256 not in ("", found):
        msg = (
            f"{crops.weights} must be the detector with SHA-256 {crops.weights_sha256[:16]} (crops.weights_sha256), "
            f"but has {found[:16]}. Give the file that the run began with, or set crops.weights_sha256 to '' in a "
            "new run."
        )
        raise ConfigError(msg)
    return config.model_copy(update={"crops": crops.model_copy(update={"weights_sha256": found})})


class BundleCrops(CropsConfig):
    """Which part of the picture a model looks at. ``weights`` is pretrained, random, or a file's or folder's name.

    ``weights_sha256`` is empty if that was not there when the bundle was written.
    """


def portable_crops(crops: CropsConfig) -> BundleCrops:
    """Return what a bundle says of crops: a file of the detector by its name and SHA-256, without its place."""
    if crops.weights in NO_FILE:
        return BundleCrops(**crops.model_dump())
    name = Path(crops.weights).expanduser().name
    known = crops.weights_sha256 or detector_sha256(crops.weights)
    return BundleCrops(**crops.model_dump() | {"weights": name, "weights_sha256": known})


def detector_weights(crops: BundleCrops, bundle: Path) -> str:
    """Return the weights of a model's own detector as ``load_detector`` takes them.

    A file or folder is looked for where the bundle says (bundles of earlier versions name its place), in the bundle
    and in the folder of weights.

    Args:
        crops: Of the bundle.
        bundle: Its folder.

    Raises:
        WeightsError: If it is in none of these places, or another one is.
    """
    if crops.weights in NO_FILE:
        return crops.weights
    named = Path(crops.weights).expanduser()
    others = []
    for place in (named, bundle / named.name, weights_folder() / named.name):
        if known := detector_sha256(str(place)):
            if crops.weights_sha256 in ("", known):
                return str(place)
            others.append(str(place))
    seal = f" (SHA-256 {crops.weights_sha256[:12]}...)" if crops.weights_sha256 else ""
    found = f"{', '.join(others)} has another content" if others else "it is not there"
    msg = (
        f"The model was trained with the detector {named.name}{seal}, which must be in the bundle {bundle.name} or "
        f"in the folder of weights, but {found}. Copy it there, or give its path with --detector-weights FILE."
    )
    raise WeightsError(msg)


def is_other_file(weights: str, crops: BundleCrops) -> bool:
    """Return whether weights of the model's detector are a file, but not the one that it was trained with."""
    known = detector_sha256(weights)
    return bool(crops.weights_sha256 and known) and known != crops.weights_sha256
