"""``semioscope weights``: what the networks need, and whether it is here."""

from typing import Annotated

import typer

from semioscope.cli.options import ProgressOption

app = typer.Typer(no_args_is_help=True)


@app.command("list")
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
            print(f"  licence  {source.licence}")
            print(f"  paper    {source.paper}")
    print(f"\nFolder: {weights_folder()}  ($SEMIOSCOPE_WEIGHTS chooses another)")
    print("Next: semioscope weights fetch NAME")


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Backbones, or 'all'.")],
    progress: ProgressOption = "auto",
) -> None:
    """Download weights, check their hash, and keep them in a safe format."""
    from semioscope.core.progress import make_progress
    from semioscope.networks import fetch_weights, list_weights

    known = [status.name for status in list_weights() if status.source is not None]
    for name in known if names == ["all"] else names:
        path = fetch_weights(name, progress=make_progress(progress))
        print(f"{name}: no weights needed." if path is None else f"{name}: {path}")
    print("Next: semioscope run RECIPE --cohort DIR --out RUN")


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Backbones [default: all].")] = None,
) -> None:
    """Read the weights that are here and check them against their hashes and their network."""
    from semioscope.networks import list_weights, verify_weights

    damaged = 0
    for name in names or [status.name for status in list_weights()]:
        status = verify_weights(name)
        damaged += status.state == "damaged"
        print(f"{status.name}: {status.state}. {status.message}")
    print(
        "Next: semioscope weights fetch NAME"
        if damaged
        else "Next: semioscope run RECIPE --cohort DIR --out RUN"
    )
    if damaged:
        raise typer.Exit(1)
