"""One recording of a ward camera: rendered in colour by day and grey by night, written, with the truth beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from semioscope.core.files import write_bytes, write_json
from semioscope.core.randomness import stream
from semioscope.synthetic.activities import ACTIVITIES, held_thing
from semioscope.synthetic.body import Capsules, Pose, patient_capsules
from semioscope.synthetic.carer import carer_capsules
from semioscope.synthetic.colour import coloured, tint_table
from semioscope.synthetic.everyday import ALL_MOVEMENTS
from semioscope.synthetic.geometry import CameraState
from semioscope.synthetic.movements import Movement, animate
from semioscope.synthetic.psychogenic import PSYCHOGENIC
from semioscope.synthetic.recording import seen_box
from semioscope.synthetic.room import furnish
from semioscope.synthetic.view import Scene, exposures, view_frames
from semioscope.synthetic.ward_plan import WardPlan
from semioscope.video import VideoWriter

WARD_MOVEMENTS: dict[str, Movement] = ALL_MOVEMENTS | ACTIVITIES | PSYCHOGENIC
"""Every kind of movement of ward recordings."""

PICTURE_SECONDS = {"seizures": 1.0, "contextual": 30.0}
"""How far pictures with boxes, for a detector, are apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WardJob:
    """What a process needs to make one recording.

    Args:
        plan: What happens in it.
        video: File to write.
        truth: JSON file to write.
        pictures: Folder of the pictures with boxes.
        width: Columns, even.
        height: Rows, even.
        fps: Frames per second.
        codec: A key of ``semioscope.video.CODECS``.
    """

    plan: WardPlan
    video: Path
    truth: Path
    pictures: Path
    width: int
    height: int
    fps: float
    codec: str

    @property
    def num_frames(self) -> int:
        """Frames of the video."""
        return round(self.plan.duration_seconds * self.fps)

    @property
    def picture_frames(self) -> dict[int, Path]:
        """File of each picture with boxes by the number of its frame."""
        seconds = np.arange(0.0, self.num_frames / self.fps, PICTURE_SECONDS[self.plan.role])
        numbers = np.minimum(np.ceil(seconds * self.fps - 1e-9).astype(int), self.num_frames - 1)
        return {
            int(number): self.pictures / f"{self.plan.recording_id}-{int(number):06d}.png"
            for number in numbers
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WardFrame:
    """One picture of a ward camera.

    Args:
        index: Number of the frame.
        picture: RGB.
        box: Of the patient with the blanket on the body, as left, top, right, bottom in fractions of the picture, not
            clipped; NaN where there is no patient.
    """

    index: int
    picture: UInt8[np.ndarray, "height width 3"]
    box: Float[np.ndarray, "4"]


def make_ward_scene(plan: WardPlan, times: Float[np.ndarray, " time"]) -> Scene:
    """Return what the camera sees at each time (seconds from the start of the recording)."""

    def phase_stream(number: int) -> np.random.Generator:
        return stream(plan.seed, "synthetic-ward-movement", recording=plan.recording_id, phase=number)

    pose = animate(plan.phases, times, plan.style, phase_stream, movements=WARD_MOVEMENTS)
    body, blanket = patient_capsules(pose, plan.style)
    if plan.is_empty:
        absent = np.zeros(len(times))
        body, blanket = replace(body, shown=absent), replace(blanket, shown=absent)
    lamp, exposure = exposures(times, plan.lamp_changes, brightness=plan.brightness)
    things = () if plan.thing is None else (_thing(plan, plan.thing, pose, times),)
    return Scene(
        style=plan.style,
        boxes=furnish(plan.style, seed=plan.seed),
        body=body,
        blanket=blanket,
        others=(*(carer_capsules(visit, times) for visit in plan.visits), *things),
        lamp=lamp,
        exposure=exposure,
    )


def ward_frames(
    plan: WardPlan, *, width: int, height: int, fps: float, every: int = 1
) -> Iterator[WardFrame]:
    """Yield the pictures of a recording in order of time.

    Args:
        plan: What happens.
        width: Columns.
        height: Rows.
        fps: Frames per second.
        every: Yield each so-manieth picture only; it is the same picture.
    """
    times = np.arange(round(plan.duration_seconds * fps)) / fps
    noise = stream(plan.seed, "synthetic-ward-noise", recording=plan.recording_id)
    scene = make_ward_scene(plan, times)
    tints = tint_table(scene.boxes, (scene.body, scene.blanket, *scene.others), plan.style, seed=plan.seed)
    frames = view_frames(
        scene, plan.camera, [CameraState()] * len(times), width=width, height=height, rng=noise, every=every
    )
    for index, frame in zip(range(0, len(times), every), frames, strict=True):
        yield WardFrame(
            index=index,
            picture=coloured(frame.picture, frame.objects, tints, lamp=float(scene.lamp[index])),
            box=frame.body_bounds / np.array([width, height, width, height]),
        )


def make_ward_recording(job: WardJob) -> dict[str, Any]:
    """Write the video, the pictures with boxes and the truth of a recording; return plain facts about it.

    The truth is complete before the video appears, and each file appears in one step.
    """
    pictures = job.picture_frames
    boxes: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    with VideoWriter(job.video, width=job.width, height=job.height, fps=job.fps, codec=job.codec) as writer:
        for frame in ward_frames(job.plan, width=job.width, height=job.height, fps=job.fps):
            writer.write(frame.picture)
            seconds = frame.index / job.fps
            if seconds >= len(boxes) - 1e-9:
                boxes.append({"time_seconds": round(seconds, 6), "box": seen_box(frame.box)})
            if frame.index in pictures:
                path = pictures[frame.index]
                write_bytes(path, _png(frame.picture))
                shown.append(
                    {"file": path.name, "time_seconds": round(seconds, 6), "box": seen_box(frame.box)}
                )
        write_json(job.truth, _truth(job, boxes, shown))
    return {"num_frames": job.num_frames}


def _thing(plan: WardPlan, kind: str, pose: Pose, times: Float[np.ndarray, " time"]) -> Capsules:
    shown = np.zeros(len(times))
    for phase in plan.phases:
        if phase.movement == kind:  # a moment to take it, a moment to put it away
            shown[(times >= phase.start_seconds + 0.5) & (times < phase.end_seconds + 0.3)] = 1.0
    return held_thing(kind, pose, plan.style, shown)


def _png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    import io

    from PIL import Image

    stream_of_bytes = io.BytesIO()
    Image.fromarray(picture).save(stream_of_bytes, format="PNG")
    return stream_of_bytes.getvalue()


def _truth(job: WardJob, boxes: list[dict[str, Any]], shown: list[dict[str, Any]]) -> dict[str, Any]:
    plan = job.plan
    return {
        "synthetic": True,
        "recording_id": plan.recording_id,
        "patient_id": plan.style.patient_id,
        "role": plan.role,
        "label": plan.label,
        "content": plan.content,
        "light": plan.light,
        "width": job.width,
        "height": job.height,
        "fps": job.fps,
        "num_frames": job.num_frames,
        "onset_seconds": plan.onset_seconds,
        "clonic_onset_seconds": plan.clonic_onset_seconds,
        "offset_seconds": plan.offset_seconds,
        "box_meaning": "left, top, right, bottom of the patient and the blanket on the body, in fractions of the "
        "picture; null while there is no patient or less than a tenth of it is in the picture",
        "phases": [
            {
                "name": phase.name,
                "movement": phase.movement,
                "start_seconds": phase.start_seconds,
                "end_seconds": phase.end_seconds,
                "rate_hz": phase.rate_hz,
            }
            for phase in plan.phases
        ],
        "lamp_changes": [{"time_seconds": time, "strength": level} for time, level in plan.lamp_changes],
        "visits": [
            {
                "enter_seconds": max(visit.enter_seconds, 0.0),
                "leave_seconds": min(visit.leave_seconds, plan.duration_seconds),
            }
            for visit in plan.visits
        ],
        "boxes": boxes,
        "pictures": shown,
    }
