"""The crop plan of one event, found on its first frame.

```
 first frame ──▶ noise removed ──▶ planes ──▶ cleared infrared ──▶ detector ──▶ box
 infrared, depth                   depth,                          box,
                                   depth_box                       depth_box
```
What needs a person's eye is flagged: the event keeps its raw picture until somebody looked.

References:
    Karacsony et al. (2020), section 2.2, and (2022): planes and box are found on the event's first frame, the box
    on the depth-cropped infrared; as in the papers. Differs: a first frame without depth is passed over for one
    within a second, and the plan flagged; depth crops are checked by program too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.records import EventView, Recording
from semioscope.networks.detections import AnyDetector
from semioscope.preprocess.box_crop import BoxCropConfig
from semioscope.preprocess.crop_boxes import BoxMaker, box_after_depth, box_crop, identity_crop, montage_crop
from semioscope.preprocess.crop_frames import EventFrame, EventFrames, open_event, shown, spread_places
from semioscope.preprocess.crops import CropPlan
from semioscope.preprocess.depth_crop import MOST_MISSING, DepthCropPlan, plan_depth_crop
from semioscope.preprocess.depth_lack import lack_of_depth
from semioscope.preprocess.depth_noise import denoised
from semioscope.preprocess.depth_quality import CropCheck, check_crop
from semioscope.video import GreyWindow

NO_CROPS = "none"
"""Instead of a key of ``CROP_METHODS``: pictures are used as they are."""
LOOK_AHEAD_SECONDS = 1.0
"""So far from the event's begin a frame is looked for that can be read."""
LATER = "In later frame"
"""How the quality check begins what it says of a later frame."""

BLACK = "The frame that the plan was made on is black."
"""What is said of it, whatever is planned."""
NUM_CHECKED = 5
"""So many frames of an event, evenly spread, are looked at by the quality check of a depth crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropMethod:
    """One way to plan crops.

    Args:
        uses_depth: Whether two planes are found in the depth first.
        box: Makes the box; None keeps the recording's region.
        needs_detector: Whether the box needs the picture and a detector.
    """

    uses_depth: bool = False
    box: BoxMaker | None = None
    needs_detector: bool = False


CROP_METHODS: dict[str, CropMethod] = {
    "depth_box": CropMethod(
        uses_depth=True, box=partial(box_crop, config=BoxCropConfig(margin=0.3)), needs_detector=True
    ),
    "depth": CropMethod(uses_depth=True),
    "box": CropMethod(box=box_crop, needs_detector=True),
    "montage": CropMethod(box=montage_crop),
    "identity": CropMethod(box=identity_crop),
}
"""What can be planned (``--cropper``); ``depth_box`` as in Karacsony 2022, ``box`` as in 2020."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropChoice:
    """How crops are planned.

    Args:
        method: A key of ``CROP_METHODS``.
        detector: Finds people and beds, for the methods that need it.
        box: How the box is made; None: as in the method's paper.
        check: Whether depth crops are flagged that seem to cut the patient, on five frames of the event.
        detector_name: What the rows call the detector, see ``detector_identity``; empty where nobody knows.

    Raises:
        ConfigError: If there is no such method, or it needs a detector.
    """

    method: str = "depth_box"
    detector: AnyDetector | None = None
    box: BoxCropConfig | None = None
    check: bool = True
    detector_name: str = ""

    def __post_init__(self) -> None:
        if crop_method(self.method).needs_detector and self.detector is None:
            msg = (
                f"The cropper {self.method} needs a detector, got none. Name one (--detector), or use the cropper "
                "depth."
            )
            raise ConfigError(msg)


