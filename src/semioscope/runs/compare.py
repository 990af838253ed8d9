"""Runs beside each other: their scores, every difference with its interval and test, and where they disagree."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.files import write_json
from semioscope.core.formats import SCHEMA_VERSION, Column, TableSchema
from semioscope.core.tables import write_table
from semioscope.runs.compare_checks import Comparability, check_comparable
from semioscope.runs.compare_events import disagreements, event_counts, per_patient
from semioscope.runs.compare_sources import ComparedRun, read_compared
from semioscope.runs.results import EventScores
from semioscope.scoring import (
    METRICS,
    Metric,
    UndefinedScoreWarning,
    bonferroni,
    bootstrap_patients,
    confusion,
    holm,
    mcnemar_exact,
    metrics_for,
    paired_bootstrap,
    predict_classes,
    sign_flip_test,
)

THRESHOLD = 0.5
COMPARED = ("accuracy", "balanced_accuracy", "f1", "macro_f1", "auroc", "auprc", "brier")
LEAD = "balanced_accuracy"
MOST_FOR_ALL_PAIRS = 4
"""With more runs, each is compared with the first only."""

COMPARISONS = TableSchema(
    file="comparison.tsv",
    columns=(
        Column(name="metric", required=True, filled=True),
        Column(name="run", required=True, filled=True),
        Column(name="against", required=True, filled=True),
        *(
            Column(name=name, kind="number", required=True)
            for name in (
                "value",
                "value_against",
                "difference",
                "low",
                "high",
                "p_value",
                "p_holm",
                "p_bonferroni",
            )
        ),
        *(
            Column(name=name, kind="integer", required=True)
            for name in ("num_comparisons", "num_patients_differing", "num_flips")
        ),
        Column(name="exact", kind="choice", required=True, choices=("yes", "no")),
        Column(name="note", required=True),
    ),
)


def compare_runs(
    arguments: Sequence[str],
    *,
    allow_different_folds: bool = False,
    metric: str = LEAD,
    seed: int = 0,
    num_flips: int = 10_000,
    num_resamples: int = 2000,
) -> dict[str, Any]:
    """Compare runs from their folders; see ``compare`` and ``read_compared``."""
    runs = read_compared(arguments)
    found = check_comparable(runs, allow_different_folds=allow_different_folds)
    return compare(runs, found, metric=metric, seed=seed, num_flips=num_flips, num_resamples=num_resamples)


def compare(
    runs: Sequence[ComparedRun],
    found: Comparability,
    *,
    metric: str = LEAD,
    seed: int = 0,
    num_flips: int = 10_000,
    num_resamples: int = 2000,
) -> dict[str, Any]:
    """Return the content of ``comparison.json`` (``docs/compare.md``).

    All figures are of the events that every run scored, at the threshold 0.5. The difference of a pair is its
    later run minus its earlier one. P values are corrected, metric by metric, for the number of pairs.

    Args:
        runs: Two or more.
        found: What ``check_comparable`` said about them.
        metric: The metric of the answer.
        seed: Of resamples and drawn arrangements.
        num_flips: Most arrangements of a test.
        num_resamples: Of the patients, for intervals.

    Raises:
        ConfigError: If there is no such metric for these classes.
    """
    classes = runs[0].classes
    metrics = {name: METRICS[name] for name in COMPARED if name in metrics_for(len(classes))}
    if metric not in metrics:
        raise ConfigError(unknown_name("metric", metric, metrics))
    sides = [_only(run.events, found.common) for run in runs]
    all_pairs = len(runs) <= MOST_FOR_ALL_PAIRS
    pairs = list(combinations(range(len(runs)), 2)) if all_pairs else [(0, i) for i in range(1, len(runs))]
    with warnings.catch_warnings():
        # what is undefined is null in the file and "undefined" on the page, with its reason
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        shown_runs = [
            _run(run, side, metrics, seed=seed, num_resamples=num_resamples)
            for run, side in zip(runs, sides, strict=True)
        ]
        shown_pairs = [
            _pair(
                (runs[a].name, sides[a]), (runs[b].name, sides[b]), metrics, classes,
                seed=seed, num_flips=num_flips, num_resamples=num_resamples,
            )
            for a, b in pairs
        ]  # fmt: skip
    _correct(shown_pairs, metrics)
    kind = "protocols" if found.of_protocols else "other folds" if found.differences else "same folds"
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "comparison",
        "comparison": kind,
        "differences": list(found.differences),
        "metric": metric,
        "metrics": list(metrics),
        "classes": list(classes),
        "positive_class": classes[1] if len(classes) == 2 else None,
        "threshold": THRESHOLD,
        "reference": None if all_pairs else runs[0].name,
        "num_comparisons": len(pairs),
        "seed": seed,
        "runs": shown_runs,
        "settings": differing_settings(runs),
        "pairs": shown_pairs,
        "events": event_counts(sides[0], found, classes),
        "per_patient": per_patient(sides, classes, threshold=THRESHOLD),
        "disagreements": disagreements(sides, classes, threshold=THRESHOLD),
    }


def write_comparison_tables(out: Path, content: dict[str, Any]) -> None:
    """Write ``comparison.json`` and ``comparison.tsv``.

    Raises:
        StoreError: If the folder cannot be written.
    """
    values = {
        (run["name"], name): cells["value"]
        for run in content["runs"]
        for name, cells in run["estimates"].items()
    }
    rows = [
        {
            "metric": name,
            "run": pair["run"],
            "against": pair["against"],
            "value": values[pair["run"], name],
            "value_against": values[pair["against"], name],
            "difference": cells["difference"]["value"],
            "low": cells["difference"]["low"],
            "high": cells["difference"]["high"],
            "p_value": cells["test"]["p_value"],
            "p_holm": cells["p_holm"],
            "p_bonferroni": cells["p_bonferroni"],
            "num_comparisons": content["num_comparisons"],
            "num_patients_differing": cells["test"]["num_patients"],
            "num_flips": cells["test"]["num_flips"],
            "exact": "yes" if cells["test"]["is_exact"] else "no",
            "note": " ".join(filter(None, (cells["difference"]["note"], cells["test"]["note"]))),
        }
        for name in content["metrics"]
        for pair in content["pairs"]
        for cells in [pair["metrics"][name]]
    ]
    write_table(out / "comparison.tsv", COMPARISONS, rows)
    write_json(out / "comparison.json", content)


def differing_settings(runs: Sequence[ComparedRun]) -> list[dict[str, Any]]:
    """Return the settings in which runs differ: the dotted key, and the value of each run (None: absent)."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    rows = [{"key": key, "values": [run.settings.get(key) for run in runs]} for key in keys]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _only(events: EventScores, common: Sequence[str]) -> EventScores:
    place = {event_id: i for i, event_id in enumerate(events.event_ids)}
    chosen = [place[event_id] for event_id in common]
    return EventScores(
        event_ids=tuple(common),
        patients=tuple(events.patients[i] for i in chosen),
        folds=tuple(events.folds[i] for i in chosen),
        y_true=events.y_true[chosen],
        y_score=events.y_score[chosen],
    )


