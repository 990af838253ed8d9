"""Perform a study: features once, then every training of the grid as one unit of work, resumable at any point."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from semioscope.core.errors import StoreError, WeightsError
from semioscope.core.files import read_json, write_json
from semioscope.core.progress import Progress, format_seconds
from semioscope.core.wording import counted
from semioscope.evaluation import (
    ExampleTable,
    FoldGroup,
    FoldTask,
    examples_digest,
    run_clip_fold,
    run_fold_group,
)
from semioscope.execution import Ledger, Unit, make_executor, run_stage
from semioscope.features import EventFeatures, ExtractionPlan
from semioscope.runs.folder import RunFolder, log_event, open_run, working_in
from semioscope.runs.results import Failure, write_failures
from semioscope.runs.run import event_examples, refuse_shared_pictures
from semioscope.runs.stored import StoredFeatures, extract_stage
from semioscope.runs.study_clips import ClipStudy, clip_tasks
from semioscope.runs.study_events import StudyResults
from semioscope.runs.study_plan import Cell, StudyPlan, training_name
from semioscope.runs.study_scores import study_scores, write_study_tables
from semioscope.runs.yardsticks import yardstick_features
from semioscope.splits import Fold, write_folds


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOutcome:
    """What a study left behind.

    Args:
        folder: The study's folder.
        scores: Content of ``scores.json``.
        num_failures: Rows of ``failures.tsv``.
        seconds: Wall time of this call.
    """

    folder: Path
    scores: Mapping[str, Any]
    num_failures: int
    seconds: float

    def describe(self) -> str:
        """Return the result in a few lines."""
        lines = list(self.scores["summary"])
        if self.scores["run"]["synthetic"]:
            lines.append("Synthetic cohort: these scores mean nothing clinically.")
        if self.num_failures:
            lines.append(
                f"{counted(self.num_failures, 'failure')}, listed in {self.folder / 'failures.tsv'} and in the "
                "report."
            )
        lines.append(f"Done in {format_seconds(self.seconds)}.")
        return "\n".join(lines)


def perform_study(
    plan: StudyPlan,
    out: Path,
    *,
    executor: str = "local",
    workers: int = 1,
    progress: Progress,
    report: Callable[[Path], object] | None = None,
) -> StudyOutcome:
    """Do what a study plan says and leave a study folder behind. The same call goes on where it was interrupted.

    A training that failed is a row of ``failures.tsv``, and the same call tries it again.

    Args:
        plan: From ``plan_study``.
        out: Folder; new, empty, or of the same study.
        executor: Where units of work run.
        workers: How many run at once; the results do not depend on it.
        progress: Where it is reported.
        report: Called with the folder at the end, while others are still kept out of it.

    Raises:
        ConfigError: If the folder belongs to another study.
        WeightsError: If the weights of the only backbone are absent or damaged.
        StoreError: If the disk is full, no event has features, no training succeeded, or another run is working in
            the folder.
    """
    began = time.monotonic()
    with working_in(out):
        outcome = _perform(plan, out, began, executor=executor, workers=workers, progress=progress)
        if report is not None:
            report(out)
    return outcome


def _perform(
    plan: StudyPlan, out: Path, began: float, *, executor: str, workers: int, progress: Progress
) -> StudyOutcome:
    folder = open_run(
        out,
        plan.config,
        cohort_hash=plan.any_plan.cohort.hash,
        folds_digest=plan.any_plan.folds_digest,
    )
    for protocol in plan.protocols:
        write_folds(plan.folds_of(protocol).folds, folder.path / protocol / "folds.json")
    log_event(folder, "start", workers=workers, executor=executor)
    failures: list[Failure] = []
    runner = make_executor(executor, workers=workers)
    is_clip = plan.config.examples.level == "clip"
    clips = ClipStudy(plan=plan, folder=folder.units)
    tables: dict[str, ExampleTable] = {}
    unavailable: dict[str, str] = {}
    for backbone in plan.backbones:
        try:
            extraction = _extraction(plan, backbone, clips)
        except WeightsError as err:
            if len(plan.backbones) == 1:
                raise
            unavailable[backbone] = str(err)
            progress.message(f"{backbone}: not available. {err}", level="warning")
            continue
        missed: list[Failure] = []
        extract_stage(extraction, runner, progress, f"features of {backbone}", missed)
        features = StoredFeatures(extraction, missed)
        if clips.wanted:
            reason = clips.build(backbone, features, missed)
            if reason and is_clip:
                unavailable[backbone] = reason
        if not is_clip:
            tables[backbone] = event_examples(
                plan.plans[plan.protocols[0]][backbone], features, folder.units / backbone, missed
            )
        failures += [] if backbone in unavailable else missed
    if len(unavailable) == len(plan.backbones):
        reasons = " ".join(dict.fromkeys(unavailable.values()))
        raise StoreError(f"No backbone has features, so there is nothing to train on. {reasons}")
    traits = {} if is_clip else _yardsticks(plan, runner, progress, failures)
    log_event(folder, "features", seconds=round(time.monotonic() - began, 1))

    groups = [] if is_clip else fold_groups(plan, folder, unavailable)
    clip_work = clip_tasks(plan, clips, unavailable)
    units = _units(groups)
    clip_units = [task.unit() for task in clip_work]
    ledger = Ledger(folder.units / "ledger")
    _forget_failed(ledger, units)
    for stage, function, stage_units in (
        ("clip classifiers", run_clip_fold, clip_units),
        ("trainings", run_fold_group, units),
    ):
        if not stage_units:
            continue
        result = run_stage(
            stage, function, stage_units, ledger=ledger, progress=progress, unit_name="trainings",
            executor=make_executor(executor, workers=workers, threads_per_worker=1),
        )  # fmt: skip
        failures += [
            Failure(recording_id="", event_id="", stage=stage, message=_with_name(one.unit.name, one.message))
            for one in result.failed
        ]
        if len(result.failed) == len(stage_units):
            more = len(result.failed) - 1
            others = f" {more} more training{'s' if more > 1 else ''} failed too." if more else ""
            raise StoreError(f"No training succeeded ({stage}). {result.failed[0].message}{others}")
    done = {}
    for group in groups:
        if not ledger.is_done(group.unit()):
            continue
        for task in group.tasks:
            content = read_json(task.result)
            if "failed" in content:
                told = content["failed"]
                progress.message(f"trainings: {told}", level="warning")
                failures.append(Failure(recording_id="", event_id="", stage="trainings", message=told))
            else:
                done[task.unit().name] = content
    clip_done = {task.unit().name: task for task in clip_work if ledger.is_done(task.unit())}
    log_event(folder, "trained", seconds=round(time.monotonic() - began, 1))
    results = StudyResults(
        plan=plan, tables=tables, trainings=done, clips=clips, clip_tasks=clip_done,
        unavailable=unavailable, yardsticks=traits, failures=tuple(failures),
    )  # fmt: skip
    write_study_tables(folder.path, results)
    write_failures(folder.path / "failures.tsv", failures)
    scores = study_scores(results)
    write_json(folder.scores, scores)
    seconds = time.monotonic() - began
    log_event(folder, "done", seconds=round(seconds, 1))
    return StudyOutcome(folder=folder.path, scores=scores, num_failures=len(set(failures)), seconds=seconds)


def _with_name(name: str, message: str) -> str:
    """Return a message that names its training once."""
    return message if message.casefold().startswith(name.casefold()) else f"{name}: {message}"


def _extraction(plan: StudyPlan, backbone: str, clips: ClipStudy) -> ExtractionPlan:
    """Return the features of a backbone; under folds by patient no video may stand under two patients."""
    extraction: ExtractionPlan | None = None
    for protocol in plan.protocols:
        one = plan.plans[protocol][backbone]
        if extraction is None:
            extraction = one.extraction(choose=clips.choose) if clips.only else one.extraction()
        refuse_shared_pictures(one, extraction)
    assert extraction is not None  # a study has at least one protocol
    return extraction


def _yardsticks(
    plan: StudyPlan, runner: Any, progress: Progress, failures: list[Failure]
) -> dict[tuple[str, str], EventFeatures]:
    one = plan.any_plan
    plans = one.yardsticks()
    for yardstick in plans:
        extract_stage(yardstick, runner, progress, "yardsticks", failures)
    return yardstick_features(one.yardstick_groups, plans, failures)


def fold_groups(
    plan: StudyPlan, folder: RunFolder, unavailable: Mapping[str, str] = MappingProxyType({})
) -> list[FoldGroup]:
    """Return the trainings of a study, those that differ only in gamma together.

    Fold by fold, so that the pace of the first ones tells the rest; in a fold the longest first, so that no worker
    waits long for the last one.
    """
    digests = {
        name: examples_digest(folder.units / name) for name in plan.backbones if name not in unavailable
    }
    found: list[FoldGroup] = []
    for protocol in plan.protocols:
        for fold in plan.folds_of(protocol).folds.folds:
            groups: dict[str, list[FoldTask]] = {}
            for cell in plan.cells:
                backbone = cell.config.backbone.name
                if backbone not in unavailable:
                    name = training_name(protocol, cell, fold.index, any_gamma=True)
                    task = _fold_task(plan, folder, protocol, cell, fold, digests[backbone])
                    groups.setdefault(name, []).append(task)
            made = [FoldGroup(name=name, tasks=tuple(tasks)) for name, tasks in groups.items()]
            found += sorted(made, key=lambda group: -group.cost)
    return found


def _fold_task(
    plan: StudyPlan, folder: RunFolder, protocol: str, cell: Cell, fold: Fold, examples: str
) -> FoldTask:
    config = plan.config_of(protocol, cell)
    backbone = config.backbone.name
    fixed = plan.folds_of(protocol).folds.selection == "none"
    return FoldTask(
        folder=folder.units / backbone,
        examples_digest=examples,
        fold=fold,
        num_classes=len(plan.any_plan.classes),
        clips=plan.plans[protocol][backbone].clips,
        segments=config.segments,
        aggregator=config.aggregator,
        training=config.training,
        epochs=config.training.epochs if fixed else None,
        seed=config.seed,
        weights=None,
        result=folder.units / protocol / cell.name / f"fold-{fold.index}.json",
        name=training_name(protocol, cell, fold.index),
        brief=True,
    )


def _forget_failed(ledger: Ledger, units: Sequence[Unit]) -> None:
    """Take back that trainings side by side are done where some of them failed.

    The same command tries them again, as it does where all of them failed, and as a run does with its folds.
    """
    for unit in units:
        record = ledger.record(unit)
        if record is not None and any("failed" in summary for summary in record.get("value") or ()):
            ledger.forget(unit)


def _units(groups: Sequence[FoldGroup]) -> list[Unit]:
    """Return units whose weights are their share of all costs, so that they add up to the number of trainings."""
    count, total = sum(len(group.tasks) for group in groups), sum(group.cost for group in groups)
    return [replace(group.unit(), weight=group.cost * count / total) for group in groups]
