"""The files of a pre-training: its folder, its curve, and the patients whose video was used."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from semioscope.core.errors import ConfigError
from semioscope.core.files import digest, read_json, write_json
from semioscope.core.formats import PRETRAINING_PATIENTS, SCHEMA_VERSION
from semioscope.core.tables import write_table
from semioscope.features.contextual import ContextualPlan, StoredExcerpts
from semioscope.runs.folder import RunFolder, open_folder
from semioscope.training import ExcerptSource
from semioscope.training.pretraining import epoch_losses

CHECKPOINT_FILE = "pretraining.safetensors"
CURVE_FILE = "curve.json"
KIND = "pretraining"


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingFolder:
    """Paths of a pre-training. See ``docs/formats.md``, section "Folder of a pre-training"."""

    path: Path

    @property
    def run(self) -> RunFolder:
        """Paths that every run has."""
        return RunFolder(path=self.path)

    @property
    def checkpoint(self) -> Path:
        """The network and where its training stands."""
        return self.path / CHECKPOINT_FILE

    @property
    def curve(self) -> Path:
        """The loss of every step, and what the report tells."""
        return self.path / CURVE_FILE

    @property
    def patients(self) -> Path:
        """Whose video was used."""
        return self.path / PRETRAINING_PATIENTS.file


def open_pretraining(path: Path, config: Any) -> PretrainingFolder:
    """Make the folder of a pre-training, or go on in one that was made by the same command.

    Raises:
        ConfigError: If it holds a run of another kind, or other settings.
        StoreError: If it holds other things, or cannot be written.
    """
    folder = PretrainingFolder(path=path)
    request = read_json(folder.run.request) if folder.run.request.exists() else {}
    open_folder(path, config, request, changed={}, command="pretrain")
    return folder


def known_losses(
    folder: PretrainingFolder, source: ExcerptSource, *, keys: Sequence[str]
) -> dict[str, float] | None:
    """Return the trivial losses if they were computed for these excerpts before, else None.

    Args:
        folder: Of the pre-training.
        source: Its excerpts.
        keys: Of their features.

    Raises:
        ConfigError: If the training began with other excerpts, on which it cannot go on.
    """
    if not folder.run.request.exists():
        return None
    before = read_json(folder.run.request)
    if before.get("excerpts") == _excerpts_digest(source, keys):
        return {name: float(value) for name, value in before["trivial_loss"].items()}
    if "excerpts" in before and folder.checkpoint.exists():
        msg = (
            f"The pre-training in {folder.path} began with {before['num_excerpts']} excerpts, and now there are "
            f"{len(source.names)}, not the same: video was added, changed or mended. Choose another --out; features "
            "that are still valid are used again."
        )
        raise ConfigError(msg)
    return None


def keep_losses(
    folder: PretrainingFolder,
    source: ExcerptSource,
    *,
    keys: Sequence[str],
    trivial_loss: Mapping[str, float],
) -> None:
    """Note which excerpts the training begins with, and their trivial losses."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "excerpts": _excerpts_digest(source, keys),
        "num_excerpts": len(source.names),
        "trivial_loss": dict(trivial_loss),
    }
    write_json(folder.run.request, content)


def _excerpts_digest(source: ExcerptSource, keys: Sequence[str]) -> str:
    return digest([list(source.names), source.num_frames.tolist(), source.num_crops, sorted(keys)])


def keys_of(source: StoredExcerpts) -> list[str]:
    """Return the keys of all features of the excerpts."""
    return sorted({key for entries in source.entries for entry in entries for key in entry.by_key})


def write_patients(path: Path, plan: ContextualPlan, source: StoredExcerpts) -> None:
    """Write ``patients.tsv``: whose contextual video was used, and how much of it."""
    used = set(source.names)
    taken = [number for number, name in enumerate(plan.names) if name in used]
    excerpts, frames = Counter[str](), Counter[str]()
    recordings: dict[str, set[str]] = {}
    for number in taken:
        patient = plan.patient_ids[number]
        excerpts[patient] += 1
        frames[patient] += int(plan.num_frames[number])
        recordings.setdefault(patient, set()).add(plan.recording_ids[number])
    clip_plan: Any = plan.extractions[0].clip_plan
    rows = [
        {
            "patient_id": patient,
            "num_recordings": len(recordings[patient]),
            "num_excerpts": excerpts[patient],
            "seconds": frames[patient] / clip_plan.fps,
        }
        for patient in sorted(recordings)
    ]
    write_table(path, PRETRAINING_PATIENTS, rows)


def write_curve(
    path: Path,
    loss: Float64[np.ndarray, " num_taken"],
    *,
    num_excerpts: int,
    batch_size: int,
    num_steps: int,
    trivial_loss: Mapping[str, float],
    facts: Mapping[str, Any],
) -> None:
    """Write ``curve.json``.

    Args:
        path: The file.
        loss: Of every step that was taken.
        num_excerpts: How many excerpts are trained on.
        batch_size: Excerpts per step.
        num_steps: Steps of the whole pre-training.
        trivial_loss: Losses of predictors that learn nothing.
        facts: What else the report tells.
    """
    by_epoch = epoch_losses(loss, num_excerpts=num_excerpts, batch_size=batch_size)
    content = {
        **facts,
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "num_steps": num_steps,
        "steps_per_epoch": math.ceil(num_excerpts / batch_size),
        "num_excerpts": num_excerpts,
        "trivial_loss": dict(trivial_loss),
        "loss": loss.tolist(),
        "epoch_loss": by_epoch.tolist(),
    }
    write_json(path, content)
