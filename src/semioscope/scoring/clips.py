"""Scores of clips, one value per seizure: what a table of feature extractors is made of, and its tests.

The unit is the seizure. A window slides over each of its views; the probabilities of the views are averaged
moment by moment, and every seizure gives one accuracy, one F1 and one area.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.scoring.classification import METRICS
from semioscope.scoring.tests import bonferroni, mann_whitney_one_tailed
from semioscope.scoring.undefined import undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowScores:
    """The scored windows of one view of a seizure, or of the seizure itself.

    Args:
        window_number: Moment of each window; ascending, none twice. Views share these numbers.
        start_seconds: When each window starts, from the seizure's onset.
        y_true: 1 at or after the clonic onset, else 0.
        y_score: Probability of 1, in [0, 1].
    """

    window_number: Int[np.ndarray, " num_windows"]
    start_seconds: Float[np.ndarray, " num_windows"]
    y_true: Int[np.ndarray, " num_windows"]
    y_score: Float[np.ndarray, " num_windows"]

    def __post_init__(self) -> None:
        if (np.diff(self.window_number) <= 0).any():
            msg = (
                "Windows must come in the order of their numbers, none twice. Sort them, or join views first."
            )
            raise ValueError(msg)
        if not ((self.y_score >= 0) & (self.y_score <= 1)).all():
            msg = "Scores of windows must be probabilities in [0, 1]. Leave out windows without features."
            raise ValueError(msg)

    @property
    def num_windows(self) -> int:
        """How many windows there are."""
        return len(self.window_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeizureClipScores:
    """How well the windows of one seizure are told apart; NaN where a score is undefined or does not apply.

    Args:
        accuracy: Fraction of windows that are right.
        f1: Harmonic mean of precision and sensitivity of class 1; seizures of the positive class only.
        auc: Area under the precision-sensitivity curve (average precision); seizures of the positive class only.
        num_windows: Windows of the seizure, views joined.
        num_positive_windows: Those of class 1.
        num_views: Views that have a window.
    """

    accuracy: float
    f1: float
    auc: float
    num_windows: int
    num_positive_windows: int
    num_views: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianIqr:
    """The middle of values, and how far they spread.

    Args:
        median: NaN without values.
        iqr: Upper minus lower quartile, linearly interpolated; NaN without values.
        num: Values that are defined.
    """

    median: float
    iqr: float
    num: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTest:
    """Whether the seizures of one row of a table tend to have larger values than those of another.

    Args:
        metric: What is compared.
        better: Row that is asked to be larger.
        worse: Row that it is compared with.
        p_value: One-tailed; NaN if undefined.
        adjusted: p times the number of comparisons, at most 1.
        significant: p below the corrected level.
        u: Mann-Whitney U of ``better``.
        num_a: Defined values of ``better``.
        num_b: Defined values of ``worse``.
    """

    metric: str
    better: str
    worse: str
    p_value: float
    adjusted: float
    significant: bool
    u: float
    num_a: int
    num_b: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTests:
    """All ordered pairs of rows, per metric.

    Args:
        level: alpha / (e (e - 1)) for e rows; NaN with fewer than two.
        tests: By metric, then by pair, in the order of the rows.
    """

    level: float
    tests: tuple[RowTest, ...]


def average_windows(views: Sequence[WindowScores]) -> WindowScores:
    """Return the windows of a seizure: at each moment the mean over the views that have it.

    A moment that one view lacks is taken from the others. Where views differ in the class of a moment, because
    their clonic onsets differ, it is 1 if at least half of them say so. The order of the views does not matter,
    to the last bit.

    Raises:
        ValueError: If there is no view.

    References:
        Methods: GESTURES 2021, Table 1; as in the paper.
    """
    if not views:
        msg = "A seizure needs at least one view, got none. Leave it out."
        raise ValueError(msg)
    number = np.concatenate([view.window_number for view in views])
    columns = [
        np.concatenate([getattr(view, name) for view in views]).astype(np.float64)
        for name in ("start_seconds", "y_true", "y_score")
    ]
    moments, group, count = np.unique(number, return_inverse=True, return_counts=True)
    means = []
    for column in columns:
        order = np.lexsort((column, group))  # sums of the same numbers in the same order
        means.append(np.bincount(group[order], weights=column[order], minlength=len(moments)) / count)
    start_seconds, share, y_score = means
    return WindowScores(
        window_number=moments,
        start_seconds=start_seconds,
        y_true=(share >= 0.5).astype(np.int64),
        y_score=np.clip(y_score, 0, 1),
    )


def seizure_clip_scores(
    views: Sequence[WindowScores], *, is_positive: bool, threshold: float = 0.5
) -> SeizureClipScores:
    """Return how well the windows of a seizure are told apart, its views joined by ``average_windows``.

    Undefined scores are NaN without a warning: among many seizures some are, and ``median_iqr`` counts those
    that are defined.

    Args:
        views: One or more views of the seizure.
        is_positive: Whether the seizure has a phase of class 1; F1 and the area are asked of such seizures only.
        threshold: From this probability on a window is predicted as 1.

    Raises:
        ValueError: If there is no view.

    References:
        Methods: GESTURES 2021, Table 1; as in the paper, with average precision for the area.
    """
    joined = average_windows(views)
    scores = dict.fromkeys(("accuracy", "f1", "auprc"), math.nan)
    if joined.num_windows:
        y_score = np.stack([1 - joined.y_score, joined.y_score], axis=1)
        once = np.ones((1, joined.num_windows))
        for name in scores if is_positive else ("accuracy",):
            values = METRICS[name].weighted(joined.y_true, y_score, once, threshold=threshold)
            scores[name] = float(values[0])
    return SeizureClipScores(
        accuracy=scores["accuracy"],
        f1=scores["f1"],
        auc=scores["auprc"],
        num_windows=joined.num_windows,
        num_positive_windows=int(joined.y_true.sum()),
        num_views=sum(view.num_windows > 0 for view in views),
    )


def mean_clip_score(views: Sequence[WindowScores]) -> float:
    """Return the mean probability of a seizure's windows: over time in each view, then over the views.

    The simplest score of a seizure that a classifier of clips can give. It falls with the share of the clonic
    phase, which is why it needs a model of the whole seizure to beat it. NaN, with a warning, without windows.

    References:
        Methods: GESTURES 2021, Figure 2; the paper argues against it.
    """
    means = [math.fsum(view.y_score.tolist()) / view.num_windows for view in views if view.num_windows]
    if not means:
        return undefined("The mean of clip probabilities", "it needs at least one scored window")
    return math.fsum(means) / len(means)


def median_iqr(values: Float[np.ndarray, " num_values"]) -> MedianIqr:
    """Return median and inter-quartile range of the values that are not NaN; NaN, with a warning, of none.

    Examples:
        >>> median_iqr(np.array([1.0, 2.0, 3.0, 4.0, np.nan]))
        MedianIqr(median=2.5, iqr=1.5, num=4)
    """
    there = values[~np.isnan(values)]
    if len(there) == 0:
        nothing = undefined("The median", "it needs at least one defined value")
        return MedianIqr(median=nothing, iqr=nothing, num=0)
    low, middle, high = np.quantile(there, [0.25, 0.5, 0.75])
    return MedianIqr(median=float(middle), iqr=float(high - low), num=len(there))


def compare_rows(
    rows: Mapping[str, Mapping[str, Float[np.ndarray, " num_seizures"]]], *, alpha: float = 0.05
) -> RowTests:
    """Ask of every ordered pair of rows whether the first has larger values, per metric.

    Rows may have different seizures; values that are NaN are left out. A test without values in a row is NaN,
    with a warning.

    Args:
        rows: Per row of a table and metric, one value per seizure; every row has the metrics of the first.
        alpha: Level for all comparisons of a metric together.

    Raises:
        ValueError: If a row lacks a metric.

    References:
        Methods: GESTURES 2021, Table 1: one-tailed Mann-Whitney U tests, Bonferroni over e (e - 1) pairs; as in
        the paper. The test treats the rows as independent samples, though they share seizures.
    """
    pairs = list(itertools.permutations(rows, 2))
    if not pairs:
        return RowTests(level=math.nan, tests=())
    metrics = list(next(iter(rows.values())))
    for name, values in rows.items():
        if lacking := [metric for metric in metrics if metric not in values]:
            msg = f"Row {name!r} must have values of {', '.join(lacking)} to be compared. Score it in the same way."
            raise ValueError(msg)
    tests = []
    level = math.nan
    for metric in metrics:
        found = [mann_whitney_one_tailed(rows[a][metric], rows[b][metric]) for a, b in pairs]
        corrected = bonferroni(np.array([test.p_value for test in found]), alpha=alpha)
        level = corrected.level
        tests += [
            RowTest(
                metric=metric,
                better=better,
                worse=worse,
                p_value=test.p_value,
                adjusted=float(corrected.adjusted[k]),
                significant=bool(corrected.significant[k]),
                u=test.u,
                num_a=test.num_a,
                num_b=test.num_b,
            )
            for k, ((better, worse), test) in enumerate(zip(pairs, found, strict=True))
        ]
    return RowTests(level=level, tests=tuple(tests))
