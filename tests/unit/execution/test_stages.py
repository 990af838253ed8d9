import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from semioscope.core.errors import StoreError
from semioscope.core.files import write_text
from semioscope.core.progress import LineProgress, QuietProgress
from semioscope.execution import EXECUTORS, Ledger, LocalExecutor, Unit, make_executor, run_stage, stages

sys.path.insert(0, str(Path(__file__).parent))
import execution_work as work


def square_units(folder, numbers, key="v1"):
    return [
        Unit(
            name=f"square {n}",
            key=f"{key}-{n}",
            outputs=(folder / f"{n}.txt",),
            payload=(folder / f"{n}.txt", n),
        )
        for n in numbers
    ]


def run(units, function=work.write_square, *, ledger, executor=None, progress=None, **options):
    return run_stage(
        "squares",
        function,
        units,
        ledger=ledger,
        executor=executor or LocalExecutor(),
        progress=progress or QuietProgress(),
        **options,
    )


def contents(folder):
    return {path.name: path.read_text() for path in folder.glob("*.txt")}


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("workers", [1, 2])
def test_second_run_skips_everything(tmp_path, name, workers):
    ledger = Ledger(tmp_path / "units")
    units = square_units(tmp_path, range(4))
    first = run(units, ledger=ledger, executor=make_executor(name, workers=workers))
    assert [result.value for result in first.done] == [0, 1, 4, 9]
    second = run(units, ledger=ledger, executor=make_executor(name, workers=workers))
    assert second.done == ()
    assert [result.value for result in second.skipped] == [0, 1, 4, 9]


def test_without_a_ledger_everything_runs(tmp_path):
    units = square_units(tmp_path, range(2))
    run(units, ledger=None)
    assert len(run(units, ledger=None).done) == 2


def test_another_key_or_a_damaged_output_is_done_again(tmp_path):
    ledger = Ledger(tmp_path / "units")
    run(square_units(tmp_path, range(4)), ledger=ledger)
    (tmp_path / "1.txt").unlink()
    (tmp_path / "2.txt").write_text("")
    next(iter(ledger.folder.glob("*.json"))).write_text("{")
    redone = {result.unit.name for result in run(square_units(tmp_path, range(4)), ledger=ledger).done}
    assert {"square 1", "square 2"} <= redone
    assert len(redone) <= 3
    assert len(run(square_units(tmp_path, range(4), key="v2"), ledger=ledger).done) == 4
    # going back to the first settings may not take the files of the second for its own
    assert len(run(square_units(tmp_path, range(4)), ledger=ledger).done) == 4


def test_what_is_forgotten_is_done_again(tmp_path):
    ledger = Ledger(tmp_path / "units")
    units = square_units(tmp_path, range(3))
    run(units, ledger=ledger)
    ledger.forget(units[1])
    ledger.forget(units[1])
    assert (tmp_path / "1.txt").exists()
    again = run(units, ledger=ledger)
    assert [result.unit.name for result in again.done] == ["square 1"]


