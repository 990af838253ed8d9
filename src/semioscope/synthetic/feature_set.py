"""Draws a feature set in the layout and size of the public GESTURES data: no pictures, only vectors.

A vector is the positive part of a level of the network, the patient's own style, slow movements along a few
directions, noise, and, after the clonic onset, the clonic movement: partly along a direction that all patients
share, partly along the patient's own. Focal seizures move too, along directions of their own. Who has seen a
patient knows the style and the own direction, so folds that share patients flatter.
A test instrument: scores on it mean nothing clinically.
"""

import functools
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from scipy.signal import lfilter

from semioscope.core.errors import CohortError
from semioscope.core.files import disk_errors, read_json, write_json, write_text
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.randomness import stream
from semioscope.synthetic.cohort_folder import MARK_FILE
from semioscope.synthetic.feature_seizures import (
    FPS,
    FRAMES_PER_CLIP,
    MINUTES,
    NUM_PATIENTS,
    NUM_SEIZURES,
    VIEWS,
    PlannedSeizure,
    draw_seizures,
)

FEATURE_SET_VERSION = 1
"""Rises when the same seed gives other numbers."""

NUM_FEATURES = 512
FEATURES_FOLDER = f"features_fpc_{FRAMES_PER_CLIP}_fps_{FPS}"
CSV_FILE = "seizures.csv"

_NUM_MOVEMENTS = 12
_SMOOTH = 0.97
"""Correlation of movements from frame to frame: they last about two seconds."""
_STYLE = 1.2
_OWN, _SHARED = 1.4, 0.35
_STRENGTH = (1.0, 1.6)
_NOISE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """A feature set that is drawn, not yet written.

    Args:
        seed: Seed of everything.
        seizures: Ordered by subject and seizure.
        settings: What it was drawn with; written to the mark.
    """

    seed: int
    seizures: tuple[PlannedSeizure, ...]
    settings: dict[str, Any]

    @property
    def folders(self) -> dict[str, int]:
        """Number of vectors by name of the folder."""
        return {
            f"{seizure.seizure_id}_{view}": seizure.num_clips[view]
            for seizure in self.seizures
            for view in VIEWS
        }

    @property
    def num_vectors(self) -> int:
        """Vectors of all views."""
        return sum(self.folders.values())

    def csv_rows(self) -> list[dict[str, str]]:
        """Return the rows of the csv: all text, by column."""
        return [
            {
                "Subject": seizure.subject,
                "Seizure": seizure.seizure,
                "OnsetClonic": ""
                if seizure.clonic_onset_seconds is None
                else f"{seizure.clonic_onset_seconds:g}",
                "GTCS": "Yes" if seizure.is_tonic_clonic else "No",
                "Discard": seizure.discard,
            }
            for seizure in self.seizures
        ]

    def vectors(self, folder: str) -> Float32[np.ndarray, "num_clips num_features"]:
        """Return the vectors of a view; the same whenever they are asked for.

        Args:
            folder: Name of the view's folder.
        """
        seizure_id, _, view = folder.rpartition("_")
        [seizure] = (item for item in self.seizures if item.seizure_id == seizure_id)
        return _vectors(self.seed, seizure, view)


def plan_feature_set(
    *,
    num_seizures: int = NUM_SEIZURES,
    num_patients: int = NUM_PATIENTS,
    seed: int = 0,
    minutes: float | None = None,
) -> FeatureSet:
    """Draw a feature set; its vectors are drawn when they are asked for.

    Args:
        num_seizures: Seizures of 15 s or more that are not discarded; some more come on top.
        num_patients: At most one per seizure.
        seed: Seed of everything.
        minutes: Length of these seizures together; None keeps the published mean length.

    Raises:
        ConfigError: If a number is outside its range.
    """
    minutes = MINUTES * num_seizures / NUM_SEIZURES if minutes is None else float(minutes)
    seizures = draw_seizures(num_seizures=num_seizures, num_patients=num_patients, seed=seed, minutes=minutes)
    settings = {
        "synthetic": True,
        "note": "A test instrument: scores on this feature set mean nothing clinically.",
        "kind": "feature set",
        "version": FEATURE_SET_VERSION,
        "num_seizures": num_seizures,
        "num_patients": num_patients,
        "seed": seed,
        "minutes": minutes,
    }
    return FeatureSet(seed=seed, seizures=tuple(seizures), settings=settings)


