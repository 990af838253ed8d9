import itertools
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from pretraining_work import (
    CORRUPTION,
    pretrain_together,
    tiny_excerpts,
    tiny_training,
    tiny_transformer,
    together,
    told_by_first,
)

from semioscope.core.errors import ConfigError
from semioscope.training import ProcessGroup, joined_processes, pretrain, single_thread
from semioscope.training.pretraining_checkpoint import read_checkpoint


def alone(**arguments):
    with single_thread():
        return pretrain(
            tiny_excerpts(),
            transformer=tiny_transformer(),
            training=tiny_training(),
            corruption=CORRUPTION,
            seed=1,
            **arguments,
        )


@pytest.mark.parametrize("size", [2, 4])
def test_processes_give_the_curve_of_one_from_the_start_and_resumed(tmp_path, size):
    path = tmp_path / "p.safetensors"
    alone(checkpoint=path, stop_after=4)
    records = pretrain_together(size, tmp_path / "out", None, path)
    expected = alone().loss
    for record in records:
        for loss in record["loss"]:
            np.testing.assert_allclose(loss, expected, rtol=1e-4)
        assert record["loss"] == records[0]["loss"]
    assert records[0]["loss"][1][:4] == expected[:4].tolist()


def test_a_killed_process_ends_the_rest_with_one_message_and_resuming_works(tmp_path):
    path = tmp_path / "p.safetensors"
    first, second = pretrain_together(2, tmp_path / "out", path, how="killed")
    assert second is None
    assert first["error"] == "LostProcessError"
    assert "All processes of the group must stay, but one has ended" in first["message"]
    assert "Give the same command again to go on from the last checkpoint" in first["message"]
    kept = read_checkpoint(path).loss
    assert 0 < len(kept) < 9
    np.testing.assert_allclose(kept, alone().loss[: len(kept)], rtol=1e-4)
    np.testing.assert_allclose(alone(checkpoint=path).loss, alone().loss, rtol=1e-4)
    assert len(read_checkpoint(path).loss) == 9


def test_an_error_in_one_process_is_told_once(tmp_path):
    first, second = pretrain_together(2, tmp_path / "out", None, how="broken")
    assert first["error"] == "EndedTogetherError"
    assert second["error"] == "ConfigError"
    assert "Features must be finite" in second["message"]


def test_what_the_first_process_did_alone_is_known_to_all(tmp_path):
    records = together(3, tmp_path / "out", told_by_first, "")
    assert records == [{"rank": 0, "sum": 4_999_950_000, "again": 0, "total": 3.0}] * 3


def test_an_error_of_the_first_process_alone_ends_those_that_wait(tmp_path):
    first, *others = together(3, tmp_path / "out", told_by_first, "fails")
    assert first == {"error": "ConfigError", "message": "Nothing can be done."}
    assert [record["error"] for record in others] == ["EndedTogetherError"] * 2


def test_the_death_of_the_first_process_alone_is_told_once(tmp_path):
    first, *others = together(3, tmp_path / "out", told_by_first, "killed")
    assert first is None
    assert sorted(record["error"] for record in others) == ["EndedTogetherError", "LostProcessError"]


def test_an_interruption_is_told_once(tmp_path):
    records = together(2, tmp_path / "out", told_by_first, "interrupted")
    assert sorted(record["error"] for record in records) == ["EndedTogetherError", "KeyboardInterrupt"]


def test_one_process_alone_waits_for_nobody():
    assert ProcessGroup().from_first(lambda: 7, name="it") == 7


WORKER = """
import os, sys, time
from pathlib import Path
from semioscope.core.errors import SemioscopeError
from semioscope.training import EndedTogetherError, joined_processes
import torch
try:
    with joined_processes(timeout_seconds=60) as group:
        Path(sys.argv[1], str(group.rank)).write_text(str(os.getpid()))
        while True:  # work, then meet
            time.sleep(0.05)
            group.add_up(torch.ones(1))
except EndedTogetherError:
    sys.exit(1)
except SemioscopeError as err:
    print("TOLD", err, flush=True)
    sys.exit(1)
"""


@pytest.mark.slow
def test_torchrun_with_a_killed_process_tells_one_message(tmp_path):
    script, pids = tmp_path / "worker.py", tmp_path / "pids"
    script.write_text(WORKER)
    pids.mkdir()
    group = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", "--nproc-per-node=3", "--rdzv-backend=c10d",
         "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", script, pids],
        env=os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 100
        while len(list(pids.iterdir())) < 3 and time.monotonic() < until and group.poll() is None:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(int((pids / "1").read_text()), 9)
        output, _ = group.communicate(timeout=100)
    finally:
        group.kill()
    assert group.returncode != 0
    assert output.count("TOLD") == 1, output[-3000:]


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes() as group:
        assert group == ProcessGroup()
        assert group.is_first


def test_half_an_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(
            ConfigError, match=r"RANK, MASTER_ADDR, MASTER_PORT are not set\. Start them with torchrun"
        ),
        joined_processes(),
    ):
        pass


@pytest.mark.parametrize("num_items", [0, 1, 3, 11, 16])
def test_shares_make_the_whole(num_items):
    for size in (1, 2, 4, 5):
        shares = [
            list(range(num_items))[ProcessGroup(rank=rank, size=size).share(num_items)]
            for rank in range(size)
        ]
        assert list(itertools.chain(*shares)) == list(range(num_items))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
