"""How long the grid of Figure 2 takes at the size of the public feature set, on two processes of one thread.

The features are synthetic (183 seizures, two views, 557,000 vectors, 1.1 GB), the work is the real one: a study is
planned and its features are read, then every setting is trained for its 400 epochs. Of the ten folds of the paper's
protocol one is run, with all 60 settings; its time is multiplied by ten. A fold differs little from another: each
trains on nine tenths of the seizures. Memory is the sum over all processes of the memory that is their own and of
their share of what they have in common.

Run ``python benchmarks/grid.py``; it takes about eight minutes.
"""

import contextlib
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from segment_sampling import seizures
from timing import interleaved_medians

from semioscope.core.progress import QuietProgress
from semioscope.execution import make_executor, run_stage
from semioscope.features import make_feature_cohort
from semioscope.models import AggregatorConfig, build
from semioscope.plans import SegmentPlan
from semioscope.recipes import apply_overrides, make_config
from semioscope.runs import plan_study
from semioscope.runs.folder import open_run
from semioscope.runs.run import event_examples
from semioscope.runs.stored import StoredFeatures
from semioscope.runs.study import fold_tasks
from semioscope.training import LOSSES, OPTIMIZERS, TrainingConfig, epoch_batches, fit, single_thread

WORKERS = 2
GOALS = {
    "grid_minutes": ("<=", 60.0),
    "peak_gigabytes": ("<=", 4.0),
    "epoch_over_network": ("<=", 1.2),
}


def measure(*, quick: bool = False) -> dict[str, float]:
    """Time one fold of the grid, its memory, and an epoch against its pure network time."""
    with tempfile.TemporaryDirectory() as folder:
        found = grid_fold(Path(folder), epochs=8 if quick else 400, quick=quick)
    return {**found, **epoch_against_network(rounds=3 if quick else 15)}


def grid_fold(folder: Path, *, epochs: int, quick: bool) -> dict[str, float]:
    """Return the minutes that ten folds of the grid take, and the highest memory on the way."""
    size = {"num_seizures": 24, "num_patients": 10} if quick else {}
    make_feature_cohort(folder / "cohort", **size)
    config = apply_overrides(
        make_config("gestures-2021-figure2"),
        ["clips.stride=1", "grid.protocols=[paper]", f"training.epochs={epochs}", "folds.num_folds=10"],
    )
    with peak_memory() as memory:
        began = time.perf_counter()
        plan = plan_study(config, folder / "cohort")
        run = open_run(folder / "run", plan.config, cohort_hash=plan.any_plan.cohort.hash)
        one = plan.plans["paper"][plan.backbones[0]]
        event_examples(one, StoredFeatures(one.extraction(), []), run.units / plan.backbones[0], [])
        tasks = fold_tasks(plan, run)
        reading = time.perf_counter() - began
        units = [task.unit() for task in tasks if task.fold.index == 0]
        began = time.perf_counter()
        from semioscope.evaluation import run_fold

        result = run_stage(
            "trainings", run_fold, units, ledger=None, progress=QuietProgress(),
            executor=make_executor(workers=WORKERS, threads_per_worker=1),
        )  # fmt: skip
        training = time.perf_counter() - began
    assert not result.failed, result.failed[0].message
    num_folds = len(tasks) / len(units)
    return {
        "reading_seconds": reading,
        "fold_minutes": training / 60,
        "num_trainings": float(len(units)),
        "grid_minutes": (reading + training * num_folds) / 60 if epochs == 400 and not quick else math.nan,
        "peak_gigabytes": memory[0] / 2**30,
    }


def epoch_against_network(*, rounds: int, num_segments: int = 16) -> dict[str, float]:
    """Return how long an epoch of the BLSTM takes against the same steps on one batch that lies ready."""
    data, training = seizures(num_sequences=330), TrainingConfig()
    plan, aggregator = SegmentPlan(num_segments=num_segments), AggregatorConfig(name="blstm")
    bounds = data.bounds(plan)
    ready = list(
        epoch_batches(data, bounds, gamma=plan.gamma, batch_size=training.batch_size, seed=0, fold=0, epoch=1)
    )
    model = build(aggregator, num_features=data.num_features, num_classes=2, seed=0)
    optimizer = OPTIMIZERS[training.optimizer](model.parameters(), training)
    loss_of, weights = LOSSES[training.loss], torch.ones(2)

    def network() -> None:
        model.train()
        for x, y_true in ready:
            optimizer.zero_grad()
            loss_of(model(x), y_true, weights).backward()
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
            rows = x.transpose(0, 1).reshape(-1, data.num_features)
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


@contextlib.contextmanager
def peak_memory(*, every_seconds: float = 10.0) -> Iterator[list[float]]:
    """Watch the memory of this process and its children; the list holds the highest sum in bytes."""
    highest, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(every_seconds):
            highest[0] = max(highest[0], sum(_proportional_bytes(pid) for pid in _family(os.getpid())))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        stop.set()
        thread.join()
        if highest[0] == 0:
            highest[0] = math.nan  # where the system does not tell


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def _proportional_bytes(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * float(line.split()[1])
    except OSError:
        pass  # it has ended
    return 0.0


if __name__ == "__main__":
    figures: dict[str, Any] = measure()
    print(json.dumps(figures, indent=1))
