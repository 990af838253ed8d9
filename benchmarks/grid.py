"""How long the grid of Figure 2 takes at the size of the public feature set, on two processes of one thread.

The features are synthetic (183 seizures, two views, 557,000 vectors, 1.1 GB), the work is the real one: a study is
planned and its features are read, then every setting is trained for its 400 epochs. Of the ten folds of the paper's
protocol one is run, with all 60 settings; its time is multiplied by ten. A fold differs little from another: each
trains on nine tenths of the seizures. The classifiers of clips beside the grid, the intervals and the report come on
top; they are no part of the time. Memory is the sum over all processes of the memory that is their own and of their
share of what they have in common, looked at every second.

Memory may grow over a whole grid, which one fold does not show. So the whole command is run too, with every setting,
fold, both fold rules, classifiers of clips, intervals and report, but with 1 epoch: memory does not depend on their
number. ``quick`` leaves this out.

The matrix products are what no training can do without. How fast they are is measured in the same run, before and
after the fold, with both processes at work.

Run ``python benchmarks/grid.py``; it takes about twelve minutes.
"""

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from memory import peak_memory
from segment_sampling import seizures
from timing import interleaved_medians

from semioscope.core.progress import QuietProgress
from semioscope.evaluation import FoldGroup, run_fold_group
from semioscope.execution import Unit, make_executor, run_stage
from semioscope.features import make_feature_cohort
from semioscope.models import AggregatorConfig, build
from semioscope.plans import SegmentPlan
from semioscope.recipes import apply_overrides, make_config
from semioscope.runs import plan_study
from semioscope.runs.folder import open_run
from semioscope.runs.run import event_examples
from semioscope.runs.stored import StoredFeatures
from semioscope.runs.study import fold_groups
from semioscope.training import LOSSES, OPTIMIZERS, TrainingConfig, epoch_batches, fit, single_thread

WORKERS = 2
RECIPE = "gestures-2021-figure2"
GOALS = {
    "grid_minutes": ("<=", 60.0),
    "peak_gigabytes": ("<=", 4.0),
    "study_peak_gigabytes": ("<=", 4.0),
    "epoch_over_network": ("<=", 1.2),
}


