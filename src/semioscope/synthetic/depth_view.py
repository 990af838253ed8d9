"""Depth pictures of a recording: one scene, one camera that stays, infrared and depth from the same rays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

from semioscope.core.randomness import stream
from semioscope.synthetic.body import MATTRESS_METRES, Capsules, patient_capsules
from semioscope.synthetic.carer import carer_capsules
from semioscope.synthetic.depth_plan import DepthPlan, vigour
from semioscope.synthetic.depth_room import furnish_depth
from semioscope.synthetic.depth_sensor import Sensor, SensorFaults
from semioscope.synthetic.everyday import ALL_MOVEMENTS
from semioscope.synthetic.geometry import (
    CameraState,
    Projection,
    draw_capsules,
    pixel_boxes,
    project,
    silhouette_bounds,
)
from semioscope.synthetic.movements import Phase, animate
from semioscope.synthetic.room import PARTS, RoomPicture, picture_room

_HEAD_END_CAMERA = ((0.1, 2.08, 2.55), (0.0, 1.0, 0.6))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthScene:
    """What a depth camera sees in a recording.

    Args:
        plan: What happens.
        projection: The camera.
        room: The picture of the room without people.
        groups: Number in label pictures and capsules of patient, blanket on the body and each carer.
    """

    plan: DepthPlan
    projection: Projection
    room: RoomPicture
    groups: tuple[tuple[int, Capsules], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthFrame:
    """One moment of both streams.

    Args:
        infrared: 16 bit.
        depth: Millimetres along the camera's axis, 0 = missing.
        labels: Values of ``PARTS``, without faults of the sensor; None where they were not asked for.
        true_depth: Metres along the camera's axis, without faults; None where labels are.
        body_bounds: left, top, right, bottom of the patient (without blanket) in pixels, not clipped to the
            picture; NaN where the patient is not before the camera.
    """

    infrared: UInt16[np.ndarray, "height width"]
    depth: UInt16[np.ndarray, "height width"]
    labels: UInt8[np.ndarray, "height width"] | None
    true_depth: Float32[np.ndarray, "height width"] | None
    body_bounds: Float[np.ndarray, "4"]


def make_depth_scene(
    plan: DepthPlan, times: Float[np.ndarray, " time"], *, width: int, height: int
) -> DepthScene:
    """Return what the camera sees at each time (seconds from the start of the recording)."""

    def phase_stream(number: int) -> np.random.Generator:
        return stream(plan.seed, "synthetic-depth-movement", recording=plan.recording_id, phase=number)

    style = replace(plan.style, amplitude=plan.style.amplitude * vigour(plan))
    phases = plan.phases
    if plan.failure == "sitting":
        phases = (Phase(name="preictal", movement="sit up", start_seconds=-10.0, end_seconds=1e6),)
    pose = animate(phases, times, style, phase_stream, movements=ALL_MOVEMENTS)
    body, blanket = patient_capsules(pose, style)
    camera = plan.camera
    if plan.failure == "head-end-camera":
        camera = replace(camera, position=_HEAD_END_CAMERA[0], target=_HEAD_END_CAMERA[1])
    has_bed = plan.failure != "no-bed"
    if not has_bed:
        body, blanket = (_lowered(capsules, MATTRESS_METRES) for capsules in (body, blanket))
    boxes = furnish_depth(style, camera, seed=plan.seed, bed=has_bed)
    projection = project(camera, CameraState(), width=width, height=height)
    carers = [carer_capsules(visit, times) for visit in plan.visits]
    return DepthScene(
        plan=plan,
        projection=projection,
        room=picture_room(boxes, style, projection, pillow=has_bed),
        groups=(
            (PARTS["patient"], body),
            (PARTS["blanket"], blanket),
            *((PARTS["carer"] + number, carer) for number, carer in enumerate(carers)),
        ),
    )


def depth_frames(
    scene: DepthScene, *, faults: SensorFaults | None = None, labelled: Sequence[int] = ()
) -> Iterator[DepthFrame]:
    """Yield the frames of a scene in order of time.

    Args:
        scene: What the camera sees.
        faults: How bad the sensor is; None: the usual one, or that of the plan's failure.
        labelled: Numbers of the frames that get labels and true depth.
    """
    plan, projection, room = scene.plan, scene.projection, scene.room
    if faults is None:
        faults = SensorFaults(patch_share=0.8) if plan.failure == "missing-depth" else SensorFaults()
    sensor = Sensor(
        projection,
        faults,
        corner_loss=0.5 * plan.style.vignette,
        rng=stream(plan.seed, "synthetic-depth-noise", recording=plan.recording_id),
    )
    drawn = [_Group.of(part, capsules, projection) for part, capsules in scene.groups]
    wanted = frozenset(labelled)
    for frame in range(len(scene.groups[0][1].starts)):
        light, distance = room.infrared.copy(), room.depth.copy()
        labels = room.labels.copy() if frame in wanted else None
        for group in drawn:
            before = distance.copy() if labels is not None else None
            group.draw(frame, light, distance, projection)
            if labels is not None and before is not None:
                labels[distance < before] = group.part
        infrared, depth = sensor.frame(light, distance)
        yield DepthFrame(
            infrared=infrared,
            depth=depth,
            labels=labels,
            true_depth=None if labels is None else distance * projection.inverse_norm,
            body_bounds=_union(drawn[0].bounds[frame]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Capsules before the camera, with the pixels that they can cover."""

    part: int
    starts: Float[np.ndarray, "time capsules 3"]
    ends: Float[np.ndarray, "time capsules 3"]
    capsules: Capsules
    bounds: Float[np.ndarray, "time capsules 4"]
    boxes: np.ndarray

    @classmethod
    def of(cls, part: int, capsules: Capsules, projection: Projection) -> "_Group":
        starts, ends = projection.to_camera(capsules.starts), projection.to_camera(capsules.ends)
        radii = np.broadcast_to(capsules.radii, starts.shape[:2])
        bounds = silhouette_bounds(projection, starts, ends, radii)
        boxes = pixel_boxes(bounds, width=projection.width, height=projection.height)
        return cls(part=part, starts=starts, ends=ends, capsules=capsules, bounds=bounds, boxes=boxes)

    def draw(
        self,
        frame: int,
        light: Float32[np.ndarray, "height width"],
        distance: Float32[np.ndarray, "height width"],
        projection: Projection,
    ) -> None:
        if not self.capsules.shown[frame]:
            return
        seen = np.flatnonzero(self.boxes[frame, :, 2] > 0)
        draw_capsules(
            light,
            distance,
            projection,
            starts=self.starts[frame, seen],
            ends=self.ends[frame, seen],
            radii=self.capsules.radii[seen],
            albedo=self.capsules.albedo[seen],
            boxes=self.boxes[frame, seen],
            infrared=1.0,
            lamp=0.0,
        )


def _lowered(capsules: Capsules, metres: float) -> Capsules:
    down = np.array([0.0, 0.0, metres])
    return replace(capsules, starts=capsules.starts - down, ends=capsules.ends - down)


def _union(bounds: Float[np.ndarray, "capsules 4"]) -> Float[np.ndarray, "4"]:
    seen = bounds[~np.isnan(bounds[:, 0])]
    if not len(seen):
        return np.full(4, np.nan)
    return np.concatenate([seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)])
