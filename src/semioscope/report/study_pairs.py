"""The figures that set two things beside each other: protocols, and confusion matrices."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from semioscope.report.inputs import as_float
from semioscope.report.study_words import gap_text
from semioscope.report.style import (
    CLASS_COLOURS,
    INK,
    LINE,
    SOFT,
    drawing,
    finish,
    fitted,
    shortened,
    text_inches,
)
from semioscope.report.wording import METRIC_NAMES, PERCENT_METRICS, count, metric_value

_LOOKS: tuple[dict[str, Any], ...] = (
    {"marker": "D", "color": "white", "markeredgecolor": CLASS_COLOURS[1], "markeredgewidth": 1.6, "markersize": 6},
    {"marker": "o", "color": CLASS_COLOURS[0], "markersize": 7},
)  # fmt: skip
"""Marks of the first and the second protocol in the legend."""
_BARS = "Bars: 95 % intervals over patients."
_LEGEND_SIZE, _LEGEND_LINE, _MARK, _MARGIN = 8.6, 0.2, 0.18, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One line of the comparison of two protocols: the estimates under the one and under the other."""

    title: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A confusion matrix with its headings: rows are the truth, columns the calls; no counts: unknown."""

    title: str
    setting: str
    score: str
    counts: Sequence[Sequence[float]]


def pairs_figure(
    panels: Sequence[tuple[str, Sequence[Pair]]], *, before: str, after: str, folder: Path | None = None
) -> str:
    """Draw how much one protocol flatters against another, a row per aggregator, a panel per metric.

    The figure at the end of a row is the first protocol minus the second: positive where the first flatters.

    Args:
        panels: Metric and its rows; every panel has the same rows.
        before: Words for the first protocol.
        after: Words for the second.
        folder: Where ``protocols.svg`` is saved too; None: nowhere.
    """
    rows = max((len(pairs) for _, pairs in panels), default=1)
    body, width = 0.5 * max(rows, 1), 6.8
    left, gap, right = 1.15, 0.62, 0.62
    entries = [fitted(words, width - _MARGIN - left - _MARK, _LEGEND_SIZE) for words in (before, after)]
    entries.append(_BARS)
    legend = _legend_places(entries, left=left, right=width - _MARGIN)
    foot = 0.32 + _LEGEND_LINE * legend[-1][1]
    height = 0.34 + body + 0.46 + foot
    panel = (width - left - right - (len(panels) - 1) * gap) / max(len(panels), 1)
    low = _low(panels)
    words = []
    with drawing(width, height) as figure:
        for column, (metric, pairs) in enumerate(panels):
            x = left + column * (panel + gap)
            axes = figure.add_axes((x / width, (foot + 0.46) / height, panel / width, body / height))
            for index, pair in enumerate(pairs):
                words.append(_pair(axes, pair, len(pairs) - 1 - index, metric))
                if column == 0:
                    title = fitted(pair.title, left - _MARGIN - 10 / 72, 9.5)
                    axes.annotate(
                        title, (0, len(pairs) - 1 - index), xycoords=("axes fraction", "data"),
                        xytext=(-10, 0), textcoords="offset points", ha="right", va="center", color=INK,
                    )  # fmt: skip
            axes.set_ylim(-0.55, len(pairs) - 0.45)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.set_xlim(low - 0.01, 1.01)
            step = 0.05 if low >= 0.8 else 0.1 if low >= 0.5 else 0.25
            ticks = [step * index for index in range(round(1 / step) + 1) if step * index >= low - 1e-9]
            share = metric in PERCENT_METRICS
            axes.set_xticks(ticks, [f"{100 * tick:.0f}" if share else f"{tick:.2f}" for tick in ticks])
            axes.grid(visible=True, axis="x")
            axes.set_title(
                METRIC_NAMES[metric] + (" (%)" if share else ""), loc="left", fontweight="bold", pad=7
            )
        _legend(figure, entries, legend, y=foot - 0.18, width=width, height=height)
        return finish(
            figure,
            name="protocols",
            title=f"Scores with {before} and with {after}",
            description="; ".join(words) + ".",
            folder=folder,
        )


def matrices_figure(
    matrices: Sequence[Matrix], classes: Sequence[str], *, name: str, title: str, folder: Path | None = None
) -> str:
    """Draw small confusion matrices: rows are the truth, columns the calls; at most four stand side by side.

    Args:
        matrices: In reading order.
        classes: Names of the classes.
        name: File name without suffix.
        title: Accessible name.
        folder: Where the figure is saved too; None: nowhere.
    """
    columns = max(len(matrices), 1) if len(matrices) <= 4 else (len(matrices) + 1) // 2
    columns = min(columns, 4)
    lines = -(-max(len(matrices), 1) // columns)
    left, gap, side, head, between = 0.62, 0.24, 1.32, 0.86, 0.22
    width, height = 6.8, lines * (head + side) + (lines - 1) * between + 0.05
    with drawing(width, height) as figure:
        words = []
        for index, one in enumerate(matrices):
            line, column = divmod(index, columns)
            x, top = left + column * (side + gap), height - line * (head + side + between)
            axes = figure.add_axes((x / width, (top - head - side) / height, side / width, side / height))
            lines_of_text: tuple[tuple[str, float, dict[str, Any]], ...] = (
                (shortened(one.title, 17), 0.1, {"fontweight": "bold", "fontsize": 9.2}),
                (shortened(one.setting, 20), 0.28, {"color": SOFT, "fontsize": 8.4}),
                (one.score, 0.46, {"color": INK, "fontsize": 8.8}),
            )
            for text, down, look in lines_of_text:
                figure.text(x / width, (top - down) / height, text, va="center", **look)
            _matrix(axes, one.counts, classes, labelled=column == 0)
            words.append(f"{one.title}: " + _matrix_words(one.counts, classes))
        return finish(figure, name=name, title=title, description="; ".join(words) + ".", folder=folder)


def _pair(axes: Axes, pair: Pair, y: float, metric: str) -> str:
    before, after = as_float(pair.before.get("value")), as_float(pair.after.get("value"))
    for estimate, colour, at in (
        (pair.before, CLASS_COLOURS[1], y + 0.14),
        (pair.after, CLASS_COLOURS[0], y - 0.14),
    ):
        low, high = as_float(estimate.get("low")), as_float(estimate.get("high"))
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([low, high], [at, at], color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
    if math.isfinite(before) and math.isfinite(after):
        axes.plot([before, after], [y + 0.14, y - 0.14], color=LINE, linewidth=1.6, zorder=2)
    axes.plot([before], [y + 0.14], "D", color="white", markeredgecolor=CLASS_COLOURS[1], markeredgewidth=1.6,
              markersize=6, zorder=4)  # fmt: skip
    axes.plot([after], [y - 0.14], "o", color=CLASS_COLOURS[0], markersize=7, zorder=4)
    flattered = before - after
    axes.annotate(
        gap_text(metric, flattered) if math.isfinite(flattered) else "n/a",
        (1, y), xycoords=("axes fraction", "data"), xytext=(5, 0),
        textcoords="offset points", ha="left", va="center", fontsize=8.6, color=SOFT,
    )  # fmt: skip
    return (
        f"{pair.title}, {METRIC_NAMES[metric]}: {metric_value(metric, before)} then {metric_value(metric, after)}, "
        f"difference {gap_text(metric, flattered)}"
    )


def _legend_places(entries: Sequence[str], *, left: float, right: float) -> list[tuple[float, int]]:
    """Return where each entry of the legend begins, in inches, and in which line: as many lines as it takes."""
    places: list[tuple[float, int]] = []
    x, line = left, 0
    for index, text in enumerate(entries):
        wide = (_MARK if index < len(_LOOKS) else 0.0) + text_inches(text, _LEGEND_SIZE)
        if x > left and x + wide > right:
            x, line = left, line + 1
        places.append((x, line))
        x += wide + 0.25
    return places


def _legend(
    figure: Figure, entries: Sequence[str], places: Sequence[tuple[float, int]], *, y: float, width: float,
    height: float,
) -> None:  # fmt: skip
    for index, (text, (x, line)) in enumerate(zip(entries, places, strict=True)):
        at = (y - _LEGEND_LINE * line) / height
        if index < len(_LOOKS):
            figure.add_artist(Line2D([(x + 0.05) / width], [at], **_LOOKS[index]))
            x += _MARK
        figure.text(x / width, at, text, va="center", fontsize=_LEGEND_SIZE, color=SOFT)


def _low(panels: Sequence[tuple[str, Sequence[Pair]]]) -> float:
    found = [
        as_float(estimate.get(key))
        for _, pairs in panels
        for pair in pairs
        for estimate in (pair.before, pair.after)
        for key in ("value", "low")
    ]
    known = [value for value in found if math.isfinite(value)]
    return max(min(math.floor(20 * min(known, default=0.0) - 1e-9) / 20, 0.9), 0.0)


def _matrix(axes: Axes, cells: Sequence[Sequence[float]], classes: Sequence[str], *, labelled: bool) -> None:
    size = max(len(classes), 2)
    for row, values in enumerate(cells):
        total = sum(value for value in values if math.isfinite(value))
        for column, value in enumerate(values):
            share = value / total if total > 0 and math.isfinite(value) else 0.0
            colour = CLASS_COLOURS[0] if row == column else CLASS_COLOURS[1]
            for shade, alpha in (("#f3f5f7", 1.0), (colour, 0.85 * share)):
                axes.add_patch(
                    Rectangle(
                        (column - 0.48, row - 0.48), 0.96, 0.96, facecolor=shade, alpha=alpha, linewidth=0
                    )
                )
            axes.text(
                column, row, count(value), ha="center", va="center", fontweight="bold",
                color="white" if share > 0.9 else INK, fontsize=13 if size == 2 else 9,
            )  # fmt: skip
    if not cells:
        axes.text(0.5, 0.5, "unknown", transform=axes.transAxes, ha="center", va="center", color=SOFT)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.xaxis.set_ticks_position("top")
    names = [shortened(name, 8 if size == 2 else 5) for name in classes]
    axes.set_xticks(range(len(classes)), names, color=SOFT, fontsize=8.2)
    axes.set_yticks(range(len(classes)), names if labelled else [""] * len(classes), color=SOFT, fontsize=8.2,
                    rotation=90, va="center")  # fmt: skip
    axes.tick_params(length=0, pad=2)
    if labelled:
        axes.set_ylabel("Truth", labelpad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _matrix_words(cells: Sequence[Sequence[float]], classes: Sequence[str]) -> str:
    words = [
        f"{classes[row]} called {classes[column]} {count(value)}"
        for row, values in enumerate(cells)
        for column, value in enumerate(values)
        if row < len(classes) and column < len(classes)
    ]
    return ", ".join(words) or "unknown"
