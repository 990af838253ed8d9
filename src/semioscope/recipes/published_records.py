"""What a paper reports of slices: the nouns. Scores are per slice, mean and population sd over the folds."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMean:
    """Mean and standard deviation over folds."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One classifier on one data set.

    Args:
        data_set: ``A``, ``B`` or ``B0.5``; empty where the paper has one only.
        num_classes: Classes that were told apart.
        classifier: As the paper calls it.
        mean: By metric, with the keys of ``slices.mean`` in ``scores.json``; macro averages.
        per_class: By class, ``sensitivity`` and ``specificity``.
    """

    data_set: str
    num_classes: int
    classifier: str
    mean: Mapping[str, PublishedMean]
    per_class: Mapping[str, Mapping[str, PublishedMean]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVideos:
    """The videos of one class, or of all; None where the paper does not say.

    Args:
        patients: Patients.
        seizures: Seizures; of the third class none is told.
        total_frames: Length of all videos together, in stored frames.
        mean_frames: Of a video.
        min_frames: Shortest video.
        max_frames: Longest video.
        total_seconds: Length of all videos together, in seconds; so the three below.
        mean_seconds: Of a video.
        min_seconds: Shortest video.
        max_seconds: Longest video.
        num_slices: Slices of 60 frames, side by side, with leftovers of 10 frames and more.
        num_slices_overlapping: Full slices of 60 frames that overlap by half.
    """

    patients: int
    seizures: int | None
    total_frames: int | None = None
    mean_frames: float | None = None
    min_frames: int | None = None
    max_frames: int | None = None
    total_seconds: float | None = None
    mean_seconds: float | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    num_slices: int
    num_slices_overlapping: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCrop:
    """How often a crop was right, by eye."""

    name: str
    num_right: int
    num_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSlicePaper:
    """What one paper reports of slices.

    Args:
        source: Authors and year, as a report names the paper.
        doi: Of the paper.
        split: How its folds were made and what was chosen on them, as a clause.
        scores_place: Where its scores stand.
        rows: Its scores.
        data_place: Where its data set is described.
        per_class: The videos by class.
        total: All videos.
        crops_place: Where its crops are described.
        crops: How often they were right.
    """

    source: str
    doi: str
    split: str
    scores_place: str
    rows: tuple[PublishedRow, ...]
    data_place: str
    per_class: Mapping[str, PublishedVideos]
    total: PublishedVideos
    crops_place: str
    crops: tuple[PublishedCrop, ...]
