"""The part of the report about slices: what every fold gave, beside what the paper printed."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from semioscope.core.wording import join_words
from semioscope.report.answer import shared_patients
from semioscope.report.inputs import RunTables, as_float, as_list, as_mapping
from semioscope.report.slice_counts import count_sentences, data_rows, slice_name
from semioscope.report.wording import count, interval_text, mean_text, number, plural

FOLD_METRICS: dict[str, str] = {
    "macro_f1": "Macro F1",
    "macro_precision": "Macro precision",
    "macro_sensitivity": "Macro sensitivity",
    "accuracy": "Accuracy",
    "auroc": "Area under ROC",
}
"""Scores of a fold in the order of the table."""


def slice_section(tables: RunTables) -> dict[str, Any]:
    """Return what the page shows of slices; empty for a run without them."""
    slices = as_mapping(tables.scores.get("slices"))
    if not slices:
        return {}
    published = as_mapping(slices.get("published"))
    return {
        "name": slice_name(as_mapping(slices.get("plan"))),
        "sentences": _sentences(slices, tables.folds),
        "notes": list(map(str, as_list(slices.get("notes")))),
        "metrics": list(FOLD_METRICS.values()),
        "folds": _fold_rows(slices),
        "mean": [mean_text(as_mapping(slices.get("mean")).get(name)) for name in FOLD_METRICS],
        "source": str(published.get("source") or ""),
        "place": str(published.get("place") or ""),
        "doi": str(published.get("doi") or ""),
        "published": _published_means(published),
        "pooled": _pooled(slices),
        "per_class": class_rows(slices, published),
        "data": data_rows(slices, published),
        "data_classes": [*as_mapping(as_mapping(slices.get("data")).get("per_class")), "All"],
        "data_place": str(as_mapping(published.get("data")).get("place") or ""),
        "counts": count_sentences(slices),
    }


def split_text(folds: Mapping[str, Any]) -> str:
    """Return how the folds were made, as a clause: whether a patient stands on both sides, or is tested again."""
    if not any(as_mapping(fold).get("test") for fold in as_list(folds.get("folds"))):
        return ""
    shared = shared_patients(folds)
    if shared:
        return f"{plural(len(shared), 'patient')} on both sides of a split"
    patient_of = as_mapping(folds.get("patient_of"))
    again = {patient_of.get(event_id) for event_id in events_tested_again(folds)}
    never = "patients never cross from training to test"
    return (
        f"{never}; {plural(len(again), 'patient is', 'patients are')} tested in several folds"
        if again
        else never
    )


def events_tested_again(folds: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the events that are tested in more than one fold, sorted."""
    tested = [map(str, as_list(as_mapping(fold).get("test"))) for fold in as_list(folds.get("folds"))]
    times = Counter(event_id for events in tested for event_id in set(events))
    return tuple(sorted(event_id for event_id, number in times.items() if number > 1))


def _sentences(slices: Mapping[str, Any], folds: Mapping[str, Any]) -> list[str]:
    own = as_mapping(as_mapping(slices.get("mean")).get("macro_f1"))
    num_folds, used = len(as_list(slices.get("per_fold"))), as_float(own.get("num_folds"))
    over = plural(num_folds, "fold") if used == num_folds else f"{count(used)} of {plural(num_folds, 'fold')}"
    split = split_text(folds)
    what = "mean ± standard deviation" if math.isfinite(as_float(own.get("sd"))) else "mean"
    name = slice_name(as_mapping(slices.get("plan")))
    found = [f"Macro F1 per {name}: {mean_text(own)} ({what} over {over}{f'; {split}' if split else ''})."]
    published = as_mapping(slices.get("published"))
    if published.get("source"):
        found.append(_published_sentence(published))
    if published.get("mean") and folds.get("selection") == "inner":
        found.append(
            "Here nothing was chosen on the tested patients: the printed figure had the easier test."
        )
    pooled = as_mapping(as_mapping(slices.get("pooled")).get("macro_f1"))
    if math.isfinite(as_float(pooled.get("value"))):
        interval = interval_text("macro_f1", pooled)
        sure = f"95 % interval {interval} over {plural(slices.get('num_patients'), 'patient')}"
        why = str(pooled.get("note") or "no interval").removeprefix("No interval: ").rstrip(".")
        found.append(
            f"All {plural(slices.get('num_slices'), 'slice')} of all folds together: macro F1 "
            f"{number(pooled.get('value'))} ({sure if interval else f'no interval: {why}'})."
        )
    return found


def _published_sentence(published: Mapping[str, Any]) -> str:
    source, split = str(published.get("source")), str(published.get("split") or "")
    where = join_words([part for part in (
        f"{published.get('classifier')}" if published.get("classifier") else "",
        f"data set {published.get('data_set')}" if published.get("data_set") else "",
        f"{count(published.get('num_classes'))} classes",
    ) if part])  # fmt: skip
    printed = as_mapping(as_mapping(published.get("mean")).get("macro_f1"))
    if not printed:
        return (
            f"{source} have no such classifier with this many classes, so nothing printed stands beside it."
        )
    return f"{source} printed {mean_text(printed)} for {where} ({published.get('place')}; {split})."


def _fold_rows(slices: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "fold": row.get("fold", position),
            "slices": count(row.get("num_slices")),
            "events": count(row.get("num_events")),
            "patients": count(row.get("num_patients")),
            "cells": [number(row.get(name), 3) for name in FOLD_METRICS],
        }
        for position, row in enumerate(map(as_mapping, as_list(slices.get("per_fold"))))
    ]


def _published_means(published: Mapping[str, Any]) -> list[str]:
    mean = as_mapping(published.get("mean"))
    digits = {"auroc": 2}  # as printed
    return (
        [mean_text(mean[name], digits.get(name, 3)) if name in mean else "–" for name in FOLD_METRICS]
        if mean
        else []
    )


def _pooled(slices: Mapping[str, Any]) -> list[str]:
    """Return the scores over all folds together, with their intervals, in the order of the table."""
    pooled = as_mapping(slices.get("pooled"))
    texts = []
    for name in FOLD_METRICS:
        if name not in pooled:
            texts.append("–")
            continue
        estimate = as_mapping(pooled[name])
        low, high = (as_float(estimate.get(end)) for end in ("low", "high"))
        interval = f" ({low:.3f} to {high:.3f})" if math.isfinite(low) and math.isfinite(high) else ""
        texts.append(number(estimate.get("value"), 3) + interval)
    return texts if pooled else []


def class_rows(slices: Mapping[str, Any], published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return sensitivity, specificity, precision and F1 of each class over folds, with what was printed of them."""
    printed = as_mapping(published.get("per_class"))
    rows = []
    for row in map(as_mapping, as_list(slices.get("per_class"))):
        name = str(row.get("class", "?"))
        theirs = as_mapping(printed.get(name))
        rows.append(
            {
                "name": name,
                "slices": count(row.get("num_slices")),
                **{key: mean_text(row.get(key)) for key in ("sensitivity", "specificity", "precision", "f1")},
                **{
                    f"{key}_printed": mean_text(theirs[key]) if key in theirs else ""
                    for key in ("sensitivity", "specificity")
                },
            }
        )
    return rows
