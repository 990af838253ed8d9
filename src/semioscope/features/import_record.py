"""What an import of features leaves to be told later: the views that it left out, and its warnings.

They lie in the cohort, so that whoever runs on it finds them, whether the import was part of the run or not.
"""

from collections.abc import Sequence
from pathlib import Path

from semioscope.core.errors import CohortError
from semioscope.core.files import read_json, write_json
from semioscope.core.formats import FAILURES, SCHEMA_VERSION
from semioscope.core.tables import read_table, write_table

IMPORT_FILE = "import.json"
_STAGE = "import"


def write_lost_views(cohort_folder: Path, views: Sequence[tuple[str, str, str]]) -> None:
    """Write ``failures.tsv`` of a cohort: views that an import left out. Without any, that of an earlier one goes.

    Args:
        cohort_folder: The cohort.
        views: Recording, event and reason of each.
    """
    path = cohort_folder / FAILURES.file
    if not views:
        if lost_views(cohort_folder):
            path.unlink()
        return
    rows = [
        {"recording_id": recording_id, "event_id": event_id, "stage": _STAGE, "message": message}
        for recording_id, event_id, message in views
    ]
    write_table(path, FAILURES, rows)


def lost_views(cohort_folder: Path) -> tuple[str, ...]:
    """Return the views that an import left out, by their recordings; empty if there are none."""
    path = cohort_folder / FAILURES.file
    rows = read_table(path, FAILURES)[0] if path.exists() else ()
    return tuple(row.text("recording_id") or "?" for row in rows if row.text("stage") == _STAGE)


def write_import_warnings(cohort_folder: Path, warnings: Sequence[str]) -> None:
    """Write ``import.json`` of a cohort: what a person should look at."""
    write_json(cohort_folder / IMPORT_FILE, {"schema_version": SCHEMA_VERSION, "warnings": list(warnings)})


def import_warnings(cohort_folder: Path) -> tuple[str, ...]:
    """Return the warnings of the import that made a cohort; empty if it was not made by one.

    Raises:
        CohortError: If ``import.json`` is not as an import writes it.
        StoreError: If it cannot be read.
    """
    path = cohort_folder / IMPORT_FILE
    if not path.exists():
        return ()
    content = read_json(path)
    warnings = content.get("warnings") if isinstance(content, dict) else None
    if not isinstance(warnings, list) or not all(isinstance(one, str) for one in warnings):
        msg = (
            f"{IMPORT_FILE} of cohort {cohort_folder.resolve().name} must hold a list of texts under warnings, but "
            "does not. Import the features again, or delete the file."
        )
        raise CohortError(msg)
    return tuple(warnings)
