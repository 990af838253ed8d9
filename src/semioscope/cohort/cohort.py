"""The cohort: what a user prepares, read from and written to a folder of tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from semioscope.cohort.annotations import Annotation, annotations_of
from semioscope.cohort.reading import Tables, read_tables, region_text
from semioscope.core.cells import MISSING, format_value
from semioscope.core.errors import CohortError, unknown_name
from semioscope.core.files import canonical_json, digest
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES
from semioscope.core.records import Patient, Recording, Seizure
from semioscope.core.tables import Problem, write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Patients, their recordings and their seizures.

    Args:
        folder: Where the tables are; paths of recordings are relative to it.
        patients: In the order of ``patients.tsv``.
        recordings: By id, in the order of ``recordings.tsv``.
        seizures: Merged over views and annotators, in the order of their first rows.
        annotations: One per row of ``seizures.tsv`` and recording; made from the seizures where absent.
        warnings: What a person should look at; does not count when cohorts are compared.
    """

    folder: Path
    patients: tuple[Patient, ...]
    recordings: Mapping[str, Recording]
    seizures: tuple[Seizure, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.annotations:
            object.__setattr__(self, "annotations", annotations_of(self.seizures))

    @property
    def hash(self) -> str:
        """Digest of what the tables mean for a run: the order of rows and the way numbers are written do not count.

        Recordings of the role contextual do not count either, nor patients who have no others: runs do not see them,
        so they may be added while a run goes on.
        """
        return digest(
            {
                file: sorted(map(_row_text, rows))
                for file, rows in _table_rows(_without_contextual(self)).items()
            }
        )

    def recording(self, recording: Recording | str) -> Recording:
        """Return a recording of this cohort.

        Raises:
            CohortError: If there is none of that id.
        """
        if isinstance(recording, Recording):
            return recording
        if recording not in self.recordings:
            raise CohortError(unknown_name("recording", recording, self.recordings))
        return self.recordings[recording]

    def video_path(self, recording: Recording | str) -> Path:
        """Return the file that a recording names; it may be a parts list (see ``video.read_parts``).

        Raises:
            CohortError: If the recording has no video (``path`` is ``n/a``), or there is no such recording.
        """
        found = self.recording(recording)
        if found.path is None:
            msg = (
                f"Recording {found.recording_id} must have a video for this, but its path in recordings.tsv "
                "is n/a. Write the path of the video, or use the features that were imported for it."
            )
            raise CohortError(msg)
        return self.folder / found.path


def read_cohort(folder: Path) -> Cohort:
    """Read the tables of a cohort folder; videos are not opened.

    Raises:
        CohortError: If anything in the tables breaks a rule. One error lists every problem with file, row and
            remedy.
    """
    _require_folder(folder)
    return cohort_of(folder, read_tables(folder))


def cohort_of(folder: Path, tables: Tables) -> Cohort:
    """Return the cohort of tables that were read.

    Raises:
        CohortError: If the tables have errors; lists all of them.
    """
    if tables.errors:
        number = len(tables.errors)
        count = "1 problem" if number == 1 else f"{number} problems"
        lines = [f"The tables of cohort {folder.resolve().name} have {count}:", *map(str, tables.errors)]
        raise CohortError("\n".join(lines))
    return Cohort(
        folder=folder,
        patients=tables.patients,
        recordings=tables.recordings,
        seizures=tables.seizures,
        annotations=tables.annotations,
        warnings=tables.problems,
    )


def write_cohort(cohort: Cohort) -> None:
    """Write the tables of a cohort to its folder, each in one step; equal cohorts give equal bytes.

    Raises:
        StoreError: If the folder cannot be written.
    """
    rows = _table_rows(cohort)
    for schema in (PATIENTS, RECORDINGS, SEIZURES):
        write_table(cohort.folder / schema.file, schema, rows[schema.file])


def new_cohort(folder: Path) -> None:
    """Make an empty cohort folder: three tables with headers only, and a folder ``videos``.

    Raises:
        CohortError: If one of the tables exists already; nothing is changed then.
    """
    present = [schema.file for schema in (PATIENTS, RECORDINGS, SEIZURES) if (folder / schema.file).exists()]
    if present:
        there = ", ".join(present)
        msg = f"{folder.resolve().name} must not be a cohort yet, but has {there}. Choose another folder."
        raise CohortError(msg)
    if folder.exists() and not folder.is_dir():
        msg = f"{folder.resolve().name} must be a folder, but is a file. Choose another name."
        raise CohortError(msg)
    write_cohort(Cohort(folder=folder, patients=(), recordings={}))
    (folder / "videos").mkdir(exist_ok=True)


def without_rows(seizures: Iterable[Seizure]) -> tuple[Seizure, ...]:
    """Return seizures without their row numbers, to compare those of two files."""
    return tuple(replace(seizure, row=0) for seizure in seizures)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        msg = (
            f"{folder} must be a cohort folder, but {what}. Check the path, or make an empty cohort with "
            f"semioscope cohort new {folder}."
        )
        raise CohortError(msg)


def _without_contextual(cohort: Cohort) -> Cohort:
    kept = {name: one for name, one in cohort.recordings.items() if one.role != "contextual"}
    only = {one.patient_id for one in cohort.recordings.values()} - {one.patient_id for one in kept.values()}
    patients = tuple(patient for patient in cohort.patients if patient.patient_id not in only)
    return replace(cohort, patients=patients, recordings=kept)


def _row_text(row: Mapping[str, Any]) -> str:
    cells = {name: format_value(value) for name, value in row.items()}
    return canonical_json({name: cell for name, cell in cells.items() if cell != MISSING})


def _optional_float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _table_rows(cohort: Cohort) -> dict[str, list[dict[str, Any]]]:
    patients = [{"patient_id": patient.patient_id, **patient.labels} for patient in cohort.patients]
    recordings = [
        {
            "recording_id": recording.recording_id,
            "patient_id": recording.patient_id,
            "view": recording.view,
            "path": recording.path,
            "region": region_text(recording.region),
            "blank": region_text(recording.blank),
            "depth_path": recording.depth_path,
            "depth_offset_seconds": float(recording.depth_offset_seconds),
            "start_datetime": recording.start_datetime and recording.start_datetime.isoformat(),
            "role": recording.role,
        }
        for recording in cohort.recordings.values()
    ]
    seizures = [
        {
            "seizure_id": annotation.seizure_id,
            "recording_id": annotation.recording_id,
            "onset": float(annotation.onset_seconds),
            "clonic_onset": _optional_float(annotation.clonic_onset_seconds),
            "offset": float(annotation.offset_seconds),
            "use": annotation.use,
            "annotator": annotation.annotator or None,
            **annotation.labels,
        }
        for annotation in cohort.annotations
    ]
    return {PATIENTS.file: patients, RECORDINGS.file: recordings, SEIZURES.file: seizures}
