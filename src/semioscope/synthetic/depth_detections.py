"""The truth of a depth cohort as recorded detections: what a perfect detector finds, for trials without weights."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from semioscope.cohort import Cohort, part_events
from semioscope.core.records import Event, EventView, Region
from semioscope.networks import Detection, write_recorded
from semioscope.synthetic.depth_plan import DepthPlan
from semioscope.synthetic.depth_truth import bed_region, body_region
from semioscope.synthetic.depth_view import depth_frames, make_depth_scene
from semioscope.video import open_gray16

DETECTIONS = Path("truth", "detections.json")
"""Where they are in a cohort."""


def write_true_detections(
    cohort: Cohort, plans: Iterable[DepthPlan], *, size: tuple[int, int], fps: float
) -> None:
    """Write bed and person at the first frame of every seizure, and of every part beside one.

    Boxes are those of the truth: the person with all that is hidden, the bed of the room without people. A person
    out of the picture and a bed that is not there are not found. Parts have their usual length.

    Args:
        cohort: The cohort, with its videos.
        plans: One per recording.
        size: Width and height of the pictures, in pixels.
        fps: Frames per second.

    Raises:
        VideoError: If a video cannot be read.
    """
    seizures = [
        Event(event_id=seizure.seizure_id, patient_id=seizure.patient_id, y_true=None, views=seizure.views)
        for seizure in cohort.seizures
    ]
    events = [*seizures, *part_events(cohort, seizures).events]
    found: dict[tuple[str, str], list[Detection]] = {}
    for plan in plans:
        of_plan = [
            (event.event_id, view)
            for event in events
            for view in event.views
            if view.recording_id == plan.recording_id
        ]
        path = cohort.video_path(plan.recording_id)
        numbers = {event_id: _first_frame(path, view, fps=fps) for event_id, view in of_plan}
        boxes = true_boxes(plan, sorted(set(numbers.values())), size=size, fps=fps)
        for event_id, number in numbers.items():
            found[event_id, plan.recording_id] = [
                Detection(label=label, score=1.0, box=box)
                for label, box in boxes[number].items()
                if box is not None
            ]
    write_recorded(cohort.folder / DETECTIONS, found)


def true_boxes(
    plan: DepthPlan, frame_numbers: list[int], *, size: tuple[int, int], fps: float
) -> dict[int, dict[str, Region | None]]:
    """Return the boxes of bed and person in some frames of a recording, by the frame's number.

    Movements are drawn for these frames alone; they differ by less than a millimetre from those of the whole.

    Args:
        plan: What happens in it.
        frame_numbers: From 0, ascending.
        size: Width and height, in pixels.
        fps: Frames per second.
    """
    scene = make_depth_scene(plan, np.array(frame_numbers) / fps, width=size[0], height=size[1])
    bed = bed_region(scene)
    boxes: dict[int, dict[str, Region | None]] = {}
    frames = depth_frames(scene, labelled=range(len(frame_numbers)))
    for number, frame in zip(frame_numbers, frames, strict=True):
        assert frame.labels is not None  # all were asked for
        boxes[number] = {"bed": bed, "person": body_region(frame.body_bounds, frame.labels)}
    return boxes


def _first_frame(path: Path, view: EventView, *, fps: float) -> int:
    """Return the number of an event's first stored frame in its recording."""
    with open_gray16(path, view.interval) as reader:
        first, _ = reader.span(view.interval)
        return round(float(reader.times_seconds[first]) * fps)
