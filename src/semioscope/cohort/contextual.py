"""From a folder of long videos without seizures to rows of a cohort: nothing is copied, nothing is cut.

Excerpts are cut later, by a plan (``plans.contextual_excerpts``), which also keeps away from annotated seizures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.cohort.importers import present_rows, preview_of_rows
from semioscope.cohort.rows import plain_identifier, relative_path
from semioscope.cohort.video_folder import Shelf, videos_below
from semioscope.cohort.whose_video import Whose, owners_of
from semioscope.core.errors import CohortError, VideoError
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.tables import Problem, write_table
from semioscope.core.wording import counted
from semioscope.plans import ExcerptPlan
from semioscope.video import VideoInfo, probe

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualImport:
    """What an import of contextual video writes, or would write.

    Args:
        source: Name of the folder.
        folder: The cohort.
        rows: Rows of ``patients.tsv`` and ``recordings.tsv``, those that were there first.
        num_present: Rows by file name that were in the cohort before.
        num_known: Files that were in the cohort before.
        total_seconds: Length of the new recordings together, where it is known.
        left_out: Files, or rows of the table, that could not be taken, and why.
        notes: What was decided on the way.
        written: Whether it was.
    """

    source: str
    folder: Path
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    num_present: Mapping[str, int]
    num_known: int
    total_seconds: float
    left_out: tuple[Problem, ...]
    notes: tuple[str, ...]
    written: bool

    @property
    def num_new(self) -> int:
        """Recordings that are new."""
        return len(self.rows[RECORDINGS.file]) - self.num_present[RECORDINGS.file]

    @property
    def num_patients(self) -> int:
        """Patients with new recordings."""
        new = self.rows[RECORDINGS.file][self.num_present[RECORDINGS.file] :]
        return len({row["patient_id"] for row in new})

    def preview(self, *, num_rows: int = _MOST_SHOWN) -> str:
        """Return the first new rows of each table as they would be written."""
        lines = [f"Contextual video of {self.source}: {counted(self.num_new, 'new recording')}."]
        lines += [f"Note: {note}" for note in self.notes]
        for schema in (PATIENTS, RECORDINGS):
            lines += preview_of_rows(
                schema,
                self.rows[schema.file],
                num_present=self.num_present[schema.file],
                num_rows=num_rows,
                new_only=True,
            )
        return "\n".join(lines)


def import_contextual(
    source: Path,
    folder: Path,
    *,
    patient_from: str,
    pattern: str | None = None,
    table: Path | None = None,
    view: str = "main",
    preview: bool = False,
    progress: Progress | None = None,
) -> ContextualImport:
    """Add every video below a folder to a cohort, with the role contextual.

    Paths are written relative to the cohort. Patients whom the cohort lacks are added. A file that is in the
    cohort already, by its path or by its content, is not added again, so the same command may be given after more
    video has come. A parts list (``*.parts.tsv``) is one recording, and its parts are none of their own.

    Args:
        source: Searched with all folders below it; hidden files and folders, and ``derived`` of the cohort, are not.
        folder: The cohort; made if absent.
        patient_from: ``folder``: the first folder below ``source`` is named after the patient; ``regex``: a pattern
            finds the patient in the path below ``source``; ``table``: a table says whose each file is.
        pattern: For ``regex``; see ``owners_of``.
        table: For ``table``: columns of patients and paths, perhaps of views and of start times.
        view: Name of the camera where no table says it.
        preview: Return what would be written and write nothing.
        progress: Where to report to.

    Raises:
        CohortError: If there is no video, no video has a patient or can be read, a table cannot be read or the
            tables of the cohort have errors. A single file that cannot be taken is listed in ``left_out``.
        ConfigError: If ``patient_from``, ``pattern`` and ``table`` do not fit together.
        StoreError: If the folder cannot be written.

    References:
        Hou et al. (2022), section 3.1.1: seizure-free video of the same unit; any number of long files.
    """
    present = {schema.file: present_rows(folder, schema) for schema in (PATIENTS, RECORDINGS)}
    videos, notes = videos_below(source, folder)
    shelf = Shelf.of(folder, present[RECORDINGS.file])
    there = {_below(file, source) for file in videos if file.resolve() in shelf.owners}
    owners = owners_of(videos, source, patient_from=patient_from, pattern=pattern, table=table)
    left_out = [_left_out(where, message) for where, message in owners.faults if where not in there]
    taken: dict[Path, VideoInfo] = {}
    ids: dict[str, str] = {}
    num_known = 0
    with stage(progress or QuietProgress(), "look at videos", len(owners.known), unit="videos") as shown:
        for file, whose in owners.known.items():
            patient_id = plain_identifier(whose.patient)
            try:
                if ids.setdefault(patient_id, whose.patient) != whose.patient:
                    msg = (
                        f"is of patient {whose.patient!r}, but the id {patient_id} is that of {ids[patient_id]!r}. "
                        "Rename one of the two."
                    )
                    raise CohortError(msg)
                info = None if file.resolve() in shelf.owners else probe(file)
                if shelf.has(file, patient_id):
                    num_known += 1
                elif info is not None:
                    taken[file] = info
            except (CohortError, VideoError) as err:
                left_out.append(_left_out(_below(file, source), str(err)))
            shown.advance(note=file.name)
    if left_out and not taken and not num_known:
        lines = [f"No video below {source} can be taken; nothing was written:", *map(str, left_out)]
        raise CohortError("\n".join(lines))
    rows = _rows(taken, owners.known, folder, present, view=view)
    changed = [f"{text!r} -> {made}" for made, text in ids.items() if made != text]
    if changed:
        notes.append(f"patient ids got - in place of other signs: {', '.join(changed[:_MOST_SHOWN])}")
    if num_known:
        notes.append(f"{counted(num_known, 'file')} in the cohort already, not added again")
    if not preview:
        for schema in (PATIENTS, RECORDINGS):
            write_table(folder / schema.file, schema, rows[schema.file])
        if not (folder / SEIZURES.file).exists():
            write_table(folder / SEIZURES.file, SEIZURES, [])
    lengths = [info.duration_seconds for info in taken.values()]
    return ContextualImport(
        source=source.name,
        folder=folder,
        rows=rows,
        num_present={file: len(there) for file, there in present.items()},
        num_known=num_known,
        total_seconds=math.fsum(length for length in lengths if math.isfinite(length)),
        left_out=tuple(left_out),
        notes=(*notes, *owners.notes, *_length_notes(taken, source)),
        written=not preview,
    )


def _rows(
    taken: Mapping[Path, VideoInfo],
    known: Mapping[Path, Whose],
    folder: Path,
    present: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    view: str,
) -> dict[str, list[dict[str, Any]]]:
    patients = {str(row["patient_id"]): dict(row) for row in present[PATIENTS.file]}
    recordings = {str(row["recording_id"]): dict(row) for row in present[RECORDINGS.file]}
    for file in taken:
        whose = known[file]
        patient_id = plain_identifier(whose.patient)
        patients.setdefault(patient_id, {"patient_id": patient_id})
        stem = plain_identifier(file.name.removesuffix(file.suffix).removesuffix(".parts"))
        stem = stem if stem.startswith(patient_id) else f"{patient_id}-{stem}"
        name, count = stem, 1
        while name in recordings:
            count += 1
            name = f"{stem}-{count}"
        recordings[name] = {
            "recording_id": name,
            "patient_id": patient_id,
            "view": whose.view or view,
            "path": relative_path(str(file.absolute()), folder=folder, source_folder=file.parent),
            "depth_offset_seconds": 0.0,
            "start_datetime": whose.start_datetime,
            "role": "contextual",
        }
    return {PATIENTS.file: list(patients.values()), RECORDINGS.file: list(recordings.values())}


def _length_notes(taken: Mapping[Path, VideoInfo], source: Path) -> list[str]:
    plan = ExcerptPlan()
    whole, least = plan.num_frames / plan.fps, plan.min_frames / plan.fps
    short = [file for file, info in taken.items() if least <= info.duration_seconds < whole]
    useless = [file for file, info in taken.items() if info.duration_seconds < least]
    unknown = [file for file, info in taken.items() if math.isnan(info.duration_seconds)]
    cut_off = [file for file, info in taken.items() if info.is_cut_off]
    said = (
        (short, f"shorter than an excerpt of {whole:g} s, which will be padded"),
        (useless, f"shorter than {least:g} s, the least that makes an excerpt"),
        (unknown, "of unknown length"),
        (cut_off, "shorter than the header promises, cut off perhaps"),
    )
    return [
        f"{counted(len(files), 'file')} {words}: {_listed(files, source)}" for files, words in said if files
    ]


def _listed(files: Sequence[Path], source: Path) -> str:
    more = f" and {len(files) - _MOST_SHOWN} more" if len(files) > _MOST_SHOWN else ""
    return ", ".join(_below(file, source) for file in files[:_MOST_SHOWN]) + more


def _below(file: Path, source: Path) -> str:
    return file.relative_to(source).as_posix()


def _left_out(where: str, message: str) -> Problem:
    return Problem(severity="error", file=where, message=message)
