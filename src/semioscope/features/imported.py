"""Features that were imported instead of computed: the table ``features.tsv`` of a cohort and its clips.

```
frame of the recording   0 1 2 3 4 5 6 7 8 9        the table's stride 1: stored clip = frame
a plan of stride 4       0       1       2          plan clip c = stored clip 4 c
```
The vectors lie in the feature store like computed ones, under a key that is the digest of their content.
"""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from semioscope.core.errors import CohortError
from semioscope.core.files import digest, write_json
from semioscope.core.formats import IMPORTED_FEATURES, SCHEMA_VERSION
from semioscope.core.tables import read_table, write_table
from semioscope.features.clips import StoredGrid
from semioscope.features.store import Block, FeatureStore
from semioscope.plans import ClipPlan, blocks_of
from semioscope.plans.clips import TIME_TOLERANCE_SECONDS

ENGINE = "imported"
"""Stands in a block where computed ones name the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFeatures:
    """The features of one recording and backbone that were imported; a row of ``features.tsv``.

    Args:
        recording_id: The recording.
        backbone: Network that made them.
        fps: Frames per second of their grid; frame 0 is the recording's first.
        frames_per_clip: Frames that the network saw at once.
        stride: Frames between the starts of neighbouring clips.
        num_clips: Clips 0 to ``num_clips - 1`` were imported.
        num_features: Length of a vector.
        key: Folder of the store that holds them.
        source: Where they come from, in words.
    """

    recording_id: str
    backbone: str
    fps: float
    frames_per_clip: int
    stride: int
    num_clips: int
    num_features: int
    key: str
    source: str

    @property
    def clip_plan(self) -> ClipPlan:
        """The clips that there are."""
        return ClipPlan(fps=self.fps, frames_per_clip=self.frames_per_clip, stride=self.stride)


def read_imported(cohort_folder: Path) -> dict[str, tuple[ImportedFeatures, ...]]:
    """Return the imported features of a cohort by recording; empty if it has no ``features.tsv``.

    Raises:
        CohortError: If the table breaks a rule; every row at fault is named.
    """
    path = cohort_folder / IMPORTED_FEATURES.file
    if not path.exists():
        return {}
    rows, problems = read_table(path, IMPORTED_FEATURES)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    found: dict[str, list[ImportedFeatures]] = {}
    for row in rows:
        if row.faulty:
            continue
        values = {name: row.values[name] for name in IMPORTED_FEATURES.names}
        where = f"{IMPORTED_FEATURES.file} row {row.number} (recording {row.text('recording_id')})"
        numbers = ("fps", "frames_per_clip", "stride", "num_clips", "num_features")
        low = [f"{name} {values[name]}" for name in numbers if not _positive(values[name])]
        if low:
            faults.append(
                f"{where}: numbers must be above 0, got {', '.join(low)}. Import the features again."
            )
            continue
        entry = ImportedFeatures(**{**values, "source": row.text("source") or ""})  # type: ignore[arg-type]
        others = found.setdefault(entry.recording_id, [])
        if any(other.backbone == entry.backbone for other in others):
            faults.append(
                f"{where}: a recording must have one row per backbone, but {entry.backbone} stands there "
                "again. Delete one of the rows."
            )
        others.append(entry)
    if faults:
        lines = [f"{IMPORTED_FEATURES.file} of cohort {cohort_folder.resolve().name} must be in order:"]
        raise CohortError("\n".join([*lines, *faults]))
    return {name: tuple(entries) for name, entries in found.items()}


def write_imported(cohort_folder: Path, entries: list[ImportedFeatures]) -> None:
    """Write ``features.tsv`` of a cohort in one step."""
    names = [column.name for column in fields(ImportedFeatures)]
    rows = [{name: getattr(entry, name) for name in names} for entry in entries]
    write_table(cohort_folder / IMPORTED_FEATURES.file, IMPORTED_FEATURES, rows)


def imported_of(
    entries: tuple[ImportedFeatures, ...], *, recording_id: str, backbone: str
) -> ImportedFeatures:
    """Return the features of a backbone among those that were imported for a recording.

    Raises:
        CohortError: If there are none; the message says what is there.
    """
    for entry in entries:
        if entry.backbone == backbone:
            return entry
    there = " and ".join(entry.backbone for entry in entries)
    msg = (
        f"Recording {recording_id} must have features of {backbone}: features of {there} were imported for this "
        f"recording, but not of {backbone}. Bring its video, or use {entries[0].backbone} (--backbone, in a study "
        f"--set grid.backbones=[{entries[0].backbone}])."
    )
    raise CohortError(msg)


def stored_grid(
    entry: ImportedFeatures,
    plan: ClipPlan,
    clips: Int64[np.ndarray, " num_clips"],
    *,
    event_start_seconds: float,
) -> StoredGrid:
    """Return how a plan's clips are numbered among those that were imported.

    Args:
        entry: What was imported.
        plan: The clips that are wanted; as long as the imported ones, and starting where some of them start.
        clips: Which of them.
        event_start_seconds: Onset of the event; counts only when the plan is anchored at the event.

    Raises:
        CohortError: If the plan does not fit, or a clip lies outside what was imported.
    """
    there = f"clips of {entry.frames_per_clip} frames at {entry.fps:g} fps, one every {entry.stride}"
    if abs(plan.fps - entry.fps) > 1e-9 * entry.fps or plan.frames_per_clip != entry.frames_per_clip:
        msg = (
            f"Recording {entry.recording_id} has imported {there}; a plan must have the same frames and fps, got "
            f"{plan.frames_per_clip} frames at {plan.fps:g} fps. Use those of the imported features, or bring "
            "the video."
        )
        raise CohortError(msg)
    if plan.stride % entry.stride:
        msg = (
            f"Recording {entry.recording_id} has imported {there}; a plan's stride must be a multiple of "
            f"{entry.stride}, got {plan.stride}. Choose such a stride, or bring the video."
        )
        raise CohortError(msg)
    first = 0
    if plan.anchor == "event":
        first = round(event_start_seconds * entry.fps)
        if abs(first / entry.fps - event_start_seconds) > TIME_TOLERANCE_SECONDS or first % entry.stride:
            msg = (
                f"Recording {entry.recording_id} has imported {there}; a plan that is anchored at the event needs "
                f"an onset at the start of one of them, got {event_start_seconds:g} s. Set clips.anchor to "
                "recording, or bring the video."
            )
            raise CohortError(msg)
    grid = StoredGrid(step=plan.stride // entry.stride, offset=first // entry.stride)
    stored = grid.offset + grid.step * clips
    outside = int(np.sum((stored < 0) | (stored >= entry.num_clips)))
    if outside:
        end = ((entry.num_clips - 1) * entry.stride + entry.frames_per_clip) / entry.fps
        msg = (
            f"Recording {entry.recording_id} has imported features from 0 to {end:.3f} s; an event must lie "
            f"inside, but {outside} of its {len(clips)} clips do not. Correct its times in seizures.tsv."
        )
        raise CohortError(msg)
    return grid


def store_imported(
    store: FeatureStore,
    features: Float32[np.ndarray, "num_clips num_features"],
    *,
    backbone: str,
    clip_plan: ClipPlan,
    source: str,
) -> str:
    """Put the vectors of a recording into the store, one per clip from clip 0 on, and return their key.

    Blocks that are there already are left alone. A vector with a number that is not finite is a clip with
    missing frames: all of it becomes NaN.

    Args:
        store: Where to.
        features: The vectors.
        backbone: Network that made them.
        clip_plan: Their clips.
        source: Where they come from, in words.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    absent = ~np.isfinite(features).all(axis=1)
    if absent.any():
        features = np.where(absent[:, None], np.float32(np.nan), features)
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "imported": True,
        "features_sha256": hashlib.sha256(np.ascontiguousarray(features).data).hexdigest(),
        "num_clips": len(features),
        "num_features": features.shape[1],
        "backbone": backbone,
        "clip_plan": clip_plan.model_dump(),
        "source": source,
    }
    key = digest(content)
    path = store.folder / key / "key.json"
    if not path.exists():
        write_json(path, content)
    for number, clips in blocks_of(np.arange(len(features), dtype=np.int64)).items():
        if len(store.stored_clips(key, [number]).clip_index) == len(clips):
            continue
        none = np.zeros(len(clips), np.int32)
        block = Block(
            clip_index=clips,
            features=features[clips][:, None, :],
            num_missing_frames=absent[clips].astype(np.int32),
            num_held_frames=none,
            num_damaged_frames=none,
            engines=(ENGINE,),
        )
        store.write_block(key, number, block)
    return key


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0
