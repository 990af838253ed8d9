"""The figures about slices: a confusion matrix and a ROC curve per fold, and bars of a series of runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from semioscope.report.inputs import as_float, as_list, as_mapping
from semioscope.report.style import (
    CLASS_COLOURS,
    INK,
    LINE,
    SOFT,
    class_colour,
    drawing,
    finish,
    percent_axis,
    shortened,
)  # fmt: skip
from semioscope.report.wording import count, mean_text, number, percent

_WIDTH = 6.8
_COLUMNS = 3


def fold_matrices_figure(
    matrices: Sequence[tuple[str, Sequence[Sequence[object]]]],
    classes: Sequence[str],
    *,
    folder: Path | None = None,
) -> str:
    """Draw the confusion matrices of the folds beside each other: rows are the truth, columns the calls.

    Args:
        matrices: Title and matrix of each panel.
        classes: Names of rows and columns.
        folder: Where ``slices-confusion.svg`` is saved too; None: nowhere.
    """
    columns = min(_COLUMNS, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    side, left, top, gap = 1.88, 0.34, 0.62, 0.18
    height = rows * (side + top) + (rows - 1) * gap + 0.05
    words = []
    with drawing(_WIDTH, height) as figure:
        for position, (title, matrix) in enumerate(matrices):
            row, column = divmod(position, columns)
            x = left + column * (side + left)
            y = height - (row + 1) * (side + top) - row * gap
            axes = figure.add_axes((x / _WIDTH, y / height, side / _WIDTH, side / height))
            _matrix(axes, matrix, classes)
            axes.set_title(title, loc="left", fontweight="bold", pad=20)
            cells = [
                f"{classes[i]} called {classes[j]} {count(cell)}"
                for i, line in enumerate(matrix)
                for j, cell in enumerate(line)
            ]
            words.append(f"{title}: {', '.join(cells)}")
        return finish(
            figure,
            name="slices-confusion",
            title="Confusion matrices over slices, fold by fold",
            description=". ".join(words) + ".",
            folder=folder,
        )


def _matrix(axes: Axes, matrix: Sequence[Sequence[object]], classes: Sequence[str]) -> None:
    size = len(classes)
    for row, cells in enumerate(matrix):
        values = [as_float(cell) for cell in cells]
        total = sum(value for value in values if math.isfinite(value))
        for column, value in enumerate(values):
            share = value / total if total > 0 else math.nan
            strength = share if math.isfinite(share) else 0.0
            base = CLASS_COLOURS[0] if row == column else CLASS_COLOURS[1]
            for colour, alpha in (("#f3f5f7", 1.0), (base, 0.85 * strength)):
                place = (column - 0.48, row - 0.48)
                axes.add_patch(Rectangle(place, 0.96, 0.96, facecolor=colour, alpha=alpha, linewidth=0))
            ink = "white" if strength > 0.9 else INK
            axes.text(column, row - 0.08, count(value), ha="center", va="center", color=ink, fontweight="bold",
                      fontsize=12 if size == 2 else 9.5)  # fmt: skip
            shown = percent(share, 0) if math.isfinite(share) else "–"
            axes.text(column, row + 0.26, shown, ha="center", va="center", color=ink, fontsize=7.5)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    names, small = [shortened(name, 13) for name in classes], 8 if size == 2 else 7
    axes.xaxis.set_ticks_position("top")
    axes.set_xticks(range(size), names, color=INK, fontsize=small)
    axes.set_yticks(range(size), names, color=INK, fontsize=small, rotation=90, va="center")
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def fold_curves_figure(
    means: Sequence[Mapping[str, Any]], folds: Sequence[Mapping[str, Any]], *, folder: Path | None = None
) -> str:
    """Draw the ROC curve of every fold (thin) and their mean (thick), a panel per class that has one.

    Args:
        means: ``roc`` of the section ``slices``.
        folds: ``per_fold`` of it.
        folder: Where ``slices-roc.svg`` is saved too; None: nowhere.
    """
    panels = len(means)
    side = 2.9 if panels == 1 else min(2.4, (_WIDTH - 0.62 - 0.16 * (panels - 1)) / panels)
    width = 4.9 if panels == 1 else 0.62 + panels * side + 0.16 * (panels - 1) + 0.08
    height = side + 0.86
    words = []
    with drawing(width, height) as figure:
        for position, mean in enumerate(means):
            x = 0.62 + position * (side + 0.16)
            axes = figure.add_axes((x / width, 0.5 / height, side / width, side / height))
            name = str(mean.get("class", "?"))
            told = _curves(axes, mean, [_own_curve(fold, name) for fold in folds])
            percent_axis(axes, which="x", label="False alarms (%)")
            percent_axis(axes, which="y", label="Sensitivity (%)" if position == 0 else "")
            if position:
                axes.set_yticklabels([])
            axes.grid(visible=True)
            title = f"{shortened(name, 14)} against the rest"
            axes.set_title(title, loc="left", fontweight="bold", pad=8, fontsize=10 if panels == 1 else 9)
            area = as_mapping(mean.get("auroc"))
            axes.text(0.97, 0.05, f"Area\n{mean_text(area)}", transform=axes.transAxes, ha="right", va="bottom",
                      color=INK, linespacing=1.35, fontsize=9)  # fmt: skip
            if panels == 1:
                lines = [
                    f"Fold {fold.get('fold', '?')}: {number(area, 3)}"
                    for fold, area in zip(folds, told, strict=True)
                ]
                axes.text(1.05, 1.0, "\n".join(["Area under ROC", *lines]), transform=axes.transAxes, va="top",
                          color=SOFT, linespacing=1.6, fontsize=9)  # fmt: skip
            each = ", ".join(number(area, 3) for area in told)
            words.append(f"{name}: mean area {mean_text(area)}, folds {each}")
        return finish(
            figure,
            name="slices-roc",
            title="ROC over slices, fold by fold",
            description="; ".join(words) + ". Thick: mean over folds. Dashed: guessing.",
            folder=folder,
        )


def _own_curve(fold: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    curves = map(as_mapping, as_list(fold.get("roc")))
    return next((curve for curve in curves if curve.get("class") == name), {})


def _curves(axes: Axes, mean: Mapping[str, Any], folds: Sequence[Mapping[str, Any]]) -> list[float]:
    """Draw the curves of one panel; return the areas of the folds."""
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
    for curve, wide in [*((fold, False) for fold in folds), (mean, True)]:
        x, y = ([as_float(value) for value in as_list(curve.get(key))] for key in ("x", "y"))
        if x and len(x) == len(y):
            x, y = ([0.0, *x], [0.0, *y]) if math.isfinite(y[0]) else (x, y)
            axes.plot(
                x, y, color=CLASS_COLOURS[0], linewidth=2.4 if wide else 0.9, alpha=1.0 if wide else 0.45
            )
    return [as_float(fold.get("auroc")) for fold in folds]


def series_bars_figure(
    groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], *, folder: Path | None = None
) -> str:
    """Draw macro F1 of the runs of a series with their standard deviation, hollow bars beside: as printed.

    Args:
        groups: Per panel (a number of classes) its title and its rows: ``data_set``, ``classifier``, ``own`` and
            ``printed`` (each with ``mean`` and ``sd``).
        folder: Where ``series-bars.svg`` is saved too; None: nowhere.
    """
    classifiers = list(dict.fromkeys(str(row["classifier"]) for _, rows in groups for row in rows))
    panel, gap = 1.9, 0.5
    height = len(groups) * panel + (len(groups) - 1) * gap + 0.9
    words = []
    with drawing(_WIDTH, height) as figure:
        for position, (title, rows) in enumerate(groups):
            y = height - 0.32 - (position + 1) * panel - position * gap
            axes = figure.add_axes((0.6 / _WIDTH, y / height, (_WIDTH - 0.7) / _WIDTH, panel / height))
            words.append(f"{title}: {_bars(axes, rows, classifiers)}")
            axes.set_title(title, loc="left", fontweight="bold", pad=6)
        handles = [Patch(facecolor=class_colour(i), label=name) for i, name in enumerate(classifiers)]
        handles.append(Patch(facecolor="none", edgecolor=SOFT, label="as printed"))
        figure.legend(handles=handles, loc="lower center", ncols=len(handles), handlelength=1.2)
        return finish(
            figure,
            name="series-bars",
            title="Macro F1 of the runs beside the printed ones",
            description=". ".join(words) + ".",
            folder=folder,
        )


def _bars(axes: Axes, rows: Sequence[Mapping[str, Any]], classifiers: Sequence[str]) -> str:
    """Draw one panel; return it in words."""
    data_sets = list(dict.fromkeys(str(row["data_set"]) for row in rows))
    members = [[row for row in rows if str(row["data_set"]) == name] for name in data_sets]
    width, told = 0.8 / (2 * max(map(len, members), default=1)), []
    for row in rows:
        number_of = classifiers.index(str(row["classifier"]))
        group = data_sets.index(str(row["data_set"]))
        first = group + (2 * members[group].index(row) - len(members[group])) * width
        colour = class_colour(number_of)
        for column, key in enumerate(("own", "printed")):
            mean, sd = (as_float(as_mapping(row[key]).get(name)) for name in ("mean", "sd"))
            x = first + (column + 0.5) * width
            if not math.isfinite(mean):
                if key == "own":
                    axes.text(x, 0.02, "–", ha="center", va="bottom", color=SOFT)
                continue
            face = colour if key == "own" else "none"
            axes.bar([x], [mean], width=0.86 * width, facecolor=face, edgecolor=colour, linewidth=1.1)
            if math.isfinite(sd):
                axes.plot([x, x], [mean - sd, mean + sd], color=INK if key == "own" else SOFT, linewidth=1.1)
        told.append(
            f"{row['data_set']} {row['classifier']} {mean_text(row['own'])}, printed {mean_text(row['printed'])}"
        )
    axes.set_xlim(-0.5, len(data_sets) - 0.5)
    axes.set_xticks(range(len(data_sets)), [f"data set {name}" for name in data_sets], color=INK)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.set_ylabel("Macro F1 per slice")
    axes.grid(visible=True, axis="y")
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_color(LINE)
    return "; ".join(told)
