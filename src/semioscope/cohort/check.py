"""Everything that can be wrong with a cohort folder, tables and videos, in one list."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semioscope.cohort.annotations import problem as annotation_problem
from semioscope.cohort.cohort import Cohort, cohort_of
from semioscope.cohort.events import label_columns, seizures_of
from semioscope.cohort.reading import Tables, read_tables
from semioscope.cohort.tasks import TASKS, Task
from semioscope.core.errors import VideoError, nearest_names
from semioscope.core.files import file_sha256
from semioscope.core.formats import PATIENTS, RECORDINGS, SEIZURES
from semioscope.core.intervals import Interval
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.records import Recording, Region
from semioscope.core.tables import Problem

_SHORT_SECONDS = 600.0
"""Videos up to this length are read whole by the quick check; of longer ones the first minute is."""
_QUICK = Interval(start_seconds=0.0, end_seconds=60.0)
_WHOLE = Region(x=0, y=0, width=1, height=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Video:
    """What is known of one file: its faults, or its length, rate and content."""

    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    duration_seconds: float = math.nan
    is_cut_off: bool = False
    frame_seconds: float = 0.0
    content: str = ""


def check_cohort(
    folder: Path, *, full: bool = False, task: Task | None = None, progress: Progress | None = None
) -> list[Problem]:
    """Return everything that is wrong with a cohort, tables first, then videos.

    The quick check reads the tables whole, the head of every video, the packet times of videos up to 10 minutes
    and of the first minute of longer ones, a few depth frames, and a fingerprint of each file. It never raises for
    what it finds.

    Args:
        folder: The cohort folder.
        full: Read the packet times of all videos to the end, and compare files by the hash of every byte.
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
    problems += _check_videos(folder, tables, full=full, progress=progress or QuietProgress())
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


def _check_videos(folder: Path, tables: Tables, *, full: bool, progress: Progress) -> list[Problem]:
    problems: list[Problem] = []
    paths: dict[str, Path] = {}
    for recording in tables.recordings.values():
        if recording.path is not None:
            paths[recording.recording_id] = folder / recording.path
    videos: dict[Path, _Video] = {}
    wanted = dict.fromkeys(paths.values())
    with stage(progress, "check", len(wanted), unit="videos"):
        for path in wanted:
            videos[path] = _look_at(path, full=full)
            progress.advance(note=path.name)
    for recording_id, path in paths.items():
        recording, video = tables.recordings[recording_id], videos[path]
        problems += [_recording_problem(recording, tables, fault) for fault in video.faults]
        problems += [_recording_problem(recording, tables, remark, warning=True) for remark in video.remarks]
        problems += _past_the_end(recording, video, tables)
    contents = {
        name: videos[path].content
        for name, path in paths.items()
        if videos[path].content and name not in tables.faulty_recordings
    }
    problems += _check_depths(folder, tables, full=full, progress=progress)
    return problems + _same_content(tables, contents)


def _check_depths(folder: Path, tables: Tables, *, full: bool, progress: Progress) -> list[Problem]:
    with_depth = [recording for recording in tables.recordings.values() if recording.depth_path is not None]
    if not with_depth:
        return []
    from semioscope.video import check_depth

    problems: list[Problem] = []
    with stage(progress, "check depth", len(with_depth), unit="recordings"):
        for recording in with_depth:
            depth = folder / str(recording.depth_path)
            faults: tuple[str, ...] = ()
            if not depth.is_dir() and (fault := _missing(depth, "depth_path")):
                faults = (fault,)
            else:
                found = check_depth(
                    None if recording.path is None else folder / recording.path,
                    depth,
                    depth_offset_seconds=recording.depth_offset_seconds,
                    is_whole=full,
                )
                faults = found.faults
                problems += [
                    _recording_problem(recording, tables, remark, warning=True) for remark in found.remarks
                ]
            problems += [_recording_problem(recording, tables, fault) for fault in faults]
            progress.advance(note=recording.recording_id)
    return problems


