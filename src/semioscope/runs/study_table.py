"""The table of feature extractors: how well each tells the clips of a seizure apart, and whether they differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from semioscope.networks import backbone_spec
from semioscope.recipes import published_values
from semioscope.runs.study_events import StudyResults
from semioscope.runs.study_flattery import compared_protocols
from semioscope.runs.study_rule import RULE_TITLE, rule_row, rule_scores
from semioscope.scoring import SeizureClipScores, compare_rows, median_iqr, seizure_clip_scores

METRICS_OF_CLIPS = ("accuracy", "f1", "auc")


def table_of_backbones(results: StudyResults) -> dict[str, Any]:
    """Return the rows and the tests of every protocol, and how two of them differ.

    References:
        Methods: GESTURES 2021, Table 1; rows in the order of the grid.
    """
    positive = {event.event_id for event in results.plan.any_plan.events if event.y_true == 1}
    protocols: dict[str, dict[str, Any]] = {}
    for protocol in results.plan.protocols:
        per_row = {
            backbone: {
                event_id: seizure_clip_scores(windows, is_positive=event_id in positive)
                for event_id, (_, windows) in results.windows(protocol, backbone).items()
            }
            for backbone in results.clips.tables
        }
        available = {backbone: scores for backbone, scores in per_row.items() if scores}
        tests = compare_rows(
            {
                backbone: {
                    metric: np.array([getattr(one, metric) for one in scores.values()])
                    for metric in METRICS_OF_CLIPS
                }
                for backbone, scores in available.items()
            }
        )
        protocols[protocol] = {
            "rows": [
                _row(results, backbone, available.get(backbone, {})) for backbone in results.plan.backbones
            ],
            "rule": rule_row(rule_scores(results, protocol, positive), available, METRICS_OF_CLIPS),
            "tests": [asdict(test) for test in tests.tests],
            "level_bonferroni": tests.level,
        }
    pair = compared_protocols(results) or results.plan.protocols[:2]
    split = None
    if len(pair) == 2:
        first, second = pair
        rows = effect_of_split(protocols[first]["rows"], protocols[second]["rows"])
        split = {"from": first, "to": second, "rows": rows}
    return {"protocols": protocols, "split": split}


def effect_of_split(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return how much better each row looks under the first protocol, over the seizures that have both values.

    A fold that failed under one protocol takes its seizures away there; the medians of what is left would be those
    of other seizures. What only one protocol has is left out and told.

    Args:
        first: Rows of the table under the protocol that may flatter.
        second: Rows under the other, of the same backbones.

    Returns:
        Per backbone ``only_from`` and ``only_to`` (seizures that only one protocol scored) and ``metrics``: per
        metric ``from`` and ``to`` (median and inter-quartile range), ``difference`` of the medians (positive: the
        first looks better; NaN without a common seizure) and ``num_left_out`` (values that only one protocol has).
    """
    other = {row["backbone"]: row["per_seizure"] for row in second}
    rows = []
    for row in first:
        one, two = row["per_seizure"], other[row["backbone"]]
        rows.append(
            {
                "backbone": row["backbone"],
                "title": row["title"],
                "only_from": sorted(set(one) - set(two)),
                "only_to": sorted(set(two) - set(one)),
                "metrics": {metric: _both(one, two, metric) for metric in METRICS_OF_CLIPS},
            }
        )
    return rows


def _both(
    first: Mapping[str, Mapping[str, float]], second: Mapping[str, Mapping[str, float]], metric: str
) -> dict[str, Any]:
    values = [
        {name: scores[metric] for name, scores in side.items() if not math.isnan(scores[metric])}
        for side in (first, second)
    ]
    common = sorted(set(values[0]) & set(values[1]))
    before, after = (median_iqr(np.array([side[name] for name in common], dtype=float)) for side in values)
    return {
        "from": asdict(before),
        "to": asdict(after),
        "difference": before.median - after.median,
        "num_left_out": len(set(values[0]) ^ set(values[1])),
    }


def table_summary(table: Mapping[str, Any]) -> list[str]:
    """Return the table in a few lines, for the terminal."""
    lines = []
    for protocol, part in table["protocols"].items():
        lines.append(f"{protocol}: median (inter-quartile range) over seizures, in per cent")
        rule = part["rule"]
        named = f"Rule: {RULE_TITLE}"
        width = max(len(title) for title in (named, *(row["title"] for row in part["rows"])))
        for row in part["rows"]:
            if not row["available"]:
                lines.append(f"  {row['title']:<{width}}  not available: {row['reason']}")
                continue
            lines.append(f"  {row['title']:<{width}}  {_spreads(row)}")
        if rule["num_seizures"]:
            lines.append(f"  {named:<{width}}  {_spreads(rule)}")
            above = {
                test["better"]
                for test in rule["tests"]
                if test["metric"] == "accuracy" and test["significant"]
            }
            titles = [row["title"] for row in part["rows"] if row["backbone"] in above]
            lines.append(
                f"  The rule is right on every clip of {rule['num_all_right']} of {rule['num_seizures']} seizures. "
                f"Significantly above it in accuracy: {', '.join(titles) or 'no network'}."
            )
    return lines


def _row(results: StudyResults, backbone: str, scores: Mapping[str, SeizureClipScores]) -> dict[str, Any]:
    spec = backbone_spec(backbone)
    extractors = (published_values(results.plan.config.recipe).get("extractors") or {}).get("rows", ())
    published: dict[str, Any] = next((row for row in extractors if row["backbone"] == backbone), {})
    table = results.clips.tables.get(backbone)
    reason = results.unavailable.get(backbone, "")
    if not scores and not reason:
        reason = "no training of this row succeeded; see the failures"
    values = {
        metric: asdict(median_iqr(np.array([getattr(one, metric) for one in scores.values()], dtype=float)))
        for metric in METRICS_OF_CLIPS
    }
    return {
        "backbone": backbone,
        "title": published.get("title", f"{backbone} ({spec.frames_per_clip})"),
        "frames": spec.frames_per_clip,
        "parameters_millions": spec.num_parameters / 1e6,
        "num_features": spec.num_features,
        "available": bool(scores),
        "reason": reason,
        "num_clips": 0 if table is None else int(table.is_training.sum()),
        "num_windows": 0 if table is None else int(table.is_window.sum()),
        **values,
        "per_seizure": {
            event_id: {metric: getattr(one, metric) for metric in METRICS_OF_CLIPS}
            for event_id, one in scores.items()
        },
        "published": {metric: published[metric] for metric in METRICS_OF_CLIPS} if published else {},
    }


def _spreads(row: Mapping[str, Any]) -> str:
    return "  ".join(f"{metric} {_spread(row[metric])}" for metric in METRICS_OF_CLIPS)


def _spread(values: Mapping[str, Any]) -> str:
    if values["median"] != values["median"]:
        return "undefined"
    return f"{100 * values['median']:.1f} ({100 * values['iqr']:.1f})"
