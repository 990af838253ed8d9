"""A person of capsules: bones, posture, and the capsules that a posture gives.

Body axes, with the origin at the middle of the pelvis lying at rest: x to the patient's left, y towards the
head, z away from the mattress; metres. Arms and legs are placed by where the hand and the foot are; the
elbow and the knee follow.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from semioscope.synthetic.style import PatientStyle

MATTRESS_METRES = 0.62
PELVIS_LIFT_METRES = 0.11
SIDES = np.array([-1.0, 1.0])
"""Sign of x for the right and the left side; the order of the two hands and feet everywhere."""

_CLOTH_METRES = 0.03
_TRUNK, _UPPER_ARM, _FOREARM, _THIGH, _SHANK = 0.5, 0.29, 0.26, 0.42, 0.41


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pose:
    """Postures over time. Angles in radians, places in body axes.

    Args:
        pelvis: Shift of the pelvis from rest.
        trunk_pitch: Lift of the chest over the hips; 0 is flat on the mattress.
        trunk_roll: Turn of the shoulders to the patient's left.
        head_yaw: Turn of the face to the patient's left.
        head_pitch: Chin down (positive) or head thrown back (negative).
        hands: Wrists, right then left.
        feet: Ankles, right then left.
    """

    pelvis: Float[np.ndarray, "time 3"]
    trunk_pitch: Float[np.ndarray, " time"]
    trunk_roll: Float[np.ndarray, " time"]
    head_yaw: Float[np.ndarray, " time"]
    head_pitch: Float[np.ndarray, " time"]
    hands: Float[np.ndarray, "time 2 3"]
    feet: Float[np.ndarray, "time 2 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capsules:
    """Capsules over time, in room axes.

    Args:
        starts: One end of each axis.
        ends: The other end.
        radii: Metres.
        albedo: Share of light that comes back.
        shown: False while a capsule is not in the room.
    """

    starts: Float[np.ndarray, "time capsules 3"]
    ends: Float[np.ndarray, "time capsules 3"]
    radii: Float[np.ndarray, " capsules"]
    albedo: Float[np.ndarray, " capsules"]
    shown: Float[np.ndarray, " time"]


def blend(first: Pose, second: Pose, weight: Float[np.ndarray, " time"]) -> Pose:
    """Return the posture between two; weight 0 is the first, 1 the second."""
    mixed = {}
    for item in fields(Pose):
        a, b = getattr(first, item.name), getattr(second, item.name)
        share = weight.reshape(weight.shape + (1,) * (a.ndim - 1))
        mixed[item.name] = a + share * (b - a)
    return Pose(**mixed)


def two_bones(
    root: Float[np.ndarray, "*shape 3"],
    target: Float[np.ndarray, "*shape 3"],
    pole: Float[np.ndarray, "*shape 3"],
    *,
    first: float,
    second: float,
) -> tuple[Float[np.ndarray, "*shape 3"], Float[np.ndarray, "*shape 3"]]:
    """Return the joint and the end of a limb of two bones that reaches for a target.

    A target out of reach is reached for along the straight line to it.

    Args:
        root: Shoulder or hip.
        target: Where the end should be.
        pole: The side to which the joint bends.
        first: Length of the bone at the root.
        second: Length of the other.
    """
    line = target - root
    wanted = np.linalg.norm(line, axis=-1, keepdims=True)
    direction = line / np.maximum(wanted, 1e-9)
    reach = np.clip(wanted, abs(first - second) + 0.02, (first + second) * 0.999)
    along = (first**2 - second**2 + reach**2) / (2 * reach)
    aside = pole - np.sum(pole * direction, axis=-1, keepdims=True) * direction
    aside = aside / np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    joint = root + along * direction + np.sqrt(np.maximum(first**2 - along**2, 0.0)) * aside
    return joint, root + reach * direction


def shoulder_line(style: PatientStyle) -> float:
    """Return how far the shoulders are above the pelvis along the body, with the trunk on the backrest."""
    return _TRUNK * style.height_scale * float(np.cos(np.radians(style.backrest_degrees)))


def mouth_place(style: PatientStyle) -> Float[np.ndarray, "3"]:
    """Return where the mouth is at rest, in body axes."""
    pitch = np.radians(style.backrest_degrees)
    axis = np.array([0.0, np.cos(pitch), np.sin(pitch)])
    normal = np.array([0.0, -np.sin(pitch), np.cos(pitch)])
    place: Float[np.ndarray, 3] = style.height_scale * (0.66 * axis + 0.14 * normal)
    return place


def bed_to_room(style: PatientStyle, points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    """Return points of the bed (origin: its middle, on the floor; y to its head) in room axes."""
    angle = np.radians(style.bed_yaw_degrees)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    placed: Float[np.ndarray, "*shape 3"] = points @ turn.T + np.array([style.bed_x, 1.0, 0.0])
    return placed


def patient_capsules(pose: Pose, style: PatientStyle) -> tuple[Capsules, Capsules]:
    """Return the capsules of a patient's body, and those of the blanket where it lies on the body."""
    scale, girth = style.height_scale, style.girth
    x_axis = np.array([1.0, 0.0, 0.0])
    sin_p, cos_p = np.sin(pose.trunk_pitch)[:, None], np.cos(pose.trunk_pitch)[:, None]
    trunk = cos_p * np.array([0.0, 1.0, 0.0]) + sin_p * np.array([0.0, 0.0, 1.0])
    front = cos_p * np.array([0.0, 0.0, 1.0]) - sin_p * np.array([0.0, 1.0, 0.0])
    sin_r, cos_r = np.sin(pose.trunk_roll)[:, None], np.cos(pose.trunk_roll)[:, None]
    leftward = cos_r * x_axis - sin_r * front
    pelvis = pose.pelvis
    chest = pelvis + _TRUNK * scale * trunk + 0.02 * front
    shoulders = chest[:, None] + 0.17 * scale * SIDES[None, :, None] * leftward[:, None]
    hips = pelvis[:, None] + 0.09 * scale * SIDES[None, :, None] * x_axis
    elbow_pole = SIDES[None, :, None] * x_axis - 0.25 * front[:, None] - 0.2 * trunk[:, None]
    elbows, wrists = two_bones(
        shoulders, pose.hands, elbow_pole, first=_UPPER_ARM * scale, second=_FOREARM * scale
    )
    knee_pole = np.array([0.0, 0.3, 1.0]) + 0.35 * SIDES[None, :, None] * x_axis + 0 * hips
    knees, ankles = two_bones(hips, pose.feet, knee_pole, first=_THIGH * scale, second=_SHANK * scale)
    low = 0.04 - PELVIS_LIFT_METRES
    for joint in (elbows, wrists, knees, ankles):  # nothing sinks into the mattress
        joint[..., 2] = np.maximum(joint[..., 2], low)
    fingers = wrists + 0.09 * scale * _unit(wrists - elbows)
    toes = ankles + 0.13 * scale * (np.array([0.0, -0.25, 1.0]) + 0.3 * SIDES[None, :, None] * x_axis)

    sin_h, cos_h = np.sin(pose.head_pitch)[:, None], np.cos(pose.head_pitch)[:, None]
    nod_trunk, nod_front = cos_h * trunk + sin_h * front, cos_h * front - sin_h * trunk
    face = np.cos(pose.head_yaw)[:, None] * nod_front + np.sin(pose.head_yaw)[:, None] * x_axis
    neck = chest + 0.07 * scale * trunk + 0.02 * front
    head = neck + 0.13 * scale * nod_trunk + 0.05 * front + 0.02 * np.sin(pose.head_yaw)[:, None] * x_axis
    parts = [
        (hips[:, 0], hips[:, 1], 0.105 * girth, style.clothes),
        (pelvis, chest, 0.125 * girth, style.clothes),
        (chest - 0.09 * leftward, chest + 0.09 * leftward, 0.115 * girth, style.clothes),
        (shoulders[:, 0], shoulders[:, 1], 0.068 * girth, style.clothes),
        (chest, head, 0.055, style.skin),
        (head - 0.045 * nod_trunk, head + 0.02 * nod_trunk, 0.085, style.skin),
        (head - 0.02 * face + 0.015 * nod_trunk, head - 0.02 * face + 0.05 * nod_trunk, 0.086, style.hair),
        (head + 0.075 * face - 0.02 * nod_trunk, head + 0.087 * face - 0.035 * nod_trunk, 0.017, style.skin),
    ]
    for side in (0, 1):
        sleeve = shoulders[:, side] + 0.75 * (elbows[:, side] - shoulders[:, side])
        parts += [
            (shoulders[:, side], sleeve, 0.055 * girth, style.clothes),
            (sleeve, elbows[:, side], 0.044 * girth, style.skin),
            (elbows[:, side], wrists[:, side], 0.037 * girth, style.skin),
            (wrists[:, side], fingers[:, side], 0.042, style.skin),
            (hips[:, side], knees[:, side], 0.078 * girth, style.clothes),
            (knees[:, side], ankles[:, side], 0.054 * girth, style.clothes),
            (ankles[:, side], toes[:, side], 0.042, style.skin),
        ]
    body = _in_room(parts, style)
    return body, _in_room(_blanket_parts(style, pelvis, chest, hips, knees, ankles, toes), style)


