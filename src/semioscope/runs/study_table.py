"""The table of feature extractors: how well each tells the clips of a seizure apart, and whether they differ."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from semioscope.networks import backbone_spec
from semioscope.recipes import published_values
from semioscope.runs.study_events import StudyResults
from semioscope.scoring import SeizureClipScores, compare_rows, median_iqr, seizure_clip_scores

METRICS_OF_CLIPS = ("accuracy", "f1", "auc")


def table_of_backbones(results: StudyResults) -> dict[str, Any]:
    """Return the rows and the tests of every protocol.

    References:
        Methods: GESTURES 2021, Table 1; rows in the order of the grid.
    """
    positive = {event.event_id for event in results.plan.any_plan.events if event.y_true == 1}
    protocols = {}
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
            "tests": [asdict(test) for test in tests.tests],
            "level_bonferroni": tests.level,
        }
    return {"protocols": protocols}


def table_summary(table: Mapping[str, Any]) -> list[str]:
    """Return the table in a few lines, for the terminal."""
    lines = []
    for protocol, part in table["protocols"].items():
        lines.append(f"{protocol}: median (inter-quartile range) over seizures, in per cent")
        width = max(len(row["title"]) for row in part["rows"])
        for row in part["rows"]:
            if not row["available"]:
                lines.append(f"  {row['title']:<{width}}  not available: {row['reason']}")
                continue
            shown = "  ".join(f"{metric} {_spread(row[metric])}" for metric in METRICS_OF_CLIPS)
            lines.append(f"  {row['title']:<{width}}  {shown}")
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


def _spread(values: Mapping[str, Any]) -> str:
    if values["median"] != values["median"]:
        return "undefined"
    return f"{100 * values['median']:.1f} ({100 * values['iqr']:.1f})"
