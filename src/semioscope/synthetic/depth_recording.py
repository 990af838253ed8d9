"""One depth recording: both streams rendered from one scene and written, with the truth beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import atomic_path, write_json
from semioscope.core.randomness import stream
from semioscope.synthetic.depth_plan import DepthPlan
from semioscope.synthetic.depth_truth import bed_region, camera_truth, frame_truth
from semioscope.synthetic.depth_view import depth_frames, make_depth_scene
from semioscope.synthetic.room import PARTS
from semioscope.video import VideoWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthJob:
    """What a process needs to make one depth recording.

    Args:
        plan: What happens in it.
        infrared: File to write.
        depth: File to write.
        truth: JSON file to write.
        masks: npz file to write.
        width: Columns.
        height: Rows.
        fps: Frames per second.
        drop_share: Share of depth frames that are lost, in [0, 1).
        mask_every: Every so-manieth frame has a label picture; so have those where a part begins.
    """

    plan: DepthPlan
    infrared: Path
    depth: Path
    truth: Path
    masks: Path
    width: int
    height: int
    fps: float
    drop_share: float
    mask_every: int


def labelled_frames(plan: DepthPlan, *, fps: float, mask_every: int) -> tuple[int, ...]:
    """Return the numbers of the frames with label pictures: every so-manieth, and those where parts begin."""
    num_frames = num_frames_of(plan, fps=fps)
    wanted = set(range(0, num_frames, mask_every))
    for seconds in (plan.onset_seconds, plan.offset_seconds):
        wanted |= {int(np.floor(seconds * fps + 1e-6)), int(np.ceil(seconds * fps - 1e-6))}
    return tuple(sorted(number for number in wanted if number < num_frames))


def num_frames_of(plan: DepthPlan, *, fps: float) -> int:
    """Return how many infrared frames a recording has."""
    return round(plan.duration_seconds * fps)


def make_depth_recording(job: DepthJob) -> dict[str, Any]:
    """Write both videos and the truth of a recording; return plain facts about it.

    The truth is complete before the videos appear, and each file appears in one step. A depth frame that is lost
    leaves a gap in the times of the depth video.
    """
    plan = job.plan
    num_frames = num_frames_of(plan, fps=job.fps)
    scene = make_depth_scene(plan, np.arange(num_frames) / job.fps, width=job.width, height=job.height)
    labelled = labelled_frames(plan, fps=job.fps, mask_every=job.mask_every)
    lost = _lost_frames(plan, num_frames, job.drop_share)
    frames, labels = [], []
    with _writer(job, job.infrared) as infrared, _writer(job, job.depth) as depth:
        for number, frame in enumerate(depth_frames(scene, labelled=labelled)):
            infrared.write(frame.infrared)
            if number >= plan.depth_lag_frames and number not in lost:
                depth.write(frame.depth, pts_seconds=(number - plan.depth_lag_frames) / job.fps)
            if frame.labels is not None:
                seconds = round(number / job.fps, 6)
                frames.append({"frame": number, "time_seconds": seconds, **frame_truth(scene, frame)})
                labels.append(frame.labels)
        with atomic_path(job.masks) as temporary:
            np.savez_compressed(
                temporary, labels=np.stack(labels), frame_indices=np.array(labelled, dtype=np.int32)
            )
        bed = bed_region(scene)
        write_json(job.truth, {
            **_plan_truth(job),
            "num_frames": num_frames,
            "num_depth_frames": depth.num_frames,
            "lost_depth_frames": sorted(lost),
            "camera": camera_truth(scene),
            "bed": None if bed is None else [round(float(n), 6) for n in (bed.x, bed.y, bed.width, bed.height)],
            "frames": frames,
        })  # fmt: skip
    return {"num_frames": num_frames, "num_depth_frames": depth.num_frames}


def depth_offset_seconds(plan: DepthPlan, *, fps: float) -> float:
    """Return how long after the first infrared frame the depth stream begins."""
    return round(plan.depth_lag_frames / fps, 6)


def _writer(job: DepthJob, path: Path) -> VideoWriter:
    return VideoWriter(
        path, width=job.width, height=job.height, fps=job.fps, codec="ffv1", pixel_format="gray16le"
    )


def _lost_frames(plan: DepthPlan, num_frames: int, share: float) -> frozenset[int]:
    """Numbers of lost depth frames; never the first one of the stream."""
    rng = stream(plan.seed, "synthetic-depth-lost", recording=plan.recording_id)
    lost = np.flatnonzero(rng.random(num_frames) < share).tolist()
    return frozenset(number for number in lost if number > plan.depth_lag_frames)


def _plan_truth(job: DepthJob) -> dict[str, Any]:
    plan = job.plan
    return {
        "synthetic": True,
        "recording_id": plan.recording_id,
        "patient_id": plan.style.patient_id,
        "label": plan.label,
        "semiology": plan.semiology,
        "failure": plan.failure,
        "width": job.width,
        "height": job.height,
        "fps": job.fps,
        "onset_seconds": plan.onset_seconds,
        "offset_seconds": plan.offset_seconds,
        "depth_offset_seconds": depth_offset_seconds(plan, fps=job.fps),
        "mask_every": job.mask_every,
        "parts": PARTS,
        "box_meaning": "x, y, width, height in fractions of the picture: body around the patient with all that "
        "is hidden (null where out of the picture), bed around bed and blanket of the room without people",
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
        "carers": [
            {
                "enter_seconds": round(max(visit.enter_seconds, 0.0), 3),
                "leave_seconds": round(min(visit.leave_seconds, plan.duration_seconds), 3),
            }
            for visit in plan.visits
        ],
    }
