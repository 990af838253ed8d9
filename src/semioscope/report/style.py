"""How figures look, and how they become text: small, calm SVG whose bytes depend on its data alone."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from semioscope.core.files import write_text

INK = "#1d2733"
SOFT = "#5b6875"
LINE = "#c9d1d9"
PAPER = "#ffffff"

# Distinct for the common kinds of colour blindness and dark enough for text on white (4.5 to 1).
CLASS_COLOURS = ("#1a6aa8", "#c25000", "#00795c", "#8a4585", "#7a6200", "#4d5c6b")
# Shape says the class a second time.
CLASS_MARKERS = ("o", "D", "s", "^", "v", "P")

FONT_FAMILY = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # real text: searchable, read aloud, a tenth of the size
    "text.parse_math": False,  # an id may hold a dollar sign
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the layout is the same everywhere
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": "#e7ebef",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def class_colour(index: int) -> str:
    """Return the colour of a class."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def class_marker(index: int) -> str:
    """Return the marker of a class."""
    return CLASS_MARKERS[index % len(CLASS_MARKERS)]


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of a size in inches, drawn with the settings of the report.

    The settings of the user's own matplotlib have no say. A character that the measuring font lacks is
    no concern: the browser has other fonts.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        for key, value in _SETTINGS.items():
            matplotlib.rcParams[key] = value
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing from.*")
        yield Figure(figsize=(width, height))


def finish(figure: Figure, *, name: str, title: str, description: str, folder: Path | None = None) -> str:
    """Return a figure as SVG text, and save it as ``NAME.svg`` when a folder is given.

    Call it inside ``drawing``. Every id starts with the name, so that many figures can stand in one page.

    Args:
        figure: A figure of ``drawing``.
        name: File name without suffix; letters, digits, ``-``, ``_`` and ``.``.
        title: Accessible name: what is shown.
        description: Accessible description: what is to be seen.
        folder: Where the figure is saved too; None: nowhere.
    """
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": f"semioscope {name}"}):
        FigureCanvasSVG(figure)
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    text = re.sub(r'(\sid=")', rf"\g<1>{prefix}-", text)
    text = re.sub(r'((?:xlink:)?href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"(url\(#)", rf"\g<1>{prefix}-", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", FONT_FAMILY, text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    head_end = text.index(">")
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", text[:head_end])
    width, height = (float(part) for part in figure.get_size_inches() * 96)
    head += f' width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="{prefix}-t {prefix}-d"'
    labels = (
        f'<title id="{prefix}-t">{escape(title)}</title><desc id="{prefix}-d">{escape(description)}</desc>'
    )
    text = f"{head}>\n {labels}{text[head_end + 1 :]}"
    if folder is not None:
        write_text(folder / f"{name}.svg", text)
    return text


def bare(axes: Axes) -> None:
    """Remove the frame and the ticks of a figure that is a picture rather than a graph."""
    axes.set_axis_off()


def percent_axis(axes: Axes, *, which: str = "x", label: str) -> None:
    """Make an axis run from 0 to 1 and read in percent."""
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    names = [f"{100 * tick:.0f}" for tick in ticks]
    if which == "x":
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks(ticks, names)
        axes.set_xlabel(label)
    else:
        axes.set_ylim(-0.02, 1.02)
        axes.set_yticks(ticks, names)
        axes.set_ylabel(label)


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, cut with an ellipsis."""
    return text if len(text) <= most else text[: max(most - 1, 1)] + "\N{HORIZONTAL ELLIPSIS}"


def fitted(text: str, inches: float, size: float) -> str:
    """Return a text, cut with an ellipsis where it would be wider than this in a font of this size."""
    most = len(text)
    while most > 1 and text_inches(shortened(text, most), size) > inches:
        most -= 1
    return shortened(text, most)


def text_inches(text: str, size: float) -> float:
    """Return how wide a line of text is in the font that figures are laid out with.

    Args:
        text: One line.
        size: Of the font, in points.
    """
    font = FontProperties(family=["DejaVu Sans"], size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72
