"""The nouns of a cohort. Frozen, and valid once made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from semioscope.core.intervals import Interval

Use = Literal["train", "evaluate", "no"]
Role = Literal["seizures", "contextual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of a picture, as fractions of its width and height.

    Args:
        x: Left edge, in [0, 1).
        y: Upper edge, in [0, 1).
        width: In (0, 1 - x].
        height: In (0, 1 - y].
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.x < 1 and 0 <= self.y < 1 and self.width > 0 and self.height > 0
        if not inside or self.x + self.width > 1 + 1e-6 or self.y + self.height > 1 + 1e-6:
            msg = (
                "A region needs four fractions x y width height inside the picture (0 to 1), "
                f"got {self.x:g} {self.y:g} {self.width:g} {self.height:g}."
            )
            raise ValueError(msg)

    def pixels(self, *, width: int, height: int) -> tuple[int, int, int, int]:
        """Return ``(left, top, right, bottom)`` in pixels of a picture; right and bottom are excluded.

        The result is never empty.
        """
        left, top = round(self.x * width), round(self.y * height)
        right, bottom = round((self.x + self.width) * width), round((self.y + self.height) * height)
        left, top = min(left, width - 1), min(top, height - 1)
        return left, top, max(left + 1, min(right, width)), max(top + 1, min(bottom, height))

    def __str__(self) -> str:
        return f"{self.x:g} {self.y:g} {self.width:g} {self.height:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One person; the unit of leakage. ``labels`` holds every further column of ``patients.tsv``."""

    patient_id: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One camera view over time: a video file or a region of one.

    Args:
        recording_id: Unique in the cohort.
        patient_id: Who is seen.
        view: Name of the camera or view, such as ``large``.
        path: Video file relative to the cohort folder, or None (features only).
        region: The part of the picture that is this view; None means all of it.
        blank: A rectangle of the full picture that is blackened before the region is cut; None means nothing.
        depth_path: Depth file relative to the cohort folder, or None.
        depth_offset_seconds: Added to depth times; zero is the first infrared frame.
        start_datetime: Clock time of the first displayed frame, or None.
        role: ``seizures``, or ``contextual`` for seizure-free video.
    """

    recording_id: str
    patient_id: str
    view: str
    path: str | None
    region: Region | None = None
    blank: Region | None = None
    depth_path: str | None = None
    depth_offset_seconds: float = 0.0
    start_datetime: datetime | None = None
    role: Role = "seizures"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event as one recording sees it; times in seconds from that recording's first displayed frame.

    Args:
        recording_id: The recording.
        onset_seconds: t0, 0 or later.
        offset_seconds: t1, after the onset; excluded.
        clonic_onset_seconds: tG strictly between the two, or None.
        use: ``train`` (and evaluate), ``evaluate`` only (the patient is out of the picture), or ``no``.
    """

    recording_id: str
    onset_seconds: float
    offset_seconds: float
    clonic_onset_seconds: float | None = None
    use: Use = "train"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.onset_seconds) and self.onset_seconds >= 0):
            msg = f"onset must be 0 or later, got {self.onset_seconds}."
            raise ValueError(msg)
        if not (math.isfinite(self.offset_seconds) and self.offset_seconds > self.onset_seconds):
            msg = f"offset {self.offset_seconds} must come after onset {self.onset_seconds}."
            raise ValueError(msg)
        clonic = self.clonic_onset_seconds
        if clonic is not None and not self.onset_seconds < clonic < self.offset_seconds:
            ends = f"onset {self.onset_seconds} and offset {self.offset_seconds}"
            msg = f"clonic_onset {clonic} must lie between {ends}."
            raise ValueError(msg)

    @property
    def interval(self) -> Interval:
        """The half-open stretch [t0, t1)."""
        return Interval(start_seconds=self.onset_seconds, end_seconds=self.offset_seconds)

    @property
    def duration_seconds(self) -> float:
        """t1 - t0."""
        return self.offset_seconds - self.onset_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seizure:
    """One seizure with all its views, merged over rows and annotators of ``seizures.tsv``.

    Args:
        seizure_id: Unique in the cohort.
        patient_id: Whose seizure; all its recordings are of this patient.
        views: At least one, in the order of ``seizures.tsv``.
        labels: Every label column of ``seizures.tsv`` that is not ``n/a``.
        row: First row in ``seizures.tsv``, for messages.
    """

    seizure_id: str
    patient_id: str
    views: tuple[EventView, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a run trains on and scores: a seizure (or another event) with its class under a task.

    Args:
        event_id: The seizure_id, or another unique name.
        patient_id: The unit of leakage.
        y_true: Index of the class in the task's ``classes``; None when unlabelled.
        views: At least one.
    """

    event_id: str
    patient_id: str
    y_true: int | None
    views: tuple[EventView, ...]

    @property
    def duration_seconds(self) -> float:
        """Mean duration over the views."""
        return sum(view.duration_seconds for view in self.views) / len(self.views)
