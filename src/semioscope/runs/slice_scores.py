"""``slices`` of ``scores.json``: how good every slice of an event was told, fold by fold.

Methods: Karácsony 2020, section 4.2, and 2022, "Classification of I3D features": macro averages per slice of each
fold, then mean and population standard deviation over the folds; as in the papers. Ours beside it: the same figures
over all folds together with an interval over patients, because slices of one patient resemble each other.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.plans import SlicePlan
from semioscope.recipes.published_karacsony import published_slices
from semioscope.runs.results import ViewScore
from semioscope.runs.slice_facts import pace, undefined_scores
from semioscope.scoring import (
    METRICS,
    ClassScores,
    UndefinedScoreWarning,
    bootstrap_patients,
    confusion,
    per_class,
)
from semioscope.scoring.ranking import area_under_roc, ranked, roc_on_grid

POOLED = ("macro_f1", "accuracy", "auroc")
OF_A_CLASS = ("sensitivity", "specificity", "precision", "f1")
_ROC_POINTS = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRows:
    """All slices that were scored; an event that several folds test has its slices once per fold."""

    folds: Int[np.ndarray, " num_slices"]
    event_ids: tuple[str, ...]
    patients: tuple[str, ...]
    y_true: Int[np.ndarray, " num_slices"]
    y_score: Float[np.ndarray, "num_slices num_classes"]

    def at(self, chosen: Bool[np.ndarray, " num_slices"]) -> "SliceRows":
        """Return some of the slices."""
        where = np.flatnonzero(chosen)
        return SliceRows(
            folds=self.folds[where],
            event_ids=tuple(self.event_ids[i] for i in where),
            patients=tuple(self.patients[i] for i in where),
            y_true=self.y_true[where],
            y_score=self.y_score[where],
        )


def slice_scores(
    views: Sequence[ViewScore],
    *,
    classes: Sequence[str],
    slices: SlicePlan,
    recipe: str,
    aggregator: str,
    seed: int,
    extended: bool = False,
) -> dict[str, Any]:
    """Return the section ``slices`` of ``scores.json``, as ``docs/formats.md`` describes it.

    With two classes, class 1 is called from a probability of 0.5 on. In a fold that tests no slice of a class,
    everything that needs that class is NaN, is told in a note, and stays out of the means.

    Args:
        views: What the folds say of the tested views; each has the class probabilities of its slices in
            ``row["clip"]``. A view may stand in several folds.
        classes: Names of the classes.
        slices: The slices.
        recipe: Name of the recipe, for the published values.
        aggregator: Name of the classifier, for the published values.
        seed: Of the run.
        extended: Whether the classifier has the sizes of the extended architecture, for the published values.

    Raises:
        ValueError: If no slice was scored.
    """
    rows = _rows(views, num_classes=len(classes))
    with warnings.catch_warnings():
        # what is undefined is NaN in the file and "undefined" in the report, with its reason
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        folds = [_fold(rows.at(rows.folds == fold), int(fold), classes) for fold in np.unique(rows.folds)]
        pooled = {
            name: asdict(
                bootstrap_patients(
                    METRICS[name], rows.y_true, rows.y_score, rows.patients, seed=seed, class_names=classes
                )
            )
            for name in POOLED
        }
    return {
        "plan": {**slices.model_dump(), "nominal_seconds": slices.seconds},
        "num_slices": len(rows.y_true),
        "num_patients": len(set(rows.patients)),
        "per_fold": folds,
        "mean": {name: spread([fold[name] for fold in folds]) for name in SLICE_METRICS},
        "per_class": [_class_over_folds(folds, number, name) for number, name in enumerate(classes)],
        "roc": [_mean_roc(curves) for curves in zip(*(fold["roc"] for fold in folds), strict=True)],
        "pooled": pooled,
        "confusion": np.sum([fold["confusion"] for fold in folds], axis=0).tolist(),
        "pace": pace(view.example for view in views),
        "published": published_slices(
            recipe, num_classes=len(classes), aggregator=aggregator, extended=extended
        ),
        "notes": undefined_scores(folds),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the mean and the population standard deviation of what is defined, and of how many that is.

    One value has no standard deviation: it is NaN.

    Examples:
        >>> spread([0.5, math.nan, 1.0])
        {'mean': 0.75, 'sd': 0.25, 'num_folds': 2}
    """
    known = [value for value in values if math.isfinite(value)]
    return {
        "mean": float(np.mean(known)) if known else math.nan,
        "sd": float(np.std(known)) if len(known) > 1 else math.nan,
        "num_folds": len(known),
    }


