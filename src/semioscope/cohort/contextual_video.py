"""Contextual recordings of a cohort: how long they are, and which seizures they show in spite of their role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from semioscope.cohort.cohort import Cohort
from semioscope.cohort.parts import recorded_interval
from semioscope.core.errors import CohortError, SemioscopeError
from semioscope.core.intervals import Interval
from semioscope.core.records import Recording, Seizure


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualVideo:
    """One contextual recording that can be used.

    Args:
        recording: The recording.
        duration_seconds: What its file tells.
        seizures: When the patient has an annotated seizure, in seconds from its first displayed frame; may be before
            or behind it.
    """

    recording: Recording
    duration_seconds: float
    seizures: tuple[Interval, ...]


def contextual_videos(cohort: Cohort) -> tuple[tuple[ContextualVideo, ...], dict[str, str]]:
    """Return the contextual recordings of a cohort, and why others cannot be used, by recording.

    A seizure counts where it is annotated in the recording itself, in another recording of the same file and
    patient, or in any recording of the patient whose clock time and that of the contextual one are known.

    Args:
        cohort: Its files are opened for their length only. A recording whose file was entered twice is used once.

    Raises:
        CohortError: If it has no contextual recording.
    """
    wanted = [recording for recording in cohort.recordings.values() if recording.role == "contextual"]
    if not wanted:
        msg = (
            "The cohort must have recordings of the role contextual, got none. Add some with semioscope cohort "
            "import contextual FOLDER COHORT --patient-from folder."
        )
        raise CohortError(msg)
    found, faults = [], {}
    seen: dict[tuple[str | None, str], str] = {}
    for recording in wanted:
        twin = seen.setdefault((recording.path, str(recording.region)), recording.recording_id)
        if twin != recording.recording_id:
            faults[recording.recording_id] = f"It shows the same as {twin}, which is used."
            continue
        try:
            length = recorded_interval(cohort, recording).end_seconds
        except SemioscopeError as err:
            faults[recording.recording_id] = str(err)
            continue
        found.append(
            ContextualVideo(
                recording=recording,
                duration_seconds=length,
                seizures=tuple(_seizures_of(cohort, recording, cohort.seizures)),
            )
        )
    return tuple(found), faults


def _seizures_of(cohort: Cohort, recording: Recording, seizures: Iterable[Seizure]) -> list[Interval]:
    found = []
    for seizure in seizures:
        for view in seizure.views:
            other = cohort.recordings[view.recording_id]
            if other.patient_id != recording.patient_id:
                continue
            if other.recording_id == recording.recording_id or (
                recording.path is not None and other.path == recording.path
            ):
                found.append(view.interval)
            elif recording.start_datetime is not None and other.start_datetime is not None:
                later = _seconds_later(other.start_datetime, recording.start_datetime)
                start, end = view.onset_seconds + later, view.offset_seconds + later
                found.append(Interval(start_seconds=start, end_seconds=end))
    return found


def _seconds_later(clock: datetime, than: datetime) -> float:
    """Return how much later a clock time is; where only one names its zone, both are of the same clock."""
    if (clock.tzinfo is None) != (than.tzinfo is None):
        clock, than = clock.replace(tzinfo=None), than.replace(tzinfo=None)
    return (clock - than).total_seconds()
