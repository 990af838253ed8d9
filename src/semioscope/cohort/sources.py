"""Reads annotation tables as they come: comma, semicolon or tab, any usual encoding, or a spreadsheet.

Everything becomes text, so that one set of rules reads it: dates in ISO form, times as ``h:mm:ss``, whole
numbers without a point.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from semioscope.core.errors import CohortError, unknown_name
from semioscope.core.times import format_time

_SPREADSHEETS = (".xlsx", ".xlsm")
_FOREIGN = (".xls", ".ods", ".numbers", ".pdf", ".docx", ".doc")
_DELIMITERS = "\t;,|"
_MISSING_WORDS = frozenset({"", "n/a", "na", "nan", "-", "–", "—", "?", "#n/a", "#n/v", "k.a.", "null"})
_GERMAN_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})[ ,T]+([0-9]{1,2}:[0-9]{2}.*)")
_SPREADSHEET_ZERO = datetime(1899, 12, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A table as it came, all text.

    Args:
        name: File name.
        header: Names of the columns, unique.
        rows: (row as a spreadsheet counts, one cell per column); missing cells are None.
        notes: What was noticed while reading.
        hour_minute_columns: Columns with spreadsheet times that show hours and minutes only.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str | None, ...]], ...]
    notes: tuple[str, ...] = ()
    hour_minute_columns: tuple[str, ...] = ()


def read_source(path: Path, *, sheet: str | None = None) -> SourceTable:
    """Read an annotation table: ``.xlsx``, or text with any of tab, semicolon, comma and bar between columns.

    Args:
        path: The file.
        sheet: Sheet of a spreadsheet; None: the first one.

    Raises:
        CohortError: If it cannot be read as a table with a header and at least one row.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        msg = f"{path.name} must be an annotation table, but {what}. Check the path."
        raise CohortError(msg)
    suffix = path.suffix.casefold()
    if suffix in _FOREIGN:
        msg = (
            f"{path.name} must be .xlsx, .csv or .tsv, got {suffix}. Save the table as .xlsx and import that."
        )
        raise CohortError(msg)
    try:
        if suffix in _SPREADSHEETS:
            return _read_spreadsheet(path, sheet)
        return _read_text(path)
    except OSError as err:
        msg = f"{path.name} must be a file that can be read: {err.strerror or err}. Check its rights."
        raise CohortError(msg) from err


def cell_text(value: Any) -> str | None:
    """Return the text of a spreadsheet's cell; None if it says nothing.

    A time of day becomes ``h:mm:ss``, a length of time too; a date with time becomes ISO text.

    Examples:
        >>> [cell_text(v) for v in (time(0, 1, 15), timedelta(seconds=75.5), 3.0, "k.A.")]
        ['0:01:15', '0:01:15.5', '3', None]
    """
    if isinstance(value, datetime):
        if value.year <= 1900:  # a length of time of a day or more, shown as a date
            value = value - _SPREADSHEET_ZERO
        else:
            return value.isoformat()
    if isinstance(value, time):
        value = timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return format_time(seconds) if seconds >= 0 else repr(seconds)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if value is None:
        return None
    text = " ".join(str(value).split())
    if text.casefold() in _MISSING_WORDS:
        return None
    match = _GERMAN_DATE.fullmatch(text)
    if match:
        return f"{match[3]}-{int(match[2]):02d}-{int(match[1]):02d}T{match[4]}"
    return text


def _read_spreadsheet(path: Path, sheet: str | None) -> SourceTable:
    import warnings

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations, which do not matter here
            book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as err:
        msg = f"{path.name} must be a spreadsheet that can be opened: {err}. Save it again as .xlsx."
        raise CohortError(msg) from err
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise CohortError(f"{path.name}: " + unknown_name("sheet", sheet, book.sheetnames))
        page = book[sheet] if sheet is not None else book.worksheets[0]
        cells: list[tuple[int, list[str | None]]] = []
        hour_minute: set[int] = set()
        for number, row in enumerate(page.iter_rows(), 1):
            cells.append((number, [cell_text(cell.value) for cell in row]))
            for place, cell in enumerate(row):
                if isinstance(cell.value, time) and "s" not in str(cell.number_format).casefold():
                    hour_minute.add(place)
        notes = []
        if sheet is None and len(book.sheetnames) > 1:
            notes.append(
                f"read sheet {page.title!r}; other sheets: {', '.join(book.sheetnames[1:])} (--sheet NAME)"
            )
    finally:
        book.close()
    return _table(path.name, cells, notes, hour_minute)


def _read_text(path: Path) -> SourceTable:
    raw = path.read_bytes()
    notes: list[str] = []
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
            notes.append("the text is not UTF-8; it was read as Windows-1252")
    if "\0" in text:
        msg = f"{path.name} must be a table of text, but holds zero bytes. Export it as .csv or .xlsx."
        raise CohortError(msg)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = sniff_delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    cells = [(number, [cell_text(cell) for cell in row]) for number, row in enumerate(rows, 1)]
    return _table(path.name, cells, notes, ())


def sniff_delimiter(text: str) -> str:
    r"""Return the sign between the columns: the one that gives most rows the header's number of cells.

    Examples:
        >>> sniff_delimiter("id;onset\na;75,2\nb;80,1\n")
        ';'
    """
    best, best_score = "\t", (0.0, 0)
    for delimiter in _DELIMITERS:
        rows = [
            row for row in csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=delimiter) if row
        ]
        width = len(rows[0]) if rows else 0
        if width > 1:
            score = (sum(len(row) == width for row in rows) / len(rows), width)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _table(
    name: str, cells: Sequence[tuple[int, list[str | None]]], notes: list[str], hour_minute: Iterable[int]
) -> SourceTable:
    filled = [(number, row) for number, row in cells if any(row)]
    if len(filled) < 2:
        what = "nothing" if not filled else "a header only"
        msg = f"{name} must have a header and at least one row, but has {what}. Check the file and the sheet."
        raise CohortError(msg)
    header_row, first = filled[0]
    width = max(len(row) for _, row in filled)
    while width > 1 and not any(len(row) >= width and row[width - 1] for _, row in filled):
        width -= 1
    header: list[str] = []
    for place in range(width):
        title = (first[place] if place < len(first) else None) or f"column {place + 1}"
        if title in header:
            msg = f"{name} row {header_row}: column {title!r} must occur once. Rename one of the two."
            raise CohortError(msg)
        header.append(title)
    rows = tuple((number, tuple((row + [None] * width)[:width])) for number, row in filled[1:])
    return SourceTable(
        name=name,
        header=tuple(header),
        rows=rows,
        notes=tuple(notes),
        hour_minute_columns=tuple(header[place] for place in sorted(hour_minute) if place < width),
    )
