"""The figure of a table of feature extractors: every seizure a dot, a panel per metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from semioscope.report.style import CLASS_COLOURS, INK, SOFT, drawing, finish, shortened
from semioscope.report.wording import percent, plural

CLIP_METRICS = {"accuracy": "Accuracy", "f1": "F1", "auc": "Area under precision-recall"}
_HEADINGS = {"accuracy": "Accuracy (%)", "f1": "F1 (%)", "auc": "Area under PR (%)"}
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The scores of one feature extractor over seizures.

    Args:
        title: Its name.
        values: Per metric the score of every seizure, in [0, 1]; NaN: undefined there.
        medians: Per metric the median that the table shows; NaN: undefined.
        published: Per metric the published median; NaN: none.
    """

    title: str
    values: Mapping[str, Sequence[float]]
    medians: Mapping[str, float]
    published: Mapping[str, float]


def strips_figure(strips: Sequence[Strip], *, name: str, title: str, folder: Path | None = None) -> str:
    """Draw the score of every seizure, with the middle half as a box, the median and the published median.

    Args:
        strips: One row each, in the order of the table.
        name: File name without suffix.
        title: Accessible name.
        folder: Where the figure is saved too; None: nowhere.
    """
    width, left, gap, right = 6.8, 1.36, 0.2, 0.14
    body = 0.62 * max(len(strips), 1)
    height = 0.32 + body + 0.42 + 0.3
    panel = (width - left - right - (len(CLIP_METRICS) - 1) * gap) / len(CLIP_METRICS)
    low = _low(strips)
    words = []
    with drawing(width, height) as figure:
        for column, (metric, heading) in enumerate(_HEADINGS.items()):
            x = left + column * (panel + gap)
            axes = figure.add_axes((x / width, 0.72 / height, panel / width, body / height))
            for index, strip in enumerate(strips):
                y = len(strips) - 1 - index
                words.append(_strip(axes, strip, metric, y))
                if column == 0:
                    axes.annotate(
                        shortened(strip.title, 20), (0, y), xycoords=("axes fraction", "data"), xytext=(-8, 0),
                        textcoords="offset points", ha="right", va="center", color=INK, fontsize=9,
                    )  # fmt: skip
            axes.set_xlim(low - 0.03, 1.03)
            axes.set_ylim(-0.5, max(len(strips), 1) - 0.5)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            step = 0.1 if low > 0.6 else 0.25
            ticks = [step * index for index in range(round(1 / step) + 1) if step * index >= low - 1e-9]
            axes.set_xticks(ticks, [f"{100 * tick:.0f}" for tick in ticks])
            axes.grid(visible=True, axis="x")
            axes.set_title(heading, loc="left", fontweight="bold", pad=6)
        _legend(figure, x=left, width=width, height=height,
                published=any(math.isfinite(v) for strip in strips for v in strip.published.values()))  # fmt: skip
        return finish(figure, name=name, title=title, description="; ".join(words) + ".", folder=folder)


def _low(strips: Sequence[Strip]) -> float:
    """Return where the axis of all panels begins: a quarter, or a tenth where all scores are high."""
    found = [value for strip in strips for values in strip.values.values() for value in values]
    found += [value for strip in strips for value in strip.published.values()]
    least = min((value for value in found if math.isfinite(value)), default=0.0)
    return math.floor(10 * least) / 10 if least >= 0.7 else math.floor(4 * max(least, 0.0)) / 4


def _strip(axes: Axes, strip: Strip, metric: str, y: float) -> str:
    values = np.array([value for value in strip.values.get(metric, ()) if math.isfinite(value)])
    median, published = strip.medians.get(metric, math.nan), strip.published.get(metric, math.nan)
    if math.isfinite(published):
        axes.plot([published], [y - 0.37], "D", color="white", markeredgecolor=CLASS_COLOURS[1], markeredgewidth=1.5,
                  markersize=5, zorder=6)  # fmt: skip
    if len(values) == 0:
        axes.text(0.04, y + 0.05, "not available", va="center", color=SOFT,
                  fontsize=8.2, transform=axes.get_yaxis_transform())  # fmt: skip
        return f"{strip.title}, {CLIP_METRICS[metric]}: not available"
    # the same dots at the same height each time, spread evenly over the row
    jitter = ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5) * 0.5
    axes.plot(
        values,
        y + jitter,
        "o",
        color=CLASS_COLOURS[0],
        markersize=2.8,
        alpha=0.4,
        markeredgewidth=0,
        zorder=3,
    )
    first, third = (float(value) for value in np.percentile(values, [25, 75]))
    axes.add_patch(
        Rectangle((first, y - 0.17), third - first, 0.34, facecolor=CLASS_COLOURS[0], alpha=0.16, linewidth=0)
    )
    axes.add_patch(
        Rectangle(
            (first, y - 0.17),
            third - first,
            0.34,
            fill=False,
            edgecolor=CLASS_COLOURS[0],
            linewidth=1,
            zorder=4,
        )
    )
    if math.isfinite(median):
        axes.plot([median, median], [y - 0.26, y + 0.26], color=INK, linewidth=2.2, zorder=5)
    return f"{strip.title}, {CLIP_METRICS[metric]}: median {percent(median)} over {plural(len(values), 'seizure')}"


def _legend(figure: Figure, *, x: float, width: float, height: float, published: bool) -> None:
    entries: list[tuple[str, dict[str, Any]]] = [
        ("one seizure", {"marker": "o", "color": CLASS_COLOURS[0], "markersize": 4, "alpha": 0.6}),
        (
            "median, in a box of the middle half",
            {"marker": "|", "color": INK, "markersize": 11, "markeredgewidth": 2.2},
        ),
    ]
    if published:
        entries.append(("published median", {"marker": "D", "color": "white", "markeredgecolor": CLASS_COLOURS[1],
                                             "markeredgewidth": 1.5, "markersize": 5.5}))  # fmt: skip
    for text, look in entries:
        figure.add_artist(Line2D([(x + 0.05) / width], [0.15 / height], linestyle="", **look))
        figure.text((x + 0.17) / width, 0.15 / height, text, va="center", fontsize=8.6, color=SOFT)
        x += 0.42 + 0.066 * len(text)
