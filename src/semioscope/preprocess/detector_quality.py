"""How well a detector finds the patient in annotated pictures: overlap with the true box, and what it misses.

```
            ┌────────┐ truth
          ┌─┼──────┐ │
          │ │ both │ │      IoU = both / (one or the other)
     best └─┼──────┘ │      a picture in which nothing is found counts as 0
            └────────┘
```
Beside a detector stands the simplest rule: the mean box of the pictures that it was trained on, the same everywhere.
Beds stand where they stand, so that rule is not bad, and a detector that does not beat it is of no use.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semioscope.core.records import Region
from semioscope.networks.detections import Detection, Detector
from semioscope.preprocess.box_quality import iou
from semioscope.preprocess.box_track import WHOLE
from semioscope.preprocess.detector_pictures import OwnedPicture
from semioscope.scoring import Estimate, bootstrap_patients, paired_bootstrap

LEAST_SCORE = 0.5
"""What a detector is less sure of is not used. Ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFinding:
    """One picture, its truth, and what a detector found in it.

    Args:
        file_name: As the COCO file names it.
        patient_id: Who is seen.
        detector: Name of the detector that looked at it.
        has_box: Whether the patient is in it.
        found: The best detection of the patient; None if there is none of the least score.
        iou: Overlap of the two, in [0, 1]; 0 if the patient was missed; NaN where no patient is to be found.
        constant_iou: Overlap of a constant box with the truth; NaN where no patient is to be found.
    """

    file_name: str
    patient_id: str
    detector: str
    has_box: bool
    found: Detection | None
    iou: float
    constant_iou: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFindings:
    """The pictures of one patient.

    Args:
        patient_id: Who.
        detector: Name of the detector that looked at them.
        num_pictures: Pictures in which the patient is.
        num_missed: Those of them in which nothing was found.
        mean_iou: Mean over ``num_pictures``, missed ones as 0; NaN if there are none.
        num_without: Pictures in which the patient is not.
        num_false: Those of them in which something was found.
    """

    patient_id: str
    detector: str
    num_pictures: int
    num_missed: int
    mean_iou: float
    num_without: int
    num_false: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionQuality:
    """All pictures together. Missed pictures count as 0; pictures without a patient in no mean.

    Args:
        patients: By id.
        over_pictures: Mean overlap over pictures, with an interval over patients.
        over_patients: Mean over patients of their mean overlap, with an interval over patients.
        constant: As ``over_pictures``, of the constant box.
        difference: ``over_pictures`` minus ``constant``, over the same resampled patients.
    """

    patients: tuple[PatientFindings, ...]
    over_pictures: Estimate
    over_patients: Estimate
    constant: Estimate
    difference: Estimate

    @property
    def beats_constant(self) -> bool:
        """Whether the detector is better than the constant box by more than chance, where that can be said."""
        least = self.difference.value if math.isnan(self.difference.low) else self.difference.low
        return least > 0

    @property
    def num_pictures(self) -> int:
        """Pictures with a patient."""
        return sum(patient.num_pictures for patient in self.patients)

    @property
    def num_missed(self) -> int:
        """Those in which nothing was found."""
        return sum(patient.num_missed for patient in self.patients)

    @property
    def share_missed(self) -> float:
        """Share of the pictures with a patient in which nothing was found; NaN if there are none."""
        return self.num_missed / self.num_pictures if self.num_pictures else math.nan

    @property
    def num_without(self) -> int:
        """Pictures without a patient."""
        return sum(patient.num_without for patient in self.patients)

    @property
    def num_false(self) -> int:
        """Those in which something was found."""
        return sum(patient.num_false for patient in self.patients)


def best_detection(
    detections: Iterable[Detection], *, label: str, min_score: float = LEAST_SCORE
) -> Detection | None:
    """Return the surest detection of a label; None if there is none of the least score."""
    sure = [item for item in detections if item.label == label and item.score >= min_score]
    return max(sure, key=lambda item: item.score, default=None)


