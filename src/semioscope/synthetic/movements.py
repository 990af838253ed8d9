"""How a body moves: one function per kind of movement, each a function of time alone.

Every random part is a sum of a few waves with drawn phases, so the same seed gives the same movement at every
frame rate. Times are seconds from the start of the recording.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from semioscope.synthetic.body import SIDES, Pose, blend, mouth_place, shoulder_line
from semioscope.synthetic.style import PatientStyle

Times = Float[np.ndarray, " time"]

AUTOMATISM_HZ = (0.4, 1.8)
"""Rates of automatisms, lowest and highest."""
HYPERKINETIC_HZ = (1.0, 3.0)
"""Rates of hyperkinetic movements, lowest and highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of a recording with one kind of movement.

    Args:
        name: What it is in the seizure: before, focal, tonic, clonic or after.
        movement: A key of ``MOVEMENTS``.
        start_seconds: Beginning, included.
        end_seconds: End, excluded.
        rate_hz: First and last rate of a rhythmic movement; None where nothing is rhythmic.
    """

    name: str
    movement: str
    start_seconds: float
    end_seconds: float
    rate_hz: tuple[float, float] | None = None


Movement = Callable[[Times, PatientStyle, Phase, np.random.Generator], Pose]


def wobble(times: Times, rng: np.random.Generator, *, low_hz: float, high_hz: float, waves: int = 5) -> Times:
    """Return a smooth irregular signal of variance 1/2 whose waves lie between two rates."""
    rates = rng.uniform(low_hz, high_hz, waves)
    phases = rng.uniform(0, 2 * np.pi, waves)
    signal: Times = np.cos(2 * np.pi * np.outer(times, rates) + phases).sum(axis=1) / np.sqrt(waves)
    return signal


def wandering_phase(times: Times, rng: np.random.Generator, *, low_hz: float, high_hz: float) -> Times:
    """Return the phase (radians) of an oscillation whose rate wanders and always stays between two rates."""
    middle, half = (low_hz + high_hz) / 2, (high_hz - low_hz) / 2
    phase = middle * times + rng.uniform()
    for share, slow_hz in ((0.6, rng.uniform(0.08, 0.2)), (0.4, rng.uniform(0.25, 0.5))):
        shift = rng.uniform(0, 2 * np.pi)
        phase = phase - half * share * np.cos(2 * np.pi * slow_hz * times + shift) / (2 * np.pi * slow_hz)
    return 2 * np.pi * phase


def falling_phase(times: Times, phase: Phase) -> Times:
    """Return the phase (radians) of jerks whose rate falls exponentially from the first to the last rate."""
    first, last = phase.rate_hz or (4.0, 1.0)
    seconds = phase.end_seconds - phase.start_seconds
    share = np.clip((times - phase.start_seconds) / seconds, 0.0, 1.0)
    ratio = np.log(last / first)
    turns = first * seconds * (np.exp(ratio * share) - 1) / ratio
    angle: Times = 2 * np.pi * (turns + last * np.maximum(times - phase.end_seconds, 0.0))
    return angle


def rest(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Lying on the back: breathing, small shifts, now and then a slow movement of a hand."""
    num, scale = len(times), style.height_scale
    breath = np.sin(2 * np.pi * rng.uniform(0.22, 0.32) * times + rng.uniform(0, 6.3))
    pelvis = np.zeros((num, 3))
    pelvis[:, 2] = 0.003 * breath
    hands = np.zeros((num, 2, 3))
    feet = np.zeros((num, 2, 3))
    for index, side in enumerate(SIDES):
        hands[:, index] = np.array([side * rng.uniform(0.25, 0.31), rng.uniform(-0.02, 0.08), -0.02]) * scale
        if rng.uniform() < 0.35:  # a hand on the belly
            hands[:, index] = np.array([side * 0.06, rng.uniform(0.1, 0.2), 0.17]) * scale
        hands[:, index] += 0.012 * _wobbles(times, rng, low_hz=0.05, high_hz=0.2)
        feet[:, index] = np.array([side * rng.uniform(0.09, 0.16), -rng.uniform(0.77, 0.83), -0.03]) * scale
        feet[:, index] += 0.006 * _wobbles(times, rng, low_hz=0.04, high_hz=0.15)
    return Pose(
        pelvis=pelvis,
        trunk_pitch=np.radians(style.backrest_degrees) + 0.012 * breath,
        trunk_roll=0.03 * wobble(times, rng, low_hz=0.03, high_hz=0.1),
        head_yaw=rng.uniform(-0.3, 0.3) + 0.12 * wobble(times, rng, low_hz=0.03, high_hz=0.15),
        head_pitch=0.05 * wobble(times, rng, low_hz=0.03, high_hz=0.15),
        hands=hands,
        feet=feet,
    )


