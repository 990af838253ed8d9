"""What stands in one cell of a table: read by its column, written canonically; and misspelt names."""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from semioscope.core.formats import Column
from semioscope.core.times import parse_datetime, parse_number

MISSING = "n/a"
Value = str | int | float | datetime | None

_ID = re.compile(r"[^\W_][\w.-]*")
_BREAKS = re.compile("[\\t\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029]+")


def is_missing(cell: str) -> bool:
    """Return whether a cell says nothing: empty or ``n/a``."""
    return len(bare := cell.strip()) <= len(MISSING) and bare.casefold() in ("", MISSING)


def one_line(text: str) -> str:
    """Return a text without tabs, line breaks and outer spaces; each run of breaks becomes a space."""
    return _BREAKS.sub(" ", text.strip()).strip()


def parse_cell(column: Column, cell: str) -> Value:
    """Return what a cell holds; None if it is missing.

    Raises:
        ValueError: If it does not hold what the column asks for.
    """
    if is_missing(cell):
        if column.filled:
            msg = f"must not be empty or {MISSING}"
            raise ValueError(msg)
        return None
    if column.kind == "path":
        return cell.strip()
    if not (cell.isascii() and cell.isprintable()):
        cell = unicodedata.normalize("NFC", one_line(cell))
    match column.kind:
        case "number":
            return parse_number(cell)
        case "integer":
            if not re.fullmatch(r"[+-]?[0-9]+", cell):
                msg = f"must be a whole number, got {cell!r}"
                raise ValueError(msg)
            return int(cell)
        case "datetime":
            return parse_datetime(cell)
        case "choice":
            if cell.casefold() not in column.choices:
                msg = f"must be {' or '.join(column.choices)}, got {cell!r}"
                raise ValueError(msg)
            return cell.casefold()
        case "id":
            check_id(cell)
    return cell


def format_value(value: Any) -> str:
    """Return the canonical text of a cell: ``n/a`` if missing.

    A number is the shortest text that reads back as the same number of the same precision.

    Examples:
        >>> [format_value(v) for v in (52.0, 0.1 + 0.2, -0.0, float("nan"), None, 3, "left")]
        ['52.0', '0.30000000000000004', '0.0', 'n/a', 'n/a', '3', 'left']
    """
    if value is None:
        return MISSING
    if isinstance(value, str):
        return one_line(value) or MISSING
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "dtype"):
        kind = value.dtype.kind
        if kind == "f":  # the shortest text of the value's own precision
            return MISSING if math.isnan(value) else str(value + value.dtype.type(0))
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return MISSING if math.isnan(value) else repr(value + 0.0)
    return str(value)


def check_id(text: str) -> None:
    """Check that a text can be an id: letters, digits and ``- _ .``, beginning with a letter or digit.

    Raises:
        ValueError: If it cannot.
    """
    if not _ID.fullmatch(text):
        space = " (with a space)" if any(sign.isspace() for sign in text) else ""
        msg = f"must be letters, digits, - _ and . only and begin with a letter or digit, got {text!r}{space}"
        raise ValueError(msg)


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` is very probably meant to be, or None.

    Case, spaces and signs do not count; one wrong, missing, added or swapped letter may remain, two in names
    of ten letters or more.

    Examples:
        >>> misspelt("onest", ["onset", "offset"]), misspelt("side", ["use", "onset"])
        ('onset', None)
    """
    plain = _letters(name)
    for option in known:
        target = _letters(option)
        if plain == target or _edit_distance(plain, target) <= (2 if len(target) >= 10 else 1):
            return option
    return None


def _letters(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _edit_distance(first: str, second: str) -> int:
    """Return the number of letters to change, add, delete or swap with the neighbour."""
    rows = [list(range(len(second) + 1))]
    for i, one in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (one != other))
            if i > 1 and j > 1 and one == second[j - 2] and first[i - 2] == other:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
