"""Whose video a file is: from the folder that it lies in, from a pattern on its path, or from a table."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from semioscope.cohort.columns import guess_mapping
from semioscope.cohort.sources import read_source
from semioscope.core.errors import CohortError, ConfigError, unknown_name
from semioscope.core.times import parse_datetime

_TAKEN = ("patient_id", "path", "view", "start_datetime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """What is known of one file.

    Args:
        patient: Who is seen, as it was written.
        view: Name of the camera, or None.
        start_datetime: Clock time of the first picture, or None.
    """

    patient: str
    view: str | None = None
    start_datetime: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Whose the files of a folder are.

    Args:
        known: What is known, by path.
        faults: Why a file has no patient, by what is named: a path relative to the folder, or a row of the table.
        notes: What was decided on the way.
    """

    known: Mapping[Path, Whose]
    faults: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = field(default=())


def owners_of(
    files: Sequence[Path],
    source: Path,
    *,
    patient_from: str,
    pattern: str | None = None,
    table: Path | None = None,
) -> Owners:
    """Return whose each file is.

    Args:
        files: Video files below ``source``.
        source: The folder that is imported.
        patient_from: A key of ``PATIENT_SOURCES``.
        pattern: For ``regex``: found anywhere in the path below ``source`` (with ``/``); its group ``patient``, or
            else its only group, is the patient.
        table: For ``table``: a csv, tsv or xlsx with a column of patients and one of paths.

    Raises:
        ConfigError: If the way is unknown, lacks its pattern or table or has that of another way, or the pattern
            is not valid.
        CohortError: If the table cannot be read.
    """
    if patient_from not in PATIENT_SOURCES:
        raise ConfigError(unknown_name("source of patients (--patient-from)", patient_from, PATIENT_SOURCES))
    for option, value, way in (("--pattern", pattern, "regex"), ("--table", table, "table")):
        if (value is not None) != (patient_from == way):
            told = "lacks it" if value is None else f"has it with --patient-from {patient_from}"
            msg = (
                f"{option} must be given with --patient-from {way}, and only there; this command {told}. "
                f"{f'Add {option}.' if value is None else f'Leave {option} out, or write --patient-from {way}.'}"
            )
            raise ConfigError(msg)
    return PATIENT_SOURCES[patient_from](files, source, pattern, table)


def _from_folder(files: Sequence[Path], source: Path, pattern: str | None, table: Path | None) -> Owners:
    known, faults = {}, []
    for file in files:
        parts = file.relative_to(source).parts
        if len(parts) > 1:
            known[file] = Whose(patient=parts[0])
        else:
            faults.append(
                (
                    file.name,
                    "must lie in a folder that is named after its patient, but lies outside of all. Move it, or "
                    "use --patient-from regex.",
                )
            )
    return Owners(known=known, faults=tuple(faults))


def _from_pattern(files: Sequence[Path], source: Path, pattern: str | None, table: Path | None) -> Owners:
    try:
        compiled = re.compile(pattern or "")
    except re.error as err:
        msg = (
            f"--pattern must be a regular expression, got {pattern!r}: {err}. Write for example '(p[0-9]+)_'."
        )
        raise ConfigError(msg) from err
    group: str | int = "patient" if "patient" in compiled.groupindex else 1
    if group == 1 and compiled.groups != 1:
        msg = (
            f"--pattern must have one group in brackets that is the patient, got {pattern!r} with "
            f"{compiled.groups}. Write for example '(p[0-9]+)_', or name the group: '(?P<patient>p[0-9]+)'."
        )
        raise ConfigError(msg)
    known, faults = {}, []
    for file in files:
        below = file.relative_to(source).as_posix()
        found = compiled.search(below)
        if found is not None and found[group]:
            known[file] = Whose(patient=found[group])
        else:
            message = (
                f"--pattern {pattern!r} must find the patient in its path, but does not. Correct one of them."
            )
            faults.append((below, message))
    return Owners(known=known, faults=tuple(faults))


def _from_table(files: Sequence[Path], source: Path, pattern: str | None, table: Path | None) -> Owners:
    assert table is not None  # the caller has checked it
    content = read_source(table)
    targets = guess_mapping(content.header, given={}).targets
    lacking = [name for name in ("patient_id", "path") if name not in targets.values()]
    if lacking:
        msg = (
            f"{table.name} must have a column of patients and one of files, but none was recognised as "
            f"{' and '.join(lacking)}; columns: {', '.join(content.header)}. Name them patient_id and path."
        )
        raise CohortError(msg)
    places = {target: content.header.index(column) for column, target in targets.items()}
    by_path = {file.resolve(): file for file in files}
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    known: dict[Path, Whose] = {}
    rows: dict[Path, int] = {}
    disputed: set[Path] = set()
    faults: list[tuple[str, str]] = []
    for number, cells in content.rows:
        said = {target: cells[place] for target, place in places.items() if target in _TAKEN}
        patient, path = said["patient_id"], said["path"]
        where = f"{table.name} row {number}"
        found: Path | str = "must have a path, but has none. Fill it in or delete the row."
        if path is not None:
            found = _named_file(path, source=source, table=table, by_path=by_path, by_name=by_name)
        if isinstance(found, str):
            faults.append((where, found))
            continue
        rows.setdefault(found, number)
        if patient is None:
            faults.append((where, "must have a patient_id, but has none. Fill it in or delete the row."))
            continue
        started = said.get("start_datetime")
        try:
            start = None if started is None else parse_datetime(started)
        except ValueError as err:
            faults.append((where, f"start_datetime {err}. Correct the cell."))
            continue
        if found not in known:
            rows[found] = number
            known[found] = Whose(patient=patient, view=said.get("view"), start_datetime=start)
        elif known[found].patient != patient:
            disputed.add(found)
            message = (
                f"gives {path} to patient {patient}, but row {rows[found]} gives it to {known[found].patient}. "
                "Correct one of them; the file is left out."
            )
            faults.append((where, message))
    known = {file: known[file] for file in files if file in known and file not in disputed}
    for file in files:
        if file not in rows:
            message = f"must have a row in {table.name}, but has none. Add it, or take the file away."
            faults.append((file.relative_to(source).as_posix(), message))
    unused = [column for column, target in targets.items() if target not in _TAKEN]
    notes = [*content.notes, *([f"columns of {table.name} left out: {', '.join(unused)}"] if unused else [])]
    return Owners(known=known, faults=tuple(faults), notes=tuple(notes))


def _named_file(
    path: str, *, source: Path, table: Path, by_path: Mapping[Path, Path], by_name: Mapping[str, list[Path]]
) -> Path | str:
    """Return the file that a cell names, or why there is none: below the folder, beside the table, or by its name."""
    written = Path(path.replace("\\", "/"))
    for place in (source / written, table.parent / written):
        if place.resolve() in by_path:
            return by_path[place.resolve()]
    same = by_name.get(written.name, []) if len(written.parts) == 1 else []
    if len(same) == 1:
        return same[0]
    if same:
        return f"names {path}, but {len(same)} files have that name. Write the path below the folder."
    return f"names {path}, but there is no such video below {source}. Correct the path or bring the file."


PATIENT_SOURCES: dict[str, Callable[[Sequence[Path], Path, str | None, Path | None], Owners]] = {
    "folder": _from_folder,
    "regex": _from_pattern,
    "table": _from_table,
}
"""Ways to tell whose a file is: the first folder below the one that is imported, a pattern, a table."""
