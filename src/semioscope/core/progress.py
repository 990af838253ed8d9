"""How a long command tells where it is: a bar that is redrawn, lines, JSON lines, or nothing."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Literal, Protocol, runtime_checkable

from semioscope.core.errors import unknown_name

ProgressMode = Literal["auto", "rich", "plain", "json", "quiet"]


@runtime_checkable
class Progress(Protocol):
    """Where a command reports to. Stages do not overlap; ``advance`` may come from any thread."""

    def start(self, stage: str, total: float, *, unit: str = "") -> None:
        """Begin a stage of ``total`` units of work."""

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        """Say that work was done, and on what."""

    def message(self, text: str, *, level: str = "info") -> None:
        """Say a sentence; level is info, warning or error."""

    def finish(self, *, stopped: bool = False) -> None:
        """End the stage; ``stopped`` before its work was done."""


@runtime_checkable
class TextStream(Protocol):
    """Where lines are written to."""

    def write(self, text: str, /) -> int:
        """Write some text."""

    def flush(self) -> None:
        """Hand the text on."""


class QuietProgress:
    """Says nothing but errors."""

    def start(self, stage: str, total: float, *, unit: str = "") -> None: ...

    def advance(self, amount: float = 1.0, *, note: str = "") -> None: ...

    def message(self, text: str, *, level: str = "info") -> None:
        if level == "error":
            print(text, file=sys.stderr)

    def finish(self, *, stopped: bool = False) -> None: ...


class LineProgress:
    """Writes one line per event: plain text, or one JSON object (for logs and clusters)."""

    def __init__(self, stream: TextStream, *, as_json: bool = False, every_seconds: float = 2.0) -> None:
        self._stream, self._json, self._every = stream, as_json, every_seconds
        self._stage, self._unit, self._total, self._done = "", "", 0.0, 0.0
        self._began = self._spoke = 0.0

    def start(self, stage: str, total: float, *, unit: str = "") -> None:
        self._stage, self._unit, self._total, self._done = stage, unit, total, 0.0
        self._began = self._spoke = time.monotonic()
        record = {"event": "start", "stage": stage, "total": total, "unit": unit}
        self._write(record, f"{stage}: {total:.0f} {_one(unit) if round(total) == 1 else unit}")

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._spoke < self._every and self._done < self._total:
            return
        self._spoke = now
        left = remaining_seconds(self._done, self._total, now - self._began)
        record = {"event": "progress", "stage": self._stage, "done": self._done, "total": self._total,
                  "seconds_left": left, "note": note}  # fmt: skip
        counts = f"{self._done:.0f}/{self._total:.0f} {self._unit}"
        self._write(record, f"{self._stage}: {counts}, {format_seconds(left)} left  {note}")

    def message(self, text: str, *, level: str = "info") -> None:
        self._write({"event": "message", "level": level, "text": text}, text)

    def finish(self, *, stopped: bool = False) -> None:
        seconds = round(time.monotonic() - self._began, 1)
        record = {"event": "stopped" if stopped else "finish", "stage": self._stage, "seconds": seconds}
        self._write(
            record, f"{self._stage}: {'stopped after' if stopped else 'done in'} {format_seconds(seconds)}"
        )

    def _write(self, record: dict[str, Any], text: str) -> None:
        self._stream.write((json.dumps(record) if self._json else text.rstrip()) + "\n")
        self._stream.flush()


class RichProgress:
    """One bar with the time left, for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._bars: Any = None
        self._task: Any = None

    def start(self, stage: str, total: float, *, unit: str = "") -> None:
        from rich import progress as bars

        self._bars = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=30),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[unit]}"),
            bars.TimeElapsedColumn(),
            bars.TextColumn("left"),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
        )
        self._bars.start()
        self._task = self._bars.add_task(f"{stage:<12}", total=total, unit=unit, note="")

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        if self._task is not None:
            self._bars.update(self._task, advance=amount, note=note[:40])

    def message(self, text: str, *, level: str = "info") -> None:
        style = {"warning": "yellow", "error": "red"}.get(level)
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def finish(self, *, stopped: bool = False) -> None:
        if self._bars is not None:
            self._bars.update(self._task, note="")
            self._bars.stop()
        self._bars = self._task = None


def _one(unit: str) -> str:
    """Return a plural of one word in the singular; other units stay."""
    return unit.removesuffix("s") if len(unit) > 1 and " " not in unit else unit


def remaining_seconds(done: float, total: float, elapsed_seconds: float) -> float:
    """Return the time left at the pace so far; NaN before anything is done."""
    return elapsed_seconds * (total - done) / done if done > 0 else float("nan")


def format_seconds(seconds: float) -> str:
    """Return a time as a person says it.

    Examples:
        >>> [format_seconds(s) for s in (4.2, 75, 7330, float("nan"))]
        ['4 s', '1 min 15 s', '2 h 02 min', '?']
    """
    if seconds != seconds:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def make_progress(mode: str = "auto") -> Progress:
    """Return the progress display of a mode; ``auto`` is a bar on a terminal and lines elsewhere."""
    makers: dict[str, Any] = {
        "rich": RichProgress,
        "plain": lambda: LineProgress(sys.stderr),
        "json": lambda: LineProgress(sys.stderr, as_json=True),
        "quiet": QuietProgress,
    }
    if mode == "auto":
        mode = "rich" if sys.stderr.isatty() else "plain"
    if mode not in makers:
        from semioscope.core.errors import ConfigError

        raise ConfigError(unknown_name("progress mode", mode, ["auto", *makers]))
    made: Progress = makers[mode]()
    return made


@contextlib.contextmanager
def stage(progress: Progress, name: str, total: float, *, unit: str = "") -> Iterator[Progress]:
    """Run a block as one stage of a progress display; the display is ended also on an error."""
    progress.start(name, total, unit=unit)
    try:
        yield progress
    except BaseException:
        progress.finish(stopped=True)
        raise
    progress.finish()
