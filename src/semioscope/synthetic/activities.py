"""What patients do all day: eat, read, look at a phone, talk, sleep. With the things that they hold.

As in ``movements``, every function is one of time alone, and its random parts are drawn once.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from semioscope.synthetic.body import (
    MATTRESS_METRES,
    PELVIS_LIFT_METRES,
    SIDES,
    Capsules,
    Pose,
    bed_to_room,
    mouth_place,
)
from semioscope.synthetic.everyday import turn_over
from semioscope.synthetic.movements import Movement, Phase, Times, rest, smooth_step, wandering_phase, wobble
from semioscope.synthetic.style import PatientStyle


def _propped(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Half sitting against the pillow, looking ahead."""
    pose = rest(times, style, phase, rng)
    pitch = max(np.radians(style.backrest_degrees), np.radians(rng.uniform(28, 40)))
    return replace(
        pose,
        trunk_pitch=pitch + 0.01 * wobble(times, rng, low_hz=0.1, high_hz=0.3),
        head_pitch=np.full_like(times, 0.25) + 0.05 * wobble(times, rng, low_hz=0.05, high_hz=0.2),
    )


def _before_chest(style: PatientStyle, aside: float, ahead: float) -> Float[np.ndarray, "3"]:
    """A place above the lap and before the chest of somebody who half sits."""
    place: Float[np.ndarray, 3] = np.array([aside, 0.12, ahead]) * style.height_scale
    return place


