"""``scores.json`` and the tables of a study: every cell under every protocol, and what lies between them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.formats import STUDY_PREDICTIONS
from semioscope.core.tables import write_table
from semioscope.core.wording import counted
from semioscope.evaluation import BASELINES
from semioscope.plans import beta_density
from semioscope.runs.results import (
    EventScores,
    baseline_event_scores,
    event_rows,
    event_traits,
    write_baselines,
)
from semioscope.runs.study_clips import YARDSTICK
from semioscope.runs.study_events import StudyResults, clip_rows, on_common_events
from semioscope.runs.study_facts import fold_facts, per_fold, study_facts
from semioscope.runs.study_flattery import METRICS_SHOWN, flattery
from semioscope.runs.study_plan import Cell, gamma_name
from semioscope.runs.study_table import table_of_backbones, table_summary
from semioscope.scoring import (
    UndefinedScoreWarning,
    bootstrap_patients,
    confusion,
    find_metric,
    paired_bootstrap,
)

_TITLES = {YARDSTICK: "mean of clip probabilities"}
_POINTS_OF_A_DENSITY = 101


def write_study_tables(folder: Path, results: StudyResults) -> None:
    """Write ``predictions.tsv`` and ``baselines.tsv`` of every protocol.

    Raises:
        StoreError: If a file cannot be written.
    """
    classes = results.plan.any_plan.classes
    for protocol in results.plan.protocols:
        rows: list[dict[str, Any]] = []
        for cell in results.plan.cells:
            if results.clips.only:
                backbone = cell.config.backbone.name
                if backbone not in results.clips.tables:
                    continue
                means = results.clip_means(protocol, backbone)
                own = clip_rows(results, protocol, backbone) + event_rows(means, classes=classes)
            elif cell.config.backbone.name in results.tables:
                own = event_rows(results.scores(protocol, cell), classes=classes)
            else:
                continue
            rows += [{"cell": cell.name, **row} for row in own]
        write_table(folder / protocol / "predictions.tsv", STUDY_PREDICTIONS, rows)
        if not results.clips.only:
            write_baselines(
                folder / protocol / "baselines.tsv", _baselines(results, protocol), classes=classes
            )


def study_scores(results: StudyResults) -> dict[str, Any]:
    """Return the content of ``scores.json``."""
    with warnings.catch_warnings():
        # what is undefined is NaN in the file and "undefined" in the report, with its reason
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        return _clip_content(results) if results.clips.only else _event_content(results)


def _event_content(results: StudyResults) -> dict[str, Any]:
    plan = results.plan
    scored: dict[str, dict[str, EventScores]] = {}
    last: dict[str, dict[str, EventScores]] = {}
    best: dict[str, dict[str, str]] = {}
    protocols: dict[str, Any] = {}
    tops: dict[str, str] = {}
    for protocol in plan.protocols:
        done = [cell for cell in plan.cells if results.fold_results(protocol, cell)]
        scored[protocol] = {cell.name: results.scores(protocol, cell) for cell in done}
        last[protocol] = {cell.name: results.scores(protocol, cell, last=True) for cell in done}
        cells = [
            _cell_content(results, protocol, cell, scored[protocol][cell.name], last[protocol][cell.name])
            for cell in done
        ]
        best[protocol] = _best(cells)
        if cells:
            tops[protocol] = max(cells, key=_rank)["cell"]
        protocols[protocol] = _protocol_content(results, protocol, cells, best[protocol], scored[protocol])
    flattered = flattery(results, scored, last, best, tops)
    gammas = sorted({cell.config.segments.gamma for cell in plan.cells} - {math.inf})
    x = np.linspace(0, 1, _POINTS_OF_A_DENSITY)
    facts = study_facts(results)
    content = {
        **facts,
        "notes": [*facts["notes"], *_lacking(results, protocols)],
        "beta": [{"gamma": gamma, "x": x.tolist(), "y": beta_density(gamma, x).tolist()} for gamma in gammas],
        "protocols": protocols,
        "flattery": flattered,
    }
    return {**content, "summary": _summary(content)}


def _lacking(results: StudyResults, protocols: Mapping[str, Any]) -> list[str]:
    """Return a sentence per protocol under which settings lack events."""
    notes = []
    for protocol, part in protocols.items():
        wanted = len(results.plan.folds_of(protocol).folds.patient_of)
        lacking = [cell for cell in part["cells"] if cell["num_events"] < wanted]
        if lacking or len(part["cells"]) < len(results.plan.cells):
            absent = len(results.plan.cells) - len(part["cells"])
            fewest = min((cell["num_events"] for cell in lacking), default=wanted)
            notes.append(
                f"{protocol}: {counted(len(lacking), 'setting has', 'settings have')} no score for some of "
                f"the {wanted} events (the fewest: {fewest}) and {counted(absent, 'has', 'have')} none at all, as a "
                "fold could not be trained or a view gave no example. Settings are compared on the events that both "
                "have; see the failures."
            )
    return notes


def _clip_content(results: StudyResults) -> dict[str, Any]:
    plan = results.plan
    protocols = {
        protocol: {
            **fold_facts(plan.folds_of(protocol).folds),
            "cells": [],
            "best": {},
            "chosen_inside": None,
            "baselines": {},
            "per_fold": per_fold(plan.folds_of(protocol).folds),
        }
        for protocol in plan.protocols
    }
    table = table_of_backbones(results)
    return {
        **study_facts(results),
        "beta": [],
        "protocols": protocols,
        "flattery": None,
        "table1": table,
        "summary": table_summary(table),
    }


def _protocol_content(
    results: StudyResults,
    protocol: str,
    cells: Sequence[Mapping[str, Any]],
    best: Mapping[str, str],
    scored: Mapping[str, EventScores],
) -> dict[str, Any]:
    folds = results.plan.folds_of(protocol).folds
    inside, names = _chosen_inside(results, protocol, scored)
    reference = inside
    if reference is None and best:
        by_name = {cell["cell"]: cell for cell in cells}
        reference = scored[max(best.values(), key=lambda name: _rank(by_name[name]))]
    return {
        **fold_facts(folds),
        "cells": list(cells),
        "best": dict(best),
        "chosen_inside": None
        if inside is None
        else {**_estimates(results, inside), "confusion": _confusion(inside), "cells": names},
        "baselines": _baseline_content(results, protocol, reference),
        "per_fold": per_fold(folds),
    }


def _cell_content(
    results: StudyResults, protocol: str, cell: Cell, scores: EventScores, last: EventScores
) -> dict[str, Any]:
    trainings = results.fold_results(protocol, cell)
    return {
        "cell": cell.name,
        "aggregator": cell.config.aggregator.name,
        "num_segments": cell.config.segments.num_segments,
        "gamma": gamma_name(cell.config.segments.gamma)
        if math.isinf(cell.config.segments.gamma)
        else cell.config.segments.gamma,
        "backbone": cell.config.backbone.name,
        **_estimates(results, scores),
        "last_epoch": {name: _value(name, last) for name in METRICS_SHOWN},
        "confusion": _confusion(scores),
        "best_epochs": [trainings[fold]["best_epoch"] for fold in sorted(trainings)],
        "num_short_segments": sum(training["num_short_segments"] for training in trainings.values()),
        "num_events": len(scores.event_ids),
    }


def _best(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the best cell of each aggregator: highest accuracy, then F1, then AUROC, then fewest segments.

    A cell that lacks events, since a fold could not be trained, comes after all that have more.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for cell in cells:
        before = found.get(cell["aggregator"])
        if before is None or _rank(cell) > _rank(before):
            found[cell["aggregator"]] = cell
    return {aggregator: cell["cell"] for aggregator, cell in found.items()}


def _rank(cell: Mapping[str, Any]) -> tuple[float, ...]:
    values = [cell[name]["value"] for name in ("accuracy", "f1", "auroc")]
    return (
        cell["num_events"],
        *(-math.inf if value != value else value for value in values),
        -cell["num_segments"],
    )


def _chosen_inside(
    results: StudyResults, protocol: str, scored: Mapping[str, EventScores]
) -> tuple[EventScores | None, dict[str, str]]:
    """Return scores with the cell of each fold chosen by its validation loss inside the training patients."""
    folds = results.plan.folds_of(protocol).folds
    if folds.selection != "inner" or len(scored) < 2:
        return None, {}
    names: dict[str, str] = {}
    parts: list[tuple[str, int]] = []
    for fold in folds.folds:
        losses = {
            cell.name: result[fold.index]["validation_loss"]
            for cell in results.plan.cells
            if cell.name in scored and fold.index in (result := results.fold_results(protocol, cell))
        }
        known = {name: loss for name, loss in losses.items() if loss is not None and math.isfinite(loss)}
        if not known:
            continue
        names[str(fold.index)] = min(known, key=lambda name: known[name])
    rows: dict[str, tuple[EventScores, int]] = {}
    for fold_index, name in names.items():
        one = scored[name]
        parts += [(name, i) for i, own in enumerate(one.folds) if own == int(fold_index)]
    for name, i in parts:
        rows[scored[name].event_ids[i]] = (scored[name], i)
    if not rows:
        return None, {}
    ordered = sorted(rows)
    return (
        EventScores(
            event_ids=tuple(ordered),
            patients=tuple(rows[event][0].patients[rows[event][1]] for event in ordered),
            folds=tuple(rows[event][0].folds[rows[event][1]] for event in ordered),
            y_true=np.array([rows[event][0].y_true[rows[event][1]] for event in ordered], dtype=np.int64),
            y_score=np.stack([rows[event][0].y_score[rows[event][1]] for event in ordered]),
        ),
        names,
    )


def _baselines(results: StudyResults, protocol: str) -> dict[str, EventScores]:
    """Return the yardsticks of a protocol, on the events that its folds test."""
    plan = results.plan.folds_of(protocol)
    ids = [event.event_id for event in plan.events]
    fold_of = {name: fold.index for fold in plan.folds.folds for name in fold.test}
    ordered = sorted(name for name in ids if name in fold_of)
    of_event = {event.event_id: event for event in plan.events}
    num_classes = len(plan.classes)
    everything = EventScores(
        event_ids=tuple(ordered),
        patients=tuple(of_event[name].patient_id for name in ordered),
        folds=tuple(fold_of[name] for name in ordered),
        y_true=np.array([of_event[name].y_true for name in ordered], dtype=np.int64),
        y_score=np.zeros((len(ordered), num_classes)),
    )
    event_ids, traits = event_traits(plan.events, results.yardsticks)
    found = baseline_event_scores(
        plan.baselines, plan.folds, event_ids, traits, everything, num_classes=num_classes
    )
    if not results.clips.only:
        for backbone in results.clips.tables:
            name = YARDSTICK if len(results.clips.tables) == 1 else f"{YARDSTICK}_{backbone}"
            means = results.clip_means(protocol, backbone)
            if means.event_ids:
                found[name] = means
    return found


def _baseline_content(results: StudyResults, protocol: str, reference: EventScores | None) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, scores in _baselines(results, protocol).items():
        title = BASELINES[name].title if name in BASELINES else _TITLES.get(name, name.replace("_", " "))
        content[name] = {"title": title, **_estimates(results, scores), "num_events": len(scores.event_ids)}
        if reference is None:
            continue
        ours, theirs = on_common_events(reference, scores)
        if ours.event_ids:
            content[name]["difference"] = {
                metric: asdict(
                    paired_bootstrap(
                        find_metric(metric),
                        ours.y_true,
                        ours.y_score,
                        theirs.y_score,
                        ours.patients,
                        seed=results.plan.config.seed,
                        class_names=results.plan.any_plan.classes,
                    )
                )
                for metric in METRICS_SHOWN
            }
    return content


def _estimates(results: StudyResults, scores: EventScores) -> dict[str, Any]:
    return {
        name: asdict(
            bootstrap_patients(
                find_metric(name),
                scores.y_true,
                scores.y_score,
                scores.patients,
                seed=results.plan.config.seed,
                class_names=results.plan.any_plan.classes,
            )
        )
        for name in METRICS_SHOWN
    }


def _value(metric: str, scores: EventScores) -> float:
    return find_metric(metric)(scores.y_true, scores.y_score)


def _confusion(scores: EventScores) -> list[list[int]]:
    table: list[list[int]] = confusion(
        scores.y_true, scores.y_score, num_classes=scores.y_score.shape[1]
    ).tolist()
    return table


def _summary(content: Mapping[str, Any]) -> list[str]:
    """Return the result in a few lines, for the terminal."""
    run = content["run"]
    trained, planned = run["num_trained"], run["num_trainings"]
    lines = [
        f"{run['num_cells']} settings, {trained if trained == planned else f'{trained} of {planned}'} trainings."
    ]
    for protocol, part in content["protocols"].items():
        by_name = {cell["cell"]: cell for cell in part["cells"]}
        best = [by_name[name] for name in part["best"].values()]
        if not best:
            lines.append(f"{protocol}: no setting could be trained.")
            continue
        top = max(best, key=_rank)
        how = f"{protocol} ({part['rule']} folds, selection on {part['selection']})"
        if part["chosen_inside"]:
            lines.append(
                f"{how}: setting chosen inside the training patients: accuracy "
                f"{_shown(part['chosen_inside']['accuracy'])}."
            )
        peeked = ", chosen after looking at the test scores" if len(part["cells"]) > 1 else ""
        lines.append(
            f"{how}: best {top['cell']}{peeked}: accuracy {_shown(top['accuracy'])}, F1 {_shown(top['f1'])}."
        )
    if content["flattery"]:
        lines += content["flattery"]["sentences"][:2]
    return lines


def _shown(estimate: Mapping[str, Any]) -> str:
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if value != value:
        return "undefined"
    return f"{value:.3f}" + (f" (95 % interval {low:.3f} to {high:.3f})" if low == low else " (no interval)")
