"""Pre-train in a folder: features, then the Transformer. The same call goes on where it was interrupted."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from semioscope.core.progress import Progress, QuietProgress, format_seconds
from semioscope.core.wording import counted
from semioscope.execution import make_executor
from semioscope.features import ExtractionFailure, extract
from semioscope.features.contextual import stored_excerpts
from semioscope.recipes import PretrainingRunConfig
from semioscope.runs.folder import RunFolder, log_event, working_in
from semioscope.runs.pretraining_estimate import estimate_pretraining
from semioscope.runs.pretraining_files import (
    PretrainingFolder,
    keep_losses,
    keys_of,
    known_losses,
    open_pretraining,
    write_curve,
    write_patients,
)
from semioscope.runs.pretraining_plan import PretrainingPlan, excerpt_facts
from semioscope.runs.results import Failure, write_failures
from semioscope.training import ExcerptSource, ProcessGroup, pretrain, training_device
from semioscope.training.excerpt_source import trivial_losses
from semioscope.training.pretraining_checkpoint import steps_taken

NOTHING_LEARNT = (
    "That is no better than the mean feature: the Transformer has learnt nothing yet. Train longer, or with a "
    "smaller training.learning_rate, and where they are off with a warm-up (training.warmup_share) and "
    "training.max_gradient_norm; see docs/pretraining.md."
)
_SECONDS_PER_CHECKPOINT = 300.0
_MOST_STEPS_PER_CHECKPOINT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingReady:
    """What every process needs to train; made by the first one.

    Args:
        config: Settings.
        source: The excerpts.
        patients: Whose video they are from.
        trivial_loss: Losses of predictors that learn nothing, from ``trivial_losses``.
        checkpoint_every: Steps between two checkpoints.
        num_failures: Recordings that could not be used.
        facts: What the report tells.
    """

    config: PretrainingRunConfig
    source: ExcerptSource
    patients: tuple[str, ...]
    trivial_loss: Mapping[str, float]
    checkpoint_every: int
    num_failures: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingOutcome:
    """How a pre-training stands.

    Args:
        folder: Its folder.
        curve: Content of ``curve.json``.
        num_failures: Recordings that could not be used.
        seconds: Wall time of this command.
    """

    folder: PretrainingFolder
    curve: Mapping[str, Any]
    num_failures: int
    seconds: float

    @property
    def num_taken(self) -> int:
        """Steps that were taken, in this command and before."""
        return len(self.curve["loss"])

    @property
    def is_finished(self) -> bool:
        """Whether all steps were taken."""
        return self.num_taken == int(self.curve["num_steps"])

    def describe(self) -> str:
        """Return how it stands, in sentences."""
        mean, spoilt = (float(self.curve["trivial_loss"][name]) for name in ("mean_feature", "spoilt_input"))
        told = [f"{self.num_taken} of {counted(int(self.curve['num_steps']), 'step')} taken."]
        if by_epoch := self.curve["epoch_loss"]:
            told.append(
                f"Mean loss of epoch {len(by_epoch)}: {by_epoch[-1]:.6g}. Always the mean feature has {mean:.6g}, "
                f"the spoilt excerpt as it is {spoilt:.6g}."
            )
            if not by_epoch[-1] < mean:
                told.append(NOTHING_LEARNT)
        if self.num_failures:
            told.append(
                f"{counted(self.num_failures, 'failure')}, listed in {self.folder.path / 'failures.tsv'} and in "
                "the report."
            )
        told.append(f"Done in {format_seconds(self.seconds)}.")
        return "\n".join(told)


def perform_pretraining(
    config: PretrainingRunConfig,
    make_plan: Callable[[], PretrainingPlan],
    out: Path,
    *,
    group: ProcessGroup | None = None,
    executor: str = "local",
    workers: int = 1,
    stop_after: int | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda text: None,
    report: Callable[[Path], object] | None = None,
) -> PretrainingOutcome:
    """Do what a plan says and leave a folder behind.

    Of several processes the first one plans, computes the features, writes and reports; the others wait, then read
    the store, and train with it.

    Args:
        config: Settings.
        make_plan: Makes the plan of these settings; called in the first process only.
        out: Folder of the pre-training; new, empty, or of the same one.
        group: The processes that share a batch; None is this one alone.
        executor: Where features are computed.
        workers: How many processes compute them at once.
        stop_after: Stop when so many steps are taken, with those of before.
        progress: Where the first process reports to.
        tell: Gets sentences before the work begins.
        report: Called with the folder at the end, in the first process.

    Raises:
        ConfigError: If the folder belongs to another run or other excerpts, or no excerpt can be used; LostLossError
            if the loss does not stay finite.
        WeightsError: If the weights of the backbone are absent or damaged.
        StoreError: If the disk is full, the checkpoint cannot be read, or another run is working in the folder.
        LostProcessError: If another process ends.
    """
    began, group = time.monotonic(), group or ProcessGroup()
    shown = progress if progress is not None and group.is_first else QuietProgress()
    with working_in(out) if group.is_first else contextlib.nullcontext():
        ready = group.from_first(
            lambda: _ready(
                config, make_plan, out, group, executor=executor, workers=workers, progress=shown, tell=tell
            ),
            name="ready",
        )
        outcome = train_in(out, ready, group=group, stop_after=stop_after, progress=shown, report=report)
    return replace(outcome, seconds=time.monotonic() - began)


def train_in(
    out: Path,
    ready: PretrainingReady,
    *,
    group: ProcessGroup,
    stop_after: int | None = None,
    progress: Progress,
    report: Callable[[Path], object] | None = None,
) -> PretrainingOutcome:
    """Train on excerpts whose features are there; arguments and errors as those of ``perform_pretraining``."""
    began = time.monotonic()
    folder, config = PretrainingFolder(path=out), ready.config
    num_steps = -(-len(ready.source.names) // config.training.batch_size) * config.training.epochs

    def keep(loss: Float64[np.ndarray, " num_taken"]) -> None:
        write_curve(
            folder.curve,
            loss,
            num_excerpts=len(ready.source.names),
            batch_size=config.training.batch_size,
            num_steps=num_steps,
            trivial_loss=ready.trivial_loss,
            facts=ready.facts,
        )

    result = pretrain(
        ready.source,
        transformer=config.transformer,
        training=config.training,
        corruption=config.corruption,
        seed=config.seed,
        patients=ready.patients,
        checkpoint=folder.checkpoint,
        checkpoint_every=ready.checkpoint_every,
        stop_after=stop_after,
        group=group,
        device=own_device(config),
        on_checkpoint=keep,
        progress=progress,
    )
    outcome = PretrainingOutcome(
        folder=folder,
        curve={"loss": result.loss.tolist(), "num_steps": result.num_steps, "epoch_loss": result.epoch_loss.tolist(),
               "trivial_loss": ready.trivial_loss},
        num_failures=ready.num_failures,
        seconds=time.monotonic() - began,
    )  # fmt: skip
    if group.is_first:
        keep(result.loss)
        log_event(folder.run, "done" if result.is_finished else "stopped", steps=len(result.loss))
        if report is not None:
            report(out)
    return outcome


def own_device(config: PretrainingRunConfig) -> str:
    """Return where this process trains: of several cards of a machine, the one with the number of the process.

    Raises:
        ConfigError: If a card is asked for and there is none that can be used.
    """
    device = training_device(config.training.device)
    if device.type != "cuda":
        return device.type
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


def _ready(
    config: PretrainingRunConfig,
    make_plan: Callable[[], PretrainingPlan],
    out: Path,
    group: ProcessGroup,
    *,
    executor: str,
    workers: int,
    progress: Progress,
    tell: Callable[[str], None],
) -> PretrainingReady:
    """Compute the features, and what is known before the first step."""
    device = own_device(config)
    if RunFolder(path=out).config.exists():  # other settings are told before hours of planning
        open_pretraining(out, config)
    plan = make_plan()
    contextual, folder = plan.contextual, open_pretraining(out, config)
    num_done = steps_taken(folder.checkpoint)
    estimate = estimate_pretraining(plan, device=device, num_processes=group.size, num_done=num_done)
    if text := estimate.describe():
        tell(text)
    log_event(folder.run, "start", processes=group.size, workers=workers, device=device, steps=num_done)
    report = extract(contextual.joined, executor=make_executor(executor, workers=workers), progress=progress)
    failures = [_failure(item) for item in dict.fromkeys((*contextual.failures, *report.failures))]
    progress.message(f"Looking through the features of {counted(len(contextual.names), 'excerpt')}.")
    source = stored_excerpts(contextual)
    for note in source.notes:
        progress.message(note, level="warning")
    trivial = known_losses(folder, source, keys=keys_of(source))
    if trivial is None:
        trivial = trivial_losses(source, corruption=config.corruption, seed=config.seed, progress=progress)
        keep_losses(folder, source, keys=keys_of(source), trivial_loss=trivial)
    write_patients(folder.patients, contextual, source)
    write_failures(out / "failures.tsv", failures)
    return PretrainingReady(
        config=config,
        source=source,
        patients=source.patients,
        trivial_loss=trivial,
        checkpoint_every=steps_per_checkpoint(estimate.step_seconds),
        num_failures=len({failure.recording_id for failure in failures}),
        facts={
            **excerpt_facts(plan),
            "run": {"recipe": config.recipe, "seed": config.seed, "device": device, "processes": group.size},
            "notes": [*contextual.notes, *source.notes],
        },
    )


def steps_per_checkpoint(step_seconds: float) -> int:
    """Return how many steps are taken between two checkpoints: about five minutes of them."""
    if not step_seconds > 0:
        return 1
    return max(1, min(_MOST_STEPS_PER_CHECKPOINT, math.ceil(_SECONDS_PER_CHECKPOINT / step_seconds)))


def _failure(item: ExtractionFailure) -> Failure:
    return Failure(recording_id=item.recording_id, event_id="", stage="features", message=item.message)
