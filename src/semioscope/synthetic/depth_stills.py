"""First frames of many recordings at once, for figures and tests of crops; no video is written."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import stream
from semioscope.core.records import Region
from semioscope.synthetic.depth_plan import FAILURES, SYNDROMES, DepthPlan, draw_depth_plan
from semioscope.synthetic.depth_room import DEPTH_SIZE, PLACEMENTS, draw_depth_camera, draw_depth_style
from semioscope.synthetic.depth_truth import bed_region, body_region
from semioscope.synthetic.depth_view import depth_frames, make_depth_scene

_MOMENTS = ("preictal", "ictal", "postictal")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneFrame:
    """The first frame of one event.

    Args:
        event_id: Unique among those that were made together.
        plan: What happens in its recording.
        moment: The part that begins: preictal, ictal or postictal.
        infrared: 16 bit.
        depth: Millimetres, 0 = missing.
        labels: Values of ``PARTS``.
        true_depth: Metres along the camera's axis, without faults of the sensor.
        body: Box around the patient, hidden parts included; None where it is out of the picture.
        bed: Box around the bed; None where there is no bed.
    """

    event_id: str
    plan: DepthPlan
    moment: str
    infrared: UInt16[np.ndarray, "height width"]
    depth: UInt16[np.ndarray, "height width"]
    labels: UInt8[np.ndarray, "height width"]
    true_depth: Float32[np.ndarray, "height width"]
    body: Region | None
    bed: Region | None


def scene_frames(
    seed: int,
    *,
    num_scenes: int = 64,
    size: tuple[int, int] = DEPTH_SIZE,
    failures: tuple[str, ...] = (),
) -> Iterator[SceneFrame]:
    """Yield first frames of events of as many patients, the camera's placements in turn.

    Args:
        seed: Same seed, same pictures.
        num_scenes: Patients, 1 or more.
        size: Width and height in pixels.
        failures: Keys of ``FAILURES``; the last scenes show them, one each.

    Raises:
        ConfigError: If a failure is unknown, or there are more of them than scenes.
    """
    for name in failures:
        if name not in FAILURES:
            raise ConfigError(unknown_name("failure of a synthetic scene", name, FAILURES))
    if not len(failures) <= num_scenes or num_scenes < 1:
        msg = (
            f"num_scenes must be 1 or more and at least the number of failures ({len(failures)}), got "
            f"{num_scenes}. Ask for more scenes or fewer failures."
        )
        raise ConfigError(msg)
    forced = [None] * (num_scenes - len(failures)) + list(failures)
    names = list(PLACEMENTS)
    for number, failure in enumerate(forced):
        patient_id = f"v{number + 1:03d}"
        placement = names[number % len(names)]
        style = draw_depth_style(patient_id, seed=seed)
        plan = draw_depth_plan(
            style, SYNDROMES[number % 2], recording_id=f"{patient_id}-s1", placement=placement,
            camera=draw_depth_camera(patient_id, placement, seed=seed), seed=seed, min_seconds=10.0,
            max_seconds=60.0, preictal_seconds=20.0, postictal_seconds=20.0, failure=failure,
        )  # fmt: skip
        rng = stream(seed, "synthetic-depth-moment", patient=patient_id)
        moment = _MOMENTS[int(rng.integers(len(_MOMENTS)))]
        seconds = {"preictal": 0.0, "ictal": plan.onset_seconds, "postictal": plan.offset_seconds}[moment]
        scene = make_depth_scene(plan, np.array([seconds]), width=size[0], height=size[1])
        frame = next(depth_frames(scene, labelled=(0,)))
        if frame.labels is None or frame.true_depth is None:
            msg = "A labelled frame must have labels."
            raise TypeError(msg)
        yield SceneFrame(
            event_id=f"{plan.recording_id}-{moment}", plan=plan, moment=moment, infrared=frame.infrared,
            depth=frame.depth, labels=frame.labels, true_depth=frame.true_depth,
            body=body_region(frame.body_bounds, frame.labels), bed=bed_region(scene),
        )  # fmt: skip
