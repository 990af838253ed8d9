"""One self-contained HTML file about a pre-training: did it help? The answer first, then every figure behind it."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from semioscope.core.files import write_text
from semioscope.report.averages import FROM_MATRIX, average_rows, published_texts
from semioscope.report.compare import difference_row
from semioscope.report.compare_figures import differences_figure
from semioscope.report.compare_words import LEVEL, how_tested, metric_title, p_number
from semioscope.report.inputs import as_float, as_list, as_mapping, read_kind
from semioscope.report.pretraining_figures import loss_figure
from semioscope.report.rendering import render
from semioscope.report.wording import UNDEFINED, count, interval_text, number, percent, plural

BENEFIT_FILE = "benefit.json"
_PAIRS = (("pretrained", "scratch"), ("frozen", "scratch"), ("pretrained", "frozen"))
_MINUS = "\N{MINUS SIGN}"


def write_benefit_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` about a pre-training; return the path of the page.

    Nothing is computed anew: every figure stands in ``benefit.json``. The same file gives the same bytes. The page
    needs no network; its links lead to the reports of the runs beside it.

    Args:
        folder: A folder with ``benefit.json`` as ``docs/formats.md`` describes it.

    Raises:
        StoreError: If that file is absent or of another kind, or a file cannot be written.
    """
    content = read_kind(folder / BENEFIT_FILE, "benefit", page="The report of a pre-training")
    page = folder / "report.html"
    write_text(page, render("benefit.html.j2", _context(content, folder)))
    return page


