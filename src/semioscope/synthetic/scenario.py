"""What happens in one recording of each task: phases, visits, light, cameras. Drawn, not yet rendered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from semioscope.core.randomness import stream
from semioscope.core.records import Use
from semioscope.synthetic.carer import CarerVisit
from semioscope.synthetic.geometry import CameraState
from semioscope.synthetic.movements import AUTOMATISM_HZ, HYPERKINETIC_HZ, Phase
from semioscope.synthetic.style import FOCAL_KINDS, PatientStyle

VIEWS = ("large", "small")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMove:
    """A zoom or turn of one camera that stays.

    Args:
        view: Which camera.
        start_seconds: When it begins.
        seconds: How long it takes.
        state: Where it ends.
    """

    view: str
    start_seconds: float
    seconds: float
    state: CameraState


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPlan:
    """Everything about one recording that is decided before it is rendered. Seconds from its start.

    Args:
        seed: Seed of the cohort.
        seizure_id: Also the name of the video.
        style: The patient.
        label: Class of the seizure, a key of the scenario's classes.
        semiology: Kind of movement of the focal part.
        onset_seconds: t0.
        clonic_onset_seconds: tG, or None.
        offset_seconds: t1.
        duration_seconds: Length of the recording.
        phases: What the body does, without gaps from 0 to the end.
        carer: A visit, or None.
        lamp_changes: (seconds, strength of the ceiling lamp from then on); the first one at 0.
        moves: What the cameras do.
        away_view: The view that the patient leaves, or None.
        brightness: Exposure of the recorder.
    """

    seed: int
    seizure_id: str
    style: PatientStyle
    label: str
    semiology: str
    onset_seconds: float
    clonic_onset_seconds: float | None
    offset_seconds: float
    duration_seconds: float
    phases: tuple[Phase, ...]
    carer: CarerVisit | None
    lamp_changes: tuple[tuple[float, float], ...]
    moves: tuple[CameraMove, ...]
    away_view: str | None
    brightness: float

    def use(self, view: str) -> Use:
        """Return the ``use`` of a view: the one that the patient leaves is not trained on."""
        return "evaluate" if view == self.away_view else "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A task that synthetic cohorts are made for.

    Args:
        task: Name of the task preset that reads the labels.
        column: Column of ``seizures.tsv`` with the label.
        classes: Labels in the order of the task.
        profiles: Which labels a patient can have; dealt to the patients in turn.
        draw_phases: From (label, style, onset, seconds, rng) to the semiology and the phases of the seizure.
    """

    task: str
    column: str
    classes: tuple[str, ...]
    profiles: tuple[tuple[str, ...], ...]
    draw_phases: Callable[
        [str, PatientStyle, float, float, np.random.Generator], tuple[str, tuple[Phase, ...]]
    ]


def draw_recording(
    scenario: Scenario,
    style: PatientStyle,
    label: str,
    *,
    seizure_id: str,
    seed: int,
    min_seconds: float,
    max_seconds: float,
) -> RecordingPlan:
    """Return the plan of one recording; a function of the seed and the names alone."""
    rng = stream(seed, "synthetic-recording", seizure=seizure_id)
    onset = round(float(rng.uniform(2.0, 4.5)), 2)
    # longer on average for the later classes, as in life, but over the same range
    tilt = scenario.classes.index(label) / max(len(scenario.classes) - 1, 1)
    share = float(rng.beta(1.3 + 0.5 * tilt, 1.8 - 0.5 * tilt))
    seconds = round(min_seconds + share * (max_seconds - min_seconds), 2)
    offset = round(onset + seconds, 2)
    duration = round(offset + float(rng.uniform(2.0, 3.5)), 2)
    semiology, seizure = scenario.draw_phases(label, style, onset, seconds, rng)
    after = "limp" if any(phase.name == "clonic" for phase in seizure) else "rest"
    phases = (
        Phase(name="before", movement="rest", start_seconds=0.0, end_seconds=onset),
        *seizure,
        Phase(name="after", movement=after, start_seconds=offset, end_seconds=duration),
    )
    clonic = next((phase.start_seconds for phase in seizure if phase.name == "clonic"), None)
    away_view = None
    if rng.uniform() < 0.1:
        away_view = "small" if rng.uniform() < 0.8 else "large"
    return RecordingPlan(
        seed=seed,
        seizure_id=seizure_id,
        style=style,
        label=label,
        semiology=semiology,
        onset_seconds=onset,
        clonic_onset_seconds=clonic,
        offset_seconds=offset,
        duration_seconds=duration,
        phases=phases,
        carer=_carer(style, onset, seconds, rng),
        lamp_changes=_lamp(onset, seconds, rng),
        moves=_moves(style, onset, seconds, away_view, rng),
        away_view=away_view,
        brightness=style.brightness * float(rng.uniform(0.92, 1.08)),
    )


def camera_states(plan: RecordingPlan, view: str, times: np.ndarray) -> list[CameraState]:
    """Return the state of a view's camera at each time."""
    found = np.tile([1.0, 0.0, 0.0], (len(times), 1))
    for move in (move for move in plan.moves if move.view == view):
        share = np.clip((times - move.start_seconds) / move.seconds, 0.0, 1.0)[:, None]
        share = share * share * (3 - 2 * share)
        target = (move.state.zoom, move.state.yaw_degrees, move.state.pitch_degrees)
        found = found + share * (np.array(target) - found)
    return [
        CameraState(zoom=zoom, yaw_degrees=yaw, pitch_degrees=pitch) for zoom, yaw, pitch in found.tolist()
    ]


