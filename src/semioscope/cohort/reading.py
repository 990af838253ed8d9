"""From the rows of the cohort's tables to records, with every problem on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import cast

from semioscope.cohort.annotations import Annotation, merge_annotations, unknown_id
from semioscope.core.cells import check_id, format_value
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES, TableSchema
from semioscope.core.records import Patient, Recording, Region, Role, Seizure, Use
from semioscope.core.tables import Problem, Row, read_table
from semioscope.core.times import parse_number, parse_time

_TIMES = ("onset", "clonic_onset", "offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the three tables of a cohort folder hold, as far as it could be understood.

    A recording with a fault is there without what is wrong, so that its seizures can be checked too.
    """

    patients: tuple[Patient, ...]
    recordings: Mapping[str, Recording]
    annotations: tuple[Annotation, ...]
    seizures: tuple[Seizure, ...]
    recording_rows: Mapping[str, int]
    faulty_recordings: frozenset[str]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that make the cohort unusable."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def read_tables(folder: Path) -> Tables:
    """Read the tables of a cohort folder; nothing is raised, all that is wrong is in ``problems``."""
    problems: list[Problem] = []
    tables: dict[str, tuple[Row, ...]] = {}
    for schema in (PATIENTS, RECORDINGS, SEIZURES):
        rows, found = read_table(folder / schema.file, schema)
        problems.extend(found)
        tables[schema.file] = rows
    unreadable = {found.file for found in problems if found.severity == "error" and found.row in (None, 1)}
    patients, patient_problems = _read_patients(tables[PATIENTS.file])
    problems.extend(patient_problems)
    patient_ids = None if PATIENTS.file in unreadable else {patient.patient_id for patient in patients}
    recordings, faulty, recording_problems = _read_recordings(tables[RECORDINGS.file], patient_ids)
    problems.extend(recording_problems)
    named = {row.text("recording_id") for row in tables[RECORDINGS.file]}
    annotations, annotation_problems = _read_annotations(
        tables[SEIZURES.file],
        recordings,
        faulty=faulty,
        named=None if RECORDINGS.file in unreadable else {name for name in named if name is not None},
    )
    problems.extend(annotation_problems)
    seizures, merge_problems = merge_annotations(annotations, recordings)
    problems.extend(merge_problems)
    contextual_only = bool(recordings) and all(r.role == "contextual" for r in recordings.values())
    for schema in (PATIENTS, RECORDINGS, SEIZURES):
        optional = schema is SEIZURES and contextual_only
        if not tables[schema.file] and schema.file not in unreadable and not optional:
            problems.append(_no_rows(schema))
    order = {schema.file: place for place, schema in enumerate((PATIENTS, RECORDINGS, SEIZURES))}
    problems.sort(key=lambda found: (order[found.file], found.row or 0))
    return Tables(
        patients=patients,
        recordings=recordings,
        annotations=annotations,
        seizures=seizures,
        recording_rows={row.text("recording_id") or "": row.number for row in tables[RECORDINGS.file]},
        faulty_recordings=frozenset(faulty),
        problems=tuple(problems),
    )


def _no_rows(schema: TableSchema) -> Problem:
    noun = schema.file.removesuffix(".tsv")
    message = f"must have at least one row below the header, but has none. Add the {noun}."
    return Problem(severity="error", file=schema.file, message=message)


def _read_patients(rows: tuple[Row, ...]) -> tuple[tuple[Patient, ...], list[Problem]]:
    patients: dict[str, Patient] = {}
    problems: list[Problem] = []
    by_fold: dict[str, str] = {}
    for row in rows:
        patient_id = row.text("patient_id")
        if patient_id is None or patient_id in patients:
            continue
        patients[patient_id] = Patient(patient_id=patient_id, labels=_labels(row, PATIENTS))
        twin = by_fold.setdefault(patient_id.casefold(), patient_id)
        if twin != patient_id:
            message = (
                f"patient_id differs from {twin!r} only in case. If both are one person, keep one of them."
            )
            problems.append(_problem(PATIENTS, row, message, severity_warning=True))
    return tuple(patients.values()), problems


def _read_recordings(
    rows: tuple[Row, ...], patient_ids: set[str] | None
) -> tuple[dict[str, Recording], set[str], list[Problem]]:
    recordings: dict[str, Recording] = {}
    faulty: set[str] = set()
    problems: list[Problem] = []
    for row in rows:
        recording_id, patient_id = row.text("recording_id"), row.text("patient_id")
        found: list[str] = []
        if patient_ids is not None and patient_id is not None and patient_id not in patient_ids:
            found.append(unknown_id("patient_id", patient_id, patient_ids, table=PATIENTS.file))
        regions: dict[str, Region | None] = {}
        for name in ("region", "blank"):
            try:
                regions[name] = None
                regions[name] = parse_region(row.text(name))
            except ValueError as err:
                found.append(f"{name}: {err} Correct the cell.")
        paths = {name: row.text(name) for name in ("path", "depth_path")}
        for name, path in paths.items():
            if faults := _path_faults(name, path):
                found.extend(faults)
                paths[name] = None
        problems.extend(_problem(RECORDINGS, row, message) for message in found)
        if recording_id is None or patient_id is None or recording_id in recordings:
            continue
        if found or row.faulty:
            faulty.add(recording_id)
        recordings[recording_id] = Recording(
            recording_id=recording_id,
            patient_id=patient_id,
            view=row.text("view") or "main",
            path=paths["path"],
            region=regions["region"],
            blank=regions["blank"],
            depth_path=paths["depth_path"],
            depth_offset_seconds=cast("float | None", row.values["depth_offset_seconds"]) or 0.0,
            start_datetime=cast("datetime | None", row.values["start_datetime"]),
            role=cast("Role", row.values["role"] or "seizures"),
        )
    return recordings, faulty, problems


