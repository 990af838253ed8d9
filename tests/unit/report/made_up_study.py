"""Writes small made-up study folders: everything that their report can meet, invented and the same each time."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import write_json, write_text

AGGREGATORS = ("mean", "lstm", "blstm")
NUM_SEGMENTS = (2, 4, 8, 16)
GAMMAS = (1.0, 1.25, 2.0, 4.0, math.inf)
BACKBONES = ("wide_resnet50_2", "resnet34", "r2plus1d_34_8", "r2plus1d_34_32")
RULES = {
    "paper": {"rule": "seizure", "selection": "test", "shared_patients": 41},
    "patient": {"rule": "patient", "selection": "inner", "shared_patients": 0},
    "released": {"rule": "released", "selection": "test", "shared_patients": 43},
}
FAILURES = (
    "recording_id\tevent_id\tstage\tmessage\n"
    "p07-rec003-small\tsz-021\textract\tfile is cut off after 12.4 s <moov atom not found>\n"
)
PUBLISHED = {
    "source": "Someone et al. 2021",
    "doi": "10.1000/made-up",
    "split": "seizures of one patient may stand in several of its folds",
    "cohort": {
        "place": "section 2",
        "num_patients": 68,
        "num_events": 183,
        "minutes": 298.0,
        "per_class": {
            "FOS": {"seizures": 106, "median_seconds": 53.0},
            "TCS": {"seizures": 77, "median_seconds": 93.0},
        },
        "r_max": 0.93,
        "n_min": 15,
    },
    "best": {
        "place": "Figure 2",
        "aggregator": "blstm",
        "num_segments": 16,
        "gammas": [2.0, 4.0],
        "accuracy": 0.989,
        "f1": 0.987,
        "confusion": [[104, 2], [0, 77]],
    },
    "extractors": {
        "place": "Table 1",
        "window_stride": 1,
        "rows": [
            {
                "backbone": name,
                "title": title,
                **{
                    metric: {"median": median + shift, "iqr": 0.3 - median / 4}
                    for metric, shift in (("accuracy", 0.0), ("f1", -0.13), ("auc", -0.04))
                },
            }
            for name, title, median in (
                ("wide_resnet50_2", "Wide R2D-50-2 (1)", 0.803),
                ("resnet34", "R2D-34 (1)", 0.897),
                ("r2plus1d_34_8", "R(2+1)D-34 (8)", 0.939),
                ("r2plus1d_34_32", "R(2+1)D-34 (32)", 0.969),
            )
        ],
        "tests": [
            {
                "better": ["r2plus1d_34_8", "r2plus1d_34_32"],
                "worse": ["wide_resnet50_2", "resnet34"],
                "relation": "<",
                "p_value": 1e-7,
                "significant": True,
            }
        ],
    },
}


def estimate(value: float, half: float = math.nan, note: str = "") -> dict[str, Any]:
    return {
        "value": value,
        "low": max(value - 1.3 * half, 0.0),
        "high": min(value + half, 1.0),
        "num_resamples": 2000,
        "num_dropped": 0,
        "note": note,
        "confidence": 0.95,
    }


def write_event_study(folder: Path, **options: Any) -> Path:
    """Write a study of settings over whole seizures; options as in ``event_scores``."""
    return _write(folder, event_scores(**options))


def write_clip_study(folder: Path, **options: Any) -> Path:
    """Write a study of feature extractors on clips; options as in ``clip_scores``."""
    return _write(folder, clip_scores(**options))


def event_scores(
    *,
    aggregators: tuple[str, ...] = AGGREGATORS,
    num_segments: tuple[int, ...] = NUM_SEGMENTS,
    gammas: tuple[float, ...] = GAMMAS,
    protocols: tuple[str, ...] = ("paper", "patient"),
    num_patients: int = 68,
    undefined: bool = False,
    missing: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Return ``scores.json`` of a study of settings.

    Args:
        num_patients: With fewer than 10 there are no intervals.
        undefined: Whether every third setting has no F1 and no area under ROC, and the first no accuracy either.
        missing: How many of the last settings of each protocol are not there.
    """
    rng = np.random.default_rng(seed)
    half = 0.035 if num_patients >= 10 else math.nan
    found = {name: _protocol(rng, name, aggregators, num_segments, gammas, half, undefined=undefined, missing=missing)
             for name in protocols}  # fmt: skip
    return {
        **_shared(num_patients),
        "level": "event",
        "grid": {
            "aggregators": list(aggregators),
            "num_segments": list(num_segments),
            "gammas": [_gamma(gamma) for gamma in gammas],
            "backbones": [],
            "protocols": list(protocols),
        },
        "beta": [_beta(gamma) for gamma in gammas if math.isfinite(gamma)],
        "protocols": found,
        "flattery": _flattery(found, aggregators) if {"paper", "patient"} <= set(protocols) else None,
    }


