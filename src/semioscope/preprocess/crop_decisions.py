"""What a person decided on a contact sheet, and how it gets into ``crops.tsv``.

The sheet gives out a file of decisions. Each names the plan and the pictures that the person saw by their
digests, so that nothing is accepted that nobody looked at. All decisions are written, or none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, unknown_name
from semioscope.core.files import digest
from semioscope.core.formats import CROPS
from semioscope.core.records import Event, EventView, Recording
from semioscope.preprocess.crop_decision_file import Decision, DecisionFile, read_decisions, refuse
from semioscope.preprocess.cropper_rows import by_place, rows_of, the_cropper, views_of
from semioscope.preprocess.crops import CropPlan, crops_lock, read_crops, write_crops


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the decisions did to ``crops.tsv``.

    Args:
        changes: Per changed row what it is now, in a sentence.
        num_unchanged: Rows that already stood as decided.
        cropper: Whose plans the sheet showed; empty if they name none.
        plans: The rows of this cropper as they stand now, one per event and recording.
    """

    changes: tuple[str, ...]
    num_unchanged: int
    cropper: str
    plans: tuple[CropPlan, ...]


def plan_digest(plan: CropPlan) -> str:
    """Return a digest of what a plan keeps; who made it and its status do not count."""
    box = plan.box
    edges = None if box is None else [f"{edge:.6f}" for edge in (box.x, box.y, box.width, box.height)]
    planes = None if plan.planes is None else [str(cell) for cell in plan.planes.to_cells().values()]
    return digest([edges, planes], length=16)


def view_digest(recording: Recording, event_id: str, view: EventView) -> str:
    """Return a digest of what the pictures of an event show: the files, their offset, the times."""
    return digest(
        [
            event_id, recording.recording_id, recording.path, str(recording.region), str(recording.blank),
            recording.depth_path, float(recording.depth_offset_seconds), float(view.onset_seconds),
            float(view.offset_seconds),
        ],
        length=16,
    )  # fmt: skip


def apply_decisions(cohort: Cohort, events: Iterable[Event], path: Path) -> Applied:
    """Write the decisions of a file into the ``crops.tsv`` of a cohort, as rows by hand of the cropper that it shows.

    Args:
        cohort: The cohort.
        events: Those that plans can belong to, see ``crop_events``.
        path: The file of decisions.

    Raises:
        CohortError: If the file is damaged, belongs to another cohort, or names a plan that is not there or has
            changed since the sheet was made. Nothing is written then.
        ConfigError: If its cropper does not exist, or it names none and the table has plans of several.
    """
    file = read_decisions(path)
    table = cohort.folder / CROPS.file
    if not table.exists():
        msg = f"{CROPS.file} must exist before decisions are applied to it. Run semioscope crop plan first."
        raise CohortError(msg)
    with crops_lock(cohort.folder):
        return _applied(cohort, events, path, file)


def _applied(cohort: Cohort, events: Iterable[Event], path: Path, file: DecisionFile) -> Applied:
    """Apply decisions while nobody else writes the table; see ``apply_decisions``."""
    table = cohort.folder / CROPS.file
    standing, decisions = read_crops(table), file.decisions
    cropper = the_cropper(standing, file.cropper)
    plans = by_place(rows_of(standing, cropper))
    views = views_of(events)
    changed: list[CropPlan] = []
    changes: list[str] = []
    problems: list[str] = []
    for number, decision in enumerate(decisions, 1):
        key = (decision.event_id, decision.recording_id)
        try:
            plan = _known(key, plans, views)
            if decision.view != view_digest(cohort.recordings[key[1]], key[0], views[key]):
                msg = (
                    "its recording or times are others than those on the sheet. Make a new sheet with semioscope "
                    "crop sheet, and decide there."
                )
                raise ValueError(msg)
            after = decided(plan, decision, cropper=cropper, view=views[key])
            if not _stands(plan, after):
                changed.append(after)
                changes.append(_change(plan, after, decision))
        except ValueError as err:
            problems.append(f"{path.name} decision {number} (event {key[0]}, recording {key[1]}): {err}")
    if problems and len(problems) == len(decisions) and file.cohort_hash != cohort.hash:
        msg = (
            f"{path.name} must hold decisions on this cohort, but was made for another one, or times and files have "
            f"changed since: none of its {len(decisions)} decisions fits. Give the folder of its cohort.\n"
            f"{problems[0]}"
        )
        raise CohortError(msg)
    refuse(problems, path)
    if changed:
        standing = write_crops(table, changed)
    return Applied(
        changes=tuple(changes),
        num_unchanged=len(decisions) - len(changed),
        cropper=cropper,
        plans=tuple(rows_of(standing, cropper)),
    )


def decided(plan: CropPlan, decision: Decision, *, cropper: str, view: EventView) -> CropPlan:
    """Return a plan as a person decided on it: by hand, of the cropper and for the times of the event on the sheet.

    A row that serves every cropper stays as it is beside it.

    Raises:
        ValueError: If the plan is another one than the person saw.
    """
    seen = replace(
        plan,
        origin="manual",
        cropper=cropper,
        onset_seconds=view.onset_seconds,
        offset_seconds=view.offset_seconds,
    )
    match decision.choice:
        case "accept":
            after = replace(seen, status="accepted")
        case "reject":
            return replace(seen, status="rejected")
        case "redraw":
            after = replace(seen, box=decision.box, box_reason="", status="accepted")
            if not decision.planes:
                return replace(after, planes=None, depth_reason="")
    if not _says(plan, after) and decision.plan != plan_digest(plan):
        msg = (
            "the plan in crops.tsv is another one than that on the sheet. Make a new sheet with semioscope crop "
            "sheet, and decide there."
        )
        raise ValueError(msg)
    return after


def _says(before: CropPlan, after: CropPlan) -> bool:
    """Return whether two rows keep the same, and for the same reason; the last digit of a box does not count."""
    same = (before.status, before.origin) == (after.status, after.origin)
    return same and plan_digest(before) == plan_digest(after)


def _stands(before: CropPlan, after: CropPlan) -> bool:
    """Return whether a row already says what it should, and for which times."""
    times = (before.onset_seconds, before.offset_seconds)
    return _says(before, after) and times == (after.onset_seconds, after.offset_seconds)


def _known(
    key: tuple[str, str],
    plans: Mapping[tuple[str, str], CropPlan],
    views: Mapping[tuple[str, str], EventView],
) -> CropPlan:
    event_id, recording_id = key
    names = {name for name, _ in views}
    if event_id not in names:
        raise ValueError(unknown_name("event", event_id, names))
    if key not in views:
        raise ValueError(
            unknown_name("recording of this event", recording_id, {r for e, r in views if e == event_id})
        )
    if key not in plans:
        msg = f"{CROPS.file} has no plan for it. Run semioscope crop plan, and make a new sheet."
        raise ValueError(msg)
    return plans[key]


def _change(before: CropPlan, after: CropPlan, decision: Decision) -> str:
    words = {"accept": "accepted", "reject": "rejected: the raw picture is used", "redraw": "a new box"}
    text = f"{after.event_id} in {after.recording_id}: {words[decision.choice]}"
    if decision.choice == "redraw" and before.planes is not None:
        text += ", cut by depth as before" if after.planes is not None else ", no longer cut by depth"
    return f"{text} (was {before.status}, {'by hand' if before.origin == 'manual' else 'automatic'})."
