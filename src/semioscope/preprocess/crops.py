"""Which part of a picture an event is seen in: plans that a person can correct.

A plan is one row of ``crops.tsv`` (see ``docs/formats.md``), of one event, recording and cropper. What a person wrote
is never overwritten.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast

from semioscope.core.errors import CohortError
from semioscope.core.formats import CROPS
from semioscope.core.locks import locked
from semioscope.core.records import EventView, Recording, Region
from semioscope.core.tables import Problem, Row, read_table, write_table
from semioscope.preprocess.depth_planes import DepthPlanes

LOCKS = Path("derived", "crops")
"""Where a cohort keeps the empty files that processes lock each other out with."""
WHERE_CROPS_LIE = (
    f"{CROPS.file} is written into it: ask for write access, or copy the tables and videos to another folder."
)
"""What to do about the folder of a cohort that cannot be written."""

Origin = Literal["auto", "manual"]
CropStatus = Literal["accepted", "flagged", "rejected"]
STATUSES: tuple[CropStatus, ...] = ("accepted", "flagged", "rejected")
"""From best to worst."""
REMARK = "Remark: "
"""Begins, in ``depth_reason``, what is no reason to flag a plan."""
SAME_TIME_SECONDS = 0.001
"""Times of an event that differ by no more are the same."""
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
        depth_reason: Why the planes (or their absence) need a person's eye, then what else to know of them, after
            ``REMARK``; empty if there is nothing to say.
        box_reason: Why the box (or its absence) needs a person's eye, or what to know about an accepted one, such
            as that two persons were seen; empty if there is nothing to say.
        cropper: The key of ``CROP_METHODS`` that made it, or whose plan the person saw who did; empty where nobody
            knows, see ``rows_of``.
        onset_seconds: Where the event began when the plan was made, from the recording's first displayed frame; None
            where nobody knows.
        offset_seconds: Where it ended.
        detector: What found the box, as ``detector_identity`` names it; empty where nothing did, or nobody knows.
    """

    event_id: str
    recording_id: str
    box: Region | None
    origin: Origin = "auto"
    status: CropStatus = "accepted"
    planes: DepthPlanes | None = None
    depth_reason: str = ""
    box_reason: str = ""
    cropper: str = ""
    onset_seconds: float | None = None
    offset_seconds: float | None = None
    detector: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Event and recording."""
        return self.event_id, self.recording_id

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two rows of a table share: event, recording and cropper."""
        return self.event_id, self.recording_id, self.cropper

    def fits(self, view: EventView) -> bool:
        """Return whether the event still has the times that the plan was made for; unknown times fit always."""
        pairs = ((self.onset_seconds, view.onset_seconds), (self.offset_seconds, view.offset_seconds))
        return all(then is None or abs(then - now) <= SAME_TIME_SECONDS + 1e-9 for then, now in pairs)

    @property
    def depth_doubt(self) -> str:
        """Why the planes need a person's eye: ``depth_reason`` without its remark."""
        return self.depth_reason.partition(REMARK)[0].strip()

    @property
    def depth_remark(self) -> str:
        """What else to know of the planes; empty without a remark."""
        return self.depth_reason.partition(REMARK)[2].strip()

    @property
    def accepted_planes(self) -> DepthPlanes | None:
        """The planes to use: those of an accepted plan."""
        return self.planes if self.status == "accepted" else None

    def region_of(self, recording: Recording) -> Region | None:
        """Return the part of the file's picture to use: an accepted box, else the recording's region."""
        return self.box if self.box is not None and self.status == "accepted" else recording.region


class CropRow(NamedTuple):
    """A row of a crops table, and its number as a spreadsheet counts."""

    number: int
    plan: CropPlan


def standing_crops(path: Path) -> list[CropPlan]:
    """Return the rows of a crops table, none where there is no table; errors as those of ``read_crops``."""
    return read_crops(path) if path.exists() else []


def read_crops(path: Path) -> list[CropPlan]:
    """Return the rows of a crops table.

    Raises:
        CohortError: If a row is not valid; all such rows are named.
    """
    rows, problems = read_crop_rows(path)
    said = [str(problem) for problem in problems if problem.severity == "error"]
    if said:
        raise CohortError("\n".join(said))
    return [row.plan for row in rows]


