"""How a page becomes text: templates with the filters of the report, styles and script inside."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from semioscope.core.progress import format_seconds
from semioscope.report import wording
from semioscope.report.inputs import as_float


def render(
    template: str,
    context: Mapping[str, Any],
    *,
    styles: Sequence[str] = ("report.css",),
    script: str = "report.js",
) -> str:
    """Return a template of the report as text that ends with a line feed.

    The template gets ``style``, ``script`` and ``script_hash`` beside the context. Text is escaped; what is
    asked for and absent is an error.

    Args:
        template: File name in ``templates``.
        context: What it shows.
        styles: Style sheets in ``templates``, the later ones last.
        script: The script in ``templates``.
    """
    loader = PackageLoader("semioscope.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for name in ("count", "number", "percent", "plural", "seconds_text", "clock_text"):
        environment.filters[name] = getattr(wording, name)
    environment.filters["duration"] = lambda value: format_seconds(as_float(value))
    environment.filters["sortable"] = lambda value: f"{value:.9g}" if math.isfinite(value) else ""
    style = "".join(loader.get_source(environment, name)[0] for name in styles)
    code = loader.get_source(environment, script)[0]
    script_hash = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    text = environment.get_template(template).render(
        **context, style=Markup(style), script=Markup(code), script_hash=script_hash
    )
    return text.rstrip() + "\n"
