"""What each table of the report shows, row by row, ready for the page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semioscope.report.answer import baselines_in_order
from semioscope.report.examples import file_name
from semioscope.report.inputs import RunTables, as_float, as_list, as_mapping, class_name
from semioscope.report.people import ScoredEvent
from semioscope.report.wording import (
    METRIC_MEANINGS,
    METRIC_NAMES,
    UNDEFINED,
    count,
    difference_text,
    estimate_cell,
    number,
    percent_beside,
    seconds_text,
)  # fmt: skip

COMPARED = ("accuracy", "balanced_accuracy", "f1", "auroc")
_COMPARED_CLASSES = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")


def comparison_rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the first table: the model, then each baseline, with the difference in accuracy.

    A sentence that says why a cell has no interval is too long for the cell: the cell has its ``mark``, and the
    sentences are those of ``comparison_notes``.
    """
    shown = compared_metrics(scores)
    rows: list[dict[str, Any]] = [
        {
            "title": "This model",
            "cells": _compared(as_mapping(scores.get("event")), shown),
            "difference": "",
            "note": "",
        }
    ]
    for name, cells in baselines_in_order(as_mapping(scores.get("baselines"))):
        difference = as_mapping(as_mapping(cells.get("difference")).get("accuracy"))
        rows.append(
            {
                "title": str(cells.get("title") or name),
                "cells": _compared(cells, shown),
                "difference": difference_text(difference),
                "note": str(difference.get("note") or ""),
            }
        )
    marks = {note: mark for mark, note in comparison_notes(rows)}
    for row in rows:
        marked: list[dict[str, Any]] = [row, *row["cells"]]
        for cell in marked:
            cell["mark"] = marks.get(_told_below(cell), "")
    return rows