def _look_at(path: Path, *, full: bool) -> _Video:
    if fault := _missing(path, "path"):
        return _Video(faults=(fault,))
    from semioscope.video import fingerprint, index_packets, is_parts_list, probe, read_parts

    remarks: list[str] = []
    try:
        files = [part.path for part in read_parts(path)] if is_parts_list(path) else [path]
        if faults := [fault for file in files if (fault := _missing(file, "path"))]:
            return _Video(faults=tuple(f"{path.name}: {fault}" for fault in faults))
        info = probe(path)
        duration = info.duration_seconds
        whole = full or math.isnan(duration) or duration <= _SHORT_SECONDS
        index = index_packets(path, None if whole else _QUICK)
        if whole and index.num_frames == 0:
            fault = f"{path.name} must have at least one frame, but has none. Record or export it again."
            return _Video(faults=(fault,))
        if whole:
            duration = float(index.pts_seconds[-1]) + info.frame_seconds
        is_cut_off = info.promises_beyond(duration)
        if is_cut_off:
            remarks.append(
                f"{path.name} ends at {duration:.2f} s, but its header promises "
                f"{info.header_duration_seconds:.2f} s: it was cut off. Copy it again from its source."
            )
        if index.is_variable_rate:
            remarks.append(
                f"{path.name} has a variable frame rate. Times are exact here; check that the annotation was made "
                "with a program that shows times, not frame numbers."
            )
        if index.num_corrupt:
            remarks.append(
                f"{path.name} has {index.num_corrupt} damaged packets. Copy it again from its source."
            )
        content = "|".join(file_sha256(file) if full else fingerprint(file) for file in files)
    except VideoError as err:
        return _Video(faults=(str(err),))
    except OSError as err:
        fault = f"{path.name} must be a file that can be read: {err.strerror}. Check its rights."
        return _Video(faults=(fault,))
    return _Video(
        remarks=tuple(remarks),
        duration_seconds=duration,
        is_cut_off=is_cut_off,
        frame_seconds=info.frame_seconds,
        content=content,
    )


def _missing(path: Path, column: str) -> str:
    if path.is_file():
        return ""
    if path.is_dir():
        return f"{column} {path.name} must be a video file, but is a folder. Write the path of one file."
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest_names(path.name, siblings)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{column} {path.name} must exist, but does not.{hint} Correct the path or bring the file."


def _past_the_end(recording: Recording, video: _Video, tables: Tables) -> list[Problem]:
    end = video.duration_seconds
    if math.isnan(end):
        return []
    problems = []
    for annotation in tables.annotations:
        late = annotation.offset_seconds > end + max(video.frame_seconds, 0.05)
        if annotation.recording_id == recording.recording_id and late:
            which = "onset" if annotation.onset_seconds >= end else "offset"
            told = annotation.onset_seconds if which == "onset" else annotation.offset_seconds
            # The headers of many formats do not tell whether something is missing at the end.
            remedy = (
                "The file was cut off: copy it again from its source."
                if video.is_cut_off
                else "Correct the time (seconds from the first displayed frame) or the recording_id; if both are "
                "right, the file may be cut off or incomplete: copy it again from its source."
            )
            message = (
                f"{which} {told} must lie within recording {recording.recording_id}, which ends at {end:.2f} s. "
                f"{remedy}"
            )
            problems.append(annotation_problem(annotation, message))
    return problems


def _same_content(tables: Tables, contents: Mapping[str, str]) -> list[Problem]:
    """Report recordings that show the same picture, and one content under two patients."""
    groups: dict[str, list[Recording]] = {}
    for recording_id, content in contents.items():
        groups.setdefault(content, []).append(tables.recordings[recording_id])
    problems = []
    for group in groups.values():
        for place, recording in enumerate(group):
            for earlier in _one_of_each_kind(recording, group[:place]):
                row = tables.recording_rows[earlier.recording_id]
                if earlier.patient_id != recording.patient_id:
                    overlap = _overlap(earlier, recording)
                    message = (
                        f"shows the same video as recording {earlier.recording_id} (row {row}), but is of patient "
                        f"{recording.patient_id}, that one of {earlier.patient_id}. One person under two ids would "
                        "stand on both sides of a split. Give both one patient_id"
                        + ("." if overlap else ", unless the picture really shows two people.")
                    )
                    problems.append(_recording_problem(recording, tables, message, warning=not overlap))
                elif _rounded(earlier) == _rounded(recording):
                    message = (
                        f"must differ from recording {earlier.recording_id} (row {row}) in content or region, but "
                        "is the same video and region. Delete one, or correct the path or region."
                    )
                    problems.append(_recording_problem(recording, tables, message))
    return problems


def _one_of_each_kind(recording: Recording, earlier: list[Recording]) -> list[Recording]:
    """Return the first earlier recording of the same patient and view, and the first of each other patient."""
    kept: dict[str, Recording] = {}
    for other in earlier:
        if other.patient_id != recording.patient_id or _rounded(other) == _rounded(recording):
            kept.setdefault(other.patient_id, other)
    return list(kept.values())


def _rounded(recording: Recording) -> tuple[float, ...]:
    region = recording.region or _WHOLE
    return tuple(round(number, 6) for number in (region.x, region.y, region.width, region.height))


def _overlap(first: Recording, second: Recording) -> bool:
    a, b = first.region or _WHOLE, second.region or _WHOLE
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width > 1e-6 and height > 1e-6


def _recording_problem(
    recording: Recording, tables: Tables, message: str, *, warning: bool = False
) -> Problem:
    return Problem(
        severity="warning" if warning else "error",
        file=RECORDINGS.file,
        row=tables.recording_rows.get(recording.recording_id),
        subject=f"recording {recording.recording_id}",
        message=message,
    )
