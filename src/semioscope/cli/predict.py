"""``semioscope predict``: what a trained model says about videos of any length."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption
from semioscope.cli.saying import say, say_next

if TYPE_CHECKING:
    from semioscope.core.tables import Row
    from semioscope.runs import Bundle, Prediction, PredictionRequest


def command(
    videos: Annotated[list[Path], typer.Argument(help="Video files.", metavar="VIDEO")],
    model: Annotated[Path, typer.Option("--model", help="Model bundle (NAME.semio).", metavar="BUNDLE")],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and pictures.", metavar="DIR")] = Path(
        "prediction"
    ),
    onset: Annotated[
        str | None,
        typer.Option(
            help="Beginning of the seizure, such as 75.2 or 1:15.2 [default: of the video].", metavar="TIME"
        ),
    ] = None,
    offset: Annotated[
        str | None, typer.Option(help="End of the seizure [default: of the video].", metavar="TIME")
    ] = None,
    seizures: Annotated[
        Path | None,
        typer.Option(
            help="A seizures.tsv; recording_id is the video's name without its ending, or as in the "
            "recordings.tsv beside it.",
            metavar="TABLE",
        ),
    ] = None,
    same_event: Annotated[
        bool, typer.Option("--same-event", help="The videos are cameras of one event; they are averaged.")
    ] = False,
    whole_picture: Annotated[
        bool, typer.Option("--whole-picture", help="The video is one view, whatever the model's montage.")
    ] = False,
    representations: Annotated[
        bool, typer.Option("--representations", help="Also write the seizure vector of each view.")
    ] = False,
    engine: Annotated[str | None, typer.Option(help="auto, torch or openvino.", metavar="NAME")] = None,
    weights: Annotated[
        str | None, typer.Option(help="File with the backbone's weights.", metavar="FILE")
    ] = None,
    progress: ProgressOption = "auto",
) -> None:
    """Give class, probability and the course over time of seizures in videos."""
    from semioscope.core.progress import make_progress, stage
    from semioscope.runs import predict_all, read_bundle, write_predictions_folder

    check_out(out)
    bundle = read_bundle(model)
    requests = make_requests(videos, onset=onset, offset=offset, seizures=seizures, same_event=same_event)
    display = make_progress(progress)
    done: list[Prediction] = []
    asked = {video for request in requests for video in request.videos}
    failed = [
        (_event_id(video), "no row of the seizures table asks for this video. Add one, or leave it out.")
        for video in videos
        if video not in asked
    ]
    with stage(display, "predict", len(requests), unit="seizures"):
        for request in requests:
            one, missed = predict_all(
                [request], bundle, engine=engine, weights=weights, whole_picture=whole_picture
            )
            done += one
            failed += missed
            display.advance(note=request.event_id)
    write_predictions_folder(out, done, failed, bundle, representations=representations)
    for prediction in done:
        _draw(prediction, bundle, out)
        say(describe(prediction, bundle))
    for event_id, message in failed:
        say(f"{event_id}: failed. {message}")
    for sentence in cautions(bundle):
        say(sentence)
    if done:
        print(f"Tables and pictures: {out}")
        if seizures is None and (onset is None or offset is None):
            print("Where --onset or --offset was not given, the video's own beginning or end was taken.")
    look = f"open {out / f'timeline-{done[0].event_id}.svg'} in a browser" if done else ""
    mend = "mend the failed ones, then the same command again" if failed else ""
    say_next(f"{look}; {mend}." if look and mend else f"{look or mend}.")
    if failed:
        raise typer.Exit(1)


def check_out(out: Path) -> None:
    """Refuse a folder for results that cannot be made or written, before any work is done; nothing is made.

    Raises:
        StoreError: Naming the file or folder that is in the way.
    """
    import os

    from semioscope.core.errors import StoreError

    there = next((folder for folder in (out, *out.absolute().parents) if os.path.lexists(folder)), out)
    if not there.is_dir():
        msg = f"--out must be a folder, but {there} is a file. Choose another --out."
        raise StoreError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = f"--out must be a folder that can be written, but {there} cannot. Choose another --out."
        raise StoreError(msg)


def cautions(bundle: "Bundle") -> list[str]:
    """Return what must be read with every prediction of a model."""
    sentences = []
    if bundle.facts.synthetic:
        sentences.append("The model was trained on synthetic video: what it says means nothing clinically.")
    if bundle.facts.backbone_weights_hash.startswith("random"):
        sentences.append(
            "The model's backbone has random weights, for trials only: what it says means nothing."
        )
    return [*sentences, "Research software, not a medical device."]


def describe(prediction: "Prediction", bundle: "Bundle") -> str:
    """Return a prediction in words."""
    classes = bundle.facts.classes
    shown = 1 if len(classes) == 2 else prediction.y_predicted
    score, threshold = prediction.y_score[shown], bundle.facts.threshold
    told = f"probability {score:.2f}"
    if len(classes) == 2:
        apart = (digits for digits in (2, 4, 6, 8) if f"{score:.{digits}f}" != f"{threshold:.{digits}f}")
        digits = next(apart, 4)
        side = "at or above" if prediction.y_predicted == 1 else "below"
        told = f"probability of {classes[1]} {score:.{digits}f}, {side} the threshold {threshold:.{digits}f}"
    several = len({view.view for view in prediction.views}) < len(prediction.views)
    views = ", ".join(
        f"{view.recording_id if several else view.view} {view.y_score[shown]:.2f}"
        for view in prediction.views
    )
    first = prediction.views[0]
    lines = [
        f"{prediction.event_id}: {classes[prediction.y_predicted]} ({told}; "
        f"calibrated {prediction.calibrated[shown]:.2f}; views: {views}); judged from "
        f"{first.interval.start_seconds:.1f} s to {first.interval.end_seconds:.1f} s."
    ]
    if prediction.calibrated.argmax() != prediction.y_predicted:
        lines.append("  Undecided: the calibrated probability speaks for another class.")
    replaced = sum(view.num_replaced_clips for view in prediction.views)
    if replaced:
        clips = "1 clip" if replaced == 1 else f"{replaced} clips"
        lines.append(f"  {clips} lacked frames; their neighbours were used.")
    if held := prediction.frames.num_held:
        frames = "1 frame repeats" if held == 1 else f"{held} frames repeat"
        lines.append(f"  {frames} an older picture: the video has a gap there.")
    if damaged := prediction.frames.num_damaged:
        frames = "1 frame is" if damaged == 1 else f"{damaged} frames are"
        lines.append(f"  {frames} damaged. Copy the video again from its source.")
    lines += [f"  {note}" for note in prediction.notes]
    return "\n".join(lines)


def make_requests(
    videos: list[Path],
    *,
    onset: str | None,
    offset: str | None,
    seizures: Path | None,
    same_event: bool,
) -> "list[PredictionRequest]":
    """Return what is asked about which video.

    Raises:
        ConfigError: If options exclude each other, or a time is not a time.
        CohortError: If the seizures table breaks a rule or names none of the videos.
    """
    from semioscope.core.errors import ConfigError
    from semioscope.runs import PredictionRequest

    if seizures is not None:
        if onset is not None or offset is not None or same_event:
            msg = "--seizures brings its own times: leave out --onset, --offset and --same-event."
            raise ConfigError(msg)
        return _from_table(videos, seizures)
    start, end = _time("--onset", onset), _time("--offset", offset)
    if same_event:
        return [PredictionRequest(
            event_id=_event_id(videos[0]), videos=tuple(videos), onset_seconds=start, offset_seconds=end
        )]  # fmt: skip
    names = _distinct([_event_id(video) for video in videos])
    return [
        PredictionRequest(event_id=name, videos=(video,), onset_seconds=start, offset_seconds=end)
        for name, video in zip(names, videos, strict=True)
    ]


def _from_table(videos: list[Path], table: Path) -> "list[PredictionRequest]":
    from semioscope.core.errors import CohortError
    from semioscope.core.formats import RECORDINGS, SEIZURES
    from semioscope.core.tables import read_table

    by_name = _by_name(videos) | _by_recording(videos, table.parent / RECORDINGS.file)
    rows, problems = read_table(table, SEIZURES)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        raise CohortError("\n".join(faults))
    times: dict[str, dict[Path, list[tuple[float, float]]]] = {}
    for row in rows:
        named = str(row.values["recording_id"]).replace(",", " ").split()
        found = [by_name[name] for name in named if name in by_name]
        if not found or row.values["use"] == "no":
            continue
        event_id = str(row.values["seizure_id"])
        stretch = _stretch(row, f"{table.name} row {row.number} (seizure {event_id})")
        for video in dict.fromkeys(found):
            times.setdefault(event_id, {}).setdefault(video, []).append(stretch)
    if not times:
        msg = (
            f"{table.name} must name the videos in recording_id (their names without the ending, or the "
            f"recording_id of {RECORDINGS.file} beside it), but none of "
            f"{', '.join(sorted(video.stem for video in videos)[:5])} is there. Correct recording_id."
        )
        raise CohortError(msg)
    return [_request(event_id, per_video) for event_id, per_video in times.items()]


def _by_name(videos: list[Path]) -> dict[str, Path]:
    from semioscope.core.errors import ConfigError

    by_name: dict[str, Path] = {}
    for video in videos:
        for name in {video.stem, video.name}:
            if by_name.setdefault(name, video) != video:
                msg = (
                    f"With --seizures every video needs its own name, but {by_name[name]} and {video} are both "
                    f"{name}. Rename one of them, or predict them one by one."
                )
                raise ConfigError(msg)
    return by_name


def _by_recording(videos: list[Path], table: Path) -> dict[str, Path]:
    """Return which video each recording of a cohort is, by its path, else by its name where only one has it.

    A recording whose video was not given is left out. All views of a file are that file.

    Raises:
        CohortError: If the table breaks a rule.
    """
    from semioscope.core.errors import CohortError
    from semioscope.core.formats import RECORDINGS
    from semioscope.core.tables import read_table

    if not table.is_file():
        return {}
    rows, problems = read_table(table, RECORDINGS)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        raise CohortError("\n".join(faults))
    files = {
        str(row.values["recording_id"]): (table.parent / path).resolve()
        for row in rows
        if (path := row.text("path"))
    }
    by_path = {video.resolve(): video for video in videos}
    by_file_name = {video.name: video for video in videos}
    known = set(files.values())
    found: dict[str, Path] = {}
    for recording_id, file in files.items():
        if file in by_path:
            found[recording_id] = by_path[file]
        elif file.name in by_file_name and sum(other.name == file.name for other in known) == 1:
            found[recording_id] = by_file_name[file.name]
    return found


def _stretch(row: "Row", where: str) -> tuple[float, float]:
    from semioscope.core.errors import CohortError
    from semioscope.core.times import parse_seconds

    values = []
    for column in ("onset", "offset"):
        try:
            values.append(parse_seconds(row.text(column) or ""))
        except ValueError as err:
            msg = f"{where}: {column} {err}. Clock times need a cohort folder; write seconds here."
            raise CohortError(msg) from err
    return values[0], values[1]


def _request(event_id: str, times: "dict[Path, list[tuple[float, float]]]") -> "PredictionRequest":
    """Return what is asked about an event; rows of several annotators are merged by the median."""
    from statistics import median

    from semioscope.runs import PredictionRequest

    merged = {
        video: (median(start for start, _ in found), median(end for _, end in found))
        for video, found in times.items()
    }
    return PredictionRequest(event_id=event_id, videos=tuple(merged), times=merged)


def _time(option: str, text: str | None) -> float | None:
    from semioscope.core.errors import ConfigError
    from semioscope.core.times import parse_seconds

    if text is None:
        return None
    try:
        return parse_seconds(text)
    except ValueError as err:
        msg = f"{option} {err}. Write seconds (75.2) or a time (1:15.2)."
        raise ConfigError(msg) from err


def _event_id(video: Path) -> str:
    kept = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in video.stem)
    return kept or "video"


def _distinct(names: list[str]) -> list[str]:
    """Return the names with a number behind those that occur before."""
    result: list[str] = []
    for name in names:
        made, number = name, 1
        while made in result:
            number += 1
            made = f"{name}-{number}"
        result.append(made)
    return result


def _draw(prediction: "Prediction", bundle: "Bundle", out: Path) -> None:
    from semioscope.core.files import write_text
    from semioscope.report.timeline import TimelineView, timeline_figure

    classes = bundle.facts.classes
    shown = 1 if len(classes) == 2 else prediction.y_predicted
    views = [
        TimelineView(
            name=view.view,
            start_seconds=view.start_seconds,
            end_seconds=view.end_seconds,
            score_clip=view.score_alone[:, shown],
            score_prefix=view.score_so_far[:, shown],
            onset_seconds=view.interval.start_seconds,
            offset_seconds=view.interval.end_seconds,
            score=float(view.y_score[shown]),
        )
        for view in prediction.views
    ]
    svg = timeline_figure(
        views,
        title=prediction.event_id,
        positive_class=classes[shown],
        threshold=bundle.facts.threshold,
        name=f"timeline-{prediction.event_id}",
    )
    write_text(out / f"timeline-{prediction.event_id}.svg", svg)