def compared_metrics(scores: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the metrics of the first table; with more than two classes no class is positive, so F1 is the mean."""
    return COMPARED if len(as_list(scores.get("classes"))) < 3 else _COMPARED_CLASSES


def comparison_notes(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the mark and the text of each sentence below the first table, in the order of the cells."""
    cells = [cell for row in rows for cell in (*row["cells"], row)]
    notes = dict.fromkeys(note for cell in cells if (note := _told_below(cell)))
    return [(_mark(position), note) for position, note in enumerate(notes)]


def _told_below(cell: Mapping[str, Any]) -> str:
    """Return what is told of a cell below the table: why it has no interval."""
    return "" if cell.get("interval") else str(cell["note"])


def _mark(position: int) -> str:
    """Return a, b, ... z, aa, ab, ...; a number in small print would look like an exponent."""
    before, last = divmod(position, 26)
    return (_mark(before - 1) if before else "") + chr(ord("a") + last)


def yardstick_notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what must be read with the first table: the notes of the run, and why guessing is not at 0.5."""
    notes = list(map(str, as_list(scores.get("baseline_notes"))))
    majority = as_mapping(as_mapping(scores.get("baselines")).get("majority"))
    area = as_float(as_mapping(majority.get("auroc")).get("value"))
    if math.isfinite(area) and not math.isclose(area, 0.5, abs_tol=1e-9):
        notes.append(
            f"The area under ROC of the majority class is {number(area)}, not 0.5, although it cannot tell one "
            "seizure from another: the class frequencies differ between the pooled folds, "
            "and with them its probability."
        )
    return notes


def metric_rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every metric per seizure and per view, with what it means."""
    event, view = as_mapping(scores.get("event")), as_mapping(scores.get("view"))
    names = [*(name for name in METRIC_NAMES if name in event or name in view)]
    names += sorted((set(event) | set(view)) - set(METRIC_NAMES))
    return [
        {
            "name": METRIC_NAMES.get(name, name.replace("_", " ")),
            "meaning": METRIC_MEANINGS.get(name, ""),
            "event": estimate_cell(name, event.get(name)),
            "view": estimate_cell(name, view.get(name)),
        }
        for name in names
    ]


def cohort_rows(scores: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return patients, seizures (or parts of recordings) and durations per class."""
    return [
        {
            "name": str(name),
            "patients": count(cells.get("patients")),
            "seizures": count(cells.get("seizures")),
            "median": seconds_text(cells.get("median_seconds")),
            "range": f"{number(cells.get('min_seconds'), 1)} to {seconds_text(cells.get('max_seconds'))}",
        }
        for name, cells in (
            (name, as_mapping(cells))
            for name, cells in as_mapping(as_mapping(scores.get("cohort")).get("per_class")).items()
        )
    ]


def scored_events(scores: Mapping[str, Any]) -> list[ScoredEvent]:
    """Return the events of ``scores.json`` as the figures take them."""
    classes = [str(name) for name in as_list(scores.get("classes"))]
    events = []
    for event in map(as_mapping, as_list(scores.get("events"))):
        name = class_name(event.get("y_true"), classes)
        correct = event.get("correct")
        events.append(
            ScoredEvent(
                event_id=str(event.get("event_id")),
                patient_id=str(event.get("patient_id", "?")),
                class_index=classes.index(name) if name in classes else -1,
                score=as_float(event.get("score")),
                correct=correct if isinstance(correct, bool) else None,
            )
        )
    return events


def fold_members(tables: RunTables) -> list[tuple[str, list[ScoredEvent]]]:
    """Return the tested events of each fold; an event without a score is there without one.

    An event that several folds test has the mean of their scores in each of them.
    """
    known = {event.event_id: event for event in scored_events(tables.scores)}
    patient_of = as_mapping(tables.folds.get("patient_of"))
    folds = []
    for position, fold in enumerate(map(as_mapping, as_list(tables.folds.get("folds")))):
        members = [
            known.get(name)
            or ScoredEvent(
                event_id=name,
                patient_id=str(patient_of.get(name, "?")),
                class_index=-1,
                score=math.nan,
                correct=None,
            )
            for name in map(str, as_list(fold.get("test")))
        ]
        folds.append((f"fold {fold.get('index', position)}", members))
    return folds


def event_rows(tables: RunTables, *, drawn: frozenset[str]) -> list[dict[str, Any]]:
    """Return one row per event; ``drawn`` are the ids whose timeline stands in the report."""
    scores = tables.scores
    classes = [str(name) for name in as_list(scores.get("classes"))]
    threshold = scores.get("threshold")
    folds_of: dict[str, list[str]] = {}
    for fold in map(as_mapping, as_list(tables.folds.get("folds"))):
        for name in as_list(fold.get("test")):
            folds_of.setdefault(str(name), []).append(str(fold.get("index", "")))
    rows = []
    for event in map(as_mapping, as_list(scores.get("events"))):
        event_id, correct = str(event.get("event_id")), event.get("correct")
        views = [as_mapping(view) for view in as_list(event.get("views"))]
        durations = [
            as_float(view.get("offset_seconds")) - as_float(view.get("onset_seconds")) for view in views
        ]
        known = [duration for duration in durations if math.isfinite(duration)]
        duration = sum(known) / len(known) if known else math.nan
        spoilt = [_total(views, f"num_{kind}_clips") for kind in ("missing", "held", "damaged")]
        rows.append(
            {
                "event_id": event_id,
                "link": f"timeline-{file_name(event_id)}" if event_id in drawn else "",
                "patient_id": str(event.get("patient_id", "?")),
                "fold": ", ".join(folds_of.get(event_id, ())),
                "truth": class_name(event.get("y_true"), classes),
                "score": percent_beside(event.get("score"), threshold),
                "score_sort": as_float(event.get("score")),
                "called": class_name(event.get("y_predicted"), classes),
                "call": {True: "right", False: "wrong"}.get(correct, UNDEFINED)
                if isinstance(correct, bool)
                else UNDEFINED,
                "duration": seconds_text(duration),
                "duration_sort": duration,
                "views": [
                    f"{view.get('view') or view.get('recording_id', '?')} "
                    + percent_beside(view.get("score"), threshold, 0)
                    + (" (scored only)" if view.get("use") == "evaluate" else "")
                    for view in views
                ],
                "clips": " / ".join(map(count, spoilt)) if views else "n/a",
                "clips_sort": sum(spoilt),
            }
        )
    return rows


def flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested plain data as sorted pairs of a dotted name and a text."""
    pairs: list[tuple[str, str]] = []
    for key, value in sorted(content.items()):
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += flat(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            pairs.append((name, ", ".join(map(str, value))))
        else:
            pairs.append((name, "n/a" if value is None else str(value)))
    return pairs


def _compared(cells: Mapping[str, Any], shown: Sequence[str]) -> list[dict[str, Any]]:
    return [estimate_cell(name, cells.get(name)) for name in shown]


def _total(views: list[Mapping[str, Any]], key: str) -> float:
    known = [as_float(view.get(key)) for view in views]
    return sum(value for value in known if math.isfinite(value))