def crop_method(name: str) -> CropMethod:
    """Return the way to plan crops of a name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in CROP_METHODS:
        raise ConfigError(unknown_name("cropper", name, CROP_METHODS))
    return CROP_METHODS[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFrame:
    """The frame that a plan is made on.

    Args:
        frame: None where none could be read.
        reason: Why a person should look: a later frame, or a black one; empty where the very first frame serves.
    """

    frame: EventFrame | None
    reason: str = ""


def first_frame(frames: EventFrames, *, with_depth: bool) -> FirstFrame:
    """Return the first frame of an event, or the next one within a second that can be read.

    Args:
        frames: Of the event.
        with_depth: Whether it needs depth.
    """
    limit = frames.times_seconds[0] + LOOK_AHEAD_SECONDS
    near = max(1, int(np.searchsorted(frames.times_seconds, limit)))
    kind = "both infrared and depth" if with_depth else "a picture"
    for frame in frames.read(np.arange(near)):
        if frame.picture is not None and (frame.depth is not None or not with_depth):
            later = frame.time_seconds - frames.times_seconds[0]
            reasons = [
                f"The event's first frame does not have {kind}; the plan was made on the one {later:.2f} s later."
                if frame.index
                else "",
                "" if frame.picture.any() else BLACK,
            ]
            return FirstFrame(frame=frame, reason=" ".join(filter(None, reasons)))
    return FirstFrame(frame=None, reason=f"No frame in the first second of the event has {kind}.")


def find_depth_crop(frames: EventFrames, *, check: bool = True) -> tuple[FirstFrame, DepthCropPlan | None]:
    """Return the frame that the depth crop of an event is found on, and what was found; None without a frame.

    Args:
        frames: Of the event; with depth.
        check: Whether the plan is flagged where it seems to cut the patient, on five frames of the event.
    """
    first = first_frame(frames, with_depth=True)
    if first.frame is None or first.frame.depth is None or first.frame.picture is None:
        return first, None
    plan = plan_depth_crop(denoised(first.frame.depth))
    doubts = [first.reason, lack_of_depth(frames.depth_name, frames.has_depth), plan.reason]
    if check and plan.planes is not None:
        later = list(_later_frames(frames))
        said = check_crop(
            first.frame.depth,
            first.frame.picture,
            plan,
            [frame.depth for frame in later if frame.depth is not None],
        )
        seconds = [frame.time_seconds - frames.times_seconds[0] for frame in later]
        doubts += [_with_time(doubt, seconds) for doubt in _doubts(said, plan)]
    return first, replace(plan, reason=" ".join(filter(None, doubts)))


def doubted_frame(frames: EventFrames, plan: DepthCropPlan) -> EventFrame | None:
    """Return the later frame for which the quality check flagged a plan; None where the first frame is in doubt.

    Args:
        frames: Of the event; with depth.
        plan: As :func:`find_depth_crop` gave it.
    """
    told = re.search(rf"{LATER} (\d+)", plan.reason)
    return None if told is None else next(islice(_later_frames(frames), int(told[1]) - 1, None), None)


def plan_crop(
    cohort: Cohort,
    recording: Recording,
    event_id: str,
    view: EventView,
    choice: CropChoice,
    *,
    window: GreyWindow | None = None,
) -> CropPlan:
    """Return the crop plan of one event in one recording.

    Args:
        cohort: Whose video is read.
        recording: Which.
        event_id: The event.
        view: Its times in the recording.
        choice: How it is planned.
        window: Grey window of the recording, for the detector; None for colour.

    Raises:
        VideoError: If the recording cannot be read.
        CohortError: If it lacks what the method needs.
    """
    plan = _plan(cohort, recording, event_id, view, choice, window)
    return replace(
        plan,
        cropper=choice.method,
        onset_seconds=view.onset_seconds,
        offset_seconds=view.offset_seconds,
        detector=choice.detector_name if crop_method(choice.method).needs_detector else "",
    )


def _plan(
    cohort: Cohort,
    recording: Recording,
    event_id: str,
    view: EventView,
    choice: CropChoice,
    window: GreyWindow | None,
) -> CropPlan:
    method = crop_method(choice.method)
    if method.box is not None and not method.needs_detector:
        return method.box(event_id, recording, None, None)
    with open_event(cohort, recording, view.interval, with_depth=method.uses_depth) as frames:
        if method.uses_depth:
            first, found = find_depth_crop(frames, check=choice.check)
        else:
            first, found = first_frame(frames, with_depth=False), None
    plan = CropPlan(event_id=event_id, recording_id=recording.recording_id, box=None)
    if first.frame is None or first.frame.picture is None:
        if method.uses_depth:
            return replace(plan, status="flagged", depth_reason=first.reason)
        return replace(plan, status="flagged", box_reason=first.reason)
    picture = first.frame.picture
    if found is not None and first.frame.depth is not None:
        _, picture = found.apply(denoised(first.frame.depth), picture)
        plan = found.row(event_id=event_id, recording_id=recording.recording_id)
    if method.box is None:
        return plan
    find = method.box if choice.box is None else partial(box_crop, config=choice.box)
    boxed = find(event_id, recording, shown(picture, window), choice.detector)
    if first.reason and found is None:
        boxed = replace(boxed, status="flagged", box_reason=f"{first.reason} {boxed.box_reason}".strip())
    return box_after_depth(plan, boxed)


def _later_frames(frames: EventFrames) -> Iterator[EventFrame]:
    """Yield the later frames that the quality check looks at; its first one has the number 1."""
    for frame in frames.read(spread_places(frames.num_frames, num_wanted=NUM_CHECKED)[1:]):
        if frame.depth is not None:
            yield frame


def _with_time(doubt: str, seconds: Sequence[float]) -> str:
    """Return a doubt with the time of the later frame that it is about, if it is about one."""
    told = re.match(rf"{LATER} (\d+):", doubt)
    if told is None:
        return doubt
    return f"{LATER} {told[1]} ({seconds[int(told[1]) - 1]:.2f} s on):{doubt[told.end() :]}"


def _doubts(check: CropCheck, plan: DepthCropPlan) -> list[str]:
    """Return what the quality check says and the plan does not say itself; of later frames only the first."""
    first = [
        reason
        for reason in check.reasons
        if not reason.startswith(LATER) and not reason.endswith("is black.")
    ]
    later = [reason for reason in check.reasons if reason.startswith(LATER)]
    if plan.missing_fraction > MOST_MISSING:
        first = [reason for reason in first if "of the depth is missing" not in reason]
    if len(later) > 1:
        later = [f"{later[0]} So in {len(later)} of the later frames that were looked at."]
    return first if first else later
