"""The table of all usual averages of the confusion matrix: own, always the larger class, and what a paper printed."""

from collections.abc import Mapping
from typing import Any

from semioscope.report.inputs import as_list, as_mapping
from semioscope.report.wording import UNDEFINED, interval_text, number

_OVERALL: dict[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "micro_f1": "Micro F1",
}
_OF_A_CLASS: dict[str, str] = {
    "f1": "F1",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
_MEANINGS: dict[str, str] = {
    "accuracy": "share of all that were right",
    "balanced_accuracy": "mean of the sensitivities",
    "macro_f1": "mean of the F1 of each class",
    "weighted_f1": "the same, a class counts by its size",
    "micro_f1": "all classes together; equals the accuracy",
}
FROM_MATRIX = "Printed matrix"
"""Title of the column of what the confusion matrix of the paper gives."""
_DIGITS = 3
"""Papers print two digits; with three it can be seen whether a figure was rounded."""


def averages_section(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page of a run shows of its averages; empty where the run has none."""
    averages = as_mapping(scores.get("averages"))
    if not averages:
        return {}
    largest, published = as_mapping(averages.get("largest")), as_mapping(averages.get("published"))
    columns = {"This model": averages, f"Always {largest.get('class', 'the larger class')}": largest}
    if published:
        columns[FROM_MATRIX] = as_mapping(published.get("recomputed"))
    return {
        "columns": list(columns),
        "rows": average_rows(list(columns.values()), published),
        **published_texts(published),
    }


def average_rows(columns: list[Mapping[str, Any]], published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per average, with a cell for each column and one for what was printed.

    Args:
        columns: Each with ``overall`` and ``per_class``, of numbers or of estimates; an empty one gives empty cells.
        published: With ``printed`` figures; may be empty. A printed ``f1`` has a row of its own, as it does not say
            of which class or average it is.
    """
    printed = as_mapping(published.get("printed"))
    known = next((as_list(column.get("per_class")) for column in columns if column.get("per_class")), [])
    rows = [
        _row(
            label,
            [_cell(as_mapping(column.get("overall")), name) for column in columns],
            meaning=_MEANINGS[name],
            printed=printed.get(name),
        )
        for name, label in _OVERALL.items()
    ]
    for index, one in enumerate(known):
        for name, label in _OF_A_CLASS.items():
            cells = [_cell(_class_of(column, index), name) for column in columns]
            rows.append(_row(f"{label} of {as_mapping(one).get('class', '?')}", cells))
    if "f1" in printed:
        empty = [_cell({}, "") for _ in columns]
        rows.append(_row("F1", empty, meaning="printed without saying which", printed=printed["f1"]))
    return rows


def _row(
    name: str, cells: list[dict[str, str]], *, meaning: str = "", printed: object = None
) -> dict[str, Any]:
    return {
        "name": name,
        "meaning": meaning,
        "cells": cells,
        "printed": "" if printed is None else number(printed),
    }


def published_texts(published: Mapping[str, Any]) -> dict[str, str]:
    """Return what is told of the paper below the table; empty texts without one."""
    if not published:
        return {"source": "", "remark": ""}
    return {
        "source": f"{published.get('source')}, {published.get('place')}; {published.get('split')}; "
        f"doi:{published.get('doi')}",
        "remark": str(published.get("remark") or ""),
    }


def _class_of(column: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    per_class = as_list(column.get("per_class"))
    return as_mapping(per_class[index]) if index < len(per_class) else {}


def _cell(values: Mapping[str, Any], name: str) -> dict[str, str]:
    if name not in values:
        return {"value": "–", "interval": ""}
    found = values[name]
    if not isinstance(found, Mapping):
        return {"value": number(found, _DIGITS), "interval": ""}
    value = number(found.get("value"), _DIGITS)
    return {"value": value, "interval": "" if value == UNDEFINED else interval_text("f1", found)}
