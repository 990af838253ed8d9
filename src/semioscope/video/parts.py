"""The parts list: a recording that was cut into several files, perhaps with gaps between them."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from semioscope.core.errors import VideoError

SUFFIX = ".parts.tsv"
_COLUMNS = ("path", "start_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a recording.

    Args:
        path: The video file.
        start_seconds: When its first displayed frame is shown, counted from the first one of the recording.
    """

    path: Path
    start_seconds: float


def is_parts_list(path: Path) -> bool:
    """Return whether a path names a parts list, by its ending ``.parts.tsv``."""
    return path.name.casefold().endswith(SUFFIX)


def read_parts(path: Path) -> tuple[Part, ...]:
    """Read a parts list (``docs/formats.md``): a table with the columns ``path`` and ``start_seconds``.

    Paths are relative to the folder of the list. The first part starts at 0, each later one after the one
    before.

    Raises:
        VideoError: If the table is absent or breaks a rule.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, delimiter="\t") if any(cell.strip() for cell in row)]
    except FileNotFoundError as err:
        msg = (
            f"{path.name} must be a parts list, but does not exist. Correct the path, or bring the file back."
        )
        raise VideoError(msg) from err
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        msg = f"{path.name} must be a table (UTF-8, tab-separated) that can be read: {err}. Write it again."
        raise VideoError(msg) from err
    header = [cell.strip() for cell in rows[0]] if rows else []
    lacking = [name for name in _COLUMNS if name not in header]
    if lacking:
        msg = (
            f"{path.name} must have the columns path and start_seconds, separated by tabs; {lacking[0]} is "
            "lacking. Add it to the first line."
        )
        raise VideoError(msg)
    if len(rows) == 1:
        msg = f"{path.name} must name at least one part, got only a header. Add a row per file."
        raise VideoError(msg)
    parts: list[Part] = []
    for number, row in enumerate(rows[1:], start=2):
        cells = dict(zip(header, [cell.strip() for cell in row], strict=False))
        parts.append(_part(path, number, cells, parts[-1] if parts else None))
    return tuple(parts)


def _part(table: Path, number: int, cells: dict[str, str], before: Part | None) -> Part:
    name, text = cells.get("path", ""), cells.get("start_seconds", "")
    where = f"{table.name} row {number}"
    if not name or is_parts_list(Path(name)):
        msg = f"{where}: path must name a video file, got {name!r}. Name one relative to the list's folder."
        raise VideoError(msg)
    try:
        start_seconds = float(text.replace(",", "."))
    except ValueError:
        start_seconds = math.nan
    if not (math.isfinite(start_seconds) and start_seconds >= 0):
        msg = f"{where}: start_seconds must be a number of seconds, 0 or more, got {text!r}. Correct it."
        raise VideoError(msg)
    if before is None and start_seconds != 0:
        msg = (
            f"{where}: the first part must start at 0, got {text}. Subtract {text} from every start_seconds."
        )
        raise VideoError(msg)
    if before is not None and start_seconds <= before.start_seconds:
        msg = (
            f"{where}: start_seconds must be above {before.start_seconds:g} of the row before, got {text}. "
            "Sort the rows by time."
        )
        raise VideoError(msg)
    return Part(path=table.parent / name, start_seconds=start_seconds)