def read_crop_rows(path: Path) -> tuple[list[CropRow], list[Problem]]:
    """Return the rows of a crops table that are valid, and what is wrong with the others."""
    table, found = read_table(path, CROPS)
    rows: list[CropRow] = []
    problems = list(found)
    numbers: dict[tuple[str, str, str], int] = {}
    for row in table:
        if row.faulty or row.text("event_id") is None or row.text("recording_id") is None:
            continue
        try:
            plan = _plan(row)
            if plan.key in numbers:
                msg = (
                    f"Event, recording and cropper must be those of one row only, but row {numbers[plan.key]} has "
                    "them too."
                )
                raise ValueError(msg)
        except ValueError as err:
            problems.append(
                Problem(
                    severity="error",
                    file=path.name,
                    message=f"{err} Correct the row.",
                    row=row.number,
                    subject=f"event {row.text('event_id')}",
                )
            )
            continue
        numbers[plan.key] = row.number
        rows.append(CropRow(row.number, plan))
    return rows, problems


def _plan(row: Row) -> CropPlan:
    cells = row.values
    return CropPlan(
        event_id=str(cells["event_id"]),
        recording_id=str(cells["recording_id"]),
        box=_box([cast("float | None", cells[name]) for name in _EDGES]),
        origin=cast("Origin", cells["origin"]),
        status=cast("CropStatus", cells["status"]),
        planes=DepthPlanes.from_cells(cells),
        depth_reason=row.text("depth_reason") or "",
        box_reason=row.text("box_reason") or "",
        cropper=row.text("cropper") or "",
        onset_seconds=cast("float | None", cells["onset_seconds"]),
        offset_seconds=cast("float | None", cells["offset_seconds"]),
        detector=row.text("detector") or "",
    )


def write_crops(path: Path, plans: Iterable[CropPlan]) -> list[CropPlan]:
    """Write a crops table, keeping what a person wrote; return all rows as they stand now.

    See ``merge_crops``. Rows of other events and recordings stay.

    Raises:
        CohortError: If the table that is there is not valid.
    """
    merged = merge_crops(standing_crops(path), plans)
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
                "cropper": plan.cropper or None,
                "onset_seconds": plan.onset_seconds,
                "offset_seconds": plan.offset_seconds,
                "detector": plan.detector or None,
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
    """Return old and new plans, sorted by event, recording and cropper.

    Of two rows of one key the new one stays, except that no automatic row replaces one by hand. An automatic row
    that names no cropper goes as soon as there is an automatic one of its event and recording that does.
    """
    merged = {plan.key: plan for plan in old}
    for plan in new:
        before = merged.get(plan.key)
        if before is None or before.origin != "manual" or plan.origin == "manual":
            merged[plan.key] = plan
    named = planned_by_name(merged.values())
    return [
        merged[key] for key in sorted(merged) if merged[key].place not in named or not is_unnamed(merged[key])
    ]


def is_unnamed(plan: CropPlan) -> bool:
    """Return whether a row is automatic and names no cropper, as in older tables."""
    return plan.origin == "auto" and not plan.cropper


def planned_by_name(plans: Iterable[CropPlan]) -> set[tuple[str, str]]:
    """Return events and recordings that have an automatic row which names its cropper."""
    return {plan.place for plan in plans if plan.origin == "auto" and plan.cropper}


def _box(edges: Sequence[float | None]) -> Region | None:
    given = [edge for edge in edges if edge is not None]
    if not given:
        return None
    if len(given) < len(_EDGES):
        told = " ".join("n/a" if edge is None else f"{edge:g}" for edge in edges)
        msg = f"A box needs left, top, right and bottom, or n/a four times, got {told}."
        raise ValueError(msg)
    left, top, right, bottom = given
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        msg = (
            "A box must lie inside the picture, with left < right and top < bottom as fractions from 0 to 1, got "
            f"left {left:g}, top {top:g}, right {right:g}, bottom {bottom:g}."
        )
        raise ValueError(msg)
    return Region(x=left, y=top, width=right - left, height=bottom - top)
