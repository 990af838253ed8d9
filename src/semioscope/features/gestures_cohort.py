"""The cohort of a feature set in the layout of the public GESTURES data, and its counts beside the published ones.

Methods: section 1, "Public feature data set".
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.errors import CohortError
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES, TableSchema
from semioscope.core.records import EventView, Patient, Recording, Seizure, Use
from semioscope.core.tables import read_table
from semioscope.core.times import parse_seconds
from semioscope.features.gestures_layout import GesturesSet, SetSeizure

MIN_DURATION_SECONDS = 15.0
PUBLISHED = {"FOS": 106, "TCS": 77, "seizures": 183, "patients": 68}
"""What the paper says of the seizures that it used."""

_TABLES = (PATIENTS, RECORDINGS, SEIZURES)


def cohort_of_set(found: GesturesSet, folder: Path) -> tuple[Cohort, list[str]]:
    """Return the cohort of a feature set, and warnings about clonic onsets that cannot be used."""
    recordings: dict[str, Recording] = {}
    seizures = []
    unusable: list[str] = []
    for seizure in found.seizures:
        row = seizure.row
        clonic = _clonic_seconds(seizure)
        if row.is_tonic_clonic and clonic is None:
            unusable.append(f"{row.seizure_id} ({row.onset_clonic})")
        for view in seizure.views:
            recordings[view.name] = Recording(
                recording_id=view.name, patient_id=row.subject, view=view.view, path=None
            )
        views = tuple(
            EventView(
                recording_id=view.name,
                onset_seconds=0.0,
                offset_seconds=view.duration_seconds,
                clonic_onset_seconds=clonic,
                use=_use(row.discard, view.view),
            )
            for view in seizure.views
        )
        label = "TCS" if row.is_tonic_clonic else "FOS"
        seizures.append(
            Seizure(
                seizure_id=row.seizure_id,
                patient_id=row.subject,
                views=views,
                labels={"seizure_type": label},
                row=row.number,
            )
        )
    names = dict.fromkeys(seizure.row.subject for seizure in found.seizures)
    warnings = []
    if unusable:
        warnings.append(
            "OnsetClonic must lie between 0 and the duration, in seconds or hh:mm:ss from the seizure's onset, but "
            f"does not for {', '.join(unusable)}. They stay tonic-clonic, but clonic_onset is n/a, so they cannot "
            "take part in clip-level scores."
        )
    cohort = Cohort(
        folder=folder,
        patients=tuple(Patient(patient_id=name) for name in names),
        recordings=recordings,
        seizures=tuple(seizures),
    )
    return cohort, warnings


def counted_steps(found: GesturesSet) -> tuple[tuple[str, int, int | None], ...]:
    """Return what is counted: name, number here, published number or None."""
    long = [item for item in found.seizures if item.duration_seconds >= MIN_DURATION_SECONDS]
    used = [item for item in long if item.row.discard != "Yes"]
    tonic_clonic = sum(item.row.is_tonic_clonic for item in used)
    return (
        ("rows of the csv", found.num_rows, None),
        ("views", len(found.views), None),
        (f"seizures of {MIN_DURATION_SECONDS:g} s or more", len(long), None),
        ("of these, not discarded in both views", len(used), PUBLISHED["seizures"]),
        ("of these, focal (FOS)", len(used) - tonic_clonic, PUBLISHED["FOS"]),
        ("of these, tonic-clonic (TCS)", tonic_clonic, PUBLISHED["TCS"]),
        ("patients", len({item.row.subject for item in used}), PUBLISHED["patients"]),
    )


def holds_rows(folder: Path) -> bool:
    """Return whether a table of a cohort has rows."""
    return any(_has_rows(folder / schema.file, schema) for schema in _TABLES)


def refuse_other_tables(cohort: Cohort) -> None:
    """Refuse a folder whose tables hold other rows than would be written.

    Raises:
        CohortError: If they do.
    """
    with tempfile.TemporaryDirectory(prefix="semioscope-import-") as temporary:
        write_cohort(replace(cohort, folder=Path(temporary)))
        differing = [
            schema.file
            for schema in _TABLES
            if _has_rows(cohort.folder / schema.file, schema)
            and (cohort.folder / schema.file).read_bytes() != (Path(temporary) / schema.file).read_bytes()
        ]
    if differing:
        msg = (
            f"The tables of cohort {cohort.folder.resolve().name} must have no rows yet, or those of this import, "
            f"but {' and '.join(differing)} holds others. Give --force to replace them, or choose another folder."
        )
        raise CohortError(msg)


def _clonic_seconds(seizure: SetSeizure) -> float | None:
    """Return the clonic onset, if it lies inside every view."""
    if not seizure.row.is_tonic_clonic:
        return None
    try:
        seconds = parse_seconds(seizure.row.onset_clonic)
    except ValueError:
        return None
    return seconds if 0 < seconds < min(view.duration_seconds for view in seizure.views) else None


def _use(discard: str, view: str) -> Use:
    if discard == "Yes":
        return "no"
    return "evaluate" if discard.casefold() == view else "train"


def _has_rows(path: Path, schema: TableSchema) -> bool:
    if not path.exists():
        return False
    rows, problems = read_table(path, schema)
    return bool(rows) or any(problem.severity == "error" for problem in problems)
