"""Model bundles (``NAME.semio/``): everything that prediction needs but the weights of the backbone.

``docs/formats.md``, section "Model bundle".
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from semioscope.core.config import Config
from semioscope.core.errors import StoreError
from semioscope.core.files import digest, file_sha256, write_bytes, write_json, write_text
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.core.records import Region
from semioscope.features import clip_seconds
from semioscope.models import Aggregator, AggregatorConfig, describe
from semioscope.models import load as load_aggregator
from semioscope.networks import backbone_spec
from semioscope.plans import ClipPlan, ExcerptStepPlan, SegmentPlan, SlicePlan, StepPlan
from semioscope.preprocess import PictureConfig
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.recipes import BackboneConfig
from semioscope.runs.bundle_crops import BundleCrops
from semioscope.scoring import Calibration

_AGGREGATOR = "aggregator.safetensors"
_DIGEST = "digest"
_SEALS = ("aggregator_sha256", _DIGEST)


class ViewShape(Config):
    """Where a view lies in the picture of a file; both are ``x y width height`` as fractions, or null."""

    region: tuple[float, float, float, float] | None = None
    blank: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, region: Region | None, blank: Region | None) -> "ViewShape":
        """Return the shape of a recording's view."""
        return cls(region=_numbers(region), blank=_numbers(blank))

    def regions(self) -> tuple[Region | None, Region | None]:
        """Return region and blank."""
        return _region(self.region), _region(self.blank)


class CalibrationFacts(Config):
    """How scores become calibrated probabilities; see semioscope.scoring.Calibration."""

    kind: Literal["identity", "platt", "temperature"] = "identity"
    slope: float = 1.0
    intercept: float = 0.0

    def calibration(self) -> Calibration:
        """Return the map itself."""
        return Calibration(kind=self.kind, slope=self.slope, intercept=self.intercept)


class BundleFacts(Config):
    """What ``bundle.json`` holds."""

    schema_version: int = SCHEMA_VERSION
    name: str
    recipe: str
    protocol: str
    task: str
    classes: tuple[str, ...]
    positive_class: str | None
    threshold: float = 0.5
    """Of the score of the positive class: fitted to out-of-fold scores, or 0.5 under the paper's protocol."""
    calibration: CalibrationFacts = CalibrationFacts()
    preprocess: PictureConfig
    gray: GrayPictureConfig | None = None
    """Pictures of an infrared camera, in place of ``preprocess``."""
    frame: FramePictureConfig | None = None
    """Pictures of single frames, in place of ``preprocess``."""
    crops: BundleCrops = BundleCrops()
    backbone: BackboneConfig
    backbone_weights_hash: str
    clips: ClipPlan | SlicePlan
    segments: SegmentPlan | StepPlan | ExcerptStepPlan
    aggregator: AggregatorConfig
    views: dict[str, ViewShape]
    """The views of a file by name: one, or the parts of a montage."""
    epochs: int
    trained_on: dict[str, Any] = Field(default_factory=dict)
    """Counts of patients and events."""
    out_of_fold: dict[str, Any] = Field(default_factory=dict)
    """Scores of the cross-validation; the final model itself was never tested."""
    synthetic: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    licence: str = "Weights of the aggregator belong to whoever trained them; see the model card."

    @property
    def picture(self) -> PictureConfig | GrayPictureConfig | FramePictureConfig:
        """What is done to the pictures."""
        return self.gray or self.frame or self.preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was read."""

    path: Path
    facts: BundleFacts
    model: Aggregator

    @property
    def sees_all(self) -> bool:
        """Whether the model looks at every clip of an event, and not at some that are drawn from its segments."""
        return not isinstance(self.facts.segments, SegmentPlan)


def write_bundle(path: Path, facts: BundleFacts, *, aggregator_file: Path) -> None:
    """Write a bundle; ``bundle.json`` comes last, so a bundle with it is whole.

    Raises:
        StoreError: If it cannot be written.
    """
    write_bytes(path / _AGGREGATOR, aggregator_file.read_bytes())
    write_text(path / "model_card.md", _model_card(facts))
    content = facts.model_dump(mode="json") | {"aggregator_sha256": file_sha256(path / _AGGREGATOR)}
    write_json(path / "bundle.json", sealed(content))


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return what ``bundle.json`` holds with the ``digest`` of everything else in it."""
    facts = {key: value for key, value in content.items() if key != _DIGEST}
    return facts | {_DIGEST: digest(facts, length=64)}


