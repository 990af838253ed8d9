"""The csv of the public GESTURES feature set: one row per seizure, all text.

Methods: section 1, "Public feature data set". A seizure is tonic-clonic if it has an ``OnsetClonic``, whatever
``GTCS`` says.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semioscope.core.cells import check_id
from semioscope.core.errors import CohortError, nearest_names
from semioscope.core.tables import Problem, Severity

CSV_FILE = "seizures.csv"
COLUMNS = ("Subject", "Seizure", "OnsetClonic", "GTCS", "Discard")
DISCARDS = ("No", "Yes", "Large", "Small")

_NOTHING = frozenset({"", "nan", "n/a", "na", "none", "null"})
_WORDS = {
    **dict.fromkeys(("yes", "true", "1", "1.0", "y"), True),
    **dict.fromkeys(("no", "false", "0", "0.0", "n"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row, as it stands there.

    Args:
        number: As a spreadsheet counts; the header is row 1.
        subject: The patient, with leading zeros.
        seizure: Number of the seizure among the patient's, with leading zeros.
        onset_clonic: When the clonic phase begins; empty for a focal seizure.
        discard: ``No``, ``Yes``, ``Large`` or ``Small``.
    """

    number: int
    subject: str
    seizure: str
    onset_clonic: str
    discard: str

    @property
    def seizure_id(self) -> str:
        """Subject and seizure, as folders begin."""
        return f"{self.subject}_{self.seizure}"

    @property
    def is_tonic_clonic(self) -> bool:
        """Whether there is a clonic onset."""
        return bool(self.onset_clonic)

    def problem(self, message: str, *, severity: Severity = "error") -> Problem:
        """Return a problem with this row."""
        return Problem(
            severity=severity,
            file=CSV_FILE,
            row=self.number,
            subject=f"subject {self.subject}, seizure {self.seizure}",
            message=message,
        )


def read_csv_rows(path: Path) -> tuple[list[CsvRow], list[Problem]]:
    """Return the rows of the csv that can be understood, and all problems; warnings leave their row as it is.

    Raises:
        CohortError: If the file cannot be read or lacks a column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as err:
        msg = f"{path} must be a file that can be read: {err.strerror}. Check the path and the rights."
        raise CohortError(msg) from err
    except UnicodeDecodeError as err:
        msg = f"{path} must be UTF-8 text, but byte {err.start} is not. Bring the published file again."
        raise CohortError(msg) from err
    lines = list(csv.reader(io.StringIO(text, newline="")))
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        msg = (
            f"{path.name} must have the columns {', '.join(COLUMNS)}, separated by commas, but lacks "
            f"{', '.join(missing)}; its header is {','.join(header) or 'empty'!s}. Bring the published file again."
        )
        raise CohortError(msg)
    rows: list[CsvRow] = []
    problems: list[Problem] = []
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            message = f"must have {len(header)} cells as the header has, got {len(cells)}. Correct the row."
            problems.append(Problem(severity="error", file=CSV_FILE, row=number, message=message))
            continue
        row, faults = checked_row(number, dict(zip(header, cells, strict=True)))
        rows.append(row)
        problems.extend(faults)
    problems.extend(_repeated(rows))
    return rows, problems


def checked_row(number: int, cells: Mapping[str, str]) -> tuple[CsvRow, list[Problem]]:
    """Return a row of the csv and what is wrong with it.

    Args:
        number: As a spreadsheet counts.
        cells: By column; other columns than the five do not count.
    """
    bare = {name: cells[name].strip() for name in COLUMNS}
    onset, gtcs = (
        "" if bare[name].casefold() in _NOTHING else bare[name] for name in ("OnsetClonic", "GTCS")
    )
    discard = next((word for word in DISCARDS if word.casefold() == bare["Discard"].casefold()), "")
    row = CsvRow(
        number=number,
        subject=bare["Subject"],
        seizure=bare["Seizure"],
        onset_clonic=onset,
        discard=discard or "No",
    )
    faults, doubts = [], []
    for name in ("Subject", "Seizure"):
        try:
            check_id(bare[name])
        except ValueError as err:
            faults.append(f"{name} {err}. Correct the cell.")
    if not discard:
        near = nearest_names(bare["Discard"], DISCARDS, most=1)
        ask = f" Did you mean {near[0]}?" if near else ""
        faults.append(
            f"Discard must be {', '.join(DISCARDS[:-1])} or {DISCARDS[-1]}, got {bare['Discard']!r}.{ask} "
            "Correct the cell."
        )
    if gtcs and gtcs.casefold() not in _WORDS:
        faults.append(f"GTCS must be Yes, No, True, False, 1 or 0, got {gtcs!r}. Correct the cell.")
    elif gtcs and _WORDS[gtcs.casefold()] != row.is_tonic_clonic:
        told, taken = (
            (f"OnsetClonic is {onset!r}", "tonic-clonic (TCS)")
            if onset
            else ("OnsetClonic is empty", "focal (FOS)")
        )
        doubts.append(
            f"OnsetClonic must stand there just when GTCS says tonic-clonic, but GTCS is {gtcs!r} and {told}. "
            f"OnsetClonic decides: the seizure was taken as {taken}. If that is wrong, correct one of the two cells."
        )
    problems = [row.problem(fault) for fault in faults]
    return row, problems + [row.problem(doubt, severity="warning") for doubt in doubts]


def _repeated(rows: list[CsvRow]) -> list[Problem]:
    first: dict[str, int] = {}
    found = []
    for row in rows:
        if row.seizure_id in first:
            found.append(
                row.problem(
                    f"Subject and Seizure must occur once, but row {first[row.seizure_id]} has them too. "
                    "Delete one of the rows."
                )
            )
        first.setdefault(row.seizure_id, row.number)
    return found
