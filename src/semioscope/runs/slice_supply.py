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
_SPARE_SECONDS = 0.1
"""By how much a part is longer than its frames, as they come at no perfectly even distance."""


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
        without = [fold for fold in folds.folds if not any(supply.get(one, False) for one in fold.train)]
        if not without:
            continue
        if any(supply.values()):
            where = f" in the training of {numbered('fold', [fold.index for fold in without])}"
            trained = {one for fold in without for one in fold.train}
            own = [event for event in own if event.event_id in trained]
        else:
            where = ""
        msg = (
            f"Every class needs a slice to train on, but {name} has none{where}: {_told_need(plan)}, and "
            f"{_most_frames(own, distances, there=bool(where))}. "
            f"{_remedy(name, selection, plan, distances, own, other_folds=bool(where))}"
        )
        raise ConfigError(msg)


def slice_notes(events: Sequence[Event], plan: SlicePlan, distances: Mapping[str, float]) -> tuple[str, ...]:
    """Return what to know before the work: which events hold no slice, and which slices differ from the papers'."""
    return (*sliceless_notes(events, plan, distances), *pace_notes(plan, distances))


def sliceless_notes(events: Sequence[Event], plan: SlicePlan, distances: Mapping[str, float]) -> list[str]:
    """Return a sentence where events hold no slice for certain, so that they will take no part."""
    without = sorted(
        event.event_id
        for event in events
        if all(
            view.recording_id in distances and not len(slices_of(_frames_at_most(view, distances), plan))
            for view in event.views
        )
    )
    if not without:
        return []
    lower = "a smaller slices.min_frames" if plan.leftovers else "slices.leftovers=true"
    return [
        f"{counted(len(without), 'event holds', 'events hold')} no slice and will be listed as left out "
        f"({_some(without)}): {_told_need(plan)}. With {lower} shorter ones take part."
    ]


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
    return [
        f"{counted(len(other), 'recording')} of {len(distances)} ({_some(other)}) with {per_second} frames per "
        f"second: a slice of {plan.slice_frames} frames lasts {lasts} s there, not {plan.seconds:g} s. Frames are "
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


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _most_frames(events: Sequence[Event], distances: Mapping[str, float], *, there: bool) -> str:
    known = [
        view
        for event in events
        for view in event.views
        if view.recording_id in distances and view.use == "train"
    ]
    if not known:
        return "no event of it trains" + (" there" if there else "")
    longest = max(known, key=lambda view: view.duration_seconds / distances[view.recording_id])
    frames = _frames_at_most(longest, distances) - 1
    rate = 1 / distances[longest.recording_id]
    which = "its longest event" + (" there" if there else "")
    return f"{which} holds about {frames} ({longest.duration_seconds:.1f} s at {rate:.4g} frames per second)"


def _remedy(
    name: str,
    selection: EventSelection,
    plan: SlicePlan,
    distances: Mapping[str, float],
    events: Sequence[Event],
    *,
    other_folds: bool,
) -> str:
    need = plan.min_frames if plan.leftovers else plan.slice_frames
    remedies = []
    known = [view.recording_id for event in events for view in event.views if view.recording_id in distances]
    if name == selection.task.parts_class and known:
        slowest = max(distances[recording_id] for recording_id in known)
        least = math.ceil(2 * (need * slowest + _SPARE_SECONDS)) / 2
        remedies.append(f"--set events.part_seconds={least:g} or more")
    if not plan.leftovers:
        remedies.append("--set slices.leftovers=true")
    remedies.append("a smaller --set slices.slice_frames=...")
    if other_folds:
        remedies.append("other folds (--set seed=..., or more with --set folds.num_folds=...)")
    return f"Use {join_words(remedies, 'or')}."
