"""Curves over all thresholds with a band that says how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.scoring.ranking import precision_on_grid, ranked, roc_on_grid
from semioscope.scoring.resampling import (
    LEAST_DEFINED,
    MIN_PATIENTS,
    drawn_weights,
    ends,
    mostly_undefined,
    too_few,
)
from semioscope.scoring.undefined import undefined

_CURVES = {"roc": roc_on_grid, "pr": precision_on_grid}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveBand:
    """A curve on a grid with a band that holds for each grid point by itself.

    Args:
        kind: ``roc`` (grid: false positive rate; value: sensitivity) or ``pr`` (grid: sensitivity; value:
            precision).
        grid: Ascending from 0 to 1.
        value: On all examples; NaN if undefined.
        low: Lower edge; NaN if there is no band.
        high: Upper edge.
        num_resamples: Resamples that were drawn.
        num_dropped: Resamples on which the curve was undefined.
        note: Empty, or the sentence that says why there is no band.
        confidence: Of the band.
    """

    kind: str
    grid: Float[np.ndarray, " num_grid"]
    value: Float[np.ndarray, " num_grid"]
    low: Float[np.ndarray, " num_grid"]
    high: Float[np.ndarray, " num_grid"]
    num_resamples: int
    num_dropped: int
    note: str
    confidence: float = 0.95


def bootstrap_curve(
    kind: str,
    y_true: Int[np.ndarray, " num_examples"],
    score: Float[np.ndarray, " num_examples"],
    patients: Sequence[str],
    *,
    num_grid: int = 101,
    seed: int = 0,
    num_resamples: int = 2000,
    confidence: float = 0.95,
    min_patients: int = MIN_PATIENTS,
    class_names: Sequence[str] | None = None,
) -> CurveBand:
    """Return a ROC or precision-sensitivity curve with a band over resampled patients.

    Args:
        kind: ``roc`` or ``pr``.
        y_true: 1 for the positive class, 0 otherwise.
        score: Higher means positive; finite.
        patients: Patient of each example.
        num_grid: Points of the grid from 0 to 1.
        seed: As for ``bootstrap_patients``, as are the others.
        num_resamples: Resamples.
        confidence: Of the band at each point of the grid.
        min_patients: Fewest patients for a band.
        class_names: For the sentence; their indices otherwise.

    Raises:
        ConfigError: If the kind is unknown.
    """
    if kind not in _CURVES:
        raise ConfigError(unknown_name("curve", kind, _CURVES))
    grid = np.linspace(0, 1, num_grid)
    positive, score = y_true == 1, score.astype(np.float64)

    def curves(
        weights: Float[np.ndarray, "num_resamples num_examples"],
    ) -> Float[np.ndarray, "num_resamples num_grid"]:
        return _CURVES[kind](ranked(positive, score, weights), grid)

    value = curves(np.ones((1, len(y_true))))[0]
    if np.isnan(value).any():
        undefined(f"The {kind} curve", "it needs positive and negative examples")
    note = too_few(y_true, patients, min_patients=min_patients, class_names=class_names)
    drawn = np.full((0, num_grid), np.nan)
    if not note:
        drawn = np.concatenate(
            [
                curves(weights)
                for weights in drawn_weights(y_true, patients, seed=seed, num_resamples=num_resamples)
            ]
        )
    kept = drawn[np.isfinite(drawn).all(axis=1)]
    if not note and len(kept) < LEAST_DEFINED * num_resamples:
        note = mostly_undefined(num_resamples - len(kept), num_resamples)
    low, high = ends(kept, confidence) if not note else (np.full(num_grid, np.nan), np.full(num_grid, np.nan))
    return CurveBand(
        kind=kind, grid=grid, value=value, low=low, high=high, num_resamples=len(drawn),
        num_dropped=len(drawn) - len(kept), note=note, confidence=confidence,
    )  # fmt: skip