def clip_scores(
    *,
    backbones: tuple[str, ...] = BACKBONES,
    available: tuple[str, ...] = BACKBONES,
    protocols: tuple[str, ...] = ("paper", "patient"),
    num_seizures: int = 60,
    lost: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Return ``scores.json`` of a study of feature extractors; rows that are not ``available`` say why.

    Args:
        lost: How many of the best seizures of each row have no score under the last protocol.
    """
    rng = np.random.default_rng(seed)
    tables = {
        name: _table(rng, backbones, available, num_seizures, drop=0.05 * (name == "patient"))
        for name in protocols
    }
    for row in tables[protocols[-1]]["rows"] if lost else ():
        scores = row.get("per_seizure", {})
        for name in sorted(scores, key=lambda name: scores[name]["accuracy"])[-lost:]:
            del scores[name]
        for metric in ("accuracy", "f1", "auc"):
            row[metric] = _spread(scores, metric, scores) if scores else None
    return {
        **_shared(68),
        "level": "clip",
        "grid": {"backbones": list(backbones), "protocols": list(protocols)},
        "protocols": {name: {**RULES[name], "num_folds": 10} for name in protocols},
        "flattery": None,
        "table1": {"protocols": tables, "split": _split(tables, *protocols) if len(protocols) == 2 else None},
    }


def _write(folder: Path, scores: dict[str, Any]) -> Path:
    write_json(folder / "scores.json", scores)
    write_json(folder / "provenance.json", {"versions": {"numpy": "2.3", "semioscope": "0.1"}, "cpus": 2})
    write_text(folder / "config.yaml", "recipe: made-up\nseed: 0\n")
    write_text(folder / "failures.tsv", FAILURES)
    return folder


def _shared(num_patients: int) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "kind": "study",
        "run": {
            "name": "made-up study", "recipe": "made-up", "task": "FOS or TCS", "synthetic": True,
            "weights": "pretrained", "precision": "f32", "backbone": "r2plus1d_34_8", "num_cells": 60,
            "num_folds": 10, "num_trainings": 1200, "num_trained": 1198, "epochs": 400, "stride": 1,
            "window_stride": 32,
            "source": "an imported set", "commands": {"again": "semioscope run STUDY/config.yaml"},
        },
        "classes": ["FOS", "TCS"],
        "positive_class": "TCS",
        "threshold": 0.5,
        "cohort": {
            "num_patients": num_patients, "num_events": 183, "num_recordings": 360, "minutes": 291.4,
            "patients_by_class": {"FOS only": 2, "TCS only": 32, "FOS + TCS": num_patients - 34},
            "per_class": {
                "FOS": {"patients": 36, "seizures": 106, "median_seconds": 51.0, "min_seconds": 16.0,
                        "max_seconds": 690.0},
                "TCS": {"patients": 66, "seizures": 77, "median_seconds": 94.5, "min_seconds": 51.0,
                        "max_seconds": 1098.0},
            },
            "r_max": 0.91, "n_min": 12, "left_out": [{"event_id": "sz-100", "reason": "shorter than 15 s"}],
        },
        "views": {
            "num_events": 183, "num_views": 360, "one_view": ["sz-004", "sz-021"],
            "not_trained": [{"event_id": "sz-008", "view": "small"}], "not_used": [],
            "failed": [{"event_id": "sz-021", "view": "small"}],
        },
        "published": PUBLISHED,
        "notes": ["3 seizures are shorter than 16 clips: neighbouring clips overlap <there>."],
    }  # fmt: skip


def _protocol(
    rng: np.random.Generator, name: str, aggregators: tuple[str, ...], num_segments: tuple[int, ...],
    gammas: tuple[float, ...], half: float, *, undefined: bool, missing: int,
) -> dict[str, Any]:  # fmt: skip
    cells = []
    for a, aggregator in enumerate(aggregators):
        for n in num_segments:
            for gamma in gammas:
                value = 0.80 + 0.03 * a + 0.032 * math.log2(n) + (0.012 if gamma in (2.0, 4.0) else 0.0)
                value += rng.normal(0, 0.01) - 0.045 * (name == "patient")
                value = round(min(value, 0.99) * 183) / 183
                empty = undefined and len(cells) % 3 == 0
                note = "" if math.isfinite(half) else "too few patients (4) for an interval; at least 10"
                wrong = 183 - round(value * 183)
                cells.append(
                    {
                        "cell": f"{aggregator}-{n}-{_gamma(gamma)}",
                        "aggregator": aggregator,
                        "num_segments": n,
                        "gamma": _gamma(gamma),
                        "backbone": None,
                        "accuracy": estimate(math.nan if undefined and not cells else value, half, note),
                        "balanced_accuracy": estimate(value - 0.01, half, note),
                        "f1": estimate(math.nan if empty else value - 0.02, half, note),
                        "auroc": estimate(math.nan if empty else min(value + 0.02, 1.0), half, note),
                        "last_epoch": {"accuracy": value - 0.02 * (name != "patient"), "f1": value - 0.03},
                        "confusion": [
                            [106 - wrong // 2, wrong // 2],
                            [wrong - wrong // 2, 77 - wrong + wrong // 2],
                        ],
                        "best_epochs": [int(epoch) for epoch in rng.integers(20, 400, 10)],
                        "num_short_segments": 3 * (n == 16),
                        "num_events": 183,
                    }
                )
    cells = cells[: len(cells) - missing]
    best = {}
    for aggregator in aggregators:
        own = [cell for cell in cells if cell["aggregator"] == aggregator and cell["accuracy"]["value"] > 0]
        if own:
            best[aggregator] = max(own, key=lambda cell: cell["accuracy"]["value"])["cell"]
    inner = RULES[name]["selection"] == "inner"
    return {
        **RULES[name],
        "num_folds": 10,
        "cells": cells,
        "best": best,
        "chosen_inside": {
            **{metric: estimate(value, half) for metric, value in
               (("accuracy", 0.915), ("balanced_accuracy", 0.91), ("f1", 0.90), ("auroc", 0.96))},
            "cells": {str(fold): cells[(7 * fold) % len(cells)]["cell"] for fold in range(10)},
            "confusion": [[98, 8], [7, 70]],
        } if inner and cells else None,
        "baselines": {
            "majority": {"title": "Majority class", "accuracy": estimate(0.579, half), "f1": estimate(math.nan)},
            "duration": {"title": "Duration alone", "accuracy": estimate(0.732, half), "f1": estimate(0.69, half)},
            "clip_mean": {"title": "Mean of clip probabilities", "accuracy": estimate(0.836, half),
                          "f1": estimate(0.79, half), "auroc": estimate(0.91, half)},
        },
        "per_fold": [],
    }  # fmt: skip


def _flattery(found: dict[str, Any], aggregators: tuple[str, ...]) -> dict[str, Any]:
    def value(protocol: str, name: str, metric: str) -> float:
        cells = {cell["cell"]: cell for cell in found[protocol]["cells"]}
        return float(cells[name][metric]["value"])

    known = [name for name in aggregators if all(name in found[p]["best"] for p in ("paper", "patient"))]
    metrics = {}
    for metric in ("accuracy", "balanced_accuracy", "f1", "auroc"):
        cells = {}
        for name in known:
            cell = found["paper"]["best"][name]
            a, b = value("paper", cell, metric), value("patient", cell, metric)
            gap = {**estimate(a - b), "low": a - b - 0.03, "high": a - b + 0.035}
            cells[name] = {"cell": cell, "from": a, "to": b, "difference": gap}
        metrics[metric] = {
            "cells": cells,
            "mean_difference": {**estimate(0.043), "low": 0.012, "high": 0.074},
        }
    return {
        "from": "paper",
        "to": "patient",
        "metrics": metrics,
        "selection": {"accuracy": 0.021},
        "sentences": [
            "On average over the 60 settings that both have, paper lies 4.3 points of accuracy above patient.",
            "41 of 68 patients stand in training and test of the same fold there.",
        ],
    }


def _table(
    rng: np.random.Generator, backbones: tuple[str, ...], available: tuple[str, ...], num: int, *, drop: float
) -> dict[str, Any]:
    rows, tests = [], []
    for index, name in enumerate(backbones):
        published = next(row for row in PUBLISHED["extractors"]["rows"] if row["backbone"] == name)
        row: dict[str, Any] = {
            "backbone": name, "title": published["title"], "frames": (1, 1, 8, 32)[index % 4],
            "parameters_millions": (66.8, 21.3, 63.5, 63.5)[index % 4],
            "num_features": (2048, 512, 512, 512)[index % 4],
            "available": name in available, "reason": "", "published": published,
        }  # fmt: skip
        if name in available:
            scores = {}
            for seizure in range(num):
                accuracy = float(np.clip(rng.beta(6 + 4 * index, 1.2) - drop, 0, 1))
                positive = seizure % 2 == 0
                scores[f"sz-{seizure:03d}"] = {
                    "accuracy": accuracy,
                    "f1": accuracy - 0.1 if positive and accuracy > 0.1 else None,
                    "auc": accuracy - 0.05 if positive and accuracy > 0.05 else None,
                }
            row |= {"per_seizure": scores, "num_clips": 16234, "num_windows": 16234}
            for metric in ("accuracy", "f1", "auc"):
                row[metric] = _spread(scores, metric, scores)
        else:
            row |= dict.fromkeys(("accuracy", "f1", "auc"))
            row["reason"] = f"no features of {name} are there; bring the videos of the recordings"
        rows.append(row)
    for metric in ("accuracy", "f1", "auc"):
        for a in available:
            for b in available:
                if a != b:
                    p = 1e-9 if backbones.index(a) - backbones.index(b) > 1 else 0.012 if a > b else 0.988
                    tests.append(
                        {"metric": metric, "better": a, "worse": b, "p_value": p, "adjusted": min(12 * p, 1.0),
                         "significant": p < 0.05 / 12, "u": 100.0, "num_a": num, "num_b": num}
                    )  # fmt: skip
    return {"rows": rows, "rule": _rule(available, num), "tests": tests, "level_bonferroni": 0.05 / 12}


def _rule(available: tuple[str, ...], num: int) -> dict[str, Any]:
    spread = {"accuracy": (1.0, 0.42, num), "f1": (0.0, 0.0, num // 2), "auc": (0.38, 0.2, num // 2)}
    return {
        "title": "no clip is tonic-clonic",
        "num_seizures": num,
        "num_all_right": num // 2 + 2,
        **{
            metric: {"median": median, "iqr": iqr, "num": size} for metric, (median, iqr, size) in spread.items()
        },
        "tests": [
            {"metric": "accuracy", "better": name, "worse": "none", "p_value": 0.93, "adjusted": 1.0,
             "significant": False, "num_a": num, "num_b": num}
            for name in available
        ],
        "level_bonferroni": 0.05 / max(len(available), 1),
    }  # fmt: skip


def _split(tables: dict[str, Any], first: str, second: str) -> dict[str, Any]:
    rows = []
    for one, two in zip(tables[first]["rows"], tables[second]["rows"], strict=True):
        before, after = (row.get("per_seizure", {}) for row in (one, two))
        metrics = {}
        for metric in ("accuracy", "f1", "auc"):
            have = [{name for name in side if side[name][metric] is not None} for side in (before, after)]
            sides = [_spread(side, metric, have[0] & have[1]) for side in (before, after)]
            metrics[metric] = {
                "from": sides[0],
                "to": sides[1],
                "difference": sides[0]["median"] - sides[1]["median"],
                "num_left_out": len(have[0] ^ have[1]),
            }
        rows.append(
            {
                "backbone": one["backbone"],
                "title": one["title"],
                "only_from": sorted(set(before) - set(after)),
                "only_to": sorted(set(after) - set(before)),
                "metrics": metrics,
            }
        )
    return {"from": first, "to": second, "rows": rows}


def _spread(scores: dict[str, Any], metric: str, names: Any) -> dict[str, Any]:
    values = [scores[name][metric] for name in names if scores[name][metric] is not None]
    low, middle, high = np.percentile(values, [25, 50, 75]) if values else [math.nan] * 3
    return {"median": float(middle), "iqr": float(high - low), "num": len(values)}


def _beta(gamma: float) -> dict[str, Any]:
    x = np.linspace(0, 1, 41)
    scale = math.gamma(2 * gamma) / math.gamma(gamma) ** 2
    return {"gamma": gamma, "x": x.tolist(), "y": (scale * (x * (1 - x)) ** (gamma - 1)).tolist()}


def _gamma(gamma: float) -> float | str:
    return gamma if math.isfinite(gamma) else "inf"
