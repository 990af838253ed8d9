"""What happens in one long recording without seizures: an activity by day or by night. Drawn, not yet rendered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semioscope.core.randomness import stream
from semioscope.synthetic.carer import CarerVisit
from semioscope.synthetic.everyday import EVERYDAY
from semioscope.synthetic.movements import Phase
from semioscope.synthetic.style import PatientStyle, draw_style
from semioscope.synthetic.ward_plan import WardPlan, draw_ward_camera

FILE_SECONDS = 120.0
"""Contextual recordings last about so long."""

LEAST_SECONDS = 10.0
"""No contextual recording is planned shorter: that of an excerpt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """What a patient does for a while.

    Args:
        movement: The main movement.
        spell_seconds: Shortest and longest stretch of it.
        breaks: Movements of the breaks between.
        thing: What is at hand meanwhile, a kind of ``held_thing``, or None.
        num_visits: Fewest and most people who come.
        is_empty: Whether the bed is empty.
    """

    movement: str = "rest"
    spell_seconds: tuple[float, float] = (20.0, 60.0)
    breaks: tuple[str, ...] = ("rest", "reach out", "fumble")
    thing: str | None = None
    num_visits: tuple[int, int] = (0, 0)
    is_empty: bool = False


ROUTINES: dict[str, Routine] = {
    "eating": Routine(movement="eat", thing="eat"),
    "reading": Routine(movement="read", thing="read"),
    "phone": Routine(movement="phone", thing="phone", breaks=("rest", "reach out", "sit up")),
    "sleeping": Routine(movement="sleep", spell_seconds=(30.0, 90.0), breaks=("turn over", "turn over", "fumble")),
    "visitors": Routine(movement="talk", num_visits=(1, 2)),
    "staff": Routine(num_visits=(1, 2), breaks=tuple(EVERYDAY)),
    "empty bed": Routine(num_visits=(0, 1), is_empty=True),
}  # fmt: skip
"""Activities after Hou et al. (2022), figure 1."""

ROUND = (
    ("eating", "day"), ("sleeping", "night"), ("phone", "day"), ("staff", "night"), ("reading", "day"),
    ("sleeping", "night"), ("visitors", "day"), ("empty bed", "night"), ("staff", "day"), ("phone", "night"),
    ("empty bed", "day"), ("sleeping", "day"),
)  # fmt: skip
"""Activities and lights in the order in which they are dealt; five of twelve are at night."""

_PATIENT_STEP = 5  # has no divisor in common with the length of the round: a patient sees all of it in time


def deal_contextual(patient_ids: Sequence[str], *, total_seconds: float, seed: int) -> list[WardPlan]:
    """Return the plans of contextual recordings, dealt evenly to patients.

    Args:
        patient_ids: Of the cohort.
        total_seconds: Length of all recordings together; at least ``LEAST_SECONDS`` per patient.
        seed: Seed of the cohort.
    """
    num_files = max(len(patient_ids), round(total_seconds / FILE_SECONDS))
    rng = stream(seed, "synthetic-contextual")
    first = int(rng.integers(len(ROUND)))
    shares = rng.uniform(0.8, 1.2, num_files)
    spare = total_seconds - num_files * LEAST_SECONDS
    seconds = np.round(LEAST_SECONDS + spare * shares / shares.sum(), 2)
    plans = []
    for number in range(num_files):
        turn, index = divmod(number, len(patient_ids))
        activity, light = ROUND[(first + index + turn * _PATIENT_STEP) % len(ROUND)]
        plans.append(
            draw_contextual_plan(
                draw_style(patient_ids[index], seed=seed), activity, light,
                recording_id=f"{patient_ids[index]}-c{turn + 1}", seed=seed, duration_seconds=float(seconds[number]),
            )
        )  # fmt: skip
    return plans


def draw_contextual_plan(
    style: PatientStyle,
    activity: str,
    light: str,
    *,
    recording_id: str,
    seed: int,
    duration_seconds: float,
) -> WardPlan:
    """Return the plan of one contextual recording; a function of the arguments alone.

    Args:
        style: The patient.
        activity: A key of ``ROUTINES``.
        light: ``day`` (ceiling light, colour) or ``night`` (infrared, grey and dim).
        recording_id: Names the random streams.
        seed: Seed of the cohort.
        duration_seconds: Length.
    """
    routine = ROUTINES[activity]
    rng = stream(seed, "synthetic-contextual-recording", recording=recording_id)
    visits = _visits(routine, style, duration_seconds, rng)
    changes = [(0.0, 1.0 if light == "day" else 0.0)]
    if light == "night" and visits and not routine.is_empty and rng.uniform() < 0.3:
        enter = max(visits[0].enter_seconds, 0.0)
        changes += [(enter + 4.0, 1.0), (enter + 4.0 + float(rng.uniform(5, 20)), 0.0)]
    return WardPlan(
        seed=seed,
        recording_id=recording_id,
        style=style,
        camera=draw_ward_camera(style, seed=seed),
        role="contextual",
        content=activity,
        light=light,
        duration_seconds=duration_seconds,
        phases=_phases(routine, duration_seconds, rng),
        visits=visits,
        lamp_changes=tuple(changes),
        brightness=style.brightness * float(rng.uniform(0.9, 1.1) if light == "day" else rng.uniform(0.15, 0.45)),
        thing=routine.thing,
        is_empty=routine.is_empty,
    )  # fmt: skip


def _phases(routine: Routine, seconds: float, rng: np.random.Generator) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    start, main = 0.0, True
    while start < seconds:
        span = routine.spell_seconds if main else (5.0, 10.0)
        end = round(start + float(rng.uniform(*span)), 2)
        end = seconds if seconds - end < 4.0 else end
        movement = routine.movement if main else str(rng.choice(routine.breaks))
        phases.append(Phase(name="contextual", movement=movement, start_seconds=start, end_seconds=end))
        start, main = end, not main
    return tuple(phases)


def _visits(
    routine: Routine, style: PatientStyle, seconds: float, rng: np.random.Generator
) -> tuple[CarerVisit, ...]:
    low, high = routine.num_visits
    visits = []
    side = int(rng.choice([-1, 1]))
    for number in range(int(rng.integers(low, high + 1))):
        there = rng.uniform() < 0.4  # from the beginning on
        enter = -20.0 if there else float(rng.uniform(0.0, 0.5)) * seconds
        stay = float(rng.uniform(0.3, 0.8)) * seconds
        visits.append(
            CarerVisit(
                enter_seconds=enter, leave_seconds=enter + stay + (20.0 if there else 8.0),
                side=side if number == 0 else -side, bed_x=style.bed_x, height_scale=float(rng.uniform(0.88, 1.05)),
                clothes=float(rng.choice([0.3, 0.42, 0.55, 0.8])),
            )
        )  # fmt: skip
    return tuple(visits)
