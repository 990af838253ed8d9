"""Pre-training at tiny size, and functions that its worker processes import."""

import dataclasses
import multiprocessing
import os
import signal
import socket
from pathlib import Path

import numpy as np

from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.files import read_json, write_json
from semioscope.plans import CorruptionPlan, draw_corruption


def drawn_corruption(clip):
    """Return what is drawn for an excerpt, as text."""
    drawn = draw_corruption(250, CorruptionPlan(), seed=5, epoch=2, clip=clip)
    return drawn.order.tobytes().hex() + drawn.is_masked.tobytes().hex()


CORRUPTION = CorruptionPlan(span_frames=3)


def tiny_transformer(**changes):
    from semioscope.models import TransformerConfig

    sizes = {"num_features": 6, "num_positions": 16, "num_layers": 2, "num_heads": 2, "width": 16}
    return TransformerConfig(**(sizes | {"feedforward": 32} | changes))


def tiny_training(**changes):
    from semioscope.training import PretrainingConfig

    settings = {"epochs": 3, "batch_size": 4, "learning_rate": 3e-3, "warmup_share": 0.2}
    return PretrainingConfig(**(settings | {"max_gradient_norm": 1.0} | changes))


def tiny_excerpts(num=11, *, num_crops=2):
    """Return excerpts of 9 to 14 frames whose features swing slowly, each at a level of its own."""
    from semioscope.training import ExcerptArrays

    rng = np.random.default_rng(4)
    level = rng.normal(size=(num, 1, 1, 6))
    phase = rng.uniform(0, 6, size=(num, num_crops, 1, 6))
    time = np.arange(14)[:, None]
    return ExcerptArrays(
        names=tuple(f"rec-{number // 4}@{number % 4 * 250}" for number in range(num)),
        num_frames=9 + np.arange(num) % 6,
        features=(level + np.sin(time / 4 + phase)).astype(np.float32),
        mask=np.full(6, -2.0, dtype=np.float32),
        pad=np.full(6, 3.0, dtype=np.float32),
    )


@dataclasses.dataclass(frozen=True)
class DyingExcerpts:
    """A source whose process is killed, or fails, when a certain excerpt is read."""

    inner: object
    dies_at: int
    how: str

    def __getattr__(self, name):
        return getattr(self.inner, name)

    @property
    def names(self):
        return self.inner.names

    @property
    def num_frames(self):
        return self.inner.num_frames

    @property
    def num_crops(self):
        return self.inner.num_crops

    @property
    def mask(self):
        return self.inner.mask

    @property
    def pad(self):
        return self.inner.pad

    def read(self, index, crop):
        if index == self.dies_at and self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if index == self.dies_at and self.how == "broken":
            return np.full_like(self.inner.read(index, crop), np.nan)
        return self.inner.read(index, crop)


def as_process(rank, size, port, folder, work, arguments):
    """Be one process of several; leave a record of what came of the work."""
    import torch

    from semioscope.training import joined_processes

    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
        GLOO_SOCKET_IFNAME="lo",
    )  # fmt: skip
    try:
        with joined_processes(timeout_seconds=60) as group:
            record = work(group, *arguments)
    except (SemioscopeError, KeyboardInterrupt) as err:
        record = {"error": type(err).__name__, "message": str(err)}
    write_json(Path(folder) / f"{rank}.json", record)


def together(size, folder, work, *arguments):
    """Do some work in several processes; return the record of each, None where there is none."""
    folder.mkdir(parents=True)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    # the libraries are loaded once, by a process that does nothing but fork; every optimizer needs the second one
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["semioscope.training", "torch._dynamo"])
    processes = [
        context.Process(target=as_process, args=(rank, size, port, str(folder), work, arguments), daemon=True)
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert not process.is_alive()
    files = [folder / f"{rank}.json" for rank in range(size)]
    return [read_json(file) if file.exists() else None for file in files]


def pretrain_share(group, how, checkpoints):
    """Pre-train, once per checkpoint."""
    from semioscope.training import pretrain

    source = tiny_excerpts()
    if how and group.rank == 1:
        source = DyingExcerpts(source, dies_at=7, how=how)
    results = [
        pretrain(
            source, transformer=tiny_transformer(), training=tiny_training(), corruption=CORRUPTION,
            seed=1, group=group, checkpoint=checkpoint, checkpoint_every=1,
        )
        for checkpoint in checkpoints
    ]  # fmt: skip
    return {"loss": [result.loss.tolist() for result in results]}


def pretrain_together(size, folder, *checkpoints, how=""):
    """Pre-train in several processes; return the record of each."""
    return together(size, folder, pretrain_share, how, checkpoints)


def told_by_first(group, how):
    """Let the first process do something alone, in one of several ways."""
    import torch

    def work():
        if how == "fails":
            msg = "Nothing can be done."
            raise ConfigError(msg)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"rank": group.rank, "large": np.arange(100_000)}

    if how == "interrupted":
        raise KeyboardInterrupt
    found = group.from_first(work, name="first")
    again = group.from_first(lambda: group.rank, name="second")
    total = torch.tensor([float(group.rank)])
    group.add_up(total)
    return {"rank": found["rank"], "sum": int(found["large"].sum()), "again": again, "total": float(total)}


def trained_together(group, out):
    """Train in a folder, as the command does once the features are there."""
    from semioscope.core.progress import QuietProgress
    from semioscope.recipes import make_pretraining_config
    from semioscope.runs.pretraining import PretrainingReady, train_in

    config = make_pretraining_config("hou-2022-small").model_copy(
        update={
            "transformer": tiny_transformer(),
            "training": tiny_training(device="cpu"),
            "corruption": CORRUPTION,
            "seed": 1,
        }
    )
    ready = group.from_first(
        lambda: PretrainingReady(
            config=config,
            source=tiny_excerpts(),
            patients=("p1",),
            trivial_loss={},
            checkpoint_every=2,
            num_failures=0,
            facts={},
        ),
        name="ready",
    )
    told = []
    outcome = train_in(Path(out), ready, group=group, progress=QuietProgress(), report=told.append)
    return {"loss": outcome.curve["loss"], "reported": len(told)}