def measure(*, quick: bool = False) -> dict[str, float]:
    """Time one fold of the grid, its memory, that of a whole study, and an epoch against its pure network time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = {"num_seizures": 24, "num_patients": 10} if quick else {}
        make_feature_cohort(folder / "cohort", **size)
        found = grid_fold(folder, epochs=8 if quick else 400, quick=quick)
        found |= {"study_peak_gigabytes": math.nan} if quick else study_memory(folder)
    return {**found, **epoch_against_network(rounds=3 if quick else 15)}


def grid_fold(folder: Path, *, epochs: int, quick: bool) -> dict[str, float]:
    """Return the minutes that ten folds of the grid take, and the highest memory on the way.

    Args:
        folder: Holds the ``cohort``.
        epochs: Of every training.
        quick: Whether the cohort is small, so that the minutes say nothing.
    """
    config = apply_overrides(
        make_config(RECIPE),
        ["clips.stride=1", "grid.protocols=[paper]", f"training.epochs={epochs}", "folds.num_folds=10"],
    )
    with peak_memory() as memory:
        began = time.perf_counter()
        plan = plan_study(config, folder / "cohort")
        run = open_run(folder / "run", plan.config, cohort_hash=plan.any_plan.cohort.hash)
        one = plan.plans["paper"][plan.backbones[0]]
        event_examples(one, StoredFeatures(one.extraction(), []), run.units / plan.backbones[0], [])
        groups = fold_groups(plan, run)
        reading = time.perf_counter() - began
        chosen = [group for group in groups if group.tasks[0].fold.index == 0]
        units = [group.unit() for group in chosen]
        num_folds = len(groups) / len(chosen)
        rate = [product_rate(folder / "before")]
        began = time.perf_counter()
        result = run_stage(
            "trainings", run_fold_group, units, ledger=None, progress=QuietProgress(),
            executor=make_executor(workers=WORKERS, threads_per_worker=1),
        )  # fmt: skip
        training = time.perf_counter() - began
        rate.append(product_rate(folder / "after"))
    num_products = sum(giga_products(group) for group in chosen)
    products = num_products / (WORKERS * statistics.mean(rate))
    assert not result.failed, result.failed[0].message
    return {
        "reading_seconds": reading,
        "fold_minutes": training / 60,
        "product_gflops_per_core": statistics.mean(rate),
        "fold_over_products": training / products,
        "products_minutes": products * num_folds / 60 if epochs == 400 and not quick else math.nan,
        "num_trainings": float(sum(len(group.tasks) for group in chosen)),
        "grid_minutes": (reading + training * num_folds) / 60 if epochs == 400 and not quick else math.nan,
        "peak_gigabytes": memory[0] / 2**30,
    }


def study_memory(folder: Path, *, settings: Sequence[str] = ()) -> dict[str, float]:
    """Return the highest memory of the command for a whole study of 1 epoch, all processes together, and its time.

    Args:
        folder: Holds the ``cohort``.
        settings: Further ``key=value``.
    """
    words = ["clips.stride=1", "training.epochs=1", *settings]
    command = [
        sys.executable, "-m", "semioscope", "run", RECIPE, "--cohort", folder / "cohort", "--out", folder / "study",
        "--workers", str(WORKERS), "--progress", "quiet", *(part for word in words for part in ("--set", word)),
    ]  # fmt: skip
    began = time.perf_counter()
    with (
        open(folder / "study.log", "w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process,
        peak_memory(process.pid) as memory,
    ):
        failed = process.wait()
    assert not failed, (folder / "study.log").read_text(encoding="utf-8")
    return {
        "study_peak_gigabytes": memory[0] / 2**30,
        "study_minutes": (time.perf_counter() - began) / 60,
    }


def giga_products(group: FoldGroup) -> float:
    """Return the operations in the matrix products of a group of fits, in thousands of millions."""
    total = 0.0
    for task in group.tasks:
        model = build(task.aggregator, num_features=512, num_classes=2, seed=0)
        weights = [p for name, p in model.named_parameters() if "weight_ih" in name or "weight_hh" in name]
        per_step = sum(p.numel() for p in weights)
        # forward and the gradient of every weight; through time also the gradient of the state
        backward = per_step + sum(p.numel() for name, p in model.named_parameters() if "weight_hh" in name)
        views = 2 * len(task.fold.train), 2 * len(task.fold.validation)
        numbers = views[0] * (per_step + backward) + views[1] * per_step
        total += 2e-9 * task.training.epochs * task.segments.num_segments * numbers
    return total


def product_rate(folder: Path) -> float:
    """Return the rate of the products of an input layer of 256 gates, per core while both are at work, in GFLOP/s."""
    units = [
        Unit(name=f"products {k}", key=str(k), outputs=(folder / str(k),), payload=1.5)
        for k in range(WORKERS)
    ]
    result = run_stage(
        "products", _products, units, ledger=None, progress=QuietProgress(),
        executor=make_executor(workers=WORKERS, threads_per_worker=1),
    )  # fmt: skip
    return statistics.mean(float(one.value) for one in result.done)


def _products(seconds: float) -> float:
    with single_thread():
        weights, x, out = torch.randn(256, 512), torch.randn(16, 512, 64), torch.empty(16, 256, 64)
        errors, rows = torch.randn(256, 1024), torch.randn(1024, 512)
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            torch.bmm(weights.expand(16, -1, -1), x, out=out)
            errors @ rows
            count += 1
        return count * 2 * 2e-9 * 256 * 512 * 1024 / (time.perf_counter() - began)


def epoch_against_network(*, rounds: int, num_segments: int = 16) -> dict[str, float]:
    """Return how long an epoch of the BLSTM takes against the same steps on one batch that lies ready."""
    data, training = seizures(num_sequences=330), TrainingConfig()
    plan, aggregator = SegmentPlan(num_segments=num_segments), AggregatorConfig(name="blstm")
    bounds = data.bounds(plan)
    ready = list(
        epoch_batches(
            data, bounds, gammas=[plan.gamma], batch_size=training.batch_size, seed=0, fold=0, epoch=1
        )
    )
    model = build(aggregator, num_features=data.num_features, num_classes=2, seed=0)
    optimizer = OPTIMIZERS[training.optimizer](model.parameters(), training)
    loss_of, weights = LOSSES[training.loss], torch.ones(2)

    def network() -> None:
        model.train()
        for x, y_true in ready:
            optimizer.zero_grad()
            loss_of(model(x[0]), y_true, weights).mean().backward()
            optimizer.step()

    def epoch(num: int = 1) -> None:
        fit(
            data, None, aggregator=aggregator, training=training, segments=plan, num_classes=2, seed=0, epochs=num,
        )  # fmt: skip

    def products() -> None:
        for (
            x,
            _,
        ) in ready:  # what a step cannot do without: inputs times weights, and the gradient of the weights
            rows = x[0].transpose(0, 1).reshape(-1, data.num_features)
            gates = rows @ inputs.T
            gates.T @ rows

    inputs = torch.cat([p.detach() for name, p in model.named_parameters() if "weight_ih" in name])
    with single_thread(), torch.no_grad():
        seconds = interleaved_medians(
            {
                "network": with_gradients(network),
                "products": products,
                "one epoch": with_gradients(epoch),
                "three epochs": with_gradients(lambda: epoch(3)),
            },
            rounds=rounds,
        )
    own = (seconds["three epochs"] - seconds["one epoch"]) / 2  # without building the model
    return {
        "epoch_ms": 1000 * own,
        "network_ms": 1000 * seconds["network"],
        "epoch_over_network": own / seconds["network"],
        "epoch_over_products": own / seconds["products"],
    }


def with_gradients(function: Callable[[], None]) -> Callable[[], None]:
    """Return the function with gradients on."""

    def call() -> None:
        with torch.enable_grad():
            function()

    return call


if __name__ == "__main__":
    figures: dict[str, Any] = measure()
    print(json.dumps(figures, indent=1))
