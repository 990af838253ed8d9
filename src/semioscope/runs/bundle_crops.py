"""How a model bundle names the detector behind its crops: a file by its name and its content, never by its place.

Where the detector is a folder of detectors, ``detectors.json`` in it stands for its content.
"""

from pathlib import Path

from semioscope.core.errors import WeightsError
from semioscope.core.files import file_sha256
from semioscope.networks.detector_folder import FACTS
from semioscope.networks.weights import weights_folder
from semioscope.recipes import CropsConfig

NO_FILE = ("pretrained", "random")
"""Weights of a detector that are no file."""


class BundleCrops(CropsConfig):
    """Which part of the picture a model looks at. ``weights`` is pretrained, random, or a file's or folder's name."""

    weights_sha256: str = ""
    """Of that file, or of detectors.json in that folder; empty if it was not there when the bundle was written."""


def portable_crops(crops: CropsConfig) -> BundleCrops:
    """Return what a bundle says of crops: a file of the detector by its name and SHA-256, without its place."""
    if crops.weights in NO_FILE:
        return BundleCrops(**crops.model_dump())
    file = Path(crops.weights).expanduser()
    return BundleCrops(**crops.model_dump() | {"weights": file.name}, weights_sha256=_sha256(file))


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
        if known := _sha256(place):
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
    known = _sha256(Path(weights).expanduser())
    return bool(crops.weights_sha256 and known) and known != crops.weights_sha256


def _sha256(place: Path) -> str:
    """Return the SHA-256 of a detector; empty if there is none."""
    file = place / FACTS if place.is_dir() else place
    return file_sha256(file) if file.is_file() else ""
