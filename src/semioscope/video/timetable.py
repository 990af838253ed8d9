"""When the frames of a source without a clock of its own are shown: a small file beside it says so.

Beside the pictures of a folder, or beside ``depth.npy`` with ``depth.`` before the name, lies one of
``timestamps.tsv``, ``timestamps.txt`` and ``fps.txt`` (``docs/formats.md``, "Recordings with depth").
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.errors import VideoError

SIDECARS = ("timestamps.tsv", "timestamps.txt", "fps.txt")
TICK_SECONDS = 1e-3  # times are often written in milliseconds
_MOST_STEP_SECONDS = 5.0  # a larger usual distance is no video: the times are not in seconds
_MOST_FPS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When each frame is shown.

    Args:
        times_seconds: Ascending, from the first frame of the source: the first one that is listed, or, under a
            rate, the first that is there.
        frame_seconds: Usual distance of two frames; NaN for a single listed one.
        num_lacking: Frames that the table or the numbers of the files name, but that are not there.
    """

    times_seconds: Float[np.ndarray, " num_frames"]
    frame_seconds: float
    num_lacking: int = 0


def read_timetable(source: Path, *, num_frames: int, names: Sequence[str] = ()) -> Timetable:
    """Return the times of a source from the file beside it.

    Args:
        source: The folder of pictures, or the file of the array.
        num_frames: How many frames are there, at least one.
        names: File names of the pictures in their order; empty for an array.

    Raises:
        VideoError: If there is no such file, more than one, or it breaks a rule.
    """
    path = find_sidecar(source)
    if path.name.endswith("fps.txt"):
        return _by_rate(source, _read_rate(path), num_frames, names)
    if path.suffix == ".txt":
        listed, files = _read_list(path), None
    else:
        listed, files = _read_table(path)
    seconds = np.asarray(listed, dtype=np.float64)
    _check_ascending(path, seconds)
    seconds = seconds - seconds[:1]
    step = float(np.median(np.diff(seconds))) if seconds.size > 1 else math.nan
    if step > _MOST_STEP_SECONDS:
        msg = (
            f"{path.name} must hold seconds, but two frames usually lie {step:g} apart. Divide the times by 1000 if "
            "they are milliseconds."
        )
        raise VideoError(msg)
    if files is not None and names:
        return _by_name(path, dict(zip(files, seconds.tolist(), strict=True)), names, step)
    if seconds.size != num_frames:
        msg = (
            f"{path.name} must hold one time per frame, {num_frames} as in {source.name}, got {seconds.size}. "
            "Write it again, or name the pictures in a column file of timestamps.tsv."
        )
        raise VideoError(msg)
    return Timetable(times_seconds=seconds, frame_seconds=step)


def sidecar_paths(source: Path) -> tuple[Path, ...]:
    """Return where the times of a folder or an array may stand."""
    if source.is_dir():
        return tuple(source / name for name in SIDECARS)
    return tuple(source.with_name(f"{source.stem}.{name}") for name in SIDECARS)


def find_sidecar(source: Path) -> Path:
    """Return the file that holds the times of a source.

    Raises:
        VideoError: If there is none, or more than one.
    """
    found = [path for path in sidecar_paths(source) if path.is_file()]
    if len(found) == 1:
        return found[0]
    names = [path.name for path in sidecar_paths(source)]
    where = "inside it" if source.is_dir() else "beside it"
    if not found:
        msg = (
            f"{source.name} must have its times {where}, but has none. Write the rate (such as 30) into "
            f"{names[2]}, or the seconds of each frame into {names[1]}."
        )
        raise VideoError(msg)
    msg = (
        f"{source.name} must have one file with its times, got {' and '.join(path.name for path in found)}. "
        "Keep the one that is right."
    )
    raise VideoError(msg)


def file_number(name: str) -> int | None:
    """Return the last whole number in a file name, without its ending; None if there is none.

    Examples:
        >>> file_number("cam2_depth_000017.png")
        17
    """
    found = re.findall(r"[0-9]+", Path(name).stem)
    return int(found[-1]) if found else None


