"""What the report shows of a random search: the settings of every fold's best trial, and of the final model."""

from collections.abc import Mapping
from typing import Any

from semioscope.report.inputs import as_list, as_mapping
from semioscope.report.wording import count, number, plural

_SHOWN: tuple[tuple[str, str, str], ...] = (
    ("aggregator", "lstm_sizes", "LSTM"),
    ("aggregator", "fc_sizes", "FC"),
    ("aggregator", "dropout", "Dropout"),
    ("aggregator", "recurrent_dropout", "Recurrent dropout"),
    ("aggregator", "l2", "L2"),
    ("training", "loss", "Loss"),
    ("training", "epochs", "Epochs"),
    ("training", "batch_size", "Batch"),
)
"""Section, key and column title of the settings that the papers search."""


def search_section(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a search; empty for a run without one."""
    search = as_mapping(scores.get("search"))
    if not search:
        return {}
    failed = search.get("num_failed") or 0
    told = (
        f"{plural(search.get('num_trials'), 'trial')} of random settings in every fold, compared by macro F1 on some "
        "of its training patients. The tested patients took no part."
    )
    rows = [
        {"title": f"Fold {count(row.get('fold'))}", "score": number(row.get("score")), "cells": _cells(row)}
        for row in map(as_mapping, as_list(search.get("chosen")))
    ]
    final = as_mapping(search.get("final"))
    return {
        "told": told + (f" {plural(failed, 'trial')} failed." if failed else ""),
        "columns": [title for _, _, title in _SHOWN],
        "rows": rows + ([{"title": "Final model", "score": "", "cells": _cells(final)}] if final else []),
    }


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [_text(as_mapping(row.get(section)).get(key)) for section, key, _ in _SHOWN]


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)
