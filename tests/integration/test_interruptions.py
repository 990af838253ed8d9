"""Ctrl-C and kill -9 in every stage, then the same command: the same bytes as without."""

from pathlib import Path
from typing import Any

import pytest
from stopping import jobs_done
from tiny import COHORT, Tiny, assert_same_files, call, run_arguments, tree

from semioscope.core.files import sweep_temporaries
from semioscope.runs.folder import working_in

INTERRUPTED = 130
KILLED = -9

# stage -> files of a run at which it is stopped, in the order in which a run writes them; how many such files
# come first when the run begins anew, and when it goes on from the points before
STAGES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "begin": ((r"run/config\.yaml$", 1, 1), (r"run/folds\.json$", 1, 1)),
    "extraction": ((r"store/.*/block-", 3, 3), (r"store/.*/block-", 6, 4)),
    "yardsticks": ((r"store/.*/block-", 16, 11), (r"store/.*/block-", 20, 4)),
    "examples": ((r"units/examples\.npy$", 1, 1), (r"units/examples\.json$", 1, 1)),
    "folds": ((r"models/fold-0\.safetensors$", 1, 1), (r"units/ledger/", 2, 2)),
    "final model": ((r"models/final\.safetensors$", 1, 1), (r"units/final\.json$", 1, 1)),
    "scoring": ((r"run/baselines\.tsv$", 1, 1), (r"\.semio/bundle\.json$", 1, 1)),
    "thumbnails": ((r"thumbnails/", 1, 1), (r"thumbnails/", 4, 4)),
    "report": ((r"figures/curve-roc\.svg$", 1, 1), (r"run/report\.html$", 1, 1)),
}
SYNTHESIS = (
    (r"\.mp4$", 1, "kill"),
    (r"truth/.*\.json$", 1, "interrupt"),
    (r"\.units/", 1, "kill"),
    (r"seizures\.tsv$", 1, "interrupt"),
)
HOWS = {"kill": KILLED, "interrupt": INTERRUPTED}


def stopped(job: dict[str, Any], file: str, number: int, how: str) -> dict[str, Any]:
    return {**job, "stop": {"file": file, "number": number, "how": how}}


def run_job(tiny: Tiny, folder: Path) -> dict[str, Any]:
    return {"arguments": run_arguments(tiny.cohort, folder / "run", "--store", str(folder / "store"))}


def assert_ends(done: list[dict[str, Any]], codes: list[int]) -> None:
    found = [job["code"] for job in done]
    assert found == codes, next((job for job, code in zip(done, codes, strict=True) if job["code"] != code))
    for job in done:
        if job["code"] == INTERRUPTED and job["text"]:
            assert "the same command goes on from here" in job["text"]


def test_what_is_stopped_in_every_stage_in_turn_gives_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    """A synthetic cohort and a run; one call, so that the libraries are loaded once."""
    settings = {**COHORT, "num_patients": 1, "num_seizures": 1, "max_seconds": 5, "hold_out": 0}
    whole, broken = (
        {"cohort": {"folder": str(tmp_path / name), "settings": settings}} for name in ("whole", "broken")
    )
    run = run_job(tiny, tmp_path)
    stops = [
        *(stopped(broken, *point) for point in SYNTHESIS),
        broken,
        *(
            stopped(run, file, number, how)
            for stage in STAGES.values()
            for (file, _, number), how in zip(stage, ("interrupt", "kill"), strict=True)
        ),
        run,
    ]
    done = jobs_done([whole, *stops])
    assert_ends(done, [0, *(HOWS[job["stop"]["how"]] if "stop" in job else 0 for job in stops)])
    assert_same_files(tmp_path / "run", tiny.run)
    for folder in ("store", "broken"):
        sweep_temporaries(tmp_path / folder)  # others may be writing into a store, so a run does not sweep it
    own, shared = tree(tmp_path / "store"), tree(tiny.store)  # other tests have put more into the shared one
    assert any("block-" in name for name in own)
    assert [name for name in own if own[name] != shared.get(name)] == []
    assert_same_files(tmp_path / "broken", tmp_path / "whole", without=(".units",))


@pytest.mark.slow
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_stopped_in_one_stage_gives_the_same_bytes(
    tiny: Tiny, tmp_path: Path, stage: str, how: str
) -> None:
    jobs, codes = [], []
    for position, (file, number, _) in enumerate(STAGES[stage]):
        job = run_job(tiny, tmp_path / str(position))
        jobs += [stopped(job, file, number, how), job]
        codes += [HOWS[how], 0]
    assert_ends(jobs_done(jobs), codes)
    for position in range(len(STAGES[stage])):
        assert_same_files(tmp_path / str(position) / "run", tiny.run)


@pytest.mark.slow
def test_a_preprocessed_cohort_that_is_stopped_gives_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    whole, broken = (
        {"arguments": ["preprocess", str(tiny.cohort), str(tmp_path / name), "--codec", "h264"]}
        for name in ("whole", "broken")
    )
    points = [
        (r"broken/.*\.(mp4|mkv)$", 1, "kill"),
        (r"broken/.*\.(mp4|mkv)$", 3, "interrupt"),
        (r"seizures\.tsv$", 1, "kill"),
    ]
    done = jobs_done([whole, *(stopped(broken, *point) for point in points), broken])
    assert_ends(done, [0, *(HOWS[how] for *_, how in points), 0])
    assert_same_files(tmp_path / "broken", tmp_path / "whole", without=("derived/preprocess",))


def test_the_same_command_after_the_end_changes_nothing(tiny: Tiny, tmp_path: Path) -> None:
    before = tree(tiny.run)
    again = call(*run_arguments(tiny.cohort, tiny.run, "--store", str(tiny.store)))
    assert again.exit_code == 0
    assert tree(tiny.run) == before


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    out, arguments = (
        tmp_path / "run",
        run_arguments(tiny.cohort, tmp_path / "run", "--store", str(tiny.store)),
    )
    replace = os.replace
    for file in ("folds.json", "fold-1.safetensors", "scores.json"):

        def full(source: Any, target: Any, file: str = file) -> None:
            if Path(target).name == file:
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(os, "replace", full)
        stopped_run = call(*arguments)
        assert stopped_run.exit_code == 2, file
        assert f"Error: The disk is full: {next(out.rglob('*')).parent}"[:40] in stopped_run.err
        assert f"{file} could not be written" in stopped_run.err
        assert "the same command again; it goes on where it stopped" in stopped_run.err
        assert not list(out.rglob(".partial-*"))
    monkeypatch.undo()
    assert call(*arguments).exit_code == 0
    assert_same_files(out, tiny.run)


def test_a_second_run_in_the_same_folder_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    arguments = run_arguments(tiny.cohort, tmp_path / "run", "--store", str(tiny.store))
    with working_in(tmp_path / "run"):
        partial = tmp_path / "run" / "models" / ".partial-of-the-first"
        partial.parent.mkdir()
        partial.write_text("half")
        second = call(*arguments)
        assert second.exit_code == 2
        assert "Error: Another run is working in" in " ".join(second.err.split())
        assert partial.exists()
        assert not (tmp_path / "run" / "config.yaml").exists()
