"""What happens in one depth recording: a pre-ictal part, a seizure, a post-ictal part, carers. Drawn, not rendered.

Frontal seizures are mostly short, fast and large, temporal ones mostly longer, slower and manual; each patient
has a kind of its own, and some kinds of either class look like the other class. Patients move before and after
seizures too, and carers come in all parts, so that movement alone tells neither the class nor the part.
"""

from dataclasses import dataclass

import numpy as np

from semioscope.core.randomness import stream
from semioscope.synthetic.carer import CarerVisit
from semioscope.synthetic.depth_room import HEAD_WALL_METRES
from semioscope.synthetic.everyday import EVERYDAY
from semioscope.synthetic.geometry import Camera
from semioscope.synthetic.movements import Phase
from semioscope.synthetic.style import PatientStyle

SYNDROMES = ("FLE", "TLE")
"""Labels of patients, in the order of the tasks' classes."""

DEPTH_TASKS: dict[str, str] = {"fle-vs-tle": "syndrome", "fle-vs-tle-vs-nonepileptic": "syndrome"}
"""Tasks that depth cohorts are made for, and the column of ``patients.tsv`` that holds the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Semiology:
    """A kind of seizure.

    Args:
        steps: Movements in order, each with its share of the seizure.
        rates: Lowest and highest rate of the rhythmic movements, Hz.
        vigour: Factor on the size of the movements.
        chance: Weight among the kinds of the class.
        hard: Whether it looks like the other class.
    """

    steps: tuple[tuple[str, float], ...]
    rates: tuple[float, float]
    vigour: float
    chance: float
    hard: bool = False


SEMIOLOGIES: dict[str, dict[str, Semiology]] = {
    "FLE": {
        "hypermotor": Semiology(steps=(("hyperkinetic", 1.0),), rates=(1.3, 2.8), vigour=0.75, chance=0.35),
        "posturing then hypermotor": Semiology(
            steps=(("tonic", 0.3), ("hyperkinetic", 0.7)), rates=(1.2, 2.6), vigour=0.55, chance=0.25
        ),
        "pedalling": Semiology(steps=(("hyperkinetic", 1.0),), rates=(0.9, 1.9), vigour=0.3, chance=0.2),
        "fumbling": Semiology(
            steps=(("version", 0.3), ("automatisms", 0.7)), rates=(1.3, 1.6), vigour=1.1, chance=0.2, hard=True
        ),
    },
    "TLE": {
        "arrest then automatisms": Semiology(
            steps=(("still", 0.25), ("automatisms", 0.75)), rates=(0.48, 1.2), vigour=0.9, chance=0.4
        ),
        "automatisms": Semiology(steps=(("automatisms", 1.0),), rates=(0.6, 1.6), vigour=1.4, chance=0.25),
        "automatisms then version": Semiology(
            steps=(("automatisms", 0.6), ("version", 0.4)), rates=(0.6, 1.4), vigour=1.2, chance=0.2
        ),
        "agitated": Semiology(
            steps=(("automatisms", 0.5), ("hyperkinetic", 0.5)), rates=(1.0, 1.6), vigour=0.7, chance=0.2,
            hard=True,
        ),
    },
}  # fmt: skip
"""Kinds of seizure per class. Rates of temporal ones after Karacsony 2022 (0.4-1.8 Hz); frontal ones are faster."""

FAILURES = {
    "head-end-camera": "the camera hangs on the wall above the head end and looks along the bed",
    "crowd": "three carers stand before the camera and cover the patient",
    "missing-depth": "four fifths of the depth picture are missing",
    "no-bed": "there is no bed; the patient lies on the floor",
    "sitting": "the patient sits upright, far above the mattress",
}
"""Scenes that are made to spoil a crop, and what they show."""

_SWITCH_SECONDS = (3.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthPlan:
    """Everything about one depth recording that is decided before it is rendered. Seconds from its start.

    Args:
        seed: Seed of the cohort.
        recording_id: Also the name of the files.
        style: The patient.
        placement: A key of ``PLACEMENTS``.
        camera: Where the camera hangs.
        label: A member of ``SYNDROMES``.
        semiology: A key of ``SEMIOLOGIES[label]``.
        onset_seconds: t0.
        offset_seconds: t1.
        duration_seconds: Length of the recording.
        phases: What the body does, without gaps from 0 to the end.
        visits: Carers.
        depth_lag_frames: So many frames later than the infrared stream the depth stream begins.
        failure: A key of ``FAILURES``, or None.
    """

    seed: int
    recording_id: str
    style: PatientStyle
    placement: str
    camera: Camera
    label: str
    semiology: str
    onset_seconds: float
    offset_seconds: float
    duration_seconds: float
    phases: tuple[Phase, ...]
    visits: tuple[CarerVisit, ...]
    depth_lag_frames: int = 0
    failure: str | None = None


def draw_semiology(patient_id: str, label: str, *, seed: int) -> str:
    """Return the kind of seizure that a patient has most often."""
    rng = stream(seed, "synthetic-semiology", patient=patient_id)
    return _kind(label, rng)


def draw_depth_plan(
    style: PatientStyle,
    label: str,
    *,
    recording_id: str,
    placement: str,
    camera: Camera,
    seed: int,
    min_seconds: float,
    max_seconds: float,
    preictal_seconds: float,
    postictal_seconds: float,
    failure: str | None = None,
) -> DepthPlan:
    """Return the plan of one recording; a function of the arguments alone.

    Frontal seizures take more of the lower part of the range of lengths, temporal ones more of the upper.

    Args:
        style: The patient.
        label: A member of ``SYNDROMES``.
        recording_id: Names the random streams.
        placement: A key of ``PLACEMENTS``.
        camera: Where the camera hangs.
        seed: Seed of the cohort.
        min_seconds: Shortest seizure.
        max_seconds: Longest seizure.
        preictal_seconds: Mean length of the part before the seizure; recordings differ by a fifth of it.
        postictal_seconds: Mean length of the part after it.
        failure: A key of ``FAILURES``, or None.
    """
    rng = stream(seed, "synthetic-depth-recording", recording=recording_id)
    onset = round(preictal_seconds * float(rng.uniform(0.8, 1.2)), 2)
    share = float(rng.beta(1.4, 3.2) if label == "FLE" else rng.beta(2.6, 1.6))
    seconds = round(min_seconds + share * (max_seconds - min_seconds), 2)
    offset = round(onset + seconds, 2)
    duration = round(offset + postictal_seconds * float(rng.uniform(0.8, 1.2)), 2)
    usual = draw_semiology(style.patient_id, label, seed=seed)
    kind = usual if rng.uniform() < 0.7 else _kind(label, rng)
    phases = (
        *_interictal("preictal", 0.0, onset, rng),
        *_seizure(SEMIOLOGIES[label][kind], onset, seconds, rng),
        *_interictal("postictal", offset, duration, rng, first="rest" if label == "FLE" else "fumble"),
    )
    return DepthPlan(
        seed=seed,
        recording_id=recording_id,
        style=style,
        placement=placement,
        camera=camera,
        label=label,
        semiology=kind,
        onset_seconds=onset,
        offset_seconds=offset,
        duration_seconds=duration,
        phases=phases,
        visits=_visits(camera, onset, offset, rng, crowd=failure == "crowd"),
        depth_lag_frames=int(rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15])),
        failure=failure,
    )


def vigour(plan: DepthPlan) -> float:
    """Return the factor on the size of the patient's movements in a recording."""
    return SEMIOLOGIES[plan.label][plan.semiology].vigour


