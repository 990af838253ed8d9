"""The box crop: the patient on the bed, as a detector sees them in the first frame of an event.

```
 ┌───────────────┐          ┌───────────────┐         ┌───────────────┐
 │   ┌────┐      │  merged  │   ┌──────┐    │  sides  │ ┌──────────┐  │
 │  bed┌──┼─┐    │   ─▶     │   │      │    │   ─▶    │ │          │  │
 │   └─┼──┘ │person         │   └──────┘    │ outward │ └──────────┘  │
 └─────┴────┴────┘          └───────────────┘         └───────────────┘
```
Where bed or person is not found the plan is flagged: the event keeps its raw picture, and the box around what was
found is offered to the person who looks at it.

References:
    Karácsony et al. (2020), section 3.3.1, with a margin of 20 %; (2022), video bounding-box cropping, with 30 %,
    on the first frame after the depth crop; as in the papers. The least score of 0.7 is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.records import Region
from semioscope.networks.detections import Detection


class BoxCropConfig(Config):
    """How the box is made."""

    margin: float = Field(default=0.2, ge=0, le=5, allow_inf_nan=False)
    """Each side is moved outward by this share of the box's width or height."""
    min_score: float = Field(default=0.7, ge=0, le=1)
    """What is less sure is not used."""
    labels: tuple[str, ...] = Field(default=("bed", "person"), min_length=1)
    """What must be found; the box holds the best of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFinding:
    """What the detections of one picture say.

    Args:
        best: The best detection of each label that has one of at least the least score.
        num_found: How many there are of each label.
        missing: Labels that have none.
        box: Around the best ones, margin included, clipped to the picture; None if there is none.
        reason: Why a person should look, if something is missing; else what to know: a choice among several, a
            box that reached out of the picture. Empty if there is nothing to say.
    """

    best: Mapping[str, Detection]
    num_found: Mapping[str, int]
    missing: tuple[str, ...]
    box: Region | None
    reason: str

    @property
    def status(self) -> Literal["accepted", "flagged"]:
        """``accepted`` if everything was found, else ``flagged``."""
        return "flagged" if self.missing else "accepted"


def find_box(detections: Sequence[Detection], config: BoxCropConfig | None = None) -> BoxFinding:
    """Return the box around the best detection of each label.

    Args:
        detections: Of one picture, in any order; other labels are ignored.
        config: None is the default.
    """
    config = config or BoxCropConfig()
    best: dict[str, Detection] = {}
    num_found: dict[str, int] = {}
    sentences = []
    missing = []
    for label in config.labels:
        every = sorted((item for item in detections if item.label == label), key=lambda item: -item.score)
        found = [item for item in every if item.score >= config.min_score]
        num_found[label] = len(found)
        if not found:
            missing.append(label)
            nearest = f" (best {every[0].score:.2f})" if every else ""
            sentences.append(f"No {label} with a score of at least {config.min_score:g}{nearest}.")
            continue
        best[label] = found[0]
        if len(found) > 1:
            sentences.append(
                f"{label} was found {len(found)} times; the one with the best score ({found[0].score:.2f}) is used."
            )
        if found[0].clipped:
            sentences.append(f"The box of {label} reached out of the picture and was cut at its edge.")
    box = None
    if best:
        box = widened(merged_box([item.box for item in best.values()]), config.margin)
        if missing:
            sentences.append(f"The box around {' and '.join(best)} alone is offered.")
    return BoxFinding(
        best=best, num_found=num_found, missing=tuple(missing), box=box, reason=" ".join(sentences)
    )


def merged_box(boxes: Sequence[Region]) -> Region:
    """Return the smallest box around boxes, of which there must be one at least.

    Examples:
        >>> first = Region(x=0.1, y=0.2, width=0.2, height=0.2)
        >>> str(merged_box([first, Region(x=0.25, y=0.1, width=0.25, height=0.2)]))
        '0.1 0.1 0.4 0.3'
    """
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Region(x=left, y=top, width=right - left, height=bottom - top)


def widened(box: Region, margin: float) -> Region:
    """Return a box with each side moved outward by a share of its width or height, clipped to the picture.

    Examples:
        >>> str(widened(Region(x=0.3, y=0.1, width=0.5, height=0.5), 0.25))
        '0.175 0 0.75 0.725'
    """
    left, top = max(0.0, box.x - margin * box.width), max(0.0, box.y - margin * box.height)
    right = min(1.0, box.x + (1 + margin) * box.width)
    bottom = min(1.0, box.y + (1 + margin) * box.height)
    return Region(x=left, y=top, width=right - left, height=bottom - top)


def in_file(box: Region, region: Region | None, *, height: int, width: int) -> Region:
    """Return a box of the seen part of a picture in fractions of the whole.

    Args:
        box: In fractions of the part.
        region: The part that was seen; None means all of it.
        height: Of the whole picture, in pixels.
        width: Of the whole picture, in pixels.
    """
    if region is None:
        return box
    left, top, right, bottom = region.pixels(width=width, height=height)
    across, down = (right - left) / width, (bottom - top) / height
    return Region(
        x=left / width + box.x * across,
        y=top / height + box.y * down,
        width=box.width * across,
        height=box.height * down,
    )
