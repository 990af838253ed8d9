"""What each table of a study of settings shows, row by row, ready for the page."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.sections import COMPARED
from semioscope.report.study_answer import best_of_many, chosen_inside, num_scored, study_baselines
from semioscope.report.study_inputs import Cell, ProtocolScores, Study, matrix
from semioscope.report.study_pairs import Matrix, Pair
from semioscope.report.study_words import (
    aggregator_title,
    gamma_text,
    gap_text,
    protocol_text,
    reach_text,
    rule_text,
    segments_text,
    setting_text,
)
from semioscope.report.wording import (
    METRIC_NAMES,
    UNDEFINED,
    count,
    difference_text,
    estimate_cell,
    metric_value,
    number,
    percent,
    seconds_text,
)  # fmt: skip


def protocol_section(study: Study, protocol: ProtocolScores) -> dict[str, Any]:
    """Return the texts and tables of one protocol."""
    return {
        "name": protocol.name,
        "anchor": protocol.name,
        "title": _capital(rule_text(protocol)),
        "text": protocol_text(protocol),
        "reach": reach_text(protocol),
        "num_folds": protocol.scores.get("num_folds"),
        "cells": [_cell_row(study, protocol, cell) for cell in protocol.cells],
        "comparison": _comparison(study, protocol),
        "best": [_best_row(study, cell) for cell in protocol.best],
        "caution": best_of_many(protocol),
        "reference": "setting chosen inside" if chosen_inside(protocol) else "best setting",
        "notes": list(map(str, as_list(protocol.scores.get("notes")))),
        "chosen": [
            {"fold": fold, "setting": setting_text(cell, study) if cell else str(cell_id)}
            for fold, cell_id in _by_fold(as_mapping(chosen_inside(protocol).get("cells")))
            for cell in (protocol.cell(cell_id),)
        ],
        "per_fold": [_fold_row(row) for row in map(as_mapping, as_list(protocol.scores.get("per_fold")))],
    }


def best_matrices(study: Study, protocol: ProtocolScores) -> list[Matrix]:
    """Return the confusion matrices of the best settings, of the setting chosen inside, and of the published one."""
    found = [
        Matrix(
            title=aggregator_title(cell.aggregator),
            setting=f"n = {segments_text(cell.num_segments)}, "
            f"\N{GREEK SMALL LETTER GAMMA} = {gamma_text(cell.gamma)}",
            score=percent(cell.value("accuracy")),
            counts=cell.confusion,
        )
        for cell in protocol.best
    ]
    chosen = chosen_inside(protocol)
    if matrix(chosen.get("confusion")):
        score = percent(as_mapping(chosen.get("accuracy")).get("value"))
        counts = matrix(chosen.get("confusion"))
        found.append(Matrix(title="Chosen inside", setting="fold by fold", score=score, counts=counts))
    published = as_mapping(study.part("published").get("best"))
    if matrix(published.get("confusion")):
        gammas = " or ".join(gamma_text(as_float(gamma)) for gamma in as_list(published.get("gammas")))
        found.append(
            Matrix(
                title=f"Published {aggregator_title(str(published.get('aggregator') or ''))}".strip(),
                setting=f"n = {segments_text(as_float(published.get('num_segments')))}, "
                f"\N{GREEK SMALL LETTER GAMMA} = {gammas}",
                score=percent(published.get("accuracy")),
                counts=matrix(published.get("confusion")),
            )
        )
    return found


def flattery_pairs(study: Study) -> list[tuple[str, list[Pair]]]:
    """Return per metric how the best setting of each aggregator moves between the two protocols.

    An interval is drawn where the setting whose value it is can be found.
    """
    flattery = study.part("flattery")
    panels = []
    for metric in ("accuracy", "f1"):
        cells = as_mapping(as_mapping(as_mapping(flattery.get("metrics")).get(metric)).get("cells"))
        pairs = [
            Pair(
                title=aggregator_title(aggregator),
                before=_estimate(study, flattery.get("from"), aggregator, metric, cells[aggregator], "from"),
                after=_estimate(study, flattery.get("to"), aggregator, metric, cells[aggregator], "to"),
            )
            for aggregator in _known(study.aggregators, cells)
        ]
        if pairs:
            panels.append((metric, pairs))
    return panels


def flattery_rows(study: Study) -> dict[str, Any]:
    """Return the table of how much better the one protocol looks: a row per aggregator, then the mean of all."""
    metrics = as_mapping(study.part("flattery").get("metrics"))
    shown = [metric for metric in COMPARED if metric in metrics]
    cells = {metric: as_mapping(as_mapping(metrics[metric]).get("cells")) for metric in shown}
    found = {name for metric in shown for name in cells[metric]}
    rows = [
        {
            "title": aggregator_title(aggregator),
            "small": _compared_setting(study, as_mapping(cells[shown[0]].get(aggregator))),
            "cells": [_flattery_cell(metric, as_mapping(cells[metric].get(aggregator))) for metric in shown],
        }
        for aggregator in _known(study.aggregators, dict.fromkeys(found))
    ]
    means = [as_mapping(as_mapping(metrics[metric]).get("mean_difference")) for metric in shown]
    return {
        "metrics": [METRIC_NAMES[metric] for metric in shown],
        "rows": rows,
        "means": [_gap_cell(metric, mean) for metric, mean in zip(shown, means, strict=True)],
    }


def views_text(study: Study) -> dict[str, Any]:
    """Return which seizures have a single view, and which views were set aside or failed."""
    views = study.part("views")
    return {
        "num_events": views.get("num_events"),
        "num_views": views.get("num_views"),
        "one_view": [str(name) for name in as_list(views.get("one_view"))],
        "groups": [
            (title, [_view_name(view) for view in found])
            for key, title in (
                ("not_trained", "scored but not trained on (patient out of the picture)"),
                ("not_used", "neither trained on nor scored (marked as not to be used)"),
                ("failed", "failed (see the failures below)"),
            )
            if (found := as_list(views.get(key)))
        ],
    }


def cohort_comparison(study: Study) -> list[tuple[str, str, str]]:
    """Return name, own and published figure of the cohort; empty without published figures."""
    cohort, published = study.part("cohort"), as_mapping(study.part("published").get("cohort"))
    if not published:
        return []
    rows = [
        (title, show(cohort.get(key)), show(published.get(key)))
        for key, title, show in (
            ("num_patients", "Patients", count),
            ("num_events", "Seizures", count),
            ("minutes", "Minutes of seizures", lambda value: number(value, 0)),
            ("r_max", "Longest share before the clonic onset, r max", number),
            ("n_min", "Segments needed, n min", count),
        )
    ]
    own, theirs = as_mapping(cohort.get("per_class")), as_mapping(published.get("per_class"))
    for name in [*study.classes, *sorted(set(theirs) - set(study.classes))]:
        first, second = as_mapping(own.get(name)), as_mapping(theirs.get(name))
        rows.append((f"Seizures {name}", count(first.get("seizures")), count(second.get("seizures"))))
        medians = [seconds_text(cells.get("median_seconds"), 0) for cells in (first, second)]
        rows.append((f"Median duration {name}", medians[0], medians[1]))
    return rows


def _cell_row(study: Study, protocol: ProtocolScores, cell: Cell) -> dict[str, Any]:
    last = as_mapping(cell.scores.get("last_epoch"))
    epochs = sorted(
        epoch for epoch in map(as_float, as_list(cell.scores.get("best_epochs"))) if math.isfinite(epoch)
    )
    gamma = 1e99 if math.isinf(cell.gamma) else cell.gamma
    return {
        "aggregator": aggregator_title(cell.aggregator) or UNDEFINED,
        "backbone": cell.backbone,
        "num_segments": segments_text(cell.num_segments),
        "gamma": gamma_text(cell.gamma),
        "gamma_sort": gamma,
        "own": any(cell is best for best in protocol.best),
        "cells": [estimate_cell(metric, cell.estimate(metric)) for metric in COMPARED],
        "last": percent(last.get("accuracy")),
        "last_sort": as_float(last.get("accuracy")),
        "epochs": f"{count(epochs[0])} to {count(epochs[-1])}" if epochs else "n/a",
        "epochs_sort": epochs[len(epochs) // 2] if epochs else math.nan,
        "short": count(cell.scores.get("num_short_segments")),
        "num_events": count(cell.scores.get("num_events")),
    }


def _comparison(study: Study, protocol: ProtocolScores) -> list[dict[str, Any]]:
    rows = []
    best, chosen = protocol.overall_best, chosen_inside(protocol)
    if chosen:
        rows.append({"title": "Setting chosen inside the training patients", "small": "fold by fold", "own": True,
                     "cells": [estimate_cell(metric, chosen.get(metric)) for metric in COMPARED],
                     "difference": ""})  # fmt: skip
    if best is not None:
        title = "Best setting by test scores" if num_scored(protocol) > 1 else "Best setting"
        rows.append({"title": title, "small": setting_text(best, study), "own": True,
                     "cells": [estimate_cell(metric, best.estimate(metric)) for metric in COMPARED],
                     "difference": ""})  # fmt: skip
    for name, cells in study_baselines(protocol):
        difference = as_mapping(as_mapping(cells.get("difference")).get("accuracy"))
        rows.append({"title": _capital(str(cells.get("title") or name)), "small": "", "own": False,
                     "cells": [_compared_cell(metric, cells) for metric in COMPARED],
                     "difference": difference_text(difference) if difference else ""})  # fmt: skip
    return rows


def _compared_cell(metric: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table shows of a metric of a yardstick: a dash where it was not asked for."""
    if metric not in cells:
        return {"value": "\N{EN DASH}", "interval": "", "note": "", "sort": math.nan}
    return estimate_cell(metric, cells[metric])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _best_row(study: Study, cell: Cell) -> dict[str, Any]:
    return {
        "title": setting_text(cell, study),
        "cells": [estimate_cell(metric, cell.estimate(metric)) for metric in COMPARED],
    }


