"""The third class: the stretches of a recording before and after its seizures, as events.

Methods: Karácsony 2022, section 3 ("Third class"). The arithmetic is ``plans.nonepileptic_parts``; this module finds
what it needs in a cohort: the length of every recording and all of its seizures.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from semioscope.cohort.cohort import Cohort
from semioscope.core.errors import CohortError, VideoError
from semioscope.core.formats import RECORDINGS
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Recording
from semioscope.core.tables import Problem
from semioscope.core.wording import counted
from semioscope.plans.parts import MIN_PART_SECONDS, PART_SECONDS, IctalParts, nonepileptic_parts

SIDES = ("pre", "post")
"""What is appended to the id of a seizure: its part before, its part after."""


def part_id(seizure_id: str, side: str) -> str:
    """Return the event id of a part.

    Examples:
        >>> part_id("p01-s1", "pre")
        'p01-s1-pre'
    """
    return f"{seizure_id}-{side}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEvents:
    """The parts beside some seizures.

    Args:
        events: Per seizure the part before and the part after it, in the order of the seizures.
        problems: Recordings that gave none because they could not be opened.
        num_short: Parts of their recordings that were too short, and dropped.
        num_absent: Sides on which such a recording leaves no room at all.
    """

    events: tuple[Event, ...]
    problems: tuple[Problem, ...] = ()
    num_short: int = 0
    num_absent: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped, as sentences."""
        notes = []
        if self.num_short:
            parts = counted(
                self.num_short, "part before or after a seizure was", "parts before or after a seizure were"
            )
            notes.append(f"{parts} shorter than {MIN_PART_SECONDS:.2f} s, and dropped.")
        if self.num_absent:
            notes.append(
                f"On {counted(self.num_absent, 'side')} of seizures their recording leaves no room for a part "
                "without one."
            )
        return tuple(notes)


def part_events(
    cohort: Cohort, events: Iterable[Event], *, y_true: int | None = None, part_seconds: float = PART_SECONDS
) -> PartEvents:
    """Return the parts of recordings beside seizures; none spans or touches any seizure of its recording.

    Every seizure of the same patient in the same file bounds the parts, whether it is used or not, and whichever
    view of a montage it was annotated in. Parts lie where all streams of a recording run: a depth stream that
    begins later or ends earlier than the infrared bounds them. Recordings are opened to find their length;
    nothing is decoded but a frame of each.

    Args:
        cohort: The cohort.
        events: Seizures that take part; others have no parts.
        y_true: Class of the parts.
        part_seconds: How far parts reach from their seizure, above 0.

    Raises:
        CohortError: If a part would have the id of a seizure.
        ConfigError: If ``part_seconds`` is out of its range.
    """
    listed = tuple(events)
    _require_free_ids(cohort, listed)
    found: dict[_Source, dict[tuple[str, str], Interval]] = {}
    problems: dict[_Source, Problem] = {}
    num_short = num_absent = 0
    for event in listed:
        for view in event.views:
            source = _source(cohort.recordings[view.recording_id])
            if source in found:
                continue
            found[source] = {}
            try:
                recorded = recorded_interval(cohort, cohort.recordings[view.recording_id])
            except (VideoError, CohortError) as err:
                problems[source] = Problem(
                    severity="warning",
                    file=RECORDINGS.file,
                    subject=f"recording {view.recording_id}",
                    message=f"its parts before and after seizures take no part: {err}",
                )
                continue
            names, seizures = _seizures_in(cohort, source)
            parts = _parts_within(recorded, seizures, part_seconds)
            num_short += parts.num_short
            num_absent += parts.num_absent
            found[source] = {(names[part.seizure], part.side): part.interval for part in parts.parts}
    made = [_part(cohort, event, side, found, y_true) for event in listed for side in SIDES]
    return PartEvents(
        events=tuple(part for part in made if part is not None),
        problems=tuple(problems.values()),
        num_short=num_short,
        num_absent=num_absent,
    )


