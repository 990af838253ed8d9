"""Which detectors are trained, and whom each of them never sees.

```
              fold-1      fold-2      all
 patient a    measured    trained     trained
 patient b    trained     measured    trained        a patient of whom no picture was annotated: all
 patient c    trained     measured    trained
```
"""

from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.wording import counted
from semioscope.networks import DetectorDesign, DetectorTraining
from semioscope.networks.detector_folder import EVERYBODY, RULES
from semioscope.preprocess.detector_pictures import OwnedPicture, OwnedPictures
from semioscope.preprocess.detector_quality import LEAST_SCORE
from semioscope.splits.patient_groups import patient_groups

HOLD_OUT = "hold-out"
"""Name of the detector that was trained without patients whom a person named."""
LEAST_PICTURES = 2
"""Fewer cannot be trained on: batch normalisation needs two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorPlan:
    """What is trained.

    Args:
        pictures: All of them.
        folder: Where the detectors go.
        rule: One of ``RULES``.
        num_folds: Under ``patient``, unless patients are named.
        hold_out: Under ``patient``: one detector, trained without these.
        design: What the network is; its labels are those of the pictures.
        training: How it is trained.
        start: Where from: ``pretrained``, ``random`` or a file.
        min_score: What is less sure counts as not found.
        seed: Of everything.
        is_synthetic: Whether the pictures are of a synthetic cohort.
    """

    pictures: OwnedPictures
    folder: Path
    rule: str = "patient"
    num_folds: int = 5
    hold_out: tuple[str, ...] = ()
    design: DetectorDesign
    training: DetectorTraining
    start: str | Path
    min_score: float = LEAST_SCORE
    seed: int = 0
    is_synthetic: bool = False

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(unknown_name("rule", self.rule, RULES))
        if self.rule == "paper" and self.hold_out:
            msg = "Under the rule paper nobody is held out. Leave --hold-out away, or use the rule patient."
            raise ConfigError(msg)
        patients = self.pictures.patients
        for name in self.hold_out:
            if name not in patients:
                raise ConfigError(unknown_name("patient (--hold-out)", name, patients))
        if self.hold_out and not set(patients) - set(self.hold_out):
            msg = (
                f"Somebody must be left to train on, but all {counted(len(patients), 'patient')} are held out. Hold "
                "out fewer."
            )
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDetector:
    """One detector of a plan.

    Args:
        name: Of its file.
        without: Patients whose pictures are kept from it.
        measured_on: Patients whose pictures it is measured on.
    """

    name: str
    without: tuple[str, ...]
    measured_on: tuple[str, ...]


def planned_detectors(plan: DetectorPlan) -> tuple[PlannedDetector, ...]:
    """Return which detectors a plan has, and whom each never sees.

    Raises:
        ConfigError: If there are too few patients for the folds, or a detector would have too few pictures.
    """
    planned = _planned(plan)
    for one in planned:
        own = training_pictures(plan, one)
        num_boxes = sum(len(picture.boxes) for picture in own)
        if len(own) < LEAST_PICTURES or not num_boxes:
            without = f" without {', '.join(one.without)}" if one.without else ""
            msg = (
                f"Every detector needs {LEAST_PICTURES} pictures and a box to learn from, but {one.name}{without} "
                f"has {counted(len(own), 'picture')} and {counted(num_boxes, 'box', 'boxes')}. Annotate more "
                "patients, or use other folds."
            )
            raise ConfigError(msg)
    return planned


def _planned(plan: DetectorPlan) -> tuple[PlannedDetector, ...]:
    patients = plan.pictures.patients
    if plan.rule == "paper":
        return (PlannedDetector(name=EVERYBODY, without=(), measured_on=patients),)
    if plan.hold_out:
        held = tuple(sorted(set(plan.hold_out)))
        return (PlannedDetector(name=HOLD_OUT, without=held, measured_on=held),)
    groups = patient_groups(
        [picture.patient_id for picture in plan.pictures.pictures], num_folds=plan.num_folds, seed=plan.seed
    )
    folds = (
        PlannedDetector(name=f"fold-{number}", without=group, measured_on=group)
        for number, group in enumerate(groups, start=1)
    )
    return (*folds, PlannedDetector(name=EVERYBODY, without=(), measured_on=()))


def training_pictures(plan: DetectorPlan, one: PlannedDetector) -> list[OwnedPicture]:
    """Return the pictures that a detector is trained on: none of a patient whom it is kept from."""
    return [picture for picture in plan.pictures.pictures if picture.patient_id not in one.without]
