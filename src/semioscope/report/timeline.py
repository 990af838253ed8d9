"""The probability of a class over the time of one seizure or video, view by view.

It knows no run folder: the report and ``semioscope predict`` both draw with it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from semioscope.report.style import INK, SOFT, class_colour, drawing, finish, shortened
from semioscope.report.wording import clock_text, number, number_beside, percent_beside, plural, seconds_text

_PANEL_INCHES, _GAP_INCHES, _TOP_INCHES, _BOTTOM_INCHES = 1.35, 0.52, 0.74, 0.74
_WIDTH_INCHES, _LEFT_INCHES, _RIGHT_INCHES = 6.8, 0.78, 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView:
    """What one recording says about an event. Times are seconds from its first displayed frame.

    Args:
        name: What the reader calls it: the view, the recording.
        start_seconds: Start of each segment's clip, ascending.
        end_seconds: End of each segment's clip, excluded.
        score_clip: Probability of the positive class from this clip alone, in [0, 1]; NaN: unknown.
        score_prefix: Probability had the event ended with this clip, in [0, 1]; NaN: unknown.
        onset_seconds: t0; None: no event was marked, the recording is shown from its beginning.
        clonic_onset_seconds: tG; None: none was marked.
        offset_seconds: t1; None: not marked.
        score: Probability of the whole view; NaN: unknown.
    """

    name: str
    start_seconds: Float[np.ndarray, " num_segments"]
    end_seconds: Float[np.ndarray, " num_segments"]
    score_clip: Float[np.ndarray, " num_segments"]
    score_prefix: Float[np.ndarray, " num_segments"]
    onset_seconds: float | None = None
    clonic_onset_seconds: float | None = None
    offset_seconds: float | None = None
    score: float = math.nan

    def __post_init__(self) -> None:
        lengths = [
            len(self.start_seconds),
            len(self.end_seconds),
            len(self.score_clip),
            len(self.score_prefix),
        ]
        if len(set(lengths)) > 1:
            msg = f"start, end, score_clip and score_prefix of {self.name!r} must be equally long, got {lengths}."
            raise ValueError(msg)

    @property
    def zero_seconds(self) -> float:
        """The time of the recording that the time axis calls zero."""
        return 0.0 if self.onset_seconds is None else self.onset_seconds


def timeline_figure(
    views: Sequence[TimelineView],
    *,
    title: str,
    positive_class: str,
    threshold: float | None = 0.5,
    name: str = "timeline",
    folder: Path | None = None,
) -> str:
    """Draw the probability per segment over time, one panel per view, and return it as SVG text.

    The axis counts from t0, so views with different clocks stand above each other; each panel says which
    time of its recording t0 is. The line is the probability had the seizure ended there, the dots are the
    clips alone, and a clip whose score is unknown is a cross on the floor.

    Args:
        views: At least one.
        title: What is shown, such as the id of the event; also the accessible name.
        positive_class: The class whose probability is drawn.
        threshold: Above or at it the call is the positive class, in [0, 1]; None where the likeliest of several
            classes is called.
        name: File name without suffix; tells the ids of this figure from others in one page.
        folder: Where ``NAME.svg`` is saved too; None: nowhere.

    Raises:
        ValueError: If there is no view.
    """
    if not views:
        msg = f"A timeline needs at least one view, got none for {title!r}."
        raise ValueError(msg)
    low, high = _span(views)
    height = _TOP_INCHES + _BOTTOM_INCHES + len(views) * _PANEL_INCHES + (len(views) - 1) * _GAP_INCHES
    with drawing(_WIDTH_INCHES, height) as figure:
        marked = any(view.onset_seconds is not None for view in views)
        axes: Axes | None = None
        for index, view in enumerate(views):
            top = height - _TOP_INCHES - index * (_PANEL_INCHES + _GAP_INCHES)
            axes = figure.add_axes(
                (
                    _LEFT_INCHES / _WIDTH_INCHES,
                    (top - _PANEL_INCHES) / height,
                    (_WIDTH_INCHES - _LEFT_INCHES - _RIGHT_INCHES) / _WIDTH_INCHES,
                    _PANEL_INCHES / height,
                )
            )
            _draw_view(axes, view, low=low, high=high, threshold=threshold)
            if index < len(views) - 1:
                axes.tick_params(labelbottom=False)
        assert axes is not None
        axes.set_xlabel("Seconds since onset (t0)" if marked else "Seconds in the recording", labelpad=2)
        figure.text(
            0.03,
            (_BOTTOM_INCHES + (height - _TOP_INCHES - _BOTTOM_INCHES) / 2) / height,
            f"Probability of\n{shortened(positive_class, 16)} (%)",
            rotation=90,
            va="center",
            ha="center",
            color=SOFT,
            fontsize=9,
        )
        unknown = any(not np.isfinite(view.score_clip).all() for view in views)
        _legend(figure, y=0.144 / height, marked=marked, unknown=unknown, threshold=threshold)
        figure.text(
            _LEFT_INCHES / _WIDTH_INCHES,
            1 - 0.2 / height,
            f"{shortened(title, 40)}: probability of {shortened(positive_class, 24)}"
            + ("" if threshold is None else f", threshold {_threshold_text(threshold)}"),
            va="center",
            color=INK,
            fontsize=10,
        )
        return finish(
            figure,
            name=name,
            title=f"Probability of {positive_class} over time: {title}",
            description=" ".join(_describe(view, positive_class, threshold) for view in views),
            folder=folder,
        )


def _span(views: Sequence[TimelineView]) -> tuple[float, float]:
    low, high = 0.0, 0.0
    for view in views:
        marks = [view.offset_seconds, *view.end_seconds.tolist(), view.onset_seconds]
        known = [mark - view.zero_seconds for mark in marks if mark is not None and math.isfinite(mark)]
        starts = [start - view.zero_seconds for start in view.start_seconds.tolist() if math.isfinite(start)]
        low, high = min([low, *starts]), max([high, *known])
    return low, high if high > low else low + 1.0


def _draw_view(axes: Axes, view: TimelineView, *, low: float, high: float, threshold: float | None) -> None:
    zero = view.zero_seconds
    pad = (high - low) * 0.015
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([0.0, 0.5, 1.0], ["0", "50", "100"])
    axes.tick_params(length=2.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=high - low > 5))
    colour = class_colour(1)
    _draw_phases(axes, view, high=high)
    if threshold is not None:
        axes.axhline(threshold, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    centres = (view.start_seconds + view.end_seconds) / 2 - zero
    half = (view.end_seconds - view.start_seconds) / 2
    known = np.isfinite(view.score_clip) & np.isfinite(centres)
    axes.hlines(
        view.score_clip[known], (centres - half)[known], (centres + half)[known], color=SOFT, linewidth=1.4
    )
    axes.plot(
        centres[known], view.score_clip[known], "o", color="white", markeredgecolor=SOFT, markersize=4.4
    )
    unknown = ~np.isfinite(view.score_clip) & np.isfinite(centres)
    axes.plot(centres[unknown], np.zeros(int(unknown.sum())), "x", color=INK, markersize=5, zorder=4)
    # A NaN breaks the line: nothing is drawn where nothing is known.
    axes.plot(
        view.end_seconds - zero,
        view.score_prefix,
        color=colour,
        linewidth=2.0,
        marker=".",
        markersize=5,
        zorder=5,
    )
    share = percent_beside(view.score, threshold, 0).replace("\xa0", " ")
    label = view.name if math.isnan(view.score) else f"{view.name}: {share}"
    axes.set_title(
        label, loc="left", fontsize=9.5, fontweight="bold", pad=17 if view.onset_seconds is not None else 5
    )


def _draw_phases(axes: Axes, view: TimelineView, *, high: float) -> None:
    onset, clonic, offset = view.onset_seconds, view.clonic_onset_seconds, view.offset_seconds
    if onset is None:
        return
    end = high if offset is None else offset - onset
    split = end if clonic is None else clonic - onset
    axes.axvspan(0, split, color="#f0f3f6", linewidth=0, zorder=0)
    if clonic is not None:
        axes.axvspan(split, end, color="#fbe9da", linewidth=0, zorder=0)
    marks = [(0.0, f"t0 = {clock_text(onset)} in the recording", "left")]
    if clonic is not None:
        marks.append((split, f"tG +{seconds_text(split)}", "center"))
    if offset is not None:
        marks.append((end, f"t1 +{seconds_text(end)}", "right"))
    for at, text, align in marks:
        axes.axvline(at, color=INK, linewidth=1.0, zorder=1)
        if align != "center" or _has_room(split, end, high):
            axes.annotate(
                text, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points",
                ha=align, va="bottom", fontsize=8.2, color=SOFT, annotation_clip=False,
            )  # fmt: skip


def _has_room(split: float, end: float, high: float) -> bool:
    """Return whether the label of tG fits between those of t0 and t1."""
    return split > 0.34 * high and end - split > 0.17 * high


def _legend(figure: Figure, *, y: float, marked: bool, unknown: bool, threshold: float | None) -> None:
    entries: list[tuple[str, dict[str, Any]]] = [
        (f"had the {'seizure' if marked else 'video'} ended here",
         {"color": class_colour(1), "linewidth": 2.0, "marker": ".", "markersize": 5}),
        ("this clip alone",
         {"linestyle": "", "marker": "o", "color": "white", "markeredgecolor": SOFT, "markersize": 4.4}),
    ]  # fmt: skip
    if threshold is not None:
        entries.append(("threshold", {"color": SOFT, "linewidth": 0.9, "linestyle": (0, (4, 3))}))
    if unknown:
        entries.append(("no score", {"linestyle": "", "marker": "x", "color": INK, "markersize": 5}))
    x = _LEFT_INCHES / _WIDTH_INCHES
    for text, look in entries:
        width = 0.03 if look.get("linestyle") != "" else 0.0
        figure.add_artist(Line2D([x, x + width] if width else [x + 0.006], [y, y] if width else [y], **look))
        figure.text(x + width + (0.012 if width else 0.021), y, text, va="center", fontsize=8.4, color=SOFT)
        x += width + 0.045 + 0.0105 * len(text)


def _describe(view: TimelineView, positive_class: str, threshold: float | None) -> str:
    """Return the figure in words, for those who cannot see it."""
    parts = [f"{view.name}: {plural(len(view.start_seconds), 'clip')}"]
    if view.onset_seconds is not None and view.offset_seconds is not None:
        parts.append(f"in {seconds_text(view.offset_seconds - view.onset_seconds)} of seizure")
    if view.onset_seconds is not None and view.clonic_onset_seconds is not None:
        parts.append(f"clonic onset after {seconds_text(view.clonic_onset_seconds - view.onset_seconds)}")
    elif view.onset_seconds is not None:
        parts.append("no clonic onset marked")
    known = np.flatnonzero(np.isfinite(view.score_prefix))
    if known.size:
        last = float(view.score_prefix[known[-1]])
        parts.append(f"probability of {positive_class} {number_beside(last, threshold)} at the end")
        if threshold is not None:
            parts.append(_side(view, known, threshold))
    else:
        parts.append("no probability is known")
    return ", ".join(parts) + "."


def _side(view: TimelineView, known: Int[np.ndarray, " num_known"], threshold: float) -> str:
    """Return when the probability first reaches the threshold."""
    above = known[view.score_prefix[known] >= threshold]
    if not above.size:
        return f"always below the threshold {_threshold_text(threshold)}"
    first = float(view.end_seconds[above[0]]) - view.zero_seconds
    return f"at or above the threshold first after {seconds_text(first)}"


def _threshold_text(threshold: float) -> str:
    """Return a threshold with two digits, or four where two would be another number."""
    return number(threshold, 2 if math.isclose(threshold, round(threshold, 2), abs_tol=1e-9) else 4)