def _part(
    cohort: Cohort,
    seizure: Event,
    side: str,
    found: Mapping["_Source", Mapping[tuple[str, str], Interval]],
    y_true: int | None,
) -> Event | None:
    """Return the part on one side of a seizure in all recordings that have it; None where none has."""
    views = []
    for view in seizure.views:
        source = _source(cohort.recordings[view.recording_id])
        interval = found[source].get((seizure.event_id, side))
        if interval is not None:
            views.append(
                EventView(
                    recording_id=view.recording_id,
                    onset_seconds=interval.start_seconds,
                    offset_seconds=interval.end_seconds,
                    use=view.use,
                )
            )
    if not views:
        return None
    return Event(
        event_id=part_id(seizure.event_id, side),
        patient_id=seizure.patient_id,
        y_true=y_true,
        views=tuple(views),
    )


def _parts_within(recorded: Interval, seizures: Sequence[Interval], part_seconds: float) -> IctalParts:
    """Return the parts of a recording whose streams all run from a start that need not be 0."""
    start = recorded.start_seconds
    parts = nonepileptic_parts(
        recorded.duration_seconds, [_moved(seizure, -start) for seizure in seizures], seconds=part_seconds
    )
    moved = tuple(replace(part, interval=_moved(part.interval, start)) for part in parts.parts)
    return replace(parts, parts=moved)


def _moved(interval: Interval, seconds: float) -> Interval:
    return Interval(
        start_seconds=interval.start_seconds + seconds, end_seconds=interval.end_seconds + seconds
    )


class _Source(NamedTuple):
    """One file with one patient in it; the recordings of a montage share it."""

    patient_id: str
    path: str
    depth_path: str | None


def _source(recording: Recording) -> _Source:
    path = recording.path or f"n/a of {recording.recording_id}"
    return _Source(recording.patient_id, path, recording.depth_path)


def _seizures_in(cohort: Cohort, source: _Source) -> tuple[list[str], list[Interval]]:
    """Return names and times of all seizures of a file; times that differ between its views are joined."""
    found: dict[str, Interval] = {}
    for seizure in cohort.seizures:
        views = [
            view.interval
            for view in seizure.views
            if _source(cohort.recordings[view.recording_id])[:2] == source[:2]
        ]
        if views:
            found[seizure.seizure_id] = Interval(
                start_seconds=min(view.start_seconds for view in views),
                end_seconds=max(view.end_seconds for view in views),
            )
    return list(found), list(found.values())


def recorded_interval(cohort: Cohort, recording: Recording) -> Interval:
    """Return the stretch in which all streams of a recording run, by what its files hold.

    Raises:
        VideoError: If a file cannot be opened, or does not tell how long it is, or there is no such stretch.
        CohortError: If it has no video.
    """
    start, end = 0.0, _length_seconds(cohort.video_path(recording))
    if recording.depth_path is not None:
        begin = recording.depth_offset_seconds
        depth_end = begin + _length_seconds(cohort.folder / recording.depth_path)
        start, end = max(start, begin), min(end, depth_end)
    if end <= start:
        msg = (
            f"infrared and depth of {recording.recording_id} must share some time, but do not. Correct "
            "depth_offset_seconds in recordings.tsv, or the paths."
        )
        raise VideoError(msg)
    return Interval(start_seconds=start, end_seconds=end)


def _length_seconds(path: Path) -> float:
    from semioscope.video import probe

    seconds = probe(path).duration_seconds
    if not (math.isfinite(seconds) and seconds > 0):
        msg = f"{path.name} must tell how long it is, but does not. Write it again, with times of all frames."
        raise VideoError(msg)
    return seconds


def _require_free_ids(cohort: Cohort, events: Sequence[Event]) -> None:
    rows = {seizure.seizure_id: seizure.row for seizure in cohort.seizures}
    for event in events:
        for side in SIDES:
            name = part_id(event.event_id, side)
            if name in rows:
                where = f" row {rows[name]}" if rows[name] else ""
                msg = (
                    f"seizures.tsv{where}: {name} must not be the id of a seizure, because the part of the recording "
                    f"{'before' if side == 'pre' else 'after'} {event.event_id} has this id. Give it another "
                    "seizure_id."
                )
                raise CohortError(msg)
