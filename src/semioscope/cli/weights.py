"""``semioscope weights``: what the networks need, and whether it is here."""

from typing import Annotated

import typer

from semioscope.cli.options import ProgressOption
from semioscope.cli.saying import say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list", help="List them: source, licence, paper, and whether they are here.")
def list_() -> None:
    """List the weights: where they come from, under which licence, and whether they are here."""
    from semioscope.networks import list_weights, weights_folder

    for status in list_weights():
        print(f"{status.name:<18} {status.state}")
        if status.source is not None:
            source = status.source
            size = f", {source.size_bytes / 1e9:.2f} GB" if source.size_bytes else ""
            print(f"  file     {source.file_name}{size}")
            print(f"  from     {source.url}")
            say(f"  licence  {source.licence}")
            say(f"  paper    {source.paper}")
    print(f"\nFolder: {weights_folder()}  ($SEMIOSCOPE_WEIGHTS chooses another)")
    print(_next())


@app.command("fetch", help="Download, check the hash, keep in a safe format.")
def fetch(
    names: Annotated[list[str], typer.Argument(help="Backbones, or 'all'.", metavar="NAME")],
    progress: ProgressOption = "auto",
) -> None:
    """Download weights, check their hash, and keep them in a safe format."""
    from semioscope.core.progress import make_progress
    from semioscope.networks import fetch_weights, list_weights

    known = [status.name for status in list_weights() if status.source is not None]
    for name in known if names == ["all"] else names:
        path = fetch_weights(name, progress=make_progress(progress))
        print(f"{name}: no weights needed." if path is None else f"{name}: {path}")
    print(_next())


@app.command("verify", help="Check those that are here against hash and network.")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Backbones [default: all].", metavar="NAME")
    ] = None,
) -> None:
    """Read the weights that are here and check them against their hashes and their network."""
    from semioscope.networks import list_weights, verify_weights

    damaged = 0
    for name in names or [status.name for status in list_weights()]:
        status = verify_weights(name)
        damaged += status.state == "damaged"
        say(f"{status.name}: {status.state}. {status.message}")
    print(_next())
    if damaged:
        raise typer.Exit(1)


def _next() -> str:
    """Return the next sensible command: repair, fetch the first, or run."""
    from semioscope.networks import list_weights
    from semioscope.recipes import RECIPES

    states = {status.name: status.state for status in list_weights() if status.source is not None}
    damaged = [name for name, state in states.items() if state == "damaged"]
    if damaged:
        return f"Next: semioscope weights fetch {damaged[0]}"
    if all(state == "absent" for state in states.values()):
        return f"Next: semioscope weights fetch {next(iter(states))}"
    return f"Next: semioscope run {next(iter(RECIPES))} --cohort DIR --out RUN"