def eat(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """One hand goes from the tray to the mouth every three to seven seconds, with chewing between."""
    pose = _propped(times, style, phase, rng)
    hand = 0 if style.handed < 0 else 1
    side, period = SIDES[hand], rng.uniform(3.0, 7.0)
    turns = times / period + 0.15 * wobble(times, rng, low_hz=0.03, high_hz=0.1) + rng.uniform()
    share = turns - np.floor(turns)
    up = smooth_step((share - 0.1) / 0.18) - smooth_step((share - 0.42) / 0.2)
    plate = _before_chest(style, side * 0.08, 0.27)
    stir = (
        0.02
        * np.sin(wandering_phase(times, rng, low_hz=0.8, high_hz=1.6))[:, None]
        * np.array([1.0, 0.6, 0.0])
    )
    hands = pose.hands.copy()
    hands[:, hand] = plate + (1 - up)[:, None] * stir + up[:, None] * (mouth_place(style) + 0.05 - plate)
    hands[:, 1 - hand] = _before_chest(style, -side * 0.17, 0.25)
    chew = 0.05 * (1 - up) * np.sin(wandering_phase(times, rng, low_hz=1.1, high_hz=1.7))
    return replace(pose, hands=hands, head_pitch=pose.head_pitch + chew)


def read(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Both hands hold a book before the chest; a page is turned now and then."""
    pose = _propped(times, style, phase, rng)
    period = rng.uniform(9.0, 25.0)
    turns = times / period + rng.uniform()
    share = (turns - np.floor(turns)) * period
    over = smooth_step(share / 0.7) - smooth_step((share - 1.1) / 0.7)
    hands = np.stack(
        [np.tile(_before_chest(style, side * 0.13, 0.46), (len(times), 1)) for side in SIDES], axis=1
    )
    hands += 0.01 * wobble(times, rng, low_hz=0.05, high_hz=0.3)[:, None, None]
    hands[:, 1, 0] -= 0.2 * over
    hands[:, 1, 2] += 0.04 * over
    yaw = 0.12 * wobble(times, rng, low_hz=0.1, high_hz=0.4)
    return replace(pose, hands=hands, head_yaw=yaw, head_pitch=pose.head_pitch + 0.15)


def phone(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """One hand holds a phone before the face, the thumb or the other hand taps and swipes in bursts."""
    pose = _propped(times, style, phase, rng)
    hand = 0 if style.handed < 0 else 1
    side = SIDES[hand]
    busy = smooth_step(0.5 + wobble(times, rng, low_hz=0.05, high_hz=0.25))
    tap = np.sin(wandering_phase(times, rng, low_hz=1.5, high_hz=3.5))
    hands = pose.hands.copy()
    hands[:, 1 - hand] = _before_chest(style, -side * 0.05, 0.46)
    hands[:, 1 - hand] += 0.012 * wobble(times, rng, low_hz=0.1, high_hz=0.5)[:, None]
    finger = _before_chest(style, side * 0.04, 0.45) + (0.018 * busy * tap)[:, None] * np.array(
        [0.4, 1.0, 0.5]
    )
    home = np.array([side * 0.1, 0.16, 0.2]) * style.height_scale
    hands[:, hand] = home + busy[:, None] * (finger - home)
    return replace(pose, hands=hands, head_pitch=pose.head_pitch + 0.2)


def talk(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """The face is turned to one side, nods; the hands speak along now and then."""
    pose = _propped(times, style, phase, rng)
    side = float(rng.choice([-1, 1]))
    lively = smooth_step(0.3 + wobble(times, rng, low_hz=0.06, high_hz=0.3))
    hands = pose.hands.copy()
    for index, own in enumerate(SIDES):
        beat = wandering_phase(times, rng, low_hz=0.5, high_hz=1.6)
        lifted = np.array([own * 0.2, 0.26, 0.24]) * style.height_scale
        lifted = lifted + 0.06 * np.sin(beat[:, None] + rng.uniform(0, 6.3, 3))
        hands[:, index] += (0.8 * lively)[:, None] * (lifted - hands[:, index])
    nod = 0.09 * lively * np.sin(wandering_phase(times, rng, low_hz=0.6, high_hz=1.4))
    return replace(
        pose,
        hands=hands,
        head_yaw=side * 0.7 + 0.2 * wobble(times, rng, low_hz=0.05, high_hz=0.3),
        head_pitch=pose.head_pitch + nod,
    )


def sleep(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Lies on the back or on one side; slow, even breath, hardly a twitch."""
    pose = rest(times, style, phase, rng)
    if rng.uniform() < 0.6:
        settled = turn_over(
            np.full(1, phase.start_seconds + 3.0), style, phase, rng
        )  # the moment in which one side is reached
        calm = {name: np.repeat(getattr(settled, name), len(times), axis=0) for name in Pose.__slots__}
        pose = Pose(**calm)
    breath = np.sin(2 * np.pi * rng.uniform(0.18, 0.26) * times)
    twitch = np.maximum(wobble(times, rng, low_hz=0.1, high_hz=0.5) - 1.2, 0.0)
    hands = pose.hands.copy()
    hands[:, int(rng.integers(2)), 2] += 0.05 * twitch
    return replace(pose, hands=hands, trunk_pitch=pose.trunk_pitch + 0.016 * breath)


ACTIVITIES: dict[str, Movement] = {"eat": eat, "read": read, "phone": phone, "talk": talk, "sleep": sleep}
"""Movements that fill a day."""


def held_thing(kind: str, pose: Pose, style: PatientStyle, shown: Float[np.ndarray, " time"]) -> Capsules:
    """Return what a patient has at hand, in room axes: a book, a phone, a spoon and a bowl.

    Args:
        kind: ``read``, ``phone`` or ``eat``.
        pose: Of the patient.
        style: The patient.
        shown: 0 while the thing is put away.
    """
    right, left = pose.hands[:, 0], pose.hands[:, 1]
    lift = np.array([0.0, -0.05, MATTRESS_METRES + PELVIS_LIFT_METRES])
    up = np.array([0.0, 0.06, 0.09])
    near = np.array([0.0, 0.05, 0.05])
    holding = left if style.handed < 0 else right
    eating = right if style.handed < 0 else left
    bowl = np.tile(_before_chest(style, 0.0, 0.2), (len(pose.hands), 1))
    wide = np.array([0.05, 0.0, 0.0])
    parts = {
        "read": [
            (0.75 * right + 0.25 * left + near - up, 0.75 * right + 0.25 * left + near + up, 0.05, 0.8),
            (0.3 * right + 0.7 * left + near - up, 0.3 * right + 0.7 * left + near + up, 0.05, 0.72),
        ],
        "phone": [(holding + near - 0.4 * up, holding + near + 0.6 * up, 0.035, 0.06)],
        "eat": [
            (eating, eating + np.array([0.0, 0.07, 0.03]), 0.012, 0.85),
            (bowl - wide, bowl + wide, 0.07, 0.83),
            (bowl - 5 * wide - 0.06 * np.eye(3)[2], bowl + 5 * wide - 0.06 * np.eye(3)[2], 0.035, 0.5),
        ],
    }[kind]
    return Capsules(
        starts=bed_to_room(style, np.stack([part[0] for part in parts], axis=1) + lift),
        ends=bed_to_room(style, np.stack([part[1] for part in parts], axis=1) + lift),
        radii=np.array([part[2] for part in parts]),
        albedo=np.array([part[3] for part in parts]),
        shown=shown,
    )
