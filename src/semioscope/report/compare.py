"""One self-contained HTML file from the tables of a comparison."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from semioscope.core.errors import StoreError
from semioscope.core.files import read_json, write_text
from semioscope.report import compare_words as words
from semioscope.report import wording
from semioscope.report.compare_figures import DifferenceRow, differences_figure, patients_difference_figure
from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.rendering import render
from semioscope.report.style import shortened
from semioscope.scoring import METRICS

_PAIRS_BEFORE_FOLD = 3
_MOST_PATIENTS = 30


def write_comparison(out: Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` of a comparison from its ``comparison.json``; return the page.

    Nothing is computed anew. The same file gives the same bytes.

    Args:
        out: The folder of the comparison.

    Raises:
        StoreError: If ``comparison.json`` is absent or another kind of file, or the page cannot be written.
    """
    content = read_json(out / "comparison.json")
    if not isinstance(content, dict) or content.get("kind") != "comparison":
        msg = f"{out / 'comparison.json'} must be what semioscope compare wrote. Give that command again."
        raise StoreError(msg)
    page = out / "report.html"
    write_text(page, render("compare.html.j2", _context(content, out / "figures")))
    return page


def _context(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    runs = [as_mapping(run) for run in as_list(content["runs"])]
    metrics, lead = [str(name) for name in as_list(content["metrics"])], str(content["metric"])
    pairs = [as_mapping(pair) for pair in as_list(content["pairs"])]
    judged = [words.pair_words(content, pair, lead) for pair in pairs]
    overview = ""
    if len(pairs) > 1:
        reference = content["reference"]
        minus = " \N{MINUS SIGN} "
        labels = [
            str(pair["run"])
            if reference
            else minus.join(shortened(str(pair[side]), 12) for side in ("run", "against"))
            for pair in pairs
        ]
        overview = differences_figure(
            [difference_row(lead, pair, label=label) for label, pair in zip(labels, pairs, strict=True)],
            name="differences",
            sides=(f"{reference} better", "named run better")
            if reference
            else ("second better", "first better"),
            folder=folder,
        )
    return {
        "headline": words.headline(content),
        "what": words.what_was_compared(content),
        "cautions": words.cautions(content),
        "content": content,
        "runs": runs,
        "names": [str(run["name"]) for run in runs],
        "synthetic": any(run.get("synthetic") for run in runs),
        "lead_title": wording.METRIC_NAMES[lead],
        "tiles": [
            {"label": run["name"], **wording.estimate_cell(lead, as_mapping(run["estimates"]).get(lead))}
            for run in runs
        ],
        "judged": judged,
        "verdict": "unclear" if content["comparison"] == "protocols" else _verdict(judged),
        "verdict_title": words.verdict_title(judged, lead),
        "scores": [
            {
                "title": words.metric_title(name),
                "meaning": wording.METRIC_MEANINGS.get(name, ""),
                "own": name == lead,
                "cells": [
                    wording.estimate_cell(name, as_mapping(run["estimates"]).get(name)) for run in runs
                ],
            }
            for name in metrics
        ],
        "overview": Markup(overview),
        "pairs": [
            _pair(content, pair, metrics, number=number, folder=folder) for number, pair in enumerate(pairs)
        ],
        "pairs_before_fold": _PAIRS_BEFORE_FOLD,
        "test_words": words.test_words(content),
        "unit_words": words.unit_words(metrics),
        "settings": [
            {"key": row["key"], "values": [words.setting_text(value) for value in row["values"]]}
            for row in as_list(content["settings"])
        ],
        "events": as_mapping(content["events"]),
        "patients": [as_mapping(row) for row in as_list(content["per_patient"])],
        "disagreements": [as_mapping(row) for row in as_list(content["disagreements"])],
        "positive_class": content.get("positive_class"),
    }


def _verdict(judged: Sequence[words.PairWords]) -> str:
    kinds = {one.verdict for one in judged}
    return "better" if "better" in kinds else "unclear" if "unclear" in kinds else "unknown"


def _pair(
    content: Mapping[str, Any], pair: Mapping[str, Any], metrics: Sequence[str], *, number: int, folder: Path
) -> dict[str, Any]:
    """Return what the section of one pair shows."""
    lead = str(content["metric"])
    sides = (f"{pair['against']} better", f"{pair['run']} better")
    rows = [difference_row(name, pair, label=wording.METRIC_NAMES[name]) for name in metrics]
    figure = differences_figure(rows, name=f"pair-{number + 1}", sides=sides, folder=folder)
    changed = _patients_that_differ(content, pair)
    by_patient = ""
    if changed:
        by_patient = patients_difference_figure(
            changed[:_MOST_PATIENTS], name=f"pair-{number + 1}-patients",
            sides=(str(pair["against"]), str(pair["run"])), folder=folder,
        )  # fmt: skip
    return {
        "run": pair["run"],
        "against": pair["against"],
        "sentence": words.pair_words(content, pair, lead).sentence,
        "figure": Markup(figure),
        "by_patient": Markup(by_patient),
        "num_changed": len(changed),
        "num_drawn": min(len(changed), _MOST_PATIENTS),
        "mcnemar": words.mcnemar_words(pair),
        "rows": [_test_row(name, as_mapping(as_mapping(pair["metrics"]).get(name))) for name in metrics],
    }


def _test_row(metric: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    test = as_mapping(cells.get("test"))
    return {
        "title": words.metric_title(metric),
        "difference": words.difference_cell(metric, cells.get("difference")),
        "p_value": words.p_number(test.get("p_value")),
        "p_holm": words.p_number(cells.get("p_holm")),
        "p_bonferroni": words.p_number(cells.get("p_bonferroni")),
        "is_sure": as_float(cells.get("p_holm")) < words.LEVEL,
        "num_patients": test.get("num_patients"),
        "num_flips": test.get("num_flips"),
        "is_exact": bool(test.get("is_exact")),
        "note": str(test.get("note") or ""),
    }


def difference_row(metric: str, pair: Mapping[str, Any], *, label: str) -> DifferenceRow:
    """Return a difference as the figure shows it: to the right is better, also where lower is better."""
    cells = as_mapping(as_mapping(pair["metrics"]).get(metric))
    difference = as_mapping(cells.get("difference"))
    value, low, high = (100 * as_float(difference.get(key)) for key in ("value", "low", "high"))
    if not METRICS[metric].higher_is_better:
        value, low, high = -value, -high, -low
        label += " (turned)"
    p_value = as_float(cells.get("p_holm"))
    shown = f"{value + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else "undefined"
    return DifferenceRow(
        label=label, value=value, low=low, high=high, text=f"{shown}  {words.p_text(p_value)}",
        is_sure=p_value < words.LEVEL,
    )  # fmt: skip


def _patients_that_differ(content: Mapping[str, Any], pair: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Return the patients of whom one run has more seizures right than the other, the largest difference first."""
    names = [str(as_mapping(run)["name"]) for run in as_list(content["runs"])]
    run, against = names.index(str(pair["run"])), names.index(str(pair["against"]))
    found = [
        (
            str(row["patient_id"]),
            row["num_correct"][run] - row["num_correct"][against],
            int(row["num_events"]),
        )
        for row in map(as_mapping, as_list(content["per_patient"]))
    ]
    return sorted((row for row in found if row[1]), key=lambda row: (-abs(row[1]), -row[1], row[0]))
