"""What a run will do: which events, which folds, which clips. Nothing is computed and nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semioscope.cohort import Cohort, EventSelection, events_of, read_cohort
from semioscope.core.errors import CohortError, ConfigError, SemioscopeError, unknown_name
from semioscope.core.files import file_sha256
from semioscope.core.records import Event
from semioscope.evaluation import BASELINES
from semioscope.features import (
    BackboneChoice,
    ExtractionPlan,
    FeatureStore,
    default_store,
    plan_extraction,
)
from semioscope.models import AGGREGATORS
from semioscope.networks import BackboneSpec, backbone_spec, band_limit
from semioscope.networks.motion import CLIP_SECONDS, MIN_FRAMES
from semioscope.plans import ClipPlan
from semioscope.recipes import PROTOCOLS, RunConfig
from semioscope.splits import PATIENT_RULES, FoldPlan, check_leakage, make_folds, read_folds
from semioscope.training import CLASS_WEIGHTS, LOSSES, OPTIMIZERS
from semioscope.video import probe

YARDSTICK_FPS = 25.0
"""Rate at which the yardsticks look at movement; a video of fewer frames per second is seen at its own rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything that is known before a run begins.

    Args:
        config: Settings.
        cohort: The cohort.
        selection: Events of the task, and those left out.
        folds: The fold plan.
        folds_digest: Content of the folds file that was given; empty when the folds were made.
        spec: The backbone.
        clips: Clips of the backbone.
        yardstick_clips: Clips of the motion yardsticks; None when no baseline needs them.
        store: Where features are kept.
        notes: Sentences for the report.
    """

    config: RunConfig
    cohort: Cohort
    selection: EventSelection
    folds: FoldPlan
    folds_digest: str
    spec: BackboneSpec
    clips: ClipPlan
    yardstick_clips: ClipPlan | None
    store: FeatureStore
    notes: tuple[str, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the run."""
        return self.selection.events

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes by index."""
        return self.config.task.class_names

    def backbone_choice(self) -> BackboneChoice:
        """Return which network computes the features."""
        backbone = self.config.backbone
        return BackboneChoice(
            name=backbone.name,
            weights=backbone.weights,
            engine=backbone.engine,
            precision=backbone.precision,
        )

    def extraction(self) -> ExtractionPlan:
        """Return the plan of the features; opens the videos for their fingerprints.

        Raises:
            WeightsError: If the weights of the backbone are absent or damaged.
        """
        return plan_extraction(
            self.cohort,
            self.events,
            self.clips,
            backbone=self.backbone_choice(),
            store=self.store,
            picture=self.config.preprocess,
        )

    def yardsticks(self) -> ExtractionPlan | None:
        """Return the plan of the features behind the motion yardsticks, or None when none needs them."""
        if self.yardstick_clips is None:
            return None
        return plan_extraction(
            self.cohort,
            self.events,
            self.yardstick_clips,
            backbone=BackboneChoice(name="motion"),
            store=self.store,
            picture=self.config.preprocess,
        )

    def describe(self) -> str:
        """Return the plan in a few lines."""
        counts = [sum(event.y_true == index for event in self.events) for index in range(len(self.classes))]
        patients = len({event.patient_id for event in self.events})
        per_class = ", ".join(f"{count} {name}" for count, name in zip(counts, self.classes, strict=True))
        lines = [
            f"{len(self.events)} events ({per_class}) of {patients} patients; "
            f"{len(self.folds.folds)} folds by rule {self.folds.rule}, selection on {self.folds.selection}.",
            f"Backbone {self.spec.name}: clips of {self.clips.frames_per_clip} frames at {self.clips.fps:g} fps, "
            f"one every {self.clips.stride} frames. Aggregator {self.config.aggregator.name}, "
            f"{self.config.segments.num_segments} segments, gamma {self.config.segments.gamma:g}.",
        ]
        lines += [f"Left out: {count} ({reason})." for reason, count in self.selection.reasons.items()]
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines)


def plan_run(
    config: RunConfig, cohort_folder: Path, *, store: Path | None = None, folds_file: Path | None = None
) -> RunPlan:
    """Return what a run will do, with everything checked that can be checked before work begins.

    Args:
        config: Settings.
        cohort_folder: The cohort.
        store: Feature store; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        folds_file: Folds to use again, instead of making them.

    Raises:
        ConfigError: If a setting names what does not exist, or the folds cannot be made.
        CohortError: If the tables break a rule, or a class has no event.
        LeakageError: If the folds let a patient cross under a rule that forbids it.
    """
    _check_names(config)
    cohort = read_cohort(cohort_folder)
    selection = events_of(cohort, config.task, min_duration_seconds=config.events.min_duration_seconds)
    _check_events(selection)
    if folds_file is not None:
        folds, folds_digest = read_folds(folds_file, events=selection.events), file_sha256(folds_file)
    else:
        folds, folds_digest = _made_folds(config, cohort, selection), ""
    check_leakage(folds, allow_shared_patients=config.folds.rule not in PATIENT_RULES)
    spec = backbone_spec(config.backbone.name)
    clips = _clips(config, spec)
    needs_motion = any(BASELINES[name].trait in ("motion_energy", "band_power") for name in config.baselines)
    yardstick = _yardstick_clips(cohort, selection.events) if needs_motion else None
    notes = [*folds.notes, *selection.warnings]
    if yardstick is not None:
        notes += [note for note in (band_limit(yardstick.fps)[1],) if note]
    if config.backbone.weights == "random" and spec.weights is not None:
        notes.append("The backbone has random weights: its features mean nothing; for trials only.")
    return RunPlan(
        config=config,
        cohort=cohort,
        selection=selection,
        folds=folds,
        folds_digest=folds_digest,
        spec=spec,
        clips=clips,
        yardstick_clips=yardstick,
        store=default_store(cohort_folder, store=store),
        notes=tuple(notes),
    )


def _made_folds(config: RunConfig, cohort: Cohort, selection: EventSelection) -> FoldPlan:
    try:
        return make_folds(
            selection.events,
            config.folds,
            config.selection,
            seed=config.seed,
            num_classes=len(config.task.classes),
            cohort_hash=cohort.hash,
        )
    except (CohortError, ConfigError) as err:  # splits knows classes by their numbers
        named = ", ".join(f"{index} is {name}" for index, name in enumerate(config.task.class_names))
        raise type(err)(f"{err} (Class {named}.)" if " class" in str(err) else str(err)) from err


def _check_names(config: RunConfig) -> None:
    backbone_spec(config.backbone.name)
    chosen: list[tuple[str, str, Mapping[str, object]]] = [
        ("protocol", config.protocol, PROTOCOLS),
        ("aggregator.name", config.aggregator.name, AGGREGATORS),
        ("training.optimizer", config.training.optimizer, OPTIMIZERS),
        ("training.loss", config.training.loss, LOSSES),
        ("training.class_weights", config.training.class_weights, CLASS_WEIGHTS),
        *(("baselines", name, BASELINES) for name in config.baselines),
    ]
    for key, name, allowed in chosen:
        if name not in allowed:
            raise ConfigError(unknown_name(f"value of {key}", name, allowed))


def _clips(config: RunConfig, spec: BackboneSpec) -> ClipPlan:
    """Return the clips of the backbone; the one without a network takes 2 s at any frame rate."""
    frames = _motion_frames(config.clips.fps) if spec.kind == "none" else spec.frames_per_clip
    plan = config.clips.plan(backbone_frames=frames)
    if plan.frames_per_clip < spec.min_frames:
        msg = (
            f"clips.frames_per_clip must be at least {spec.min_frames} for {spec.name}, got "
            f"{plan.frames_per_clip}. Use --set clips.frames_per_clip=null for the backbone's own length."
        )
        raise ConfigError(msg)
    return plan


def _motion_frames(fps: float) -> int:
    return max(MIN_FRAMES, round(CLIP_SECONDS * fps))


def _check_events(selection: EventSelection) -> None:
    task = selection.task
    for index, name in enumerate(task.class_names):
        if not any(event.y_true == index for event in selection.events):
            reasons = "; ".join(f"{count} {reason}" for reason, count in selection.reasons.items())
            msg = (
                f"Task {task.name} needs events of every class, but there is none of class {name}"
                f"{f' (left out: {reasons})' if reasons else ''}. Check the column {task.column} with "
                "semioscope cohort summary, or lower events.min_duration_seconds."
            )
            raise CohortError(msg)


def _yardstick_clips(cohort: Cohort, events: tuple[Event, ...]) -> ClipPlan:
    """Return clips of 2 s, one per second, at the lowest frame rate among the videos, at most 25."""
    rates: dict[Path, float] = {}
    for recording_id in {view.recording_id for event in events for view in event.views}:
        try:
            path = cohort.video_path(recording_id)
            rates[path] = rates[path] if path in rates else probe(path).fps
        except SemioscopeError:
            continue  # told as a failure when its features are wanted
    fps = min([YARDSTICK_FPS, *(rate for rate in rates.values() if rate > 0)])
    fps = max(1.0, round(fps, 3))
    return ClipPlan(fps=fps, frames_per_clip=_motion_frames(fps), stride=max(1, round(fps)))
