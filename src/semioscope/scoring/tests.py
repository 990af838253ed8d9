"""Tests between models, and agreement between annotators."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from semioscope.scoring.undefined import undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTest:
    """Result of a Mann-Whitney U test.

    Args:
        u: Pairs in which the first sample is larger, ties counted half; NaN if undefined.
        p_value: One-tailed; NaN if undefined.
        effect: u over the number of pairs: the chance that a value of the first sample exceeds one of the second.
        num_a: Values of the first sample.
        num_b: Values of the second.
    """

    u: float
    p_value: float
    effect: float
    num_a: int
    num_b: int


def mann_whitney_one_tailed(a: Float[np.ndarray, " num_a"], b: Float[np.ndarray, " num_b"]) -> RankTest:
    """Test whether values of ``a`` tend to be larger than those of ``b``.

    NaN values (undefined scores) are left out; with nothing left in a sample the result is NaN, with a warning.
    Exact for small samples without ties, normal approximation with tie correction otherwise.

    References:
        Methods: GESTURES 2021, Table 1; as in the paper, with one value per seizure.
    """
    from scipy.stats import mannwhitneyu

    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if len(a) == 0 or len(b) == 0:
        u = undefined("The Mann-Whitney test", "it needs values in both samples")
        return RankTest(u=u, p_value=u, effect=u, num_a=len(a), num_b=len(b))
    if np.ptp(np.concatenate([a, b])) == 0:
        half = len(a) * len(b) / 2  # all tied: nothing speaks for a difference
        return RankTest(u=half, p_value=0.5, effect=0.5, num_a=len(a), num_b=len(b))
    found = mannwhitneyu(a, b, alternative="greater")
    u = float(found.statistic)
    return RankTest(
        u=u, p_value=float(found.pvalue), effect=u / (len(a) * len(b)), num_a=len(a), num_b=len(b)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonferroni:
    """P values against a level that is divided by the number of comparisons.

    Args:
        level: alpha / num_comparisons.
        adjusted: p * num_comparisons, at most 1; NaN stays NaN.
        significant: p < level.
        num_comparisons: By which was divided.
    """

    level: float
    adjusted: Float[np.ndarray, " num_tests"]
    significant: Bool[np.ndarray, " num_tests"]
    num_comparisons: int


def bonferroni(
    p_values: Float[np.ndarray, " num_tests"], *, alpha: float = 0.05, num_comparisons: int | None = None
) -> Bonferroni:
    """Correct for several comparisons.

    Args:
        p_values: Of the tests.
        alpha: Level for all comparisons together.
        num_comparisons: Default: the number of p values. Each of e models against each other one, one-tailed:
            e * (e - 1), which for e = 4 gives the level 0.0042 of GESTURES 2021.

    Raises:
        ValueError: If there are fewer comparisons than p values.
    """
    number = len(p_values) if num_comparisons is None else num_comparisons
    if number < max(1, len(p_values)):
        msg = f"num_comparisons must be at least 1 and the number of p values, {len(p_values)}, got {number}."
        raise ValueError(msg)
    level = alpha / number
    return Bonferroni(
        level=level,
        adjusted=np.minimum(p_values * number, 1.0),
        significant=p_values < level,
        num_comparisons=number,
    )


def cohens_kappa(a: Sequence[object], b: Sequence[object]) -> float:
    """Return the agreement of two annotators beyond chance, -1 to 1.

    NaN, with a warning, without items or where both gave one and the same label to all.

    Raises:
        ValueError: If the two did not label the same number of items.
    """
    if len(a) != len(b):
        msg = f"Both annotators must label the same items, got {len(a)} and {len(b)} labels."
        raise ValueError(msg)
    labels = {label: number for number, label in enumerate(dict.fromkeys([*a, *b]))}
    table = np.zeros((len(labels), len(labels)))
    for first, second in zip(a, b, strict=True):
        table[labels[first], labels[second]] += 1
    total = table.sum()
    if total == 0 or len(labels) == 1:
        return undefined("Cohen's kappa", "it needs items, and more than one label among them")
    expected = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return float((np.trace(table) / total - expected) / (1 - expected))


def fleiss_kappa(counts: Int[np.ndarray, "num_items num_labels"]) -> float:
    """Return the agreement of several annotators beyond chance, up to 1.

    Args:
        counts: How many annotators gave each item each label. Items may have different numbers of annotators;
            those with fewer than two are left out.

    Returns:
        (mean agreement of pairs - chance) / (1 - chance). NaN, with a warning, where no item has two annotators
        or only one label was given.

    References:
        Fleiss (1971), Measuring nominal scale agreement among many raters; differs: items are weighted equally
        where their numbers of annotators differ.
    """
    used = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if len(used) == 0 or np.count_nonzero(used.sum(axis=0)) < 2:
        return undefined(
            "Fleiss' kappa", "it needs items with two annotators, and more than one label among them"
        )
    raters = used.sum(axis=1)
    agreement = float((((used**2).sum(axis=1) - raters) / (raters * (raters - 1))).mean())
    chance = float(((used.sum(axis=0) / used.sum()) ** 2).sum())
    return (agreement - chance) / (1 - chance)
