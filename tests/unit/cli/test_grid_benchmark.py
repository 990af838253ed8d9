"""Memory in the benchmark of the grid: whose it is, and that a whole study is what is looked at."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest

from semioscope.cli.run import chosen_config

FOLDER = Path(__file__).parents[3] / "benchmarks"
HOLD = "import time; held = bytearray(b'x') * {megabytes}_000_000; time.sleep({seconds})"
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"


@pytest.fixture
def benchmark_module(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)

    def bring(name):
        for known in ("grid", "memory", "segment_sampling", "timing"):
            monkeypatch.delitem(sys.modules, known, raising=False)
        return importlib.import_module(name)

    yield bring
    for known in ("grid", "memory", "segment_sampling", "timing"):
        sys.modules.pop(known, None)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell")
def test_the_memory_of_children_counts(benchmark_module):
    memory = benchmark_module("memory")
    code = IN_A_CHILD.format(code=HOLD.format(megabytes=150, seconds=0.5))
    with (
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process,
        memory.peak_memory(process.pid, every_seconds=0.05) as peak,
    ):
        assert process.wait() == 0
    assert 150e6 < peak[0] < 250e6


def test_nothing_seen_is_not_zero(benchmark_module):
    memory = benchmark_module("memory")
    with memory.peak_memory(every_seconds=60) as peak:
        pass
    assert math.isnan(peak[0])


@pytest.fixture
def in_place_of_the_study(monkeypatch):
    """Let other code run, and return what was asked for."""
    start, asked = subprocess.Popen, []

    def put(grid, code):
        def instead(command, **options):
            asked.append([str(word) for word in command])
            return start([sys.executable, "-c", code], **options)

        monkeypatch.setattr(grid.subprocess, "Popen", instead)
        return asked

    return put


def test_a_whole_study_of_both_fold_rules_is_measured(benchmark_module, tmp_path, in_place_of_the_study):
    grid = benchmark_module("grid")
    asked = in_place_of_the_study(grid, HOLD.format(megabytes=50, seconds=1.5))
    found = grid.study_memory(tmp_path)
    assert set(found) == {"study_peak_gigabytes", "study_minutes"}
    assert found["study_minutes"] >= 1.5 / 60
    [command] = asked
    assert command[:5] == [sys.executable, "-m", "semioscope", "run", "gestures-2021-figure2"]
    options = dict(zip(command[5::2], command[6::2], strict=True))
    assert options["--cohort"] == str(tmp_path / "cohort")
    settings = [command[place + 1] for place, word in enumerate(command) if word == "--set"]
    config = chosen_config(command[4], None, None, [], settings)
    assert (config.grid.protocols, config.training.epochs, config.clips.stride) == (
        ("paper", "patient"),
        1,
        1,
    )
    assert config.grid.clip_baseline
    whole = (config.grid.aggregators, config.grid.num_segments, config.grid.gammas)
    assert math.prod(map(len, whole)) == 60


def test_a_study_that_fails_is_told(benchmark_module, tmp_path, in_place_of_the_study):
    grid = benchmark_module("grid")
    in_place_of_the_study(grid, "raise SystemExit('no cohort')")
    with pytest.raises(AssertionError, match="no cohort"):
        grid.study_memory(tmp_path)


@pytest.mark.parametrize("quick", [True, False])
def test_quick_leaves_the_whole_study_out(benchmark_module, monkeypatch, quick):
    grid = benchmark_module("grid")
    monkeypatch.setattr(grid, "make_feature_cohort", lambda folder, **size: None)
    monkeypatch.setattr(grid, "grid_fold", lambda folder, **options: {"peak_gigabytes": 1.0})
    monkeypatch.setattr(grid, "epoch_against_network", lambda rounds: {"epoch_ms": 1.0})
    monkeypatch.setattr(grid, "study_memory", lambda folder: {"study_peak_gigabytes": 2.0})
    found = grid.measure(quick=quick)
    assert math.isnan(found["study_peak_gigabytes"]) == quick
    assert (found["peak_gigabytes"], found["epoch_ms"]) == (1.0, 1.0)