def automatisms(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """One hand fumbles at the sheet or the chest, or goes to the mouth again and again, 0.4-1.8 Hz."""
    pose = rest(times, style, phase, rng)
    rate = (phase.rate_hz or (1.0, 1.0))[0]
    slow, fast = max(rate * 0.93, AUTOMATISM_HZ[0]), min(rate * 1.07, AUTOMATISM_HZ[1])
    swing = np.sin(wandering_phase(times, rng, low_hz=slow, high_hz=fast))
    hand = 0 if style.handed < 0 else 1
    side, scale = SIDES[hand], style.height_scale
    belly = np.array([side * 0.08, 0.16, 0.2]) * scale
    mouth = mouth_place(style)
    if rate < 0.8:  # slow ones travel between the belly and the mouth
        middle, reach = (belly + mouth) / 2 + np.array([0, 0, 0.1]), 0.45 * (mouth - belly)
    else:
        places = [belly, np.array([side * 0.3, 0.05, 0.02]) * scale, mouth + np.array([0.0, -0.2, 0.06])]
        middle = places[rng.integers(len(places))]
        reach = rng.normal(size=3) * (1.0, 1.0, 0.35)
        reach *= 0.085 / np.linalg.norm(reach)
    hands = pose.hands.copy()
    hands[:, hand] = middle + style.amplitude * swing[:, None] * reach
    hands[:, hand] += 0.015 * _wobbles(times, rng, low_hz=0.1, high_hz=0.3)
    chew = 0.05 * style.amplitude * np.sin(wandering_phase(times, rng, low_hz=slow, high_hz=fast))
    return replace(pose, hands=hands, head_pitch=pose.head_pitch + chew, head_yaw=pose.head_yaw - 0.2 * side)


def version(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Head and trunk turn slowly to one side and stay there; the arm of that side is stretched and held."""
    pose = rest(times, style, phase, rng)
    side = int(rng.choice([-1, 1]))
    into = times - phase.start_seconds
    turn = smooth_step((into - 0.5) / rng.uniform(2.5, 5.0))
    jolts = 1 + 0.06 * np.sin(wandering_phase(times, rng, low_hz=1.2, high_hz=2.2))
    hand = 0 if side < 0 else 1
    hands = pose.hands.copy()
    stretched = np.array([side * 0.48, shoulder_line(style) - 0.05, 0.25]) * style.height_scale
    share = (turn * min(style.amplitude, 1.0))[:, None]
    hands[:, hand] += share * (stretched - hands[:, hand])
    return replace(
        pose,
        hands=hands,
        head_yaw=pose.head_yaw + side * np.radians(75) * turn * jolts,
        trunk_roll=pose.trunk_roll + side * 0.35 * style.amplitude * turn,
        pelvis=pose.pelvis + turn[:, None] * np.array([side * 0.03, 0.0, 0.0]),
    )


def hyperkinetic(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Large, fast, irregular thrashing of arms, legs and trunk, 1-3 Hz, each limb in its own time."""
    pose = rest(times, style, phase, rng)
    low_hz, high_hz = phase.rate_hz or HYPERKINETIC_HZ
    amplitude, scale = style.amplitude, style.height_scale

    def swing() -> Times:
        waxing = 0.65 + 0.35 * np.sin(wandering_phase(times, rng, low_hz=0.12, high_hz=0.4))
        wave: Times = waxing * np.sin(wandering_phase(times, rng, low_hz=low_hz, high_hz=high_hz))
        return wave

    hands, feet = pose.hands.copy(), pose.feet.copy()
    for index, side in enumerate(SIDES):
        middle = np.array([side * 0.27, 0.3, 0.3]) * scale
        hands[:, index] = middle + 0.2 * amplitude * np.stack([swing(), swing(), 0.8 * swing()], axis=1)
        bent = np.array([side * 0.13, -0.55, 0.12]) * scale
        pedal = wandering_phase(times, rng, low_hz=low_hz, high_hz=high_hz)
        wheel = np.stack([0.25 * swing(), np.cos(pedal), np.maximum(np.sin(pedal), -0.3)], axis=1)
        feet[:, index] = bent + 0.14 * amplitude * wheel
    return replace(
        pose,
        hands=hands,
        feet=feet,
        pelvis=pose.pelvis
        + 0.05 * amplitude * np.stack([swing(), 0.5 * swing(), 0.6 * (1 + swing())], axis=1),
        trunk_roll=pose.trunk_roll + 0.3 * amplitude * swing(),
        trunk_pitch=pose.trunk_pitch + 0.1 * amplitude * (1 + swing()),
        head_yaw=pose.head_yaw + 0.5 * amplitude * swing(),
    )


def still(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Almost no movement: a stare, a slight turn of the head, single twitches of one hand."""
    calm = rest(times, style, phase, rng)
    pose = blend(calm, _held(calm), np.full(len(times), 0.7))
    side = rng.choice([-1, 1])
    into = times - phase.start_seconds
    hands = pose.hands.copy()
    twitches = np.maximum(wobble(times, rng, low_hz=0.3, high_hz=1.0) - 0.9, 0.0)
    hands[:, int(side > 0), 2] += 0.05 * style.amplitude * twitches
    return replace(pose, hands=hands, head_yaw=pose.head_yaw + side * 0.3 * smooth_step(into / 3.0))


def tonic(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Stiffening: arms lifted and stretched or bent, legs straight, head back, a fine fast tremor."""
    pose = _stiff(times, style, rng)
    tremor = 0.011 * style.amplitude * np.sin(wandering_phase(times, rng, low_hz=5.2, high_hz=6.8))
    shaken = np.stack([0.4 * tremor, tremor, tremor], axis=1)[:, None]
    return replace(
        pose,
        hands=pose.hands + shaken,
        feet=pose.feet + 0.4 * shaken,
        trunk_pitch=pose.trunk_pitch + 0.3 * tremor,
    )


def clonic(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """Jerks of all limbs together; they become slower (about 4 to 1 Hz) and larger, with limp pauses."""
    pose = _stiff(times, style, rng)
    turns = falling_phase(times, phase)
    share = np.clip((times - phase.start_seconds) / (phase.end_seconds - phase.start_seconds), 0.0, 1.0)
    size = style.amplitude * (0.35 + 0.65 * share)
    slack = blend(pose, rest(times, style, phase, rng), 0.45 * share)
    hands, feet = slack.hands.copy(), slack.feet.copy()

    def jerk(lag_seconds: float) -> Times:
        rate = np.gradient(turns, times) if len(times) > 1 else np.zeros_like(times)
        wave: Times = (0.5 + 0.5 * np.cos(turns - rate * lag_seconds)) ** 1.5 * size
        return wave

    for index, side in enumerate(SIDES):
        reach = rng.uniform(0.85, 1.15)
        pull = np.array([-side * 0.1, 0.12, 0.13]) * reach
        hands[:, index] += jerk(rng.uniform(0, 0.03))[:, None] * pull
        feet[:, index] += jerk(rng.uniform(0, 0.03))[:, None] * np.array([0.0, 0.1, 0.05]) * reach
    trunk = jerk(0.0)
    return replace(
        slack,
        hands=hands,
        feet=feet,
        head_pitch=slack.head_pitch + 0.3 * trunk,
        trunk_pitch=slack.trunk_pitch + 0.07 * trunk,
        pelvis=slack.pelvis + trunk[:, None] * np.array([0.0, 0.0, 0.02]),
    )


def limp(times: Times, style: PatientStyle, phase: Phase, rng: np.random.Generator) -> Pose:
    """After a tonic-clonic seizure: nothing moves but a deep, slow breath."""
    pose = _held(rest(times, style, phase, rng))
    breath = np.sin(2 * np.pi * rng.uniform(0.3, 0.45) * times)
    hands = pose.hands.copy()
    hands[:, :, 2] = -0.03
    hands[:, :, 0] = SIDES * rng.uniform(0.3, 0.4) * style.height_scale
    return replace(
        pose, hands=hands, trunk_pitch=pose.trunk_pitch + 0.035 * breath,
        head_yaw=pose.head_yaw + float(rng.choice([-0.8, 0.8])),
    )  # fmt: skip


MOVEMENTS: dict[str, Movement] = {
    "rest": rest,
    "automatisms": automatisms,
    "version": version,
    "hyperkinetic": hyperkinetic,
    "still": still,
    "tonic": tonic,
    "clonic": clonic,
    "limp": limp,
}
"""Every kind of movement that a phase may name."""

RAMP_SECONDS = {"rest": 2.5, "version": 1.0, "still": 1.5, "tonic": 1.2, "clonic": 0.6, "limp": 1.0}
"""How long a movement takes to replace the one before it; 0.8 s for those that are not named."""


def animate(
    phases: tuple[Phase, ...],
    times: Times,
    style: PatientStyle,
    streams: Callable[[int], np.random.Generator],
    *,
    movements: Mapping[str, Movement] | None = None,
) -> Pose:
    """Return the postures of a recording: each phase takes over from the one before it.

    Args:
        phases: In order of time, without gaps; the first one starts at 0.
        times: Seconds from the start of the recording, ascending.
        style: The patient.
        streams: The random stream of each phase by its number.
        movements: What the phases may name; None: ``MOVEMENTS``.
    """
    movements = MOVEMENTS if movements is None else movements
    pose = movements[phases[0].movement](times, style, phases[0], streams(0))
    for number, phase in enumerate(phases[1:], start=1):
        following = movements[phase.movement](times, style, phase, streams(number))
        ramp = RAMP_SECONDS.get(phase.movement, 0.8)
        pose = blend(pose, following, smooth_step((times - phase.start_seconds) / ramp))
    return pose


def smooth_step(share: Times) -> Times:
    """Return 0 before 0, 1 after 1, and a smooth rise between."""
    inside = np.clip(share, 0.0, 1.0)
    step: Times = inside * inside * (3 - 2 * inside)
    return step


def _stiff(times: Times, style: PatientStyle, rng: np.random.Generator) -> Pose:
    num, scale = len(times), style.height_scale
    hands, feet = np.zeros((num, 2, 3)), np.zeros((num, 2, 3))
    line = shoulder_line(style)
    for index, side in enumerate(SIDES):
        stretched = np.array([side * 0.36, line - 0.3 * scale, 0.36])
        bent = np.array([side * 0.12, line - 0.12, 0.34])
        hands[:, index] = stretched + style.tonic_flexed * (bent - stretched)
        feet[:, index] = np.array([side * 0.11, -0.82, 0.0]) * scale
    return Pose(
        pelvis=np.tile([0.0, 0.0, 0.01], (num, 1)),
        trunk_pitch=np.full(num, np.radians(style.backrest_degrees) + 0.06),
        trunk_roll=np.zeros(num),
        head_yaw=np.full(num, float(rng.uniform(-0.4, 0.4))),
        head_pitch=np.full(num, -0.2),
        hands=hands,
        feet=feet,
    )


def _held(pose: Pose) -> Pose:
    whole = {name: np.broadcast_to(getattr(pose, name).mean(axis=0), getattr(pose, name).shape).copy()
             for name in Pose.__slots__}  # fmt: skip
    return Pose(**whole)


def _wobbles(
    times: Times, rng: np.random.Generator, *, low_hz: float, high_hz: float
) -> Float[np.ndarray, "time 3"]:
    return np.stack([wobble(times, rng, low_hz=low_hz, high_hz=high_hz) for _ in range(3)], axis=1)
