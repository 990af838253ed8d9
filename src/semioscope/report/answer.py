"""The answer in plain words: how good, how sure, and compared with what."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

from semioscope.core.wording import join_words
from semioscope.report.inputs import RunTables, as_float, as_list, as_mapping
from semioscope.report.wording import (
    METRIC_NAMES,
    UNDEFINED,
    count,
    difference_text,
    estimate_cell,
    interval_text,
    lowered,
    percent,
    plural,
)  # fmt: skip
from semioscope.splits import PATIENT_RULES

Verdict = Literal["better", "unclear", "worse", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the first screen of the report says.

    Args:
        headline: The result in one line.
        lead: The result with its interval.
        verdict: How the model stands to the baselines.
        verdict_title: The verdict in one line.
        verdict_text: The verdict in a sentence or two.
        sentences: What the figures mean, and how far they reach.
        tiles: Label, value, interval and note of the most important figures.
    """

    headline: str
    lead: str
    verdict: Verdict
    verdict_title: str
    verdict_text: str
    sentences: tuple[str, ...]
    tiles: tuple[Mapping[str, Any], ...]


def answer(tables: RunTables) -> Answer:
    """Return the answer of a run in words that need no knowledge of machine learning."""
    scores = tables.scores
    classes = [str(name) for name in as_list(scores.get("classes"))]
    accuracy = as_mapping(as_mapping(scores.get("event")).get("accuracy"))
    right, total = _right_and_total(scores)
    patients = as_float(as_mapping(scores.get("cohort")).get("num_patients"))
    if total > 0:
        headline = f"Right in {count(right)} of {plural(total, _noun(scores))}"
    else:
        headline = f"Accuracy {percent(accuracy.get('value'))}"
    verdict, title, text = _compare(as_mapping(scores.get("baselines")), accuracy)
    return Answer(
        headline=headline,
        lead=_lead(classes, accuracy, patients, noun=_noun(scores)),
        verdict=verdict,
        verdict_title=title,
        verdict_text=text,
        sentences=tuple(
            sentence
            for sentence in (
                *_by_class(scores, classes),
                _parts(scores),
                _how_sure(accuracy, patients),
                *_reach(tables),
                _left_out(tables),
            )
            if sentence
        ),
        tiles=_tiles(scores, classes),
    )


