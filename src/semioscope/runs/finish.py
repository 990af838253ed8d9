"""The end of a run: tables, scores, pictures and the model bundle."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semioscope.core.files import digest, write_json
from semioscope.core.progress import format_seconds
from semioscope.core.provenance import package_versions
from semioscope.core.wording import counted
from semioscope.evaluation import ExampleTable, FoldTask
from semioscope.features import EventFeatures, load_backbone, plan_fps
from semioscope.models import describe as describe_aggregator
from semioscope.plans import SlicePlan
from semioscope.preprocess import CROP_METHODS
from semioscope.recipes import followed_protocol
from semioscope.runs.bundle import BundleFacts, CalibrationFacts, ViewShape, write_bundle
from semioscope.runs.bundle_crops import portable_crops
from semioscope.runs.folder import RunFolder, log_event
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import (
    Failure,
    baseline_event_scores,
    collect,
    event_scores,
    event_traits,
    one_per_view,
    write_baselines,
    write_failures,
    write_predictions,
    write_segments,
)
from semioscope.runs.scores import run_scores
from semioscope.runs.thumbnails import write_thumbnails
from semioscope.synthetic import is_synthetic


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run left behind.

    Args:
        folder: The run folder.
        scores: Content of ``scores.json``.
        bundle: The bundle of the final model; None if it could not be trained.
        num_failures: Rows of ``failures.tsv``.
        seconds: Wall time of this call.
    """

    folder: Path
    scores: Mapping[str, Any]
    bundle: Path
    num_failures: int
    seconds: float

    def describe(self) -> str:
        """Return the result in a few lines."""
        lines = []
        for name in ("accuracy", "balanced_accuracy", "auroc"):
            estimate = self.scores["event"].get(name)
            if estimate is not None:
                lines.append(f"{name.replace('_', ' ')} {_percent(estimate)}")
        if slices := self.scores.get("slices"):
            f1 = slices["mean"]["macro_f1"]
            lines.insert(
                0, f"macro F1 per slice {f1['mean']:.3f} +- {f1['sd']:.3f} over {f1['num_folds']} folds"
            )
        text = f"{counted(len(self.scores['events']), 'event')} scored out of fold: {'; '.join(lines)}."
        baselines = ", ".join(
            f"{row['title']} {row['balanced_accuracy']['value']:.2f}"
            for row in self.scores["baselines"].values()
        )
        text += f"\nBalanced accuracy of the yardsticks: {baselines}." if baselines else ""
        if self.scores["run"]["synthetic"]:
            text += "\nSynthetic cohort: these scores mean nothing clinically."
        crops = self.scores.get("crops", {})
        if flagged := crops.get("num_flagged"):
            text += (
                f"\n{counted(flagged, 'crop is', 'crops are')} in doubt, and the raw picture was kept there."
            )
            if crops["cropper"] in CROP_METHODS:
                text += f" Look at them: semioscope crop sheet COHORT --cropper {crops['cropper']}."
        if failed := crops.get("num_failed"):
            text += (
                f"\n{counted(failed, 'crop')} could not be made, and the raw picture was kept there if it can be "
                "read; the failures say why."
            )
        if lost := self.scores["decode"]["num_missing_clips"]:
            lacking = "lacks frames and was" if lost == 1 else "lack frames and were"
            text += (
                f"\n{lost} of {self.scores['decode']['num_clips']} clips {lacking} left out. "
                "Check times and files: semioscope cohort check COHORT."
            )
        if self.num_failures:
            failures = counted(self.num_failures, "failure")
            text += f"\n{failures}, listed in {self.folder / 'failures.tsv'} and in the report."
        return f"{text}\nDone in {format_seconds(self.seconds)}."


def finish_run(
    plan: RunPlan,
    folder: RunFolder,
    table: ExampleTable,
    fold_results: Mapping[int, Mapping[str, Any]],
    final: FoldTask,
    yardsticks: Mapping[tuple[str, str], EventFeatures],
    failures: Sequence[Failure],
    began: float,
    *,
    facts: Mapping[str, Any],
) -> RunOutcome:
    """Write everything that follows from the folds and the final model.

    Args:
        plan: What was run.
        folder: Where.
        table: The examples.
        fold_results: What each fold wrote.
        final: The final model, trained.
        yardsticks: Features of the motion yardsticks.
        failures: What was left out.
        began: Monotonic time at which the run began.
        facts: ``crops``, ``search``, and ``extraction_notes`` about slices and pictures.

    Raises:
        StoreError: If a file cannot be written.
    """
    config, classes = plan.config, plan.classes
    views = collect(table, fold_results)
    events = event_scores(views, num_classes=len(classes))
    with_slices = isinstance(plan.clips, SlicePlan)
    write_predictions(
        folder.path / "predictions.tsv", views, events, classes=classes, with_slices=with_slices
    )
    write_segments(folder.path / "segments.tsv", one_per_view(views), events)
    write_failures(folder.path / "failures.tsv", failures)
    event_ids, traits = event_traits(plan.events, yardsticks)
    baselines = baseline_event_scores(
        plan.baselines, plan.folds, event_ids, traits, events, num_classes=len(classes)
    )
    write_baselines(folder.path / "baselines.tsv", baselines, classes=classes)
    bundle = folder.models / f"{config.recipe}.semio"
    synthetic = is_synthetic(plan.cohort.folder)
    about = {
        "run": _run_facts(plan, synthetic=synthetic),
        "bundle": bundle.name,
        "decode": _decode_facts(table),
        "crops": facts["crops"],
        "search": facts["search"],
        "notes": [*_notes(table), *facts["extraction_notes"]],
    }
    scores = run_scores(plan, views, events, baselines, fold_results=fold_results, facts=about)
    write_thumbnails(folder.path, plan, scores, one_per_view(views))
    write_json(folder.scores, scores)
    _write_bundle(plan, bundle, final, scores, table, synthetic=synthetic)
    seconds = time.monotonic() - began
    log_event(folder, "done", seconds=round(seconds, 1))
    return RunOutcome(
        folder=folder.path,
        scores=scores,
        bundle=bundle,
        num_failures=len(set(failures)),
        seconds=seconds,
    )


