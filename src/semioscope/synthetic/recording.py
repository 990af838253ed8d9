"""One recording: both views rendered and laid together as the recorder does, written, with the truth beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from semioscope.core.files import write_json
from semioscope.core.randomness import stream
from semioscope.core.records import Region
from semioscope.synthetic.body import patient_capsules
from semioscope.synthetic.carer import carer_capsules
from semioscope.synthetic.movements import animate
from semioscope.synthetic.room import furnish
from semioscope.synthetic.scenario import VIEWS, RecordingPlan, camera_states
from semioscope.synthetic.view import Scene, exposures, view_frames
from semioscope.video import VideoWriter

RENDERED_ROWS = 540
"""Pictures of more rows are rendered at half or a quarter of their size and enlarged."""

_SEEN_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingJob:
    """What a process needs to make one recording.

    Args:
        plan: What happens in it.
        video: File to write.
        truth: JSON file to write.
        width: Columns of the montage, even.
        height: Rows of the montage, even.
        fps: Frames per second.
        codec: A key of ``semioscope.video.CODECS``.
    """

    plan: RecordingPlan
    video: Path
    truth: Path
    width: int
    height: int
    fps: float
    codec: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MontageFrame:
    """One picture of the recorder.

    Args:
        time_seconds: From the first picture.
        picture: Grey levels of the montage.
        boxes: Per view the patient's box as left, top, right, bottom in fractions of that view, not clipped;
            NaN where the patient is not before the camera.
    """

    time_seconds: float
    picture: UInt8[np.ndarray, "height width"]
    boxes: dict[str, Float[np.ndarray, "4"]]


def inset_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height of the second view's inset: 800x450 in a picture of 1920x1080, else in proportion.

    Both are even. Methods: GESTURES 2021, section 1 "Video"; as in the paper.
    """
    return 2 * round(width * 5 / 24), 2 * round(height * 5 / 24)


def inset_region(width: int, height: int) -> Region:
    """Return the rectangle of the inset in fractions of a montage."""
    inset_width, inset_height = inset_size(width, height)
    return Region(x=0.0, y=0.0, width=round(inset_width / width, 6), height=round(inset_height / height, 6))


def make_scene(plan: RecordingPlan, times: Float[np.ndarray, " time"]) -> Scene:
    """Return what the cameras see at each time (seconds from the start of the recording)."""

    def phase_stream(number: int) -> np.random.Generator:
        return stream(plan.seed, "synthetic-movement", seizure=plan.seizure_id, phase=number)

    body, blanket = patient_capsules(animate(plan.phases, times, plan.style, phase_stream), plan.style)
    lamp, exposure = exposures(times, plan.lamp_changes, brightness=plan.brightness)
    return Scene(
        style=plan.style,
        boxes=furnish(plan.style, seed=plan.seed),
        body=body,
        blanket=blanket,
        others=() if plan.carer is None else (carer_capsules(plan.carer, times),),
        lamp=lamp,
        exposure=exposure,
    )


