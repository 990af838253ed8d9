"""Tab-separated tables, read and written by a schema of ``core.formats``.

Reading never stops at the first fault: it returns the rows that can be understood and a list of problems.
Writing is canonical: equal rows give equal bytes. Row numbers are those of a
spreadsheet: the header is row 1.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from semioscope.core.cells import MISSING, Value, format_value, is_missing, misspelt, parse_cell
from semioscope.core.errors import StoreError, nearest_names
from semioscope.core.files import write_text
from semioscope.core.formats import Column, TableSchema
from semioscope.core.wording import counted

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something about a file that a person should mend.

    Args:
        severity: An ``error`` makes the cohort unusable, a ``warning`` does not.
        file: Name of the table or video, relative to the cohort.
        message: What must hold, what came, what to do.
        row: Row as a spreadsheet counts (the header is 1), or None for the file as a whole.
        subject: What the row is about, such as ``seizure sz-031``.
    """

    severity: Severity
    file: str
    message: str
    row: int | None = None
    subject: str = ""

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file} row {self.row}"
        return f"{where} ({self.subject}): {self.message}" if self.subject else f"{where}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table.

    Args:
        number: As a spreadsheet counts; the header is row 1.
        values: By column; None for ``n/a`` and for what could not be understood.
        faulty: Columns that a problem was already reported for.
    """

    number: int
    values: Mapping[str, Value]
    faulty: frozenset[str] = field(default_factory=frozenset)

    def text(self, name: str) -> str | None:
        """Return the text of a column, or None where it is missing."""
        value = self.values.get(name)
        return None if value is None else str(value)


def read_table(path: Path, schema: TableSchema) -> tuple[tuple[Row, ...], tuple[Problem, ...]]:
    """Read a table and say everything that is wrong with it.

    Outer spaces of cells go; text is brought to Unicode form NFC, except paths. Blank rows are skipped.

    Args:
        path: The file; its name stands in the problems.
        schema: What it must hold.

    Returns:
        The rows, and the problems. Where the header cannot be understood there are no rows.
    """
    problems: list[Problem] = []
    report = _Reporter(path.name, problems)
    text = _read_text(path, report)
    if text is None:
        return (), tuple(problems)
    cells = _split(text, report)
    if not cells:
        report.error(
            f"must begin with a header row, but is empty. Write the header: {' '.join(schema.names)}."
        )
        return (), tuple(problems)
    (header_row, header), *body = cells
    columns = _read_header(header, schema, report, row=header_row)
    if columns is None:
        return (), tuple(problems)
    rows = [_read_row(number, row, columns, schema, report) for number, row in body]
    kept = tuple(row for row in rows if row is not None)
    if schema.unique:
        _check_unique(kept, schema, report)
    return kept, tuple(problems)


def read_rows(path: Path, schema: TableSchema) -> list[dict[str, Value]]:
    """Read a table that semioscope wrote.

    Raises:
        StoreError: If anything is wrong with it; the message lists all of it.
    """
    rows, problems = read_table(path, schema)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        msg = "\n".join([f"{path.name} must be a table as docs/formats.md describes it:", *faults])
        raise StoreError(msg)
    return [dict(row.values) for row in rows]


def write_table(path: Path, schema: TableSchema, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table in one step; equal rows give equal bytes.

    All columns of the schema are written, then further ones in the order in which they first occur.

    Args:
        path: The file.
        schema: What it holds.
        rows: Values by column; absent ones, None and NaN become ``n/a``.

    Raises:
        ValueError: If a column is not in the schema, or a value that must be there is missing.
    """
    write_text(path, table_text(schema, rows))


