"""The figure of a pre-training: its loss, step by step and epoch by epoch, beside predictors that learn nothing."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter

from semioscope.report.style import CLASS_COLOURS, INK, PAPER, SOFT, drawing, finish
from semioscope.report.wording import count

TRIVIAL_TITLES: dict[str, str] = {
    "mean_feature": "always the mean feature",
    "spoilt_input": "the spoilt excerpt as it is",
}
"""Predictors that learn nothing, as they stand in figures and sentences."""

_MOST_POINTS = 400
_LOG_FROM = 12.0


def loss_figure(
    loss: Sequence[float],
    epoch_loss: Sequence[float],
    trivial: Mapping[str, float],
    *,
    steps_per_epoch: int,
    num_steps: int,
    folder: Path | None = None,
) -> str:
    """Draw the loss over epochs: the range of single steps, the mean of each epoch, and lines of trivial predictors.

    Args:
        loss: Of every step that was taken, at least one.
        epoch_loss: Mean of every whole epoch.
        trivial: Losses of predictors that learn nothing, by a key of ``TRIVIAL_TITLES``.
        steps_per_epoch: Steps of an epoch.
        num_steps: Steps of the whole pre-training; the axis reaches so far.
        folder: Where ``pretraining-loss.svg`` is saved too; None: nowhere.
    """
    steps = np.asarray(loss, dtype=np.float64)
    edges = np.linspace(0, len(steps), min(len(steps), _MOST_POINTS) + 1).astype(int)
    bins = [steps[begin:end] for begin, end in itertools.pairwise(edges)]
    middles = (edges[:-1] + edges[1:]) / 2 / steps_per_epoch
    with drawing(7.2, 3.6) as figure:
        axes = figure.add_axes((0.11, 0.15, 0.86, 0.79))
        if len(bins) < len(steps):
            low, high = [part.min() for part in bins], [part.max() for part in bins]
            axes.fill_between(middles, low, high, color=CLASS_COLOURS[0], alpha=0.18, linewidth=0)
        else:
            axes.plot(middles, steps, color=CLASS_COLOURS[0], alpha=0.4, linewidth=0.9)
        if epoch_loss:
            axes.plot(
                np.arange(len(epoch_loss)) + 0.5, epoch_loss, color=CLASS_COLOURS[0], linewidth=2.2,
                marker="o" if len(epoch_loss) <= 60 else "", markersize=3.5,
            )  # fmt: skip
        known = {name: value for name, value in trivial.items() if math.isfinite(value) and value > 0}
        for style, (name, value) in zip(((0, (5, 3)), (0, (1.5, 2))), known.items(), strict=False):
            axes.axhline(value, color=SOFT, linewidth=1.1, linestyle=style)
            axes.annotate(
                TRIVIAL_TITLES.get(name, name), (1.0, value), xycoords=("axes fraction", "data"), ha="right",
                xytext=(-4, 3), textcoords="offset points", color=INK, fontsize=8.5,
                zorder=5, bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
            )  # fmt: skip
        shown = [*steps[steps > 0], *known.values()]
        if shown and max(shown) > _LOG_FROM * min(shown):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(_decade))
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlim(0, num_steps / steps_per_epoch)
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Loss per excerpt")
        axes.grid(visible=True, axis="y")
        last = f"; mean of the last whole epoch {epoch_loss[-1]:.4g}" if epoch_loss else ""
        lines = "; ".join(f"{TRIVIAL_TITLES.get(name, name)} {value:.4g}" for name, value in known.items())
        return finish(
            figure,
            name="pretraining-loss",
            title="Loss of the pre-training",
            description=f"{count(len(steps))} of {count(num_steps)} steps, from {steps[0]:.4g} to {steps[-1]:.4g}"
            f"{last}. Lines: {lines}.",
            folder=folder,
        )


def _decade(value: float, _position: int | None) -> str:
    """Return a tick of a logarithmic axis as a plain number; powers would need a formula."""
    return count(value) if value >= 1 else f"{value:g}"
