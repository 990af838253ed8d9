"""The figures of a comparison of runs: differences with their intervals, and what single patients contribute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from semioscope.report.style import CLASS_COLOURS, INK, SOFT, drawing, finish, shortened


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
    with drawing(6.8, height) as figure:
        axes = figure.add_axes((0.345, 0.52 / height, 0.4, 1 - 0.9 / height))
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
    with drawing(6.8, height) as figure:
        axes = figure.add_axes((0.345, 0.5 / height, 0.4, 1 - 0.86 / height))
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
    axes.annotate(
        shortened(text, 28), (0.0 if left else 1.0, y), xycoords=("axes fraction", "data"),
        xytext=(-10 if left else 10, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", color=INK, fontweight="bold" if bold else "normal",
    )  # fmt: skip


def _sides(axes: Axes, sides: tuple[str, str], *, top: float) -> None:
    left, right = (shortened(side, 24) for side in sides)
    for text, x, ha in (
        (f"\N{LEFTWARDS ARROW} {left}", 0.0, "left"),
        (f"{right} \N{RIGHTWARDS ARROW}", 1.0, "right"),
    ):
        axes.annotate(
            text, (x, top), xycoords=("axes fraction", "data"), xytext=(0, 5), textcoords="offset points",
            va="bottom", ha=ha, color=SOFT,
        )  # fmt: skip
