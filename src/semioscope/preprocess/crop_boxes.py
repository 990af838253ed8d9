"""The box of one event: the whole picture, the recording's region, or around what a detector finds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.records import Recording, Region
from semioscope.networks.detections import AnyDetector, detector_of
from semioscope.preprocess.box_crop import BoxCropConfig, find_box, in_file
from semioscope.preprocess.crops import STATUSES, CropPlan
from semioscope.preprocess.pictures import view_picture

BoxMaker = Callable[
    [str, Recording, UInt8[np.ndarray, "height width 3"] | None, AnyDetector | None], CropPlan
]
"""Makes the plan of an event from its id, its recording, the picture at its onset and a detector."""


def identity_crop(
    event_id: str,
    recording: Recording,
    picture: UInt8[np.ndarray, "height width 3"] | None = None,
    detector: AnyDetector | None = None,
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
    detector: AnyDetector | None = None,
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
    detector: AnyDetector | None = None,
    *,
    config: BoxCropConfig | None = None,
) -> CropPlan:
    """Return the plan with the box around patient and bed.

    The detector sees the recording's part of the picture only, and the box stays in it.

    Args:
        event_id: The event.
        recording: What sees it.
        picture: The whole picture of the file at the event's first frame, RGB; for 2022 after the depth crop.
        detector: Finds bed and person; one that asks for the event or the patient is told.
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
    eye = detector_of(
        detector, event_id=event_id, recording_id=recording.recording_id, patient_id=recording.patient_id
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
        status=max(depth.status, box.status, key=STATUSES.index),
    )
