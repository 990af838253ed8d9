"""Which events are compared, patient by patient, and on which of them runs disagree."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from semioscope.runs.compare_checks import Comparability
from semioscope.runs.results import EventScores
from semioscope.scoring import predict_classes


def event_counts(side: EventScores, found: Comparability, classes: Sequence[str]) -> dict[str, Any]:
    """Return how many events are compared, of which classes, and which are not."""
    counts = Counter(side.y_true.tolist())
    return {
        "num_common": len(side.event_ids),
        "num_patients": len(set(side.patients)),
        "per_class": {name: counts[index] for index, name in enumerate(classes)},
        "left_out": [
            {
                "event_id": event.event_id,
                "not_scored": list(event.not_scored),
                "not_tested": list(event.not_tested),
            }
            for event in found.left_out
        ],
    }


def per_patient(
    sides: Sequence[EventScores], classes: Sequence[str], *, threshold: float
) -> list[dict[str, Any]]:
    """Return a row per patient: events by class, and per run how many were right and how probable the truth was."""
    first = sides[0]
    predicted = [predict_classes(side.y_score, threshold=threshold) for side in sides]
    of_truth = [side.y_score[np.arange(len(side.y_true)), side.y_true] for side in sides]
    rows = []
    for patient_id in sorted(set(first.patients)):
        mine = np.array([patient == patient_id for patient in first.patients])
        counts = Counter(first.y_true[mine].tolist())
        rows.append(
            {
                "patient_id": patient_id,
                "num_events": int(mine.sum()),
                "classes": {name: counts[index] for index, name in enumerate(classes)},
                "num_correct": [int((called == first.y_true)[mine].sum()) for called in predicted],
                "mean_score_of_truth": [float(scores[mine].mean()) for scores in of_truth],
            }
        )
    return rows


def disagreements(
    sides: Sequence[EventScores], classes: Sequence[str], *, threshold: float
) -> list[dict[str, Any]]:
    """Return the events that runs call differently, ordered by event id."""
    predicted = np.stack([predict_classes(side.y_score, threshold=threshold) for side in sides])
    first = sides[0]
    return [
        {
            "event_id": first.event_ids[i],
            "patient_id": first.patients[i],
            "truth": classes[int(first.y_true[i])],
            "calls": [
                {
                    "class": classes[int(called)],
                    "score": float(side.y_score[i, 1 if len(classes) == 2 else int(called)]),
                    "correct": bool(called == first.y_true[i]),
                }
                for side, called in zip(sides, predicted[:, i], strict=True)
            ],
        }
        for i in np.flatnonzero((predicted != predicted[0]).any(axis=0)).tolist()
    ]