def _fos_or_tcs(
    label: str, style: PatientStyle, onset: float, seconds: float, rng: np.random.Generator
) -> tuple[str, tuple[Phase, ...]]:
    """A focal seizure, or one that goes over into tonic and clonic phases (r of 0.56 +- 0.18 in the paper)."""
    kind = style.focal_kind if rng.uniform() < 0.7 else str(rng.choice(FOCAL_KINDS))
    rate = focal_rate(kind, rng)
    if label == "FOS":
        return kind, (_phase("focal", kind, onset, round(onset + seconds, 2), rate),)
    return kind, tonic_clonic_phases(kind, onset, seconds, rng, rate=rate)


def tonic_clonic_phases(
    kind: str,
    onset: float,
    seconds: float,
    rng: np.random.Generator,
    *,
    rate: tuple[float, float] | None = None,
) -> tuple[Phase, ...]:
    """Return a focal beginning that goes over into tonic and clonic phases.

    Args:
        kind: Movement of the beginning.
        onset: t0.
        seconds: Length of the seizure.
        rng: Draws where the phases begin.
        rate: First and last rate of the beginning; None where nothing is rhythmic.
    """
    offset = round(onset + seconds, 2)
    ratio = float(np.clip(rng.normal(0.5, 0.12), 0.25, 0.7))
    clonic = round(onset + ratio * seconds, 2)
    tonic = round(onset + ratio * float(rng.uniform(0.35, 0.7)) * seconds, 2)
    falling = (float(rng.uniform(3.6, 4.3)), float(rng.uniform(0.9, 1.25)))
    return (
        _phase("focal", kind, onset, tonic, rate),
        _phase("tonic", "tonic", tonic, clonic),
        _phase("clonic", "clonic", clonic, offset, falling),
    )


def _phase(
    name: str, movement: str, start: float, end: float, rate: tuple[float, float] | None = None
) -> Phase:
    return Phase(name=name, movement=movement, start_seconds=start, end_seconds=end, rate_hz=rate)


def focal_rate(kind: str, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return first and last rate of a focal movement; None where nothing is rhythmic."""
    if kind == "automatisms":
        rate = float(rng.uniform(AUTOMATISM_HZ[0] + 0.08, AUTOMATISM_HZ[1] - 0.2))
        return rate, rate
    return HYPERKINETIC_HZ if kind == "hyperkinetic" else None


def _carer(style: PatientStyle, onset: float, seconds: float, rng: np.random.Generator) -> CarerVisit | None:
    come, side = rng.uniform() < 0.4, style.side if rng.uniform() < 0.25 else -style.side
    enter = onset + float(rng.uniform(0.1, 0.6)) * seconds
    leave = enter + float(rng.uniform(10, 30)) if rng.uniform() < 0.5 else 1e6
    height, clothes = float(rng.uniform(0.92, 1.05)), float(rng.choice([0.3, 0.55, 0.8]))
    if not come:
        return None
    return CarerVisit(
        enter_seconds=enter,
        leave_seconds=leave,
        side=side,
        bed_x=style.bed_x,
        height_scale=height,
        clothes=clothes,
    )


def _lamp(onset: float, seconds: float, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    lit = rng.uniform() < 0.2
    changes = [(0.0, 1.0 if lit else 0.0)]
    if rng.uniform() < 0.3:
        moment = onset + float(rng.uniform(0.05, 0.8)) * seconds
        changes.append((moment, 0.0 if lit else 1.0))
        if rng.uniform() < 0.3:
            changes.append((moment + float(rng.uniform(3, 10)), changes[0][1]))
    return tuple(changes)


def _moves(
    style: PatientStyle, onset: float, seconds: float, away_view: str | None, rng: np.random.Generator
) -> tuple[CameraMove, ...]:
    view = str(rng.choice(VIEWS))
    start = onset + float(rng.uniform(0.05, 0.6)) * seconds
    zoom = float(rng.uniform(1.1, 1.3))
    state = CameraState(
        zoom=zoom, yaw_degrees=float(rng.uniform(-3, 3)), pitch_degrees=float(rng.uniform(-3, 2))
    )
    moved = rng.uniform() < 0.3
    leave = onset + float(rng.uniform(0.05, 0.35)) * seconds
    turn = (
        float(rng.choice([-1, 1]))
        * (style.large if away_view == "large" else style.small).field_degrees
        * 1.9
    )
    if away_view is not None:
        return (
            CameraMove(view=away_view, start_seconds=leave, seconds=1.6, state=CameraState(yaw_degrees=turn)),
        )
    return (CameraMove(view=view, start_seconds=start, seconds=1.2, state=state),) if moved else ()


SCENARIOS: dict[str, Scenario] = {
    "fos-vs-tcs": Scenario(
        task="fos-vs-tcs",
        column="seizure_type",
        classes=("FOS", "TCS"),
        profiles=(("FOS", "TCS"), ("FOS",), ("TCS", "FOS"), ("TCS",)),
        draw_phases=_fos_or_tcs,
    ),
}
"""Tasks that a synthetic cohort can be made for."""
