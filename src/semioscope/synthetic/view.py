"""One camera's pictures of a recording: the room, the bodies in it, the light, the lens and the sensor."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from semioscope.synthetic.body import Capsules
from semioscope.synthetic.geometry import (
    Camera,
    CameraState,
    draw_capsules,
    pixel_boxes,
    project,
    silhouette_bounds,
)
from semioscope.synthetic.room import Box, picture_room
from semioscope.synthetic.style import PatientStyle

_LAMP_GAIN = 1.6
_NOISE_MARGIN = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Everything that the cameras of a recording see.

    Args:
        style: The patient.
        boxes: The room.
        body: The patient's capsules.
        blanket: The blanket where it lies on the patient.
        others: Other people, and things that are held.
        lamp: Strength of the ceiling lamp per frame, in [0, 1].
        exposure: Gain of the recorder per frame.
    """

    style: PatientStyle
    boxes: tuple[Box, ...]
    body: Capsules
    blanket: Capsules
    others: tuple[Capsules, ...]
    lamp: Float[np.ndarray, " time"]
    exposure: Float[np.ndarray, " time"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewFrame:
    """One picture of a view.

    Args:
        picture: Grey levels.
        body_bounds: left, top, right, bottom of the patient (with the blanket on the body) in pixels, not
            clipped to the picture; NaN where the patient is not before the camera.
        objects: Number of what each pixel shows: a box of the room, the pillow (the number of boxes), or a capsule
            (those of body, blanket and others, counted on).
    """

    picture: UInt8[np.ndarray, "height width"]
    body_bounds: Float[np.ndarray, "4"]
    objects: UInt8[np.ndarray, "height width"]


def view_frames(
    scene: Scene,
    camera: Camera,
    states: list[CameraState],
    *,
    width: int,
    height: int,
    rng: np.random.Generator | None,
    every: int = 1,
) -> Iterator[ViewFrame]:
    """Yield the pictures of one camera in order of time.

    Args:
        scene: What there is to see, for each frame.
        camera: The camera.
        states: Its state in each frame.
        width: Columns of the pictures.
        height: Rows of the pictures.
        rng: Noise of the sensor; None for a sensor without noise.
        every: Yield each so-manieth frame only.
    """
    style = scene.style
    layers = [scene.body, scene.blanket, *scene.others]
    starts = np.concatenate([layer.starts for layer in layers], axis=1)
    ends = np.concatenate([layer.ends for layer in layers], axis=1)
    radii = np.concatenate([layer.radii for layer in layers])
    albedo = np.concatenate([layer.albedo for layer in layers])
    shown = np.concatenate([np.tile(layer.shown[:, None], layer.radii.size) for layer in layers], axis=1) > 0
    num_body = scene.body.radii.size + scene.blanket.radii.size
    corners = vignette(width, height, style.vignette)
    noise = _noise(rng, width, height, style.noise)
    reference = float(np.sum((np.array(camera.target) - np.array(camera.position)) ** 2))
    for first, last in _runs(states):
        projection = project(camera, states[first], width=width, height=height)
        room = picture_room(scene.boxes, style, projection)
        near, far = projection.to_camera(starts[first:last]), projection.to_camera(ends[first:last])
        bounds = silhouette_bounds(projection, near, far, np.broadcast_to(radii, near.shape[:2]))
        boxes = pixel_boxes(bounds, width=width, height=height)
        empty, lit = room.infrared, -1.0
        for frame in range(first, last):
            if noise is not None and rng is not None:
                offset = rng.integers(0, _NOISE_MARGIN, 2)
            if frame % every:
                continue
            lamp = float(scene.lamp[frame])
            infrared = reference * (1 - 0.85 * lamp)
            if lamp != lit:
                empty, lit = (
                    room.infrared * np.float32(infrared) + room.lamp * np.float32(lamp * _LAMP_GAIN),
                    lamp,
                )
            light, depth, objects = empty.copy(), room.depth.copy(), room.objects.copy()
            number = frame - first
            seen = np.flatnonzero(shown[frame] & (boxes[number, :, 2] > 0))
            draw_capsules(
                light,
                depth,
                projection,
                starts=near[number, seen],
                ends=far[number, seen],
                radii=radii[seen],
                albedo=albedo[seen],
                boxes=boxes[number, seen],
                infrared=infrared,
                lamp=lamp * _LAMP_GAIN,
                objects=objects,
                numbers=len(scene.boxes) + 1 + seen,
            )
            light *= corners
            grain = None
            if noise is not None and rng is not None:
                grain = noise[offset[0] : offset[0] + height, offset[1] : offset[1] + width]
            picture = _develop(light, gain=float(scene.exposure[frame]), grain=grain)
            outline = bounds[number, :num_body][shown[frame, :num_body]]
            yield ViewFrame(picture=picture, body_bounds=_union(outline), objects=objects)


def exposures(
    times: Float[np.ndarray, " time"], lamp_changes: tuple[tuple[float, float], ...], *, brightness: float
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """Return the strength of the ceiling lamp and the gain of a recorder that adapts to it in about a second.

    Args:
        times: Seconds from the start of the recording.
        lamp_changes: (seconds, strength from then on), ascending; the first one at 0.
        brightness: Exposure of the recorder.
    """
    lamp = np.zeros_like(times)
    gain = np.zeros_like(times)
    strength, reached = 0.0, 1.0
    for number, (moment, following) in enumerate(lamp_changes):
        end = lamp_changes[number + 1][0] if number + 1 < len(lamp_changes) else np.inf
        wanted = 1 / (1 + 0.9 * following)
        if number == 0:
            reached, strength = wanted, following
        now = (times >= moment) & (times < end)
        lamp[now] = strength + (following - strength) * np.clip((times[now] - moment) / 0.12, 0.0, 1.0)
        gain[now] = wanted + (reached - wanted) * np.exp(-(times[now] - moment) / 0.6)
        if np.isfinite(end):
            reached = wanted + (reached - wanted) * float(np.exp(-(end - moment) / 0.6))
        strength = following
    return lamp, gain * brightness


def _develop(
    light: Float32[np.ndarray, "height width"],
    *,
    gain: float,
    grain: Float32[np.ndarray, "height width"] | None,
) -> UInt8[np.ndarray, "height width"]:
    """The lens blurs a little, the sensor answers with the square root of the light, and adds its noise."""
    answer = blurred_16(light)
    answer *= np.float32(gain / 16 * 255 * 255 * 0.8)
    np.sqrt(answer, out=answer)
    answer += np.float32(6.5)
    if grain is not None:
        answer += grain
    np.clip(answer, 0, 255, out=answer)
    return answer.astype(np.uint8)


def blurred_16(light: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Return 16 times what a lens makes of a picture: weights 1 2 1 along both axes."""
    blurred = light * np.float32(2)
    blurred[1:-1] += light[:-2]
    blurred[1:-1] += light[2:]
    blurred[0] += light[0] + light[1]
    blurred[-1] += light[-1] + light[-2]
    answer = blurred * np.float32(2)
    answer[:, 1:-1] += blurred[:, :-2]
    answer[:, 1:-1] += blurred[:, 2:]
    answer[:, 0] += blurred[:, 0] + blurred[:, 1]
    answer[:, -1] += blurred[:, -1] + blurred[:, -2]
    return answer


def _noise(
    rng: np.random.Generator | None, width: int, height: int, deviation: float
) -> Float32[np.ndarray, "rows columns"] | None:
    if rng is None:
        return None
    shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN)
    return np.float32(deviation) * rng.standard_normal(shape, dtype=np.float32)


def vignette(width: int, height: int, strength: float) -> Float32[np.ndarray, "height width"]:
    """Return the share of light that reaches each pixel; ``strength`` is lost in the corners."""
    across = ((np.arange(width) + 0.5) / width * 2 - 1) ** 2
    down = ((np.arange(height) + 0.5) / height * 2 - 1) ** 2
    return (1 - strength * np.add.outer(0.42 * down, 0.58 * across)).astype(np.float32)


def _runs(states: list[CameraState]) -> Iterator[tuple[int, int]]:
    first = 0
    for frame in range(1, len(states) + 1):
        if frame == len(states) or states[frame] != states[first]:
            yield first, frame
            first = frame


def _union(bounds: Float[np.ndarray, "capsules 4"]) -> Float[np.ndarray, "4"]:
    seen = bounds[~np.isnan(bounds[:, 0])]
    if not len(seen):
        return np.full(4, np.nan)
    return np.concatenate([seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)])
