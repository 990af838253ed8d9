"""The ``semioscope`` command: puts the commands together and turns errors into sentences."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from semioscope import __version__
from semioscope.cli import bench, cohort, demo, doctor, extract, predict, preprocess, run, synth, weights
from semioscope.core.errors import SemioscopeError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="semioscope",
    help="From video of epileptic seizures to evidence. Research software, not a medical device.",
    epilog="Begin with: semioscope demo DIR, or semioscope cohort new DIR for own videos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)
app.command("run", help="Run a recipe on a cohort: features, folds, training, scores, report.")(run.command)
app.command("predict", help="Classify seizures in videos with a trained model.")(predict.command)
app.add_typer(cohort.app, name="cohort", help="Make, check, describe and import a cohort folder.")
app.command("preprocess", help="Split montages and write small 15 fps videos.")(preprocess.command)
app.command("extract", help="Compute the features that a task needs and store them.")(extract.command)
app.add_typer(weights.app, name="weights", help="List, fetch and verify the weights of the networks.")
app.command("synth", help="Make a synthetic cohort (a test instrument).")(synth.command)
app.command("demo", help="Make a synthetic cohort, run the main job on it, predict a held-out video.")(
    demo.command
)
app.command("doctor", help="Say what this machine can do, in one block to paste into a bug report.")(
    doctor.command
)
app.command("bench", help="Measure the ratios that the documentation states.")(bench.command)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"semioscope {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SEMIOSCOPE_DEBUG"] = "1"


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command whose errors are sentences on standard error, with an exit code."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SemioscopeError as err:
            if os.environ.get("SEMIOSCOPE_DEBUG"):
                raise
            print(f"Error: {err}", file=sys.stderr)
            raise typer.Exit(EXIT_ERROR) from err
        except KeyboardInterrupt as err:
            print(
                "\nStopped. What was finished is kept; the same command goes on from here.", file=sys.stderr
            )
            raise typer.Exit(EXIT_INTERRUPTED) from err

    return wrapper


def _guard_all(group: typer.Typer) -> None:
    for info in group.registered_commands:
        if info.callback is not None:
            info.callback = guarded(info.callback)
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _guard_all(inner.typer_instance)


_guard_all(app)


def main() -> None:
    """Run the command line."""
    app()
