"""Which events crops are planned for: the seizures of a cohort, and the parts of recordings beside them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from semioscope.cohort import Cohort, Task, part_events, seizures_of
from semioscope.cohort.parts import SIDES, part_id
from semioscope.core.errors import CohortError, unknown_name
from semioscope.core.records import Event
from semioscope.plans.parts import PART_SECONDS
from semioscope.preprocess.crops import CropPlan


class CropEvents(NamedTuple):
    """Events to plan crops for, and what a person should know of how they were found, as sentences."""

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()


def crop_events(
    cohort: Cohort,
    names: Sequence[str] | None = None,
    *,
    task: Task | None = None,
    part_seconds: float = PART_SECONDS,
    planned: Iterable[CropPlan] = (),
) -> CropEvents:
    """Return the seizures of a cohort, without the views that are not used, and the parts beside them.

    Args:
        cohort: The cohort; recordings are opened for their length where parts are wanted.
        names: Only these events; None for all.
        task: If it has a class of parts, those of the seizures that it classifies are among the events.
        part_seconds: How far parts reach from their seizure; the first frame of a part depends on it.
        planned: Without a task, parts that have a plan among these are among the events.

    Raises:
        CohortError: If one of the names is none of an event, or a part would have the id of a seizure.
        ConfigError: If no row has the task's column, or ``part_seconds`` is out of its range.
    """
    seizures = {
        seizure.seizure_id: Event(
            event_id=seizure.seizure_id,
            patient_id=seizure.patient_id,
            y_true=None,
            views=tuple(view for view in seizure.views if view.use != "no"),
        )
        for seizure in cohort.seizures
    }
    wanted = set(names or ()) or None
    standing = {plan.event_id for plan in planned} - set(seizures)
    beside: list[Event] = []
    if task is not None:
        classified = seizures_of(cohort, task).beside
        beside = [event for event in classified if wanted is None or wanted & _parts_of(event)]
    elif standing:
        beside = [event for event in seizures.values() if event.views and standing & _parts_of(event)]
    found = part_events(cohort, beside, part_seconds=part_seconds)
    parts = {part.event_id: part for part in found.events if task is not None or part.event_id in standing}
    every = {**seizures, **parts}
    for name in names or ():
        if name not in every:
            message = unknown_name("event", name, every)
            if any(name in _parts_of(event) for event in seizures.values()):
                message += " Parts before and after seizures are events of a --task that has a class of them."
            raise CohortError(message)
    kept = tuple(event for name, event in every.items() if event.views and (wanted is None or name in wanted))
    return CropEvents(events=kept, notes=(*map(str, found.problems), *found.notes))


def _parts_of(seizure: Event) -> set[str]:
    return {part_id(seizure.event_id, side) for side in SIDES}
