"""How a body moves in a psychogenic seizure: waxing and waning, limbs out of step, head and body from side to side.

As in ``movements``, every function is one of time alone, and its random parts are drawn once.
"""

from dataclasses import replace

import numpy as np

from semioscope.synthetic.body import SIDES, Pose, blend
from semioscope.synthetic.movements import (
    Movement,
    Phase,
    Times,
    clonic,
    rest,
    smooth_step,
    still,
    wandering_phase,
    wobble,
)
from semioscope.synthetic.style import PatientStyle

PSYCHOGENIC_HZ = (0.6, 2.4)
"""Lowest and highest rate of the movements; it wanders, and neither falls nor rises on the whole."""


def waxing_waning(times: Times, rng: np.random.Generator) -> Times:
    """Return a slow swell in [0.05, 1.3]: bursts of some seconds with lulls, as different as the draw."""
    swell = wobble(times, rng, low_hz=0.04, high_hz=0.16)
    strength: Times = 0.05 + 1.25 * smooth_step(0.55 + 0.9 * swell)
    return strength


def side_to_side(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """The head turns from side to side, the body rolls with it or after it; the hands are held or slide along."""
    pose = rest(times, style, phase, rng)
    low_hz, high_hz = phase.rate_hz or PSYCHOGENIC_HZ
    swell = style.amplitude * waxing_waning(times, rng)
    turn = wandering_phase(times, rng, low_hz=low_hz, high_hz=high_hz)
    lag, roll = rng.uniform(0.0, 1.2), rng.uniform(0.15, 0.4)
    body = roll * swell * np.sin(turn - lag)
    hands = pose.hands.copy()
    for index in range(2):
        hands[:, index, 0] += 0.12 * body + 0.05 * swell * np.sin(0.5 * turn + rng.uniform(0, 6.3))
    return replace(
        pose,
        hands=hands,
        head_yaw=pose.head_yaw + 0.85 * swell * np.sin(turn),
        trunk_roll=pose.trunk_roll + body,
        pelvis=pose.pelvis + np.stack([0.06 * body, 0 * body, 0 * body], axis=1),
    )


def flailing(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Arms and legs beat out of step, each at a rate and a swell of its own, now two of them, now none."""
    pose = rest(times, style, phase, rng)
    low_hz, high_hz = phase.rate_hz or PSYCHOGENIC_HZ
    scale, whole = style.height_scale, style.amplitude * waxing_waning(times, rng)
    hands, feet = pose.hands.copy(), pose.feet.copy()
    for index, side in enumerate(SIDES):
        for limb, middle, reach in (
            (hands, np.array([side * 0.3, 0.22, 0.2]), np.array([0.13, 0.16, 0.15])),
            (feet, np.array([side * 0.13, -0.68, 0.05]), np.array([0.06, 0.12, 0.09])),
        ):
            rate = rng.uniform(low_hz, high_hz)
            beat = wandering_phase(times, rng, low_hz=0.8 * rate, high_hz=1.2 * rate)
            own = (whole * waxing_waning(times, rng))[:, None]
            shift = rng.uniform(0, 2 * np.pi, 3)
            wanted = middle * scale + own * reach * np.sin(beat[:, None] + shift)
            limb[:, index] += np.minimum(own, 1.0) * (wanted - limb[:, index])
    yaw = 0.6 * whole * np.sin(wandering_phase(times, rng, low_hz=low_hz, high_hz=high_hz))
    return replace(
        pose,
        hands=hands,
        feet=feet,
        head_yaw=pose.head_yaw + yaw,
        trunk_roll=pose.trunk_roll + 0.12 * whole * wobble(times, rng, low_hz=0.3, high_hz=0.9),
    )


def thrusting(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """The pelvis lifts and falls, the back arches, the head lies back; in bursts."""
    pose = rest(times, style, phase, rng)
    low_hz, high_hz = phase.rate_hz or PSYCHOGENIC_HZ
    swell = style.amplitude * waxing_waning(times, rng)
    lift = swell * (0.5 - 0.5 * np.cos(wandering_phase(times, rng, low_hz=low_hz, high_hz=high_hz)))
    feet = pose.feet.copy()
    feet[:, :, 1] += (0.2 * np.minimum(swell, 1.0))[:, None] * style.height_scale
    return replace(
        pose,
        feet=feet,
        pelvis=pose.pelvis + lift[:, None] * np.array([0.0, 0.03, 0.13]),
        trunk_pitch=pose.trunk_pitch - 0.12 * lift,
        head_pitch=pose.head_pitch - 0.3 * np.minimum(swell, 1.0),
        head_yaw=pose.head_yaw + 0.4 * swell * wobble(times, rng, low_hz=0.2, high_hz=0.8),
    )


def shaking(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """A look-alike of clonic jerks: all limbs together, but at one rate to the end, and with lulls."""
    rate = float(rng.uniform(2.0, 3.2))
    steady = replace(phase, rate_hz=(rate, rate * 1.02))
    swell = np.minimum(waxing_waning(times, rng), 1.0)
    return blend(rest(times, style, phase, rng), clonic(times, style, steady, rng), 0.75 * swell)


def collapse(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """A look-alike of an arrest: the patient lies still with a tremor of one hand that comes and goes."""
    pose = still(times, style, phase, rng)
    hand = int(rng.integers(2))
    hands = pose.hands.copy()
    tremor = 0.02 * waxing_waning(times, rng) * np.sin(wandering_phase(times, rng, low_hz=3.0, high_hz=5.0))
    hands[:, hand] += tremor[:, None] * np.array([0.4, 0.6, 1.0])
    return replace(pose, hands=hands)


PSYCHOGENIC: dict[str, Movement] = {
    "side to side": side_to_side,
    "flailing": flailing,
    "thrusting": thrusting,
    "shaking": shaking,
    "collapse": collapse,
}
"""Movements of psychogenic seizures; the last two look like epileptic ones."""
