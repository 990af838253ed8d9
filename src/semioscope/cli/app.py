"""The ``semioscope`` command: puts the commands together and turns errors into sentences."""

import contextvars
import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from semioscope import __version__
from semioscope.cli import (
    bench,
    cohort,
    compare,
    crop,
    demo,
    detector,
    doctor,
    extract,
    predict,
    preprocess,
    pretrain,
    run,
    synth,
    weights,
)
from semioscope.cli.saying import say
from semioscope.core.errors import SemioscopeError
from semioscope.core.signals import terminated_as_interrupted

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
HELP_WIDTH = 100
DEBUG_VARIABLE = "SEMIOSCOPE_DEBUG"

COMMANDS = (
    "demo", "doctor", "cohort", "weights", "run", "compare", "predict", "pretrain", "preprocess", "crop", "detector",
    "extract", "synth", "bench",
)  # fmt: skip
"""In the order in which a new user meets them."""

RESUMED = frozenset(
    {"demo", "run", "pretrain", "preprocess", "crop", "train", "track", "extract", "synth", "fetch"}
)
"""Commands that go on where they were stopped."""

_debug = contextvars.ContextVar("debug", default=False)


class _InOrder(TyperGroup):
    """A group that lists its commands in the order of ``COMMANDS``."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=COMMANDS.index)


app = typer.Typer(
    name="semioscope",
    cls=_InOrder,
    help="From video of epileptic seizures to evidence. Research software, not a medical device.",
    epilog="Begin with: semioscope demo DIR. With own videos: semioscope cohort new DIR.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"max_content_width": HELP_WIDTH, "help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run", help="Cross-validate a recipe on a cohort and write a report.")(run.command)
app.command("compare", help="Put runs side by side and test their differences.")(compare.command)
app.command("predict", help="Classify seizures in videos with a trained model.")(predict.command)
app.command("pretrain", help="Train a Transformer on contextual video, without labels.")(pretrain.command)
app.add_typer(cohort.app, name="cohort", help="Make, check, describe and import a cohort folder.")
app.command("preprocess", help="Split montages and write small 15 fps videos.")(preprocess.command)
app.add_typer(crop.app, name="crop", help="Plan crops by depth and box, look at them, decide.")
app.add_typer(detector.app, name="detector", help="Train a detector of patients, follow patients.")
app.command("extract", help="Compute the features that a task needs and store them.")(extract.command)
app.add_typer(weights.app, name="weights", help="List, fetch and verify the weights of the networks.")
app.command("synth", help="Make a synthetic cohort (a test instrument).")(synth.command)
app.command("demo", help="See the whole way on synthetic video, in minutes.")(demo.command)
app.command("doctor", help="Say what this machine can do, for a bug report.")(doctor.command)
app.command("bench", help="Measure the ratios that the documentation states.")(bench.command)


def _show_version(asked: bool) -> bool:
    if asked:
        print(f"semioscope {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    _debug.set(debug or bool(os.environ.get(DEBUG_VARIABLE)))


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command whose errors are one sentence on standard error, with an exit code."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            with terminated_as_interrupted():
                return function(*args, **kwargs)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as err:
            _say(stopped(name), level="warning", as_json=kwargs.get("progress") == "json", before="\n")
            raise typer.Exit(EXIT_INTERRUPTED) from err
        except Exception as err:
            if _debug.get():
                traceback.print_exc()
            _say(sentence(err), level="error", as_json=kwargs.get("progress") == "json", before="Error: ")
            raise typer.Exit(EXIT_ERROR) from err

    return wrapper


def _say(text: str, *, level: str, as_json: bool, before: str) -> None:
    """Write a sentence to standard error: as text, or as the JSON lines that the progress display writes."""
    if as_json:
        print(json.dumps({"event": "message", "level": level, "text": text}), file=sys.stderr)
    else:
        say(before + text, is_error=True)


def sentence(err: Exception) -> str:
    """Return what to tell a user about an error: what is wrong and what to do."""
    if isinstance(err, SemioscopeError):
        return str(err)
    if isinstance(err, OSError) and err.strerror:
        where = "" if err.filename is None else f"{err.filename}: "
        return (
            f"{where}{err.strerror}. Check the path, the rights and the free space "
            "(semioscope doctor --folder DIR)."
        )
    said = " ".join(str(err).split())
    return (
        f"Unexpected {type(err).__name__}{f': {said}' if said else ''}. This is a fault of semioscope. Please "
        "report it with the output of 'semioscope doctor' and of this command begun as 'semioscope --debug'."
    )


def stopped(name: str) -> str:
    """Return what to say after Ctrl-C or SIGTERM in a command."""
    if name in RESUMED:
        return "Stopped. What was finished is kept; the same command goes on from here."
    return "Stopped. Nothing was left half written; the same command begins anew."


def _guard_all(group: typer.Typer) -> None:
    for info in group.registered_commands:
        if info.callback is not None:
            name = str(info.name or getattr(info.callback, "__name__", ""))
            info.callback = guarded(name, info.callback)
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _guard_all(inner.typer_instance)


_guard_all(app)


def main() -> None:
    """Run the command line."""
    app()
