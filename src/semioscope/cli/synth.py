"""``semioscope synth``: a synthetic cohort or feature set, the project's test instruments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from semioscope.cli.options import ProgressOption, WorkersOption


def parse_size(text: str, *, depth: bool = False) -> tuple[int, int]:
    """Return (width, height) of ``WIDTHxHEIGHT``; both even, at least 160x90, or 64x52 for depth.

    Raises:
        ConfigError: If it is written otherwise.
    """
    from semioscope.core.errors import ConfigError

    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as err:
        msg = f"--size must be WIDTHxHEIGHT in pixels, got {text!r}. Write for example 1920x1080."
        raise ConfigError(msg) from err
    least, example = ((64, 52), "256x212") if depth else ((160, 90), "480x270")
    if width < least[0] or height < least[1] or width % 2 or height % 2:
        msg = (
            f"--size needs even numbers of at least {least[0]}x{least[1]}, got {width}x{height}. "
            f"Write for example {example}."
        )
        raise ConfigError(msg)
    return width, height


FEATURES = "features"
"""The word before the folder that asks for a feature set."""


def parse_place(words: list[str]) -> tuple[bool, Path]:
    """Return whether a feature set is asked for, and the folder, of the words ``[features] DIR``.

    Raises:
        ConfigError: If they are something else.
    """
    from semioscope.core.errors import ConfigError

    if len(words) == 2 and words[0] == FEATURES:
        return True, Path(words[1])
    if len(words) == 1 and words[0] != FEATURES:
        return False, Path(words[0])
    msg = (
        f"synth needs one folder, or the word {FEATURES} and one folder, got {' '.join(words)!r}. Write semioscope "
        f"synth DIR or semioscope synth {FEATURES} DIR; ./{FEATURES} is a folder of that name."
    )
    raise ConfigError(msg)


def command(
    place: Annotated[
        list[str],
        typer.Argument(
            help="Where to make it; new or empty. With the word features before it, a feature set in the "
            "layout and size of the public GESTURES data, without video.",
            metavar="[features] DIR",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            help="Which classes: fos-vs-tcs, es-vs-pnes (one camera, colour), or with --depth fle-vs-tle or "
            "fle-vs-tle-vs-nonepileptic [default: the first; with --depth the last].",
            metavar="NAME",
        ),
    ] = None,
    depth: Annotated[
        bool,
        typer.Option("--depth", help="Infrared and depth of one camera per patient, 16 bit, lossless."),
    ] = False,
    preictal: Annotated[
        float | None,
        typer.Option(min=0.5, help="Depth only: seconds before a seizure [default: 15].", metavar="SECONDS"),
    ] = None,
    postictal: Annotated[
        float | None,
        typer.Option(min=0.5, help="Depth only: seconds after a seizure [default: 15].", metavar="SECONDS"),
    ] = None,
    contextual_hours: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="es-vs-pnes only: video without seizures, of all patients together [default: none].",
            metavar="HOURS",
        ),
    ] = None,
    patients: Annotated[
        int | None,
        typer.Option(min=1, help="Patients in the tables [default: 12; features: 68].", metavar="N"),
    ] = None,
    seizures: Annotated[
        int | None,
        typer.Option(min=1, help="Seizures [default: 3 per patient; features: 183].", metavar="N"),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0, help="Features only: length of all seizures [default: 298 for 183].", metavar="N"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same cohort.", metavar="N")] = 0,
    size: Annotated[
        str | None,
        typer.Option(
            help="Size of the montage [default: 1920x1080]; with --depth of both streams [default: 512x424]; "
            "of es-vs-pnes [default: 480x270].",
            metavar="WIDTHxHEIGHT",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=5, help="Frames per second [default: 30; es-vs-pnes: 25].", metavar="N"),
    ] = None,
    hold_out: Annotated[
        int | None,
        typer.Option(min=0, help="Further patients kept out of the tables [default: 0].", metavar="N"),
    ] = None,
    workers: WorkersOption = 2,
    progress: ProgressOption = "auto",
) -> None:
    """Make a synthetic cohort, or a feature set without video. Scores on them mean nothing clinically."""
    from semioscope.core.progress import make_progress
    from semioscope.synthetic import make_cohort

    wants_features, folder = parse_place(place)
    depth_only: dict[str, object] = {"--preictal": preictal, "--postictal": postictal}
    video_only: dict[str, object] = {
        "--task": task,
        "--size": size,
        "--fps": fps,
        "--hold-out": hold_out,
        "--depth": depth or None,
        "--contextual-hours": contextual_hours,
    }
    foreign: dict[str, object] = {"--minutes": minutes, **({} if depth else depth_only)}
    if wants_features:
        foreign = video_only | depth_only
    _refuse_options(foreign, made="A feature set" if wants_features else "A cohort of videos")
    if wants_features:
        _make_features(
            folder,
            seizures=seizures or 183,
            patients=patients or 68,
            seed=seed,
            minutes=minutes,
            progress=progress,
        )
        return
    made = make_cohort(
        folder,
        task=task or ("fle-vs-tle-vs-nonepileptic" if depth else "fos-vs-tcs"),
        num_patients=patients or 12,
        num_seizures=seizures,
        seed=seed,
        size=None if size is None else parse_size(size, depth=depth),
        fps=fps,
        hold_out=hold_out or 0,
        depth=depth,
        contextual_hours=contextual_hours,
        preictal_seconds=preictal,
        postictal_seconds=postictal,
        workers=workers,
        progress=make_progress(progress),
    )
    counts = ", ".join(f"{count} {name}" for name, count in made.class_counts.items())
    print(f"{made.num_seizures} seizures ({counts}) of {made.num_patients} patients in {folder}.")
    if made.contextual_seconds:
        print(f"{made.contextual_seconds / 3600:.2f} h of contextual video besides.")
    print("Synthetic: scores on this cohort mean nothing clinically.")
    print(f"Next: semioscope cohort check {folder}")


def _refuse_options(options: Mapping[str, object], *, made: str) -> None:
    """Refuse options that would have no effect.

    Raises:
        ConfigError: If one was given.
    """
    from semioscope.core.errors import ConfigError

    given = [name for name, value in options.items() if value is not None]
    if given:
        msg = f"{made} must be asked for without {' and '.join(given)}, which has no meaning for it. Leave it out."
        raise ConfigError(msg)


def _make_features(
    folder: Path, *, seizures: int, patients: int, seed: int, minutes: float | None, progress: str
) -> None:
    from semioscope.core.progress import make_progress
    from semioscope.synthetic import plan_feature_set, write_feature_set

    planned = plan_feature_set(num_seizures=seizures, num_patients=patients, seed=seed, minutes=minutes)
    write_feature_set(planned, folder, progress=make_progress(progress))
    print(
        f"{planned.num_vectors} vectors of {len(planned.seizures)} seizures ({seizures} of 15 s or more that are not "
        f"discarded) of {patients} patients in {folder}."
    )
    print("Synthetic: scores on this feature set mean nothing clinically.")
    print(f"Next: semioscope cohort import gestures-features {folder} COHORT")
