"""The panels of the figure that explains a depth crop; each draws into axes that it is given.

Steps are numbered as in ``preprocess.depth_crop``.
"""

import numpy as np
from jaxtyping import UInt8, UInt16
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from semioscope.preprocess.depth_crop import NUM_SIGMAS, DepthCropPlan
from semioscope.preprocess.depth_fit import extremes
from semioscope.preprocess.depth_planes import Axis
from semioscope.report.style import CLASS_COLOURS, INK, LINE, SOFT, bare

_FAR, _NEAR, _KEPT, _BED = CLASS_COLOURS[:4]
_MISSING = "#d3d8de"  # no colour of depth, and lighter than all of them
_NAMES: dict[Axis, tuple[str, str]] = {"x": ("column", "x (pixels)"), "y": ("row", "y (pixels)")}
_AXES: tuple[Axis, Axis] = ("x", "y")
_COLOURS = {"depth": "cividis_r", "infrared": "gray"}
_UNIT = "\N{MICRO SIGN}m/pixel\N{SUPERSCRIPT TWO}"
_MINUS = "\N{MINUS SIGN}"


def picture_panel(
    axes: Axes,
    values: UInt16[np.ndarray, "height width"] | UInt8[np.ndarray, "height width"],
    heading: str,
    *,
    kind: str,
    span: tuple[float, float],
) -> None:
    """Draw a picture; ``kind`` is depth (bright is near, 0 is grey) or infrared."""
    colours = colormaps[_COLOURS[kind]].with_extremes(bad=_MISSING)
    shown = np.ma.masked_equal(values, 0)
    axes.imshow(shown, cmap=colours, vmin=span[0], vmax=span[1], interpolation="nearest")
    bare(axes)
    _heading(axes, heading)


def note(axes: Axes, text: str) -> None:
    """Write a line under a picture."""
    axes.text(0.0, -0.03, text, transform=axes.transAxes, va="top", fontsize=8.8, color=SOFT)


def mark_line(axes: Axes, plan: DepthCropPlan) -> None:
    """Draw the line on which the patient lies into a picture (step 3)."""
    if plan.loc is None:
        return
    for colour, width in (("white", 3.4), (_BED, 1.8)):
        draw = axes.axhline if plan.axis == "x" else axes.axvline
        draw(plan.loc, color=colour, linewidth=width)


def depth_scale(figure: Figure, axes: Axes, span: tuple[float, float]) -> None:
    """Draw what the colours of depth mean below a picture, at the right."""
    place = axes.inset_axes((0.52, -0.075, 0.48, 0.035))
    colours = colormaps[_COLOURS["depth"]]
    bar = figure.colorbar(
        ScalarMappable(Normalize(*span), cmap=colours), cax=place, orientation="horizontal", ticks=list(span)
    )
    bar.ax.set_xticks(list(span), [f"{value / 1000:.1f} m" for value in span], fontsize=8)
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set_visible(False)


def profile_panel(
    axes: Axes, depth: UInt16[np.ndarray, "height width"], plan: DepthCropPlan, *, along: Axis
) -> None:
    """Draw the nearest and the farthest depth of each column (or row), and their parabolas (step 1)."""
    word, label = _NAMES[along]
    _heading(axes, f"Step 1: depth per {word}")
    positions, nearest, farthest = extremes(depth, along=along)
    if not len(positions):
        _nothing(axes, "No depth.")
        return
    is_across = plan.axis is not None and plan.axis != along
    size = plan.width if along == "x" else plan.height
    every = np.arange(size)
    rows = (
        (
            "farthest",
            farthest,
            plan.x_farthest if along == "x" else plan.y_farthest,
            _FAR,
            plan.stationary_farthest,
        ),
        (
            "nearest",
            nearest,
            plan.x_nearest if along == "x" else plan.y_nearest,
            _NEAR,
            plan.stationary_nearest,
        ),
    )
    for name, values, fit, colour, point in rows:
        axes.plot(positions, values / 1000, ".", color=colour, markersize=1.8, alpha=0.5)
        if fit is None:
            continue
        words = f"{name}, its parabola: a = {_curvature(float(fit.a))} {_UNIT}"
        axes.plot(every, fit.at(every) / 1000, color=colour, linewidth=2.2, label=words)
        if is_across and point is not None and 0 < point < size:
            there = float(fit.at(np.array([round(point)]))[0]) / 1000
            axes.plot(
                [point], [there], "D", color=colour, markersize=8, markeredgecolor="white", zorder=4,
                label=f"its stationary point: {point:.1f}",
            )  # fmt: skip
    if is_across and plan.loc is not None:
        axes.axvline(plan.loc, color=_BED, linewidth=1.6, label=f"step 3: the line at {along} = {plan.loc}")
    axes.set_xlim(0, max(size - 1, 1))
    axes.set_xlabel(label, labelpad=1)
    axes.set_ylabel("depth (m)")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(visible=True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left", bbox_to_anchor=(-0.2, -0.15), fontsize=8, handlelength=1.4, labelspacing=0.25
        )


