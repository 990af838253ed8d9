"""Builds the rows of the three tables from the rows of an annotation table."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from semioscope.cohort.columns import PATIENT_LABEL
from semioscope.cohort.sources import SourceTable
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES
from semioscope.core.tables import Problem
from semioscope.core.times import parse_datetime, parse_seconds, parse_time

_TIMES = ("onset", "clonic_onset", "offset")
_USES = {
    "yes": "train", "ja": "train", "x": "train", "1": "train", "true": "train", "wahr": "train",
    "nein": "no", "0": "no", "false": "no", "falsch": "no",
}  # fmt: skip
_RECORDING_FIELDS = tuple(name for name in RECORDINGS.names if name not in ("recording_id", "patient_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Rows by file, the row of the source that each comes from (None: it was in the cohort), and what happened."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    source_rows: Mapping[str, Sequence[int | None]]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class Builder:
    """Turns the rows of a source into rows of a cohort, once.

    Args:
        table: The source.
        targets: Target by column.
        folder: The cohort.
        source_folder: Where the source lies; paths may be relative to it.
        patients: Rows of ``patients.tsv`` that are there.
        recordings: Rows of ``recordings.tsv`` that are there.
        annotator: Stands in for a missing column.
    """

    table: SourceTable
    targets: Mapping[str, str]
    folder: Path
    source_folder: Path
    patients: Sequence[Mapping[str, Any]]
    recordings: Sequence[Mapping[str, Any]]
    annotator: str | None
    _problems: list[Problem] = field(default_factory=list)
    _renamed: dict[str, str] = field(default_factory=dict)

    def build(self) -> Built:
        """Return the rows; those with a problem of their own are missing from them."""
        patients = {str(row["patient_id"]): (dict(row), None) for row in self.patients}
        recordings = {str(row["recording_id"]): (dict(row), None) for row in self.recordings}
        self._patients: dict[str, tuple[dict[str, Any], int | None]] = dict(patients)
        self._recordings: dict[str, tuple[dict[str, Any], int | None]] = dict(recordings)
        by_target = [(number, self._by_target(cells)) for number, cells in self.table.rows]
        missing = self._missing_targets(by_target)
        prefixed = self._collide(by_target)
        counts: Counter[str] = Counter()
        seizures: list[tuple[dict[str, Any], int]] = []
        for number, cells in by_target if not missing else ():
            recording_ids = self._recordings_of(number, cells)
            if recording_ids is None:
                continue
            patient_id = str(self._recordings[recording_ids[0]][0]["patient_id"])
            counts[patient_id] += 1
            given = cells.get("seizure_id")
            own = self._identifier(given) if given else f"s{counts[patient_id]:02d}"
            seizure_id = f"{patient_id}-{own}" if prefixed or not given else own
            seizures += [
                (row, number) for row in self._seizure_rows(number, cells, seizure_id, recording_ids)
            ]
        return Built(
            rows={
                PATIENTS.file: [row for row, _ in self._patients.values()],
                RECORDINGS.file: [row for row, _ in self._recordings.values()],
                SEIZURES.file: [row for row, _ in seizures],
            },
            source_rows={
                PATIENTS.file: [number for _, number in self._patients.values()],
                RECORDINGS.file: [number for _, number in self._recordings.values()],
                SEIZURES.file: [number for _, number in seizures],
            },
            problems=tuple(self._problems),
            notes=tuple(self._notes(prefixed)),
        )

    def _by_target(self, cells: Sequence[str | None]) -> dict[str, str]:
        named = zip(self.table.header, cells, strict=True)
        return {self.targets[column]: cell for column, cell in named if column in self.targets and cell}

    def _missing_targets(self, rows: list[tuple[int, dict[str, str]]]) -> bool:
        there = set(self.targets.values())
        wanted = (
            ("onset", {"onset", "onset_clock"}),
            ("offset", {"offset", "offset_clock", "duration"}),
            ("recording_id (or path, or patient_id)", {"recording_id", "path", "patient_id"}),
        )
        lacking = [name for name, options in wanted if not options & there]
        for name in lacking:
            target = name.split()[0]
            self._add(
                None,
                f"no column was recognised as {name}; columns: {', '.join(self.table.header)}. "
                f"Say which with --map {target}=COLUMN.",
            )
        both = [name for name in _TIMES if {name, f"{name}_clock"} <= there]
        for name in both:
            self._add(
                None, f"must have one column for {name} or {name}_clock, got both. Drop one (--drop COLUMN)."
            )
        return bool(lacking or both)

    def _collide(self, rows: list[tuple[int, dict[str, str]]]) -> bool:
        """Return whether one seizure_id occurs for several patients, as when each patient's are counted from 1."""
        patients: dict[str, set[str]] = {}
        for _, cells in rows:
            if "seizure_id" in cells and "patient_id" in cells:
                patients.setdefault(cells["seizure_id"], set()).add(cells["patient_id"])
        return any(len(members) > 1 for members in patients.values())

    def _recordings_of(self, number: int, cells: Mapping[str, str]) -> list[str] | None:
        """Return the recordings of a row, adding new ones and their patients; None after a problem."""
        patient_id = self._identifier(cells["patient_id"]) if "patient_id" in cells else None
        path = None
        if "path" in cells:
            path = relative_path(cells["path"], folder=self.folder, source_folder=self.source_folder)
        if "recording_id" in cells:
            recording_ids = self._split_ids(cells["recording_id"])
        elif path is not None:
            recording_ids = [self._recording_of_path(path, cells.get("view"), cells.get("region"))]
        else:
            recording_ids = [
                recording_id
                for recording_id, (row, _) in self._recordings.items()
                if row["patient_id"] == patient_id and row["role"] == "seizures"
            ]
            if patient_id is None or len(recording_ids) != 1:
                there = ", ".join(recording_ids) or "no recording"
                self._add(
                    number,
                    f"must say which recording it is in: patient {patient_id or 'n/a'} has {there}. Fill in a column "
                    "with the recording_id or the video's path.",
                )
                return None
        for recording_id in recording_ids:
            if not self._take_recording(number, cells, recording_id, patient_id, path):
                return None
        return recording_ids

    def _take_recording(
        self,
        number: int,
        cells: Mapping[str, str],
        recording_id: str,
        patient_id: str | None,
        path: str | None,
    ) -> bool:
        if recording_id in self._recordings:
            row = self._recordings[recording_id][0]
            told = {"patient_id": patient_id, "path": path, **{n: cells.get(n) for n in ("view", "region")}}
            for name, value in told.items():
                if value is not None and row.get(name) is not None and str(row[name]) != value:
                    self._add(
                        number,
                        f"{name} of recording {recording_id} must be the same in every row, got {value!r} after "
                        f"{row[name]!r}. Correct one of them, or give the views recordings of their own.",
                    )
                    return False
        elif patient_id is None:
            self._add(
                number,
                f"recording {recording_id} must be in recordings.tsv, or the row must have a patient_id. Fill it in, "
                "or add the recording to recordings.tsv first.",
            )
            return False
        else:
            given = {name: cells[name] for name in _RECORDING_FIELDS if name in cells}
            row = {"recording_id": recording_id, "patient_id": patient_id, **given, "path": path}
            row.setdefault("view", "main")
            row.setdefault("role", "seizures")
            row.setdefault("depth_offset_seconds", "0.0")
            self._recordings[recording_id] = (row, number)
        owner = str(self._recordings[recording_id][0]["patient_id"])
        return self._take_patient(number, cells, owner)

    def _take_patient(self, number: int, cells: Mapping[str, str], patient_id: str) -> bool:
        row, _ = self._patients.setdefault(patient_id, ({"patient_id": patient_id}, number))
        for target, value in cells.items():
            if not target.startswith(PATIENT_LABEL):
                continue
            name = target.removeprefix(PATIENT_LABEL)
            earlier = row.get(name)
            if earlier is not None and str(earlier).casefold() != value.casefold():
                self._add(
                    number,
                    f"{name} of patient {patient_id} must be the same in every row, got {value!r} after {earlier!r}. "
                    "Correct one of them, or import it as a label of the seizure.",
                )
                return False
            if earlier is None:
                row[name] = value
        return True

    def _recording_of_path(self, path: str, view: str | None, region: str | None) -> str:
        for recording_id, (row, _) in self._recordings.items():
            same_view = view is None or row.get("view") == view
            if row.get("path") == path and same_view and (region is None or row.get("region") == region):
                return recording_id
        stem = plain_identifier(Path(path).name.split(".")[0] or "recording")
        if view is not None and any(row.get("path") == path for row, _ in self._recordings.values()):
            stem = f"{stem}-{plain_identifier(view)}"
        name, count = stem, 1
        while name in self._recordings:
            count += 1
            name = f"{stem}-{count}"
        return name

    def _split_ids(self, text: str) -> list[str]:
        found: list[str] = []
        for piece in re.split("[,;]", text):
            words = piece.split()
            if len(words) > 1 and all(word in self._recordings for word in words):
                found += words
            elif words:
                found.append(self._identifier(piece.strip()))
        return list(dict.fromkeys(found))

    def _seizure_rows(
        self, number: int, cells: Mapping[str, str], seizure_id: str, recording_ids: list[str]
    ) -> list[dict[str, Any]]:
        """Return a row for each set of recordings that share their times in seconds; none after a problem."""
        rows: dict[tuple[float | None, ...], dict[str, Any]] = {}
        known = {*RECORDINGS.names, *SEIZURES.accepted_names, "duration"}
        labels = {n: cell for n, cell in cells.items() if n not in known and not n.startswith(PATIENT_LABEL)}
        for recording_id in recording_ids:
            try:
                times = self._times(cells, self._start_of(recording_id))
            except ValueError as err:
                self._add(number, f"{err}. Correct the cell.", subject=f"seizure {seizure_id}")
                return []
            if times in rows:
                rows[times]["recording_id"] += f" {recording_id}"
                continue
            use = cells.get("use")
            rows[times] = {
                "seizure_id": seizure_id,
                "recording_id": recording_id,
                **dict(zip(_TIMES, times, strict=True)),
                "use": "train" if use is None else _USES.get(use.casefold(), use),
                "annotator": cells.get("annotator", self.annotator),
                **labels,
            }
        return list(rows.values())

    def _start_of(self, recording_id: str) -> datetime | None:
        start = self._recordings[recording_id][0].get("start_datetime")
        if start is None or isinstance(start, datetime):
            return start
        try:
            return parse_datetime(str(start))
        except ValueError as err:
            msg = f"start_datetime {err}"
            raise ValueError(msg) from err

    def _times(self, cells: Mapping[str, str], start: datetime | None) -> tuple[float | None, ...]:
        times: dict[str, float | None] = {}
        for name in _TIMES:
            clock = f"{name}_clock" in self.targets.values()
            column = f"{name}_clock" if clock else name
            times[name] = None
            if column in cells:
                try:
                    times[name] = parse_time(cells[column], start_datetime=start, time_of_day=clock)
                except ValueError as err:
                    msg = f"{column} {err}"
                    raise ValueError(msg) from err
        if times["offset"] is None and times["onset"] is not None and "duration" in cells:
            try:
                times["offset"] = round(times["onset"] + parse_seconds(cells["duration"]), 6)
            except ValueError as err:
                msg = f"duration {err}"
                raise ValueError(msg) from err
        for name in ("onset", "offset"):
            if times[name] is None:
                msg = f"{name} must not be missing"
                raise ValueError(msg)
        return tuple(times[name] for name in _TIMES)

    def _identifier(self, text: str) -> str:
        """Return an id that keeps letters, digits and ``- _ .``; remembers what it was made of."""
        made = plain_identifier(text)
        earlier = self._renamed.setdefault(made, text)
        if earlier != text and made not in (earlier, text):
            made = f"{made}-{sum(name.startswith(made) for name in self._renamed) + 1}"
            self._renamed.setdefault(made, text)
        return made

    def _notes(self, prefixed: bool) -> list[str]:
        notes = []
        changed = [f"{text!r} -> {made}" for made, text in self._renamed.items() if made != text]
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            notes.append(f"ids got - in place of other signs: {', '.join(changed[:3])}{more}")
        if prefixed:
            notes.append("seizure ids occur for several patients, so the patient_id was put before them")
        if "seizure_id" not in self.targets.values():
            notes.append("there is no column of seizure ids, so every row became a seizure of its own")
        return notes

    def _add(self, row: int | None, message: str, *, subject: str = "") -> None:
        self._problems.append(
            Problem(severity="error", file=self.table.name, row=row, subject=subject, message=message)
        )


def plain_identifier(text: str) -> str:
    """Return the id of a text: letters, digits and ``- _ .`` stay, runs of other signs become ``-``.

    Examples:
        >>> plain_identifier("Pat. 7 (b)"), plain_identifier("__")
        ('Pat.-7-b', 'x')
    """
    kept = "".join(
        sign if sign.isalnum() or sign in "-_." else "-" for sign in unicodedata.normalize("NFC", text)
    )
    return re.sub("-{2,}", "-", kept).strip("-_.") or "x"


def relative_path(text: str, *, folder: Path, source_folder: Path) -> str:
    """Return a path of a table relative to the cohort, with ``/``.

    A file is looked for in the cohort, then beside the table; one that is found nowhere is taken as relative to
    the cohort.
    """
    path = Path(text.replace("\\", "/"))
    beside = source_folder / path
    if path.is_absolute() or (not (folder / path).exists() and beside.exists()):
        return Path(os.path.relpath(beside.resolve(), folder.resolve())).as_posix()
    return path.as_posix()
