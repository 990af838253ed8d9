"""``semioscope synth``: a synthetic cohort, the project's test instrument."""

from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import ProgressOption, WorkersOption


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) of ``WIDTHxHEIGHT``; both even, at least 160x90.

    Raises:
        ConfigError: If it is written otherwise.
    """
    from semioscope.core.errors import ConfigError

    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as err:
        msg = f"--size must be WIDTHxHEIGHT in pixels, got {text!r}. Write for example 1920x1080."
        raise ConfigError(msg) from err
    if width < 160 or height < 90 or width % 2 or height % 2:
        msg = (
            f"--size needs even numbers of at least 160x90, got {width}x{height}. Write for example 480x270."
        )
        raise ConfigError(msg)
    return width, height


def command(
    folder: Annotated[Path, typer.Argument(help="Where to make the cohort; new or empty.", metavar="DIR")],
    task: Annotated[str, typer.Option(help="Which classes.", metavar="NAME")] = "fos-vs-tcs",
    patients: Annotated[int, typer.Option(min=1, help="Patients in the tables.", metavar="N")] = 12,
    seizures: Annotated[
        int | None, typer.Option(min=1, help="Seizures [default: 3 per patient].", metavar="N")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same cohort.", metavar="N")] = 0,
    size: Annotated[
        str, typer.Option(help="Size of the montage in pixels.", metavar="WIDTHxHEIGHT")
    ] = "1920x1080",
    fps: Annotated[float, typer.Option(min=5, help="Frames per second.", metavar="N")] = 30.0,
    hold_out: Annotated[
        int, typer.Option(min=0, help="Further patients kept out of the tables.", metavar="N")
    ] = 0,
    workers: WorkersOption = 2,
    progress: ProgressOption = "auto",
) -> None:
    """Make a synthetic cohort. Scores on it mean nothing clinically."""
    from semioscope.core.progress import make_progress
    from semioscope.synthetic import make_cohort

    made = make_cohort(
        folder,
        task=task,
        num_patients=patients,
        num_seizures=seizures,
        seed=seed,
        size=parse_size(size),
        fps=fps,
        hold_out=hold_out,
        workers=workers,
        progress=make_progress(progress),
    )
    counts = ", ".join(f"{count} {name}" for name, count in made.class_counts.items())
    print(f"{made.num_seizures} seizures ({counts}) of {made.num_patients} patients in {folder}.")
    print("Synthetic: scores on this cohort mean nothing clinically.")
    print(f"Next: semioscope cohort check {folder}")
