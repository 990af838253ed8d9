"""Settings that cannot work together, found before a table or a video is opened; features take hours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from semioscope.cohort import Cohort, EventSelection
from semioscope.core.errors import ConfigError
from semioscope.core.wording import join_words, numbered
from semioscope.models import AGGREGATORS
from semioscope.models.steps import StepAggregator
from semioscope.networks import BackboneSpec, backbone_spec
from semioscope.networks.checkpoints import is_checkpoint
from semioscope.networks.detectors import check_detector_weights
from semioscope.preprocess.crop_finding import CROP_METHODS
from semioscope.preprocess.moving_region import FOLLOWED
from semioscope.recipes import RunConfig
from semioscope.runs.transformer_plan import check_transformer
from semioscope.splits import RULES_WITHOUT_SELECTION, FoldPlan, fold_events, inner_split
from semioscope.training import LOSSES


def check_losses(config: RunConfig) -> None:
    """Refuse a loss that cannot be had with so many classes.

    Raises:
        ConfigError: With another loss.
    """
    # clips are of two classes, whatever the task
    num_classes = 2 if config.examples.level == "clip" else len(config.task.classes)
    LOSSES[config.training.loss](
        torch.zeros(1, num_classes), torch.zeros(1, dtype=torch.int64), torch.ones(num_classes)
    )


def check_slices(config: RunConfig) -> None:
    """Refuse slices that are too short for the backbone, or whose masked steps the aggregator would take for real.

    Raises:
        ConfigError: With what to change.
    """
    if not config.has_slices:
        return
    plan, spec = config.slices, backbone_spec(config.backbone.name)
    if plan.slice_frames < spec.min_frames:
        is_short = plan.leftovers and plan.min_frames < spec.min_frames
        and_leftovers = f", and --set slices.min_frames={spec.min_frames}" if is_short else ""
        msg = (
            f"slices.slice_frames must be at least {spec.min_frames} for {spec.name}, got {plan.slice_frames}. Use "
            f"--set slices.slice_frames={spec.min_frames} or more{and_leftovers}."
        )
        raise ConfigError(msg)
    if plan.leftovers and plan.min_frames < spec.min_frames:
        msg = (
            f"slices.min_frames must be at least {spec.min_frames} for {spec.name}, got {plan.min_frames}. Use --set "
            f"slices.min_frames={spec.min_frames} or more."
        )
        raise ConfigError(msg)
    has_masked_steps = plan.leftovers and spec.num_steps(plan.min_frames) < spec.num_steps(plan.slice_frames)
    if has_masked_steps and not _leaves_out_masked_steps(config, spec):
        able = [name for name in AGGREGATORS if _leaves_out_masked_steps(config, spec, name)]
        msg = (
            "Leftovers have fewer steps than slices, and what is missing is masked: that needs an aggregator that "
            f"leaves out masked steps ({join_words(able, 'or')}), got aggregator.name {config.aggregator.name}. Use "
            "one of them, or --set slices.leftovers=false."
        )
        raise ConfigError(msg)


def check_excerpts(config: RunConfig) -> None:
    """Refuse excerpts whose clips are not frames, or whose masked positions the aggregator would take for real.

    Raises:
        ConfigError: With what to change.
    """
    if not config.has_excerpts:
        return
    spec = backbone_spec(config.backbone.name)
    frames = max(config.clips.frames_per_clip or spec.frames_per_clip, spec.min_frames)
    if spec.kind != "none" and frames != 1:
        msg = (
            f"An excerpt shows single frames, but clips of {spec.name} have {frames}. Use a network for single "
            "frames (--backbone resnet152) with --set clips.frames_per_clip=1."
        )
        raise ConfigError(msg)
    if not _leaves_out_masked_steps(config, spec):
        able = [name for name in AGGREGATORS if _leaves_out_masked_steps(config, spec, name)]
        msg = (
            "The last excerpt of a seizure is short, and what it lacks is masked: that needs an aggregator that "
            f"leaves out masked steps ({join_words(able, 'or')}), got aggregator.name {config.aggregator.name}. Use "
            "one of these."
        )
        raise ConfigError(msg)


def _leaves_out_masked_steps(config: RunConfig, spec: BackboneSpec, name: str = "") -> bool:
    build = AGGREGATORS[name or config.aggregator.name]
    with torch.device("meta"):
        return isinstance(build(config.aggregator, spec.num_features, 2), StepAggregator)


def check_clearing(config: RunConfig) -> None:
    """Refuse pictures that are cleared by depth where no planes are looked for.

    Raises:
        ConfigError: With what to change.
    """
    method = config.crops.method
    if config.pictures != "gray" or not config.gray.depth_crop:
        return
    if method not in CROP_METHODS or not CROP_METHODS[method].uses_depth:
        able = join_words([name for name, entry in CROP_METHODS.items() if entry.uses_depth], "or")
        msg = (
            "gray.depth_crop clears what lies outside of the depth planes of an event, so crops.method must be one "
            f"that finds planes ({able}), got {method}. Use one of these, or --set gray.depth_crop=false."
        )
        raise ConfigError(msg)


def check_followed(config: RunConfig) -> None:
    """Refuse a patient who is followed where pictures or examples do not allow it.

    Raises:
        ConfigError: With what to change.
    """
    if config.crops.method == FOLLOWED and config.pictures != "frame":
        msg = (
            f"crops.method {FOLLOWED} follows the patient frame by frame, so pictures must be frame, got "
            f"{config.pictures}. Use crops.method box, or a recipe whose pictures are frames."
        )
        raise ConfigError(msg)


SETTING_CHECKS: dict[str, Callable[[RunConfig], None]] = {
    "losses": check_losses,
    "followed": check_followed,
    "slices": check_slices,
    "excerpts": check_excerpts,
    "transformer": check_transformer,
    "clearing": check_clearing,
}
"""What settings say by themselves, without a cohort; each is given settings whose names all exist."""


def check_weights_file(config: RunConfig, cohort: Cohort) -> None:
    """Refuse weights of the backbone that are named by a file which is not there, if a video has to be seen.

    Those of a detector that has to follow patients are looked for too; other croppers need theirs only for plans
    that are lacking.

    Raises:
        ConfigError: Naming the file.
    """
    if config.crops.method == FOLLOWED:
        check_detector_weights(config.crops.detector, config.crops.weights)
    weights = config.backbone.weights
    if weights in ("pretrained", "random") or backbone_spec(config.backbone.name).kind == "none":
        return
    if all(recording.path is None for recording in cohort.recordings.values()):
        return
    if not is_checkpoint(Path(weights).expanduser()):
        msg = (
            f"backbone.weights must be 'pretrained', 'random' or a file that exists, got {weights!r}. Check the "
            "path."
        )
        raise ConfigError(msg)


def check_clip_labels(config: RunConfig, selection: EventSelection) -> None:
    """Refuse clips as examples where they have no classes: those of two, told by clonic onsets.

    Raises:
        ConfigError: With what to change.
    """
    if config.examples.level != "clip":
        return
    task = selection.task
    remedy = "Use a task such as fos-vs-tcs (--task)"
    if len(task.classes) != 2:
        msg = (
            "Clips as examples have two classes, before and after the clonic onset, got a task of "
            f"{len(task.classes)} ({task.name}). {remedy}."
        )
        raise ConfigError(msg)
    name = task.class_names[1]
    views = [view for event in selection.events if event.y_true == 1 for view in event.views]
    if all(view.clonic_onset_seconds is None for view in views):
        msg = (
            f"Clips as examples are labelled by the clonic onset of events of class {name}, but none of them has "
            f"one. {remedy}, or enter clonic_onset in seizures.tsv."
        )
        raise ConfigError(msg)


def check_search(folds: FoldPlan, config: RunConfig, selection: EventSelection) -> None:
    """Refuse a search where the training patients of a fold cannot be divided.

    Raises:
        ConfigError: Naming the folds.
    """
    if not config.search.num_trials:
        return
    table = fold_events(selection.events, num_classes=len(config.task.classes))
    without = []
    for fold in folds.folds:
        if not set(fold.validation) <= set(fold.test):  # an inner split, which the trials are compared on
            continue
        trained = np.isin(np.array(table.event_ids), fold.train) & table.trainable
        chosen = inner_split(
            table,
            trained,
            config.selection,
            seed=config.seed,
            fold=fold.index,
            num_classes=len(config.task.classes),
        )
        if not chosen.any():
            without.append(fold.index)
    if without:
        msg = (
            f"A search compares trials on some of the training patients, but those of {numbered('fold', without)} "
            "cannot be divided so that every class has a patient on both sides. Use more folds, so that more "
            "patients train, or --set search.num_trials=0 for no search."
        )
        raise ConfigError(msg)


def empty_class_notes(folds: FoldPlan, selection: EventSelection) -> list[str]:
    """Return sentences about folds that test nobody of a class; none where one patient per fold is meant."""
    notes: list[str] = []
    if folds.rule in RULES_WITHOUT_SELECTION:
        return notes
    class_of = {event.event_id: event.y_true for event in selection.events}
    for index, name in enumerate(selection.task.class_names):
        without = [
            fold.index
            for fold in folds.folds
            if not any(class_of[event_id] == index for event_id in fold.test)
        ]
        if without:
            verb = "tests" if len(without) == 1 else "test"
            there = "there" if len(without) < len(folds.folds) else "in all folds"
            notes.append(
                f"{numbered('Fold', without)} {verb} no patient of {name}, so scores that need the class will be "
                f"undefined {there}. Fewer folds (folds.num_folds) give each of them one, where there are enough."
            )
    return notes
