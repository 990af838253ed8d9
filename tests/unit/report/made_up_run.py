"""Writes a small made-up run folder: everything that a report can meet, invented and the same each time."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import write_bytes, write_json, write_text

CLASSES = ["FOS", "TCS"]
VIEWS = ("large", "small")


def estimate(value: float, low: float = math.nan, high: float = math.nan, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        "low": low,
        "high": high,
        "num_resamples": 2000,
        "num_dropped": 0,
        "note": "",
        **more,
    }


def write_run(
    run: Path, *, num_patients: int = 12, num_events: int = 36, num_examples: int = 3, seed: int = 0
) -> Path:
    """Write a run folder."""
    rng = np.random.default_rng(seed)
    events = _events(rng, num_patients, num_events)
    scores = _scores(events, num_patients, num_examples)
    write_json(run / "scores.json", scores)
    write_json(run / "folds.json", _folds(events, num_patients))
    write_json(run / "provenance.json", PROVENANCE)
    write_text(run / "config.yaml", CONFIG)
    write_text(run / "segments.tsv", _segments(rng, events))
    write_text(run / "failures.tsv", FAILURES)
    write_text(run / "baselines.tsv", _baselines(rng, events))
    write_text(run / "predictions.tsv", "fold\tlevel\tevent_id\n")
    return run


def write_thumbnails(
    run: Path, event_id: str, *, recordings: tuple[str, ...], segments: tuple[int, ...]
) -> None:
    for recording in recordings:
        for segment in segments:
            write_bytes(run / "thumbnails" / f"{event_id}__{recording}__{segment}.jpg", jpeg(segment))


def jpeg(shade: int) -> bytes:
    """Return a small grey JPEG, a soft blob on a dark ground."""
    import io

    from PIL import Image

    y, x = np.mgrid[0:64, 0:64]
    blob = 40 + 150 * np.exp(-((x - 20 - 1.5 * shade) ** 2 + (y - 34) ** 2) / 300)
    stream = io.BytesIO()
    Image.fromarray(blob.astype(np.uint8)).save(stream, "JPEG", quality=60)
    return stream.getvalue()


def _events(rng: np.random.Generator, num_patients: int, num_events: int) -> list[dict[str, Any]]:
    events = []
    for index in range(num_events):
        patient = index % num_patients
        y_true = int((index * 7 + patient) % 5 in (1, 3))
        wrong = index in (5, 16, 23)
        score = float(np.clip(rng.beta(6, 1.6) if y_true != wrong else rng.beta(1.6, 6), 0.01, 0.99))
        score = min(max(score, 0.55), 0.99) if bool(y_true) != wrong else max(min(score, 0.45), 0.01)
        onset, duration = float(rng.uniform(3, 40)), float(rng.uniform(15, 90))
        views = [
            {
                "recording_id": f"p{patient + 1:02d}-rec{index:03d}-{view}",
                "view": view,
                "onset_seconds": onset,
                "clonic_onset_seconds": onset + 0.55 * duration if y_true else None,
                "offset_seconds": onset + duration,
                "use": "evaluate" if index == 7 and view == "small" else "train",
                "score": float(np.clip(score + (0.04 if view == "large" else -0.04), 0, 1)),
                "num_clips": 49,
                "num_missing_clips": 9 if index == 9 else 0,
                "num_held_clips": int(index == 4) * (2 if view == "large" else 1),
                "num_damaged_clips": 0,
            }
            for view in VIEWS
        ]
        events.append(
            {
                "event_id": f"sz-{index + 1:03d}",
                "patient_id": f"p{patient + 1:02d}",
                "fold": (patient + 1) % 4,
                "y_true": y_true,
                "y_predicted": int(score >= 0.5),
                "score": math.nan if index == 11 else score,
                "correct": None if index == 11 else (score >= 0.5) == bool(y_true),
                "views": views,
            }
        )
    return events


def _scores(events: list[dict[str, Any]], num_patients: int, num_examples: int) -> dict[str, Any]:
    scored = [event for event in events if event["correct"] is not None]
    matrix = [[0, 0], [0, 0]]
    for event in scored:
        matrix[event["y_true"]][event["y_true"] if event["correct"] else 1 - event["y_true"]] += 1
    right = matrix[0][0] + matrix[1][1]
    accuracy, sensitivity = right / len(scored), matrix[1][1] / max(sum(matrix[1]), 1)
    specificity = matrix[0][0] / max(sum(matrix[0]), 1)
    grid = np.linspace(0, 1, 51)
    roc = np.minimum(1, 0.55 + 0.5 * grid**0.35) * (grid > 0)
    pr = np.clip(1.0 - 0.45 * grid**4, 0, 1)
    event = {
        "accuracy": estimate(accuracy, accuracy - 0.11, min(accuracy + 0.07, 1.0)),
        "balanced_accuracy": estimate((sensitivity + specificity) / 2, 0.79, 0.98),
        "f1": estimate(0.89, 0.74, 0.97),
        "macro_f1": estimate(0.91, 0.80, 0.98),
        "sensitivity": estimate(sensitivity, 0.74, 1.0, num_dropped=14),
        "specificity": estimate(specificity, 0.80, 1.0),
        "precision": estimate(0.87, 0.70, 1.0),
        "auroc": estimate(0.954, 0.88, 0.99),
        "auprc": estimate(0.93, 0.81, 0.99),
        "brier": estimate(0.071, 0.04, 0.12),
        "mcc": estimate(math.nan, note="All calls are of one class."),
    }
    by_patient = []
    for index in range(num_patients):
        own = [event for event in scored if event["patient_id"] == f"p{index + 1:02d}"]
        counts = [sum(event["y_true"] == y for event in own) for y in (0, 1)]
        by_patient.append(
            {
                "patient_id": f"p{index + 1:02d}",
                "num_events": len(own),
                "classes": ", ".join(f"{n} {c}" for n, c in zip(counts, CLASSES, strict=True) if n),
                "num_correct": sum(event["correct"] for event in own),
                "accuracy": sum(event["correct"] for event in own) / len(own) if own else math.nan,
            }
        )
    ordered = sorted(scored, key=lambda event: abs(event["score"] - event["y_true"]))
    return {
        "schema_version": 1,
        "run": {
            "name": "ward-study", "recipe": "gestures-2021", "protocol": "patient", "created": "2026-03-01",
            "duration_seconds": 1284.0, "backbone": "r2plus1d_34_8", "weights": "ig65m (sha256 7a1b…)",
            "engine": "openvino", "precision": "f32", "aggregator": "blstm", "synthetic": True, "task": "fos-vs-tcs",
            "thumbnails": "blurred",
            "commands": {
                "again": "semioscope run ward-study/config.yaml --cohort ward --out ward-study",
                "predict": "semioscope predict VIDEO --model ward-study/models/gestures-2021.semio --onset 75.2",
            },
        },
        "classes": CLASSES, "positive_class": "TCS", "threshold": 0.5, "fitted_threshold": 0.47,
        "event": event,
        "view": {name: {**cells, "value": cells["value"] - 0.02} for name, cells in event.items()},
        "baselines": {
            "majority": _baseline("Majority class", 0.60, 0.5, math.nan, 0.5, 0.31, 0.14, 0.47),
            "duration": _baseline("Duration alone", 0.71, 0.69, 0.62, 0.74, 0.20, 0.05, 0.35),
            "motion_energy": _baseline("Mean motion energy", 0.80, 0.79, 0.74, 0.86, 0.11, -0.02, 0.26),
            "band_power": _baseline("Power at 2 to 6 Hz", 0.83, 0.82, 0.79, 0.90, 0.09, 0.01, 0.19),
        },
        "baseline_notes": ["Band power was computed up to 7.5 Hz, half of the 15 frames per second of these videos."],
        "confusion": matrix,
        "per_class": [
            {"class": "FOS", "precision": 0.95, "sensitivity": specificity, "f1": 0.93, "num_events": sum(matrix[0])},
            {"class": "TCS", "precision": 0.87, "sensitivity": sensitivity, "f1": 0.89, "num_events": sum(matrix[1])},
        ],
        "curves": {
            "roc": {"x": grid.tolist(), "y": roc.tolist(), "low": np.clip(roc - 0.14, 0, 1).tolist(),
                    "high": np.clip(roc + 0.05, 0, 1).tolist()},
            "pr": {"x": grid.tolist(), "y": pr.tolist(), "low": np.clip(pr - 0.17, 0, 1).tolist(),
                   "high": np.clip(pr + 0.03, 0, 1).tolist()},
        },
        "per_fold": [
            {"fold": k, "num_train": 22 + k, "num_validation": 6, "num_test": 7, "num_test_patients": 3,
             "best_epoch": 41 + 7 * k, "accuracy": 0.85 + 0.03 * k, "macro_f1": 0.84 + 0.03 * k,
             "auroc": math.nan if k == 2 else 0.92}
            for k in range(4)
        ],
        "per_patient": by_patient,
        "calibration": {
            "slope": 1.21, "intercept": -0.13, "ece": 0.064, "brier": 0.071,
            "reliability": [
                {"mean_score": m, "fraction_positive": f, "count": n}
                for m, f, n in [(0.06, 0.0, 11), (0.22, 0.14, 7), (0.41, 0.5, 2), (0.63, 0.5, 2),
                                (math.nan, math.nan, 0),
                                (0.82, 0.9, 6), (0.95, 1.0, 7)]
            ],
        },
        "cohort": {
            "num_patients": num_patients, "num_events": len(events), "num_recordings": 2 * len(events),
            "minutes": 29.4,
            "per_class": {
                "FOS": {"patients": 12, "seizures": 21, "median_seconds": 41.2,
                        "min_seconds": 15.4, "max_seconds": 88.0},
                "TCS": {"patients": 9, "seizures": 15, "median_seconds": 63.9,
                        "min_seconds": 22.0, "max_seconds": 89.1},
            },
            "patients_by_class": {"FOS only": 3, "both": 9},
            "r_max": 0.55, "n_min": 3,
            "left_out": [{"event_id": "sz-099", "reason": "shorter than 15 s (11.2 s)"},
                         {"event_id": "sz-100", "reason": "seizure_type 'unclear' is in no class of the task"}],
            "extra_rows": [["Patients", str(num_patients), "68"], ["FOS of at least 15 s", "21", "106"],
                           ["FOS duration, median (range)", "41 (15-88) s", "53 (16-701) s"]],
        },
        "events": events,
        "examples": {
            "best": [event["event_id"] for event in ordered[:num_examples]],
            "worst": [event["event_id"] for event in reversed(ordered[-1 - num_examples :])],
            "wrong": [event["event_id"] for event in scored if not event["correct"]],
        },
        "decode": {"num_clips": 3522, "num_missing_clips": 18, "num_held_clips": 3, "num_damaged_clips": 0},
        "notes": ["The final model was trained on all patients for 52 epochs, the median of the folds."],
        "timing": {"extract": 902.0, "train": 341.0, "report": 12.0},
    }  # fmt: skip


def _baseline(
    title: str, accuracy: float, balanced: float, f1: float, auroc: float, *difference: float
) -> dict[str, Any]:
    return {
        "title": title,
        "accuracy": estimate(accuracy, accuracy - 0.13, accuracy + 0.11),
        "balanced_accuracy": estimate(balanced, balanced - 0.12, balanced + 0.1),
        "f1": estimate(f1, note="It never calls TCS.")
        if math.isnan(f1)
        else estimate(f1, f1 - 0.15, f1 + 0.12),
        "auroc": estimate(auroc, auroc - 0.1, auroc + 0.08),
        "difference": {"accuracy": estimate(*difference)},
    }


def _folds(events: list[dict[str, Any]], num_patients: int) -> dict[str, Any]:
    def fold_of(event: dict[str, Any]) -> int:
        return int(event["patient_id"][1:]) % 4

    names = {k: sorted(e["event_id"] for e in events if fold_of(e) == k) for k in range(4)}
    return {
        "schema_version": 1, "rule": "patient", "seed": 0, "selection": "inner", "cohort_hash": "c0ffee" * 5,
        "notes": ["In fold 2 an inner split was impossible, so the number of epochs was fixed at 52."],
        "patient_of": {event["event_id"]: event["patient_id"] for event in events},
        "folds": [
            {"index": k, "test": names[k], "validation": names[(k + 1) % 4],
             "train": sorted(names[(k + 2) % 4] + names[(k + 3) % 4])}
            for k in range(4)
        ],
    }  # fmt: skip


def _segments(rng: np.random.Generator, events: list[dict[str, Any]]) -> str:
    lines = [
        "fold event_id recording_id view segment start_seconds end_seconds y_score_clip y_score_prefix".replace(
            " ", "\t"
        )
    ]
    for event in events:
        for view in event["views"]:
            onset, length = view["onset_seconds"], view["offset_seconds"] - view["onset_seconds"]
            rise = 0.6 if view["clonic_onset_seconds"] is None else 0.52
            final = view["score"]
            for segment in range(16):
                at = (segment + 0.5) / 16
                start = onset + at * length - 0.27
                trend = 0.15 + (final - 0.15) / (1 + math.exp(-(at - rise) * 14))
                clip = float(np.clip(trend + rng.normal(0, 0.13), 0, 1))
                prefix = float(np.clip(trend + rng.normal(0, 0.02), 0, 1))
                unknown = event["event_id"] == "sz-006" and segment in (6, 7)
                cells = ["n/a", "n/a"] if unknown else [f"{clip:.6f}", f"{prefix:.6f}"]
                lines.append("\t".join(["0", event["event_id"], view["recording_id"], view["view"], str(segment),
                                        f"{start:.4f}", f"{start + 8 / 15:.4f}", *cells]))  # fmt: skip
    return "\n".join(lines) + "\n"


def _baselines(rng: np.random.Generator, events: list[dict[str, Any]]) -> str:
    lines = ["\t".join(["baseline", "fold", "level", "event_id", "recording_id", "patient_id", "start_seconds",
                        "end_seconds", "y_true", "y_score_FOS", "y_score_TCS"])]  # fmt: skip
    for name in ("majority", "duration", "motion_energy", "band_power"):
        for event in events:
            score = float(rng.uniform(0.1, 0.9))
            lines.append("\t".join([name, "0", "event", event["event_id"], "n/a", event["patient_id"], "n/a", "n/a",
                                    str(event["y_true"]), f"{1 - score:.6f}", f"{score:.6f}"]))  # fmt: skip
    return "\n".join(lines) + "\n"


FAILURES = (
    "recording_id\tevent_id\tstage\tmessage\n"
    "p03-rec014-small\tsz-015\textract\tp03-rec014-small.mpg must be a video that can be decoded, got no frames. "
    "Copy the file again.\n"
    "p09-rec032-large\tsz-033\textract\tThe file ends at 61.2 s, before the offset 74.9 s. Correct offset "
    "or copy the file again.\n"
)

PROVENANCE = {
    "semioscope": "0.1.0", "python": "3.11.2",
    "packages": {"torch": "2.15.0", "openvino": "2026.4.0", "av": "18.1.0"},
    "machine": {"cpu": "4 cores", "system": "Linux"}, "cohort_hash": "c0ffee" * 5,
}  # fmt: skip

CONFIG = """\
recipe: gestures-2021
seed: 0
task: fos-vs-tcs
folds: {rule: patient, num_folds: 4}
selection: {on: inner, fraction: 0.2}
clips: {fps: 15.0, frames_per_clip: 8, stride: 4}
segments: {num_segments: 16, gamma: 4.0}
aggregator: {name: blstm, hidden_size: 64}
"""
