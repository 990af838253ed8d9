"""Every usual average of the scored events, beside "always the larger class" and what the paper printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Int

from semioscope.recipes.published_hou import published_confusion
from semioscope.runs.results import EventScores
from semioscope.scoring import (
    AVERAGES,
    OF_A_CLASS,
    Metric,
    against_rest,
    always_largest,
    averages_of_table,
    bootstrap_patients,
    confusion,
)


def event_averages(events: EventScores, classes: Sequence[str], *, recipe: str, seed: int) -> dict[str, Any]:
    """Return ``averages`` of ``scores.json``.

    Args:
        events: Out-of-fold scores; called at the threshold 0.5.
        classes: Names of the classes.
        recipe: Name of the recipe, for what its paper printed.
        seed: Seed of the run; of the resamples of patients.

    Returns:
        ``overall`` and ``per_class`` with an interval over patients each, ``largest`` (the same averages, without
        intervals, had every event been called the class with most events) and ``published``: what the paper printed
        of whole seizures, with the averages of its matrix; empty if nothing is known.
    """

    def estimate(metric: Metric) -> dict[str, Any]:
        found = bootstrap_patients(
            metric, events.y_true, events.y_score, events.patients, seed=seed, class_names=classes
        )
        return asdict(found)

    table = confusion(events.y_true, events.y_score)
    return {
        "overall": {name: estimate(metric) for name, metric in AVERAGES.items()},
        "per_class": [
            {
                "class": name,
                "num_events": int(table[index].sum()),
                **{metric: estimate(against_rest(metric, index)) for metric in OF_A_CLASS},
            }
            for index, name in enumerate(classes)
        ],
        "largest": largest_class(table, classes),
        "published": published_averages(recipe, classes),
    }


def largest_class(
    table: Int[np.ndarray, "num_classes num_classes"], classes: Sequence[str]
) -> dict[str, Any]:
    """Return the averages had every example been called the class with most examples, and which that is."""
    index, always = always_largest(table)
    return {"class": classes[index], **_plain(always, classes)}


def published_averages(recipe: str, classes: Sequence[str]) -> dict[str, Any]:
    """Return what the paper behind a recipe printed, with all averages of its confusion matrix; or nothing."""
    paper = published_confusion(recipe, classes=tuple(classes))
    if not paper:
        return {}
    table = np.array(paper["confusion"], dtype=np.int64)
    return paper | {"recomputed": _plain(table, classes), "largest": largest_class(table, classes)}


def _plain(table: Int[np.ndarray, "num_classes num_classes"], classes: Sequence[str]) -> dict[str, Any]:
    found = averages_of_table(table)
    per_class: list[Mapping[str, Any]] = [
        {"class": name, **values} for name, values in zip(classes, found.per_class, strict=True)
    ]
    return {"overall": dict(found.overall), "per_class": per_class}
