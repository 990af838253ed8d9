"""Before anything is extracted: whether the videos hold slices of every class, and slices of the meant length."""

import math
from collections.abc import Callable, Mapping, Sequence, Set

from semioscope.cohort import Cohort, EventSelection
from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted, join_words, numbered
from semioscope.plans import SlicePlan, slices_of
from semioscope.plans.clips import TIME_TOLERANCE_SECONDS
from semioscope.splits import FoldPlan
from semioscope.splits.records import Fold
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
    selection: EventSelection,
    folds: FoldPlan,
    plan: SlicePlan,
    distances: Mapping[str, float],
    *,
    least_frames: int,
    part_seconds: float = 0.0,
) -> None:
    """Refuse slices of which a class has none, in the whole cohort or in the training events of a fold.

    Frames are estimated from above, so what is refused has none for certain. Only remedies that help are named.

    Args:
        selection: The events of the run.
        folds: Who trains when.
        plan: The slices.
        distances: What :func:`frame_distances` gave.
        least_frames: The fewest frames that the backbone sees.
        part_seconds: How long parts of recordings are to be now, where a class is made of some.

    Raises:
        ConfigError: Naming the class, its longest event and what to change.
    """
    for index, name in enumerate(selection.task.class_names):
        own = [event for event in selection.events if event.y_true == index]
        supplied = {event.event_id for event in own if _has_slice(event, plan, distances)}
        without = [fold for fold in folds.folds if supplied.isdisjoint(fold.train)]
        if not without:
            continue
        where = (
            f" in the training of {numbered('fold', [fold.index for fold in without])}" if supplied else ""
        )
        trained = [[event for event in own if event.event_id in fold.train] for fold in without]
        there = own
        if supplied:
            there = list({event.event_id: event for events in trained for event in events}.values())
        remedies = [
            *(
                _part_remedies(plan, distances, there, part_seconds)
                if index == selection.task.parts_index
                else ()
            ),
            *_slice_remedies(trained, plan, distances, least_frames),
            *_fold_remedies(own, supplied, folds, without),
        ]
        told = (
            f"Use {join_words(remedies, 'or')}."
            if remedies
            else f"No setting helps, as the backbone sees {least_frames} frames or more: add longer events of "
            f"{name}, or choose a task without it."
        )
        msg = (
            f"Every class needs a slice to train on, but {name} has none{where}: {_told_need(plan)}, and "
            f"{_most_frames(there, distances, there=bool(where))}. {told}"
        )
        raise ConfigError(msg)


def slice_notes(
    selection: EventSelection, plan: SlicePlan, distances: Mapping[str, float]
) -> tuple[str, ...]:
    """Return what to know before the work: which events hold no slice, and which slices differ from the papers'."""
    doubted = {
        event.event_id for events in _without_slices(selection.events, plan, distances) for event in events
    }
    sure = {event.y_true for event in selection.events if event.event_id not in doubted}
    lost = [name for index, name in enumerate(selection.task.class_names) if index not in sure]
    whole = (
        [f"Every event of {join_words(lost)} is among these: a class without any slice cannot be trained."]
        if lost
        else []
    )
    return (*sliceless_notes(selection.events, plan, distances), *whole, *pace_notes(plan, distances))


def sliceless_notes(events: Sequence[Event], plan: SlicePlan, distances: Mapping[str, float]) -> list[str]:
    """Return a sentence where events hold no slice, or may hold none: one frame more or less decides."""
    surely, perhaps = (
        sorted(event.event_id for event in found) for found in _without_slices(events, plan, distances)
    )
    if not surely and not perhaps:
        return []
    parts = []
    if surely:
        parts.append(f"{counted(len(surely), 'event holds', 'events hold')} no slice ({_some(surely)})")
    if perhaps:
        one = counted(len(perhaps), "event may hold", "events may hold")
        parts.append(f"{one} none, by a frame ({_some(perhaps)})" if surely else
                     f"{one} no slice, by a frame ({_some(perhaps)})")  # fmt: skip
    lower = "a smaller slices.min_frames" if plan.leftovers else "slices.leftovers=true"
    return [
        f"{' and '.join(parts)}: {_told_need(plan)}. What holds none is left out and listed; with {lower} shorter "
        "ones take part."
    ]


def _without_slices(
    events: Sequence[Event], plan: SlicePlan, distances: Mapping[str, float]
) -> tuple[list[Event], list[Event]]:
    """Return the events that hold no slice for certain, and those that may hold none; unknown rates are neither."""
    surely, perhaps = [], []
    for event in events:
        if any(view.recording_id not in distances for view in event.views):
            continue
        if not any(len(slices_of(_frames_at_most(view, distances), plan)) for view in event.views):
            surely.append(event)
        elif not any(len(slices_of(_frames_at_least(view, distances), plan)) for view in event.views):
            perhaps.append(event)
    return surely, perhaps


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


def _frames_at_least(view: EventView, distances: Mapping[str, float]) -> int:
    return math.floor(view.duration_seconds / distances[view.recording_id] - TIME_TOLERANCE_SECONDS)


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


def _part_remedies(
    plan: SlicePlan, distances: Mapping[str, float], parts: Sequence[Event], part_seconds: float
) -> list[str]:
    """Return longer parts, where they are shorter than a slice because they are cut so."""
    known = [
        distances[view.recording_id]
        for event in parts
        for view in event.views
        if view.recording_id in distances
    ]
    need = plan.min_frames if plan.leftovers else plan.slice_frames
    least = math.ceil(2 * (need * max(known, default=0.0) + _SPARE_SECONDS)) / 2
    return [f"--set events.part_seconds={least:g} or more"] if known and least > part_seconds else []


def _slice_remedies(
    trained: Sequence[Sequence[Event]], plan: SlicePlan, distances: Mapping[str, float], least_frames: int
) -> list[str]:
    """Return what makes a slice of the longest event of every training; nothing if the backbone sees more frames."""
    most = min((_longest(events, distances, _frames_at_most) for events in trained), default=0)
    if most < least_frames:
        return []
    longest = max(least_frames, min(_longest(events, distances, _frames_at_least) for events in trained))
    if plan.leftovers:
        return [f"--set slices.min_frames={min(longest, plan.min_frames)}"]
    with_leftovers = ["--set slices.leftovers=true"] if longest >= plan.min_frames else []
    return [*with_leftovers, f"--set slices.slice_frames={min(longest, plan.slice_frames)}"]


def _longest(
    events: Sequence[Event],
    distances: Mapping[str, float],
    count: Callable[[EventView, Mapping[str, float]], int],
) -> int:
    """Return how many frames the longest view to train on has; 0 without one."""
    views = [view for event in events for view in event.views if view.use == "train"]
    return max((count(view, distances) for view in views if view.recording_id in distances), default=0)


def _fold_remedies(
    own: Sequence[Event], supplied: Set[str], folds: FoldPlan, without: Sequence[Fold]
) -> list[str]:
    """Return what puts an event with a slice into every training."""
    if not supplied:
        return []
    if folds.selection == "inner" and not any(
        supplied.isdisjoint({*fold.train, *fold.validation}) for fold in without
    ):
        return ["--set selection.on=none (nobody is kept back to choose the epoch on)"]
    patients = {event.patient_id for event in own if event.event_id in supplied}
    return ["other folds (another --set seed=...)"] if len(patients) > 1 else []
