"""A carer who walks in, stands at the bed, reaches over the patient, and may leave again."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semioscope.synthetic.body import Capsules, two_bones
from semioscope.synthetic.room import ROOM_HALF_METRES

_STEP_METRES = 0.62
_SPEED = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CarerVisit:
    """One visit. Times in seconds from the start of the recording.

    Args:
        enter_seconds: When the carer starts to walk from the door.
        leave_seconds: When the carer starts to walk back.
        side: Side of the bed, -1 or 1 (sign of x in the room).
        bed_x: Place of the bed across the room.
        height_scale: Factor on every length.
        clothes: Albedo.
        way: Places on the floor from the door to where the carer stops; empty: along the bed's side.
    """

    enter_seconds: float
    leave_seconds: float
    side: int
    bed_x: float
    height_scale: float
    clothes: float
    way: tuple[tuple[float, float], ...] = ()


def carer_capsules(visit: CarerVisit, times: Float[np.ndarray, " time"]) -> Capsules:
    """Return the capsules of a carer over a recording, in room axes."""
    scale = visit.height_scale
    door = np.array([visit.side * (ROOM_HALF_METRES[0] + 0.4), -0.45])
    foot_end = np.array([visit.bed_x + visit.side * 1.0, -0.3])
    bedside = np.array([visit.bed_x + visit.side * 0.78, 1.05])
    way = np.array(visit.way) if visit.way else np.stack([door, foot_end, bedside])
    towards = np.array([-visit.side, 0.15])
    if visit.way:  # faces the nearest point of the bed's middle line
        towards = np.array([visit.bed_x, np.clip(way[-1, 1], 0.5, 1.5)]) - way[-1]
        towards /= np.linalg.norm(towards)
    legs = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    gone = np.minimum(
        (times - visit.enter_seconds) * _SPEED,
        legs[-1] + np.minimum((visit.leave_seconds - times) * _SPEED, 0.0),
    )
    gone_in = np.clip(gone, 0.0, legs[-1])
    place = np.stack([np.interp(gone_in, legs, way[:, k]) for k in (0, 1)], axis=1)
    ahead = np.stack([np.interp(gone_in + 0.05, legs, way[:, k]) for k in (0, 1)], axis=1) - place
    at_bed = np.clip((gone - legs[-1] + 0.35) / 0.35, 0.0, 1.0)[:, None]
    facing = (1 - at_bed) * ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    facing = facing + at_bed * towards
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-6)
    forward = np.concatenate([facing, np.zeros((len(times), 1))], axis=1)
    left = np.stack([-facing[:, 1], facing[:, 0], np.zeros(len(times))], axis=1)
    up = np.array([0.0, 0.0, 1.0])

    swing = np.sin(np.pi * gone_in / _STEP_METRES)[:, None] * (1 - at_bed)
    lean = 0.3 * at_bed
    hip_mid = np.concatenate([place, np.full((len(times), 1), 0.9 * scale)], axis=1)
    chest = hip_mid + scale * (0.5 * np.cos(lean) * up + 0.5 * np.sin(lean) * forward)
    head = chest + scale * (0.24 * up + 0.05 * forward + 0.06 * lean * forward)
    sway = 0.03 * np.sin(2 * np.pi * 0.4 * times)[:, None]
    parts = [
        (hip_mid - 0.08 * left, hip_mid + 0.08 * left, 0.12, visit.clothes),
        (hip_mid, chest, 0.14, visit.clothes),
        (chest - 0.16 * left, chest + 0.16 * left, 0.08, visit.clothes),
        (chest, head, 0.05, 0.7),
        (head - 0.03 * up, head + 0.04 * up, 0.09, 0.7),
        (head - 0.03 * forward + 0.02 * up, head - 0.03 * forward + 0.06 * up, 0.09, 0.15),
    ]
    for sign in (-1.0, 1.0):
        hip, shoulder = hip_mid + sign * 0.09 * left, chest + sign * 0.18 * left
        ankle = (
            hip - scale * 0.83 * up + sign * 0.3 * swing * forward + 0.06 * np.maximum(sign * swing, 0) * up
        )
        knee, ankle = two_bones(hip, ankle, forward, first=0.43 * scale, second=0.42 * scale)
        hanging = shoulder - 0.5 * up - sign * 0.2 * swing * forward
        reaching = shoulder + 0.42 * forward - 0.28 * up + sway * left
        wrist = hanging + at_bed * (reaching - hanging)
        elbow, wrist = two_bones(shoulder, wrist, -forward - 0.5 * up, first=0.3 * scale, second=0.27 * scale)
        parts += [
            (hip, knee, 0.075, 0.45 * visit.clothes),
            (knee, ankle, 0.06, 0.45 * visit.clothes),
            (ankle, ankle + 0.14 * forward, 0.04, 0.8),
            (shoulder, elbow, 0.05, visit.clothes),
            (elbow, wrist, 0.038, 0.7),
            (wrist, wrist + 0.08 * forward - 0.04 * up, 0.04, 0.7),
        ]
    return Capsules(
        starts=np.stack([part[0] for part in parts], axis=1),
        ends=np.stack([part[1] for part in parts], axis=1),
        radii=np.array([part[2] for part in parts]),
        albedo=np.array([part[3] for part in parts]),
        shown=((gone > 0) & (times >= visit.enter_seconds)).astype(np.float64),
    )
