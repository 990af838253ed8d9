"""One self-contained HTML file from a run folder."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from semioscope.core.files import write_text
from semioscope.report.answer import answer, baselines_in_order, shared_patients
from semioscope.report.averages import averages_section
from semioscope.report.benefit_page import BENEFIT_FILE, write_benefit_report
from semioscope.report.examples import Example, groups, make_example
from semioscope.report.figures import baselines_figure, confusion_figure, curve_figure, reliability_figure
from semioscope.report.inputs import RunTables, as_float, as_list, as_mapping, read_run_tables
from semioscope.report.people import folds_figure, patients_figure
from semioscope.report.rendering import render
from semioscope.report.search import search_section
from semioscope.report.sections import (
    cohort_rows,
    compared_metrics,
    comparison_notes,
    comparison_rows,
    event_rows,
    flat,
    fold_members,
    metric_rows,
    scored_events,
    yardstick_notes,
)  # fmt: skip
from semioscope.report.series_page import SERIES_FILE, write_series_report
from semioscope.report.slice_counts import crop_section
from semioscope.report.slice_figures import fold_curves_figure, fold_matrices_figure
from semioscope.report.slices import events_tested_again, slice_section
from semioscope.report.study_page import write_study_report
from semioscope.report.wording import METRIC_NAMES

_EXAMPLES_BEFORE_FOLD = 12
_NOTES_AT_ONCE = 8


def write_report(run: Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` of a run or a study from its tables; return the path of the page.

    Nothing is computed anew: every figure of the page stands in ``scores.json`` or a table beside it. The
    same files give the same bytes. The page needs no network and refuses to use one.

    A folder whose ``scores.json`` is of the kind ``study`` gets the page of a study, one with a ``series.json``
    that of a series, one with a ``benefit.json`` that of a pre-training's benefit.

    Args:
        run: A run folder as ``docs/formats.md`` describes it; only ``scores.json`` must exist.

    Raises:
        StoreError: If ``scores.json`` is absent, or a file cannot be understood or written.
    """
    if (run / SERIES_FILE).is_file():
        return write_series_report(run)
    if (run / BENEFIT_FILE).is_file():
        return write_benefit_report(run)
    tables = read_run_tables(run)
    if tables.scores.get("kind") == "study":
        return write_study_report(run)
    folder = run / "figures"
    context = _context(tables, folder)
    _remove_stale(folder, {example.anchor for group in context["examples"].values() for example in group})
    page = run / "report.html"
    write_text(page, render("report.html.j2", context))
    return page


def _context(tables: RunTables, folder: Path) -> dict[str, Any]:
    scores = tables.scores
    by_id = {
        str(as_mapping(event).get("event_id")): as_mapping(event) for event in as_list(scores.get("events"))
    }
    examples = {
        group: [make_example(tables, by_id[name], folder=folder) for name in names if name in by_id]
        for group, names in groups(scores).items()
    }
    drawn = frozenset(example.event_id for group in examples.values() for example in group)
    comparison = comparison_rows(scores)
    cohort = as_mapping(scores.get("cohort"))
    calibration = as_mapping(scores.get("calibration"))
    return {
        "run": as_mapping(scores.get("run")),
        "classes": [str(name) for name in as_list(scores.get("classes"))],
        "positive_class": str(scores.get("positive_class") or ""),
        "threshold": scores.get("threshold"),
        "fitted_threshold": scores.get("fitted_threshold"),
        "answer": answer(tables),
        "comparison": comparison,
        "compared_names": [METRIC_NAMES[name] for name in compared_metrics(scores)],
        "comparison_notes": comparison_notes(comparison),
        "baseline_notes": yardstick_notes(scores),
        "metrics": metric_rows(scores),
        "cohort": cohort,
        "cohort_rows": cohort_rows(scores),
        "patients_by_class": flat(as_mapping(cohort.get("patients_by_class"))),
        "extra_rows": [
            [*map(str, row), "", "", ""][:3] for row in map(as_list, as_list(cohort.get("extra_rows")))
        ],
        "left_out": [as_mapping(row) for row in as_list(cohort.get("left_out"))],
        "folds": tables.folds,
        "fold_notes": list(map(str, as_list(tables.folds.get("notes")))),
        "shared_patients": shared_patients(tables.folds),
        "tested_again": events_tested_again(tables.folds),
        "per_fold": [as_mapping(row) for row in as_list(scores.get("per_fold"))],
        "undefined_folds": any(
            math.isnan(as_float(as_mapping(row).get(key)))
            for row in as_list(scores.get("per_fold"))
            for key in ("accuracy", "macro_f1", "auroc")
        ),
        "per_class": [as_mapping(row) for row in as_list(scores.get("per_class"))],
        "averages": averages_section(scores),
        "per_patient": [as_mapping(row) for row in as_list(scores.get("per_patient"))],
        "calibration": calibration,
        "examples": examples,
        "examples_before_fold": _EXAMPLES_BEFORE_FOLD,
        "picture_count": sum(_count_pictures(example) for group in examples.values() for example in group),
        "events": event_rows(tables, drawn=drawn),
        "failures": tables.failures,
        "decode": as_mapping(scores.get("decode")),
        "notes": list(map(str, as_list(scores.get("notes")))),
        "notes_at_once": _NOTES_AT_ONCE,
        "timing": sorted(as_mapping(scores.get("timing")).items(), key=lambda pair: -as_float(pair[1])),
        "provenance": flat(tables.provenance),
        "config_text": tables.config_text.strip(),
        "figures": {name: Markup(draw()) for name, draw in _figures(tables, folder).items()},
        "baseline_scores_exist": bool(tables.baselines),
        "slices": slice_section(tables),
        "crops": crop_section(scores),
        "search": search_section(scores),
        "svg": Markup,
    }


