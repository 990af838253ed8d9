"""Clips as examples: which there are, when, of which class, and the files that hold them.

They are kept as three files, so that every unit of work reads only what it needs: ``clips.json`` (who and when),
``clips.safetensors`` (times, labels and roles of the clips) and ``clips.npy`` (their features, one row per clip,
mapped into memory).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from semioscope.core.errors import StoreError
from semioscope.core.files import atomic_path, digest, file_sha256, read_json, write_bytes, write_json
from semioscope.core.records import Use

WORDS, NUMBERS, FEATURES = "clips.json", "clips.safetensors", "clips.npy"
COLUMNS = ("start_seconds", "centre_seconds", "y_clip", "is_training", "window_number")
NO_WINDOW = -1
"""Window number of a clip that is not scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipView:
    """The clips of one view of an event; times in seconds from the recording's first displayed frame.

    Args:
        event_id: The event.
        recording_id: The recording.
        view: Name of the view.
        patient_id: The unit of leakage.
        y_true: Class of the event.
        use: ``train`` or ``evaluate``.
        onset_seconds: t0.
        clonic_onset_seconds: tG or None.
        offset_seconds: t1.
        num_clips: Clips that can be used; at least 1.
        num_training: Those that may be trained on; none if ``use`` is ``evaluate``.
        num_windows: Those that are scored.
        num_missing_clips: Wanted clips that a frame was missing from; left out.
        num_held_clips: Clips that can be used and in which an older picture stands in for a frame.
        num_damaged_clips: Clips that can be used and in which the decoder marked a frame as damaged.
    """

    event_id: str
    recording_id: str
    view: str
    patient_id: str
    y_true: int
    use: Use
    onset_seconds: float
    clonic_onset_seconds: float | None
    offset_seconds: float
    num_clips: int
    num_training: int
    num_windows: int
    num_missing_clips: int
    num_held_clips: int
    num_damaged_clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTable:
    """All clips of a run and a backbone, view after view, each in the order of time.

    Args:
        views: One per event and view, ordered by event and recording.
        clip_seconds: Length of a clip.
        features: One row per clip.
        start_seconds: Start of each clip in seconds of its recording.
        centre_seconds: Its centre, in seconds from the onset of its event.
        y_clip: 1 at or after the clonic onset, else 0.
        is_training: Whether it may be trained on.
        window_number: The moment of the event that it is scored for, which views share; -1 if it is not scored.
    """

    views: tuple[ClipView, ...]
    clip_seconds: float
    features: Float32[np.ndarray, "total_clips num_features"]
    start_seconds: Float64[np.ndarray, " total_clips"]
    centre_seconds: Float64[np.ndarray, " total_clips"]
    y_clip: Int64[np.ndarray, " total_clips"]
    is_training: Bool[np.ndarray, " total_clips"]
    window_number: Int64[np.ndarray, " total_clips"]

    def __post_init__(self) -> None:
        total = sum(view.num_clips for view in self.views)
        rows = {len(self.features), *(len(getattr(self, name)) for name in COLUMNS)}
        if rows != {total}:
            msg = f"Views of {total} clips need as many rows, got {sorted(rows)}."
            raise ValueError(msg)

    @property
    def is_window(self) -> Bool[np.ndarray, " total_clips"]:
        """Whether each clip is scored."""
        scored: np.ndarray = self.window_number != NO_WINDOW
        return scored

    def positions(self, event_ids: Iterable[str]) -> list[int]:
        """Return the positions of the views of some events."""
        wanted = set(event_ids)
        return [i for i, view in enumerate(self.views) if view.event_id in wanted]

    def rows_of(self, position: int) -> slice:
        """Return the rows of a view, by its position."""
        before = sum(view.num_clips for view in self.views[:position])
        return slice(before, before + self.views[position].num_clips)

    def training_rows(self, event_ids: Iterable[str]) -> Int64[np.ndarray, " num_chosen"]:
        """Return the rows of the clips of some events that may be trained on."""
        chosen = np.zeros(len(self.views), np.bool_)
        chosen[self.positions(event_ids)] = True
        of_clip = np.repeat(chosen, [view.num_clips for view in self.views])
        return np.flatnonzero(of_clip & self.is_training)


def write_clip_table(table: ClipTable, folder: Path) -> tuple[Path, Path, Path]:
    """Write a table into a folder; return its files. Equal tables, equal bytes.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    from safetensors.numpy import save

    words, numbers, features = (folder / name for name in (WORDS, NUMBERS, FEATURES))
    with atomic_path(features) as temporary, temporary.open("wb") as stream:
        np.save(stream, table.features)
    write_bytes(numbers, save({name: np.ascontiguousarray(getattr(table, name)) for name in COLUMNS}))
    write_json(words, {"clip_seconds": table.clip_seconds, "views": [asdict(view) for view in table.views]})
    return words, numbers, features


def read_clip_table(folder: Path) -> ClipTable:
    """Read what ``write_clip_table`` wrote; the features are mapped into memory, not read.

    Raises:
        StoreError: If a file is absent or damaged, or they do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    content: dict[str, Any] = read_json(folder / WORDS)
    try:
        columns = load_file(folder / NUMBERS)
        return ClipTable(
            views=tuple(ClipView(**view) for view in content["views"]),
            clip_seconds=float(content["clip_seconds"]),
            features=np.load(folder / FEATURES, mmap_mode="r", allow_pickle=False),
            **{name: columns[name] for name in COLUMNS},
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
        msg = f"{folder} must hold the clips of this run: {err}. Delete it and give the same command again."
        raise StoreError(msg) from err


def clip_table_digest(folder: Path) -> str:
    """Return a digest of the content of the table in a folder."""
    return digest([file_sha256(folder / name) for name in (WORDS, NUMBERS, FEATURES)])
