"""What is wrong with the files of a cohort: videos, 16-bit infrared and depth."""

import math
from dataclasses import dataclass
from pathlib import Path

from semioscope.cohort.annotations import problem as annotation_problem
from semioscope.cohort.reading import Tables
from semioscope.cohort.same_content import same_content
from semioscope.core.errors import VideoError, nearest_names
from semioscope.core.formats import RECORDINGS
from semioscope.core.intervals import Interval
from semioscope.core.progress import Progress, stage
from semioscope.core.records import Recording
from semioscope.core.tables import Problem

_SHORT_SECONDS = 600.0
"""Videos up to this length are read whole by the quick check; of longer ones the first minute is."""
_QUICK = Interval(start_seconds=0.0, end_seconds=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Video:
    """What is known of one file: its faults, or its length, rate and content."""

    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    duration_seconds: float = math.nan
    is_cut_off: bool = False
    frame_seconds: float = 0.0
    content: str = ""


def check_files(folder: Path, tables: Tables, *, full: bool, progress: Progress) -> list[Problem]:
    """Return what is wrong with the files that recordings name; see ``check_cohort``.

    Args:
        folder: The cohort folder.
        tables: Its tables; rows with errors are looked at as far as they can be.
        full: As in ``check_cohort``.
        progress: Where to report to.
    """
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
    return problems + same_content(tables, contents)


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
            if fault := _missing(depth, "depth_path"):
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
    from semioscope.video import (
        check_gray16,
        fingerprint,
        index_packets,
        is_parts_list,
        probe,
        read_parts,
        whole_print,
    )

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
        if info.is_gray16:
            found = check_gray16(path, is_whole=full)
            if found.faults:
                return _Video(faults=found.faults)
            remarks += found.remarks
        content = "|".join(whole_print(file) if full else fingerprint(file) for file in files)
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
    from semioscope.video import holds_pictures

    if path.is_file() or holds_pictures(path):
        return ""
    if path.is_dir():
        return (
            f"{column} {path.name} must be a video file, but is a folder, and none of 16-bit pictures (.png, .tif or "
            ".tiff). Write the path of one file, or of the folder that holds the pictures."
        )
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