def read_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises:
        StoreError: If it is not a bundle, is damaged, or of a newer version.
    """
    if not (path / "bundle.json").is_file():
        msg = f"--model must be a model bundle (a folder NAME.semio with bundle.json), but {path} is not. "
        found = sorted(item.name for item in path.glob("**/*.semio"))[:3] if path.is_dir() else []
        hint = f"There is {', '.join(found)} in it." if found else "A run leaves one in RUN/models."
        raise StoreError(msg + hint)
    content = _read_content(path)
    facts = _checked_facts(path, {key: content[key] for key in content if key not in _SEALS})
    _check_parts(path, facts)
    _check_seals(path, content)
    return Bundle(path=path, facts=facts, model=load_aggregator(path / _AGGREGATOR))


def _check_parts(path: Path, facts: BundleFacts) -> None:
    """Refuse weights that are not of the network that ``bundle.json`` describes."""
    about = describe(path / _AGGREGATOR)
    wanted = {
        "num_classes": len(facts.classes),
        "num_features": backbone_spec(facts.backbone.name).num_features,
        **facts.aggregator.model_dump(mode="json"),
    }
    found = {key: about.get(key) for key in ("num_classes", "num_features")} | about.get("aggregator", {})
    for key, value in wanted.items():
        if found.get(key) != value:
            words = {"num_classes": "{} classes", "num_features": "{} features"}.get(key, f"{key} {{}}")
            msg = (
                f"The parts of the bundle {path} do not belong together: bundle.json names {words.format(value)}, "
                f"{_AGGREGATOR} has {found.get(key)}. Copy the whole bundle again."
            )
            raise StoreError(msg)


def _check_seals(path: Path, content: dict[str, Any]) -> None:
    """Refuse a bundle of which a byte changed since it was written."""
    for key in _SEALS:
        if key not in content:
            msg = f"{path / 'bundle.json'} is damaged: {key}: Field required. Copy the bundle again."
            raise StoreError(msg)
    if file_sha256(path / _AGGREGATOR) != content["aggregator_sha256"]:
        msg = (
            f"{path / _AGGREGATOR} must be the file that the bundle was written with, but its SHA-256 is another: "
            "it was damaged or replaced. Copy the whole bundle again."
        )
        raise StoreError(msg)
    if sealed(content)[_DIGEST] != content[_DIGEST]:
        msg = (
            f"{path / 'bundle.json'} was changed since it was written: its digest is another. The model is valid "
            "only with the settings it was trained with. Copy the bundle again, or train with other settings."
        )
        raise StoreError(msg)


def _read_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as err:
        msg = f"{path / 'bundle.json'} must be JSON that can be read: {err}. Copy the bundle again."
        raise StoreError(msg) from err
    if not isinstance(content, dict):
        msg = (
            f"{path / 'bundle.json'} is damaged: content: it must be a table of keys. Copy the bundle again."
        )
        raise StoreError(msg)
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        msg = f"{path} was made by a newer semioscope (format {version}, this one reads {SCHEMA_VERSION}). Update it."
        raise StoreError(msg)
    return content


def _checked_facts(path: Path, content: dict[str, Any]) -> BundleFacts:
    try:
        return BundleFacts.model_validate(content)
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "content"
        msg = f"{path / 'bundle.json'} is damaged: {key}: {first['msg']}. Copy the bundle again."
        raise StoreError(msg) from err


def _numbers(region: Region | None) -> tuple[float, float, float, float] | None:
    return None if region is None else (region.x, region.y, region.width, region.height)


def _region(numbers: tuple[float, float, float, float] | None) -> Region | None:
    if numbers is None:
        return None
    x, y, width, height = numbers
    return Region(x=x, y=y, width=width, height=height)


def _model_card(facts: BundleFacts) -> str:
    scores = "\n".join(f"- {name}: {text}" for name, text in facts.out_of_fold.items()) or "- none"
    trained = "\n".join(f"- {name}: {value}" for name, value in facts.trained_on.items())
    warning = "\n**Trained on synthetic video: it means nothing clinically.**\n" if facts.synthetic else ""
    return f"""# {facts.name}

Research software, not a medical device. Do not use it to diagnose, treat or watch over patients.
{warning}
## What it does

Gives an event the probability of each class: {", ".join(facts.classes)}. Recipe {facts.recipe}, task {facts.task}.

## Trained on

{trained}

Patients of these events are known to the model; scores on them say nothing.

## How good

Cross-validated, protocol: {facts.protocol}. The final model was trained on all events and never tested itself.

{scores}

## What it needs

Backbone {facts.backbone.name}, weights {facts.backbone_weights_hash}; views {", ".join(facts.views)};
{_told_clips(facts.clips)}.

## Limits

It knows only the classes above: anything else that it is shown gets one of them. It was made with the cameras,
beds and annotators of one cohort.
"""


def _told_clips(clips: ClipPlan | SlicePlan) -> str:
    if isinstance(clips, SlicePlan):
        return f"slices of {clips.slice_frames} stored frames, which last {clip_seconds(clips):g} s"
    if clips.frames_per_clip == 1:
        return f"single frames at {clips.fps:g} frames per second"
    return f"clips of {clips.frames_per_clip} frames at {clips.fps:g} frames per second"