def _run_facts(plan: RunPlan, *, synthetic: bool) -> dict[str, Any]:
    config = plan.config
    return {
        "name": config.recipe,
        "recipe": config.recipe,
        "protocol": followed_protocol(config),
        "rule": plan.folds.rule,
        "selection": plan.folds.selection,
        "backbone": config.backbone.name,
        "weights": config.backbone.weights,
        "engine": config.backbone.engine,
        "precision": config.backbone.precision,
        "aggregator": config.aggregator.name,
        "task": config.task.name,
        "synthetic": synthetic,
        "thumbnails": config.report.thumbnails,
        "commands": {
            "again": "semioscope run RUN/config.yaml --cohort COHORT --out NEWRUN"
            + (" --folds RUN/folds.json" if plan.folds_digest else ""),
            "predict": f"semioscope predict VIDEO --model RUN/models/{config.recipe}.semio",
        },
    }


def _decode_facts(table: ExampleTable) -> dict[str, Any]:
    return {
        "num_clips": sum(view.num_clips + view.num_missing_clips for view in table.views),
        "num_missing_clips": sum(view.num_missing_clips for view in table.views),
        "num_held_clips": sum(view.num_held_clips for view in table.views),
        "num_damaged_clips": sum(view.num_damaged_clips for view in table.views),
    }


def _notes(table: ExampleTable) -> list[str]:
    notes = []
    holed = [view for view in table.views if view.num_missing_clips]
    if holed:
        total = sum(view.num_missing_clips for view in holed)
        named = ", ".join(view.name for view in holed[:5])
        more = " and others" if len(holed) > 5 else ""
        clips = counted(total, "clip with missing frames was", "clips with missing frames were")
        notes.append(f"{clips} left out of {counted(len(holed), 'view')}: {named}{more}.")
    outside = sum(view.use == "evaluate" for view in table.views)
    if outside:
        notes.append(
            f"{counted(outside, 'view was', 'views were')} scored but not trained on (use = evaluate)."
        )
    return notes


def _write_bundle(
    plan: RunPlan,
    path: Path,
    final: FoldTask,
    scores: Mapping[str, Any],
    table: ExampleTable,
    *,
    synthetic: bool,
) -> None:
    config = plan.config
    assert final.weights is not None  # the final model is kept
    calibration = {key: scores["calibration"][key] for key in ("kind", "slope", "intercept")}
    facts = BundleFacts(
        name=config.recipe,
        recipe=config.recipe,
        protocol=followed_protocol(config),
        task=config.task.name,
        classes=plan.classes,
        positive_class=scores["positive_class"],
        threshold=scores.get("fitted_threshold", scores["threshold"]),
        calibration=CalibrationFacts(**calibration),
        preprocess=config.preprocess,
        gray=config.gray if config.pictures == "gray" else None,
        frame=config.frame if config.pictures == "frame" else None,
        crops=portable_crops(config.crops),
        backbone=config.backbone,
        backbone_weights_hash=_weights_hash(plan),
        clips=plan.clips,
        segments=plan.example_plan,
        aggregator=final.aggregator.without_place,
        views=_view_shapes(plan, table),
        epochs=describe_aggregator(final.weights)["facts"]["best_epoch"],
        trained_on={
            "patients": len({view.patient_id for view in table.views if view.use == "train"}),
            "events": len({view.event_id for view in table.views if view.use == "train"}),
            "cohort": digest(plan.cohort.hash, length=12),
        },
        out_of_fold={
            name: _percent(estimate)
            for name, estimate in scores["event"].items()
            if name in ("accuracy", "balanced_accuracy", "auroc", "f1", "macro_f1")
        },
        synthetic=synthetic,
        versions=package_versions(),
    )
    write_bundle(path, facts, aggregator_file=final.weights)


def _weights_hash(plan: RunPlan) -> str:
    return load_backbone(plan.backbone_choice(), fps=plan_fps(plan.clips)).weights_hash


def _view_shapes(plan: RunPlan, table: ExampleTable) -> dict[str, ViewShape]:
    """Return where each view lies in its file: the commonest place among the recordings of that view."""
    counts: dict[str, dict[ViewShape, int]] = {}
    for recording_id in sorted({view.recording_id for view in table.views}):
        recording = plan.cohort.recordings[recording_id]
        shape = ViewShape.of(recording.region, recording.blank)
        per_view = counts.setdefault(recording.view, {})
        per_view[shape] = per_view.get(shape, 0) + 1
    return {view: max(shapes, key=lambda shape: shapes[shape]) for view, shapes in sorted(counts.items())}


def _percent(estimate: Mapping[str, Any]) -> str:
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if value != value:
        return "undefined"
    interval = (
        f" (95 % interval {low:.2f} to {high:.2f})" if low == low else " (no interval; the report says why)"
    )
    return f"{value:.2f}{interval}"
