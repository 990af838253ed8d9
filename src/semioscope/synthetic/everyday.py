"""What patients do when they have no seizure: turn over, reach out, sit up, fumble with the cover.

As in ``movements``, every function is one of time alone, and its random parts are drawn once.
"""

from dataclasses import replace

import numpy as np

from semioscope.synthetic.body import SIDES, Pose, blend, mouth_place
from semioscope.synthetic.movements import (
    MOVEMENTS,
    Movement,
    Phase,
    Times,
    rest,
    smooth_step,
    wandering_phase,
    wobble,
)
from semioscope.synthetic.style import PatientStyle


def turn_over(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Roll to one side within two seconds or so, and on to the other side or back some seconds later."""
    pose = rest(times, style, phase, rng)
    side = float(rng.choice([-1, 1]))
    first, second = rng.uniform(0.1, 1.0), rng.uniform(3.5, 6.0)
    into, speed = times - phase.start_seconds, rng.uniform(1.2, 2.4)
    back = float(rng.choice([1.0, 1.8]))
    turn = side * (smooth_step((into - first) / speed) - back * smooth_step((into - second) / speed))
    hands, feet, scale = pose.hands.copy(), pose.feet.copy(), style.height_scale
    for index, own in enumerate(SIDES):
        towards = np.maximum(-own * turn, 0.0)[:, None]  # the upper arm and leg come over
        hands[:, index] += towards * (np.array([-own * 0.12, 0.25, 0.2]) * scale - hands[:, index])
        feet[:, index] += towards * np.array([-own * 0.14, 0.12, 0.08])
    return replace(
        pose,
        hands=hands,
        feet=feet,
        trunk_roll=pose.trunk_roll - 0.85 * turn,
        head_yaw=pose.head_yaw - 0.7 * turn,
        pelvis=pose.pelvis + np.abs(turn)[:, None] * np.array([0.0, 0.0, 0.03]),
    )


def reach_out(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """One hand goes to the bedside locker, then to the mouth (a cup), and back, every five seconds or so."""
    pose = rest(times, style, phase, rng)
    hand = int(rng.integers(2))
    side, scale = SIDES[hand], style.height_scale
    out = np.array([side * 0.62, rng.uniform(0.35, 0.7), 0.25]) * scale
    turns = rng.uniform(0.15, 0.24) * (times - phase.start_seconds)
    share = turns - np.floor(turns)
    there = smooth_step(share / 0.2) - smooth_step((share - 0.35) / 0.2)
    drink = smooth_step((share - 0.35) / 0.2) - smooth_step((share - 0.75) / 0.2)
    hands = pose.hands.copy()
    home = hands[:, hand].copy()
    hands[:, hand] = (
        home + there[:, None] * (out - home) + drink[:, None] * (mouth_place(style) + 0.04 - home)
    )
    return replace(
        pose,
        hands=hands,
        trunk_roll=pose.trunk_roll + side * 0.3 * there,
        head_yaw=pose.head_yaw + side * 0.6 * there,
    )


def sit_up(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Sit up within two or three seconds, stay and look around, with the hands beside the hips."""
    pose = rest(times, style, phase, rng)
    up = smooth_step((times - phase.start_seconds - 0.2) / rng.uniform(1.6, 2.8))
    scale = style.height_scale
    beside = np.stack([np.array([side * 0.3, 0.12, 0.05]) * scale for side in SIDES])
    seated = replace(
        pose,
        trunk_pitch=np.full_like(times, np.radians(rng.uniform(62, 80)))
        + 0.03 * wobble(times, rng, low_hz=0.1, high_hz=0.4),
        trunk_roll=0.12 * wobble(times, rng, low_hz=0.05, high_hz=0.25),
        head_yaw=0.6 * wobble(times, rng, low_hz=0.05, high_hz=0.3),
        hands=beside + 0.3 * (pose.hands - pose.hands.mean(axis=0)),
    )
    return blend(pose, seated, up)


def fumble(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Pull at the cover, scratch, rub the face: bursts of a second or two with pauses, 0.8-2.5 Hz."""
    pose = rest(times, style, phase, rng)
    hand = int(rng.integers(2))
    side, scale = SIDES[hand], style.height_scale
    places = [
        np.array([side * 0.1, 0.15, 0.2]) * scale,
        np.array([side * 0.22, -0.1, 0.12]) * scale,
        mouth_place(style) + np.array([side * 0.08, 0.0, 0.05]),
    ]
    middle = places[int(rng.integers(len(places)))]
    active = smooth_step(0.5 + wobble(times, rng, low_hz=0.08, high_hz=0.3))
    swing = np.sin(wandering_phase(times, rng, low_hz=0.8, high_hz=2.5))
    reach = rng.normal(size=3) * (1.0, 1.0, 0.4)
    reach *= rng.uniform(0.03, 0.09) / np.linalg.norm(reach)
    hands = pose.hands.copy()
    wanted = middle + swing[:, None] * reach
    hands[:, hand] += active[:, None] * (wanted - hands[:, hand])
    return replace(
        pose, hands=hands, head_yaw=pose.head_yaw + 0.2 * wobble(times, rng, low_hz=0.1, high_hz=0.4)
    )


EVERYDAY: dict[str, Movement] = {
    "turn over": turn_over,
    "reach out": reach_out,
    "sit up": sit_up,
    "fumble": fumble,
}
"""Movements that are no seizure."""

ALL_MOVEMENTS: dict[str, Movement] = MOVEMENTS | EVERYDAY
"""Every kind of movement of depth recordings."""
