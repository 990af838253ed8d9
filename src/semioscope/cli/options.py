"""Options that several commands share, so that they are named and explained alike."""

from pathlib import Path
from typing import Annotated

import typer

CohortOption = Annotated[Path, typer.Option("--cohort", help="Cohort folder.", metavar="DIR")]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="Feature store [default: $SEMIOSCOPE_STORE, else COHORT/derived/features].",
        metavar="DIR",
    ),
]
EngineOption = Annotated[str, typer.Option("--engine", help="auto, torch or openvino.", metavar="NAME")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="f32 or bf16.", metavar="NAME")]
WeightsOption = Annotated[
    str, typer.Option("--weights", help="pretrained, random (trials only) or a file.", metavar="WHICH")
]
ProgressOption = Annotated[
    str, typer.Option("--progress", help="auto, rich, plain, json or quiet.", metavar="MODE")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that work side by side.", metavar="N")
]
SkipUnmatchedOption = Annotated[
    bool,
    typer.Option(
        "--skip-unmatched", help="Of a feature set, leave out rows without folders and folders without rows."
    ),
]
ExecutorOption = Annotated[
    str, typer.Option("--executor", help="Where units of work run: local.", metavar="NAME")
]
