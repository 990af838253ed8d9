"""Make a cohort of a feature set in the layout of the public GESTURES data: tables, and vectors in the store.

Everything is checked first, and the tables are written last, so an import that was refused or stopped leaves no
cohort; blocks that were stored by then are used when it is given again.
Methods: section 1, "Public feature data set".
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.errors import CohortError
from semioscope.core.files import read_json, write_json
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES, TableSchema
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.records import EventView, Patient, Recording, Seizure, Use
from semioscope.core.tables import Problem, read_table
from semioscope.core.times import parse_seconds
from semioscope.features.gestures_set import (
    BACKBONE,
    CLIP_PLAN,
    FEATURES_FOLDER,
    NUM_FEATURES,
    PUBLISHED_SOURCE,
    GesturesSet,
    SetSeizure,
    SetView,
    find_set,
    folder_problem,
    read_set,
    refuse,
    vector_files,
)
from semioscope.features.imported import (
    ImportedFeatures,
    store_imported,
    write_imported,
    write_lost_views,
)
from semioscope.features.plan import default_store
from semioscope.features.store import FeatureStore
from semioscope.features.vectors import VectorReader
from semioscope.synthetic import MARK_FILE, is_synthetic

MIN_DURATION_SECONDS = 15.0
PUBLISHED = {"FOS": 106, "TCS": 77, "seizures": 183, "patients": 68}
"""What the paper says of the seizures that it used."""

_FILES_AT_ONCE = 256

ReadVectors = Callable[[SetView], Float32[np.ndarray, "num_clips num_features"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureImport:
    """What was imported.

    Args:
        folder: The cohort.
        store: Where the vectors are.
        steps: What was counted: name, number, published number or None.
        num_clips: Vectors.
        notes: What a person should know.
        warnings: What a person should look at.
        num_left_out: Views that were left out, as files of them are missing.
    """

    folder: Path
    store: Path
    steps: tuple[tuple[str, int, int | None], ...]
    num_clips: int
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    num_left_out: int = 0

    def describe(self) -> str:
        """Return the counts beside the published ones, then notes and warnings."""
        width = max(len(name) for name, _, _ in self.steps)
        lines = [f"{'':<{width}}  {'here':>6}  published"]
        for name, number, published in self.steps:
            lines.append(f"{name:<{width}}  {number:>6}  {'' if published is None else published}".rstrip())
        lines += [f"Note: {note}" for note in self.notes]
        lines += [f"Warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def import_gestures_features(
    source: Path,
    folder: Path,
    *,
    store: Path | None = None,
    force: bool = False,
    skip_unmatched: bool = False,
    progress: Progress | None = None,
) -> FeatureImport:
    """Import an unpacked feature set into a cohort folder and the feature store.

    A view whose files have a gap is left out: no vector is invented. A ``failures.tsv`` in the cohort lists it.

    Args:
        source: The folder with ``seizures.csv`` and ``features_fpc_8_fps_15``, or the one above it.
        folder: The cohort; made if absent.
        store: Where the vectors go; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        force: Replace tables of the cohort that hold something else.
        skip_unmatched: Leave out rows without folders and folders without rows, instead of refusing them.
        progress: Where to report to.

    Raises:
        CohortError: If the set is not whole, or the cohort holds something else. No table is written then.
        StoreError: If the disk is full or a folder cannot be written.
    """
    root = find_set(source)
    mark = next((read_json(place / MARK_FILE) for place in (root, source) if is_synthetic(place)), None)
    progress = progress or QuietProgress()
    found = read_set(root, skip_unmatched=skip_unmatched)
    reader = VectorReader(NUM_FEATURES)

    def read(view: SetView) -> Float32[np.ndarray, "num_clips num_features"]:
        return _read_view(root / FEATURES_FOLDER / view.name, reader, progress)

    with stage(progress, "import", found.num_clips, unit="vectors"):
        return import_set(
            found, folder, read, store=default_store(folder, store=store), force=force, mark=mark, name=root.name
        )  # fmt: skip


def import_set(
    found: GesturesSet,
    folder: Path,
    read: ReadVectors,
    *,
    store: FeatureStore,
    force: bool = False,
    mark: Mapping[str, Any] | None = None,
    name: str = "",
) -> FeatureImport:
    """Write the cohort of a feature set whose vectors come from a function, one view at a time.

    Args:
        found: What the set holds.
        folder: The cohort; made if absent.
        read: Returns the vectors of a view; ValueError in words if they are not what they should be.
        store: Where the vectors go.
        force: Replace tables of the cohort that hold something else.
        mark: What says that the set is synthetic; None for a real one.
        name: Of the set, for messages.

    Raises:
        CohortError: If a view cannot be read, or the cohort holds something else.
        StoreError: If the disk is full or a folder cannot be written.
    """
    cohort, warnings = cohort_of_set(found, folder)
    if not force:
        _refuse_other_tables(cohort)
    source = PUBLISHED_SOURCE if mark is None else "synthetic"
    problems: list[Problem] = []
    notes: list[str] = []
    entries: list[ImportedFeatures] = []
    for view in found.views:
        try:
            features = read(view)
        except ValueError as err:
            problems.append(folder_problem(view.name, str(err)))
            continue
        if problems:
            continue
        absent = int(np.sum(~np.isfinite(features).all(axis=1)))
        if absent:
            notes.append(f"{absent} vectors of {view.name} hold NaN; these clips count as missing.")
        key = store_imported(store, features, backbone=BACKBONE, clip_plan=CLIP_PLAN, source=source)
        entries.append(
            ImportedFeatures(
                recording_id=view.name,
                backbone=BACKBONE,
                fps=CLIP_PLAN.fps,
                frames_per_clip=CLIP_PLAN.frames_per_clip,
                stride=CLIP_PLAN.stride,
                num_clips=len(features),
                num_features=NUM_FEATURES,
                key=key,
                source=source,
            )
        )
    refuse(problems, name)
    if mark is not None:
        write_json(folder / MARK_FILE, dict(mark))
    write_imported(folder, entries)
    write_lost_views(folder, [(view.name, view.seizure_id, view.message) for view in found.left_out])
    write_cohort(cohort)
    return FeatureImport(
        folder=folder,
        store=store.folder,
        steps=_steps(found),
        num_clips=found.num_clips,
        notes=(*found.notes, *notes),
        warnings=(*found.warnings, *warnings),
        num_left_out=len(found.left_out),
    )


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


def _read_view(
    folder: Path, reader: VectorReader, progress: Progress
) -> Float32[np.ndarray, "num_clips num_features"]:
    names = vector_files(folder)
    features = np.empty((len(names), reader.num_features), np.float32)
    place = f"{folder}/"
    for number, name in enumerate(names, 1):
        try:
            features[number - 1] = reader.read(place + name)
        except ValueError as err:
            msg = f"{name} {err}. Unpack the data set again."
            raise ValueError(msg) from err
        if number % _FILES_AT_ONCE == 0:
            progress.advance(_FILES_AT_ONCE, note=folder.name)
    progress.advance(len(names) % _FILES_AT_ONCE, note=folder.name)
    return features


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


def _steps(found: GesturesSet) -> tuple[tuple[str, int, int | None], ...]:
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


def _refuse_other_tables(cohort: Cohort) -> None:
    """Refuse a folder whose tables hold other rows than would be written."""
    with tempfile.TemporaryDirectory(prefix="semioscope-import-") as temporary:
        write_cohort(replace(cohort, folder=Path(temporary)))
        differing = [
            schema.file
            for schema in (PATIENTS, RECORDINGS, SEIZURES)
            if _has_rows(cohort.folder / schema.file, schema)
            and (cohort.folder / schema.file).read_bytes() != (Path(temporary) / schema.file).read_bytes()
        ]
    if differing:
        msg = (
            f"The tables of cohort {cohort.folder.resolve().name} must have no rows yet, or those of this import, "
            f"but {' and '.join(differing)} holds others. Give --force to replace them, or choose another folder."
        )
        raise CohortError(msg)


def _has_rows(path: Path, schema: TableSchema) -> bool:
    if not path.exists():
        return False
    rows, problems = read_table(path, schema)
    return bool(rows) or any(problem.severity == "error" for problem in problems)