def _context(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    answer, comparison = as_mapping(content.get("answer")), as_mapping(content.get("comparison"))
    variants = [as_mapping(one) for one in as_list(content.get("variants"))]
    published, largest = as_mapping(content.get("published")), as_mapping(content.get("largest"))
    metric = str(answer.get("metric") or "accuracy")
    pretraining = as_mapping(content.get("pretraining"))
    return {
        "content": content,
        "headline": str(answer.get("title") or "Whether pre-training helped"),
        "lead": typographic(str(answer.get("lead") or "")),
        "sentences": [typographic(str(sentence)) for sentence in as_list(answer.get("sentences"))],
        "tiles": _tiles(variants, largest, metric),
        "cohort": as_mapping(content.get("cohort")),
        "columns": _columns(variants, largest, published),
        "rows": average_rows(_values(variants, largest, published), published),
        "paper": published_texts(published),
        "pairs": _pairs(comparison),
        "differences": _difference_rows(comparison),
        "how_tested": how_tested(comparison) if comparison else "",
        "positive_class": str(comparison.get("positive_class") or ""),
        "level": LEVEL,
        "overlap": as_mapping(content.get("overlap")),
        "groups": _groups(as_mapping(content.get("overlap")), variants),
        "pretraining": pretraining,
        "runs": [_run(one, folder) for one in variants],
        "figures": _figures(comparison, pretraining, metric, folder / "figures"),
    }


def typographic(sentence: str) -> str:
    """Return a sentence with minus signs in place of hyphens before numbers.

    Examples:
        >>> typographic(
        ...     "interval -0.02 to +0.15 of p-1, pre-trained"
        ... ) == "interval −0.02 to +0.15 of p-1, pre-trained"
        True
    """
    return re.sub(r"(?<= )-(?=\d)", _MINUS, sentence)


def _tiles(
    variants: Sequence[Mapping[str, Any]], largest: Mapping[str, Any], metric: str
) -> list[dict[str, str]]:
    found = []
    for one in variants:
        estimate = as_mapping(as_mapping(as_mapping(one.get("averages")).get("overall")).get(metric))
        interval = interval_text("f1", estimate)
        found.append(
            {
                "label": f"{one.get('title')}: {metric_title(metric).lower()}",
                "value": number(estimate.get("value")) if estimate else "–",
                "note": f"95 % interval {interval}"
                if interval
                else str(estimate.get("note") or one.get("status")),
            }
        )
    if largest:
        found.append(
            {
                "label": f"Always {largest.get('class')}: {metric_title(metric).lower()}",
                "value": number(as_mapping(largest.get("overall")).get(metric)),
                "note": "without looking",
            }
        )
    return found


def _columns(
    variants: Sequence[Mapping[str, Any]], largest: Mapping[str, Any], published: Mapping[str, Any]
) -> list[str]:
    names = [str(one.get("title")) for one in variants]
    names += [f"Always {largest['class']}"] if largest else []
    return names + ([FROM_MATRIX] if published else [])


def _values(
    variants: Sequence[Mapping[str, Any]], largest: Mapping[str, Any], published: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    values = [as_mapping(one.get("averages")) for one in variants]
    values += [largest] if largest else []
    return values + ([as_mapping(published.get("recomputed"))] if published else [])


def _pair(comparison: Mapping[str, Any], names: tuple[str, str]) -> Mapping[str, Any]:
    pairs = [as_mapping(pair) for pair in as_list(comparison.get("pairs"))]
    return next((pair for pair in pairs if (pair.get("run"), pair.get("against")) == names), {})


def _pairs(comparison: Mapping[str, Any]) -> list[str]:
    """Return the headings of the differences that there are."""
    titles = {"pretrained": "Pre-trained", "scratch": "scratch", "frozen": "frozen"}
    found = [names for names in _PAIRS if _pair(comparison, names)]
    texts = [f"{titles[run]} {_MINUS} {titles[against]}" for run, against in found]
    return [text[:1].upper() + text[1:].replace("Pre", "pre") for text in texts]


def _difference_rows(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per metric with a cell for each difference: value, interval, p value, corrected p value."""
    found = [pair for names in _PAIRS if (pair := _pair(comparison, names))]
    return [
        {
            "name": metric_title(metric),
            "cells": [_difference(as_mapping(as_mapping(pair["metrics"]).get(metric))) for pair in found],
        }
        for metric in map(str, as_list(comparison.get("metrics")))
    ]


def _difference(cells: Mapping[str, Any]) -> dict[str, Any]:
    estimate, test = as_mapping(cells.get("difference")), as_mapping(cells.get("test"))
    low, high = signed(estimate.get("low")), signed(estimate.get("high"))
    p_holm = as_float(cells.get("p_holm"))
    return {
        "value": signed(estimate.get("value")),
        "interval": "" if UNDEFINED in (low, high) else f"{low} to {high}",
        "p_value": p_number(test.get("p_value")),
        "p_holm": p_number(p_holm),
        "is_sure": p_holm < LEVEL,
    }


def signed(value: object) -> str:
    """Return a difference with its sign and two digits, or *undefined*; no sign before a zero.

    Examples:
        >>> signed(0.071), signed(None), signed(-0.0001)
        ('+0.07', 'undefined', '0.00')
    """
    plain = as_float(value)
    if not math.isfinite(plain):
        return UNDEFINED
    rounded = round(plain, 2) + 0.0
    return f"{rounded:{'+' if rounded else ''}.2f}".replace("-", _MINUS)


def _groups(overlap: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how many seizures each run has right, of patients whom pre-training saw and of the others."""
    groups = as_mapping(overlap.get("groups"))
    rows = []
    for key, title in (("seen", "Video seen in pre-training"), ("not_seen", "Video not seen")):
        group = as_mapping(groups.get(key))
        total, right = as_float(group.get("num_events")), as_mapping(group.get("num_right"))
        if not total > 0:
            continue
        cells = []
        for one in variants:
            hits = as_float(right.get(str(one.get("name"))))
            share = percent(hits / total, 0) if math.isfinite(hits) else ""
            cells.append({"right": count(hits) if share else "–", "share": share})
        rows.append(
            {
                "title": title,
                "patients": plural(group.get("num_patients"), "patient"),
                "events": count(total),
                "cells": cells,
            }
        )
    return rows


def _run(one: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    name = str(one.get("folder") or "")
    has_report = bool(name) and (folder / name / "report.html").is_file()
    return {
        "title": str(one.get("title") or name or "?"),
        "status": str(one.get("status") or "waiting"),
        "message": str(one.get("message") or ""),
        "failures": count(one.get("failures")),
        "link": f"{quote(name)}/report.html" if has_report else "",
    }


def _figures(
    comparison: Mapping[str, Any], pretraining: Mapping[str, Any], metric: str, folder: Path
) -> dict[str, Markup]:
    drawn = {}
    pair = _pair(comparison, _PAIRS[0])
    if pair:
        names = [str(name) for name in as_list(comparison.get("metrics"))]
        ordered = [metric, *(name for name in names if name != metric)]
        rows = [difference_row(name, pair, label=metric_title(name).partition(" (")[0]) for name in ordered]
        sides = ("from scratch better", "pre-trained better")
        drawn["differences"] = Markup(
            differences_figure(rows, name="benefit-differences", sides=sides, folder=folder)
        )
    losses = [as_float(value) for value in as_list(pretraining.get("epoch_loss"))]
    if losses:
        trivial = as_mapping(pretraining.get("trivial_loss"))
        num_epochs = as_float(pretraining.get("num_epochs"))
        drawn["curve"] = Markup(
            loss_figure(
                losses,
                losses,
                {name: as_float(value) for name, value in trivial.items()},
                steps_per_epoch=1,
                num_steps=max(len(losses), int(num_epochs) if math.isfinite(num_epochs) else 0),
                folder=folder,
            )
        )
    return drawn
