"""Perform a run: features, folds, final model. The same call goes on where it was interrupted."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from semioscope.core.errors import LeakageError, StoreError
from semioscope.core.files import read_json
from semioscope.core.progress import Progress
from semioscope.evaluation import (
    FINAL,
    ExampleTable,
    FoldTask,
    build_examples,
    examples_digest,
    fold_estimate,
    read_examples,
    run_fold,
    write_examples,
)
from semioscope.execution import Ledger, make_executor, run_stage
from semioscope.features import EventFeatures, ExtractionPlan
from semioscope.preprocess.moving_region import FOLLOWED
from semioscope.runs.crops import crop_stage
from semioscope.runs.finish import RunOutcome, finish_run
from semioscope.runs.folder import RunFolder, log_event, open_run, working_in
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import Failure, told_once
from semioscope.runs.search import search_stage
from semioscope.runs.stored import StoredFeatures, extract_stage
from semioscope.runs.tracks import track_stage
from semioscope.runs.yardsticks import yardstick_features
from semioscope.splits import PATIENT_RULES, Fold, write_folds


def perform_run(
    plan: RunPlan,
    out: Path,
    *,
    executor: str = "local",
    workers: int = 1,
    progress: Progress,
    report: Callable[[Path], object] | None = None,
) -> RunOutcome:
    """Do what a plan says and leave a run folder behind.

    Args:
        plan: From ``plan_run``.
        out: Run folder; new, empty, or of the same run.
        executor: Where units of work run.
        workers: How many run at once.
        progress: Where it is reported.
        report: Called with the run folder at the end, while other runs are still kept out of it.

    Raises:
        ConfigError: If the folder belongs to another run, or a fold cannot be trained.
        WeightsError: If the weights of the backbone are absent or damaged.
        StoreError: If the disk is full, no event has features, or another run is working in the folder.
    """
    began = time.monotonic()
    with working_in(out):
        outcome = _perform(plan, out, began, executor=executor, workers=workers, progress=progress)
        if report is not None:
            report(out)
    return outcome


def _perform(
    plan: RunPlan, out: Path, began: float, *, executor: str, workers: int, progress: Progress
) -> RunOutcome:
    config = plan.config
    folder = open_run(out, config, cohort_hash=plan.cohort.hash, folds_digest=plan.folds_digest)
    write_folds(plan.folds, folder.folds)
    log_event(folder, "start", workers=workers, executor=executor)
    runner = make_executor(executor, workers=workers)
    failures: list[Failure] = []

    if config.crops.method == FOLLOWED:
        crops = track_stage(plan, progress=progress, failures=failures)
    else:
        crops = crop_stage(plan, workers=workers, progress=progress, failures=failures)
    extraction = plan.extraction(crops=crops.plans, moving=crops.moving)
    refuse_shared_pictures(plan, extraction)
    extract_stage(extraction, runner, progress, "features", failures)
    yardsticks = plan.yardsticks()
    for yardstick in yardsticks:
        extract_stage(yardstick, runner, progress, "yardsticks", failures)
    log_event(folder, "features", seconds=round(time.monotonic() - began, 1))

    table = event_examples(plan, StoredFeatures(extraction, failures), folder.units, failures)
    fold_runner = make_executor(executor, workers=workers, threads_per_worker=1)
    ledger = Ledger(folder.units / "ledger")
    search = search_stage(
        _fold_tasks(plan, folder), config, folder, ledger=ledger, executor=fold_runner, workers=workers,
        progress=progress, failures=failures,
    )  # fmt: skip
    tasks = search.tasks
    left = [task for task in tasks if not ledger.is_done(task.unit())]
    if left and config.has_excerpts:
        told = fold_estimate(left, workers=workers)
        progress.message(f"{told}.")
        log_event(folder, "folds", estimate=told)
    stage = run_stage(
        "folds", run_fold, [task.unit() for task in tasks], ledger=ledger, executor=fold_runner,
        progress=progress, unit_name="folds",
    )  # fmt: skip
    failures += [
        Failure(recording_id="", event_id="", stage="folds", message=f"{result.unit.name}: {result.message}")
        for result in stage.failed
    ]
    fold_results = {task.fold.index: read_json(task.result) for task in tasks if ledger.is_done(task.unit())}
    if not fold_results:
        raise StoreError(
            "No fold could be trained. " + " ".join(dict.fromkeys(result.message for result in stage.failed))
        )
    final = search.final(_final_task(plan, folder, table, fold_results))
    last = run_stage(
        "final model", run_fold, [final.unit()], ledger=ledger, executor=make_executor("local", workers=1),
        progress=progress, unit_name="model",
    )  # fmt: skip
    if last.failed:
        raise StoreError(last.failed[0].message)
    log_event(folder, "trained", seconds=round(time.monotonic() - began, 1))
    seen = yardstick_features(plan.yardstick_groups, yardsticks, failures)
    return finish_run(
        plan, folder, table, fold_results, final, seen, failures, began,
        facts={
            "crops": crops.facts,
            "search": search.facts(config, final),
            "extraction_notes": [*crops.notes, *extraction.remarks(without=crops.not_accepted)],
        },
    )  # fmt: skip


def refuse_shared_pictures(plan: RunPlan, extraction: ExtractionPlan) -> None:
    """Refuse one video under several patients where folds are by patient: it would stand on both sides.

    Raises:
        LeakageError: Naming the patients and recordings.
    """
    if plan.folds.rule not in PATIENT_RULES:
        return
    for view in (view for read in extraction.reads for view in read.views):
        owners = {plan.cohort.recordings[name].patient_id for name in view.recording_ids}
        if len(owners) > 1:
            msg = (
                f"A patient must not stand on both sides of a split, but recordings {', '.join(view.recording_ids)} "
                f"show the same video and are of patients {', '.join(sorted(owners))}. Give them one patient_id, or "
                "correct the paths in recordings.tsv."
            )
            raise LeakageError(msg)


def event_examples(
    plan: RunPlan, features: Mapping[tuple[str, str], EventFeatures], folder: Path, failures: list[Failure]
) -> ExampleTable:
    """Put the features of events into one file that every training reads; what gives none joins the failures.

    The table that comes back is mapped from that file, as the trainings map it: its pages are shared with them.

    Raises:
        StoreError: If no event has features.
    """
    names = {recording_id: recording.view for recording_id, recording in plan.cohort.recordings.items()}
    table, left_out = build_examples(plan.events, features, plan=plan.clips, view_names=names)
    failures += [
        Failure(
            recording_id=item.recording_id, event_id=item.event_id, stage="examples", message=item.message
        )
        for item in left_out
    ]
    if not table.views:
        msg = f"No event has features, so there is nothing to train on. {told_once(failures)}"
        raise StoreError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    write_examples(table, folder)
    return read_examples(folder)


def _fold_tasks(plan: RunPlan, folder: RunFolder) -> list[FoldTask]:
    content = examples_digest(folder.units)
    fixed = None if plan.folds.selection != "none" else plan.config.training.epochs
    return [_task(plan, folder, fold, content, epochs=fixed) for fold in plan.folds.folds]


def _task(plan: RunPlan, folder: RunFolder, fold: Fold, content: str, *, epochs: int | None) -> FoldTask:
    config = plan.config
    name = "final" if fold.index == FINAL else f"fold-{fold.index}"
    kept = config.keep_fold_models or fold.index == FINAL
    return FoldTask(
        folder=folder.units,
        examples_digest=content,
        fold=fold,
        num_classes=len(plan.classes),
        clips=plan.clips,
        segments=plan.example_plan,
        aggregator=config.aggregator,
        training=config.training,
        epochs=epochs,
        seed=config.seed,
        weights=folder.models / f"{name}.safetensors" if kept else None,
        result=folder.units / f"{name}.json",
    )


def _final_task(
    plan: RunPlan, folder: RunFolder, table: ExampleTable, fold_results: Mapping[int, Mapping[str, Any]]
) -> FoldTask:
    epochs = max(1, round(median(result["best_epoch"] for result in fold_results.values())))
    everyone = tuple(sorted({view.event_id for view in table.views}))
    fold = Fold(index=FINAL, train=everyone, validation=(), test=())
    return _task(plan, folder, fold, examples_digest(folder.units), epochs=epochs)
