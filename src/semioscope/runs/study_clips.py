"""The classifier of clips inside a study: as what is studied, or as a yardstick for scores of whole seizures."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from semioscope.core.intervals import Interval
from semioscope.core.wording import counted
from semioscope.evaluation import (
    ClipFoldTask,
    ClipTable,
    build_clip_table,
    clip_table_digest,
    wanted_clips,
    write_clip_table,
)
from semioscope.features import EventFeatures
from semioscope.models import AggregatorConfig
from semioscope.plans import ClipPlan
from semioscope.runs.results import Failure, told_once
from semioscope.runs.study_plan import StudyPlan
from semioscope.scoring import WindowScores
from semioscope.training import TrainingConfig

YARDSTICK = "clip_mean"
"""Name of the yardstick: the mean of the probabilities that a classifier of clips gives along a seizure."""

_MOST_NAMES = 5


@dataclass(slots=True, kw_only=True)
class ClipStudy:
    """Which clips a study labels one by one, and their tables; filled as backbones become available.

    Args:
        plan: The study.
        folder: Where the tables of clips are kept, one folder per backbone.
        tables: By backbone.
        notes: What the report must say about clips that could not be labelled.
    """

    plan: StudyPlan
    folder: Path
    tables: dict[str, ClipTable] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def only(self) -> bool:
        """Whether clips are what is studied."""
        return self.plan.config.examples.level == "clip"

    @property
    def wanted(self) -> bool:
        """Whether clips are labelled at all."""
        return self.only or (self.plan.config.grid.clip_baseline and len(self.plan.any_plan.classes) == 2)

    def choose(self, plan: ClipPlan, interval: Interval) -> Int64[np.ndarray, " num_clips"]:
        """Return the clips of an event that are trained on or scored."""
        examples = self.plan.config.examples
        return wanted_clips(
            plan, interval, segment_frames=examples.segment_frames, window_stride=examples.window_stride
        )

    def build(
        self, backbone: str, features: Mapping[tuple[str, str], EventFeatures], failures: list[Failure]
    ) -> str:
        """Label the clips of a backbone and write them; return why there are none, or nothing.

        Views that give no clip join the failures where clips are what is studied, else the notes.
        """
        one = self.plan.plans[self.plan.protocols[0]][backbone]
        examples = self.plan.config.examples
        table, left_out = build_clip_table(
            one.events,
            features,
            plan=one.grid_clips,
            segment_frames=examples.segment_frames,
            window_stride=examples.window_stride,
            view_names={key: recording.view for key, recording in one.cohort.recordings.items()},
        )
        found = [
            Failure(
                recording_id=item.recording_id, event_id=item.event_id, stage="clips", message=item.message
            )
            for item in left_out
        ]
        if not table.views:
            return told_once([*failures, *found]) or "no event of the cohort has a clip"
        if self.only:
            failures += found
        elif found:
            self.notes.append(told_left_out(found, {view.event_id for view in table.views}))
        target = self.folder / f"clips-{backbone}"
        target.mkdir(parents=True, exist_ok=True)
        write_clip_table(table, target)
        self.tables[backbone] = table
        return ""


def clip_tasks(plan: StudyPlan, clips: ClipStudy, unavailable: Mapping[str, str]) -> list[ClipFoldTask]:
    """Return the trainings of classifiers of clips: every backbone, protocol and fold."""
    tasks = []
    digests = {name: clip_table_digest(clips.folder / f"clips-{name}") for name in clips.tables}
    for protocol in plan.protocols:
        folds = plan.folds_of(protocol).folds
        for backbone in clips.tables:
            if backbone in unavailable:
                continue
            aggregator, training = _settings(plan)
            for fold in folds.folds:
                tasks.append(
                    ClipFoldTask(
                        folder=clips.folder / f"clips-{backbone}",
                        table_digest=digests[backbone],
                        fold=fold,
                        aggregator=aggregator,
                        training=training,
                        epochs=training.epochs if folds.selection == "none" else None,
                        seed=plan.config.seed,
                        result=clips.folder
                        / protocol
                        / f"clips-{backbone}"
                        / f"fold-{fold.index}.safetensors",
                        name=clip_training_name(protocol, backbone, fold.index),
                    )
                )
    return tasks


def clip_training_name(protocol: str, backbone: str, fold: int) -> str:
    """Return the name of one training of a classifier of clips."""
    return f"{protocol} clips of {backbone} fold {fold}"


def told_left_out(found: Sequence[Failure], taking_part: Set[str]) -> str:
    """Return which views give the yardstick no clip, and the events that go with them, having no other view."""
    first = found[0]
    told = (
        f"{counted(len(found), 'view takes', 'views take')} no part in the classifier of clips (such as "
        f"{first.recording_id} of event {first.event_id}: {first.message})"
    )
    gone = sorted({failure.event_id for failure in found} - taking_part)
    if not gone:
        return f"{told} All of their events take part by another view."
    events = f"event{'s' if len(gone) > 1 else ''} {', '.join(gone[:_MOST_NAMES])}"
    return f"{told} No view is left of {events}{', ...' if len(gone) > _MOST_NAMES else ''}."


def _settings(plan: StudyPlan) -> tuple[AggregatorConfig, TrainingConfig]:
    config = plan.config
    if config.examples.level == "clip":
        return config.aggregator, config.training
    return AggregatorConfig(name="fc"), config.grid.clip_training


def windows_by_event(
    views: Sequence[tuple[str, WindowScores]],
) -> dict[str, list[WindowScores]]:
    """Return the scored windows of the views of each event, by event, in the order of the ids."""
    grouped: dict[str, list[WindowScores]] = {}
    for event_id, windows in sorted(views, key=lambda pair: pair[0]):
        grouped.setdefault(event_id, []).append(windows)
    return grouped
