"""The figures of a grid of settings: scores against the number of segments, and how clips are drawn."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.study_inputs import Cell
from semioscope.report.study_words import aggregator_title, gamma_text, segments_text
from semioscope.report.style import INK, SOFT, class_marker, drawing, finish, shortened
from semioscope.report.wording import METRIC_NAMES, metric_value, percent

_METRICS = ("accuracy", "f1")
_LEFT, _RIGHT, _GAP = 0.66, 0.08, 0.16
_PANEL_HEIGHT, _ROW_GAP, _TOP, _AXIS, _LEGEND = 1.62, 0.2, 0.3, 0.5, 0.56
_BRIGHTEST = 0.9  # of the colour map; beyond it a marker is lost on white
_EDGE = "#3b4652"


def shades(gammas: Sequence[float]) -> dict[float, str]:
    """Return a colour per gamma: the more widely clips are drawn (the smaller gamma), the brighter.

    The colours differ in lightness all along, so they stay apart in grey print and for colour-blind readers.
    """
    ordered = sorted(gammas, reverse=True)
    steps = max(len(ordered) - 1, 1)
    ramp = colormaps["cividis"]
    return {gamma: to_hex(ramp(_BRIGHTEST * index / steps)) for index, gamma in enumerate(ordered)}


def grid_figure(
    cells: Sequence[Cell],
    *,
    name: str,
    title: str,
    aggregators: Sequence[str],
    num_segments: Sequence[float],
    gammas: Sequence[float],
    published: Mapping[str, Any],
    beside: Sequence[Cell] = (),
    folder: Path | None = None,
) -> str:
    """Draw accuracy and F1 against the number of segments: a column per aggregator, a line per gamma.

    All panels share one range, so heights can be compared across them. Settings of the same number of segments
    stand side by side, so none hides another. What is undefined is left out and breaks the line.

    Args:
        cells: The settings of one protocol and one backbone.
        name: File name without suffix.
        title: Accessible name.
        aggregators: The columns.
        num_segments: The ticks, ascending.
        gammas: The lines, ascending.
        published: The best setting of the paper (``aggregator``, ``num_segments``, ``accuracy``, ``f1``) or nothing.
        beside: Settings of other figures that shall have the same range.
        folder: Where the figure is saved too; None: nowhere.
    """
    columns = max(len(aggregators), 1)
    panel = min(3.0, (6.8 - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns)
    width = 6.8
    height = _TOP + 2 * _PANEL_HEIGHT + _ROW_GAP + _AXIS + _LEGEND
    low, high = _range([*cells, *beside], published)
    with drawing(width, height) as figure:
        for row, metric in enumerate(_METRICS):
            top = height - _TOP - row * (_PANEL_HEIGHT + _ROW_GAP)
            for column, aggregator in enumerate(aggregators):
                left = _LEFT + column * (panel + _GAP)
                axes = figure.add_axes(
                    (left / width, (top - _PANEL_HEIGHT) / height, panel / width, _PANEL_HEIGHT / height)
                )
                own = [cell for cell in cells if cell.aggregator == aggregator]
                _panel(axes, own, metric, num_segments, gammas)
                if published.get("aggregator") == aggregator:
                    _star(axes, metric, published, num_segments)
                _frame(axes, metric, num_segments, low=low, high=high, first=column == 0, last=row == 1)
                if row == 0:
                    name_of = shortened(aggregator_title(aggregator), int(panel * 11))
                    axes.set_title(name_of, loc="left", fontweight="bold", pad=6)
        middle = _LEFT + (columns * panel + (columns - 1) * _GAP) / 2
        figure.text(
            middle / width, (_LEGEND + 0.1) / height, "Segments per seizure, n (log scale)",
            ha="center", va="center", color=SOFT, fontsize=9.5,
        )  # fmt: skip
        mark = "" if published.get("aggregator") not in aggregators else "line"
        mark = "star" if mark and as_float(published.get("num_segments")) in num_segments else mark
        _legend(figure, gammas, width=width, height=height, published=mark)
        return finish(
            figure, name=name, title=title, description=_describe(cells, aggregators), folder=folder
        )


def beta_figure(curves: Sequence[Mapping[str, Any]], *, centred: bool, folder: Path | None = None) -> str:
    """Draw where in its segment a clip is drawn in training, one density per finite gamma.

    Args:
        curves: ``gamma``, ``x`` (place in the segment, 0 to 1) and ``y`` (density) of each.
        centred: Whether the centre alone (gamma infinite) is drawn too.
        folder: Where ``beta.svg`` is saved too; None: nowhere.
    """
    known = [
        (as_float(curve.get("gamma")), [as_float(x) for x in as_list(curve.get("x"))],
         [as_float(y) for y in as_list(curve.get("y"))])
        for curve in curves
    ]  # fmt: skip
    known = sorted((curve for curve in known if math.isfinite(curve[0]) and len(curve[1]) == len(curve[2])),
                   key=lambda curve: curve[0])  # fmt: skip
    every = [gamma for gamma, _, _ in known] + ([math.inf] if centred else [])
    colours = shades(every)
    with drawing(5.2, 2.6) as figure:
        axes = figure.add_axes((0.1, 0.19, 0.6, 0.76))
        finite = [y for _, _, ys in known for y in ys if math.isfinite(y)]
        top = 1.12 * max(finite, default=1.0)
        handles = []
        for gamma, x, y in known:
            axes.plot(x, y, color=_EDGE, linewidth=2.8, solid_capstyle="butt")
            axes.plot(x, y, color=colours[gamma], linewidth=1.8, solid_capstyle="butt")
            handles.append(Line2D([], [], color=colours[gamma], linewidth=3, label=_named(gamma)))
        if centred:
            axes.annotate(
                "", (0.5, top), xytext=(0.5, 0), arrowprops={"arrowstyle": "-|>", "color": colours[math.inf],
                                                           "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
            handles.append(Line2D([], [], color=colours[math.inf], linewidth=3, label=_named(math.inf)))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, top)
        axes.set_xticks([0, 0.5, 1], ["start", "centre", "end"])
        axes.set_xlabel("Place in the segment")
        axes.set_ylabel("Density")
        axes.grid(visible=True, axis="y")
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.03, 0.5), handlelength=1.4)
        return finish(
            figure,
            name="beta",
            title="Where in its segment a clip is drawn in training",
            description="Symmetric Beta densities: " + "; ".join(_named(gamma) for gamma in every) + ".",
            folder=folder,
        )


def _panel(
    axes: Axes, cells: Sequence[Cell], metric: str, num_segments: Sequence[float], gammas: Sequence[float]
) -> None:
    colours = shades(gammas)
    gap = _tick_gap(num_segments)
    for index, gamma in enumerate(gammas):
        shift = gap * (0.5 * (index + 0.5) / len(gammas) - 0.25)
        place = {cell.num_segments: cell for cell in cells if cell.gamma == gamma}
        x = [math.log2(n) + shift for n in num_segments]
        y = [place[n].value(metric) if n in place else math.nan for n in num_segments]
        for at, n in zip(x, num_segments, strict=True):
            low, high = (
                as_float(place[n].estimate(metric).get(end)) if n in place else math.nan
                for end in ("low", "high")
            )
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([at, at], [low, high], color="#aeb8c2", linewidth=0.8, zorder=2)
        axes.plot(x, y, color=colours[gamma], linewidth=1.5, zorder=3)
        axes.plot(
            x, y, linestyle="", marker=class_marker(index), color=colours[gamma], markeredgecolor=_EDGE,
            markeredgewidth=0.6, markersize=5.2, zorder=4, clip_on=False,
        )  # fmt: skip
    if not any(math.isfinite(cell.value(metric)) for cell in cells):
        axes.text(0.5, 0.5, "no result", transform=axes.transAxes, ha="center", va="center", color=SOFT)


def _star(axes: Axes, metric: str, published: Mapping[str, Any], num_segments: Sequence[float]) -> None:
    n, value = as_float(published.get("num_segments")), as_float(published.get(metric))
    if not math.isfinite(value):
        return
    axes.axhline(value, color=INK, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)
    if n in num_segments:
        near = [abs(math.log2(n) - math.log2(other)) for other in num_segments if other != n]
        at = math.log2(n) + 0.38 * min(near, default=1.0)
        axes.plot(
            [at], [value], "*", color="white", markeredgecolor=INK, markersize=10, zorder=5, clip_on=False
        )


def _frame(
    axes: Axes,
    metric: str,
    num_segments: Sequence[float],
    *,
    low: float,
    high: float,
    first: bool,
    last: bool,
) -> None:
    gap = _tick_gap(num_segments)
    places = [math.log2(n) for n in num_segments] or [0.0]
    axes.set_xlim(min(places) - 0.42 * gap, max(places) + 0.55 * gap)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.set_xticklabels([segments_text(n) for n in num_segments] or [""])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(length=2.5, labelbottom=last, labelleft=first)
    axes.set_ylim(low, high)
    step = 0.05 if high - low <= 0.3 else 0.1 if high - low <= 0.6 else 0.25
    ticks = [
        step * index for index in range(round(1 / step) + 1) if low - 1e-9 <= step * index <= high + 1e-9
    ]
    names = [f"{100 * tick:.0f}" if metric == "accuracy" else f"{tick:.2f}" for tick in ticks]
    axes.set_yticks(ticks, names)
    axes.grid(visible=True, axis="y")
    if first:
        axes.set_ylabel("Accuracy (%)" if metric == "accuracy" else METRIC_NAMES[metric])
        axes.yaxis.set_label_coords(-0.46 / (axes.get_position().width * 6.8), 0.5)


def _legend(figure: Figure, gammas: Sequence[float], *, width: float, height: float, published: str) -> None:
    colours = shades(gammas)
    entries: list[tuple[str, dict[str, Any]]] = [
        (_named(gamma), {"marker": class_marker(index), "color": colours[gamma], "markeredgecolor": _EDGE,
                         "markeredgewidth": 0.6, "markersize": 6, "linewidth": 1.5})
        for index, gamma in enumerate(gammas)
    ]  # fmt: skip
    x = _LEFT
    for text, look in entries:
        figure.add_artist(
            Line2D([x / width, (x + 0.26) / width], [0.34 / height] * 2, marker="", color=look["color"])
        )
        figure.add_artist(Line2D([(x + 0.13) / width], [0.34 / height], **look))
        figure.text((x + 0.33) / width, 0.34 / height, text, va="center", fontsize=8.6, color=SOFT)
        x += 0.5 + 0.069 * len(text)
    rest = "Brighter: clips drawn more widely. Grey bars: 95 % intervals over patients."
    x = _LEFT
    if published:
        star: dict[str, Any] = {"marker": "*", "color": "white", "markeredgecolor": INK, "markersize": 9}
        line: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (1, 2))}
        ends = [x + 0.13] if published == "star" else [x, x + 0.26]
        look = star if published == "star" else line
        figure.add_artist(Line2D([at / width for at in ends], [0.12 / height] * len(ends), **look))
        figure.text(
            (x + 0.33) / width, 0.12 / height, "published best.", va="center", fontsize=8.6, color=SOFT
        )
        x += 1.4
    figure.text(x / width, 0.12 / height, rest, va="center", fontsize=8.6, color=SOFT)


def _named(gamma: float) -> str:
    text = f"\N{GREEK SMALL LETTER GAMMA} = {gamma_text(gamma)}"
    return f"{text} (uniform)" if gamma == 1 else f"{text} (centre)" if math.isinf(gamma) else text


def _tick_gap(num_segments: Sequence[float]) -> float:
    places = [math.log2(n) for n in num_segments]
    return min((b - a for a, b in pairwise(places)), default=1.0)


def _range(cells: Sequence[Cell], published: Mapping[str, Any]) -> tuple[float, float]:
    """Return the least range in steps of 5 % that holds every value and interval, and 1."""
    found = [as_float(published.get(metric)) for metric in _METRICS]
    for cell in cells:
        for metric in _METRICS:
            found += [cell.value(metric), as_float(as_mapping(cell.estimate(metric)).get("low"))]
    known = [value for value in found if math.isfinite(value)]
    low = math.floor(20 * min(known, default=0.0) - 1e-9) / 20
    return max(min(low, 0.9), 0.0) - 0.005, 1.01


def _describe(cells: Sequence[Cell], aggregators: Sequence[str]) -> str:
    """Return the figure in words, for those who cannot see it."""
    parts = []
    for aggregator in aggregators:
        for metric in _METRICS:
            known = [
                (cell.value(metric), cell)
                for cell in cells
                if cell.aggregator == aggregator and math.isfinite(cell.value(metric))
            ]
            if not known:
                parts.append(f"{aggregator_title(aggregator)}: no {METRIC_NAMES[metric]}")
                continue
            best, cell = max(known, key=lambda pair: pair[0])
            worst = min(value for value, _ in known)
            shown = percent if metric == "accuracy" else lambda value: metric_value("f1", value)
            parts.append(
                f"{aggregator_title(aggregator)}: {METRIC_NAMES[metric]} {shown(worst)} to {shown(best)}, "
                "highest with "
                f"n = {segments_text(cell.num_segments)} and gamma = {gamma_text(cell.gamma)}"
            )
    return "; ".join(parts) + "."
