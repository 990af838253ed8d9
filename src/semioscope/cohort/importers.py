"""From one annotation table to a cohort folder.

The table has a row per seizure (or per view, or per annotator). What it says of patients and recordings goes to
their tables, unless they are there already. The result is read as a cohort before anything is written: either
all of it is written, or nothing and every row at fault is named.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.cohort.columns import guess_mapping
from semioscope.cohort.reading import read_tables
from semioscope.cohort.rows import Builder
from semioscope.cohort.sources import SourceTable, read_source
from semioscope.core.errors import CohortError
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES, TableSchema
from semioscope.core.tables import Problem, read_table, table_text, write_table
from semioscope.core.wording import counted

_SCHEMAS = (PATIENTS, RECORDINGS, SEIZURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableImport:
    """What an import writes, or would write.

    Args:
        source: Name of the table that was read.
        folder: The cohort.
        targets: Target by column of the source.
        left_out: Columns that were not used.
        rows: Rows by file name, values by column.
        num_present: Rows by file name that were in the cohort before.
        notes: What was decided on the way.
        problems: Why it cannot be written; empty if it can.
        written: Whether it was.
    """

    source: str
    folder: Path
    targets: Mapping[str, str]
    left_out: tuple[str, ...]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    num_present: Mapping[str, int]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    written: bool

    def preview(self, *, num_rows: int = 5) -> str:
        """Return the mapping and the first rows of each table as they would be written."""
        lines = [f"Columns of {self.source}:"]
        lines += [f"  {column} -> {target}" for column, target in self.targets.items()]
        lines += [f"  {column} is left out" for column in self.left_out]
        lines += [f"Note: {note}" for note in self.notes]
        for schema in _SCHEMAS:
            lines += preview_of_rows(
                schema, self.rows[schema.file], num_present=self.num_present[schema.file], num_rows=num_rows
            )
        return "\n".join(lines)


def import_table(
    source: Path,
    folder: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    sheet: str | None = None,
    annotator: str | None = None,
    force: bool = False,
    preview: bool = False,
) -> TableImport:
    """Import an annotation table (csv, tsv or xlsx) into a cohort folder.

    ``seizures.tsv`` is written anew; rows of ``patients.tsv`` and ``recordings.tsv`` that are there stay, missing
    ones are added from the columns ``patient_id``, ``path``, ``view`` and so on. A ``duration`` column stands in
    for a missing offset. All times are written as seconds from the first displayed frame.

    Args:
        source: The table.
        folder: The cohort; made if absent.
        mapping: Column of the table by target, such as ``{"onset": "Beginn"}``. Targets are the columns of
            ``seizures.tsv`` and ``recordings.tsv``, ``duration``, ``patients.NAME`` for a label of the patient,
            and any other name for a label of the seizure. What is not named is guessed.
        drop: Columns to leave out.
        sheet: Sheet of a spreadsheet; None: the first one.
        annotator: Who made the annotation, where the table has no such column.
        force: Replace a ``seizures.tsv`` that has rows.
        preview: Return what would be written, and the problems, and write nothing.

    Raises:
        CohortError: If the table cannot be read, the cohort has seizures already (without ``force``), or the
            result would not be a valid cohort; every row at fault is named.
        ConfigError: If a column that is named does not exist.
        StoreError: If the folder cannot be written.
    """
    table = read_source(source, sheet=sheet)
    meanings = guess_mapping(table.header, given=mapping or {}, drop=drop)
    present = {schema.file: present_rows(folder, schema) for schema in (PATIENTS, RECORDINGS)}
    if not preview and not force:
        _refuse_overwrite(folder)
    builder = Builder(
        table=table,
        targets=meanings.targets,
        folder=folder,
        source_folder=source.parent,
        patients=present[PATIENTS.file],
        recordings=present[RECORDINGS.file],
        annotator=annotator,
    )
    built = builder.build()
    problems = [*built.problems, *_validate(built.rows, built.source_rows, table.name)]
    problems.sort(key=lambda found: found.row or 0)
    result = TableImport(
        source=table.name,
        folder=folder,
        targets=meanings.targets,
        left_out=tuple(column for column in table.header if column not in meanings.targets),
        rows=built.rows,
        num_present={**{file: len(rows) for file, rows in present.items()}, SEIZURES.file: 0},
        notes=(
            *table.notes,
            *_personal_note(meanings.personal),
            *_hour_notes(table, meanings.targets),
            *built.notes,
        ),
        problems=tuple(problems),
        written=not preview,
    )
    if preview:
        return result
    if problems:
        number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [f"Nothing was written: {table.name} has {number}:", *map(str, problems)]
        raise CohortError("\n".join(lines))
    for schema in _SCHEMAS:
        write_table(folder / schema.file, schema, built.rows[schema.file])
    return result


def preview_of_rows(
    schema: TableSchema,
    rows: Sequence[Mapping[str, Any]],
    *,
    num_present: int,
    num_rows: int = 5,
    new_only: bool = False,
) -> list[str]:
    """Return lines that show the first rows of a table as they would be written.

    Args:
        schema: The table.
        rows: All rows; those that are in the cohort already come first.
        num_present: How many of them are.
        num_rows: Most rows that are shown.
        new_only: Show only rows that are not in the cohort yet.
    """
    there = f" ({num_present} of them were there)" if num_present else ""
    shown = rows[num_present:] if new_only else rows
    return [
        "",
        f"{schema.file}, {counted(len(rows), 'row')}{there}:",
        *_aligned(_texts(schema, shown[:num_rows])),
    ]


def present_rows(folder: Path, schema: TableSchema) -> list[dict[str, Any]]:
    """Return the rows of a cohort's table; none where there is no such file.

    Raises:
        CohortError: If the table has errors; lists all of them.
    """
    path = folder / schema.file
    if not path.exists():
        return []
    rows, problems = read_table(path, schema)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        lines = [f"The tables of cohort {folder.resolve().name} must be in order before an import:", *faults]
        raise CohortError("\n".join(lines))
    return [dict(row.values) for row in rows]


def _refuse_overwrite(folder: Path) -> None:
    path = folder / SEIZURES.file
    if not path.exists():
        return
    rows, problems = read_table(path, SEIZURES)
    if rows or any(problem.severity == "error" and problem.row is not None for problem in problems):
        msg = (
            f"{SEIZURES.file} of cohort {folder.resolve().name} must have no rows yet, but has {len(rows)}. "
            "Give --force to replace them, or import into another folder."
        )
        raise CohortError(msg)


def _validate(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    source_rows: Mapping[str, Sequence[int | None]],
    name: str,
) -> list[Problem]:
    """Read the result as a cohort would be read, and return the errors with the rows of the source."""
    if not any(rows.values()):
        return []
    with tempfile.TemporaryDirectory(prefix="semioscope-import-") as temporary:
        folder = Path(temporary)
        for schema in _SCHEMAS:
            write_table(folder / schema.file, schema, rows[schema.file])
        errors = read_tables(folder).errors
    found = []
    for error in errors:
        origins = source_rows[error.file]
        place = None if error.row is None or error.row < 2 else origins[error.row - 2]
        if error.row is None and not rows[error.file]:
            continue  # every row has a problem of its own
        found.append(
            Problem(
                severity="error",
                file=error.file if place is None else name,
                row=error.row if place is None else place,
                subject=error.subject,
                message=error.message,
            )
        )
    return found


def _personal_note(personal: Sequence[str]) -> list[str]:
    if not personal:
        return []
    return [f"left out because they may name a person: {', '.join(personal)} (--map to keep one)"]


def _hour_notes(table: SourceTable, targets: Mapping[str, str]) -> list[str]:
    times = ("onset", "clonic_onset", "offset", "duration")
    columns = [column for column in table.hour_minute_columns if targets.get(column) in times]
    return [
        f"column {column} shows hours and minutes in the spreadsheet and is read so; if 1:15 was meant as minutes "
        "and seconds, format the column as text and type the times again"
        for column in columns
    ]


def _texts(schema: TableSchema, rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [line.split("\t") for line in table_text(schema, rows).splitlines()]


def _aligned(cells: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