def table_text(schema: TableSchema, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return what ``write_table`` writes."""
    listed = list(rows)
    names = list(dict.fromkeys([*schema.names, *(name for row in listed for name in row)]))
    columns = [schema.column(name) for name in names]
    lines = ["\t".join(_quoted(name) for name in names)]
    for name, column in zip(names, columns, strict=True):
        if column is None or name.strip() != name or not name:
            msg = f"{schema.file} has no column {name!r}; its columns are {', '.join(schema.names)}."
            raise ValueError(msg)
    for row in listed:
        cells = [format_value(row.get(name)) for name in names]
        for cell, column in zip(cells, columns, strict=True):
            if cell == MISSING and column is not None and column.filled:
                msg = f"{schema.file}: {column.name} must not be missing, got {dict(row)}."
                raise ValueError(msg)
        lines.append("\t".join(_quoted(cell) for cell in cells))
    return "\n".join(lines) + "\n"


class _Reporter:
    """Collects the problems of one file."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file, self._problems = file, problems

    def error(self, message: str, *, row: int | None = None, subject: str = "") -> None:
        self._add("error", message, row, subject)

    def warning(self, message: str, *, row: int | None = None, subject: str = "") -> None:
        self._add("warning", message, row, subject)

    def _add(self, severity: Severity, message: str, row: int | None, subject: str) -> None:
        self._problems.append(
            Problem(severity=severity, file=self._file, message=message, row=row, subject=subject)
        )


def _read_text(path: Path, report: _Reporter) -> str | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        report.error("must exist, but does not. Make it, or give semioscope cohort new DIR for an empty one.")
        return None
    except OSError as err:
        report.error(f"must be a file that can be read: {err.strerror}. Check the path and the rights.")
        return None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        report.error("must be UTF-8 text, but is UTF-16 (a spreadsheet's 'Unicode text'). Save it as UTF-8.")
        return raw.decode("utf-16", errors="replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        report.warning(
            "begins with a byte order mark, which is ignored. Save it as plain UTF-8 to be rid of it."
        )
        raw = raw[3:]
    if b"\r" in raw:
        report.warning("has Windows line ends (CRLF), which are accepted. semioscope writes plain line ends.")
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as err:
        row = raw[: err.start].count(b"\n") + 1
        report.error(
            f"must be UTF-8 text, but byte 0x{raw[err.start]:02x} is not. Save the table as UTF-8.", row=row
        )
        text = raw.decode("cp1252", errors="replace")
    if "\0" in text:
        report.error(
            "must be text, but holds zero bytes. Export the table again as tab-separated UTF-8 text."
        )
        return None
    return text


def _split(text: str, report: _Reporter) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with its number."""
    found: list[tuple[int, list[str]]] = []
    number = 0
    try:
        for number, cells in enumerate(
            csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True), 1
        ):
            if any("\n" in cell and "\t" in cell for cell in cells):
                raise csv.Error
            found.append((number, cells))
    except csv.Error:
        report.error(
            'has a cell that opens a quotation mark (") and does not close it. Delete the mark.',
            row=number + 1 if not found or found[-1][0] == number else number,
        )
        found = [(number, line.split("\t")) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, cells) for number, cells in found if any(cell.strip() for cell in cells)]


def _read_header(
    cells: Sequence[str], schema: TableSchema, report: _Reporter, *, row: int
) -> list[Column] | None:
    names = [unicodedata.normalize("NFC", cell.strip()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    accepted = schema.accepted_names
    if len(names) == 1 and names[0] not in accepted:
        words = re.split(r"[,;|\s]+", names[0])
        if len(words) > 1 and any(misspelt(word, accepted) for word in words):
            mark = next((mark for mark in ";,|" if mark in names[0]), " ")
            word = {" ": "spaces", ",": "commas", ";": "semicolons"}.get(mark, "bars")
            report.error(
                f"must have its columns separated by tabs, but the header has {word}. Put one tab between "
                "two columns, or let semioscope cohort import table read it.",
                row=row,
            )
            return None
    columns: list[Column] = []
    usable = True
    for position, name in enumerate(names, 1):
        column = schema.column(name) if name else None
        near = misspelt(name, [option for option in accepted if option not in names]) if name else None
        if not name:
            report.error(
                f"column {position} must have a name, but the header is empty there. Name or delete it.",
                row=row,
            )
        elif names.index(name) < position - 1:
            report.error(
                f"column {name} must occur once, but stands there again. Delete or rename one of them.",
                row=row,
            )
        elif name not in accepted and near:
            report.error(f"unknown column {name!r}: did you mean {near}? Correct the header.", row=row)
        elif column is None:
            hint = nearest_names(name, [option for option in accepted if option not in names])
            ask = f" Did you mean {' or '.join(hint)}?" if hint else ""
            report.error(f"unknown column {name!r}.{ask} Allowed: {', '.join(schema.names)}.", row=row)
        columns.append(column or Column(name=""))
    for column in schema.columns:
        present = [name for name in (column.name, column.clock_name) if name in names]
        if len(present) == 2:
            report.error(
                f"must have {present[0]} or {present[1]}, but has both. Delete one of the columns.", row=row
            )
        elif column.required and not present:
            report.error(
                f"must have a column {column.name}, but has {', '.join(filter(None, names))}. Add it.",
                row=row,
            )
            usable = False
    return columns if usable else None


def _read_row(
    number: int, cells: list[str], columns: list[Column], schema: TableSchema, report: _Reporter
) -> Row | None:
    stripped = [cell.strip() for cell in cells]
    while len(stripped) > len(columns) and not stripped[-1]:
        stripped.pop()
    if len(stripped) != len(columns):
        spaced = [word for word in re.split(r"\t| {2,}", "\t".join(stripped)) if word]
        words = "\t".join(stripped).split()
        hint = " It looks as if tabs became spaces." if len(columns) in (len(spaced), len(words)) else ""
        report.error(
            f"must have {counted(len(columns), 'cell')} separated by tabs, has {len(stripped)}.{hint} "
            f"Put one tab between two cells and {MISSING} where nothing is known.",
            row=number,
        )
        return None
    named = next((cell for column, cell in zip(columns, stripped, strict=True) if _names(column, schema)), "")
    subject = _subject(named, schema)
    values: dict[str, Value] = {}
    faulty: set[str] = set()
    for column, raw, cell in zip(columns, cells, stripped, strict=False):
        if not column.name or column.name in values:
            continue
        if column.kind == "id" and raw != cell and cell:
            report.warning(
                f"{column.name} {cell!r} has spaces around it, which are ignored.",
                row=number,
                subject=subject,
            )
        try:
            values[column.name] = parse_cell(column, cell)
        except ValueError as err:
            values[column.name] = None
            faulty.add(column.name)
            report.error(f"{column.name} {err}. Correct the cell.", row=number, subject=subject)
    for column in schema.columns:
        if column.default is not None and values.get(column.name) is None and column.name not in faulty:
            values[column.name] = parse_cell(column, column.default)
        elif column.clock_name not in values:
            values.setdefault(column.name, None)
    return Row(number=number, values=values, faulty=frozenset(faulty))


def _check_unique(rows: Sequence[Row], schema: TableSchema, report: _Reporter) -> None:
    first: dict[str, int] = {}
    name = schema.unique or ""
    for row in rows:
        value = row.text(name)
        if value is None:
            continue
        if value in first:
            subject = _subject(value, schema)
            message = (
                f"{name} must be unique, but row {first[value]} has it too. Delete or rename one of the rows."
            )
            report.error(message, row=row.number, subject=subject)
        first.setdefault(value, row.number)


def _names(column: Column, schema: TableSchema) -> bool:
    return schema.subject is not None and column.name == schema.subject[1]


def _subject(name: str, schema: TableSchema) -> str:
    return "" if schema.subject is None or is_missing(name) else f"{schema.subject[0]} {name}"


def _quoted(cell: str) -> str:
    if '"' not in cell:
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'
