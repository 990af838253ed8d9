"""What the report shows of the counts behind slices: how much video there was, what was cut, how it was cropped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.wording import UNDEFINED, count, number, percent, plural

_LENGTHS = {
    "total": "Length of all videos",
    "mean": "Mean video",
    "min": "Shortest video",
    "max": "Longest video",
}
_UNITS = {"frames": "\xa0frames", "seconds": "\xa0s", "seizures": "\xa0seizures"}
_WITH_A_DIGIT = {"mean_frames", *(f"{key}_seconds" for key in _LENGTHS)}


def slice_name(plan: Mapping[str, Any]) -> str:
    """Return what a slice is called: ``2-second slice``."""
    seconds = as_float(plan.get("nominal_seconds"))
    return f"{seconds:g}-second slice" if math.isfinite(seconds) else "slice"


def data_rows(slices: Mapping[str, Any], published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the data summary: per class what this run has, and what the paper printed."""
    data, printed = as_mapping(slices.get("data")), as_mapping(published.get("data"))
    own = [*map(as_mapping, as_mapping(data.get("per_class")).values()), as_mapping(data.get("total"))]
    theirs = [
        as_mapping(as_mapping(printed.get("per_class")).get(name))
        for name in as_mapping(data.get("per_class"))
    ]
    theirs.append(as_mapping(printed.get("total")))
    lost = as_float(as_mapping(data.get("total")).get("events_without_slices")) > 0
    if not data:
        return []
    lengths = [(title, [f"{key}_frames", f"{key}_seconds"]) for key, title in _LENGTHS.items()]
    wanted: list[tuple[str, Sequence[str], Sequence[str]]] = [
        ("Patients", ["patients"], ["patients"]),
        ("Events", ["events"], ["seizures"]),
        *([("Events without a slice, not below", ["events_without_slices"], [])] if lost else []),
        *((title, units, units) for title, units in lengths),
        ("Slices side by side", ["num_slices"], ["num_slices"]),
    ]
    if data.get("as_planned_differs"):
        stride = count(as_mapping(slices.get("plan")).get("stride"))
        title = f"Slices of this run, one every {stride} frames"
        wanted.append((title, ["num_slices_as_planned"], ["num_slices_overlapping"]))
    return [
        {
            "title": title,
            "cells": [
                {"own": _length(mine, keys) or UNDEFINED, "printed": _length(other, others)}
                for mine, other in zip(own, theirs, strict=True)
            ],
        }
        for title, keys, others in wanted
    ]


def _length(cells: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return counts as they are, and lengths with their unit; what is not known is left out."""
    texts = []
    for key in keys:
        value = as_float(cells.get(key))
        if math.isfinite(value):
            unit = _UNITS.get(key.rpartition("_")[2], "")
            texts.append((number(value, 1) if key in _WITH_A_DIGIT else count(value)) + unit)
    return ", ".join(texts)


def count_sentences(slices: Mapping[str, Any]) -> list[str]:
    """Return what was counted when events were cut: nothing is filled in, and nothing is dropped in silence."""
    pace, plan = as_mapping(slices.get("pace")), as_mapping(slices.get("plan"))
    if not pace:
        return []
    name, total = slice_name(plan), plural(pace.get("num_slices"), "slice")
    return [
        f"{count(pace.get('num_off_pace'))} of {total} last too long or too short: by more than "
        f"{percent(plan.get('tolerance'), 0)} of what their frames should take (a {name} has "
        f"{count(plan.get('slice_frames'))} stored frames). They were scored as they are.",
        f"{plural(pace.get('num_dropped_frames'), 'frame')} at the end of "
        f"{plural(pace.get('num_views_with_dropped_frames'), 'video')} of {count(pace.get('num_views'))} "
        f"{'are' if as_float(pace.get('num_dropped_frames')) != 1 else 'is'} in no slice"
        + (
            f": fewer than {count(plan.get('min_frames'))} were left."
            if plan.get("leftovers")
            else ": only whole slices are used."
        ),
        f"{plural(pace.get('num_missing'), 'slice was', 'slices were')} left out because frames are missing.",
    ]


def crop_section(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of crops; empty for a run without them."""
    crops = as_mapping(scores.get("crops"))
    if not crops:
        return {}
    published = as_mapping(as_mapping(as_mapping(scores.get("slices")).get("published")).get("crops"))
    source = str(as_mapping(as_mapping(scores.get("slices")).get("published")).get("source") or "")
    methods = [
        f"{row.get('name')} right in {count(row.get('num_right'))} of {count(row.get('num_events'))} "
        f"({percent(as_float(row.get('num_right')) / as_float(row.get('num_events')), 2)})"
        for row in map(as_mapping, as_list(published.get("methods")))
    ]
    return {
        "sentences": _crop_sentences(
            {key: as_float(value) for key, value in crops.items() if key.startswith("num_")}
        ),
        "flagged": [as_mapping(row) for row in as_list(crops.get("flagged"))],
        "remarks": [as_mapping(row) for row in as_list(crops.get("remarks"))],
        "published": f"{source}: {join_words(methods)}, by eye ({published.get('place')})."
        if methods
        else "",
    }


def _crop_sentences(numbers: Mapping[str, float]) -> list[str]:
    states = [
        f"{count(numbers[key])} {word}"
        for key, word in (
            ("num_accepted", "accepted"),
            ("num_flagged", "flagged"),
            ("num_rejected", "rejected"),
        )
        if math.isfinite(numbers.get(key, math.nan))
    ]
    found = [f"Crop plans: {join_words(states)}."] if states else []
    if numbers.get("num_manual", 0) > 0:
        found.append(f"{plural(numbers['num_manual'], 'plan was', 'plans were')} decided by hand.")
    if numbers.get("num_failed", 0) > 0:
        found.append(f"{plural(numbers['num_failed'], 'plan')} could not be made; see the failures.")
    if numbers.get("num_flagged", 0) + numbers.get("num_rejected", 0) + numbers.get("num_failed", 0) > 0:
        found.append("Where there is no accepted plan, the raw picture was used.")
    return found
