"""What a run will do: which events, which folds, which clips. Nothing is computed and nothing is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from semioscope.cohort import Cohort, EventSelection, events_of, read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.files import file_sha256
from semioscope.core.intervals import Interval
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.evaluation import BASELINES
from semioscope.features import (
    BackboneChoice,
    ExtractionPlan,
    FeatureStore,
    default_store,
    import_warnings,
    lost_views,
    plan_extraction,
)
from semioscope.networks import BackboneSpec, backbone_spec
from semioscope.networks.motion import CLIP_SECONDS
from semioscope.plans import ClipPlan, SlicePlan, clips_in
from semioscope.preprocess import CropPlan
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.preprocess.moving_region import MovingRegion
from semioscope.recipes import RunConfig
from semioscope.runs.bundle_crops import with_known_detector
from semioscope.runs.plan_checks import (
    check_crop_detector,
    check_events,
    check_folds_file,
    check_lengths,
    check_names,
    check_together,
    crop_warnings,
    folder_warnings,
)
from semioscope.runs.setting_checks import (
    check_clip_labels,
    check_search,
    check_weights_file,
    empty_class_notes,
)
from semioscope.runs.short_views import check_whole_segments
from semioscope.runs.slice_supply import check_slice_supply, frame_distances, slice_notes
from semioscope.runs.transformer_plan import begun, transformer_notes
from semioscope.runs.yardsticks import (
    YardstickGroup,
    motion_frames,
    short_notes,
    yardstick_groups,
    yardstick_notes,
)
from semioscope.splits import (
    PATIENT_RULES,
    FoldPlan,
    check_leakage,
    make_folds,
    read_folds,
)
from semioscope.training import ExamplePlan

ChooseClips = Callable[[ClipPlan, Interval], Int64[np.ndarray, " num_clips"]]
"""Which clips of an event are wanted, of those that a clip plan has."""


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
        clips: Clips of the backbone, or slices.
        yardstick_groups: Views by frame rate for the motion yardsticks; empty when no baseline needs them.
        store: Where features are kept.
        notes: Sentences for the report.
        warnings: What a person may want to mend first, as sentences; a run goes on with it.
    """

    config: RunConfig
    cohort: Cohort
    selection: EventSelection
    folds: FoldPlan
    folds_digest: str
    spec: BackboneSpec
    clips: ClipPlan | SlicePlan
    yardstick_groups: tuple[YardstickGroup, ...]
    store: FeatureStore
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

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
            input_size=backbone.input_size,
        )

    @property
    def example_plan(self) -> ExamplePlan:
        """How examples are seen."""
        steps = self.spec.num_steps(self.clips.slice_frames) if isinstance(self.clips, SlicePlan) else 1
        return self.config.example_plan(num_steps=steps)

    @property
    def grid_clips(self) -> ClipPlan:
        """The clips of a run whose clips lie on a grid in time."""
        assert isinstance(self.clips, ClipPlan)
        return self.clips

    @property
    def baselines(self) -> tuple[str, ...]:
        """The yardsticks that can be had: those of movement need a video.

        Parts of recordings were cut to their length, so with a class of them duration is no yardstick.
        """
        return tuple(
            name
            for name in self.config.baselines
            if (self.yardstick_groups or not needs_video(name)) and not self._was_cut(name)
        )

    def _was_cut(self, baseline: str) -> bool:
        return self.config.task.parts_class is not None and BASELINES[baseline].trait == "duration_seconds"

    def extraction(
        self,
        *,
        choose: ChooseClips = clips_in,
        crops: Sequence[CropPlan] = (),
        moving: Mapping[tuple[str, str], MovingRegion] | None = None,
    ) -> ExtractionPlan:
        """Return the plan of the features; opens the videos for their fingerprints.

        Args:
            choose: Which clips of an event are wanted.
            crops: Which part of the picture events are seen in; only accepted ones are used.
            moving: By event and recording, a part of the picture that follows the patient.

        Raises:
            WeightsError: If the weights of the backbone are absent or damaged.
        """
        return plan_extraction(
            self.cohort,
            self.events,
            self.clips,
            backbone=self.backbone_choice(),
            store=self.store,
            picture=self.config.picture,
            crops=crops,
            moving=moving,
            choose=choose,
        )

    def yardsticks(self) -> tuple[ExtractionPlan, ...]:
        """Return the plans of the features behind the motion yardsticks, one per group; they see the raw picture."""
        picture = self.config.picture
        if isinstance(picture, GrayPictureConfig):
            picture = picture.model_copy(update={"depth_crop": False})
        if isinstance(picture, FramePictureConfig):  # it would cut the middle out
            picture = self.config.preprocess
        return tuple(
            plan_extraction(
                self.cohort,
                group.events,
                group.clips,
                backbone=BackboneChoice(name="motion"),
                store=self.store,
                picture=picture,
            )
            for group in self.yardstick_groups
        )

    def describe(self) -> str:
        """Return the plan in a few lines."""
        counts = [sum(event.y_true == index for event in self.events) for index in range(len(self.classes))]
        patients = len({event.patient_id for event in self.events})
        per_class = ", ".join(f"{count} {name}" for count, name in zip(counts, self.classes, strict=True))
        lines = [
            f"{counted(len(self.events), 'event')} ({per_class}) of {counted(patients, 'patient')}; "
            f"{counted(len(self.folds.folds), 'fold')} by rule {self.folds.rule}, selection on "
            f"{self.folds.selection}.",
            f"Backbone {self.spec.name}: {_told_clips(self.clips)}. Aggregator {self.config.aggregator.name}, "
            f"{self._told_examples()}.",
        ]
        lines += [f"Left out: {count} ({reason})." for reason, count in self.selection.reasons.items()]
        lines += [f"Note: {note}" for note in self.notes]
        lines += [f"Warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _told_examples(self) -> str:
        if self.config.has_slices:
            return "every slice an example"
        if self.config.has_excerpts:
            return f"every frame seen, in excerpts of {self.config.examples.excerpt_frames}"
        segments = self.config.segments
        return f"{counted(segments.num_segments, 'segment')}, gamma {segments.gamma:g}"


def plan_run(
    config: RunConfig,
    cohort_folder: Path,
    *,
    store: Path | None = None,
    folds_file: Path | None = None,
    in_study: bool = False,
) -> RunPlan:
    """Return what a run will do, with everything checked that can be checked before work begins.

    Args:
        config: Settings.
        cohort_folder: The cohort.
        store: Feature store; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        folds_file: Folds to use again, instead of making them.
        in_study: Whether a grid sets what differs between settings; messages then name its keys.

    Raises:
        ConfigError: If a setting names what does not exist or does not go with another, the folds cannot be made, or
            a view is too short for its segments where that is an error.
        CohortError: If the tables break a rule (crops.tsv too, where it is used), or a class has no event.
        LeakageError: If the folds let a patient cross under a rule that forbids it.
    """
    check_names(config)
    check_together(config, in_study=in_study)
    config = with_known_detector(config)
    config = begun(config, num_features=backbone_spec(config.backbone.name).num_features)
    cohort = read_cohort(cohort_folder)
    check_weights_file(config, cohort)
    selection = events_of(
        cohort,
        config.task,
        min_duration_seconds=config.events.min_duration_seconds,
        part_seconds=config.events.part_seconds,
    )
    check_events(selection)
    check_crop_detector(config, cohort, selection)
    check_clip_labels(config, selection)
    if folds_file is not None:
        folds, folds_digest = read_folds(folds_file, events=selection.events), file_sha256(folds_file)
        folds_notes = check_folds_file(folds, config, in_study=in_study)
    else:
        folds, folds_digest, folds_notes = _made_folds(config, cohort, selection), "", []
    check_search(folds, config, selection)
    check_leakage(folds, allow_shared_patients=config.folds.rule not in PATIENT_RULES)
    spec = backbone_spec(config.backbone.name)
    clips = _clips(config, spec)
    if config.pictures == "frame":
        config.frame.check_size(config.backbone.input_size or spec.input_size)
    distances: dict[str, float] = {}
    if isinstance(clips, ClipPlan):
        check_lengths(config, clips, selection.events)
    else:
        distances = frame_distances(cohort, selection.events)
        check_slice_supply(
            selection,
            folds,
            clips,
            distances,
            least_frames=spec.min_frames,
            part_seconds=config.events.part_seconds,
        )
    if isinstance(clips, ClipPlan) and config.examples.level == "event":
        check_whole_segments(selection.events, clips, config.segments, cohort=cohort, in_study=in_study)
    of_movement = [name for name in config.baselines if needs_video(name)]
    groups = yardstick_groups(cohort, selection.events) if of_movement else ()
    notes = [*folds.notes, *folds_notes, *selection.warnings, *yardstick_notes(groups)]
    notes += short_notes(cohort, selection.events, groups) if of_movement else []
    lost = lost_views(cohort_folder)
    if lost:
        notes.append(
            f"{counted(len(lost), 'view')} could not be imported and took no part "
            f"({', '.join(lost)}): files are missing or damaged; failures.tsv of the cohort says which."
        )
    notes += [f"At the import of the features: {warning}" for warning in import_warnings(cohort_folder)]
    if of_movement and not groups:
        titles = " and ".join(BASELINES[name].title for name in of_movement)
        notes.append(
            f"No event has a video that holds a window of {CLIP_SECONDS:g} s, so there are no yardsticks of movement "
            f"({titles})."
        )
    if config.task.parts_class is not None and "duration" in config.baselines:
        notes.append(
            "Events of the class of parts were cut to their length, so duration alone would know them: it is no "
            "yardstick here."
        )
    notes += transformer_notes(config)
    if config.backbone.weights == "random" and spec.weights is not None:
        notes.append("The backbone has random weights: its features mean nothing; for trials only.")
    kept = default_store(cohort_folder, store=store)
    return RunPlan(
        config=config,
        cohort=cohort,
        selection=selection,
        folds=folds,
        folds_digest=folds_digest,
        spec=spec,
        clips=clips,
        yardstick_groups=groups,
        store=kept,
        notes=tuple(notes),
        warnings=(
            *(empty_class_notes(folds, selection) if config.has_slices else ()),
            *(slice_notes(selection, clips, distances) if isinstance(clips, SlicePlan) else ()),
            *crop_warnings(config, cohort, selection),
            *folder_warnings(config, cohort, selection, kept),
        ),
    )


def needs_video(baseline: str) -> bool:
    """Return whether a yardstick looks at the pictures."""
    return BASELINES[baseline].trait in ("motion_energy", "band_power")


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


def _told_clips(clips: ClipPlan | SlicePlan) -> str:
    if isinstance(clips, SlicePlan):
        ends = "leftovers too" if clips.leftovers else "no leftovers"
        return f"slices of {clips.slice_frames} stored frames, one every {clips.stride}, {ends}"
    if clips.frames_per_clip == clips.stride == 1:
        return f"single frames at {clips.fps:g} fps"
    return f"clips of {clips.frames_per_clip} frames at {clips.fps:g} fps, one every {clips.stride} frames"


def _clips(config: RunConfig, spec: BackboneSpec) -> ClipPlan | SlicePlan:
    """Return the clips of the backbone; the one without a network takes 2 s at any frame rate."""
    if config.has_slices:
        return config.slices
    frames = motion_frames(config.clips.fps) if spec.kind == "none" else spec.frames_per_clip
    plan = config.clips.plan(backbone_frames=frames)
    if plan.frames_per_clip < spec.min_frames:
        msg = (
            f"clips.frames_per_clip must be at least {spec.min_frames} for {spec.name}, got "
            f"{plan.frames_per_clip}. Use --set clips.frames_per_clip=null for the backbone's own length."
        )
        raise ConfigError(msg)
    return plan
