"""Which part of a picture an event is seen in: plans that a person can correct, and what makes them.

A plan is one row of ``crops.tsv`` (see ``docs/formats.md``). What a person wrote is never overwritten.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

import numpy as np
from jaxtyping import UInt8

from semioscope.core.errors import CohortError, ConfigError, unknown_name
from semioscope.core.formats import CROPS
from semioscope.core.locks import locked
from semioscope.core.records import Recording, Region
from semioscope.core.tables import read_table, write_table
from semioscope.networks.detections import Detection, Detector, EventDetector
from semioscope.preprocess.box_crop import BoxCropConfig, find_box, in_file
from semioscope.preprocess.depth_planes import DepthPlanes
from semioscope.preprocess.pictures import view_picture

__all__ = [
    "CROPPERS",
    "CropPlan",
    "CropStatus",
    "Cropper",
    "Detection",
    "Detector",
    "EventDetector",
    "Origin",
    "box_after_depth",
    "box_crop",
    "cropper",
    "identity_crop",
    "merge_crops",
    "montage_crop",
    "read_crops",
    "write_crops",
]

LOCKS = Path("derived", "crops")
"""Where a cohort keeps the empty files that processes lock each other out with."""

Origin = Literal["auto", "manual"]
CropStatus = Literal["accepted", "flagged", "rejected"]
_STATUSES: tuple[CropStatus, ...] = ("accepted", "flagged", "rejected")
_EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlan:
    """The part of a recording's picture that is used for one event.

    Args:
        event_id: The event.
        recording_id: The recording that sees it.
        box: In fractions of the picture of the file, like the region of a recording, which it replaces; None
            keeps the region of the recording.
        origin: Whether a program or a person made it.
        status: ``accepted`` is used; ``flagged`` waits for a person; ``rejected`` was refused.
        planes: What of the depth stream is kept, and with it of the infrared, before the box is cut; None keeps
            all.
        depth_reason: Why the planes (or their absence) need a person's eye; empty if they do not.
        box_reason: Why the box (or its absence) needs a person's eye, or what to know about an accepted one, such
            as that two persons were seen; empty if there is nothing to say.
    """

    event_id: str
    recording_id: str
    box: Region | None
    origin: Origin = "auto"
    status: CropStatus = "accepted"
    planes: DepthPlanes | None = None
    depth_reason: str = ""
    box_reason: str = ""

    @property
    def accepted_planes(self) -> DepthPlanes | None:
        """The planes to use: those of an accepted plan."""
        return self.planes if self.status == "accepted" else None

    def region_of(self, recording: Recording) -> Region | None:
        """Return the part of the file's picture to use: an accepted box, else the recording's region."""
        return self.box if self.box is not None and self.status == "accepted" else recording.region


Cropper = Callable[
    [str, Recording, UInt8[np.ndarray, "height width 3"] | None, Detector | EventDetector | None], CropPlan
]


def identity_crop(
    event_id: str,
    recording: Recording,
    picture: UInt8[np.ndarray, "height width 3"] | None = None,
    detector: Detector | EventDetector | None = None,
) -> CropPlan:
    """Return the plan that uses the whole picture of the file."""
    return CropPlan(
        event_id=event_id,
        recording_id=recording.recording_id,
        box=Region(x=0.0, y=0.0, width=1.0, height=1.0),
    )


def montage_crop(
    event_id: str,
    recording: Recording,
    picture: UInt8[np.ndarray, "height width 3"] | None = None,
    detector: Detector | EventDetector | None = None,
) -> CropPlan:
    """Return the plan that uses the recording's part of a montage, as ``recordings.tsv`` gives it.

    Raises:
        CohortError: If the recording has neither a region nor a blank.
    """
    if recording.region is None and recording.blank is None:
        msg = (
            f"recordings.tsv: recording {recording.recording_id} must have a region or a blank to be part of "
            "a montage, but has neither. Fill them in, or use the cropper identity."
        )
        raise CohortError(msg)
    return CropPlan(event_id=event_id, recording_id=recording.recording_id, box=recording.region)


def box_crop(
    event_id: str,
    recording: Recording,
    picture: UInt8[np.ndarray, "height width 3"] | None = None,
    detector: Detector | EventDetector | None = None,
    *,
    config: BoxCropConfig | None = None,
) -> CropPlan:
    """Return the plan with the box around patient and bed.

    The detector sees the recording's part of the picture only, and the box stays in it.

    Args:
        event_id: The event.
        recording: What sees it.
        picture: The whole picture of the file at the event's first frame, RGB; for 2022 after the depth crop.
        detector: Finds bed and person; one that asks for the event is told.
        config: None is the default (2020).

    Returns:
        An accepted plan, or a flagged one whose ``box_reason`` says what is missing.

    Raises:
        ConfigError: If there is no picture or no detector.
    """
    if picture is None or detector is None:
        absent = "a detector" if detector is None else "the picture of the event's first frame"
        msg = (
            f"The cropper box needs {absent} (event {event_id}). Choose a detector, or another cropper such as "
            "identity."
        )
        raise ConfigError(msg)
    seen = view_picture(picture, region=recording.region, blank=recording.blank)
    eye = (
        detector.for_event(event_id, recording.recording_id)
        if isinstance(detector, EventDetector)
        else detector
    )
    try:
        found = find_box(eye.detect(seen), config)
    except CohortError as err:  # recorded detections that say nothing about this event
        return CropPlan(
            event_id=event_id,
            recording_id=recording.recording_id,
            box=None,
            status="flagged",
            box_reason=str(err),
        )
    box = found.box
    if box is not None:
        box = in_file(box, recording.region, height=picture.shape[0], width=picture.shape[1])
    return CropPlan(
        event_id=event_id,
        recording_id=recording.recording_id,
        box=box,
        status=found.status,
        box_reason=found.reason,
    )


def box_after_depth(depth: CropPlan, box: CropPlan) -> CropPlan:
    """Return one row from a depth crop and the box that was made on its first frame; the planes stay.

    The row is as good as the worse of the two: a flagged box flags the planes too, and the event keeps its raw
    picture until a person has looked.

    Args:
        depth: With planes (or the reason why there are none), as ``DepthCropPlan.row`` makes it.
        box: With a box, as ``box_crop`` makes it.

    Raises:
        ValueError: If they are of different events or recordings.
    """
    if (depth.event_id, depth.recording_id) != (box.event_id, box.recording_id):
        msg = (
            f"A depth crop of event {depth.event_id} in {depth.recording_id} cannot be joined with a box of event "
            f"{box.event_id} in {box.recording_id}."
        )
        raise ValueError(msg)
    return replace(
        depth,
        box=box.box,
        box_reason=box.box_reason,
        origin="manual" if "manual" in (depth.origin, box.origin) else "auto",
        status=max(depth.status, box.status, key=_STATUSES.index),
    )


CROPPERS: dict[str, Cropper] = {
    "identity": identity_crop,
    "montage": montage_crop,
    "box": box_crop,  # Karácsony 2020
    "depth_box": partial(box_crop, config=BoxCropConfig(margin=0.3)),  # 2022, after the depth crop
}
"""Ways to make a crop plan from an event id, its recording, the picture at its onset and a detector."""


def cropper(name: str) -> Cropper:
    """Return the way to make crop plans of a name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in CROPPERS:
        raise ConfigError(unknown_name("cropper", name, CROPPERS))
    return CROPPERS[name]


