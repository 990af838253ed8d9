"""Does jobs one after another, each in a process of its own, and stops some of them at a chosen file.

    python stopping.py JOBS.json

A job is ``{"arguments": [...]}`` (a command of the command line), ``{"cohort": {...}}`` (arguments of
``make_cohort``) or ``{"ward": {...}}`` (of ``make_depth_cohort``), with
``"stop": {"file": REGEX, "number": N, "how": "kill" | "interrupt"}`` if it is to end at the N-th file whose path
matches, just before the file takes its place. Nothing waits and nothing is timed.
The answer is one JSON list of ``{"code": exit code or -signal, "text": what was printed}``.

The libraries are loaded once; each job is a fork of this process, which itself does nothing but fork.
"""

import importlib
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def jobs_done(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Do jobs in a fresh process and return what became of each."""
    import subprocess

    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.json"
        path.write_text(json.dumps(jobs))
        command = [sys.executable, "-W", "error", __file__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    for result in results:
        assert "Traceback" not in result["text"], result["text"]
    return results


def stop_at(pattern: str, number: int, act: Callable[[], None]) -> None:
    """Act when the N-th file that matches is about to take its place."""
    replace = os.replace
    seen = 0

    def watched(source: Any, target: Any, **options: Any) -> None:
        nonlocal seen
        seen += bool(re.search(pattern, Path(target).as_posix()))
        if seen == number:
            seen += 1
            act()
        replace(source, target, **options)

    os.replace = watched


def _interrupt() -> None:
    raise KeyboardInterrupt


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


LIBRARIES = (
    "matplotlib.backends.backend_svg", "safetensors.numpy", "sklearn.linear_model", "sklearn.metrics", "torch",
    "semioscope.cli.app", "semioscope.report", "semioscope.runs", "semioscope.synthetic",
)  # fmt: skip
"""What the jobs need; loaded once."""
FURTHER = {"pretrain": ("torch._dynamo", "semioscope.runs.pretraining")}
"""What some commands need besides."""


def _do(job: dict[str, Any]) -> int:
    if stop := job.get("stop"):
        stop_at(stop["file"], stop["number"], {"kill": _kill, "interrupt": _interrupt}[stop["how"]])
    if "cohort" in job:
        from semioscope.synthetic import make_cohort

        arguments = job["cohort"]
        try:
            make_cohort(Path(arguments["folder"]), **{**arguments["settings"], "size": (160, 90)})
        except KeyboardInterrupt:
            return 130
        return 0
    if "ward" in job:
        from semioscope.synthetic import make_depth_cohort

        make_depth_cohort(Path(job["ward"]["folder"]), **job["ward"]["settings"])
        return 0
    from semioscope.cli.app import app

    try:
        app(job["arguments"])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _forked(job: dict[str, Any], told: Path) -> dict[str, Any]:
    child = os.fork()
    if child == 0:
        handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        code = 1
        try:
            code = _do(job)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "text": told.read_text(errors="replace")}


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[1]).read_text())
    commands = {job["arguments"][0] for job in wanted if "arguments" in job}
    for library in (*LIBRARIES, *(name for command in commands for name in FURTHER.get(command, ()))):
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as place:
        answers = [_forked(job, Path(place) / "told.txt") for job in wanted]
    print(json.dumps(answers))
