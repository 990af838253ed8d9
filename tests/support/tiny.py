"""A tiny synthetic cohort and a finished run on it, made once for all tests of a session, xdist or not."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from stopping import jobs_done
from typer.testing import CliRunner

SETTINGS = (
    "backbone.name=motion",
    "clips.fps=10",
    "events.min_duration_seconds=0",
    "training.epochs=3",
    "folds.num_folds=2",
    "segments.num_segments=4",
    "report.num_examples=1",
)
COHORT = {
    "num_patients": 5,
    "num_seizures": 7,
    "seed": 3,
    "fps": 10,
    "min_seconds": 5,
    "max_seconds": 6,
    "hold_out": 1,
    "workers": 1,
    "codec": "h264",
}
"""Arguments of ``make_cohort``; the pictures have 160 x 90 pixels."""
VOLATILE = ("run.jsonl", "provenance.json", "units/ledger", "units/lock")
"""What an interrupted run may leave otherwise: the log, the machine, recorded durations, the lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a command of the command line gave."""

    exit_code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def call(*arguments: object) -> Called:
    """Give a command in this process; an error that would be shown as a traceback fails the test."""
    from semioscope.cli.app import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    assert "Unexpected" not in result.output, result.output
    return Called(exit_code=result.exit_code, out=result.stdout, err=result.stderr)


def run_arguments(cohort: Path, out: Path, *more: str, settings: Sequence[str] = SETTINGS) -> list[str]:
    """Return the command of a run with the tiny settings; ``more`` may override them."""
    given = [word for setting in settings for word in ("--set", setting)]
    command = ["run", "gestures-2021", "--cohort", str(cohort), "--out", str(out), *given]
    return [*command, "--workers", "1", "--progress", "quiet", *more]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    """The shared material; it must not be changed.

    Args:
        cohort: Five patients, seven seizures of 5 to 7 s, two views in each video.
        store: The features of ``run``.
        run: A finished run.
        text: What the command of the run said.
    """

    cohort: Path
    store: Path
    run: Path
    text: str

    @property
    def bundle(self) -> Path:
        return self.run / "models" / "gestures-2021.semio"

    @property
    def held_out(self) -> Path:
        return next((self.cohort / "held-out").glob("h01*.*"))

    def copy(self, target: Path) -> Path:
        """Return a cohort folder of one's own: tables are copied, videos linked."""
        target.mkdir()
        for file in (*self.cohort.glob("*.tsv"), self.cohort / "synthetic.json"):
            shutil.copy(file, target)
        shutil.copytree(self.cohort / "videos", target / "videos", copy_function=os.link)
        return target

    def videos(self) -> list[Path]:
        return sorted((self.cohort / "videos").iterdir())


def shared_tiny(factory: pytest.TempPathFactory) -> Tiny:
    """Return the shared material; the first test that asks for it makes it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    folder.mkdir(exist_ok=True)
    cohort, store, run, told = (folder / name for name in ("cohort", "store", "run", "told.txt"))
    with locked_file(folder / "lock"):
        if not told.exists():
            command = run_arguments(cohort, run, "--store", str(store))
            done = jobs_done(
                [{"cohort": {"folder": str(cohort), "settings": COHORT}}, {"arguments": command}]
            )
            assert [job["code"] for job in done] == [0, 0], done
            told.write_text(done[1]["text"])
    return Tiny(cohort=cohort, store=store, run=run, text=told.read_text())


def tree(folder: Path, *, without: Sequence[str] = VOLATILE) -> dict[str, bytes]:
    """Return the content of every file below a folder, but of those that may differ."""
    return {
        name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (name := path.relative_to(folder).as_posix()).startswith(tuple(without))
    }


def assert_same_files(found: Path, wanted: Path, *, without: Sequence[str] = VOLATILE) -> None:
    """Fail, naming files, unless two folders hold the same files with the same bytes."""
    one, two = tree(found, without=without), tree(wanted, without=without)
    assert sorted(one) == sorted(two)
    differing = [name for name in one if one[name] != two[name]]
    assert not differing, f"{differing} differ"


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a text file; it must change."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, f"{path.name} was not changed"
    path.write_text(after, encoding="utf-8")


def edit_rows(path: Path, change: Callable[[dict[str, str]], dict[str, str] | None]) -> None:
    """Change the rows of a table, or drop those for which None comes back."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    rows = [change(dict(zip(header, line.split("\t"), strict=True))) for line in lines[1:]]
    kept = ["\t".join(row[name] for name in header) for row in rows if row is not None]
    path.write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold a file for this process; the others wait."""
    try:
        import fcntl
    except ImportError:  # without it, give pytest one worker
        yield
        return
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
