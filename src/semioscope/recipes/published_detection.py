"""What a paper reports of finding the patient in the picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDetection:
    """How well a published detector found patients.

    Args:
        paper: Where it stands.
        detector: What it was.
        mean_iou: Overlap of found and true boxes, in [0, 1].
        measured_on: On which pictures, as far as the paper says it.
    """

    paper: str
    detector: str
    mean_iou: float
    measured_on: str


PUBLISHED_DETECTION = PublishedDetection(
    paper="Hou et al. (2022)",
    detector="SSD, trained on the seizure videos",
    mean_iou=0.89,
    measured_on="the seizure videos that it was trained on; the paper tells no split",
)
"""Hou et al. (2022), section 4, "Dataset and pre-processing"."""
