"""Least squares over whole numbers, solved exactly: positions in pixels and depths in millimetres are integers.

Which way a bed lies hangs on a comparison of two coefficients, and where the patient lies on a quotient of
two. Exact fractions make a tie a tie and a straight profile straight on every machine, where the rounding
of a floating-point solver would decide.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int, UInt16


@dataclass(frozen=True, slots=True, kw_only=True)
class Parabola:
    """``a p² + b p + c``: depth in millimetres at position p in pixels. Exact.

    Args:
        a: Curvature, in millimetres per square pixel; half the second derivative.
        b: Slope at position 0, in millimetres per pixel.
        c: Depth at position 0, in millimetres.
    """

    a: Fraction
    b: Fraction
    c: Fraction

    @property
    def stationary(self) -> Fraction | None:
        """Where the slope is zero, in pixels; None if that is nowhere or everywhere (``a`` is 0)."""
        return None if self.a == 0 else -self.b / (2 * self.a)

    def at(self, positions: Int[np.ndarray, " num"]) -> Float[np.ndarray, " num"]:
        """Return the depth at positions in pixels, in millimetres."""
        return float(self.c) + positions * (float(self.b) + positions * float(self.a))


def fit_parabola(positions: Int[np.ndarray, " num"], depths: Int[np.ndarray, " num"]) -> Parabola:
    """Return the parabola with the least squared error; three or more different positions are needed."""
    c, b, a = _least_squares(positions, depths, degree=2)
    return Parabola(a=a, b=b, c=c)


def fit_line(
    positions: Int[np.ndarray, " num"], depths: Int[np.ndarray, " num"]
) -> tuple[Fraction, Fraction]:
    """Return slope and intercept with the least squared error; two or more different positions are needed."""
    intercept, slope = _least_squares(positions, depths, degree=1)
    return slope, intercept


def population_variance(values: Int[np.ndarray, " num"]) -> Fraction:
    """Return the mean squared distance of whole numbers from their mean (not from a fit)."""
    numbers = [int(value) for value in values]
    mean = Fraction(sum(numbers), len(numbers))
    return Fraction(sum(number * number for number in numbers), len(numbers)) - mean * mean


def extremes(
    depth: UInt16[np.ndarray, "height width"], *, along: str
) -> tuple[Int[np.ndarray, " num"], Int[np.ndarray, " num"], Int[np.ndarray, " num"]]:
    """Return where a profile exists, its smallest and its largest depth; zeros (missing) have no say.

    Args:
        depth: One frame, in millimetres.
        along: ``x``: one value per column; ``y``: one value per row.

    Returns:
        Positions in pixels of the columns (or rows) that hold any depth; nearest; farthest depth there.
    """
    over = 0 if along == "x" else 1
    farthest = depth.max(axis=over, initial=0)
    nearest = (depth - np.uint16(1)).min(axis=over, initial=65535)  # 0 becomes 65535, the last to be chosen
    positions = np.flatnonzero(farthest)
    return positions, nearest[positions].astype(np.int64) + 1, farthest[positions].astype(np.int64)


def _least_squares(
    positions: Int[np.ndarray, " num"], depths: Int[np.ndarray, " num"], *, degree: int
) -> list[Fraction]:
    """Return the coefficients of the best polynomial, lowest power first, by the normal equations."""
    xs, ds = [int(x) for x in positions], [int(d) for d in depths]
    size = degree + 1
    powers = [sum(x**k for x in xs) for k in range(2 * degree + 1)]
    rows = [
        [Fraction(powers[i + j]) for j in range(size)]
        + [Fraction(sum(d * x**i for x, d in zip(xs, ds, strict=True)))]
        for i in range(size)
    ]
    for pivot in range(size):  # the pivots are positive: the matrix is positive definite
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for other in range(size):
            if other != pivot:
                factor = rows[other][pivot]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return [row[size] for row in rows]
