"""What detectors find, and what every detector must do; plain data, no network library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from semioscope.core.records import Region

__all__ = ["Detection", "Detector", "EventDetector", "PatientDetector", "clipped_detection", "detector_of"]

_LEAST_SIDE = 1e-6
"""A box that is narrower, as a fraction of the picture, holds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Something that a detector found.

    Args:
        label: What, such as ``person`` or ``bed``.
        score: How sure, in [0, 1].
        box: Where, in fractions of the picture.
        clipped: Whether the detector's box reached out of the picture and was cut at its edge.
    """

    label: str
    score: float
    box: Region
    clipped: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            msg = f"The score of a detection must be in [0, 1], got {self.score}."
            raise ValueError(msg)


@runtime_checkable
class Detector(Protocol):
    """Whatever finds people and things in a picture."""

    def detect(self, picture: UInt8[np.ndarray, "height width 3"]) -> Sequence[Detection]:
        """Return what is seen in an RGB picture, best first."""
        ...


@runtime_checkable
class EventDetector(Protocol):
    """A detector whose answer depends on the event, not only on the picture: someone looked already."""

    def for_event(self, event_id: str, recording_id: str) -> Detector:
        """Return the detector of one event as one recording sees it."""
        ...


@runtime_checkable
class PatientDetector(Protocol):
    """Detectors of which each patient has one: the one that was trained without him."""

    def for_patient(self, patient_id: str) -> Detector:
        """Return the detector of one patient."""
        ...


AnyDetector = Detector | EventDetector | PatientDetector
"""One detector, or those of which every event or every patient has its own."""


def detector_of(detector: AnyDetector, *, event_id: str, recording_id: str, patient_id: str) -> Detector:
    """Return the detector that looks at an event: that of the event, of its patient, or the only one.

    Raises:
        LeakageError: If every detector that there is for the patient was trained on him.
        WeightsError: If the file of his detector is absent or another one.
    """
    if isinstance(detector, EventDetector):
        return detector.for_event(event_id, recording_id)
    if isinstance(detector, PatientDetector):
        return detector.for_patient(patient_id)
    return detector


def clipped_detection(
    label: str, score: float, edges: tuple[float, float, float, float], *, tolerance: float = 1e-4
) -> Detection | None:
    """Return a detection whose box is cut at the edges of the picture; None if nothing of it is inside.

    Args:
        label: What was found.
        score: How sure, in [0, 1].
        edges: Left, top, right and bottom, in fractions of the picture; any finite numbers.
        tolerance: A box that reaches out by no more than this fraction does not count as clipped.

    Raises:
        ValueError: If the score is out of range, or the edges are not finite or in the wrong order.

    Examples:
        >>> found = clipped_detection("bed", 0.9, (0.5, -0.2, 1.5, 0.5))
        >>> str(found.box), found.clipped
        ('0.5 0 0.5 0.5', True)
        >>> clipped_detection("bed", 0.9, (1.2, 0.0, 1.5, 0.5)) is None
        True
    """
    left, top, right, bottom = edges
    if not np.isfinite(edges).all() or left >= right or top >= bottom:
        msg = f"A box must have left < right and top < bottom, got {' '.join(f'{edge:g}' for edge in edges)}."
        raise ValueError(msg)
    inside = tuple(min(max(edge, 0.0), 1.0) for edge in edges)
    x, y, width, height = inside[0], inside[1], inside[2] - inside[0], inside[3] - inside[1]
    if width < _LEAST_SIDE or height < _LEAST_SIDE:
        return None
    moved = max(abs(before - after) for before, after in zip(edges, inside, strict=True))
    box = Region(x=x, y=y, width=width, height=height)
    return Detection(label=label, score=score, box=box, clipped=moved > tolerance)