def _figures(tables: RunTables, folder: Path) -> dict[str, Callable[[], str]]:
    """Return the drawing of each figure for which the run has data."""
    scores = tables.scores
    classes = [str(name) for name in as_list(scores.get("classes"))]
    several = len(classes) > 2  # then the probability of a seizure is that of the class which it was given
    positive = str(scores.get("positive_class") or (classes[-1] if classes else "the positive class"))
    shown = "the called class" if several else positive
    threshold = as_float(scores.get("threshold"))
    threshold = math.nan if several else (threshold if math.isfinite(threshold) else 0.5)
    event, curves = as_mapping(scores.get("event")), as_mapping(scores.get("curves"))
    found: dict[str, Callable[[], str]] = {}

    baselines = [(row["title"], row["accuracy"]) for row in _accuracies(scores)]
    if len(baselines) > 1:
        found["baselines"] = lambda: baselines_figure(baselines, folder=folder)
    matrix = [as_list(row) for row in as_list(scores.get("confusion"))]
    if matrix and len(matrix) == len(classes) and all(len(row) == len(classes) for row in matrix):
        found["confusion"] = lambda: confusion_figure(matrix, classes, folder=folder)
    roc, pr = as_mapping(curves.get("roc")), as_mapping(curves.get("pr"))
    if roc.get("x"):
        area = as_mapping(event.get("auroc"))
        found["roc"] = lambda: curve_figure("roc", roc, area=area, positive_class=positive, folder=folder)
    members = scored_events(scores)
    if pr.get("x"):
        known = [
            member.class_index == classes.index(positive) for member in members if member.class_index >= 0
        ]
        share = sum(known) / len(known) if known else math.nan
        found["pr"] = lambda: curve_figure(
            "pr",
            pr,
            area=as_mapping(event.get("auprc")),
            positive_class=positive,
            prevalence=share,
            folder=folder,
        )
    points = [
        as_mapping(point) for point in as_list(as_mapping(scores.get("calibration")).get("reliability"))
    ]
    if points:
        found["reliability"] = lambda: reliability_figure(points, positive_class=shown, folder=folder)
    found |= _slice_figures(as_mapping(scores.get("slices")), classes, folder)
    folds = fold_members(tables)
    if folds:
        found["folds"] = lambda: folds_figure(folds, classes, folder=folder)
    if members:
        found["patients"] = lambda: patients_figure(
            members, classes, positive_class=shown, threshold=threshold, folder=folder
        )
    return found


def _slice_figures(
    slices: Mapping[str, Any], classes: list[str], folder: Path
) -> dict[str, Callable[[], str]]:
    """Return the drawings about slices: a matrix and a curve per fold."""
    folds = [as_mapping(fold) for fold in as_list(slices.get("per_fold"))]
    matrices = [(f"Fold {fold.get('fold', '?')}", fold.get("confusion")) for fold in folds]
    matrices += [("All folds", slices.get("confusion"))] if len(folds) > 1 else []
    known = [(title, [as_list(row) for row in as_list(matrix)]) for title, matrix in matrices if matrix]
    means = [as_mapping(curve) for curve in as_list(slices.get("roc"))]
    found: dict[str, Callable[[], str]] = {}
    if known and all(len(matrix) == len(classes) for _, matrix in known):
        found["slice_matrices"] = lambda: fold_matrices_figure(known, classes, folder=folder)
    if means:
        found["slice_curves"] = lambda: fold_curves_figure(means, folds, folder=folder)
    return found


def _accuracies(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{"title": "This model", "accuracy": as_mapping(as_mapping(scores.get("event")).get("accuracy"))}]
    for name, cells in baselines_in_order(as_mapping(scores.get("baselines"))):
        rows.append({"title": str(cells.get("title") or name), "accuracy": as_mapping(cells.get("accuracy"))})
    return rows


def _count_pictures(example: Example) -> int:
    return sum(len(strip) for _, strip in example.pictures)


def _remove_stale(folder: Path, wanted: set[str]) -> None:
    """Remove timelines of an earlier report that this one does not show."""
    if folder.is_dir():
        for path in folder.glob("timeline-*.svg"):
            if path.stem not in wanted:
                path.unlink(missing_ok=True)
