"""The threshold of the positive class: the usual one, and those that the inner splits of the folds chose."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from semioscope.runs.results import EventScores, ViewScore
from semioscope.scoring import bootstrap_patients, find_metric

THRESHOLD = 0.5
"""Of the score of the positive class; as in the paper."""


def inner_threshold(
    views: Sequence[ViewScore],
    events: EventScores,
    classes: Sequence[str],
    fold_results: Mapping[int, Mapping[str, Any]],
    *,
    seed: int,
) -> tuple[dict[str, Any], str]:
    """Return the scores under the thresholds that the inner splits chose, and a sentence about them.

    An event that several folds tested has the mean of their thresholds, as it has that of their scores.
    """
    chosen = {fold: result.get("threshold") for fold, result in fold_results.items()}
    known = [value for value in chosen.values() if value is not None]
    if not known:
        return {}, ""
    tested_in: dict[str, set[int]] = {event_id: set() for event_id in events.event_ids}
    for view in views:
        tested_in[view.example.event_id].add(view.fold)
    used = {fold: THRESHOLD if value is None else value for fold, value in chosen.items()}
    thresholds = np.array(
        [np.mean([used[fold] for fold in sorted(tested_in[event_id])]) for event_id in events.event_ids]
    )
    scores = {
        name: asdict(
            bootstrap_patients(
                find_metric(name),
                events.y_true,
                events.y_score,
                events.patients,
                threshold=thresholds,
                seed=seed,
                class_names=classes,
            )
        )
        for name in ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity")
    }
    low, high, usual = (f"{value:.2f}" for value in (min(known), max(known), THRESHOLD))
    if low == high == usual:
        return scores, ""
    told = low if low == high else f"{low} to {high}"
    accuracy, balanced = (100 * scores[name]["value"] for name in ("accuracy", "balanced_accuracy"))
    note = (
        f"With the threshold chosen inside the training patients of each fold ({told} instead of {usual}), "
        f"accuracy is {accuracy:.1f} % and balanced accuracy {balanced:.1f} %."
    )
    return scores, note