def write_feature_set(planned: FeatureSet, folder: Path, *, progress: Progress | None = None) -> None:
    """Write a feature set as the public one is laid out; the same command again goes on after an interruption.

    Args:
        planned: What to write.
        folder: Absent, empty, or the unfinished set of the same settings.
        progress: Where to report to.

    Raises:
        CohortError: If the folder holds something else.
        StoreError: If the disk is full or the folder cannot be written.
    """
    claim(folder, planned.settings)
    progress = progress or QuietProgress()
    template = _Template.of(NUM_FEATURES)
    with stage(progress, "features", planned.num_vectors, unit="vectors"):
        for name, number in planned.folders.items():
            target = folder / FEATURES_FOLDER / name
            if not target.is_dir():
                with disk_errors(target):
                    _write_view(target, template, planned.vectors(name))
            progress.advance(number, note=name)
    columns = list(planned.csv_rows()[0])
    lines = [",".join(["", *columns])]
    lines += [",".join([str(index), *row.values()]) for index, row in enumerate(planned.csv_rows())]
    write_text(folder / CSV_FILE, "\n".join(lines) + "\n")


def claim(folder: Path, settings: dict[str, Any]) -> None:
    """Mark an empty folder as synthetic, or take one that was begun with the same settings.

    Raises:
        CohortError: If it holds something else.
    """
    mark = folder / MARK_FILE
    if mark.is_file():
        if read_json(mark) != settings:
            msg = (
                f"{folder} must be empty or hold the feature set of the same command, but it was made with other "
                "settings. Choose another folder, or delete this one."
            )
            raise CohortError(msg)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} must be empty or absent, but holds files. Choose another folder for the feature set."
        raise CohortError(msg)
    else:
        write_json(mark, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A file of ``torch.save`` with places for the numbers and their checksum."""

    content: bytes
    numbers: slice
    checksums: tuple[int, ...]

    @classmethod
    def of(cls, num_features: int) -> "_Template":
        import io

        import torch

        rng = np.random.default_rng(0)
        numbers = rng.random(num_features, dtype=np.float32)
        stream = io.BytesIO()
        torch.save(torch.from_numpy(numbers), stream)
        content = stream.getvalue()
        start = content.index(numbers.tobytes())
        checksum = zlib.crc32(numbers.tobytes()).to_bytes(4, "little")
        places = tuple(_places(content, checksum, but=slice(start, start + numbers.nbytes)))
        return cls(content=content, numbers=slice(start, start + numbers.nbytes), checksums=places)

    def filled(self, vector: Float32[np.ndarray, " num_features"]) -> bytes:
        numbers = vector.tobytes()
        checksum = zlib.crc32(numbers).to_bytes(4, "little")
        content = bytearray(self.content)
        content[self.numbers] = numbers
        for place in self.checksums:
            content[place : place + 4] = checksum
        return bytes(content)


def _places(content: bytes, wanted: bytes, *, but: slice) -> Iterator[int]:
    place = content.find(wanted)
    while place >= 0:
        if not but.start <= place < but.stop:
            yield place
        place = content.find(wanted, place + 1)


def _write_view(
    target: Path, template: _Template, vectors: Float32[np.ndarray, "num_clips num_features"]
) -> None:
    """Write the files of a view into a folder that gets its name when it is whole."""
    begun = target.with_name(f".{target.name}.begun")
    begun.mkdir(parents=True, exist_ok=True)
    for number, vector in enumerate(vectors):
        with open(f"{begun}/{number:06d}.pth", "wb", buffering=0) as stream:
            stream.write(template.filled(vector))
    os.replace(begun, target)


def _vectors(seed: int, seizure: PlannedSeizure, view: str) -> Float32[np.ndarray, "num_clips num_features"]:
    """Return the vectors of one view; see the head of this module."""
    level, shared, movements = _network(seed)
    style, own, focal = _patient(seed, seizure.subject)
    drawn = stream(seed, "feature-seizure", seizure=seizure.seizure_id)
    camera = stream(seed, "feature-view", seizure=seizure.seizure_id, view=view)
    longest = max(seizure.num_clips.values())
    activity = _slow(drawn, longest, _NUM_MOVEMENTS)
    number = seizure.num_clips[view]
    gain = float(camera.uniform(0.8, 1.2))
    centre = (np.arange(number) + FRAMES_PER_CLIP / 2) / FPS
    mean = level + style + 0.3 * camera.standard_normal(NUM_FEATURES)
    vectors = camera.standard_normal((number, NUM_FEATURES), dtype=np.float32) * np.float32(_NOISE)
    vectors += mean.astype(np.float32)
    vectors += (gain * activity[:number] @ movements).astype(np.float32)
    rise = _rise(centre, seizure, drawn)
    direction = _SHARED * shared + _OWN * own if seizure.is_tonic_clonic else _OWN * focal
    vectors += np.outer(gain * rise, np.sqrt(NUM_FEATURES) * direction).astype(np.float32)
    np.maximum(vectors, np.float32(0), out=vectors)
    return vectors


def _rise(
    centre_seconds: Float[np.ndarray, " num_clips"], seizure: PlannedSeizure, drawn: np.random.Generator
) -> Float[np.ndarray, " num_clips"]:
    """Return how strongly the seizure's own movement shows: from the clonic onset on, or in bouts if focal."""
    strength = float(drawn.uniform(*_STRENGTH))
    if seizure.clonic_onset_seconds is not None:
        onset = float(drawn.uniform(0.5, 2.0))
        return strength / (
            1 + np.exp(-np.clip((centre_seconds - seizure.clonic_onset_seconds) / onset, -50, 50))
        )
    bouts = _slow(drawn, len(centre_seconds), 1)[:, 0]
    rise = np.asarray(strength * np.maximum(0, bouts))
    return rise


def _slow(drawn: np.random.Generator, number: int, count: int) -> Float[np.ndarray, "number count"]:
    """Return processes with mean 0 and standard deviation 1 that change slowly."""
    noise = drawn.standard_normal((number, count)) * np.sqrt(1 - _SMOOTH**2)
    noise[0] /= np.sqrt(1 - _SMOOTH**2)
    slow: Float[np.ndarray, "number count"] = lfilter([1.0], [1.0, -_SMOOTH], noise, axis=0)
    return slow


@functools.lru_cache(maxsize=4)
def _network(
    seed: int,
) -> tuple[
    Float[np.ndarray, " num_features"],
    Float[np.ndarray, " num_features"],
    Float[np.ndarray, "num_movements num_features"],
]:
    """Return the level, the shared clonic direction, and the directions of slow movements."""
    drawn = stream(seed, "feature-network")
    level = drawn.normal(0.2, 0.6, NUM_FEATURES)
    shared = _unit(drawn.standard_normal(NUM_FEATURES))
    movements = 0.25 * drawn.standard_normal((_NUM_MOVEMENTS, NUM_FEATURES))
    return level, shared, movements


@functools.lru_cache(maxsize=256)
def _patient(
    seed: int, subject: str
) -> tuple[
    Float[np.ndarray, " num_features"],
    Float[np.ndarray, " num_features"],
    Float[np.ndarray, " num_features"],
]:
    """Return the style of a patient, and the directions of the patient's own clonic and focal movements."""
    drawn = stream(seed, "feature-patient", subject=subject)
    style = _STYLE * drawn.standard_normal(NUM_FEATURES)
    clonic, focal = (_unit(drawn.standard_normal(NUM_FEATURES)) for _ in range(2))
    return style, clonic, focal


def _unit(vector: Float[np.ndarray, " num_features"]) -> Float[np.ndarray, " num_features"]:
    return np.asarray(vector / np.linalg.norm(vector))