def _fold_row(row: Mapping[str, Any]) -> list[str]:
    counts = [count(row.get(key)) for key in ("num_train", "num_validation", "num_test", "num_test_patients")]
    return [str(row.get("fold", "?")), *counts]


def _by_fold(cells: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(cells.items(), key=lambda pair: (as_float(pair[0]), pair[0]))


def _known(order: tuple[str, ...], found: Mapping[str, Any]) -> list[str]:
    return [*(name for name in order if name in found), *sorted(set(found) - set(order))]


def _flattery_cell(metric: str, cells: Mapping[str, Any]) -> dict[str, str]:
    return {
        "before": metric_value(metric, cells.get("from")),
        "after": metric_value(metric, cells.get("to")),
        **_gap_cell(metric, as_mapping(cells.get("difference"))),
    }


def _gap_cell(metric: str, difference: Mapping[str, Any]) -> dict[str, str]:
    low, high = (gap_text(metric, difference.get(end)) for end in ("low", "high"))
    return {
        "gap": gap_text(metric, difference.get("value")),
        "interval": "" if UNDEFINED in (low, high) else f"{low} to {high}",
        "note": str(difference.get("note") or ""),
    }


def _estimate(
    study: Study, name: object, aggregator: str, metric: str, content: object, side: str
) -> Mapping[str, Any]:
    """Return the estimate behind a value: that of its setting, if it has this value there; else the value alone."""
    cells = as_mapping(content)
    value, protocol = as_float(cells.get(side)), study.protocol(name)
    named = cells.get("cell")
    for cell in (*protocol.best, *protocol.cells) if protocol else ():
        own = cell.cell_id == named if named else cell.aggregator == aggregator
        if own and math.isclose(cell.value(metric), value, abs_tol=1e-9):
            return cell.estimate(metric)
    return {"value": value}


def _compared_setting(study: Study, cells: Mapping[str, Any]) -> str:
    """Return the setting that both protocols are compared by, without the aggregator; empty if it is not said."""
    for protocol in study.protocols:
        cell = protocol.cell(cells.get("cell"))
        if cell is not None:
            return setting_text(replace(cell, aggregator=""), study)
    return ""


def _view_name(view: object) -> str:
    cells = as_mapping(view)
    return f"{cells.get('event_id', '?')} ({cells.get('view') or cells.get('recording_id') or '?'})"
