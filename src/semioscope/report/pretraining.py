"""One self-contained HTML file about a pre-training: its loss beside predictors that learn nothing."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from semioscope.core.files import read_json, write_text
from semioscope.core.progress import format_seconds
from semioscope.report.inputs import as_float, as_list, as_mapping, read_kind, read_rows
from semioscope.report.pretraining_figures import TRIVIAL_TITLES, loss_figure
from semioscope.report.rendering import render
from semioscope.report.sections import flat
from semioscope.report.wording import count, number, percent, plural

CURVE_FILE = "curve.json"


def write_pretraining_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/pretraining-loss.svg`` of a pre-training; return the path of the page.

    Nothing is computed anew: every figure stands in ``curve.json`` or a table beside it. The same files give the
    same bytes. The page needs no network.

    Args:
        folder: The folder of a pre-training as ``docs/formats.md`` describes it.

    Raises:
        StoreError: If ``curve.json`` is absent or not that of a pre-training, or a file cannot be written.
    """
    curve = read_kind(folder / CURVE_FILE, "pretraining", page="A report of a pre-training")
    config = folder / "config.yaml"
    loss = [as_float(value) for value in as_list(curve.get("loss"))]
    epoch_loss = [as_float(value) for value in as_list(curve.get("epoch_loss"))]
    trivial = {name: as_float(value) for name, value in as_mapping(curve.get("trivial_loss")).items()}
    steps_per_epoch, num_steps = int(curve["steps_per_epoch"]), int(curve["num_steps"])
    figures = {}
    if loss:
        figures["loss"] = Markup(
            loss_figure(
                loss,
                epoch_loss,
                trivial,
                steps_per_epoch=steps_per_epoch,
                num_steps=num_steps,
                folder=folder / "figures",
            )
        )
    provenance = read_json(folder / "provenance.json") if (folder / "provenance.json").is_file() else {}
    context = {
        "run": as_mapping(curve.get("run")),
        "synthetic": bool(curve.get("synthetic")),
        **_answer(curve, loss, epoch_loss, trivial),
        "figures": figures,
        "tiles": _tiles(curve, loss),
        "losses": _losses(loss, epoch_loss, trivial, steps_per_epoch),
        "patients": read_rows(folder / "patients.tsv"),
        "failures": read_rows(folder / "failures.tsv"),
        "notes": list(map(str, as_list(curve.get("notes")))),
        "backbone": as_mapping(curve.get("backbone")),
        "config_text": config.read_text(encoding="utf-8").strip() if config.is_file() else "",
        "provenance": flat(as_mapping(provenance)),
    }
    page = folder / "report.html"
    write_text(page, render("pretraining.html.j2", context))
    return page


def _answer(
    curve: Mapping[str, Any], loss: list[float], epoch_loss: list[float], trivial: Mapping[str, float]
) -> dict[str, Any]:
    """Return headline, lead and verdict."""
    num_steps = as_float(curve.get("num_steps"))
    done = len(loss) == num_steps
    headline = "Pre-training is done" if done else f"{count(len(loss))} of {plural(num_steps, 'step')} taken"
    excerpts = as_mapping(curve.get("excerpts"))
    lead = (
        f"A Transformer sees {plural(curve.get('num_excerpts'), 'spoilt excerpt')} of video without labels, and is "
        "trained to give the original features back."
    )
    if math.isfinite(as_float(excerpts.get("by_night"))):
        lead += f" Of {count(excerpts.get('planned'))} chosen ones {count(excerpts.get('by_night'))} are by night."
    last = epoch_loss[-1] if epoch_loss else math.nan
    known = {name: value for name, value in trivial.items() if math.isfinite(value)}
    beaten = [name for name, value in known.items() if last < value]
    if not math.isfinite(last) or not known:
        verdict = ("unclear", "It is too early to tell", "No whole epoch is behind it yet.")
    elif len(beaten) == len(known):
        verdict = ("better", "It has learnt something", _compared(last, known))
    elif beaten:
        verdict = (
            "unclear",
            "It beats only the weaker of two simple answers",
            f"{_compared(last, known)} What it has learnt is worth little so far.",
        )
    else:
        verdict = (
            "worse",
            "It has learnt nothing so far",
            f"{_compared(last, known)} More epochs or a smaller step size may help, and a warm-up and shortened "
            "gradients where they are off.",
        )
    kind, title, text = verdict
    return {"headline": headline, "lead": lead, "verdict": kind, "verdict_title": title, "verdict_text": text}


def _compared(last: float, known: Mapping[str, float]) -> str:
    parts = [
        f"{number(value, 1)} of {TRIVIAL_TITLES.get(name, name)} ({percent(last / value, 0)} of it)"
        if value > 0
        else f"{number(value, 1)} of {TRIVIAL_TITLES.get(name, name)}"
        for name, value in known.items()
    ]
    return f"The mean loss of its last whole epoch is {number(last, 1)}, beside {' and '.join(parts)}."


def _tiles(curve: Mapping[str, Any], loss: list[float]) -> list[dict[str, str]]:
    recordings, excerpts = as_mapping(curve.get("recordings")), as_mapping(curve.get("excerpts"))
    run, trained = as_mapping(curve.get("run")), as_float(curve.get("num_parameters"))
    return [
        {
            "label": "Steps",
            "value": count(len(loss)),
            "note": f"of {count(curve.get('num_steps'))}, {count(curve.get('steps_per_epoch'))} per epoch",
        },
        {
            "label": "Excerpts",
            "value": count(curve.get("num_excerpts")),
            "note": f"of {count(excerpts.get('free'))} free ones, {plural(excerpts.get('num_crops'), 'random cut')}",
        },
        {
            "label": "Video",
            "value": format_seconds(3600 * as_float(recordings.get("hours"))),
            "note": plural(recordings.get("used"), "recording"),
        },
        {
            "label": "Trained numbers",
            "value": f"{number(trained / 1e6, 1)}\xa0M" if trained >= 1e6 else count(trained),
            "note": f"on {run.get('device', '?')}, {plural(run.get('processes'), 'process', 'processes')}",
        },
    ]


def _losses(
    loss: list[float], epoch_loss: list[float], trivial: Mapping[str, float], steps_per_epoch: int
) -> list[tuple[str, str]]:
    """Return the rows of the table of losses."""
    rows = [
        (f"{name[:1].upper()}{name[1:]}", trivial[key])
        for key, name in TRIVIAL_TITLES.items()
        if key in trivial
    ]
    rows += [("First step", loss[0]), ("Highest step", max(loss))] if loss else []
    if epoch_loss:
        rows.append(("Epoch 1", epoch_loss[0]))
        middle = len(epoch_loss) // 2
        rows += [(f"Epoch {middle + 1}", epoch_loss[middle])] if 0 < middle < len(epoch_loss) - 1 else []
        rows += [(f"Epoch {len(epoch_loss)}", epoch_loss[-1])] if len(epoch_loss) > 1 else []
        rows.append(("Lowest epoch", min(epoch_loss)))
    if len(loss) > steps_per_epoch * len(epoch_loss):
        rows.append(("Last step", loss[-1]))
    return [(title, number(value, 1)) for title, value in rows]
