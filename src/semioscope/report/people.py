"""The figures of the report that show people: who was tested where, and how each seizure scored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from semioscope.report.style import (
    LINE,
    SOFT,
    bare,
    class_colour,
    class_marker,
    drawing,
    finish,
    percent_axis,
    shortened,
)  # fmt: skip
from semioscope.report.wording import count, number, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredEvent:
    """An event as figures of the run show it.

    Args:
        event_id: The event.
        patient_id: Whose it is.
        class_index: True class; -1: unknown.
        score: Probability of the positive class, in [0, 1]; NaN: none.
        correct: Whether the call was right; None: not known.
    """

    event_id: str
    patient_id: str
    class_index: int
    score: float
    correct: bool | None


def folds_figure(
    folds: Sequence[tuple[str, Sequence[ScoredEvent]]], classes: Sequence[str], *, folder: Path | None = None
) -> str:
    """Draw who was tested in which fold: a box per patient, a mark per seizure, its class and whether it was right.

    Args:
        folds: Name and tested events of each fold.
        classes: Names of the classes.
        folder: Where ``folds.svg`` is saved too; None: nowhere.
    """
    rows = [(name, _by_patient(events)) for name, events in folds]
    # A mark is one unit wide, a patient is padded by half a unit on both sides.
    widest = max((sum(len(group) + 0.8 for _, group in groups) for _, groups in rows), default=1.0)
    units = max(widest, 12.0)
    row_inches = 0.42
    height = 0.62 + row_inches * max(len(rows), 1)
    with drawing(6.8, height) as figure:
        left = 0.75 / 6.8
        axes = figure.add_axes((left, 0.5 / height, 0.99 - left, 1 - 0.56 / height))
        unit_points = 6.8 * (0.99 - left) * 72 / units
        size = min(6.4, 0.62 * unit_points)
        labelled = unit_points > 8.5
        for index, (name, groups) in enumerate(rows):
            y = len(rows) - 1 - index
            axes.annotate(
                name, (0, y), xytext=(-6, 0), textcoords="offset points", ha="right", va="center", color=SOFT
            )
            x = 0.0
            for patient, group in groups:
                axes.add_patch(_box(x, y - 0.36, len(group) + 0.6, 0.72))
                for offset, event in enumerate(group):
                    _event_mark(axes, x + 0.8 + offset, y - (0.12 if labelled else 0), event, size)
                if labelled:
                    room = int((len(group) + 0.6) * unit_points / 4.4)
                    axes.text(
                        x + 0.15,
                        y + 0.2,
                        shortened(patient, max(room, 3)),
                        fontsize=6.8,
                        color=SOFT,
                        va="center",
                    )
                x += len(group) + 0.8
        axes.set_xlim(0, units)
        axes.set_ylim(-0.5, max(len(rows), 1) - 0.5)
        bare(axes)
        _class_legend(figure, classes, x=left, y=0.162 / height)
        words = [
            f"{name}: {plural(len(groups), 'patient')}, {plural(sum(len(g) for _, g in groups), 'seizure')}"
            for name, groups in rows
        ]
        return finish(
            figure,
            name="folds",
            title="Patients and seizures tested in each fold",
            description="; ".join(words) + ".",
            folder=folder,
        )


def patients_figure(
    events: Sequence[ScoredEvent],
    classes: Sequence[str],
    *,
    positive_class: str,
    threshold: float,
    folder: Path | None = None,
) -> str:
    """Draw the probability of every seizure, a row per patient; hollow marks are wrong calls.

    Args:
        events: The seizures.
        classes: Names of the classes.
        positive_class: The class of the probability, in words.
        threshold: Where a line is drawn; NaN draws none.
        folder: Where ``patients.svg`` is saved too; None: nowhere.
    """
    groups = _by_patient(events)
    row_inches = 0.25
    height = 0.92 + row_inches * max(len(groups), 1)
    with drawing(6.8, height) as figure:
        axes = figure.add_axes((0.16, 0.84 / height, 0.81, 1 - 0.9 / height))
        missing = 0
        for index, (_, group) in enumerate(groups):
            y = len(groups) - 1 - index
            axes.axhline(y, color="#eef1f4", linewidth=1.0, zorder=0)
            for event in group:
                if math.isfinite(event.score):
                    _event_mark(axes, event.score, y, event, 6.2)
                else:
                    missing += 1
        label = f"Probability of {positive_class} (%)"
        if math.isfinite(threshold):
            axes.axvline(threshold, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            label += f", dashed: threshold {number(threshold)}"
        axes.set_ylim(-0.7, max(len(groups), 1) - 0.3)
        axes.set_yticks(range(len(groups)), [shortened(patient, 18) for patient, _ in reversed(groups)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        percent_axis(axes, label=label)
        _class_legend(figure, classes, x=0.16, y=0.162 / height)
        wrong = sum(event.correct is False for event in events)
        words = f"{plural(len(events), 'seizure')} of {plural(len(groups), 'patient')}, {count(wrong)} called wrongly"
        return finish(
            figure,
            name="patients",
            title="Probability of each seizure by patient",
            description=words + (f"; {count(missing)} without a score are not drawn." if missing else "."),
            folder=folder,
        )


def _by_patient(events: Sequence[ScoredEvent]) -> list[tuple[str, list[ScoredEvent]]]:
    groups: dict[str, list[ScoredEvent]] = {}
    for event in sorted(events, key=lambda event: (event.patient_id, event.class_index, event.event_id)):
        groups.setdefault(event.patient_id, []).append(event)
    return list(groups.items())


def _event_mark(axes: Axes, x: float, y: float, event: ScoredEvent, size: float) -> None:
    known = event.class_index >= 0
    colour = class_colour(event.class_index) if known else SOFT
    marker = class_marker(event.class_index) if known else "x"
    wrong = event.correct is False
    axes.plot([x], [y], marker, markersize=size * (0.86 if marker == "D" else 1.0), markeredgecolor=colour,
              markerfacecolor="white" if wrong else colour, markeredgewidth=1.5, zorder=4 if wrong else 3,
              clip_on=False)  # fmt: skip


def _class_legend(figure: Figure, classes: Sequence[str], *, x: float, y: float) -> None:
    entries = [
        (shortened(name, 22), class_marker(i), class_colour(i), class_colour(i))
        for i, name in enumerate(classes)
    ]
    entries.append(("hollow: called wrongly", class_marker(0), "white", SOFT))
    x += 0.01
    for text, marker, face, edge in entries:
        size = 6 * (0.86 if marker == "D" else 1.0)
        look: dict[str, Any] = {
            "markerfacecolor": face,
            "markeredgecolor": edge,
            "markeredgewidth": 1.5,
            "markersize": size,
        }
        figure.add_artist(Line2D([x], [y], linestyle="", marker=marker, **look))
        figure.text(x + 0.015, y, text, va="center", fontsize=8.6, color=SOFT)
        x += 0.045 + 0.0128 * len(text)


def _box(x: float, y: float, width: float, height: float) -> Rectangle:
    return Rectangle((x, y), width, height, facecolor="#f3f5f7", edgecolor=LINE, linewidth=0.6)
