"""The figures of a comparison of runs: differences with their intervals, and what single patients contribute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from semioscope.report.style import CLASS_COLOURS, INK, SOFT, drawing, finish, fitted, text_inches

_WIDTH = 6.8
_LEFT, _WIDE = 0.345, 0.4
"""Where the axes begin, and how wide they are, as shares of the width."""
_MARGIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One line of the figure.

    Args:
        label: At the left.
        value: In hundredths; positive speaks for the right side; NaN: none.
        low: Lower end of the interval; NaN: none.
        high: Upper end.
        text: At the right.
        is_sure: Whether the test calls it more than chance.
    """

    label: str
    value: float
    low: float
    high: float
    text: str
    is_sure: bool


def differences_figure(
    rows: Sequence[DifferenceRow], *, name: str, sides: tuple[str, str], folder: Path | None = None
) -> str:
    """Draw differences with their 95 % intervals; filled where they are more than chance.

    Args:
        rows: From top to bottom.
        name: File name without suffix.
        sides: Which run is better to the left and to the right of 0.
        folder: Where the figure is saved too; None: nowhere.
    """
    height = 1.0 + 0.36 * len(rows)
    reach = [abs(x) for row in rows for x in (row.value, row.low, row.high) if math.isfinite(x)]
    most = 1.12 * max([*reach, 1.0])
    with drawing(_WIDTH, height) as figure:
        axes = figure.add_axes((_LEFT, 0.52 / height, _WIDE, 1 - 0.9 / height))
        axes.axvline(0, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        for position, row in enumerate(rows):
            y = len(rows) - 1 - position
            colour = CLASS_COLOURS[0] if row.is_sure else SOFT
            if math.isfinite(row.low) and math.isfinite(row.high):
                axes.plot([row.low, row.high], [y, y], color=colour, linewidth=2.8, alpha=0.55,
                          solid_capstyle="round")  # fmt: skip
            if math.isfinite(row.value):
                axes.plot([row.value], [y], "o", color=colour, markersize=7.5, markeredgewidth=1.6,
                          markerfacecolor=colour if row.is_sure else "white", zorder=4)  # fmt: skip
            _beside(axes, row.label, y, left=True, bold=row.is_sure)
            _beside(axes, row.text, y, left=False, bold=row.is_sure)
        axes.set_xlim(-most, most)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
        axes.set_xlabel("Difference in hundredths (percentage points)")
        _sides(axes, sides, top=len(rows) - 0.4)
        words = [f"{row.label} {row.text}" for row in rows]
        return finish(
            figure,
            name=name,
            title=f"Differences between runs; left: {sides[0]}, right: {sides[1]}",
            description="; ".join(words) + ".",
            folder=folder,
        )


def patients_difference_figure(
    rows: Sequence[tuple[str, int, int]], *, name: str, sides: tuple[str, str], folder: Path | None = None
) -> str:
    """Draw by how many seizures more each patient speaks for one run or the other.

    Args:
        rows: Patient, seizures that the right side has right more than the left one (not 0), and all seizures.
        name: File name without suffix.
        sides: Which run has more right, to the left and to the right of 0.
        folder: Where the figure is saved too; None: nowhere.
    """
    height = 0.95 + 0.24 * len(rows)
    most = max(abs(difference) for _, difference, _ in rows) + 0.5
    with drawing(_WIDTH, height) as figure:
        axes = figure.add_axes((_LEFT, 0.5 / height, _WIDE, 1 - 0.86 / height))
        axes.axvline(0, color=SOFT, linewidth=0.9, zorder=1)
        for position, (patient, difference, total) in enumerate(rows):
            y = len(rows) - 1 - position
            colour = CLASS_COLOURS[0] if difference > 0 else CLASS_COLOURS[1]
            axes.barh([y], [difference], height=0.55, color=colour, alpha=0.8)
            _beside(axes, patient, y, left=True, bold=False)
            _beside(axes, f"{abs(difference)} of {total}", y, left=False, bold=False)
        axes.set_xlim(-most, most)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Seizures more that are right")
        _sides(axes, sides, top=len(rows) - 0.3)
        words = [f"{patient} {difference:+d} of {total}" for patient, difference, total in rows]
        return finish(
            figure,
            name=name,
            title=f"Difference by patient; left: {sides[0]}, right: {sides[1]}",
            description="; ".join(words) + ".",
            folder=folder,
        )


def _beside(axes: Axes, text: str, y: float, *, left: bool, bold: bool) -> None:
    room = (_LEFT if left else 1 - _LEFT - _WIDE) * _WIDTH - 10 / 72 - _MARGIN
    size = rcParams["font.size"] * (
        1.1 if bold else 1.0
    )  # bold letters are wider than those that are measured
    axes.annotate(
        fitted(text, room, size), (0.0 if left else 1.0, y), xycoords=("axes fraction", "data"),
        xytext=(-10 if left else 10, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", color=INK, fontweight="bold" if bold else "normal",
    )  # fmt: skip


def _sides(axes: Axes, sides: tuple[str, str], *, top: float) -> None:
    """Write on either side of 0 which run is better there, away from it; cut where the figure ends."""
    middle = _WIDTH * (_LEFT + _WIDE / 2)
    size = rcParams["font.size"]
    room = (
        end - 8 / 72 - _MARGIN - text_inches("\N{RIGHTWARDS ARROW} ", size)
        for end in (middle, _WIDTH - middle)
    )
    left, right = (fitted(side, most, size) for side, most in zip(sides, room, strict=True))
    for text, ha in ((f"\N{LEFTWARDS ARROW} {left}", "right"), (f"{right} \N{RIGHTWARDS ARROW}", "left")):
        axes.annotate(
            text, (0.5, top), xycoords=("axes fraction", "data"), xytext=(-8 if ha == "right" else 8, 5),
            textcoords="offset points", va="bottom", ha=ha, color=SOFT,
        )  # fmt: skip