def _rows(views: Sequence[ViewScore], *, num_classes: int) -> SliceRows:
    counts = [len(view.row["clip"]) for view in views]
    scores = [np.asarray(view.row["clip"], dtype=np.float64).reshape(-1, num_classes) for view in views]
    if not sum(counts):
        msg = f"Scores of slices need at least one slice, got {len(views)} views without any."
        raise ValueError(msg)
    examples = [view.example for view, count in zip(views, counts, strict=True) for _ in range(count)]
    return SliceRows(
        folds=np.repeat(np.array([view.fold for view in views], dtype=np.int64), counts),
        event_ids=tuple(example.event_id for example in examples),
        patients=tuple(example.patient_id for example in examples),
        y_true=np.array([example.y_true for example in examples], dtype=np.int64),
        y_score=np.concatenate(scores),
    )


def _fold(rows: SliceRows, fold: int, classes: Sequence[str]) -> dict[str, Any]:
    own = per_class(rows.y_true, rows.y_score)
    return {
        "fold": fold,
        "num_slices": len(rows.y_true),
        "num_events": len(set(rows.event_ids)),
        "num_patients": len(set(rows.patients)),
        "confusion": confusion(rows.y_true, rows.y_score).tolist(),
        **{name: score(rows, own) for name, score in SLICE_METRICS.items()},
        "per_class": [
            {"class": name, "num_slices": row.num_true, "num_called": row.num_predicted}
            # of a class that is not there only the others can be judged: how many of them were not called so
            | {key: getattr(row, key) if row.num_true or key == "specificity" else math.nan for key in OF_A_CLASS}
            for name, row in zip(classes, own, strict=True)
        ],
        "roc": [_roc(rows, number, classes[number]) for number in _curves(len(classes))],
    }  # fmt: skip


def _of_every_class(name: str) -> Callable[[SliceRows, Sequence[ClassScores]], float]:
    """Return a mean over classes, which is NaN where it is undefined for one of them, or a class is not there."""

    def mean(rows: SliceRows, own: Sequence[ClassScores]) -> float:
        del rows
        if not all(row.num_true for row in own):
            return math.nan
        return float(np.mean([getattr(row, name) for row in own]))

    return mean


SLICE_METRICS: dict[str, Callable[[SliceRows, Sequence[ClassScores]], float]] = {
    "macro_f1": _of_every_class("f1"),
    "macro_precision": _of_every_class("precision"),
    "macro_sensitivity": _of_every_class("sensitivity"),
    "accuracy": lambda rows, own: METRICS["accuracy"](rows.y_true, rows.y_score),
    "auroc": lambda rows, own: METRICS["auroc"](rows.y_true, rows.y_score),
}
"""Scores of the slices of one fold."""


def _curves(num_classes: int) -> Sequence[int]:
    """Return the classes that have a ROC curve: the positive one, or each against the rest."""
    return [1] if num_classes == 2 else range(num_classes)


def _roc(rows: SliceRows, number: int, name: str) -> dict[str, Any]:
    """Return the curve at an even grid of false positive rates, and the area under it."""
    grid = np.linspace(0, 1, _ROC_POINTS)
    points = ranked(rows.y_true == number, rows.y_score[:, number], np.ones((1, len(rows.y_true))))
    height, area = roc_on_grid(points, grid)[0], float(area_under_roc(points)[0])
    return {"class": name, "x": grid.tolist(), "y": height.tolist(), "auroc": area}


def _mean_roc(curves: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean sensitivity over the folds at each false positive rate; undefined curves stay out."""
    heights = [curve["y"] for curve in curves if math.isfinite(curve["auroc"])]
    mean = np.mean(heights, axis=0) if heights else np.full(_ROC_POINTS, math.nan)
    return {
        "class": curves[0]["class"],
        "x": curves[0]["x"],
        "y": mean.tolist(),
        "auroc": spread([curve["auroc"] for curve in curves]),
    }


def _class_over_folds(folds: Sequence[Mapping[str, Any]], number: int, name: str) -> dict[str, Any]:
    own = [fold["per_class"][number] for fold in folds]
    return {
        "class": name,
        "num_slices": sum(row["num_slices"] for row in own),
        **{key: spread([row[key] for row in own]) for key in OF_A_CLASS},
    }
