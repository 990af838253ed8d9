"""The two things to look at before crops are used: the sheet of all plans, and the steps of one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, ConfigError, VideoError, unknown_name
from semioscope.core.files import check_folder, write_bytes, write_text
from semioscope.core.formats import CROPS
from semioscope.core.progress import Progress
from semioscope.core.records import Event
from semioscope.core.wording import join_words
from semioscope.preprocess.crop_failures import read_failures
from semioscope.preprocess.crop_finding import doubted_frame, find_depth_crop
from semioscope.preprocess.crop_frames import open_event
from semioscope.preprocess.cropper_rows import croppers_of
from semioscope.preprocess.crops import REMARK, CropPlan, read_crops, standing_crops
from semioscope.report.contact_sheet import ContactSheet, write_contact_sheet
from semioscope.report.crop_explain import LaterFrame, explain_figure, explain_png

PLACE = Path("derived", "crops")
"""Where the pages go in a cohort, unless said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A figure that was written, and what it says first."""

    path: Path
    verdict: str


def write_sheet(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    cropper: str = "",
    out: Path | None = None,
    progress: Progress | None = None,
) -> ContactSheet:
    """Write the contact sheet of the plans that a cropper has in the ``crops.tsv`` of a cohort.

    Args:
        cohort: The cohort.
        events: Which to show, as ``crop_events`` gives them.
        cropper: Which, see ``the_cropper``; empty for rows that name none.
        out: The page; None: ``derived/crops/sheet.html`` in the cohort, or ``sheet-CROPPER.html`` where
            several croppers have plans.
        progress: Where it is reported.

    Raises:
        CohortError: If there is no ``crops.tsv``, or it is not valid.
        StoreError: If the page cannot be written.
    """
    standing = crops_to_show(cohort)
    name = f"sheet-{cropper}.html" if cropper and len(croppers_of(standing)) > 1 else "sheet.html"
    path = out or cohort.folder / PLACE / name
    check_folder(path.parent, what="The folder of the page", remedy="Choose another place with --out FILE.")
    return write_contact_sheet(
        cohort,
        events,
        standing,
        path,
        cropper=cropper,
        failed=read_failures(cohort.folder),
        progress=progress,
    )


def crops_to_show(cohort: Cohort) -> list[CropPlan]:
    """Return the rows of the ``crops.tsv`` of a cohort, to make a sheet of.

    Raises:
        CohortError: If there is no table, because nothing was planned or all of it failed, or it is not valid.
    """
    table = cohort.folder / CROPS.file
    if table.exists():
        return read_crops(table)
    msg = f"{CROPS.file} must exist before a sheet is made of it. Run semioscope crop plan {cohort.folder} first."
    if failed := read_failures(cohort.folder):
        first = failed[0]
        rest = f" So it was with {len(failed) - 1} more." if len(failed) > 1 else ""
        msg = (
            f"{CROPS.file} must exist before a sheet is made of it, but no crop could be planned. {first.event_id} "
            f"in {first.recording_id}: {first.message}{rest} Then give semioscope crop plan {cohort.folder} again."
        )
    raise CohortError(msg)


def write_explanation(
    cohort: Cohort,
    event_id: str,
    events: Iterable[Event],
    *,
    recording_id: str | None = None,
    out: Path | None = None,
    check: bool = True,
) -> Explanation:
    """Draw the depth crop of one event, made anew from its first frame.

    Args:
        cohort: The cohort.
        event_id: Which event.
        events: Those of the cohort, as ``crop_events`` gives them.
        recording_id: In which recording; None: the first that has depth.
        out: ``.svg`` or ``.png``; None: ``derived/crops/depth-crop-EVENT.svg`` in the cohort.
        check: Whether it is checked that the patient is not cut, as for a plan.

    Raises:
        CohortError: If the event has no recording with depth.
        ConfigError: If the file has another suffix.
        VideoError: If the streams cannot be read.
    """
    path = out or cohort.folder / PLACE / f"depth-crop-{event_id}.svg"
    check_folder(path.parent, what="The folder of the figure", remedy="Choose another place with --out FILE.")
    if path.suffix not in (".svg", ".png"):
        msg = f"The figure must be a .svg or a .png file, got {path.name}. Give it another name."
        raise ConfigError(msg)
    views = {
        view.recording_id: view for event in events for view in event.views if event.event_id == event_id
    }
    if recording_id is not None and recording_id not in views:
        raise CohortError(unknown_name(f"recording of event {event_id}", recording_id, views))
    with_depth = [
        name for name in views
        if cohort.recordings[name].depth_path is not None and recording_id in (None, name)
    ]  # fmt: skip
    if not with_depth:
        msg = (
            f"Event {event_id} must have a recording with depth, but has none. Write depth_path into "
            "recordings.tsv, or choose another event."
        )
        raise CohortError(msg)
    recording = cohort.recordings[with_depth[0]]
    with open_event(cohort, recording, views[with_depth[0]].interval) as frames:
        first, plan = find_depth_crop(frames, check=check)
        doubted = None if plan is None else doubted_frame(frames, plan)
        begin = frames.times_seconds[0]
    if plan is None or first.frame is None or first.frame.depth is None or first.frame.picture is None:
        msg = f"Event {event_id} cannot be explained: {first.reason} Check the two files."
        raise VideoError(msg)
    subject = event_id if len(views) == 1 else f"{event_id} in {recording.recording_id}"
    depth, infrared = first.frame.depth, first.frame.picture
    later = None
    if doubted is not None and doubted.depth is not None and doubted.picture is not None:
        later = LaterFrame(
            seconds=float(doubted.time_seconds - begin), depth=doubted.depth, infrared=doubted.picture
        )
    if path.suffix == ".svg":
        write_text(
            path, explain_figure(depth, infrared, plan, name="depth-crop", subject=subject, later=later)
        )
    else:
        write_bytes(path, explain_png(depth, infrared, plan, subject=subject, later=later))
    found = "Nothing is cropped." if plan.planes is None else (
        f"{100 * plan.kept_fraction:.0f} % of the picture lies between the planes."
    )  # fmt: skip
    said = [f"{subject}: {plan.status}. {found}", *_by_hand(cohort, event_id, recording.recording_id)]
    said += [f"Flagged: {plan.reason}"] if plan.reason else []
    said += [f"{REMARK}{plan.remark}"] if plan.remark else []
    return Explanation(path=path, verdict=" ".join(said))


def _by_hand(cohort: Cohort, event_id: str, recording_id: str) -> list[str]:
    """Return what a person decided on the plan of an event, as a sentence; nothing where nobody did."""
    rows = standing_crops(cohort.folder / CROPS.file)
    states = sorted(
        {row.status for row in rows if row.place == (event_id, recording_id) and row.origin == "manual"}
    )
    if not states:
        return []
    return [
        f"In {CROPS.file} it is {join_words(states)} by hand, and that is used; the figure shows a new plan."
    ]
