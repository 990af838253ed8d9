"""Make a cohort of a feature set in the layout of the public GESTURES data: tables, and vectors in the store.

Rows and names are checked first, a view is stored once all of its files were read, and the tables are written last.
So an import that was refused leaves nothing, and one that was stopped no cohort; blocks that were stored by then are
used when it is given again. One bad view does not lose the rest: it is left out, told and listed, whatever is wrong
with its files.
Methods: section 1, "Public feature data set".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from semioscope.cohort import write_cohort
from semioscope.core.files import read_json, write_json
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.features.gestures_cohort import (
    cohort_of_set,
    counted_steps,
    holds_rows,
    refuse_other_tables,
)
from semioscope.features.gestures_files import vector_files
from semioscope.features.gestures_layout import (
    BACKBONE,
    CLIP_PLAN,
    FEATURES_FOLDER,
    NUM_FEATURES,
    PUBLISHED_SOURCE,
    GesturesSet,
    SetView,
    find_set,
)
from semioscope.features.gestures_set import read_set, refuse_empty, without
from semioscope.features.import_record import write_import_warnings, write_lost_views
from semioscope.features.imported import ImportedFeatures, store_imported, write_imported
from semioscope.features.plan import default_store
from semioscope.features.store import FeatureStore
from semioscope.features.vectors import VectorReader
from semioscope.synthetic import MARK_FILE, is_synthetic

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
        num_left_out: Views that were left out, as files of them are missing or not what they should be.
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

    A view is left out where a file is missing, cannot be read or holds another vector: no vector is invented. A
    ``failures.tsv`` in the cohort lists it.

    Args:
        source: The folder with ``seizures.csv`` and ``features_fpc_8_fps_15``, or the one above it.
        folder: The cohort; made if absent.
        store: Where the vectors go; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        force: Replace tables of the cohort that hold something else.
        skip_unmatched: Leave out rows without folders and folders without rows, instead of refusing them.
        progress: Where to report to.

    Raises:
        CohortError: If rows and folders do not fit, no view is whole, or the cohort holds something else. Nothing is
            written then.
        StoreError: If the disk is full or a folder cannot be written.
    """
    root = find_set(source)
    mark = next((read_json(place / MARK_FILE) for place in (root, source) if is_synthetic(place)), None)
    progress = progress or QuietProgress()
    found = read_set(root, skip_unmatched=skip_unmatched)
    reader = VectorReader(NUM_FEATURES)

    def read(view: SetView) -> Float32[np.ndarray, "num_clips num_features"]:
        return _read_view(root / FEATURES_FOLDER / view.name, reader, progress)

    return import_set(
        found,
        folder,
        read,
        store=default_store(folder, store=store),
        force=force,
        mark=mark,
        name=root.resolve().name,
        progress=progress,
    )


def import_set(
    found: GesturesSet,
    folder: Path,
    read: ReadVectors,
    *,
    store: FeatureStore,
    force: bool = False,
    mark: Mapping[str, Any] | None = None,
    name: str = "",
    progress: Progress,
) -> FeatureImport:
    """Write the cohort of a feature set whose vectors come from a function, one view at a time.

    Args:
        found: What the set holds.
        folder: The cohort; made if absent.
        read: Returns the vectors of a view; ValueError, naming folder and file, if they are not what they should be.
        store: Where the vectors go.
        force: Replace tables of the cohort that hold something else.
        mark: What says that the set is synthetic; None for a real one.
        name: Of the set, for messages.
        progress: Where to report to.

    Raises:
        CohortError: If no view can be read, or the cohort holds something else.
        StoreError: If the disk is full or a folder cannot be written.
    """
    if not force and holds_rows(folder):
        with stage(progress, "check", found.num_clips, unit="vectors"):
            faults = dict(_faulty(found, read))
        refuse_other_tables(cohort_of_set(without(found, faults), folder)[0])
    source = PUBLISHED_SOURCE if mark is None else "synthetic"
    notes: list[str] = []
    entries: list[ImportedFeatures] = []
    faults = {}
    with stage(progress, "import", found.num_clips, unit="vectors"):
        for view in found.views:
            try:
                features = read(view)
            except ValueError as err:
                faults[view.name] = str(err)
                continue
            absent = int(np.sum(~np.isfinite(features).all(axis=1)))
            if absent:
                notes.append(f"{absent} vectors of {view.name} hold NaN; these clips count as missing.")
            key = store_imported(store, features, backbone=BACKBONE, clip_plan=CLIP_PLAN, source=source)
            entries.append(_entry(view, len(features), key, source))
    whole = without(found, faults)
    lost = [(view, view.problem) for view in whole.left_out]
    refuse_empty(whole, name)
    cohort, unusable = cohort_of_set(whole, folder)
    doubts = [*(problem for _, problem in lost), *whole.view_warnings]
    warnings = (*whole.warnings, *map(str, doubts), *unusable)
    if mark is not None:
        write_json(folder / MARK_FILE, dict(mark))
    write_imported(folder, entries)
    write_lost_views(folder, [(view.name, view.row.seizure_id, str(problem)) for view, problem in lost])
    write_import_warnings(folder, warnings)
    write_cohort(cohort)
    return FeatureImport(
        folder=folder,
        store=store.folder,
        steps=counted_steps(whole),
        num_clips=whole.num_clips,
        notes=(*whole.notes, *whole.view_notes, *notes),
        warnings=warnings,
        num_left_out=len(lost),
    )


def _faulty(found: GesturesSet, read: ReadVectors) -> Iterator[tuple[str, str]]:
    """Yield the views that cannot be read, and why."""
    for view in found.views:
        try:
            read(view)
        except ValueError as err:
            yield view.name, str(err)


def _entry(view: SetView, num_clips: int, key: str, source: str) -> ImportedFeatures:
    return ImportedFeatures(
        recording_id=view.name,
        backbone=BACKBONE,
        fps=CLIP_PLAN.fps,
        frames_per_clip=CLIP_PLAN.frames_per_clip,
        stride=CLIP_PLAN.stride,
        num_clips=num_clips,
        num_features=NUM_FEATURES,
        key=key,
        source=source,
    )


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
            msg = f"{folder.name}/{name} {err}"
            raise ValueError(msg) from err
        if number % _FILES_AT_ONCE == 0:
            progress.advance(_FILES_AT_ONCE, note=folder.name)
    progress.advance(len(names) % _FILES_AT_ONCE, note=folder.name)
    return features