def _by_rate(source: Path, fps: Fraction, num_frames: int, names: Sequence[str]) -> Timetable:
    """Place frames by a rate; a number that is left out in the names is a frame that is lacking."""
    places: Int[np.ndarray, " num_frames"] = np.arange(num_frames)
    numbers = [number for number in map(file_number, names) if number is not None]
    if names and len(numbers) == len(names):
        steps = np.diff(np.array(numbers, dtype=object))
        if np.any(steps <= 0) or (steps.size and np.count_nonzero(steps > 1) > steps.size / 2):
            msg = (
                f"The pictures of {source.name} must be numbered one by one to be placed by fps.txt, but their "
                f"numbers go {', '.join(map(str, numbers[:4]))} ... Give timestamps.tsv instead."
            )
            raise VideoError(msg)
        places = np.array([number - numbers[0] for number in numbers], dtype=np.int64)
    seconds = places * fps.denominator / fps.numerator
    lacking = int(places[-1]) + 1 - num_frames
    return Timetable(times_seconds=seconds, frame_seconds=float(1 / fps), num_lacking=lacking)


def _by_name(path: Path, seconds: dict[str, float], names: Sequence[str], step: float) -> Timetable:
    untold = [name for name in names if name not in seconds]
    if untold:
        msg = (
            f"{path.name} must give a time for every picture, but lacks {untold[0]}"
            f"{f' and {len(untold) - 1} more' if len(untold) > 1 else ''}. Add the rows, or take the files away."
        )
        raise VideoError(msg)
    times = np.array([seconds[name] for name in names])
    if np.any(np.diff(times) <= 0):
        at = int(np.flatnonzero(np.diff(times) <= 0)[0])
        msg = (
            f"{path.name}: times must ascend in the order of the file names, but {names[at + 1]} comes at or before "
            f"{names[at]}. Correct the table, or rename the files."
        )
        raise VideoError(msg)
    return Timetable(times_seconds=times, frame_seconds=step, num_lacking=len(seconds) - len(names))


def _read_rate(path: Path) -> Fraction:
    text = _text(path).strip().replace(",", ".")
    is_plain = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?|[0-9]{1,9}/0*[1-9][0-9]{0,8}", text)
    rate = Fraction(text) if is_plain else Fraction(0)
    if not 0 < rate <= _MOST_FPS:
        msg = (
            f"{path.name} must hold one number, the frames per second (such as 30 or 30000/1001), got {text[:40]!r}. "
            "Correct it."
        )
        raise VideoError(msg)
    return rate


def _read_list(path: Path) -> list[float]:
    lines = [line.strip() for line in _text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return [_seconds(path, number, line) for number, line in enumerate(lines, start=1)]


def _read_table(path: Path) -> tuple[list[float], list[str] | None]:
    rows = [row for row in csv.reader(_text(path).splitlines(), delimiter="\t") if any(map(str.strip, row))]
    header = [cell.strip() for cell in rows[0]] if rows else []
    if "seconds" not in header:
        msg = (
            f"{path.name} must be a table with tabs and a column seconds (and, for pictures, a column file), got the "
            f"header {' '.join(header)[:60]!r}. Correct the first line."
        )
        raise VideoError(msg)
    cells = [dict(zip(header, map(str.strip, row), strict=False)) for row in rows[1:]]
    seconds = [_seconds(path, number, row.get("seconds", "")) for number, row in enumerate(cells, start=2)]
    if "file" not in header:
        return seconds, None
    files = [row.get("file", "") for row in cells]
    twice = next((name for name, times in Counter(files).items() if times > 1), None)
    if twice is not None:
        msg = f"{path.name} must name each picture once, got {twice!r} twice. Delete one of the rows."
        raise VideoError(msg)
    return seconds, files


def _seconds(path: Path, line: int, text: str) -> float:
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        msg = f"{path.name} line {line}: a time must be a number of seconds, got {text[:40]!r}. Correct it."
        raise VideoError(msg)
    return seconds


def _check_ascending(path: Path, seconds: Float[np.ndarray, " num_times"]) -> None:
    if seconds.size == 0:
        msg = f"{path.name} must hold the time of at least one frame, but is empty. Write it again."
        raise VideoError(msg)
    wrong = np.flatnonzero(np.diff(seconds) <= 0)
    if wrong.size:
        before, after = seconds[wrong[0]], seconds[wrong[0] + 1]
        msg = f"{path.name}: times must ascend, got {after:g} after {before:g}. Sort or correct them."
        raise VideoError(msg)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        msg = f"{path.name} must be a text file (UTF-8) that can be read: {err}. Write it again."
        raise VideoError(msg) from err
