"""A set of published features in place of a cohort with videos."""

import os
from pathlib import Path

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest, file_sha256, read_json, write_json
from semioscope.core.formats import RECORDINGS
from semioscope.core.progress import Progress
from semioscope.features import import_gestures_features
from semioscope.features.gestures_layout import FEATURES_FOLDER, find_set
from semioscope.features.gestures_rows import CSV_FILE
from semioscope.runs.folder import RunFolder, working_in

IMPORTED_STRIDE = 1
"""Published features have one vector per frame; using all of them costs nothing more."""


def cohort_of_features(
    source: Path, out: Path, *, store: Path | None, progress: Progress, skip_unmatched: bool = False
) -> Path:
    """Return the cohort folder of a feature set: itself if it was imported before, else imported into the run.

    The import is kept in the run's ``units`` folder, so the same command goes on without it.

    Args:
        source: An unpacked public set, or a cohort that one was imported into.
        out: The run folder.
        store: Feature store; None means that of the imported cohort, or ``$SEMIOSCOPE_STORE``.
        progress: Where the import is reported.
        skip_unmatched: Leave out rows without folders and folders without rows, instead of refusing them.

    Raises:
        CohortError: If the set is not whole.
        ConfigError: If the run folder was begun with another set, or with ``skip_unmatched`` and goes on without.
        StoreError: If the disk is full, a folder cannot be written, holds other things, or another run works in it.
    """
    if (source / RECORDINGS.file).exists():
        if skip_unmatched:
            told = f"--skip-unmatched has no effect, as {source} is a cohort: what it leaves out was settled before."
            progress.message(told, level="warning")
        return source
    run = RunFolder(path=out)
    folder, note = run.units / "cohort", run.units / "features.json"
    with working_in(out):
        asked = {"set": _state(find_set(source)), "skip_unmatched": skip_unmatched}
        if note.exists():
            before = read_json(note)
            if before.get("skip_unmatched") and not skip_unmatched:
                msg = (
                    f"The run in {out} began with --skip-unmatched. Give it again, or choose another --out to do "
                    "without."
                )
                raise ConfigError(msg)
            if before.get("set") != asked["set"]:
                msg = (
                    f"The run in {out} began with another feature set, or files of it changed. "
                    "Choose another --out."
                )
                raise ConfigError(msg)
            return folder
        imported = import_gestures_features(
            source, folder, store=store, force=True, skip_unmatched=skip_unmatched, progress=progress
        )
        progress.message(imported.describe())
        write_json(note, asked)
    return folder


def _state(root: Path) -> str:
    """Return a digest of the table and of number, sizes and times of the files of every view."""
    views = {}
    for view in sorted((root / FEATURES_FOLDER).iterdir()):
        if view.is_dir():
            files = [entry.stat() for entry in os.scandir(view)]
            times = max((file.st_mtime_ns for file in files), default=0)
            views[view.name] = [len(files), sum(file.st_size for file in files), times]
    return digest({"table": file_sha256(root / CSV_FILE), "views": views})
