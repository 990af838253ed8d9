"""``semioscope preprocess``: a cohort of small videos, one view in each."""

from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import ExecutorOption, ProgressOption, WorkersOption
from semioscope.cli.saying import say


def command(
    cohort: Annotated[Path, typer.Argument(help="Cohort folder.", metavar="COHORT")],
    out: Annotated[Path, typer.Argument(help="Folder of the new cohort.", metavar="OUT")],
    fps: Annotated[float, typer.Option(min=1, help="Pictures per second.", metavar="N")] = 15.0,
    width: Annotated[int, typer.Option(min=2, help="Pictures fit this width, in pixels.", metavar="N")] = 320,
    height: Annotated[
        int, typer.Option(min=2, help="Pictures fit this height, in pixels.", metavar="N")
    ] = 180,
    codec: Annotated[
        str, typer.Option(help="hevc, h264, mpeg2, or ffv1 (lossless).", metavar="NAME")
    ] = "hevc",
    quality: Annotated[
        int | None, typer.Option(help="Of the codec; lower is better [default: the codec's].", metavar="N")
    ] = None,
    executor: ExecutorOption = "local",
    workers: WorkersOption = 1,
    progress: ProgressOption = "auto",
) -> None:
    """Split montages and write small videos. The same command goes on after an interruption."""
    from semioscope.cohort import read_cohort
    from semioscope.core.progress import make_progress
    from semioscope.execution import make_executor
    from semioscope.preprocess import PictureConfig, preprocess_cohort

    report = preprocess_cohort(
        read_cohort(cohort),
        out,
        picture=PictureConfig(base_width=width, base_height=height),
        fps=fps,
        codec=codec,
        quality=quality,
        executor=make_executor(executor, workers=workers),
        progress=make_progress(progress),
    )
    say(report.describe())
    if report.failures:
        print(
            f"Next: mend the recordings above (semioscope cohort check {cohort}), then the same command again."
        )
        raise typer.Exit(1)
    print(f"Next: semioscope cohort check {out}")