def mean_box(pictures: Iterable[OwnedPicture], *, label: str) -> Region | None:
    """Return the box whose edges are the mean of those of a label in pictures; None if there is none.

    Args:
        pictures: Those that a detector was trained on.
        label: Whose boxes.
    """
    boxes = [found.box for picture in pictures if (found := picture.box_of(label)) is not None]
    if not boxes:
        return None
    sides = np.array([(box.x, box.y, box.width, box.height) for box in boxes]).mean(axis=0).tolist()
    return Region(**dict(zip(("x", "y", "width", "height"), sides, strict=True)))


def look_at(
    detector: Detector,
    picture: OwnedPicture,
    *,
    name: str,
    label: str,
    min_score: float = LEAST_SCORE,
    constant: Region | None = None,
) -> PictureFinding:
    """Return what a detector finds in a picture, beside the truth.

    Args:
        detector: Looks.
        picture: With its boxes.
        name: Of the detector.
        label: Whose box is scored.
        min_score: What is less sure counts as not found.
        constant: Box that stands beside it, such as :func:`mean_box`; None is the whole picture.

    Raises:
        CohortError: If the picture cannot be read.
    """
    truth = picture.box_of(label)
    found = best_detection(detector.detect(picture.example.pixels()), label=label, min_score=min_score)
    return PictureFinding(
        file_name=picture.file_name,
        patient_id=picture.patient_id,
        detector=name,
        has_box=truth is not None,
        found=found,
        iou=_overlap(None if truth is None else truth.box, None if found is None else found.box),
        constant_iou=_overlap(None if truth is None else truth.box, WHOLE if constant is None else constant),
    )


def summarize_findings(findings: Sequence[PictureFinding], *, seed: int = 0) -> DetectionQuality:
    """Return the figures of many pictures.

    Args:
        findings: Of one rule; every patient's pictures by one detector.
        seed: Of the resamples of the interval.
    """
    by_patient: dict[str, list[PictureFinding]] = {}
    for finding in findings:
        by_patient.setdefault(finding.patient_id, []).append(finding)
    patients = tuple(_patient(by_patient[name]) for name in sorted(by_patient))
    seen = [finding for finding in findings if finding.has_box]
    scored = [patient for patient in patients if patient.num_pictures]
    owners = [finding.patient_id for finding in seen]
    found, constant = ([getattr(finding, what) for finding in seen] for what in ("iou", "constant_iou"))
    return DetectionQuality(
        patients=patients,
        over_pictures=_mean(found, owners, seed=seed),
        over_patients=_mean(
            [item.mean_iou for item in scored], [item.patient_id for item in scored], seed=seed
        ),
        constant=_mean(constant, owners, seed=seed),
        difference=_mean(found, owners, minus=constant, seed=seed),
    )


def _overlap(truth: Region | None, found: Region | None) -> float:
    if truth is None:
        return math.nan
    return 0.0 if found is None else iou(found, truth)


def _patient(own: Sequence[PictureFinding]) -> PatientFindings:
    seen = [item.iou for item in own if item.has_box]
    return PatientFindings(
        patient_id=own[0].patient_id,
        detector=own[0].detector,
        num_pictures=len(seen),
        num_missed=sum(item.has_box and item.found is None for item in own),
        mean_iou=sum(seen) / len(seen) if seen else math.nan,
        num_without=sum(not item.has_box for item in own),
        num_false=sum(not item.has_box and item.found is not None for item in own),
    )


def _mean(
    values: Sequence[float], patients: Sequence[str], *, minus: Sequence[float] | None = None, seed: int
) -> Estimate:
    """Return the mean of values, or of their differences, with an interval over patients."""
    if not values:
        return Estimate(
            value=math.nan, low=math.nan, high=math.nan, num_resamples=0, num_dropped=0,
            note="No interval: no picture has a box.",
        )  # fmt: skip
    nothing = np.zeros(len(values), dtype=np.int64)
    own = np.array(values, dtype=np.float64)[:, None]
    if minus is None:
        return bootstrap_patients(_mean_of_column, nothing, own, patients, seed=seed)
    other = np.array(minus, dtype=np.float64)[:, None]
    return paired_bootstrap(_mean_of_column, nothing, own, other, patients, seed=seed)


def _mean_of_column(y_true: np.ndarray, y_score: Float[np.ndarray, "num 1"]) -> float:
    del y_true
    return float(y_score[:, 0].mean())
