"""The yardstick of a table of feature extractors: the rule that no clip is tonic-clonic, which needs no network."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from semioscope.runs.study_events import StudyResults
from semioscope.scoring import (
    SeizureClipScores,
    WindowScores,
    bonferroni,
    mann_whitney_one_tailed,
    median_iqr,
    seizure_clip_scores,
)

RULE = "none"
RULE_TITLE = "no clip is tonic-clonic"


def rule_scores(
    results: StudyResults, protocol: str, positive: Collection[str]
) -> dict[str, SeizureClipScores]:
    """Return how the rule does on every seizure that a network scored, by event.

    The windows are those of the first feature extractor that scored the seizure; all have the same centres.
    Every window gets the probability 0.

    Args:
        results: The study.
        protocol: Which folds.
        positive: Events of the positive class.
    """
    windows: dict[str, list[WindowScores]] = {}
    for backbone in results.clips.tables:
        for event_id, (_, views) in results.windows(protocol, backbone).items():
            windows.setdefault(
                event_id, [replace(view, y_score=np.zeros(view.num_windows)) for view in views]
            )
    return {
        event_id: seizure_clip_scores(views, is_positive=event_id in positive)
        for event_id, views in sorted(windows.items())
    }


def rule_row(
    rule: Mapping[str, SeizureClipScores],
    rows: Mapping[str, Mapping[str, SeizureClipScores]],
    metrics: Sequence[str],
) -> dict[str, Any]:
    """Return the row of the rule, and whether each network does better.

    A seizure without a tonic-clonic clip has every clip right. Where more than half of the seizures are such, the
    median accuracy of the rule is 1; its F1 is 0, and the area under the precision-recall curve is the share of
    tonic-clonic clips.

    Args:
        rule: Its scores by event.
        rows: Those of the networks, by backbone and event.
        metrics: Of which medians and tests are given.

    Returns:
        Median and inter-quartile range per metric, ``num_seizures``, ``num_all_right`` (seizures with every clip
        right), ``per_seizure``, and ``tests``: per metric and network a one-tailed Mann-Whitney U test that the
        network is larger, corrected for the number of networks; ``level_bonferroni``.
    """
    values = {metric: _values(rule, metric) for metric in metrics}
    tests: list[dict[str, Any]] = []
    level = float("nan")
    for metric in metrics if rows else ():
        found = {
            name: mann_whitney_one_tailed(_values(own, metric), values[metric]) for name, own in rows.items()
        }
        corrected = bonferroni(np.array([test.p_value for test in found.values()]))
        level = corrected.level
        tests += [
            {
                "metric": metric,
                "better": name,
                "worse": RULE,
                "p_value": test.p_value,
                "adjusted": float(corrected.adjusted[k]),
                "significant": bool(corrected.significant[k]),
                "num_a": test.num_a,
                "num_b": test.num_b,
            }
            for k, (name, test) in enumerate(found.items())
        ]
    return {
        "title": RULE_TITLE,
        "num_seizures": len(rule),
        "num_all_right": sum(one.accuracy == 1 for one in rule.values()),
        **{metric: asdict(median_iqr(values[metric])) for metric in metrics},
        "per_seizure": {
            name: {metric: getattr(one, metric) for metric in metrics} for name, one in rule.items()
        },
        "tests": tests,
        "level_bonferroni": level,
    }


def _values(scores: Mapping[str, SeizureClipScores], metric: str) -> np.ndarray:
    return np.array([getattr(one, metric) for one in scores.values()], dtype=float)
