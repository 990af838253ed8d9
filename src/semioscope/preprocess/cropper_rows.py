"""Which rows of ``crops.tsv`` a cropper goes by: one per event and recording, whatever others have planned."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from semioscope.core.errors import ConfigError
from semioscope.core.formats import CROPS
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted, join_words
from semioscope.preprocess.crop_finding import crop_method
from semioscope.preprocess.crops import CropPlan, is_unnamed, planned_by_name

_MOST_NAMED = 5


def rows_of(plans: Iterable[CropPlan], cropper: str) -> list[CropPlan]:
    """Return the rows that a cropper goes by, sorted by event and recording, one for each.

    The first that there is of: a row by hand of this cropper, a row by hand that names none, the automatic row of
    this cropper, an automatic row that names none (older tables) while no cropper has planned the event anew.

    Args:
        plans: As ``read_crops`` gives them.
        cropper: A key of ``CROP_METHODS``; empty for the rows that name none.
    """
    listed = list(plans)
    replaced = planned_by_name(listed)
    found: dict[tuple[str, str], tuple[tuple[bool, bool], CropPlan]] = {}
    for plan in listed:
        if plan.cropper not in ("", cropper) or (is_unnamed(plan) and plan.place in replaced):
            continue
        rank = (plan.origin != "manual", plan.cropper != cropper)
        if plan.place not in found or rank < found[plan.place][0]:
            found[plan.place] = (rank, plan)
    return [found[place][1] for place in sorted(found)]


def by_place(plans: Iterable[CropPlan]) -> dict[tuple[str, str], CropPlan]:
    """Return the plans of one cropper by event and recording.

    Raises:
        ValueError: If an event has two in one recording: plans of several croppers were mixed.
    """
    found: dict[tuple[str, str], CropPlan] = {}
    for plan in plans:
        other = found.setdefault(plan.place, plan)
        if other is not plan:
            msg = (
                f"Event {plan.event_id} must have one crop plan in {plan.recording_id}, got those of the croppers "
                f"{other.cropper or 'n/a'} and {plan.cropper or 'n/a'}. Take the rows of one (rows_of)."
            )
            raise ValueError(msg)
    return found


def croppers_of(plans: Iterable[CropPlan]) -> list[str]:
    """Return the croppers that rows name, sorted."""
    return sorted({plan.cropper for plan in plans if plan.cropper})


def the_cropper(plans: Iterable[CropPlan], asked: str | None = None) -> str:
    """Return the cropper that is meant: the one asked for, else the only one that rows name.

    Args:
        plans: As ``read_crops`` gives them.
        asked: A key of ``CROP_METHODS``, or empty for rows that name none; None: nobody said.

    Returns:
        Its name; empty where no row names one.

    Raises:
        ConfigError: If it does not exist, or nobody said and rows name several.
    """
    if asked is not None:
        if asked:
            crop_method(asked)
        return asked
    named = croppers_of(plans)
    if len(named) > 1:
        msg = (
            f"{CROPS.file} must hold plans of one cropper where none is named, but holds those of "
            f"{', '.join(named)}. Name one, such as --cropper {named[0]}."
        )
        raise ConfigError(msg)
    return named[0] if named else ""


def views_of(events: Iterable[Event]) -> dict[tuple[str, str], EventView]:
    """Return the views of events by event and recording."""
    return {(event.event_id, view.recording_id): view for event in events for view in event.views}


def to_plan(events: Iterable[Event], plans: Iterable[CropPlan], cropper: str) -> list[Event]:
    """Return the events with those of their views that a cropper has to plan.

    These have no row, or an automatic one that was made for other times of the event.

    Args:
        events: For which.
        plans: As ``read_crops`` gives them.
        cropper: A key of ``CROP_METHODS``.
    """
    rows = by_place(rows_of(plans, cropper))
    wanted = []
    for event in events:
        views = tuple(
            view for view in event.views if not _serves(rows.get((event.event_id, view.recording_id)), view)
        )
        if views:
            wanted.append(replace(event, views=views))
    return wanted


def usable(
    plans: Iterable[CropPlan], views: Mapping[tuple[str, str], EventView], cropper: str
) -> list[CropPlan]:
    """Return the rows of a cropper that can be used for events: by hand, or made for their times.

    Args:
        plans: As ``read_crops`` gives them.
        views: The events, see ``views_of``.
        cropper: A key of ``CROP_METHODS``.
    """
    return [
        plan for plan in rows_of(plans, cropper) if plan.place in views and _serves(plan, views[plan.place])
    ]


def row_notes(
    plans: Iterable[CropPlan], views: Mapping[tuple[str, str], EventView], cropper: str
) -> list[str]:
    """Return what a person should know of rows that are used for events as they stand, as sentences.

    Args:
        plans: The rows of the cropper, see ``usable``.
        views: The events, see ``views_of``.
        cropper: A key of ``CROP_METHODS``.
    """
    listed = list(plans)
    notes = []
    moved = [plan for plan in listed if not plan.fits(views[plan.place])]
    if moved:
        told = "; ".join(
            f"{plan.event_id} in {plan.recording_id}, {other_times(plan, views[plan.place])}"
            for plan in moved[:_MOST_NAMED]
        )
        more = f"; and {len(moved) - _MOST_NAMED} more" if len(moved) > _MOST_NAMED else ""
        rows = counted(
            len(moved),
            f"row of {CROPS.file} by hand was made for other times of its event and is",
            f"rows of {CROPS.file} by hand were made for other times of their events and are",
        )
        notes.append(
            f"{rows} used as written: {told}{more}. Look again: semioscope crop sheet --cropper {cropper}."
        )
    unnamed = sum(map(is_unnamed, listed))
    if unnamed:
        rows = counted(
            unnamed,
            f"row of {CROPS.file} does not say which cropper made it and is",
            f"rows of {CROPS.file} do not say which cropper made them and are",
        )
        notes.append(
            f"{rows} used as written. semioscope crop plan --cropper {cropper} makes "
            f"{'it' if unnamed == 1 else 'them'} anew."
        )
    return notes


def other_times(plan: CropPlan, view: EventView) -> str:
    """Return the times that a plan was made for and those that its event has now, in words."""
    ends = (plan.onset_seconds, plan.offset_seconds)
    then = " to ".join("n/a" if end is None else f"{end:.3f}" for end in ends)
    return f"then {then} s, now {view.onset_seconds:.3f} to {view.offset_seconds:.3f} s"


def _serves(plan: CropPlan | None, view: EventView) -> bool:
    return plan is not None and (plan.origin == "manual" or plan.fits(view))


def other_detector_notes(plans: Iterable[CropPlan], named: str, cropper: str) -> list[str]:
    """Return a sentence where automatic rows come from another detector than the one that is named now.

    Args:
        plans: The rows of the cropper, see ``usable``.
        named: The detector, see ``detector_identity``; empty where nobody knows.
        cropper: A key of ``CROP_METHODS``.
    """
    other = [plan for plan in plans if plan.origin == "auto" and plan.detector not in ("", named)]
    if not other or not named:
        return []
    told = counted(len(other), f"row of {CROPS.file} was", f"rows of {CROPS.file} were")
    which = join_words(sorted({plan.detector for plan in other}))
    return [
        f"{told} made with another detector ({which}) than the one that is named ({named}), and used as written. "
        f"semioscope crop plan --cropper {cropper} with --detector and --weights makes them anew; parts of "
        "recordings with --task too."
    ]
