"""A tiny cohort of a ward camera and a pre-training on it, made once for all tests of a session, xdist or not."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny import call, edit_rows, locked_file

COHORT = {
    "num_patients": 5,
    "num_seizures": 6,
    "seed": 2,
    "size": (160, 90),
    "fps": 10,
    "min_seconds": 5,
    "max_seconds": 5.1,
    "contextual_hours": 0.014,
    "workers": 1,
}
"""Arguments of ``make_ward_cohort``: three patients with epileptic and two with psychogenic seizures."""
WITH_VIDEO = ("p01", "p02", "p03")
"""Patients whose contextual video is in the tables."""
BACKBONE = ("backbone.name=resnet34", "backbone.input_size=32", "backbone.engine=torch",
            "frame={base_height: 36, base_width: 48}")  # fmt: skip
SIZE = "{num_positions: 22, num_layers: 1, num_heads: 2, width: 16, feedforward: 32}"
PRETRAIN_SETTINGS = (
    *BACKBONE,
    "excerpts={fps: 10, num_frames: 20, num_positions: 22, min_frames: 12}",
    "corruption.span_frames=4",
    f"transformer={SIZE}",
    "training={epochs: 3, batch_size: 4}",
)
RUN_SETTINGS = (
    *BACKBONE,
    "clips.fps=10",
    "examples.excerpt_frames=22",
    f"aggregator.transformer={SIZE}",
    "training={epochs: 2, batch_size: 8, device: cpu}",
    "report={thumbnails: 'off', num_examples: 0}",
    "baselines=[majority, duration]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyHou:
    """The shared material; it must not be changed.

    Args:
        cohort: Five patients, of whom three have contextual video.
        store: The features of the pre-training, and of any run of it.
        pretraining: A finished pre-training.
    """

    cohort: Path
    store: Path
    pretraining: Path


def with_settings(settings: tuple[str, ...]) -> list[str]:
    """Return settings as words of a command."""
    return [word for setting in settings for word in ("--set", setting)]


def pretrain_arguments(cohort: Path, out: Path, *more: object) -> list[object]:
    """Return the command of a tiny pre-training."""
    command = ["pretrain", "hou-2022-small", "--cohort", cohort, "--out", out, "--weights", "random"]
    return [*command, *with_settings(PRETRAIN_SETTINGS), "--device", "cpu", "--workers", "1",
            "--progress", "quiet", *more]  # fmt: skip


def hou_arguments(cohort: Path, out: Path, *more: object, recipe: str = "hou-2022-small") -> list[object]:
    """Return the command of a tiny run; ``more`` may override it."""
    command = ["run", recipe, "--cohort", cohort, "--out", out, "--weights", "random"]
    return [*command, *with_settings(RUN_SETTINGS), "--workers", "1", "--progress", "quiet", *more]


def shared_hou(factory: pytest.TempPathFactory) -> TinyHou:
    """Return the shared material; the first test that asks for it makes it."""
    from semioscope.synthetic import make_ward_cohort

    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-hou"
    folder.mkdir(exist_ok=True)
    cohort, store, pretraining = (folder / name for name in ("cohort", "store", "pretraining"))
    made = folder / "made"
    with locked_file(folder / "lock"):
        if not made.exists():
            make_ward_cohort(cohort, **COHORT)
            edit_rows(cohort / "recordings.tsv", _only_with_video)
            done = call(*pretrain_arguments(cohort, pretraining, "--store", store))
            assert done.exit_code == 0, done.text
            made.touch()
    return TinyHou(cohort=cohort, store=store, pretraining=pretraining)


def _only_with_video(row: dict[str, str]) -> dict[str, str] | None:
    without = row["role"] == "contextual" and row["patient_id"] not in WITH_VIDEO
    return None if without else row