def curvature_panel(axes: Axes, plan: DepthCropPlan) -> None:
    """Draw the curvatures of the farthest depths, signed and absolute, and what each says (step 2)."""
    _heading(axes, "Step 2: which way does the bed lie?")
    if plan.x_farthest is None or plan.y_farthest is None or plan.axis is None or plan.absolute_axis is None:
        _nothing(axes, "No parabolas, so no direction.")
        return
    signed: dict[Axis, float] = {"x": float(plan.x_farthest.a), "y": float(plan.y_farthest.a)}
    readings: tuple[tuple[str, dict[Axis, float], Axis], ...] = (
        ("Signed (this one is used)", signed, plan.axis),
        ("Absolute", {key: abs(value) for key, value in signed.items()}, plan.absolute_axis),
    )
    largest = max(abs(value) for value in signed.values()) or 1.0
    left = min(0.0, *signed.values()) - (0.55 * largest if min(signed.values()) < 0 else 0)
    right = largest * 1.4
    for block, (reading, values, chosen) in enumerate(readings):
        top = -3.0 * block
        axes.text(
            0.0, top + 0.85, f"{reading}: smaller per {_NAMES[chosen][0]}, so along {chosen}", fontsize=9.2,
            transform=axes.get_yaxis_transform(), color=INK, va="center",
        )  # fmt: skip
        for y, key in zip((top, top - 1), _AXES, strict=True):
            value, taken = values[key], key == chosen
            weight = "bold" if taken else "normal"
            axes.barh([y], [value], height=0.66, color=_BED if taken else SOFT, alpha=0.95 if taken else 0.4)
            axes.annotate(
                _curvature(value, sign=block == 0), (value, y), xytext=(5 if value >= 0 else -5, 0), va="center",
                textcoords="offset points", ha="left" if value >= 0 else "right", fontsize=8.8, fontweight=weight,
            )  # fmt: skip
            axes.text(
                0.0, y, f"per {_NAMES[key][0]}", transform=axes.get_yaxis_transform(), fontsize=9, va="center",
                fontweight=weight,
            )  # fmt: skip
    axes.set_xlim(left - 0.36 * (right - left), right)
    axes.set_ylim(-4.6, 1.4)
    axes.vlines([0, 0], [-1.4, -4.4], [0.4, -2.6], color=LINE, linewidth=1)
    bare(axes)
    agree = "The two readings disagree" if plan.readings_disagree else "Both readings agree"
    axes.text(
        0.0, -0.02, f"{agree}.\nNumbers: a of the farthest depths, {_UNIT}; nearly flat is near 0.",
        transform=axes.transAxes, fontsize=8.8, va="top", color=_NEAR if plan.readings_disagree else SOFT,
    )  # fmt: skip


def line_panel(axes: Axes, depth: UInt16[np.ndarray, "height width"], plan: DepthCropPlan) -> None:
    """Draw the depth along the line, the straight line that fits it, and the planes (steps 4 and 5)."""
    if plan.loc is None or plan.axis is None:
        _heading(axes, "Steps 4 and 5: the line and the planes")
        _nothing(axes, "No line, so no planes: nothing is cropped.")
        return
    across = "row y" if plan.axis == "x" else "column x"
    spread = "" if plan.sigma is None else f" (sigma = {plan.sigma:.0f} mm)"
    _heading(axes, f"Steps 4 and 5: depth along {across} = {plan.loc}, and what is kept{spread}")
    line = depth[plan.loc] if plan.axis == "x" else depth[:, plan.loc]
    positions = np.flatnonzero(line)
    axes.plot(positions, line[positions] / 1000, ".", color=INK, markersize=2.6, label="depth on the line")
    every = np.arange(len(line))
    if plan.planes is not None and plan.line_slope is not None and plan.line_intercept is not None:
        lower, upper = plan.planes.lower_at(every) / 1000, plan.planes.upper_at(every) / 1000
        fit = (plan.line_slope * every + plan.line_intercept) / 1000
        axes.fill_between(every, lower, upper, color=_KEPT, alpha=0.13, linewidth=0, label="kept")
        axes.plot(every, fit, color=_BED, linewidth=2.2, label="fit")
        axes.plot(every, upper, color=_FAR, linewidth=1.8, linestyle=(0, (6, 2)),
                  label=f"upper plane: fit + {NUM_SIGMAS} sigma")  # fmt: skip
        axes.plot(every, lower, color=_NEAR, linewidth=1.8, linestyle=(0, (2, 1.5)),
                  label=f"lower plane: fit {_MINUS} {NUM_SIGMAS} sigma")  # fmt: skip
    axes.set_xlim(0, len(line) - 1)
    axes.set_xlabel(_NAMES[plan.axis][1])
    axes.set_ylabel("depth (m)")
    axes.grid(visible=True)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=5, fontsize=8.8, handlelength=2.2)


def _heading(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontweight="bold", fontsize=10, pad=6)


def _nothing(axes: Axes, text: str) -> None:
    bare(axes)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT)


def _curvature(value: float, *, sign: bool = True) -> str:
    """Return a curvature, given in millimetres, in micrometres; large ones without an exponent."""
    digits = ".3g" if abs(1000 * value) < 999.5 else ",.0f"
    return f"{1000 * value:{'+' if sign else ''}{digits}}".replace("-", _MINUS)
