"""Pre-training at the size of the paper: what cached features, half precision and a second process are worth.

Features are made up and lie in a feature store; a step reads them from there. Every part runs in a process of its
own, so that its memory and its threads are its own. The network in the loop is ResNet-152 with random weights, on
pictures that lie ready in memory (nothing is decoded); some of them are timed, and the time is taken times all.

    python pretraining.py WORK JSON

is such a process; it prints what it measured.
"""

import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

GOALS: dict[str, tuple[str, float]] = {
    "resnet_in_loop_over_cached_small": (">=", 10.0),
    "resnet_in_loop_over_cached_bfloat16": (">=", 10.0),
    "resnet_in_loop_over_cached_float32": (">=", 10.0),
    "bfloat16_times_as_fast": (">=", 2.0),
    "peak_gigabytes": ("<", 8.0),
    "two_processes_over_two_threads": ("<=", 1.15),
}
NUM_FRAMES, BATCH, PICTURE_SIZE = 250, 16, 112
SIZES: dict[str, dict[str, int]] = {
    "full": {},
    "small": {"num_layers": 2, "width": 256, "feedforward": 1024},
    "trial": {"num_layers": 1, "width": 64, "feedforward": 128},
}
"""Of the Transformer: the paper's, that for small machines, and one for a first impression."""


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return seconds, ratios and memory; quick takes a tiny Transformer, whose ratios mean little."""
    size, rounds = ("trial", 2) if quick else ("full", 3)
    with tempfile.TemporaryDirectory() as folder:
        write_features(Path(folder))
        settings = {"folder": folder, "rounds": rounds}
        result = _measured("steps", **settings, size=size, threads=2)
        small = _measured("steps", **settings, size="trial" if quick else "small", threads=2)
        result["small_float32_step_seconds"] = small["float32_step_seconds"]
        result |= _measured("resnet", **settings, threads=2, num_pictures=32 if quick else 256)
        one, two = [], []
        for _ in range(1 if quick else 2):  # they take turns
            one.append(_measured("share", **settings, size=size, threads=2)["step_seconds"])
            two.append(_two_processes(**settings, size=size))
        result["two_threads_step_seconds"] = statistics.median(one)
        result["two_processes_step_seconds"] = statistics.median(two)
    loop = result["resnet_seconds_per_batch"]
    for name, key in (("small", "small_float32"), ("bfloat16", "bfloat16"), ("float32", "float32")):
        cached = result[f"{key}_step_seconds"]
        result[f"resnet_in_loop_over_cached_{name}"] = (loop + cached) / cached
    result["bfloat16_times_as_fast"] = result["float32_step_seconds"] / result["bfloat16_step_seconds"]
    result["two_processes_over_two_threads"] = (
        result["two_processes_step_seconds"] / result["two_threads_step_seconds"]
    )
    return result


def write_features(folder: Path) -> None:
    """Keep made-up features of the excerpts of one batch, as extraction keeps them."""
    from semioscope.core.randomness import stream
    from semioscope.features import Block, FeatureStore
    from semioscope.plans import blocks_of

    store = FeatureStore(folder)
    rng = stream(0, "benchmark-pretraining")
    for number, clips in blocks_of(np.arange(BATCH * NUM_FRAMES)).items():
        zeros = np.zeros(len(clips), np.int32)
        features = rng.random((len(clips), 1, 2048), dtype=np.float32)
        block = Block(
            clip_index=clips.astype(np.int64),
            features=features,
            num_missing_frames=zeros,
            num_held_frames=zeros,
            num_damaged_frames=zeros,
        )
        store.write_block("made-up", number, block)


class StoredFeatures:
    """Excerpts that follow each other in a store; an excerpt source."""

    def __init__(self, folder: Path) -> None:
        from semioscope.features import FeatureStore

        self._store = FeatureStore(folder)
        self.names = tuple(map(str, range(BATCH)))
        self.num_frames = np.full(BATCH, NUM_FRAMES)
        self.num_crops = 1
        self.mask = self.pad = np.zeros(2048, np.float32)

    def read(self, index: int, crop: int) -> np.ndarray:
        """Return the features of one excerpt."""
        from semioscope.features.store import join
        from semioscope.plans import blocks_of

        wanted = np.arange(index * NUM_FRAMES, (index + 1) * NUM_FRAMES)
        blocks = [
            self._store.read_block("made-up", number).only(clips)
            for number, clips in blocks_of(wanted).items()
        ]
        return join(blocks).features[:, 0]


def works(folder: Path, size: str, group: Any) -> dict[str, Any]:
    """Return the work of a step in each precision, on one network."""
    import torch

    from semioscope.models import TransformerConfig, TransformerRegressor, build_transformer
    from semioscope.plans import CorruptionPlan
    from semioscope.training import PRECISIONS, PretrainingConfig
    from semioscope.training.pretraining_step import PretrainingWork

    transformer = TransformerConfig(**SIZES[size])
    network = build_transformer(lambda: TransformerRegressor(transformer), seed=0).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)
    return {
        precision: PretrainingWork(
            source=StoredFeatures(folder),
            training=PretrainingConfig(batch_size=BATCH, learning_rate=1e-6, precision=precision),
            corruption=CorruptionPlan(),
            seed=0,
            group=group,
            device=torch.device("cpu"),
            clips_at_once=16,
            network=network,
            optimizer=optimizer,
        )
        for precision in PRECISIONS
    }


def steps(folder: str, size: str, rounds: int) -> dict[str, float]:
    """Time a step in each precision, in turns, and read the highest memory of this process."""
    from timing import interleaved_medians

    from semioscope.training import ProcessGroup
    from semioscope.training.pretraining_step import take_step

    number = itertools.count()
    found = interleaved_medians(
        {
            name: lambda work=work: take_step(work, next(number))
            for name, work in works(Path(folder), size, ProcessGroup()).items()
        },
        rounds=rounds,
    )
    status = Path("/proc/self/status")
    peak = float(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 if status.exists() else np.nan
    return {f"{name}_step_seconds": seconds for name, seconds in found.items()} | {
        "peak_gigabytes": peak / 2**30
    }


def share(folder: str, size: str, rounds: int) -> dict[str, float]:
    """Time the steps of this process among those that share a batch."""
    from semioscope.training import joined_processes
    from semioscope.training.pretraining_step import take_step

    taken = []
    with joined_processes() as group:
        work = works(Path(folder), size, group)["float32"]
        for step in range(rounds + 1):
            began = time.perf_counter()
            take_step(work, step)
            taken.append(time.perf_counter() - began)
    return {"step_seconds": statistics.median(taken[1:])}


def resnet(folder: str, num_pictures: int, rounds: int) -> dict[str, float]:
    """Time the network on pictures that lie ready, times all pictures of a batch."""
    from timing import interleaved_medians

    from semioscope.features import BackboneChoice, load_backbone

    choice = BackboneChoice(name="resnet152", weights="random", input_size=PICTURE_SIZE)
    network = load_backbone(choice, fps=25.0)
    pictures = np.zeros((network.batch_size, 1, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)

    def run() -> None:
        for _ in range(num_pictures // network.batch_size):
            network(np.stack([network.preprocess(picture) for picture in pictures]))

    seconds = interleaved_medians({"all": run}, rounds=rounds)["all"]
    per_picture = seconds / (num_pictures // network.batch_size * network.batch_size)
    return {"resnet_seconds_per_batch": per_picture * BATCH * NUM_FRAMES}


def _command(work: str, settings: dict[str, Any], threads: int, **environment: str) -> subprocess.Popen[str]:
    own = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return subprocess.Popen(
        [sys.executable, __file__, work, json.dumps(settings)],
        env=os.environ | own | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def _answer(process: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = process.communicate()
    if process.returncode:
        msg = f"A part of the benchmark ended with exit code {process.returncode}; see above."
        raise RuntimeError(msg)
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def _measured(work: str, *, threads: int, **settings: Any) -> dict[str, float]:
    return _answer(_command(work, settings, threads))


def _two_processes(**settings: Any) -> float:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    together = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    processes = [_command("share", settings, 1, RANK=str(rank), **together) for rank in range(2)]
    return max(_answer(process)["step_seconds"] for process in processes)


if __name__ == "__main__":
    print(
        json.dumps({"steps": steps, "share": share, "resnet": resnet}[sys.argv[1]](**json.loads(sys.argv[2])))
    )
