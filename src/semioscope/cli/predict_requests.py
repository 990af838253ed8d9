"""What ``semioscope predict`` is asked: which event in which video, at which times, in which part of the picture."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semioscope.core.tables import Row
    from semioscope.recipes import CropsConfig
    from semioscope.runs import Bundle, PredictionRequest


def make_requests(
    videos: list[Path],
    *,
    onset: str | None,
    offset: str | None,
    seizures: Path | None,
    same_event: bool,
    depth: Path | None = None,
    depth_offset: float | None = None,
    crops: "CropsConfig | None" = None,
) -> "list[PredictionRequest]":
    """Return what is asked about which video.

    Args:
        videos: At least one.
        onset: As given.
        offset: As given.
        seizures: Table of events.
        same_event: Whether the videos show one event.
        depth: Depth recording of the only video.
        depth_offset: Seconds, added to its times; None is 0.
        crops: How the part of the picture is found; None: as the model was trained.

    Raises:
        ConfigError: If options exclude each other, or a time is not a time.
        CohortError: If the seizures table breaks a rule or names none of the videos.
    """
    from dataclasses import replace

    from semioscope.core.errors import ConfigError

    if depth is not None and len(videos) > 1:
        msg = f"--depth belongs to one video, but {len(videos)} were given. Predict them one by one."
        raise ConfigError(msg)
    if depth is None and depth_offset is not None:
        msg = f"--depth-offset belongs to a depth recording, got {depth_offset:g} without one. Add --depth FILE."
        raise ConfigError(msg)
    requests = _timed(videos, onset=onset, offset=offset, seizures=seizures, same_event=same_event)
    return [
        replace(request, depth=depth, depth_offset_seconds=depth_offset or 0.0, crops=crops)
        for request in requests
    ]


def asked_crops(
    bundle: "Bundle", *, cropper: str | None, detector: str | None, weights: str | None
) -> "CropsConfig | None":
    """Return how the part of the picture is found where that was asked for; None: as the model was trained."""
    asked = {"method": cropper, "detector": detector, "weights": weights}
    changes = {key: value for key, value in asked.items() if value is not None}
    if not changes:
        return None
    if "detector" in changes:  # the weights of the model's own detector are not those of another
        changes.setdefault("weights", "pretrained")
    if "weights" in changes:
        changes["weights_sha256"] = ""
    return bundle.facts.crops.model_copy(update=changes)


def _timed(
    videos: list[Path],
    *,
    onset: str | None,
    offset: str | None,
    seizures: Path | None,
    same_event: bool,
) -> "list[PredictionRequest]":
    from semioscope.core.errors import ConfigError
    from semioscope.runs import PredictionRequest

    if seizures is not None:
        if onset is not None or offset is not None or same_event:
            msg = "--seizures brings its own times: leave out --onset, --offset and --same-event."
            raise ConfigError(msg)
        return _from_table(videos, seizures)
    start, end = _time("--onset", onset), _time("--offset", offset)
    if same_event:
        return [PredictionRequest(
            event_id=event_name(videos[0]), videos=tuple(videos), onset_seconds=start, offset_seconds=end
        )]  # fmt: skip
    names = _distinct([event_name(video) for video in videos])
    return [
        PredictionRequest(event_id=name, videos=(video,), onset_seconds=start, offset_seconds=end)
        for name, video in zip(names, videos, strict=True)
    ]


def _from_table(videos: list[Path], table: Path) -> "list[PredictionRequest]":
    from semioscope.core.errors import CohortError
    from semioscope.core.formats import RECORDINGS, SEIZURES
    from semioscope.core.tables import read_table

    by_name = _by_name(videos) | _by_recording(videos, table.parent / RECORDINGS.file)
    rows, problems = read_table(table, SEIZURES)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        raise CohortError("\n".join(faults))
    times: dict[str, dict[Path, list[tuple[float, float]]]] = {}
    for row in rows:
        named = str(row.values["recording_id"]).replace(",", " ").split()
        found = [by_name[name] for name in named if name in by_name]
        if not found or row.values["use"] == "no":
            continue
        event_id = str(row.values["seizure_id"])
        stretch = _stretch(row, f"{table.name} row {row.number} (seizure {event_id})")
        for video in dict.fromkeys(found):
            times.setdefault(event_id, {}).setdefault(video, []).append(stretch)
    if not times:
        msg = (
            f"{table.name} must name the videos in recording_id (their names without the ending, or the "
            f"recording_id of {RECORDINGS.file} beside it), but none of "
            f"{', '.join(sorted(video.stem for video in videos)[:5])} is there. Correct recording_id."
        )
        raise CohortError(msg)
    return [_request(event_id, per_video) for event_id, per_video in times.items()]


def _by_name(videos: list[Path]) -> dict[str, Path]:
    from semioscope.core.errors import ConfigError

    by_name: dict[str, Path] = {}
    for video in videos:
        for name in {video.stem, video.name}:
            if by_name.setdefault(name, video) != video:
                msg = (
                    f"With --seizures every video needs its own name, but {by_name[name]} and {video} are both "
                    f"{name}. Rename one of them, or predict them one by one."
                )
                raise ConfigError(msg)
    return by_name


def _by_recording(videos: list[Path], table: Path) -> dict[str, Path]:
    """Return which video each recording of a cohort is, by its path, else by its name where only one has it.

    A recording whose video was not given is left out. All views of a file are that file.

    Raises:
        CohortError: If the table breaks a rule.
    """
    from semioscope.core.errors import CohortError
    from semioscope.core.formats import RECORDINGS
    from semioscope.core.tables import read_table

    if not table.is_file():
        return {}
    rows, problems = read_table(table, RECORDINGS)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        raise CohortError("\n".join(faults))
    files = {
        str(row.values["recording_id"]): (table.parent / path).resolve()
        for row in rows
        if (path := row.text("path"))
    }
    by_path = {video.resolve(): video for video in videos}
    by_file_name = {video.name: video for video in videos}
    known = set(files.values())
    found: dict[str, Path] = {}
    for recording_id, file in files.items():
        if file in by_path:
            found[recording_id] = by_path[file]
        elif file.name in by_file_name and sum(other.name == file.name for other in known) == 1:
            found[recording_id] = by_file_name[file.name]
    return found


def _stretch(row: "Row", where: str) -> tuple[float, float]:
    from semioscope.core.errors import CohortError
    from semioscope.core.times import parse_seconds

    values = []
    for column in ("onset", "offset"):
        try:
            values.append(parse_seconds(row.text(column) or ""))
        except ValueError as err:
            msg = f"{where}: {column} {err}. Clock times need a cohort folder; write seconds here."
            raise CohortError(msg) from err
    return values[0], values[1]


def _request(event_id: str, times: "dict[Path, list[tuple[float, float]]]") -> "PredictionRequest":
    """Return what is asked about an event; rows of several annotators are merged by the median."""
    from statistics import median

    from semioscope.runs import PredictionRequest

    merged = {
        video: (median(start for start, _ in found), median(end for _, end in found))
        for video, found in times.items()
    }
    return PredictionRequest(event_id=event_id, videos=tuple(merged), times=merged)


def _time(option: str, text: str | None) -> float | None:
    from semioscope.core.errors import ConfigError
    from semioscope.core.times import parse_seconds

    if text is None:
        return None
    try:
        return parse_seconds(text)
    except ValueError as err:
        msg = f"{option} {err}. Write seconds (75.2) or a time (1:15.2)."
        raise ConfigError(msg) from err


def event_name(video: Path) -> str:
    """Return the name of an event that has none: that of its video, as a name of files."""
    kept = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in video.stem)
    return kept or "video"


def _distinct(names: list[str]) -> list[str]:
    """Return the names with a number behind those that occur before."""
    result: list[str] = []
    for name in names:
        made, number = name, 1
        while made in result:
            number += 1
            made = f"{name}-{number}"
        result.append(made)
    return result