def _kind(label: str, rng: np.random.Generator) -> str:
    kinds = SEMIOLOGIES[label]
    chances = np.array([kind.chance for kind in kinds.values()])
    return str(rng.choice(list(kinds), p=chances / chances.sum()))


def _interictal(
    name: str, start: float, end: float, rng: np.random.Generator, *, first: str | None = None
) -> list[Phase]:
    phases: list[Phase] = []
    last = "rest" if first is None else first
    while start < end - 1e-9:
        until = start + float(rng.uniform(*_SWITCH_SECONDS))
        until = end if end - until < 1.0 else round(until, 2)
        if phases or first is None:  # half of the time the patient lies still
            choices = ["rest", "rest", "rest", *EVERYDAY]
            last = str(rng.choice([item for item in choices if item != last or item == "rest"]))
        phases.append(Phase(name=name, movement=last, start_seconds=start, end_seconds=until))
        start = until
    return phases


def _seizure(kind: Semiology, onset: float, seconds: float, rng: np.random.Generator) -> list[Phase]:
    phases = []
    start = onset
    for number, (movement, share) in enumerate(kind.steps):
        end = onset + seconds if number == len(kind.steps) - 1 else start + share * seconds
        rates = None
        if movement == "automatisms":
            rate = float(rng.uniform(*kind.rates))
            rates = (rate, rate)
        elif movement == "hyperkinetic":
            rates = kind.rates
        phases.append(Phase(
            name="ictal", movement=movement, start_seconds=round(start, 2), end_seconds=round(end, 2),
            rate_hz=rates,
        ))  # fmt: skip
        start = end
    return phases


