"""The figures of the report about scores. Each returns SVG text and saves it where a folder is given."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.patches import Rectangle

from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.style import (
    CLASS_COLOURS,
    INK,
    SOFT,
    drawing,
    finish,
    percent_axis,
    shortened,
)  # fmt: skip
from semioscope.report.wording import count, interval_text, metric_value, percent


def baselines_figure(rows: Sequence[tuple[str, Mapping[str, Any]]], *, folder: Path | None = None) -> str:
    """Draw the accuracy of the model (first row) and of each baseline, with 95 % intervals.

    Args:
        rows: Name and accuracy estimate (``value``, ``low``, ``high``), the model first.
        folder: Where ``baselines.svg`` is saved too; None: nowhere.
    """
    height = 0.62 + 0.36 * len(rows)
    with drawing(5.2, height) as figure:
        axes = figure.add_axes((0.3, 0.5 / height, 0.555, 1 - 0.58 / height))
        words = []
        for position, (name, estimate) in enumerate(rows):
            y = len(rows) - 1 - position
            value, low, high = (as_float(estimate.get(key)) for key in ("value", "low", "high"))
            colour = CLASS_COLOURS[0] if position == 0 else SOFT
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [y, y], color=colour, linewidth=3.2 if position == 0 else 2.0, alpha=0.55,
                          solid_capstyle="round")  # fmt: skip
            if math.isfinite(value):
                axes.plot([value], [y], "o", color=colour, markersize=8 if position == 0 else 6)
            axes.annotate(
                metric_value("accuracy", value), (1.0, y), xycoords=("axes fraction", "data"), xytext=(8, 0),
                textcoords="offset points", va="center", color=INK if position == 0 else SOFT,
                fontweight="bold" if position == 0 else "normal",
            )  # fmt: skip
            axes.annotate(
                shortened(name, 26), (0.0, y), xycoords=("axes fraction", "data"), xytext=(-10, 0),
                textcoords="offset points", va="center", ha="right", color=INK,
                fontweight="bold" if position == 0 else "normal",
            )  # fmt: skip
            words.append(
                f"{name} {metric_value('accuracy', value)} {_bracketed('accuracy', estimate)}".strip()
            )
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
        percent_axis(axes, label="Accuracy (%)")
        return finish(
            figure,
            name="baselines",
            title="Accuracy of the model and of the baselines",
            description="; ".join(words) + ".",
            folder=folder,
        )


def confusion_figure(
    matrix: Sequence[Sequence[object]], classes: Sequence[str], *, folder: Path | None = None
) -> str:
    """Draw the confusion matrix: rows are the truth, columns the calls; shade is the share of the row."""
    side = max(2, len(classes))
    with drawing(3.6, 0.9 + 0.98 * side * (2 / side) ** 0.35) as figure:
        axes = figure.add_axes((0.2, 0.02, 0.78, 0.8))
        words = []
        for row, cells in enumerate(matrix):
            total = sum(value for value in map(as_float, cells) if math.isfinite(value))
            for column, cell in enumerate(cells):
                value = as_float(cell)
                share = value / total if total > 0 else math.nan
                right = row == column
                base = CLASS_COLOURS[0] if right else CLASS_COLOURS[1]
                strength = 0.0 if not math.isfinite(share) else share
                axes.add_patch(_tile(column, row, "#f3f5f7", 1.0))
                axes.add_patch(_tile(column, row, base, 0.85 * strength))
                ink = "white" if strength > 0.55 else INK
                axes.text(
                    column,
                    row - 0.08,
                    count(value),
                    ha="center",
                    va="center",
                    fontsize=17,
                    color=ink,
                    fontweight="bold",
                )
                axes.text(
                    column, row + 0.24, percent(share, 0), ha="center", va="center", fontsize=9, color=ink
                )
                words.append(f"{classes[row]} called {classes[column]}: {count(value)}")
        axes.set_xlim(-0.5, len(classes) - 0.5)
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.xaxis.set_ticks_position("top")
        axes.xaxis.set_label_position("top")
        names = [shortened(name, 14 if side <= 3 else 9) for name in classes]
        axes.set_xticks(range(len(classes)), names, color=INK)
        axes.set_yticks(range(len(classes)), names, color=INK, rotation=90, va="center")
        axes.tick_params(length=0)
        axes.set_xlabel("Called by the model", labelpad=6)
        axes.set_ylabel("Truth", labelpad=6)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return finish(
            figure,
            name="confusion",
            title="Confusion matrix over seizures",
            description="; ".join(words) + ".",
            folder=folder,
        )


def curve_figure(
    kind: str,
    curve: Mapping[str, Any],
    *,
    area: Mapping[str, Any],
    positive_class: str,
    prevalence: float = math.nan,
    folder: Path | None = None,
) -> str:
    """Draw a ROC (``kind`` roc) or precision-recall curve (``kind`` pr) with its 95 % band over patients.

    Args:
        kind: A key of ``CURVES``.
        curve: ``x``, ``y``, ``low`` and ``high``, equally long.
        area: Estimate of the area under the curve.
        positive_class: Which class is looked for.
        prevalence: Share of the positive class: what guessing gives as precision; NaN: not drawn.
        folder: Where the figure is saved too; None: nowhere.
    """
    x_label, y_label, title, metric = CURVES[kind]
    x, y, low, high = (
        [as_float(value) for value in as_list(curve.get(key))] for key in ("x", "y", "low", "high")
    )
    with drawing(3.6, 3.55) as figure:
        axes = figure.add_axes((0.17, 0.15, 0.79, 0.75))
        if len(low) == len(high) == len(x):
            axes.fill_between(x, low, high, color=CLASS_COLOURS[0], alpha=0.16, linewidth=0)
        if kind == "roc":
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
        elif math.isfinite(prevalence):
            axes.plot([0, 1], [prevalence, prevalence], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
        if x and len(x) == len(y):
            axes.plot(x, y, color=CLASS_COLOURS[0], linewidth=2.2)
        percent_axis(axes, which="x", label=x_label.format(positive_class))
        percent_axis(axes, which="y", label=y_label.format(positive_class))
        axes.grid(visible=True)
        axes.set_title(title, loc="left", fontweight="bold", pad=8)
        text = f"Area {metric_value(metric, area.get('value'))}"
        interval = interval_text(metric, area)
        place = (0.96, 0.06) if kind == "roc" else (0.06, 0.06)
        axes.text(
            *place, f"{text}\n{interval}" if interval else text, transform=axes.transAxes, va="bottom",
            ha="right" if kind == "roc" else "left", color=INK, linespacing=1.4,
        )  # fmt: skip
        return finish(
            figure,
            name=f"curve-{kind}",
            title=f"{title} curve for {positive_class}",
            description=f"{text} {_bracketed(metric, area)}. Shaded: 95 % band over patients. Dashed: guessing.",
            folder=folder,
        )


CURVES: dict[str, tuple[str, str, str, str]] = {
    "roc": ("False alarms: 100 % \N{MINUS SIGN} specificity (%)", "Sensitivity for {} (%)", "ROC", "auroc"),
    "pr": ("Sensitivity for {} (%)", "Precision (%)", "Precision-recall", "auprc"),
}


def reliability_figure(
    points: Sequence[Mapping[str, Any]], *, positive_class: str, folder: Path | None = None
) -> str:
    """Draw how often the positive class came true for each level of predicted probability.

    Args:
        points: ``mean_score``, ``fraction_positive`` and ``count`` per bin.
        positive_class: The class of the probability.
        folder: Where ``reliability.svg`` is saved too; None: nowhere.
    """
    with drawing(3.6, 3.55) as figure:
        axes = figure.add_axes((0.17, 0.15, 0.79, 0.75))
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
        known = [
            (
                as_float(point.get("mean_score")),
                as_float(point.get("fraction_positive")),
                as_float(point.get("count")),
            )
            for point in points
        ]
        known = [point for point in known if all(math.isfinite(value) for value in point) and point[2] > 0]
        axes.plot(
            [p[0] for p in known], [p[1] for p in known], color=CLASS_COLOURS[0], linewidth=1.2, alpha=0.7
        )
        most = max((p[2] for p in known), default=1.0)
        for mean, fraction, size in known:
            axes.plot(
                [mean],
                [fraction],
                "o",
                color=CLASS_COLOURS[0],
                markersize=4 + 8 * math.sqrt(size / most),
                clip_on=False,
                zorder=5,
            )
            beside = (-1, "right") if mean > 0.85 else (1, "left")
            axes.annotate(
                count(size), (mean, fraction), xytext=(9 * beside[0], -4 if fraction > 0.5 else 4), fontsize=8.2,
                textcoords="offset points", color=SOFT, ha=beside[1], va="center",
            )  # fmt: skip
        percent_axis(axes, which="x", label=f"Predicted probability of {positive_class} (%)")
        percent_axis(axes, which="y", label=f"Were {positive_class} (%)")
        axes.grid(visible=True)
        axes.set_title("Reliability", loc="left", fontweight="bold", pad=8)
        words = [
            f"predicted {percent(p[0], 0)}, came true {percent(p[1], 0)} of {count(p[2])}" for p in known
        ]
        return finish(
            figure,
            name="reliability",
            title=f"Reliability of the probability of {positive_class}",
            description=("; ".join(words) or "No bin holds a seizure") + ".",
            folder=folder,
        )


def _tile(column: int, row: int, colour: str, alpha: float) -> Any:
    return Rectangle((column - 0.485, row - 0.485), 0.97, 0.97, facecolor=colour, alpha=alpha, linewidth=0)


def _bracketed(metric: str, estimate: object) -> str:
    text = interval_text(metric, as_mapping(estimate))
    return f"(95 % interval {text})" if text else ""