def shared_patients(folds: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the patients who stand among the training and the tested seizures of one fold, sorted."""
    patient_of = as_mapping(folds.get("patient_of"))
    shared: set[str] = set()
    for fold in as_list(folds.get("folds")):
        sides = [
            {str(patient_of[event]) for event in as_list(as_mapping(fold).get(side)) if event in patient_of}
            for side in ("train", "test")
        ]
        shared |= sides[0] & sides[1]
    return tuple(sorted(shared))


def baselines_in_order(baselines: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the baselines from the simplest to the least simple, then any other by name."""
    order = ["majority", "duration", "motion_energy", "band_power"]
    names = sorted(baselines, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [(name, as_mapping(baselines[name])) for name in names]


def _right_and_total(scores: Mapping[str, Any]) -> tuple[float, float]:
    rows = [[as_float(cell) for cell in as_list(row)] for row in as_list(scores.get("confusion"))]
    cells = [cell for row in rows for cell in row]
    if not cells or not all(math.isfinite(cell) for cell in cells):
        return math.nan, math.nan
    return sum(row[index] for index, row in enumerate(rows) if index < len(row)), sum(cells)


def _noun(scores: Mapping[str, Any]) -> str:
    """Return what is scored: seizures, or events where a class holds parts of recordings beside them."""
    return "event" if as_mapping(scores.get("cohort")).get("parts_class") else "seizure"


def _parts(scores: Mapping[str, Any]) -> str:
    name = as_mapping(scores.get("cohort")).get("parts_class")
    return (
        f"Events of the class {name} are parts of recordings before and after seizures; in tables and figures below "
        "that speak of seizures they count too."
        if name
        else ""
    )


def _lead(classes: list[str], accuracy: Mapping[str, Any], patients: float, *, noun: str) -> str:
    task = f"The model was asked to tell {join_words(classes)} apart" if classes else "The model was scored"
    task += f" in videos of {noun}s it was not trained on."
    value = percent(accuracy.get("value"))
    if value == UNDEFINED:
        note = str(accuracy.get("note") or "nothing was scored")
        return f"{task} Its accuracy is undefined: {note.rstrip('.')}."
    interval = interval_text("accuracy", accuracy)
    who = f" over {plural(patients, 'patient')}" if math.isfinite(patients) else ""
    if not interval:
        note = str(accuracy.get("note") or "no interval was computed").removeprefix("No interval: ")
        return f"{task} Accuracy {value}{who}; there is no interval: {note.rstrip('.')}."
    return f"{task} Accuracy {value} (95 % interval {interval}{who})."


def _by_class(scores: Mapping[str, Any], classes: list[str]) -> list[str]:
    """Say for each class how many of its seizures were recognised."""
    sentences = []
    for index, row in enumerate(as_list(scores.get("confusion"))):
        cells = [as_float(cell) for cell in as_list(row)]
        if index >= len(classes) or index >= len(cells) or not all(math.isfinite(cell) for cell in cells):
            continue
        total = sum(cells)
        if total == 0:
            sentences.append(f"There was no {classes[index]} {_noun(scores)} to test on.")
            continue
        missed = [
            f"{count(cell)} called {classes[other]}"
            for other, cell in enumerate(cells)
            if other != index and cell > 0 and other < len(classes)
        ]
        what = f"{count(cells[index])} of {count(total)} {classes[index]} {_noun(scores)}s were recognised"
        sentences.append(what + (f"; {join_words(missed)}." if missed else "."))
    return sentences


def _how_sure(accuracy: Mapping[str, Any], patients: float) -> str:
    low, high = as_float(accuracy.get("low")), as_float(accuracy.get("high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return (
            "How sure this is cannot be said with so few patients: "
            "read the figures as a description of this cohort."
        )
    wide = " That is wide; more patients would narrow it." if high - low > 0.2 else ""
    who = f"the {plural(patients, 'patient')} of this cohort" if math.isfinite(patients) else "these patients"
    return (
        f"Had other patients been drawn in place of {who}, an accuracy anywhere between {percent(low)} and "
        f"{percent(high)} would be no surprise.{wide} "
        "Another hospital, camera or kind of patient is not covered by that."
    )


def _reach(tables: RunTables) -> list[str]:
    """Say to whom the figures apply: was the patient new to the model, and was anything chosen on the test."""
    rule, selection = str(tables.folds.get("rule", "")), str(tables.folds.get("selection", ""))
    shared = shared_patients(tables.folds)
    sentences = []
    if shared:
        sentences.append(
            f"Seizures of {plural(len(shared), 'patient')} were used both to train and to test a model: "
            "the figures are likely to be better than for a new patient."
        )
    elif rule in PATIENT_RULES:
        sentences.append("Every seizure was judged by a model that had never seen that patient.")
    if selection == "test":
        sentences.append(
            "The stage of training to report was chosen on the tested seizures themselves, as in the paper: "
            "the figures are optimistic."
        )
    return sentences


def _left_out(tables: RunTables) -> str:
    parts = []
    out = len(as_list(as_mapping(tables.scores.get("cohort")).get("left_out")))
    if out:
        parts.append(f"{plural(out, 'seizure was', 'seizures were')} left out by rule")
    events = [as_mapping(event) for event in as_list(tables.scores.get("events"))]
    silent = sum(not isinstance(event.get("correct"), bool) for event in events)
    if silent:
        parts.append(f"{count(silent)} of {plural(len(events), 'seizure')} could not be scored")
    parts += _failed(
        tables, scored={str(event.get("event_id")) for event in events}, noun=_noun(tables.scores)
    )
    text = join_words(parts)
    return (
        f"{text[:1].upper()}{text[1:]}; none of these is in the figures above. The reasons are listed below."
        if parts
        else ""
    )


def _failed(tables: RunTables, *, scored: Set[str], noun: str) -> list[str]:
    """Return what failed: whole events, views of events that were scored, else recordings or steps.

    Crops and yardsticks that failed cost an event neither its pictures nor its score; the notes tell of them.
    """
    rows = [
        (_known(row.get("recording_id")), _known(row.get("event_id")))
        for row in tables.failures
        if row.get("stage") not in ("crops", "yardsticks")
    ]
    lost = {event for _, event in rows if event and event not in scored}
    views = {row for row in rows if row[1] in scored}
    recordings = {recording for recording, event in rows if recording and not event}
    steps = sum(not recording and not event for recording, event in rows)
    counts = (
        (len(lost), noun, f"{noun}s"),
        (len(views), f"view of a scored {noun}", f"views of scored {noun}s"),
        (len(recordings), "recording", "recordings"),
        (steps, "step", "steps"),
    )
    return [f"{plural(number, one, several)} failed" for number, one, several in counts if number]


def _known(cell: str | None) -> str:
    return "" if cell in (None, "n/a") else str(cell)


def _compare(baselines: Mapping[str, Any], accuracy: Mapping[str, Any]) -> tuple[Verdict, str, str]:
    """Judge the model against each baseline by the interval of the difference in accuracy."""
    beaten: list[tuple[float, str]] = []
    unclear: list[tuple[float, str]] = []
    lost: list[tuple[float, str]] = []
    own = as_float(accuracy.get("value"))
    for name, baseline in baselines_in_order(baselines):
        cells = as_mapping(baseline)
        title = str(cells.get("title") or name)
        difference = as_mapping(as_mapping(cells.get("difference")).get("accuracy"))
        value, low = as_float(difference.get("value")), as_float(difference.get("low"))
        if math.isnan(value):
            value = own - as_float(as_mapping(cells.get("accuracy")).get("value"))
        if math.isnan(value):
            continue
        shown = difference_text({**difference, "value": value})
        entry = (value, f"{lowered(title)} ({shown.replace(' (', '; ').rstrip(')')})")
        (beaten if low > 0 else lost if value <= 0 else unclear).append(entry)
    everyone = sorted([*beaten, *unclear, *lost])
    if not everyone:
        return (
            "unknown",
            "Not compared",
            "No baseline has a score, so it is not known whether a simple rule would do as well.",
        )
    unit = "In brackets: the difference in percentage points of accuracy, with its 95 % interval where there is one."
    if lost:
        names = join_words([text for _, text in sorted(lost)])
        return "worse", "The model does not beat a simple rule", f"Not better than: {names}. {unit}"
    if unclear:
        names = join_words([text for _, text in sorted(unclear)])
        return (
            "unclear",
            "The model is not shown to beat every simple rule",
            f"It is more often right than {names}, but that can be chance. {unit}",
        )
    return (
        "better",
        "Better than every simple rule it was compared with",
        f"The closest is {everyone[0][1]}. {unit}",
    )


def _tiles(scores: Mapping[str, Any], classes: list[str]) -> tuple[Mapping[str, Any], ...]:
    event = as_mapping(scores.get("event"))
    binary = ["sensitivity", "specificity", "auroc"]
    names = ["accuracy", *(binary if len(classes) == 2 else ["balanced_accuracy", "macro_f1"])]
    positive = str(scores.get("positive_class") or "")
    others = [name for name in classes if name != positive]
    tiles = []
    for name in names:
        if name not in event:
            continue
        label = METRIC_NAMES[name]
        if name == "sensitivity" and positive:
            label = f"{positive} recognised (sensitivity)"
        if name == "specificity" and len(others) == 1:
            label = f"{others[0]} recognised (specificity)"
        tiles.append({"label": label, **estimate_cell(name, event[name])})
    return tuple(tiles)
