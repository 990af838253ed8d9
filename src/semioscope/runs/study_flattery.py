"""How much a split flatters: the same settings on the same seizures, with and without patients in common."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from semioscope.runs.results import EventScores
from semioscope.runs.study_events import StudyResults, on_common_events
from semioscope.scoring import Estimate, find_metric, mean_paired_bootstrap, paired_bootstrap
from semioscope.splits import PATIENT_RULES

METRICS_SHOWN = ("accuracy", "balanced_accuracy", "f1", "auroc")


def compared_protocols(results: StudyResults) -> tuple[str, str] | None:
    """Return the first protocol whose folds share patients and the first whose folds do not, if both are there."""
    plan = results.plan
    rules = {name: plan.folds_of(name).folds.rule for name in plan.protocols}
    sharing = [name for name, rule in rules.items() if rule not in PATIENT_RULES]
    apart = [name for name, rule in rules.items() if rule in PATIENT_RULES]
    return (sharing[0], apart[0]) if sharing and apart else None


def flattery(
    results: StudyResults,
    scores: Mapping[str, Mapping[str, EventScores]],
    last: Mapping[str, Mapping[str, EventScores]],
    best: Mapping[str, Mapping[str, str]],
    tops: Mapping[str, str],
) -> dict[str, Any] | None:
    """Return what the folds that share patients add to the scores; None without both kinds of folds.

    Args:
        results: The study.
        scores: Scores of events by protocol and cell.
        last: The same after the last epoch.
        best: Best cell by protocol and aggregator.
        tops: Best cell by protocol.
    """
    pair = compared_protocols(results)
    if pair is None:
        return None
    first, second = pair
    seed = results.plan.config.seed
    names = [name for name in scores[first] if name in scores[second]]
    if not names:
        return None
    sides = on_common_events(*(scores[protocol][name] for protocol in pair for name in names))
    metrics: dict[str, Any] = {}
    for metric in METRICS_SHOWN:
        cells = {}
        for aggregator, name in best[first].items():
            if name not in scores[second]:
                continue
            a, b = on_common_events(scores[first][name], scores[second][name])
            estimate = paired_bootstrap(
                find_metric(metric), a.y_true, a.y_score, b.y_score, a.patients, seed=seed,
                class_names=results.plan.any_plan.classes,
            )  # fmt: skip
            cells[aggregator] = {
                "cell": name,
                "from": find_metric(metric)(a.y_true, a.y_score),
                "to": find_metric(metric)(b.y_true, b.y_score),
                "difference": asdict(estimate),
            }
        mean = _mean_difference(results, metric, sides[: len(names)], sides[len(names) :])
        metrics[metric] = {"cells": cells, "mean_difference": asdict(mean)}
    chosen = {
        protocol: float(
            np.mean([_difference("accuracy", scores[protocol][n], last[protocol][n]) for n in names])
        )
        for protocol in pair
    }
    at_last = float(np.mean([_difference("accuracy", last[first][n], last[second][n]) for n in names]))
    found = {
        "from": first,
        "to": second,
        "num_cells": len(names),
        "num_events": len(sides[0].event_ids),
        "num_patients": len(set(sides[0].patients)),
        "num_left_out": len({event for p in pair for n in names for event in scores[p][n].event_ids})
        - len(sides[0].event_ids),
        "metrics": metrics,
        "selection": {"accuracy": chosen[first], "accuracy_to": chosen[second]},
        "last_epoch": {"accuracy": at_last},
    }
    return {**found, "sentences": _sentences(results, found, tops[first])}


def _sentences(results: StudyResults, found: Mapping[str, Any], top_cell: str) -> list[str]:
    first, second = found["from"], found["to"]
    rows = list(found["metrics"]["accuracy"]["cells"].values())
    # the best setting of all, if the other protocol has it too
    top = next((row for row in rows if row["cell"] == top_cell), None) or max(
        rows, key=lambda row: row["from"]
    )
    difference = top["difference"]
    low, high = difference["low"], difference["high"]
    interval = (
        f"95 % interval over patients {_points(low)} to {_points(high)}"
        if low == low
        else str(difference["note"]).rstrip(".").lower() or "no interval"
    )
    count = found["num_cells"]
    picked = f"; the best of {count}, picked by these scores" if count > 1 else ""
    selection, other_selection = (results.plan.folds_of(name).folds.selection for name in (first, second))
    told = [
        _mean_sentence(found),
        f"The best setting under {first} folds, {top['cell']}, calls {_percent(top['from'])} of the seizures "
        f"rightly there and {_percent(top['to'])} when no patient stands on both sides ({second}): "
        f"{_points(top['from'] - top['to'])} points of accuracy ({interval}{picked}).",
    ]
    causes = ["patients that were seen in training"]
    if selection == "test":
        causes.append("the epoch, chosen on the fold that is reported")
    if count > 1:
        causes.append(f"luck, as the best of {count} settings was picked on these very scores")
    if other_selection == "inner":
        causes.append(f"more seizures to train on, as {second} keeps some of them back for its own choices")
    told.append(f"What can make {first} look better: {'; '.join(causes)}.")
    if selection == "test":
        gained, other = found["selection"]["accuracy"], found["selection"]["accuracy_to"]
        at_last = found["last_epoch"]["accuracy"]
        told.append(
            f"The choice of the epoch moves accuracy under {first} by {_points(gained)} points against the last "
            f"epoch, under {second}, where the tested seizures have no part in it, by {_points(other)}. After the "
            f"last epoch, with none chosen on either side, {first} lies {_above(at_last, second)}."
        )
    return told


def _mean_difference(
    results: StudyResults, metric: str, first: Sequence[EventScores], second: Sequence[EventScores]
) -> Estimate:
    """Return the mean over settings of how much higher the first protocol is; all have the same events."""
    events = first[0]
    if not events.event_ids:
        nothing = float("nan")
        note = "No interval: no seizure has a score in every setting under both protocols."
        return Estimate(value=nothing, low=nothing, high=nothing, num_resamples=0, num_dropped=0, note=note)
    return mean_paired_bootstrap(
        find_metric(metric),
        events.y_true,
        [one.y_score for one in first],
        [one.y_score for one in second],
        events.patients,
        seed=results.plan.config.seed,
        class_names=results.plan.any_plan.classes,
    )


def _mean_sentence(found: Mapping[str, Any]) -> str:
    """Say how much the split flatters over all settings, how sure that is, and what the interval means."""
    accuracy, f1 = (found["metrics"][name]["mean_difference"] for name in ("accuracy", "f1"))
    first, second, count = found["from"], found["to"], found["num_cells"]
    where = (
        "In the one setting that both have"
        if count == 1
        else f"On average over the {count} settings that both have"
    )
    if found["num_left_out"]:
        where += f", on the {found['num_events']} seizures that all of them scored,"
    told = (
        f"{where}, ".replace(",,", ",") + f"{first} lies {_above(accuracy['value'], second, ' of accuracy')}"
    )
    low, high = accuracy["low"], accuracy["high"]
    if low != low:
        return f"{told}{_f1_words(f1)}. {accuracy['note']}"
    interval = f"95 % interval over {found['num_patients']} patients {_points(low)} to {_points(high)}"
    told += f" ({interval}){_f1_words(f1)}."
    if low > 0:
        return f"{told} The interval lies above 0, so which patients happened to come does not explain it."
    if high < 0:
        return f"{told} The interval lies below 0: here the split does not flatter."
    return f"{told} The interval holds 0: which patients happened to come may be all that is behind it."


def _f1_words(f1: Mapping[str, Any]) -> str:
    if f1["value"] != f1["value"]:
        return "; F1 is undefined in some settings"
    ends = f" ({_points(f1['low'])} to {_points(f1['high'])})" if f1["low"] == f1["low"] else ""
    return f"; of F1, {_points(f1['value'])} points{ends}"


def _difference(metric: str, first: EventScores, second: EventScores) -> float:
    """Return how much higher the first is, on the events that both have."""
    a, b = on_common_events(first, second)
    return find_metric(metric)(a.y_true, a.y_score) - find_metric(metric)(b.y_true, b.y_score)


def _above(value: float, other: str, what: str = "") -> str:
    """Say how far something lies above or below something else; the word bears the sign."""
    points = "an undefined number of" if value != value else f"{abs(100 * value):.1f}"
    return f"{points} points{what} {'below' if round(value, 3) < 0 else 'above'} {other}"


def _percent(value: float) -> str:
    return "an undefined share" if value != value else f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return "undefined" if value != value else f"{100 * value:+.1f}".replace("-", "−")
