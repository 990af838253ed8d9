"""Everything that can be wrong with a cohort folder, tables and videos, in one list."""

from pathlib import Path

from semioscope.cohort.annotations import problem as annotation_problem
from semioscope.cohort.check_files import check_files
from semioscope.cohort.cohort import Cohort, cohort_of
from semioscope.cohort.events import label_columns, seizures_of
from semioscope.cohort.reading import Tables, read_tables
from semioscope.cohort.tasks import TASKS, Task
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.tables import Problem


def check_cohort(
    folder: Path, *, full: bool = False, task: Task | None = None, progress: Progress | None = None
) -> list[Problem]:
    """Return everything that is wrong with a cohort, tables first, then videos.

    The quick check reads the tables whole, the head of every video, the packet times of videos up to 10 minutes
    and of the first minute of longer ones, a few frames of 16-bit infrared and depth, and a fingerprint of each file.
    It never raises for what it finds.

    Args:
        folder: The cohort folder.
        full: Read the packet times of all videos to the end and every picture of folders, and compare files by the
            hash of every byte.
        task: Warn about classes with fewer than two patients under this task; None: under every preset that
            the labels fit.
        progress: Where to report to.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        message = f"must be a cohort folder, but {what}. Make one with semioscope cohort new."
        return [Problem(severity="error", file=folder.resolve().name, message=message)]
    tables = read_tables(folder)
    problems = list(tables.problems)
    problems += _unused(tables)
    if not tables.errors:
        problems += _check_classes(cohort_of(folder, tables), task)
    problems += check_files(folder, tables, full=full, progress=progress or QuietProgress())
    order = {schema.file: place for place, schema in enumerate((PATIENTS, RECORDINGS, SEIZURES))}
    return sorted(problems, key=lambda found: (order.get(found.file, len(order)), found.row or 0))


def _unused(tables: Tables) -> list[Problem]:
    problems = []
    recorded = {recording.patient_id for recording in tables.recordings.values()}
    silent = [patient.patient_id for patient in tables.patients if patient.patient_id not in recorded]
    if silent and tables.recordings and not tables.errors:
        message = (
            f"these patients have no recording: {', '.join(silent)}. Add their recordings or delete the rows."
        )
        problems.append(Problem(severity="warning", file=PATIENTS.file, message=message))
    for annotation in tables.annotations:
        if tables.recordings[annotation.recording_id].role == "contextual":
            message = (
                f"recording {annotation.recording_id} has the role contextual (free of seizures), but a seizure "
                "is in it. Change the role in recordings.tsv to seizures."
            )
            problems.append(annotation_problem(annotation, message, warning=True))
    return problems


def _check_classes(cohort: Cohort, task: Task | None) -> list[Problem]:
    """Warn about classes with one patient, or, under a task that was asked for, with none."""
    problems: dict[str, Problem] = {}
    for candidate in TASKS.values() if task is None else (task,):
        if candidate.column not in label_columns(cohort, candidate.table):
            if task is not None:
                message = (
                    f"task {task.name} needs a column {task.column}, but there is none. Add it to the table."
                )
                file = PATIENTS.file if task.table == "patients" else SEIZURES.file
                problems[message] = Problem(severity="error", file=file, message=message)
            continue
        selection = seizures_of(cohort, candidate)
        patients = [
            {
                event.patient_id
                for event in selection.events
                if index in (event.y_true, candidate.parts_index)  # every seizure can have parts beside it
            }
            for index in range(len(candidate.classes))
        ]
        if task is None and not all(patients):
            continue
        problems.update({str(found): found for found in selection.problems})
        for name, members in zip(candidate.class_names, patients, strict=True):
            if len(members) < 2:
                number = "1 patient" if members else "no patient"
                message = (
                    f"class {name} of task {candidate.name} must have at least two patients to be tested on "
                    f"another patient than it is trained on, but has {number}. Add patients, or leave "
                    "the class out of the task."
                )
                problems[message] = Problem(severity="warning", file=SEIZURES.file, message=message)
    return list(problems.values())
