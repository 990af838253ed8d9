"""``semioscope demo``: the whole way on a synthetic cohort, with nothing to download."""

import csv
import time
from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import ProgressOption, WorkersOption

SIZE = (480, 270)
FPS = 15.0
SETTINGS = ("backbone.name=motion", "clips.stride=8", "folds.num_folds=4", "training.epochs=150")


def command(
    folder: Annotated[Path, typer.Argument(help="Where everything goes.", metavar="DIR")],
    recipe: Annotated[
        str | None, typer.Option(help="Recipe to run [default: the first].", metavar="NAME")
    ] = None,
    patients: Annotated[int, typer.Option(min=4, help="Synthetic patients.", metavar="N")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same demo.", metavar="N")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override any setting; repeat it.", metavar="KEY=VALUE")
    ] = None,
    workers: WorkersOption = 2,
    progress: ProgressOption = "auto",
) -> None:
    """Make a synthetic cohort, run the main job on it and predict a video that was held out."""
    from semioscope.cli import predict, run
    from semioscope.cli.saying import as_a_step
    from semioscope.core.files import read_json
    from semioscope.core.progress import format_seconds, make_progress
    from semioscope.recipes import RECIPES
    from semioscope.synthetic import make_cohort

    began = time.monotonic()
    cohort, out, prediction = folder / "cohort", folder / "run", folder / "prediction"
    print("1/3  A synthetic cohort: bodies on beds, seen by two cameras. Its scores mean nothing clinically.")
    made = make_cohort(
        cohort, num_patients=patients, seed=seed, size=SIZE, fps=FPS, hold_out=1, workers=workers,
        progress=make_progress(progress),
    )  # fmt: skip
    counts = ", ".join(f"{count} {name}" for name, count in made.class_counts.items())
    print(f"     {made.num_seizures} seizures ({counts}) of {made.num_patients} patients.")
    name = recipe or next(iter(RECIPES))
    print(f"\n2/3  {name} with the weight-free backbone 'motion', folds by patient.")
    with as_a_step():
        run.command(
            name, cohort=cohort, out=out, settings=[*SETTINGS, *(settings or [])], seed=seed, workers=workers,
            progress=progress,
        )  # fmt: skip
    with (cohort / "held-out" / "held-out.tsv").open(encoding="utf-8", newline="") as stream:
        truth = next(csv.DictReader(stream, delimiter="\t"))
    print("\n3/3  A seizure of a patient that the model never saw.")
    bundle = out / "models" / read_json(out / "scores.json")["bundle"]
    with as_a_step():
        predict.command(
            [cohort / "held-out" / truth["path"]], model=bundle, out=prediction, onset=truth["onset"],
            offset=truth["offset"], progress=progress,
        )  # fmt: skip
    print(f"     Truth: {truth['seizure_type']}.")
    print(f"\nDone in {format_seconds(time.monotonic() - began)}.")
    print(f"Report:      {out / 'report.html'}   (open it in a browser)")
    print(f"Prediction:  {prediction}")
    print("\nNext, with own videos:")
    print("  semioscope cohort new MYCOHORT          then fill in the three tables (docs/formats.md)")
    print("  semioscope cohort check MYCOHORT")
    print(f"  semioscope run {name} --cohort MYCOHORT --out MYRUN")
    print("      fewer than 10 patients: add --set folds.num_folds=K; no weights yet: add --backbone motion")
