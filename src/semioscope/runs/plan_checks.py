"""What of a run is checked before work begins: names, settings that do not go together, folds, lengths, classes."""

from collections.abc import Mapping, Sequence

from semioscope.cohort import Cohort, EventSelection
from semioscope.core.errors import CohortError, ConfigError, unknown_name
from semioscope.core.files import folder_problem
from semioscope.core.formats import CROPS
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.evaluation import BASELINES
from semioscope.features import FeatureStore
from semioscope.features.store import OTHER_STORE
from semioscope.models import AGGREGATORS
from semioscope.networks import backbone_spec
from semioscope.networks.detector_folder import detector_identity
from semioscope.networks.detectors import DETECTORS, check_detector_weights, load_detector
from semioscope.plans import ClipPlan
from semioscope.preprocess import NO_CROPS
from semioscope.preprocess.crop_check import run_warnings
from semioscope.preprocess.crop_finding import CROP_METHODS
from semioscope.preprocess.cropper_rows import other_detector_notes, to_plan, usable, views_of
from semioscope.preprocess.crops import WHERE_CROPS_LIE, standing_crops
from semioscope.preprocess.moving_region import FOLLOWED
from semioscope.recipes import PROTOCOLS, RunConfig
from semioscope.runs.setting_checks import SETTING_CHECKS
from semioscope.splits import REPEATING_RULES, RULES_WITHOUT_SELECTION, FoldPlan
from semioscope.training import (
    BEST_EPOCH,
    CLASS_WEIGHTS,
    LOSSES,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    TrainingConfig,
    space_of,
)


def check_names(config: RunConfig) -> None:
    """Refuse settings that name what does not exist, and then such as cannot work together (``SETTING_CHECKS``).

    Raises:
        ConfigError: With the nearest names, or with what to change.
    """
    backbone_spec(config.backbone.name)
    chosen: list[tuple[str, str, Mapping[str, object]]] = [
        ("protocol", config.protocol, PROTOCOLS),
        ("aggregator.name", config.aggregator.name, AGGREGATORS),
        *(("baselines", name, BASELINES) for name in config.baselines),
        ("crops.method", config.crops.method, {NO_CROPS: None, FOLLOWED: None, **CROP_METHODS}),
        ("crops.detector", config.crops.detector, DETECTORS),
    ]
    for key, name, allowed in chosen:
        if name not in allowed:
            raise ConfigError(unknown_name(f"value of {key}", name, allowed))
    check_training_names(config.training)
    if config.search.num_trials:
        space_of(config.search.space, aggregator=config.aggregator.name, num_classes=len(config.task.classes))
    for check in SETTING_CHECKS.values():
        check(config)


def check_training_names(training: TrainingConfig, *, section: str = "training") -> None:
    """Refuse settings of a training that name what does not exist.

    Args:
        training: The settings.
        section: Where they stand, for messages.

    Raises:
        ConfigError: With the nearest names.
    """
    chosen: list[tuple[str, str, Mapping[str, object]]] = [
        ("optimizer", training.optimizer, OPTIMIZERS),
        ("loss", training.loss, LOSSES),
        ("best_epoch", training.best_epoch, BEST_EPOCH),
        ("class_weights", training.class_weights, CLASS_WEIGHTS),
        ("schedule", training.schedule, SCHEDULES),
        ("precision", training.precision, PRECISIONS),
    ]
    for key, name, allowed in chosen:
        if name not in allowed:
            raise ConfigError(unknown_name(f"value of {section}.{key}", name, allowed))


def check_together(config: RunConfig, *, in_study: bool) -> None:
    """Refuse settings that do not go with several settings beside each other, or with clips as examples.

    Args:
        config: Settings.
        in_study: Whether a grid sets some of them.

    Raises:
        ConfigError: With what to change.
    """
    if not (in_study or config.is_study):
        return
    where = "clips as examples" if config.examples.level == "clip" else "a grid of settings"
    if config.folds.rule in REPEATING_RULES:
        msg = (
            f"Folds that test an event several times do not go with {where}, got folds.rule {config.folds.rule}. Use "
            "a rule that tests every event once, such as that of --protocol patient."
        )
        raise ConfigError(msg)
    if config.search.num_trials:
        msg = (
            f"A search does not go with {where}, got search.num_trials {config.search.num_trials}. Use --set "
            "search.num_trials=0, or run these settings by themselves."
        )
        raise ConfigError(msg)
    if config.has_slices or config.has_excerpts:
        what = "Excerpts" if config.has_excerpts else "Slices"
        msg = (
            f"{what} as examples do not go with {where}. Leave the lists of grid empty; single runs can be compared "
            "afterwards (semioscope compare)."
        )
        raise ConfigError(msg)
    if config.aggregator.pretrained is not None:
        given = config.aggregator.pretrained
        msg = (
            f"A pre-training does not go with {where}, got aggregator.pretrained {given}. Leave the lists of grid "
            "empty; single runs can be compared afterwards (semioscope compare)."
        )
        raise ConfigError(msg)
    if config.crops.method != NO_CROPS:
        msg = (
            f"Crops do not go with {where}, got crops.method {config.crops.method}. Use --set "
            f"crops.method={NO_CROPS}, or run these settings by themselves."
        )
        raise ConfigError(msg)


