"""A tiny cohort of synthetic features and two finished studies on it, made once for all tests of a session."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stopping import jobs_done
from tiny import locked_file

if TYPE_CHECKING:
    from semioscope.runs.study_events import StudyResults

FEATURES = {"num_seizures": 14, "num_patients": 7, "seed": 1, "minutes": 6}
"""Arguments of ``make_feature_cohort``."""
EVENT_SETTINGS = (
    "training.epochs=3",
    "grid.clip_training.epochs=3",
    "folds.num_folds=2",
    "grid.aggregators=[mean, lstm]",
    "grid.num_segments=[2, 4]",
    "grid.gammas=[1, .inf]",
    "aggregator.hidden_size=8",
)
CLIP_SETTINGS = ("training.epochs=3", "folds.num_folds=2", "grid.backbones=[resnet34, r2plus1d_34_8]")
VOLATILE = ("run.jsonl", "provenance.json", "units/ledger", "units/lock")


def study_arguments(recipe: str, cohort: Path, out: Path, settings: Sequence[str], *more: str) -> list[str]:
    """Return the command of a study with tiny settings; ``more`` may override them."""
    given = [word for setting in settings for word in ("--set", setting)]
    command = ["run", recipe, "--features", str(cohort), "--out", str(out), *given]
    return [*command, "--workers", "1", "--progress", "quiet", *more]


def event_study(cohort: Path, out: Path, *more: str) -> list[str]:
    """Return the command of a study of whole seizures."""
    return study_arguments("gestures-2021-figure2", cohort, out, EVENT_SETTINGS, *more)


def clip_study(cohort: Path, out: Path, *more: str) -> list[str]:
    """Return the command of a study of clips."""
    return study_arguments("gestures-2021-table1", cohort, out, CLIP_SETTINGS, *more)


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyStudy:
    """The shared material; it must not be changed.

    Args:
        cohort: Seven patients, fourteen seizures of 15 s or more, two views each, features only.
        event: A finished study of whole seizures: 8 settings, 2 protocols, 2 folds.
        clip: A finished study of clips: two backbones, of which one has no features.
        event_text: What the command of the first said.
        clip_text: What the command of the second said.
    """

    cohort: Path
    event: Path
    clip: Path
    event_text: str
    clip_text: str


def shared_study(factory: pytest.TempPathFactory) -> TinyStudy:
    """Return the shared material; the first test that asks for it makes it."""
    from semioscope.features import make_feature_cohort

    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-study"
    folder.mkdir(exist_ok=True)
    cohort, event, clip = (folder / name for name in ("cohort", "event", "clip"))
    told = [folder / f"{name}.txt" for name in ("event", "clip")]
    with locked_file(folder / "lock"):
        if not told[1].exists():
            make_feature_cohort(cohort, **FEATURES)
            done = jobs_done(
                [{"arguments": event_study(cohort, event)}, {"arguments": clip_study(cohort, clip)}]
            )
            assert [job["code"] for job in done] == [0, 0], done
            for path, job in zip(told, done, strict=True):
                path.write_text(job["text"])
    return TinyStudy(
        cohort=cohort, event=event, clip=clip, event_text=told[0].read_text(), clip_text=told[1].read_text()
    )


def results_of(study: TinyStudy) -> "StudyResults":
    """Return what the trainings of the study of seizures gave, read from its files."""
    from semioscope.core.files import read_json
    from semioscope.evaluation import read_examples
    from semioscope.recipes import read_config
    from semioscope.runs import plan_study
    from semioscope.runs.study_clips import ClipStudy
    from semioscope.runs.study_events import StudyResults
    from semioscope.runs.study_plan import training_name

    plan = plan_study(read_config(study.event / "config.yaml"), study.cohort)
    units = study.event / "units"
    return StudyResults(
        plan=plan,
        tables={plan.backbones[0]: read_examples(units / plan.backbones[0])},
        trainings={
            training_name(protocol, cell, fold.index): read_json(
                units / protocol / cell.name / f"fold-{fold.index}.json"
            )
            for protocol in plan.protocols
            for cell in plan.cells
            for fold in plan.folds_of(protocol).folds.folds
        },
        clips=ClipStudy(plan=plan, folder=units),
        clip_tasks={},
        unavailable={},
        yardsticks={},
        failures=(),
    )
