"""A set of published features in place of a cohort with videos."""

from pathlib import Path

from semioscope.core.errors import ConfigError
from semioscope.core.files import file_sha256, read_json, write_json
from semioscope.core.formats import RECORDINGS
from semioscope.core.progress import Progress
from semioscope.features import import_gestures_features
from semioscope.features.gestures_rows import CSV_FILE
from semioscope.features.gestures_set import find_set
from semioscope.runs.folder import RunFolder

IMPORTED_STRIDE = 1
"""Published features have one vector per frame; using all of them costs nothing more."""


def cohort_of_features(source: Path, out: Path, *, store: Path | None, progress: Progress) -> Path:
    """Return the cohort folder of a feature set: itself if it was imported before, else imported into the run.

    The import is kept in the run's ``units`` folder, so the same command goes on without it.

    Args:
        source: An unpacked public set, or a cohort that one was imported into.
        out: The run folder.
        store: Feature store; None means that of the imported cohort, or ``$SEMIOSCOPE_STORE``.
        progress: Where the import is reported.

    Raises:
        CohortError: If the set is not whole.
        ConfigError: If the run folder was begun with another set.
        StoreError: If the disk is full or a folder cannot be written.
    """
    if (source / RECORDINGS.file).exists():
        return source
    folder = RunFolder(path=out).units / "cohort"
    note = RunFolder(path=out).units / "features.json"
    asked = {"seizures": file_sha256(find_set(source) / CSV_FILE)}
    if note.exists():
        if read_json(note) != asked:
            msg = f"The run in {out} began with another feature set. Choose another --out."
            raise ConfigError(msg)
        return folder
    imported = import_gestures_features(source, folder, store=store, force=True, progress=progress)
    progress.message(imported.describe())
    write_json(note, asked)
    return folder