def _run(
    run: ComparedRun, side: EventScores, metrics: dict[str, Metric], *, seed: int, num_resamples: int
) -> dict[str, Any]:
    return {
        "name": run.name,
        "source": run.source,
        "synthetic": run.synthetic,
        "recipe": run.settings.get("recipe"),
        "task": run.settings.get("task.name"),
        "rule": run.folds.rule,
        "selection": run.folds.selection,
        "num_folds": len(run.folds.folds),
        "num_scored": len(run.events.event_ids),
        "unscored": list(run.unscored),
        "confusion": confusion(side.y_true, side.y_score, threshold=THRESHOLD).tolist(),
        "estimates": {
            name: asdict(
                bootstrap_patients(
                    metric, side.y_true, side.y_score, side.patients,
                    threshold=THRESHOLD, seed=seed, num_resamples=num_resamples, class_names=run.classes,
                )
            )
            for name, metric in metrics.items()
        },
    }  # fmt: skip


def _pair(
    first: tuple[str, EventScores],
    second: tuple[str, EventScores],
    metrics: dict[str, Metric],
    classes: Sequence[str],
    *,
    seed: int,
    num_flips: int,
    num_resamples: int,
) -> dict[str, Any]:
    """Return the differences of two runs, the second minus the first."""
    (against, before), (name, after) = first, second
    cells: dict[str, dict[str, Any]] = {}
    for key, metric in metrics.items():
        difference = paired_bootstrap(
            metric, before.y_true, after.y_score, before.y_score, before.patients,
            threshold_a=THRESHOLD, threshold_b=THRESHOLD, seed=seed, num_resamples=num_resamples, class_names=classes,
        )  # fmt: skip
        test = sign_flip_test(
            metric, before.y_true, after.y_score, before.y_score, before.patients,
            threshold_a=THRESHOLD, threshold_b=THRESHOLD, seed=seed, num_flips=num_flips,
        )  # fmt: skip
        cells[key] = {"difference": asdict(difference), "test": asdict(test)}
    right = [predict_classes(side.y_score, threshold=THRESHOLD) == side.y_true for side in (after, before)]
    events = mcnemar_exact(right[0], right[1])
    return {
        "run": name,
        "against": against,
        "metrics": cells,
        "mcnemar_events": {
            "num_only_run": events.num_only_a,
            "num_only_against": events.num_only_b,
            "p_value": events.p_value,
        },
    }


def _correct(pairs: Sequence[dict[str, Any]], metrics: dict[str, Metric]) -> None:
    """Add the corrected p values, metric by metric over the pairs."""
    for name in metrics:
        plain = np.array([pair["metrics"][name]["test"]["p_value"] for pair in pairs], dtype=np.float64)
        corrected = {"p_holm": holm(plain), "p_bonferroni": bonferroni(plain).adjusted}
        for key, values in corrected.items():
            for pair, value in zip(pairs, values.tolist(), strict=True):
                pair["metrics"][name][key] = value
