"""What happens in one recording of a ward camera: an epileptic or a psychogenic seizure. Drawn, not yet rendered.

Each patient has seizures of one kind. Both kinds have look-alikes of the other: thrashing that is epileptic, shaking
in step and lying still that are not. Light, visits, rooms and colours do not depend on the kind.
"""

from dataclasses import dataclass

import numpy as np

from semioscope.core.randomness import stream
from semioscope.synthetic.carer import CarerVisit
from semioscope.synthetic.geometry import Camera
from semioscope.synthetic.movements import Phase
from semioscope.synthetic.psychogenic import PSYCHOGENIC_HZ
from semioscope.synthetic.scenario import Scenario, draw_recording, focal_rate, tonic_clonic_phases
from semioscope.synthetic.style import FOCAL_KINDS, PatientStyle

EPILEPTIC_KINDS = (*FOCAL_KINDS, "tonic-clonic")
"""Kinds of epileptic seizures; hyperkinetic ones look like psychogenic ones."""

PSYCHOGENIC_KINDS = {
    "side to side": 0.3,
    "flailing": 0.3,
    "thrusting": 0.15,
    "shaking": 0.15,
    "collapse": 0.1,
}
"""Kinds of psychogenic seizures with their shares; the last two look like epileptic ones."""

_DAY_SHARE = 0.65
_USUAL_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class WardPlan:
    """Everything about one recording that is decided before it is rendered. Seconds from its start.

    Args:
        seed: Seed of the cohort.
        recording_id: Also the name of the video.
        style: The patient.
        camera: Where the camera hangs.
        role: ``seizures`` or ``contextual``.
        content: Kind of the seizure, or what the patient does.
        light: ``day`` or ``night``, at the beginning.
        duration_seconds: Length of the recording.
        phases: What the body does, without gaps from 0 to the end.
        visits: Carers and visitors.
        lamp_changes: (seconds, strength of the ceiling lamp from then on); the first one at 0.
        brightness: Exposure of the recorder.
        label: Class of the seizure; None without one.
        onset_seconds: t0, or None.
        clonic_onset_seconds: tG, or None.
        offset_seconds: t1, or None.
        thing: What the patient has at hand while the movement of that name lasts, or None.
        is_empty: Whether the bed is empty all along.
    """

    seed: int
    recording_id: str
    style: PatientStyle
    camera: Camera
    role: str
    content: str
    light: str
    duration_seconds: float
    phases: tuple[Phase, ...]
    visits: tuple[CarerVisit, ...]
    lamp_changes: tuple[tuple[float, float], ...]
    brightness: float
    label: str | None = None
    onset_seconds: float | None = None
    clonic_onset_seconds: float | None = None
    offset_seconds: float | None = None
    thing: str | None = None
    is_empty: bool = False


def draw_ward_camera(style: PatientStyle, *, seed: int) -> Camera:
    """Return the camera of a patient's room: under the ceiling, at the foot end or beside it, over the whole bed."""
    rng = stream(seed, "synthetic-ward-camera", patient=style.patient_id)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    return Camera(
        position=(style.side * between(0.7, 2.0), between(-1.7, -1.0), between(2.0, 2.4)),
        target=(style.bed_x + between(-0.15, 0.15), between(0.95, 1.2), between(0.6, 0.8)),
        field_degrees=between(36, 48),
    )


def draw_seizure_plan(
    style: PatientStyle, label: str, *, recording_id: str, seed: int, min_seconds: float, max_seconds: float
) -> WardPlan:
    """Return the plan of a recording with a seizure; a function of the arguments alone.

    Args:
        style: The patient.
        label: ES or PNES.
        recording_id: Also the id of the seizure.
        seed: Seed of the cohort.
        min_seconds: Shortest seizure.
        max_seconds: Longest seizure; psychogenic ones take more of the upper part of the range.
    """
    drawn = draw_recording(
        ES_VS_PNES, style, label, seizure_id=recording_id, seed=seed, min_seconds=min_seconds,
        max_seconds=max_seconds,
    )  # fmt: skip
    rng = stream(seed, "synthetic-ward-light", recording=recording_id)
    light = "day" if rng.uniform() < _DAY_SHARE else "night"
    lit = 1.0 if light == "day" else 0.0
    changes = [(0.0, lit)]
    share, moment = rng.uniform(size=2)
    if light == "night" and share < 0.35:  # somebody comes and switches on the light
        changes.append((drawn.onset_seconds + moment * (drawn.offset_seconds - drawn.onset_seconds), 1.0))
    return WardPlan(
        seed=seed,
        recording_id=recording_id,
        style=style,
        camera=draw_ward_camera(style, seed=seed),
        role="seizures",
        content=drawn.semiology,
        light=light,
        duration_seconds=drawn.duration_seconds,
        phases=drawn.phases,
        visits=() if drawn.carer is None else (drawn.carer,),
        lamp_changes=tuple(changes),
        brightness=drawn.brightness * (1.0 if light == "day" else float(rng.uniform(0.2, 0.5))),
        label=label,
        onset_seconds=drawn.onset_seconds,
        clonic_onset_seconds=drawn.clonic_onset_seconds,
        offset_seconds=drawn.offset_seconds,
    )


def _es_or_pnes(
    label: str, style: PatientStyle, onset: float, seconds: float, rng: np.random.Generator
) -> tuple[str, tuple[Phase, ...]]:
    """A seizure of the patient's usual kind, or one of another kind of the same class.

    The usual kind is a function of the style, as all habits are, so it is drawn from a number of the style.
    """
    own = stream(0, "synthetic-usual-kind", patient=style.patient_id, amplitude=f"{style.amplitude:.9f}")
    usual, other = _kind(label, own), _kind(label, rng)
    kind = usual if rng.uniform() < _USUAL_SHARE else other
    offset = round(onset + seconds, 2)
    if label == "ES":
        if kind == "tonic-clonic":
            focal = str(rng.choice(FOCAL_KINDS))
            phases = tonic_clonic_phases(focal, onset, seconds, rng, rate=focal_rate(focal, rng))
            return f"{focal}, tonic-clonic", phases
        rate = focal_rate(kind, rng)
        return kind, (
            Phase(name="focal", movement=kind, start_seconds=onset, end_seconds=offset, rate_hz=rate),
        )
    low = float(rng.uniform(PSYCHOGENIC_HZ[0], 1.2))
    rates = low, float(rng.uniform(low + 0.3, PSYCHOGENIC_HZ[1]))
    if rng.uniform() < 0.5:
        following = _kind(label, rng)
        change = round(onset + float(rng.uniform(0.3, 0.7)) * seconds, 2)
        steps = [(kind, onset, change), (following, change, offset)]
    else:
        steps = [(kind, onset, offset)]
    return kind, tuple(
        Phase(name="psychogenic", movement=movement, start_seconds=start, end_seconds=end, rate_hz=rates)
        for movement, start, end in steps
    )


def _kind(label: str, rng: np.random.Generator) -> str:
    if label == "ES":
        return str(rng.choice(EPILEPTIC_KINDS, p=[0.2, 0.15, 0.2, 0.15, 0.3]))
    return str(rng.choice(list(PSYCHOGENIC_KINDS), p=list(PSYCHOGENIC_KINDS.values())))


ES_VS_PNES = Scenario(
    task="es-vs-pnes",
    column="seizure_type",
    classes=("ES", "PNES"),
    profiles=(("ES",), ("PNES",), ("ES",)),
    draw_phases=_es_or_pnes,
)
"""Two of three patients have epileptic seizures, as about in Hou et al. (2022), table 1 (52 of 81)."""