def check_folds_file(folds: FoldPlan, config: RunConfig, *, in_study: bool) -> list[str]:
    """Refuse folds of another rule or selection than the settings say: the report would name the wrong ones.

    Returns:
        What else must be told: another number of folds than ``folds.num_folds``.

    Raises:
        ConfigError: Naming the settings that differ.
    """
    wanted = {"folds.rule": config.folds.rule, "selection.on": config.selection.on}
    if config.folds.rule in RULES_WITHOUT_SELECTION:
        wanted["selection.on"] = "none"
    given = {"folds.rule": folds.rule, "selection.on": folds.selection}
    differing = [key for key in wanted if wanted[key] != given[key]]
    if differing:
        told = " and ".join(f"{key} {given[key]}, not {wanted[key]}" for key in differing)
        remedy = " ".join(f"--set {key}={given[key]}" for key in differing)
        if in_study:
            remedy = f"--set grid.protocols=[NAME] of a protocol that has {'it' if len(differing) == 1 else 'them'}"
        msg = f"The folds file must fit the settings of the run, but has {told}. Add {remedy}, or use other folds."
        raise ConfigError(msg)
    number = len(folds.folds)
    if config.folds.rule in RULES_WITHOUT_SELECTION or number == config.folds.num_folds:
        return []
    return [
        f"The folds file has {counted(number, 'fold')}; folds.num_folds = {config.folds.num_folds} was not used."
    ]


def check_lengths(config: RunConfig, clips: ClipPlan, events: Sequence[Event]) -> None:
    """Refuse clips that fit into no event, and segments that the released folds cannot have.

    Raises:
        ConfigError: With the setting to change.
    """
    longest = max(event.duration_seconds for event in events)
    if clips.clip_seconds > longest:
        msg = (
            f"A clip must fit into a seizure, but {clips.frames_per_clip} frames at {clips.fps:g} per second last "
            f"{clips.clip_seconds:.4g} s and the longest seizure {longest:.1f} s. Set clips.frames_per_clip or "
            "clips.fps otherwise."
        )
        raise ConfigError(msg)
    if config.folds.rule == "released" and config.segments.short != "error":
        msg = (
            "Under folds.rule released a segment shorter than a clip is an error, so segments.short must be error, "
            f"got {config.segments.short}. Add --set segments.short=error."
        )
        raise ConfigError(msg)


def check_events(selection: EventSelection) -> None:
    """Refuse a task of which a class has no event.

    Raises:
        CohortError: Naming the class, with what was left out.
    """
    task = selection.task
    for index, name in enumerate(task.class_names):
        if not any(event.y_true == index for event in selection.events):
            reasons = "; ".join(f"{count} {reason}" for reason, count in selection.reasons.items())
            remedy = (
                "Raise events.part_seconds, or bring recordings that go on beside the seizures."
                if name == task.parts_class
                else f"Check the column {task.column} with semioscope cohort summary, or lower "
                "events.min_duration_seconds."
            )
            msg = (
                f"Task {task.name} needs events of every class, but there is none of class {name}"
                f"{f' (left out: {reasons})' if reasons else ''}. {remedy}"
            )
            raise CohortError(msg)


def check_crop_detector(config: RunConfig, cohort: Cohort, selection: EventSelection) -> None:
    """Refuse a detector without its file, or recorded detections that are damaged, where a crop has to be planned.

    Raises:
        ConfigError: If there is no such file.
        CohortError: If recorded detections or ``crops.tsv`` are not valid.
    """
    crops = config.crops
    if crops.method in (NO_CROPS, FOLLOWED) or not CROP_METHODS[crops.method].needs_detector:
        return
    if not to_plan(selection.events, standing_crops(cohort.folder / CROPS.file), crops.method):
        return
    check_detector_weights(crops.detector, crops.weights)
    if DETECTORS[crops.detector].reads_records:
        load_detector(crops.detector, weights=crops.weights)


def crop_warnings(config: RunConfig, cohort: Cohort, selection: EventSelection) -> tuple[str, ...]:
    """Return what is to be mended in the rows of ``crops.tsv`` that a run would go by, as sentences.

    Raises:
        CohortError: If a row is not valid; all such rows are named.
    """
    if config.crops.method in (NO_CROPS, FOLLOWED):
        return ()
    crops = config.crops
    told = run_warnings(cohort, selection.events, crops.method)
    if not CROP_METHODS[crops.method].needs_detector:
        return told
    rows = usable(standing_crops(cohort.folder / CROPS.file), views_of(selection.events), crops.method)
    named = detector_identity(crops.detector, crops.weights, sha256=crops.weights_sha256)
    return (*told, *other_detector_notes(rows, named, crops.method))


def folder_warnings(
    config: RunConfig, cohort: Cohort, selection: EventSelection, store: FeatureStore
) -> tuple[str, ...]:
    """Return which folders cannot be written, where a run may have to; all that it needs may be there already."""
    told = []
    if problem := folder_problem(store.folder):
        told.append(f"The feature store {problem}; features that are lacking cannot be kept. {OTHER_STORE}")
    if config.crops.method not in (NO_CROPS, FOLLOWED) and (problem := folder_problem(cohort.folder)):
        lacking = to_plan(selection.events, standing_crops(cohort.folder / CROPS.file), config.crops.method)
        if lacking:
            told.append(
                f"{counted(len(lacking), 'event has', 'events have')} no crop yet, and the folder of the cohort "
                f"{problem}. {WHERE_CROPS_LIE}"
            )
    return tuple(told)
