"""What Hou 2022 reports of epileptic against psychogenic seizures, as data: the values that stand beside one's own.

Hou, McGonigal, Bartolomei, Thonnat (2022), A Self-Supervised Pre-Training Framework for Vision-Based Seizure
Classification, ICASSP, 1151-1155; doi:10.1109/icassp43922.2022.9746325.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVideosOfClass:
    """The seizure videos of one class.

    Args:
        patients: Patients.
        seizures: Seizure videos.
        mean_seconds: Mean length of a video, in seconds.
        min_seconds: Shortest video.
        max_seconds: Longest video.
    """

    patients: int
    seizures: int
    mean_seconds: float
    min_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedConfusion:
    """What a paper reports of whole seizure videos.

    Args:
        source: Authors and year, as a report names the paper.
        doi: Of the paper.
        split: How its folds were made and what was chosen on them, as a clause.
        place: Where its scores stand.
        classes: Names of the classes; those of our task.
        confusion: Seizure videos of class ``row`` that were called ``column``.
        printed: By metric; ``f1`` without saying which average it is.
        remark: What the reader of the printed figures should know.
        data_place: Where its data set is described.
        per_class: The videos by class.
        detector_iou: Mean overlap of found and true boxes of the patient.
        detector_measured_on: On which pictures.
    """

    source: str
    doi: str
    split: str
    place: str
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    printed: Mapping[str, float]
    remark: str
    data_place: str
    per_class: Mapping[str, PublishedVideosOfClass]
    detector_iou: float
    detector_measured_on: str


HOU_2022 = PublishedConfusion(
    source="Hou et al. 2022",
    doi="10.1109/icassp43922.2022.9746325",
    split="leave one patient out, pooled; a fixed number of epochs",
    place="section Experimental results, Table 3",
    classes=("ES", "PNES"),
    confusion=((181, 54), (15, 33)),
    printed={"f1": 0.82, "accuracy": 0.75},
    remark=(
        "No usual average of the printed confusion matrix is 0.82 (F1 of ES is 0.840, of PNES 0.489, macro 0.664, "
        "weighted 0.780, micro 0.756), and to call every seizure ES would have an accuracy of 0.830."
    ),
    data_place="Table 1",
    per_class={
        "ES": PublishedVideosOfClass(
            patients=52, seizures=235, mean_seconds=45.4, min_seconds=7.5, max_seconds=150.2
        ),
        "PNES": PublishedVideosOfClass(
            patients=29, seizures=48, mean_seconds=52.9, min_seconds=12.1, max_seconds=119.4
        ),
    },
    detector_iou=0.89,
    detector_measured_on="the seizure videos that it was trained on; the paper tells no split",
)

PUBLISHED_CONFUSIONS: dict[str, PublishedConfusion] = {"hou-2022": HOU_2022, "hou-2022-small": HOU_2022}
"""The paper behind a recipe. The small recipe is ours; the paper stands beside it all the same."""


def published_confusion(recipe: str, *, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return what the paper behind a recipe reports of whole seizures, as plain data for ``scores.json``.

    Args:
        recipe: Name of the recipe.
        classes: Classes of the run, in their order.

    Returns:
        The fields of ``PublishedConfusion``; empty if nothing is known of the recipe, or its classes are others.

    Examples:
        >>> published_confusion("hou-2022", classes=("ES", "PNES"))["confusion"]
        [[181, 54], [15, 33]]
        >>> published_confusion("my-own", classes=("ES", "PNES"))
        {}
    """
    paper = PUBLISHED_CONFUSIONS.get(recipe)
    if paper is None or paper.classes != classes:
        return {}
    return asdict(paper) | {"confusion": [list(row) for row in paper.confusion], "classes": list(classes)}