def blanket_edge(style: PatientStyle) -> float:
    """Return how far up the bed the blanket reaches, in metres from the pelvis at rest."""
    return style.height_scale * float(np.interp(style.blanket_reach, [0.0, 0.4, 1.0], [-0.62, -0.2, 0.3]))


def _blanket_parts(
    style: PatientStyle, *joints: Float[np.ndarray, "..."]
) -> list[tuple[Float[np.ndarray, "time 3"], Float[np.ndarray, "time 3"], float, float]]:
    pelvis, chest, hips, knees, ankles, toes = joints
    edge, girth, scale = blanket_edge(style), style.girth, style.height_scale
    thigh = float(np.clip((edge + _THIGH * scale) / (_THIGH * scale), 0.0, 1.0))
    shank = float(np.clip((edge + (_THIGH + _SHANK) * scale) / (_SHANK * scale), 0.0, 1.0))
    parts = []

    def cover(
        start: Float[np.ndarray, "time 3"], end: Float[np.ndarray, "time 3"], radius: float, wide: float
    ) -> None:
        # a wide capsule that lies lower: cloth over a limb is flatter than the limb
        sunk = np.array([0.0, 0.0, radius + _CLOTH_METRES - wide])
        parts.append((start + sunk, end + sunk, wide, style.blanket))

    for side in (0, 1):
        upper = knees[:, side] + thigh * (hips[:, side] - knees[:, side])
        cover(
            ankles[:, side], ankles[:, side] + shank * (knees[:, side] - ankles[:, side]), 0.054 * girth, 0.12
        )
        cover(ankles[:, side], toes[:, side], 0.015, 0.07)
        if shank >= 1 and thigh > 0:
            cover(knees[:, side], upper, 0.078 * girth, 0.15)
    cover(toes[:, 0], toes[:, 1], 0.01, 0.07)
    between_ankles, between_knees = ankles.mean(axis=1), knees.mean(axis=1)
    cover(between_ankles, between_ankles + shank * (between_knees - between_ankles), 0.03 * girth, 0.15)
    if shank >= 1 and thigh > 0:
        cover(between_knees, between_knees + thigh * (pelvis - between_knees), 0.06 * girth, 0.17)
    if thigh >= 1:
        cover(hips[:, 0], hips[:, 1], 0.105 * girth, 0.19)
        reach = max(min(edge / (_TRUNK * scale), 0.6), 0.0)
        cover(pelvis, pelvis + reach * (chest - pelvis), 0.125 * girth, 0.21)
    return parts


def _in_room(
    parts: list[tuple[Float[np.ndarray, "time 3"], Float[np.ndarray, "time 3"], float, float]],
    style: PatientStyle,
) -> Capsules:
    lift = np.array([0.0, -0.05, MATTRESS_METRES + PELVIS_LIFT_METRES])
    starts = bed_to_room(style, np.stack([part[0] for part in parts], axis=1) + lift)
    ends = bed_to_room(style, np.stack([part[1] for part in parts], axis=1) + lift)
    return Capsules(
        starts=starts,
        ends=ends,
        radii=np.array([part[2] for part in parts]),
        albedo=np.array([part[3] for part in parts]),
        shown=np.ones(len(starts)),
    )


def _unit(vectors: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    lengths = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    unit: Float[np.ndarray, "*shape 3"] = vectors / lengths
    return unit
