"""Recordings that show the same picture, and one content under several patients."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from semioscope.cohort.reading import Tables
from semioscope.core.formats import RECORDINGS
from semioscope.core.records import Recording, Region
from semioscope.core.tables import Problem
from semioscope.core.wording import join_words, numbered

_WHOLE = Region(x=0, y=0, width=1, height=1)


def same_content(tables: Tables, contents: Mapping[str, str]) -> list[Problem]:
    """Return one problem for all recordings of a content that belong to several patients, else show the same of it.

    Several patients in one content are an error where their regions overlap, else a warning: a picture can show two
    people.

    Args:
        tables: The tables of the cohort.
        contents: By recording the name of its content.
    """
    groups: dict[str, list[Recording]] = {}
    for recording_id, content in contents.items():
        groups.setdefault(content, []).append(tables.recordings[recording_id])
    problems = []
    for group in groups.values():
        patients = list(dict.fromkeys(recording.patient_id for recording in group))
        if len(patients) > 1:
            overlap = any(
                one.patient_id != other.patient_id and _overlap(one, other)
                for one, other in combinations(group, 2)
            )
            message = (
                f"show the same video ({_rows(group, tables)}), but are of patients {join_words(patients)}. One "
                "person under several ids would stand on both sides of a split. Give them one patient_id, or correct "
                "the paths" + ("." if overlap else ", unless the picture really shows several people.")
            )
            problems.append(_problem(group, tables, message, warning=not overlap))
            if overlap:
                continue  # whoever mends this looks at all of them
        alike: dict[tuple[str, tuple[float, ...]], list[Recording]] = {}
        for recording in group:
            alike.setdefault((recording.patient_id, _rounded(recording)), []).append(recording)
        for equal in alike.values():
            if len(equal) > 1:
                message = (
                    "must differ in content or region, but are the same video and region "
                    f"({_rows(equal, tables)}). Delete all but one, or correct the paths or regions."
                )
                problems.append(_problem(equal, tables, message, warning=False))
    return problems


def _rows(recordings: Sequence[Recording], tables: Tables) -> str:
    return numbered("row", [tables.recording_rows[recording.recording_id] for recording in recordings])


def _problem(recordings: Sequence[Recording], tables: Tables, message: str, *, warning: bool) -> Problem:
    names = [recording.recording_id for recording in recordings]
    return Problem(
        severity="warning" if warning else "error",
        file=RECORDINGS.file,
        row=tables.recording_rows.get(names[0]),
        subject=f"recordings {join_words(names)}",
        message=message,
    )


def _rounded(recording: Recording) -> tuple[float, ...]:
    region = recording.region or _WHOLE
    return tuple(round(number, 6) for number in (region.x, region.y, region.width, region.height))


def _overlap(first: Recording, second: Recording) -> bool:
    a, b = first.region or _WHOLE, second.region or _WHOLE
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width > 1e-6 and height > 1e-6
