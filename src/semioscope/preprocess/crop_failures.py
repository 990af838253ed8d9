"""Events for which no crop could be planned, and why: kept beside the plans, so that the contact sheet can tell."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from semioscope.core.errors import StoreError
from semioscope.core.formats import CROP_FAILURES
from semioscope.core.records import EventView
from semioscope.core.tables import read_rows, write_table
from semioscope.preprocess.crops import LOCKS, SAME_TIME_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class CropFailure:
    """An event for which no plan could be made, and why.

    Args:
        event_id: The event.
        recording_id: The recording that sees it.
        cropper: The key of ``CROP_METHODS`` that was tried.
        onset_seconds: Where the event began then.
        offset_seconds: Where it ended.
        message: Why.
    """

    event_id: str
    recording_id: str
    cropper: str
    onset_seconds: float
    offset_seconds: float
    message: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Event, recording and cropper."""
        return self.event_id, self.recording_id, self.cropper

    def fits(self, view: EventView) -> bool:
        """Return whether the event still has the times that were tried."""
        moved = (self.onset_seconds - view.onset_seconds, self.offset_seconds - view.offset_seconds)
        return max(map(abs, moved)) <= SAME_TIME_SECONDS + 1e-9


def failures_path(folder: Path) -> Path:
    """Return where a cohort folder keeps them; the file may be deleted."""
    return folder / LOCKS / CROP_FAILURES.file


def read_failures(folder: Path) -> list[CropFailure]:
    """Return what could not be planned when it was last tried; nothing where no file says, or a damaged one."""
    path = failures_path(folder)
    try:
        rows = read_rows(path, CROP_FAILURES) if path.exists() else []
    except StoreError:
        return []
    return [
        CropFailure(
            event_id=str(row["event_id"]),
            recording_id=str(row["recording_id"]),
            cropper=str(row["cropper"]),
            onset_seconds=cast("float", row["onset_seconds"]),
            offset_seconds=cast("float", row["offset_seconds"]),
            message=str(row["message"]),
        )
        for row in rows
    ]


def keep_failures(
    folder: Path, failures: Iterable[CropFailure], *, planned: Collection[tuple[str, str, str]]
) -> None:
    """Keep what failed, in place of what was known of it; what could be planned now is forgotten.

    Args:
        folder: Of the cohort; nobody else must be writing its crops.
        failures: What failed.
        planned: Events, recordings and croppers that have a plan now.

    Raises:
        StoreError: If the folder cannot be written.
    """
    before = read_failures(folder)
    known = {failure.key: failure for failure in (*before, *failures) if failure.key not in planned}
    after = [known[key] for key in sorted(known)]
    if after != before:
        write_table(failures_path(folder), CROP_FAILURES, map(asdict, after))
