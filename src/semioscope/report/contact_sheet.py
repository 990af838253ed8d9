"""The contact sheet of a cropper's plans: five frames of every event before and after; the page takes decisions.

A crop cannot be judged on blurred pictures, so they are clear and the page says that it shows patients. It is one
file, needs no network and refuses to use one; what a person decides stays in the browser until it is downloaded.
"""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from semioscope.cohort import Cohort
from semioscope.core.errors import SemioscopeError
from semioscope.core.files import write_text
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.progress import stage as progress_stage
from semioscope.core.records import Event, EventView, Recording, Region
from semioscope.preprocess.crop_decision_file import DECISIONS_KIND, DECISIONS_VERSION
from semioscope.preprocess.crop_decisions import plan_digest, view_digest
from semioscope.preprocess.crop_failures import CropFailure
from semioscope.preprocess.crop_frames import EventFrame, open_event, recording_window, shown, spread_places
from semioscope.preprocess.cropper_rows import by_place, other_times, rows_of, views_of
from semioscope.preprocess.crops import CropPlan
from semioscope.preprocess.depth_noise import denoised
from semioscope.report.rendering import render
from semioscope.video import GreyWindow

NUM_FRAMES = 5
"""Per event, evenly spread, the first and the last among them."""
LARGE_WIDTH, SMALL_WIDTH = 640, 256
"""Most pixels of a picture: of the first frame, on which a box is drawn, and of the others."""
JPEG_QUALITY = 82
_SYNTHETIC_MARK = "synthetic.json"
_STATES = {
    ("auto", "flagged"): "flagged",
    ("auto", "accepted"): "automatic",
    ("auto", "rejected"): "rejected",
    ("manual", "accepted"): "accepted by hand",
    ("manual", "rejected"): "rejected by hand",
    ("manual", "flagged"): "flagged by hand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFrame:
    """A picture of the sheet.

    Args:
        label: When it is shown, from the event's begin.
        picture: Data address of the picture; empty where it is missing.
        cleared: Data address of a picture that is white where depth clears; empty where it clears nothing.
        note: What a person should know of it.
    """

    label: str
    picture: str
    cleared: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCard:
    """One plan on the sheet.

    Args:
        plan: The plan.
        state: What stands in ``crops.tsv``, in words.
        width: Of the pictures of the file, in pixels.
        height: The same.
        box: What is used if the plan is, in pixels: left, top, width, height.
        raw: What is used if it is not, in pixels.
        frames: The pictures.
        plan_digest: Of the plan.
        view_digest: Of what the pictures show.
        moved: The times that the plan was made for and those of the event now, where they differ; else empty.
        remarks: What a person should know of the recording.
    """

    plan: CropPlan
    state: str
    width: int
    height: int
    box: tuple[int, int, int, int]
    raw: tuple[int, int, int, int]
    frames: tuple[SheetFrame, ...]
    plan_digest: str
    view_digest: str
    moved: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def decided(self) -> str:
        """The status that a person gave the plan for these times; empty if nobody did."""
        return self.plan.status if self.plan.origin == "manual" and not self.moved else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotShown:
    """An event that is not on the sheet, and why."""

    event_id: str
    recording_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSheet:
    """What was written.

    Args:
        path: The page.
        num_shown: Plans on it.
        num_flagged: Those of them that wait for a person.
        failures: Plans whose pictures could not be read.
        unplanned: Events that have no plan: planning failed, or nobody tried.
    """

    path: Path
    num_shown: int
    num_flagged: int
    failures: tuple[NotShown, ...]
    unplanned: tuple[NotShown, ...]


def write_contact_sheet(
    cohort: Cohort,
    events: Iterable[Event],
    plans: Iterable[CropPlan],
    path: Path,
    *,
    cropper: str = "",
    failed: Iterable[CropFailure] = (),
    progress: Progress | None = None,
) -> ContactSheet:
    """Write the contact sheet of the plans of a cropper; equal videos and plans give equal bytes.

    Args:
        cohort: Whose videos are read; what cannot be read is listed on the page.
        events: Which to show.
        plans: As ``crops.tsv`` holds them; those of other events and croppers are left out.
        path: The page.
        cropper: Whose plans; empty for those that name none.
        failed: What could not be planned when it was last tried.
        progress: Where it is reported.

    Raises:
        StoreError: If the page cannot be written.
    """
    rows = by_place(rows_of(plans, cropper))
    views = views_of(events)
    wanted = [(rows[place], view) for place, view in views.items() if place in rows]
    wanted.sort(key=lambda pair: (_urgency(*pair), pair[0].place))
    tried = {failure.key: failure for failure in failed}
    unplanned = [
        NotShown(
            event_id=place[0],
            recording_id=place[1],
            message=_why_no_plan(tried.get((*place, cropper)), view, cropper),
        )
        for place, view in views.items()
        if place not in rows
    ]
    cards: list[SheetCard] = []
    failures: list[NotShown] = []
    windows: dict[str, GreyWindow | None] = {}
    display = progress or QuietProgress()
    with progress_stage(display, "contact sheet", max(len(wanted), 1), unit="events"):
        for plan, view in wanted:
            recording = cohort.recordings[plan.recording_id]
            try:
                if plan.recording_id not in windows:
                    windows[plan.recording_id] = recording_window(cohort, recording)
                cards.append(make_card(cohort, recording, view, plan, windows[plan.recording_id]))
            except SemioscopeError as err:
                failures.append(
                    NotShown(event_id=plan.event_id, recording_id=plan.recording_id, message=str(err))
                )
            display.advance(1.0, note=plan.event_id)
    flagged = sum(card.plan.status == "flagged" for card in cards)
    context: Mapping[str, Any] = {
        "name": cohort.folder.resolve().name,
        "cohort_hash": cohort.hash,
        "cropper": cropper,
        "kind": DECISIONS_KIND,
        "version": DECISIONS_VERSION,
        "cards": cards,
        "num_flagged": flagged,
        "not_shown": [*failures, *unplanned],
        "synthetic": (cohort.folder / _SYNTHETIC_MARK).exists(),
    }
    text = render(
        "contact_sheet.html.j2",
        context,
        styles=("report.css", "contact_sheet.css"),
        script="contact_sheet.js",
    )
    write_text(path, text)
    return ContactSheet(
        path=path,
        num_shown=len(cards),
        num_flagged=flagged,
        failures=tuple(failures),
        unplanned=tuple(unplanned),
    )


def make_card(
    cohort: Cohort, recording: Recording, view: EventView, plan: CropPlan, window: GreyWindow | None
) -> SheetCard:
    """Return what the sheet shows of one plan.

    Args:
        cohort: Whose video is read.
        recording: Which.
        view: The times of the event in it.
        plan: The plan.
        window: Grey window of the recording; None for colour.

    Raises:
        VideoError: If the recording cannot be read, or no picture of the event can.
    """
    with open_event(cohort, recording, view.interval, with_depth=plan.planes is not None) as frames:
        places = spread_places(frames.num_frames, num_wanted=NUM_FRAMES)
        pictures = list(frames.read(places))
        remarks = frames.remarks
        size = frames.size
    shown_frames = tuple(
        _sheet_frame(frame, plan, window, start_seconds=pictures[0].time_seconds) for frame in pictures
    )
    raw = recording.region or Region(x=0.0, y=0.0, width=1.0, height=1.0)
    return SheetCard(
        plan=plan,
        state=_STATES[plan.origin, plan.status],
        width=size[0],
        height=size[1],
        box=_pixels(plan.box or raw, size),
        raw=_pixels(raw, size),
        frames=shown_frames,
        plan_digest=plan_digest(plan),
        view_digest=view_digest(recording, plan.event_id, view),
        moved="" if plan.fits(view) else other_times(plan, view),
        remarks=remarks,
    )


def _sheet_frame(
    frame: EventFrame, plan: CropPlan, window: GreyWindow | None, *, start_seconds: float
) -> SheetFrame:
    label = f"{frame.time_seconds - start_seconds:.1f} s"
    if frame.picture is None:
        return SheetFrame(label=label, picture="", note="cannot be read")
    width = LARGE_WIDTH if frame.index == 0 else SMALL_WIDTH
    picture = _jpeg(shown(frame.picture, window), width=width)
    if plan.planes is None:
        return SheetFrame(label=label, picture=picture)
    depth = frame.depth if frame.depth is not None else np.zeros(frame.picture.shape[:2], np.uint16)
    cleared = plan.planes.outside(denoised(depth))
    share = 100 * float(np.mean(cleared))
    note = "no depth: all is cleared" if frame.depth is None else f"{share:.0f} % cleared"
    return SheetFrame(label=label, picture=picture, cleared=_mask(cleared, width=width), note=note)


def _pixels(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = region.pixels(width=size[0], height=size[1])
    return left, top, right - left, bottom - top


def _urgency(plan: CropPlan, view: EventView) -> int:
    """Return the place of a plan on the page: flagged ones and those for other times first, by hand last."""
    if not plan.fits(view):
        return 0
    return 2 if plan.origin == "manual" else int(plan.status != "flagged")


def _why_no_plan(failure: CropFailure | None, view: EventView, cropper: str) -> str:
    """Return why an event has no plan, and what to do: planning failed, or nobody tried for these times."""
    command = f"semioscope crop plan{f' --cropper {cropper}' if cropper else ''}"
    if failure is None or not failure.fits(view):
        return f"It is not planned yet: {command} plans it."
    return f"Planning failed: {failure.message} Then give {command} again."


def _jpeg(picture: UInt8[np.ndarray, "height width 3"], *, width: int) -> str:
    from PIL import Image

    image = Image.fromarray(picture)
    if (picture[..., :1] == picture).all():
        image = image.convert("L")
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _mask(cleared: Bool[np.ndarray, "height width"], *, width: int) -> str:
    """Return a picture that is white where something is cleared."""
    from PIL import Image

    image = Image.fromarray(cleared.astype(np.uint8) * 255)
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.point(lambda value: 255 if value > 127 else 0).convert("1").save(
        stream, format="PNG", optimize=True
    )
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