def test_the_folder_may_move(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    run(square_units(old, range(3)), ledger=Ledger(old / "units"))
    old.rename(new)
    assert len(run(square_units(new, range(3)), ledger=Ledger(new / "units")).skipped) == 3


def test_failures_are_listed_and_retried(tmp_path):
    ledger = Ledger(tmp_path / "units")
    units = [Unit(name=str(p), key=str(p), payload=p) for p in (2, "broken", 3)]
    stream = io.StringIO()
    result = run(units, work.misbehave, ledger=ledger, progress=LineProgress(stream))
    assert [r.unit.name for r in result.done] == ["2", "3"]
    assert [r.message for r in result.failed] == ["camera-7 is not a video. Replace it."]
    assert "squares: broken: camera-7 is not a video. Replace it." in stream.getvalue()
    again = run(units, work.misbehave, ledger=ledger)
    assert [r.unit.name for r in again.skipped] == ["2", "3"]
    assert [r.unit.name for r in again.failed] == ["broken"]


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk_stops_the_stage_and_the_same_command_goes_on(tmp_path, workers):
    ledger = Ledger(tmp_path / "units")
    units = [Unit(name=str(p), key=str(p), payload=p) for p in (2, 3, "full", 5, 6, 7)]
    with pytest.raises(StoreError, match="The disk is full"):
        run(units, work.misbehave, ledger=ledger, executor=LocalExecutor(workers=workers))
    mended = [Unit(name=u.name, key=u.key, payload=4 if u.payload == "full" else u.payload) for u in units]
    result = run(mended, work.misbehave, ledger=ledger)
    assert result.skipped
    assert len(result.skipped) + len(result.done) == 6


def test_an_interruption_leaves_what_was_done(tmp_path):
    ledger = Ledger(tmp_path / "units")
    units = square_units(tmp_path, range(5))

    def interrupted(payload):
        if payload[1] == 3:
            raise KeyboardInterrupt
        return work.write_square(payload)

    with pytest.raises(KeyboardInterrupt):
        run(units, interrupted, ledger=ledger)
    assert set(contents(tmp_path)) == {"0.txt", "1.txt", "2.txt"}
    result = run(units, ledger=ledger)
    assert (len(result.skipped), len(result.done)) == (3, 2)


SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import execution_work as work
import test_stages
from semioscope.execution import Ledger, LocalExecutor
folder, kill_after = Path(sys.argv[1]), int(sys.argv[2])
count = 0
def on_result(result):
    global count
    count += 1
    if count == kill_after:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    test_stages.run(test_stages.square_units(folder, range(6)), ledger=Ledger(folder / "units"),
                    executor=LocalExecutor(workers={workers}), on_result=on_result)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_then_the_same_command_gives_the_same_files(tmp_path, workers):
    script = tmp_path / "command.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), workers=workers))
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    for kill_after in (2, 1, 0):
        done = subprocess.run([sys.executable, script, folder, str(kill_after)], check=False)
        assert done.returncode == (-signal.SIGKILL if kill_after else 0)
    run(square_units(whole, range(6)), ledger=Ledger(whole / "units"))
    assert contents(folder) == contents(whole)
    names = [sorted(path.name for path in (f / "units").iterdir()) for f in (folder, whole)]
    assert names[0] == names[1]


def test_the_time_left_is_told_once(monkeypatch):
    clock = iter(range(0, 10_000, 30))
    monkeypatch.setattr(stages.time, "perf_counter", lambda: next(clock))
    stream = io.StringIO()
    units = [Unit(name=str(n), key=str(n), payload=n) for n in range(40)]
    run(units, work.misbehave, ledger=None, progress=LineProgress(stream, as_json=True))
    texts = [json.loads(line).get("text", "") for line in stream.getvalue().splitlines()]
    assert len([text for text in texts if " more, from the first units." in text]) == 1


def test_units_are_unique(tmp_path):
    twice = square_units(tmp_path, [1, 1])
    with pytest.raises(ValueError, match="must differ in name and outputs, but 'square 1' comes twice"):
        run(twice, ledger=None)


def test_outputs_must_exist(tmp_path):
    unit = Unit(name="lazy", key="k", outputs=(tmp_path / "never.txt",))
    with pytest.raises(
        StoreError, match=r"Unit lazy must leave its outputs behind, but .*never.txt is missing"
    ):
        Ledger(tmp_path / "units").mark_done(unit, 0.0)


def test_a_folder_counts_as_output(tmp_path):
    unit = Unit(name="folder", key="k", outputs=(tmp_path / "out",))
    write_text(tmp_path / "out" / "a", "a")
    ledger = Ledger(tmp_path / "units")
    ledger.mark_done(unit, 1.0)
    assert ledger.is_done(unit)
    assert not ledger.is_done(Unit(name="folder", key="other", outputs=unit.outputs))