def _visits(
    camera: Camera, onset: float, offset: float, rng: np.random.Generator, *, crowd: bool
) -> tuple[CarerVisit, ...]:
    """Carers of one recording: one in the pre-ictal part, one or two after the onset; each with a chance."""
    seconds = offset - onset
    spans: list[tuple[float, float, bool]] = []
    before, after, second = rng.uniform(size=3)
    shares = rng.uniform(size=6)
    if before < 0.5:  # is there from the start, or comes and goes again
        enter = -20.0 if shares[0] < 0.5 else shares[0] * 0.5 * onset
        leave = enter + 4 + 0.5 * onset if enter >= 0 else shares[1] * onset
        spans.append((enter, leave, shares[2] < 0.2))
    if after < 0.75:
        spans.append((onset + (0.05 + 0.5 * shares[3]) * seconds, 1e6, shares[4] < 0.35))
        if second < 0.35:
            spans.append((onset + (0.3 + 0.6 * shares[5]) * seconds, 1e6, False))
    if crowd:
        spans = [(-20.0, 1e6, True)] * 3
    side = float(rng.choice([-1, 1]))
    visits = []
    for number, (enter, leave, in_front) in enumerate(spans):
        side = -side
        stop = _between(camera, number if crowd else 0) if in_front else (
            side * 0.8, 1.0 + float(rng.uniform(-0.35, 0.55)))  # fmt: skip
        visits.append(CarerVisit(
            enter_seconds=enter, leave_seconds=leave, side=int(side), bed_x=0.0,
            height_scale=float(rng.uniform(0.92, 1.05)), clothes=float(rng.choice([0.3, 0.55, 0.8])),
            way=_way(camera, stop, int(side)),
        ))  # fmt: skip
    return tuple(visits)


def _between(camera: Camera, number: int) -> tuple[float, float]:
    """Return a place on the floor beside the bed, on the side of the camera, in its line of sight."""
    x, y = camera.position[0], camera.position[1] - 1.0
    aside = (0.0, 0.42, -0.42)[number]
    if abs(x) >= 0.6:
        along = float(np.clip(y * 0.72 / abs(x), -0.8, 0.75))
        return float(np.sign(x)) * 0.74, 1.0 + along + aside
    if y < 0:
        return aside, -0.34
    return (0.74, -0.74, 0.74)[number], 1.0 + (0.75, 0.75, 0.3)[number]


def _way(camera: Camera, stop: tuple[float, float], side: int) -> tuple[tuple[float, float], ...]:
    """Return a way round the foot of the bed that begins out of the camera's sight or at the wall."""
    if stop[1] < 0:
        return (2.4, -0.6), stop
    own = 1 if stop[0] > 0 else -1
    door = (own * 2.4, -0.6)
    if abs(door[0] - camera.position[0]) + abs(door[1] - camera.position[1]) < 1.5:
        door = (own * 2.4, min(1.6, HEAD_WALL_METRES - 0.6))
        return door, stop
    return door, (own * 1.0, -0.3), stop
