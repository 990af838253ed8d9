import os
import pickle
import sys
from pathlib import Path

import pytest

from semioscope.core.errors import ConfigError
from semioscope.execution import EXECUTORS, LocalExecutor, Unit, make_executor

sys.path.insert(0, str(Path(__file__).parent))
import execution_work as work

pytestmark = pytest.mark.filterwarnings("error")
KINDS = [(name, workers) for name in EXECUTORS for workers in (1, 2)]


def units_of(payloads):
    return [Unit(name=f"unit {i}", key=str(i), payload=payload) for i, payload in enumerate(payloads)]


def by_name(results):
    return {result.unit.name: result for result in results}


@pytest.mark.parametrize(("name", "workers"), KINDS)
class TestContract:
    def test_each_unit_gives_one_result(self, name, workers):
        results = list(make_executor(name, workers=workers).map(work.misbehave, units_of(range(6))))
        assert sorted(result.value for result in results) == [n**2 for n in range(6)]
        assert {result.status for result in results} == {"done"}
        assert all(result.seconds >= 0 for result in results)

    def test_no_units(self, name, workers):
        assert list(make_executor(name, workers=workers).map(work.misbehave, [])) == []

    def test_a_failing_unit_does_not_stop_the_others(self, name, workers, caplog):
        payloads = ["broken", 3, "bug", 4, "full"]
        got = by_name(make_executor(name, workers=workers).map(work.misbehave, units_of(payloads)))
        assert got["unit 0"].message == "camera-7 is not a video. Replace it."
        assert got["unit 1"].value == 9
        assert got["unit 3"].value == 16
        assert "Unexpected ZeroDivisionError: no such number" in got["unit 2"].message
        assert "execution_work" in got["unit 2"].details
        assert "unit 2 failed" in caplog.text
        assert [n for n, r in got.items() if r.stops_stage] == ["unit 4"]

    def test_closing_ends_the_work(self, name, workers):
        results = make_executor(name, workers=workers).map(work.misbehave, units_of(range(50)))
        next(results)
        results.close()
        assert list(results) == []


@pytest.mark.parametrize("name", EXECUTORS)
class TestProcesses:
    def test_a_killed_worker_is_named_and_replaced(self, name):
        payloads = ["killed", 1, 2, "killed", 3, 4]
        got = by_name(make_executor(name, workers=2).map(work.misbehave, units_of(payloads)))
        assert "worked on unit 0 was ended by signal 9 (SIGKILL)" in got["unit 0"].message
        assert "fewer workers" in got["unit 3"].message
        assert [got[f"unit {i}"].value for i in (1, 2, 4, 5)] == [1, 4, 9, 16]

    def test_all_workers_killed(self, name):
        got = list(make_executor(name, workers=2).map(work.misbehave, units_of(["killed"] * 3)))
        assert [result.status for result in got] == ["failed"] * 3

    def test_what_cannot_travel_is_a_failed_unit(self, name):
        payloads = [lambda: None, 2, "unpicklable"]
        got = by_name(make_executor(name, workers=2).map(work.misbehave, units_of(payloads)))
        assert "payload of a unit must be picklable" in got["unit 0"].message
        assert got["unit 1"].value == 4
        assert "result of a unit must be picklable" in got["unit 2"].message

    def test_threads_are_shared_and_the_own_environment_is_kept(self, name):
        before = dict(os.environ)
        results = list(
            make_executor(name, workers=2, threads_per_worker=3).map(work.threads, units_of("abcd"))
        )
        assert {result.value[0] for result in results} == {"3"}
        assert os.getpid() not in {result.value[1] for result in results}
        assert dict(os.environ) == before

    def test_closing_ends_busy_processes(self, name, tmp_path):
        started = tmp_path / "started"
        os.mkfifo(started)
        units = [
            Unit(name="blocked", key="0", payload=str(started)),
            Unit(name="also", key="1", payload=str(tmp_path / "x")),
        ]
        results = make_executor(name, workers=2).map(work.wait_for_ever, units)
        import threading

        seen = []

        def interrupt():
            seen.append(int(started.read_text()))
            os.kill(os.getpid(), __import__("signal").SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            next(results)
        thread.join()
        with pytest.raises(ProcessLookupError):
            os.kill(seen[0], 0)


def test_unknown_executor():
    with pytest.raises(ConfigError, match=r"Unknown executor 'locl'. Did you mean local\?"):
        make_executor("locl")


def test_counts_must_be_positive():
    with pytest.raises(ConfigError, match="workers must be 1 or more, got 0"):
        LocalExecutor(workers=0)
    with pytest.raises(ConfigError, match="threads_per_worker must be 1 or more, got -1"):
        LocalExecutor(threads_per_worker=-1)


def test_a_worker_that_cannot_start():
    function = _Unimportable()
    with pytest.raises(ConfigError, match="Worker processes must be able to start"):
        list(LocalExecutor(workers=2).map(function, units_of([1, 2])))


def test_weights_are_positive():
    with pytest.raises(ValueError, match="weight of unit 'a' must be above 0"):
        Unit(name="a", key="", weight=0.0)


class _Unimportable:
    """Pickles as a call that ends the process that loads it."""

    def __reduce__(self):
        return os._exit, (3,)

    def __call__(self, payload):
        return payload


def test_the_contract_can_be_pickled():
    assert pickle.loads(pickle.dumps(work.misbehave)) is work.misbehave