def parse_region(text: str | None) -> Region | None:
    """Return the rectangle of ``x y width height``, fractions of the picture; None for None.

    Raises:
        ValueError: If there are not four numbers, or they leave the picture.
    """
    if text is None:
        return None
    words = text.replace(";", " ").split()
    try:
        x, y, width, height = (parse_number(word) for word in words)
    except ValueError as err:
        msg = f"A region needs four fractions x y width height separated by spaces, got {text!r}."
        raise ValueError(msg) from err
    return Region(x=x, y=y, width=width, height=height)


def region_text(region: Region | None) -> str | None:
    """Return what ``parse_region`` reads back exactly."""
    if region is None:
        return None
    return " ".join(format_value(number) for number in (region.x, region.y, region.width, region.height))


def _path_faults(name: str, path: str | None) -> list[str]:
    if path is None:
        return []
    if "\\" in path:
        return [f"{name} must have / between folders, got {path!r}. Write {path.replace(chr(92), '/')!r}."]
    if PurePosixPath(path).is_absolute() or path[1:3] == ":/":
        return [
            f"{name} must be relative to the cohort folder, but begins at the root. Move or link it there."
        ]
    return []


def _read_annotations(
    rows: tuple[Row, ...],
    recordings: Mapping[str, Recording],
    *,
    faulty: set[str],
    named: set[str] | None,
) -> tuple[tuple[Annotation, ...], list[Problem]]:
    annotations: list[Annotation] = []
    problems: list[Problem] = []
    for row in rows:
        seizure_id, listed = row.text("seizure_id"), row.text("recording_id")
        recording_ids = list(dict.fromkeys((listed or "").replace(",", " ").split()))
        found: list[str] = []
        for recording_id in recording_ids:
            if named is not None and recording_id not in named:
                found.append(unknown_id("recording_id", recording_id, named, table=RECORDINGS.file))
                continue
            try:
                check_id(recording_id)
            except ValueError as err:
                found.append(f"recording_id {err}. Correct the cell.")
                continue
            recording = recordings.get(recording_id)
            start = recording.start_datetime if recording else None
            times, faults = _read_times(
                row, start, understood=recording is not None and recording_id not in faulty
            )
            found.extend(fault for fault in faults if fault not in found)
            if faults or row.faulty or recording is None or seizure_id is None:
                continue
            onset, clonic_onset, offset = (times[name] for name in _TIMES)
            assert onset is not None
            assert offset is not None
            annotations.append(
                Annotation(
                    seizure_id=seizure_id,
                    recording_id=recording_id,
                    onset_seconds=onset,
                    offset_seconds=offset,
                    clonic_onset_seconds=clonic_onset,
                    use=cast("Use", row.values["use"]),
                    annotator=row.text("annotator") or "",
                    labels=_labels(row, SEIZURES),
                    row=row.number,
                )
            )
        problems.extend(_problem(SEIZURES, row, message) for message in found)
    return tuple(annotations), problems


def _read_times(
    row: Row, start_datetime: datetime | None, *, understood: bool
) -> tuple[dict[str, float | None], list[str]]:
    """Return the times of a row by column, and what is wrong with them.

    Args:
        row: Of ``seizures.tsv``.
        start_datetime: Of the recording.
        understood: The recording could be read; otherwise nothing is said about clock times.
    """
    times: dict[str, float | None] = {}
    faults: list[str] = []
    for name in _TIMES:
        column = f"{name}_clock" if f"{name}_clock" in row.values else name
        text = row.text(column)
        times[name] = None
        if text is None:
            continue
        try:
            times[name] = parse_time(text, start_datetime=start_datetime, time_of_day=column != name)
        except ValueError as err:
            if understood or "start_datetime" not in str(err):
                faults.append(f"{column} {err}. Correct the cell.")
    onset, clonic, offset = (times[name] for name in _TIMES)
    if onset is not None and offset is not None and offset <= onset:
        faults.append(f"offset {offset} must come after onset {onset}. Correct the row.")
    elif onset is not None and offset is not None and clonic is not None and not onset < clonic < offset:
        faults.append(
            f"clonic_onset {clonic} must lie between onset {onset} and offset {offset}. "
            "Correct the row or leave clonic_onset n/a."
        )
    return times, faults


def _labels(row: Row, schema: TableSchema) -> dict[str, str]:
    known = schema.accepted_names
    return {name: str(value) for name, value in row.values.items() if name not in known and value is not None}


def _problem(schema: TableSchema, row: Row, message: str, *, severity_warning: bool = False) -> Problem:
    noun, column = schema.subject or ("", "")
    name = row.text(column)
    return Problem(
        severity="warning" if severity_warning else "error",
        file=schema.file,
        row=row.number,
        subject=f"{noun} {name}" if name else "",
        message=message,
    )
