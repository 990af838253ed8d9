"""Single seizures in the report: their timeline, the frames that mattered, and what the baselines said."""

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.report.inputs import Row, RunTables, as_float, as_list, as_mapping, class_name
from semioscope.report.timeline import TimelineView, timeline_figure
from semioscope.report.wording import UNDEFINED, clock_text, lowered, percent, percent_beside, seconds_text

_MOST_PICTURES_PER_VIEW = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A frame beside a timeline, as a data URI."""

    source: str
    alternative: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One seizure as the report shows it. ``svg`` is empty when no view of it is known."""

    anchor: str
    event_id: str
    patient_id: str
    truth: str
    score: str
    called: str
    correct: bool | None
    baselines: str
    svg: str
    pictures: tuple[tuple[str, tuple[Picture, ...]], ...]


def file_name(event_id: str) -> str:
    """Return a name for files and anchors that any system accepts; different ids have different names."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", event_id).strip(".-")[:60]
    if plain == event_id:
        return plain
    return f"{plain or 'event'}-{hashlib.sha256(event_id.encode()).hexdigest()[:8]}"


def groups(scores: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return which events stand under ``wrong``, ``best`` and ``worst``; every event stands once.

    All wrong events of the event table are in the first group, whether or not ``examples`` names them.
    """
    chosen = as_mapping(scores.get("examples"))
    called_wrong = [
        as_mapping(event).get("event_id")
        for event in as_list(scores.get("events"))
        if as_mapping(event).get("correct") is False
    ]
    wanted = {
        "wrong": [*as_list(chosen.get("wrong")), *called_wrong],
        "best": as_list(chosen.get("best")),
        "worst": as_list(chosen.get("worst")),
    }
    seen: set[str] = set()
    result: dict[str, list[str]] = {}
    for group, names in wanted.items():
        result[group] = []
        for name in map(str, names):
            if name not in seen:
                seen.add(name)
                result[group].append(name)
    return result


def make_example(tables: RunTables, event: Mapping[str, Any], *, folder: Path | None) -> Example:
    """Draw one event of ``scores.json`` with its segments and, where the run wrote them, its frames."""
    scores = tables.scores
    classes = [str(name) for name in as_list(scores.get("classes"))]
    positive = str(scores.get("positive_class") or class_name(event.get("y_predicted"), classes))
    threshold = as_float(scores.get("threshold")) if scores.get("positive_class") else math.nan
    event_id = str(event.get("event_id"))
    rows = _segments_of(tables.segments, event_id)
    known = {
        str(as_mapping(view).get("recording_id")): as_mapping(view) for view in as_list(event.get("views"))
    }
    views = [_view(name, known.get(name, {}), rows.get(name, [])) for name in dict.fromkeys([*known, *rows])]
    name = f"timeline-{file_name(event_id)}"
    svg = ""
    if views:
        svg = timeline_figure(
            views,
            title=event_id,
            positive_class=positive,
            threshold=None if math.isnan(threshold) else threshold,
            name=name,
            folder=folder,
        )
    correct = event.get("correct")
    return Example(
        anchor=name,
        event_id=event_id,
        patient_id=str(event.get("patient_id", "?")),
        truth=class_name(event.get("y_true"), classes),
        score=percent_beside(event.get("score"), threshold),
        called=class_name(event.get("y_predicted"), classes),
        correct=correct if isinstance(correct, bool) else None,
        baselines=_baseline_words(tables, event_id, positive),
        svg=svg,
        pictures=_pictures(tables, event_id, rows),
    )


def _segments_of(segments: Sequence[Row], event_id: str) -> dict[str, list[Row]]:
    """Return the segments of an event per recording, in order; of its first fold if it was tested in several."""
    mine = [row for row in segments if row.get("event_id") == event_id]
    found: dict[str, list[Row]] = {}
    for row in mine:
        if row.get("fold") == mine[0].get("fold"):
            found.setdefault(row.get("recording_id", "?"), []).append(row)
    return {name: sorted(rows, key=lambda row: as_float(row.get("segment"))) for name, rows in found.items()}


def _view(recording_id: str, facts: Mapping[str, Any], rows: Sequence[Row]) -> TimelineView:
    view = str(facts.get("view") or (rows[0].get("view") if rows else "") or "")
    return TimelineView(
        name=f"{view} ({recording_id})" if view and view not in ("n/a", recording_id) else recording_id,
        start_seconds=_column(rows, "start_seconds"),
        end_seconds=_column(rows, "end_seconds"),
        score_clip=_column(rows, "y_score_clip"),
        score_prefix=_column(rows, "y_score_prefix"),
        onset_seconds=_optional(facts.get("onset_seconds")),
        clonic_onset_seconds=_optional(facts.get("clonic_onset_seconds")),
        offset_seconds=_optional(facts.get("offset_seconds")),
        score=as_float(facts.get("score")),
    )


def _column(rows: Iterable[Row], name: str) -> np.ndarray:
    return np.array([as_float(row.get(name)) for row in rows], dtype=np.float64)


def _optional(value: object) -> float | None:
    plain = as_float(value)
    return plain if np.isfinite(plain) else None


def _baseline_words(tables: RunTables, event_id: str, positive: str) -> str:
    """Return what each baseline gave this event, so that a reader sees whether it was hard."""
    titles = as_mapping(tables.scores.get("baselines"))
    words = []
    for row in tables.baselines:
        if row.get("event_id") == event_id and row.get("level", "event") == "event":
            name = row.get("baseline", "?")
            title = str(as_mapping(titles.get(name)).get("title") or name)
            words.append(f"{lowered(title)} {percent(row.get(f'y_score_{positive}'), 0)}")
    return ", ".join(words)


def _pictures(
    tables: RunTables, event_id: str, rows: Mapping[str, Sequence[Row]]
) -> tuple[tuple[str, tuple[Picture, ...]], ...]:
    mode = as_mapping(tables.scores.get("run")).get("thumbnails", "off")
    if mode not in ("blurred", "shown"):
        return ()
    strips = []
    for recording_id, segments in rows.items():
        strip: list[Picture] = []
        for row in segments:
            path = tables.thumbnails.get(f"{event_id}__{recording_id}__{row.get('segment')}.jpg")
            if path is None or len(strip) >= _MOST_PICTURES_PER_VIEW:
                continue
            content = path.read_bytes()
            if not content.startswith(b"\xff\xd8\xff"):
                continue
            at, score = clock_text(row.get("start_seconds")), percent(row.get("y_score_clip"), 0)
            strip.append(
                Picture(
                    source="data:image/jpeg;base64," + base64.b64encode(content).decode("ascii"),
                    alternative=f"{'Blurred frame' if mode == 'blurred' else 'Frame'} of {recording_id} "
                    f"at {seconds_text(row.get('start_seconds'))}",
                    caption=at if score == UNDEFINED else f"{at} · {score}",
                )
            )
        if strip:
            strips.append((recording_id, tuple(strip)))
    return tuple(strips)