def read_crops(path: Path) -> list[CropPlan]:
    """Return the rows of a crops table.

    Raises:
        CohortError: If a row is not valid; all such rows are named.
    """
    rows, problems = read_table(path, CROPS)
    plans, said = [], [str(problem) for problem in problems if problem.severity == "error"]
    for row in rows:
        if row.faulty or row.text("event_id") is None or row.text("recording_id") is None:
            continue
        try:
            plans.append(
                CropPlan(
                    event_id=str(row.values["event_id"]),
                    recording_id=str(row.values["recording_id"]),
                    box=_box([cast("float | None", row.values[name]) for name in _EDGES]),
                    origin=cast("Origin", row.values["origin"]),
                    status=cast("CropStatus", row.values["status"]),
                    planes=DepthPlanes.from_cells(row.values),
                    depth_reason=row.text("depth_reason") or "",
                    box_reason=row.text("box_reason") or "",
                )
            )
        except ValueError as err:
            said.append(
                f"{path.name} row {row.number} (event {row.text('event_id')}): {err} Correct the row."
            )
    if said:
        raise CohortError("\n".join(said))
    return plans


def write_crops(path: Path, plans: Iterable[CropPlan]) -> list[CropPlan]:
    """Write a crops table, keeping what a person wrote; return all rows as they stand now.

    A row of ``path`` with origin ``manual`` replaces a new automatic row of the same event and recording.
    Rows of other events and recordings stay.

    Raises:
        CohortError: If the table that is there is not valid.
    """
    merged = merge_crops(read_crops(path) if path.exists() else [], plans)
    rows = []
    for plan in merged:
        box = plan.box
        edges = (None,) * 4 if box is None else (box.x, box.y, box.x + box.width, box.y + box.height)
        rows.append(
            {
                "event_id": plan.event_id,
                "recording_id": plan.recording_id,
                **dict(zip(_EDGES, edges, strict=True)),
                "origin": plan.origin,
                "status": plan.status,
                **({} if plan.planes is None else plan.planes.to_cells()),
                "depth_reason": plan.depth_reason or None,
                "box_reason": plan.box_reason or None,
            }
        )
    write_table(path, CROPS, rows)
    return merged


@contextmanager
def crops_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time read and write the ``crops.tsv`` of a cohort folder; others wait.

    Raises:
        StoreError: If the folder cannot be written.
    """
    with locked(folder / LOCKS / ".lock", wait=True):
        yield


def merge_crops(old: Iterable[CropPlan], new: Iterable[CropPlan]) -> list[CropPlan]:
    """Return old and new plans, sorted by event and recording; new ones win, except over manual ones."""
    merged = {(plan.event_id, plan.recording_id): plan for plan in old}
    for plan in new:
        before = merged.get((plan.event_id, plan.recording_id))
        if before is None or before.origin != "manual" or plan.origin == "manual":
            merged[plan.event_id, plan.recording_id] = plan
    return [merged[key] for key in sorted(merged)]


def _box(edges: Sequence[float | None]) -> Region | None:
    given = [edge for edge in edges if edge is not None]
    if not given:
        return None
    if len(given) < len(_EDGES):
        told = " ".join("n/a" if edge is None else f"{edge:g}" for edge in edges)
        msg = f"A box needs left, top, right and bottom, or n/a four times, got {told}."
        raise ValueError(msg)
    left, top, right, bottom = given
    return Region(x=left, y=top, width=right - left, height=bottom - top)