def montage_frames(
    plan: RecordingPlan, *, width: int, height: int, fps: float, noise: bool = True, every: int = 1
) -> Iterator[MontageFrame]:
    """Yield the pictures of a recording in order of time.

    Args:
        plan: What happens.
        width: Columns, even.
        height: Rows, even.
        fps: Frames per second.
        noise: Whether the sensors have noise.
        every: Yield each so-manieth picture only; it is the same picture.
    """
    times = np.arange(round(plan.duration_seconds * fps)) / fps
    scene = make_scene(plan, times)
    sizes = {"large": (width, height), "small": inset_size(width, height)}
    doublings = max(0, int(np.ceil(np.log2(height / RENDERED_ROWS))))
    views = [
        view_frames(
            scene,
            plan.style.large if view == "large" else plan.style.small,
            camera_states(plan, view, times),
            width=-(-sizes[view][0] // 2**doublings),
            height=-(-sizes[view][1] // 2**doublings),
            rng=stream(plan.seed, "synthetic-noise", seizure=plan.seizure_id, view=view) if noise else None,
            every=every,
        )
        for view in VIEWS
    ]
    inset_width, inset_height = sizes["small"]
    for time, *shown in zip(times[::every], *views, strict=True):
        pictures, boxes = {}, {}
        for view, frame in zip(VIEWS, shown, strict=True):
            picture = frame.picture
            for _ in range(doublings):
                picture = _doubled(picture)
            pictures[view] = picture
            boxes[view] = frame.body_bounds * 2**doublings / np.tile(np.array(sizes[view], dtype=float), 2)
        montage = np.ascontiguousarray(pictures["large"][:height, :width])
        montage[:inset_height, :inset_width] = pictures["small"][:inset_height, :inset_width]
        yield MontageFrame(time_seconds=float(time), picture=montage, boxes=boxes)


def make_recording(job: RecordingJob) -> dict[str, Any]:
    """Write the video and the truth of a recording; return plain facts about it.

    The truth is complete before the video appears, and each file appears in one step.
    """
    plan = job.plan
    next_second = 0
    boxes: dict[str, list[dict[str, Any]]] = {view: [] for view in VIEWS}
    num_frames = 0
    with VideoWriter(job.video, width=job.width, height=job.height, fps=job.fps, codec=job.codec) as writer:
        for frame in montage_frames(plan, width=job.width, height=job.height, fps=job.fps):
            writer.write(np.repeat(frame.picture[:, :, None], 3, axis=2))
            if frame.time_seconds >= next_second - 1e-9:
                for view in VIEWS:
                    entry = {"time_seconds": round(frame.time_seconds, 6), "box": seen_box(frame.boxes[view])}
                    boxes[view].append(entry)
                next_second += 1
            num_frames += 1
        write_json(job.truth, _truth(job, boxes, num_frames))
    return {"num_frames": num_frames}


def seen_box(box: Float[np.ndarray, "4"]) -> list[float] | None:
    """Return a box clipped to the picture, or None if less than a tenth of it is in the picture."""
    if np.isnan(box).any():
        return None
    clipped = np.clip(box, 0.0, 1.0)
    area = float((clipped[2] - clipped[0]) * (clipped[3] - clipped[1]))
    if area < _SEEN_SHARE * float((box[2] - box[0]) * (box[3] - box[1])):
        return None
    return [round(edge, 5) for edge in clipped.tolist()]


def _truth(job: RecordingJob, boxes: dict[str, list[dict[str, Any]]], num_frames: int) -> dict[str, Any]:
    plan = job.plan
    return {
        "synthetic": True,
        "seizure_id": plan.seizure_id,
        "patient_id": plan.style.patient_id,
        "label": plan.label,
        "semiology": plan.semiology,
        "width": job.width,
        "height": job.height,
        "fps": job.fps,
        "num_frames": num_frames,
        "onset_seconds": plan.onset_seconds,
        "clonic_onset_seconds": plan.clonic_onset_seconds,
        "offset_seconds": plan.offset_seconds,
        "box_meaning": "left, top, right, bottom of the patient and the blanket on the body, in fractions of "
        "the view's own picture; null while less than a tenth of it is in the picture",
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
        "views": {
            view: {"recording_id": recording_id(plan, view), "use": plan.use(view), "boxes": boxes[view]}
            for view in VIEWS
        },
        "lamp_changes": [{"time_seconds": time, "strength": level} for time, level in plan.lamp_changes],
        "camera_moves": [
            {"view": move.view, "start_seconds": move.start_seconds, "seconds": move.seconds,
             "zoom": move.state.zoom, "yaw_degrees": move.state.yaw_degrees,
             "pitch_degrees": move.state.pitch_degrees}
            for move in plan.moves
        ],
        "carer": None if plan.carer is None else {
            "enter_seconds": plan.carer.enter_seconds,
            "leave_seconds": min(plan.carer.leave_seconds, plan.duration_seconds),
        },
    }  # fmt: skip


def recording_id(plan: RecordingPlan, view: str) -> str:
    """Return the id of one view of a recording."""
    return f"{plan.seizure_id}-{view}"


def _doubled(picture: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "rows columns"]:
    """Enlarge twofold by linear interpolation; pixel areas stay in place."""
    for axis in (0, 1):
        edge = np.pad(picture, [(1, 1) if k == axis else (0, 0) for k in (0, 1)], mode="edge").astype(
            np.uint16
        )
        edge = edge if axis == 0 else edge.T
        three = 3 * edge[1:-1] + 2
        both = np.stack([(edge[:-2] + three) >> 2, (edge[2:] + three) >> 2], axis=1)
        larger = both.reshape(-1, both.shape[2]).astype(np.uint8)
        picture = larger if axis == 0 else larger.T
    return picture
