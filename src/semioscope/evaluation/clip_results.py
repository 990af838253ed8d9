"""What a fold of a classifier of clips leaves behind: one file with the scored windows of its test events."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from semioscope.core.errors import StoreError
from semioscope.core.files import canonical_json, write_bytes
from semioscope.core.formats import SCHEMA_VERSION
from semioscope.scoring import WindowScores

COLUMNS = ("window_number", "start_seconds", "seconds_from_onset", "y_true", "y_score", "y_score_last")
_METADATA_KEY = "semioscope"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredView:
    """The scored windows of one view of a test event.

    Args:
        event_id: The event.
        recording_id: The view.
        start_seconds: Start of each window in seconds of its recording.
        windows: Their scores after the chosen epoch; their own starts count from the event's onset.
        last: Their scores after the last epoch, nothing chosen.
    """

    event_id: str
    recording_id: str
    start_seconds: Float64[np.ndarray, " num_windows"]
    windows: WindowScores
    last: WindowScores


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFoldResult:
    """What a fold leaves behind.

    Args:
        fold: Its index.
        best_epoch: Epochs behind the chosen weights, from 1.
        validation_loss: Loss of the validation clips after it; NaN where nothing was chosen.
        num_train: Training clips of class 0 and of class 1.
        num_validation: The same of the clips that chose the epoch.
        views: Every view of the test events that has a window, in the order of the table.
    """

    fold: int
    best_epoch: int
    validation_loss: float
    num_train: tuple[int, int]
    num_validation: tuple[int, int]
    views: tuple[ScoredView, ...]


def write_clip_fold(path: Path, words: dict[str, Any], columns: dict[str, np.ndarray]) -> None:
    """Write the result of a fold in one step: its facts and views as words, the windows of all views as columns."""
    from safetensors.numpy import save

    # one metadata key: several are written in an order that changes from process to process
    write_bytes(
        path,
        save(columns, metadata={_METADATA_KEY: canonical_json({"schema_version": SCHEMA_VERSION, **words})}),
    )


def read_clip_fold(path: Path) -> ClipFoldResult:
    """Read what ``run_clip_fold`` wrote.

    Raises:
        StoreError: If the file is absent, damaged, of a newer version, or something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stream:
            words = json.loads((stream.metadata() or {})[_METADATA_KEY])
            columns = {name: stream.get_tensor(name) for name in COLUMNS}
        version = int(words["schema_version"])
        if version <= SCHEMA_VERSION:
            return _result(words, columns)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as err:
        msg = f"{path} must hold the clips that a fold scored: {err}. Delete it and give the same command again."
        raise StoreError(msg) from err
    msg = (
        f"{path} has format version {version}, but this program reads versions up to {SCHEMA_VERSION}. "
        "Update semioscope."
    )
    raise StoreError(msg)


def _result(words: dict[str, Any], columns: dict[str, np.ndarray]) -> ClipFoldResult:
    views = []
    begin = 0
    for view in words["views"]:
        end = begin + view["num_windows"]
        part = {name: column[begin:end] for name, column in columns.items()}
        best, last = (
            WindowScores(
                window_number=part["window_number"],
                start_seconds=part["seconds_from_onset"],
                y_true=part["y_true"],
                y_score=part[name],
            )
            for name in ("y_score", "y_score_last")
        )
        views.append(
            ScoredView(
                event_id=view["event_id"],
                recording_id=view["recording_id"],
                start_seconds=part["start_seconds"],
                windows=best,
                last=last,
            )
        )
        begin = end
    loss = words["validation_loss"]
    return ClipFoldResult(
        fold=words["fold"],
        best_epoch=words["best_epoch"],
        validation_loss=math.nan if loss is None else loss,
        num_train=(words["num_train"][0], words["num_train"][1]),
        num_validation=(words["num_validation"][0], words["num_validation"][1]),
        views=tuple(views),
    )
