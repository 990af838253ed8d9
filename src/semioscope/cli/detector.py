"""``semioscope detector``: train a detector of patients on own boxes, and follow patients along their seizures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption
from semioscope.cli.saying import say, say_next

if TYPE_CHECKING:
    from semioscope.networks import DetectorDesign, DetectorTraining
    from semioscope.preprocess.detector_pictures import OwnedPictures
    from semioscope.runs.detector_training import DetectorReport
    from semioscope.scoring import Estimate

EXIT_PROBLEMS = 1
USUAL_FOLDS = 5

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_show_locals=False)


@app.command("train", help="Train on pictures with boxes, without the patients it is measured on.")
def train(
    boxes: Annotated[Path, typer.Option("--boxes", help="Boxes as COCO JSON.", metavar="FILE")],
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder of the pictures [default: that of the boxes].", metavar="DIR"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write [default: detectors, beside the boxes].", metavar="DIR"),
    ] = None,
    architecture: Annotated[
        str, typer.Option(help="ssd300_vgg16 or fasterrcnn_mobilenet.", metavar="NAME")
    ] = "ssd300_vgg16",
    weights: Annotated[
        str, typer.Option(help="Where it starts: pretrained, random or a file.", metavar="WHICH")
    ] = "pretrained",
    rule: Annotated[
        str,
        typer.Option(
            help="patient: nobody is looked at by a detector that saw them. paper: one, trained on all.",
            metavar="NAME",
        ),
    ] = "patient",
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            help=f"Rule patient: groups of patients [default: {USUAL_FOLDS}, or one per patient].",
            metavar="N",
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-out",
            help="Rule patient, without folds: train one detector without this patient; repeat it. Or a table "
            "with a column patient_id.",
            metavar="ID",
        ),
    ] = None,
    patient_from: Annotated[
        str | None,
        typer.Option(
            "--patient-from",
            help="Whose a picture is: file (patient_id in the boxes; usual), folder (the first one below "
            "--pictures), regex (--pattern) or table (--table).",
            metavar="WAY",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="Finds the patient in the path; its group is the patient.", metavar="REGEX"),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="csv, tsv or xlsx with a column of patients and one of files.", metavar="FILE"),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Which boxes are the patient's, where there are others.", metavar="NAME"),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, max=100_000, help="Times that every picture is seen.", metavar="N")
    ] = 30,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=2, max=1024, help="Pictures per step.", metavar="N")
    ] = 8,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            min=1e-9,
            max=10.0,
            help="At the start [default: 1e-4, or 1e-3 for fasterrcnn_mobilenet from random].",
            metavar="N",
        ),
    ] = None,
    min_size: Annotated[
        int | None,
        typer.Option(
            "--min-size",
            min=1,
            help="fasterrcnn_mobilenet: shorter side in pixels [default: 320].",
            metavar="N",
        ),
    ] = None,
    min_score: Annotated[
        float,
        typer.Option("--min-score", min=0, max=1, help="What is less sure counts as missed.", metavar="N"),
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same detectors.", metavar="N")] = 0,
    progress: ProgressOption = "auto",
) -> None:
    """Train detectors, measure them, and write their folder."""
    from semioscope.core.errors import ConfigError
    from semioscope.core.progress import make_progress
    from semioscope.preprocess.detector_pictures import read_owned_pictures
    from semioscope.runs.detector_plan import DetectorPlan
    from semioscope.runs.detector_training import train_detectors
    from semioscope.synthetic import is_synthetic

    display = make_progress(progress)
    if folds is not None and (rule == "paper" or hold_out):
        other = "--rule paper" if rule == "paper" else "--hold-out"
        msg = f"--folds has no meaning with {other}. Leave one of them out."
        raise ConfigError(msg)
    found = read_owned_pictures(
        boxes, pictures=pictures, patient_from=patient_from, pattern=pattern, table=table, label=label
    )
    for note in found.notes:
        say(f"Note: {note}")
    places = {boxes.resolve(), *(picture.path.resolve() for picture in found.pictures[:1])}
    plan = DetectorPlan(
        pictures=found,
        folder=out or boxes.parent / "detectors",
        rule=rule,
        num_folds=folds or min(USUAL_FOLDS, len(found.patients)),
        hold_out=_held_out(hold_out or []),
        design=_design(architecture, found.labels, min_size),
        training=_training(architecture, weights, epochs, batch_size, learning_rate),
        start=weights,
        min_score=min_score,
        seed=seed,
        is_synthetic=any(is_synthetic(above) for place in places for above in place.parents),
    )
    say(_pictures_told(found))
    report = train_detectors(plan, progress=display)
    print(_table(report))
    print()
    for line in told(report):
        say(line)
    for sentence in found.left_out:
        say(f"left out  {sentence}")
    print(f"Wrote {plan.folder}: {', '.join(one.name for one in report.detectors)}.")
    say_next(f"semioscope detector track COHORT --weights {plan.folder} --label {plan.pictures.label}")
    if found.left_out:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command("track", help="Find the patient once a second along the seizures of a cohort.")
def track(
    cohort: Annotated[Path, typer.Argument(help="Cohort folder.", metavar="COHORT")],
    weights: Annotated[str, typer.Option(help="Folder of trained detectors, or a file.", metavar="WHICH")],
    detector: Annotated[
        str, typer.Option(help="own, or a detector of semioscope crop plan.", metavar="NAME")
    ] = "own",
    label: Annotated[
        str, typer.Option(help="What the detector calls the patient.", metavar="NAME")
    ] = "patient",
    min_score: Annotated[
        float,
        typer.Option("--min-score", min=0, max=1, help="What is less sure counts as missed.", metavar="N"),
    ] = 0.5,
    every_seconds: Annotated[
        float,
        typer.Option("--every-seconds", min=0.04, max=3600, help="Time between two looks.", metavar="N"),
    ] = 1.0,
    event: Annotated[
        list[str] | None, typer.Option("--event", help="Only this event; repeat it.", metavar="ID")
    ] = None,
    progress: ProgressOption = "auto",
) -> None:
    """Find box tracks and keep them in the cohort; those that are there already are used again."""
    from semioscope.cohort import read_cohort
    from semioscope.core.progress import make_progress
    from semioscope.core.wording import counted
    from semioscope.networks.detectors import load_detector
    from semioscope.preprocess.crop_events import crop_events
    from semioscope.preprocess.track_files import tracks_path
    from semioscope.preprocess.track_finding import TrackConfig, ensure_box_tracks

    display = make_progress(progress)
    read = read_cohort(cohort)
    config = TrackConfig(label=label, min_score=min_score, every_seconds=every_seconds)
    done = ensure_box_tracks(
        read,
        crop_events(read, event).events,
        detector=load_detector(detector, weights=weights, progress=display),
        config=config,
        progress=display,
    )
    for one in done.tracks:
        say(
            f"{one.event_id} in {one.recording_id}: {counted(one.track.num_looks, 'look')}, "
            f"{one.track.num_missed} missed."
        )
    looks, missed = (
        sum(getattr(one.track, what) for one in done.tracks) for what in ("num_looks", "num_missed")
    )
    say(
        f"{counted(len(done.tracks), 'track')}, {done.num_kept} of them from before: {counted(looks, 'look')}, "
        f"{missed} missed (the box before it is held)."
    )
    for note in done.notes:
        say(f"Note: {note}")
    for one in done.flagged:
        say(f"Flagged: {one.event_id} in {one.recording_id}: {one.reason}")
    for failure in done.failures:
        say(f"No track: {failure.event_id} in {failure.recording_id}: {failure.message}")
    if done.tracks:
        print(f"Wrote {tracks_path(cohort)}.")
    say_next(f"semioscope cohort check {cohort}")
    if done.failures:
        raise typer.Exit(EXIT_PROBLEMS)


def told(report: "DetectorReport") -> list[str]:
    """Return what a training came to, as lines: scores, what was missed, what is published, what to beware of."""
    from semioscope.core.wording import counted
    from semioscope.recipes.published_hou import HOU_2022

    quality, plan = report.quality, report.plan
    of = "the patients that were trained on" if plan.rule == "paper" else "patients held out"
    lines = [
        f"Mean IoU over pictures of {of}: {_estimate(quality.over_pictures)}.",
        f"Mean IoU over {of}: {_estimate(quality.over_patients)}.",
        f"A constant box, the mean of those trained on, over pictures: {_estimate(quality.constant)}. "
        f"Detector minus constant box: {_estimate(quality.difference)}.",
        f"Missed: {quality.num_missed} of {counted(quality.num_pictures, 'picture')} with the patient"
        f"{f' ({100 * quality.share_missed:.1f} %)' if quality.num_pictures else ''}; they count as 0.",
    ]
    if quality.num_without:
        lines.append(
            f"Something was found in {quality.num_false} of {counted(quality.num_without, 'picture')} without a "
            "patient."
        )
    if quality.num_pictures and not quality.beats_constant:
        lines.append("The detector is not better than a constant box: train longer, or on more patients.")
    lines.append(
        f"Published: {HOU_2022.detector_iou}, {HOU_2022.source}, of {HOU_2022.detector_measured_on}."
    )
    lines += [f"Start: {report.started}"]
    if plan.rule == "paper":
        lines.append(
            "Flattered: the detector was measured on the pictures that it was trained on, as in the paper. The rule "
            "patient measures on patients held out."
        )
    if plan.start == "random":
        lines.append("The detectors started at random: for trials. Start from published weights for results.")
    if plan.is_synthetic:
        lines.append("Synthetic pictures: these figures mean nothing clinically.")
    return lines


def _table(report: "DetectorReport") -> str:
    rows = [("patient", "detector", "pictures", "missed", "mean IoU")]
    for one in report.quality.patients:
        shown = "n/a" if one.mean_iou != one.mean_iou else f"{one.mean_iou:.3f}"
        rows.append((one.patient_id, one.detector, str(one.num_pictures), str(one.num_missed), shown))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _estimate(estimate: "Estimate") -> str:
    if estimate.value != estimate.value:
        return f"n/a. {estimate.note}".rstrip(".")
    if estimate.note:
        return f"{estimate.value:.3f} ({estimate.note.rstrip('.')})"
    interval = f"{100 * estimate.confidence:.0f} % interval {estimate.low:.3f} to {estimate.high:.3f}"
    return f"{estimate.value:.3f} ({interval})"


def _pictures_told(found: "OwnedPictures") -> str:
    from semioscope.core.wording import counted

    without = sum(picture.box_of(found.label) is None for picture in found.pictures)
    return (
        f"{counted(len(found.pictures), 'picture')} of {counted(len(found.patients), 'patient')}, {without} of them "
        f"without a box of {found.label}."
    )


def _design(architecture: str, labels: tuple[str, ...], min_size: int | None) -> "DetectorDesign":
    from pydantic import ValidationError

    from semioscope.core.errors import ConfigError, unknown_name
    from semioscope.networks import ARCHITECTURES, DetectorDesign

    if architecture not in ARCHITECTURES:
        raise ConfigError(unknown_name("detector architecture", architecture, ARCHITECTURES))
    try:
        return DetectorDesign(architecture=architecture, labels=labels, min_size=min_size)
    except ValidationError as err:
        said = "; ".join(item["msg"].removeprefix("Value error, ") for item in err.errors())
        raise ConfigError(f"--min-size: {said}") from err


def _training(
    architecture: str, start: str, epochs: int, batch_size: int, learning_rate: float | None
) -> "DetectorTraining":
    from semioscope.networks import DetectorTraining
    from semioscope.networks.detector_start import usual_learning_rate

    rate = usual_learning_rate(architecture, start) if learning_rate is None else learning_rate
    return DetectorTraining(epochs=epochs, batch_size=batch_size, learning_rate=rate)


def _held_out(words: list[str]) -> tuple[str, ...]:
    """Return the patients that words name: ids, or tables of them.

    Raises:
        ConfigError: If a table has no column ``patient_id``.
        CohortError: If a table cannot be read.
    """
    from semioscope.cohort.sources import read_source
    from semioscope.core.errors import ConfigError

    patients: list[str] = []
    for word in words:
        if not Path(word).is_file():
            patients.append(word)
            continue
        content = read_source(Path(word))
        if "patient_id" not in content.header:
            msg = (
                f"{word} must have a column patient_id, but has {', '.join(content.header)}. Name the column of "
                "patients so."
            )
            raise ConfigError(msg)
        place = content.header.index("patient_id")
        patients += [str(cells[place]) for _, cells in content.rows if cells[place] is not None]
    return tuple(dict.fromkeys(patients))
