"""The depth crop step by step, in one figure: what was measured, what was concluded, what is left.

Everything is drawn from the plan and from the frame that it was made on; nothing is decided here.
"""

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from semioscope.preprocess.crops import REMARK
from semioscope.preprocess.depth_crop import LOC_SOURCES, NUM_SIGMAS, DepthCropPlan
from semioscope.preprocess.depth_noise import denoised
from semioscope.report.crop_panels import (
    curvature_panel,
    depth_scale,
    line_panel,
    mark_line,
    note,
    picture_panel,
    profile_panel,
)
from semioscope.report.style import INK, SOFT, drawing, finish, shortened

_SIZE = (13.0, 10.4)  # inches
_DPI = 130
_LINE = 165  # characters across the figure


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterFrame:
    """A later frame of the event, for which a plan is in doubt: before and after are shown for it.

    Args:
        seconds: From the event's begin.
        depth: As recorded, in millimetres; 0 is missing.
        infrared: The same frame.
    """

    seconds: float
    depth: UInt16[np.ndarray, "height width"]
    infrared: UInt16[np.ndarray, "height width"] | UInt8[np.ndarray, "height width"]


def explain_figure(
    depth: UInt16[np.ndarray, "height width"],
    infrared: UInt16[np.ndarray, "height width"] | UInt8[np.ndarray, "height width"],
    plan: DepthCropPlan,
    *,
    name: str = "depth-crop",
    subject: str = "",
    later: LaterFrame | None = None,
    folder: Path | None = None,
) -> str:
    """Return the figure as SVG text.

    Args:
        depth: The frame as recorded, in millimetres; 0 is missing. The plan was made on it without noise.
        infrared: The same frame.
        plan: What the algorithm found.
        name: File name without suffix, and prefix of ids; see ``style.finish``.
        subject: What is seen, such as the event's id; stands in the title.
        later: What before and after are shown for; None: for the frame itself.
        folder: Where ``NAME.svg`` is saved too; None: nowhere.

    Raises:
        VideoError: If the frame has another size than the one that the plan was made on.
    """
    with drawing(*_SIZE) as figure:
        figure.set_dpi(_DPI)
        title = _draw(figure, depth, infrared, plan, subject=subject, later=later)
        return finish(figure, name=name, title=title, description=" ".join(_words(plan)), folder=folder)


def explain_png(
    depth: UInt16[np.ndarray, "height width"],
    infrared: UInt16[np.ndarray, "height width"] | UInt8[np.ndarray, "height width"],
    plan: DepthCropPlan,
    *,
    subject: str = "",
    later: LaterFrame | None = None,
) -> bytes:
    """Return the figure as a PNG file, for programs that show no SVG; arguments as of ``explain_figure``."""
    with drawing(*_SIZE) as figure:
        _draw(figure, depth, infrared, plan, subject=subject, later=later)
        FigureCanvasAgg(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _draw(
    figure: Figure, depth: Any, infrared: Any, plan: DepthCropPlan, *, subject: str, later: LaterFrame | None
) -> str:
    """Draw all panels; return the title."""
    clean = denoised(depth)
    title = f"Depth crop{f' of {subject}' if subject else ''}: {plan.status}"
    figure.text(0.03, 0.975, title, fontsize=14, fontweight="bold", va="center")
    verdict, finding = _words(plan)
    lines = [(line, INK) for line in _two_lines(verdict)] + [(finding, SOFT)]
    for number, (line, colour) in enumerate(lines):
        figure.text(0.03, 0.953 - 0.0205 * number, line, fontsize=10.5, color=colour, va="center")

    upper, middle, lower = (
        GridSpec(1, 12, figure=figure, left=0.05, right=0.985, wspace=1.0, bottom=bottom, top=top)
        for bottom, top in ((0.665, 0.88), (0.352, 0.526), (0.03, 0.24))
    )
    valid = clean[clean > 0]
    span = (float(np.quantile(valid, 0.005)), float(np.quantile(valid, 0.995))) if valid.size else (0.0, 1.0)
    bright = (0.0, max(float(np.quantile(infrared, 0.98)), 1.0))

    axes = figure.add_subplot(upper[0, 0:3])
    picture_panel(axes, depth, "Depth as recorded", kind="depth", span=span)
    note(axes, f"{100 * float(np.mean(depth == 0)):.1f} % missing (grey)")
    axes = figure.add_subplot(upper[0, 3:6])
    picture_panel(axes, clean, "Noise removed", kind="depth", span=span)
    note(axes, f"{100 * plan.missing_fraction:.1f} % missing")
    mark_line(axes, plan)
    if valid.size:
        depth_scale(figure, axes, span)
    profile_panel(figure.add_subplot(upper[0, 6:9]), clean, plan, along="x")
    profile_panel(figure.add_subplot(upper[0, 9:12]), clean, plan, along="y")

    curvature_panel(figure.add_subplot(middle[0, 0:4]), plan)
    line_panel(figure.add_subplot(middle[0, 4:12]), clean, plan)

    kept = f"{100 * plan.kept_fraction:.0f} % of the picture is left; cleared is grey"
    before, seen, at = clean, infrared, ""
    if later is not None:
        before, seen, at = denoised(later.depth), later.infrared, f", {later.seconds:.2f} s on"
        kept = "the frame in doubt; cleared is grey"
    cut_depth, cut_infrared = plan.apply(before, seen)
    for left, values, kind, heading in (
        (0, before, "depth", "Depth before"),
        (3, cut_depth, "depth", "Depth after"),
        (6, seen, "infrared", "Infrared before"),
        (9, cut_infrared, "infrared", "Infrared after"),
    ):
        axes = figure.add_subplot(lower[0, left : left + 3])
        picture_panel(axes, values, f"{heading}{at}", kind=kind, span=span if kind == "depth" else bright)
        if heading == "Depth after":
            note(axes, kept if plan.planes is not None else "not cropped")
    return title


def _two_lines(text: str) -> list[str]:
    """Return a text in at most two lines; the description of the figure holds all of it."""
    lines = textwrap.wrap(text, _LINE)
    return lines if len(lines) < 3 else [lines[0], shortened(" ".join(lines[1:]), _LINE)]


def _words(plan: DepthCropPlan) -> tuple[str, str]:
    """Return what a person should know first, and what the algorithm found, each as a line."""
    remark = f" {REMARK}{plan.remark}" if plan.remark else ""
    if plan.status == "flagged":
        verdict = f"Please look at it: {plan.reason}{remark}"
    else:
        verdict = (
            f"The numbers raise no doubt.{remark} Check below that the patient is whole and what stood in front is "
            "gone."
        )
    if plan.axis is None or plan.loc_source is None:
        return verdict, "Which way the bed lies could not be found, so nothing is cropped."
    across = "row y" if plan.axis == "x" else "column x"
    source = LOC_SOURCES[plan.loc_source]
    finding = f"The bed lies along {plan.axis}; the patient on {across} = {plan.loc}, the {source}."
    if plan.sigma is not None:
        finding += f" Kept: fit \N{PLUS-MINUS SIGN} {NUM_SIGMAS * plan.sigma:.0f} mm."
    return verdict, finding
