"""Before anything is extracted: whether the videos hold slices of every class, and slices of the meant length."""

import math
from collections.abc import Mapping, Sequence

from semioscope.cohort import Cohort, EventSelection
from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted, join_words, numbered
from semioscope.plans import SlicePlan, slices_of
from semioscope.plans.clips import TIME_TOLERANCE_SECONDS
from semioscope.splits import FoldPlan
from semioscope.video import probe

_NAMED = 3


def frame_distances(cohort: Cohort, events: Sequence[Event]) -> dict[str, float]:
    """Return the usual distance of two stored frames in seconds of every recording that events have.

    Recordings that cannot be opened, or whose frames come at no even distance, are left out: what they hold is known
    when they are read.
    """
    distances: dict[str, float] = {}
    for recording_id in sorted({view.recording_id for event in events for view in event.views}):
        try:
            info = probe(cohort.video_path(recording_id))
        except SemioscopeError:
            continue
        if math.isfinite(info.frame_seconds) and info.frame_seconds > 0 and not info.is_variable_rate:
            distances[recording_id] = info.frame_seconds
    return distances


def check_slice_supply(
    selection: EventSelection, folds: FoldPlan, plan: SlicePlan, distances: Mapping[str, float]
) -> None:
    """Refuse slices of which a class has none, in the whole cohort or in the training events of a fold.

    Frames are estimated from above, so what is refused has none for certain.

    Args:
        selection: The events of the run.
        folds: Who trains when.
        plan: The slices.
        distances: What :func:`frame_distances` gave.

    Raises:
        ConfigError: Naming the class, its longest event and what to change.
    """
    for index, name in enumerate(selection.task.class_names):
        own = [event for event in selection.events if event.y_true == index]
        supply = {event.event_id: _has_slice(event, plan, distances) for event in own}
        without = [
            fold.index for fold in folds.folds if not any(supply.get(one, False) for one in fold.train)
        ]
        if any(supply.values()) and not without:
            continue
        where = f" in the training of {numbered('fold', without)}" if any(supply.values()) else ""
        msg = (
            f"Every class needs a slice to train on, but {name} has none{where}: {_told_need(plan)}, and its "
            f"longest event holds {_most_frames(own, distances)}. {_remedy(name, selection, plan, distances, own)}"
        )
        raise ConfigError(msg)


def pace_notes(plan: SlicePlan, distances: Mapping[str, float]) -> list[str]:
    """Return a sentence where recordings of another frame rate make slices longer or shorter than they are meant."""
    nominal = plan.seconds / plan.slice_frames
    other = sorted(
        recording_id
        for recording_id, distance in distances.items()
        if abs(distance / nominal - 1) > plan.tolerance + TIME_TOLERANCE_SECONDS
    )
    if not other:
        return []
    rates = sorted({round(1 / distances[recording_id], 1) for recording_id in other})
    per_second = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
    lengths = sorted(plan.slice_frames * distances[recording_id] for recording_id in other)
    lasts = f"{lengths[0]:.3g}" if len(rates) == 1 else f"{lengths[0]:.3g} to {lengths[-1]:.3g}"
    named = ", ".join(other[:_NAMED]) + (", ..." if len(other) > _NAMED else "")
    return [
        f"{counted(len(other), 'recording')} of {len(distances)} ({named}) with {per_second} frames per second: a "
        f"slice of {plan.slice_frames} frames lasts {lasts} s there, not {plan.seconds:g} s. Frames are "
        "taken as they are stored, so a network that was trained at another rate sees movement at another speed."
    ]


def _has_slice(event: Event, plan: SlicePlan, distances: Mapping[str, float]) -> bool:
    return any(
        view.use == "train"
        and (view.recording_id not in distances or len(slices_of(_frames_at_most(view, distances), plan)) > 0)
        for view in event.views
    )


def _frames_at_most(view: EventView, distances: Mapping[str, float]) -> int:
    return math.floor(view.duration_seconds / distances[view.recording_id] + TIME_TOLERANCE_SECONDS) + 1


def _told_need(plan: SlicePlan) -> str:
    if plan.leftovers:
        return f"a slice takes {plan.min_frames} stored frames or more"
    return f"a slice takes {plan.slice_frames} stored frames (leftovers are not kept)"


def _most_frames(events: Sequence[Event], distances: Mapping[str, float]) -> str:
    known = [view for event in events for view in event.views if view.recording_id in distances]
    longest = max(known, key=lambda view: view.duration_seconds)
    frames = _frames_at_most(longest, distances) - 1
    rate = 1 / distances[longest.recording_id]
    return f"about {frames} ({longest.duration_seconds:.1f} s at {rate:.4g} frames per second)"


def _remedy(
    name: str,
    selection: EventSelection,
    plan: SlicePlan,
    distances: Mapping[str, float],
    events: Sequence[Event],
) -> str:
    need = plan.min_frames if plan.leftovers else plan.slice_frames
    remedies = []
    if name == selection.task.parts_class:
        slowest = max(distances[view.recording_id] for event in events for view in event.views)
        remedies.append(f"--set events.part_seconds={math.ceil(need * slowest) + 1} or more")
    if not plan.leftovers:
        remedies.append("--set slices.leftovers=true")
    remedies.append("a smaller --set slices.slice_frames=...")
    return f"Use {join_words(remedies, 'or')}."
