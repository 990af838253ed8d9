"""What ``semioscope predict`` leaves behind (``docs/formats.md``, "Table of predictions")."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.files import write_bytes, write_json
from semioscope.core.formats import PREDICTIONS, SCHEMA_VERSION, SEGMENTS
from semioscope.core.tables import write_table
from semioscope.runs.bundle import Bundle
from semioscope.runs.prediction import Prediction


def write_predictions_folder(
    out: Path,
    predictions: Sequence[Prediction],
    failures: Sequence[tuple[str, str]],
    bundle: Bundle,
    *,
    representations: bool = False,
) -> None:
    """Write the tables of a prediction.

    Args:
        out: Folder.
        predictions: What was predicted.
        failures: Event id and message of what could not be.
        bundle: The model.
        representations: Also write the vectors of the views.

    Raises:
        StoreError: If the folder cannot be written.
    """
    classes = bundle.facts.classes
    rows: list[dict[str, Any]] = []
    courses: list[dict[str, Any]] = []
    positive = 1 if len(classes) == 2 else None
    for prediction in predictions:
        shown = prediction.y_predicted if positive is None else positive
        for view in prediction.views:
            times = {"start_seconds": view.interval.start_seconds, "end_seconds": view.interval.end_seconds}
            rows.append(
                {
                    "level": "view",
                    "event_id": prediction.event_id,
                    "recording_id": view.recording_id,
                    **times,
                    **_columns(view.y_score, classes),
                }
            )
            courses += [
                {
                    "event_id": prediction.event_id,
                    "recording_id": view.recording_id,
                    "view": view.view,
                    "segment": number,
                    "start_seconds": float(view.start_seconds[number]),
                    "end_seconds": float(view.end_seconds[number]),
                    "y_score_clip": float(view.score_alone[number, shown]),
                    "y_score_prefix": float(view.score_so_far[number, shown]),
                }
                for number in range(len(view.start_seconds))
            ]
        rows.append(
            {
                "level": "event",
                "event_id": prediction.event_id,
                **_columns(prediction.y_score, classes),
            }
        )
    write_table(out / "predictions.tsv", PREDICTIONS, rows)
    write_table(out / "segments.tsv", SEGMENTS, courses)
    content = {
        "schema_version": SCHEMA_VERSION,
        "warning": "Research software, not a medical device.",
        "synthetic": bundle.facts.synthetic,
        "model": bundle.facts.name,
        "classes": list(classes),
        "threshold": bundle.facts.threshold,
        "predictions": [
            {
                "event_id": prediction.event_id,
                "class": classes[prediction.y_predicted],
                "probability": _named(prediction.y_score, classes),
                "calibrated_probability": _named(prediction.calibrated, classes),
                "num_frames_read": prediction.num_frames,
                "num_held_frames": prediction.frames.num_held,
                "num_damaged_frames": prediction.frames.num_damaged,
                "num_missing_frames": prediction.frames.num_missing,
                "notes": list(prediction.notes),
                "views": [
                    {
                        "recording_id": view.recording_id,
                        "view": view.view,
                        "probability": _named(view.y_score, classes),
                        "num_replaced_clips": view.num_replaced_clips,
                    }
                    for view in prediction.views
                ],
            }
            for prediction in predictions
        ],
        "failures": [{"event_id": event_id, "message": message} for event_id, message in failures],
    }
    write_json(out / "predictions.json", content)
    if representations:
        _write_representations(out / "representations.safetensors", predictions)


def _write_representations(path: Path, predictions: Sequence[Prediction]) -> None:
    from safetensors.numpy import save

    vectors = {
        f"{prediction.event_id}/{view.recording_id}": view.representation
        for prediction in predictions
        for view in prediction.views
    }
    write_bytes(path, save(vectors))


def _columns(y_score: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    return {f"y_score_{name}": float(score) for name, score in zip(classes, y_score, strict=True)}


def _named(y_score: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    return {name: round(float(score), 6) for name, score in zip(classes, y_score, strict=True)}
