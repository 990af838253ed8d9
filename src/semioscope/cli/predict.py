"""``semioscope predict``: what a trained model says about videos of any length."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption

if TYPE_CHECKING:
    from semioscope.runs import Bundle, Prediction, PredictionRequest


def command(
    videos: Annotated[list[Path], typer.Argument(help="Video files.", metavar="VIDEO...")],
    model: Annotated[Path, typer.Option("--model", help="Model bundle (NAME.semio).", metavar="BUNDLE")],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and pictures.")] = Path("prediction"),
    onset: Annotated[str | None, typer.Option(help="Beginning of the seizure: 75.2, 1:15.2.")] = None,
    offset: Annotated[str | None, typer.Option(help="End of the seizure.")] = None,
    seizures: Annotated[
        Path | None, typer.Option(help="A seizures.tsv; recording_id is the video's name without its ending.")
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
    engine: Annotated[str | None, typer.Option(help="auto, torch or openvino.")] = None,
    weights: Annotated[str | None, typer.Option(help="File with the backbone's weights.")] = None,
    progress: ProgressOption = "auto",
) -> None:
    """Give class, probability and the course over time of seizures in videos."""
    from semioscope.core.progress import make_progress, stage
    from semioscope.runs import predict_all, read_bundle, write_predictions_folder

    bundle = read_bundle(model)
    requests = make_requests(videos, onset=onset, offset=offset, seizures=seizures, same_event=same_event)
    display = make_progress(progress)
    done: list[Prediction] = []
    failed: list[tuple[str, str]] = []
    with stage(display, "predict", len(requests), unit="events"):
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
        print(describe(prediction, bundle))
    for event_id, message in failed:
        print(f"{event_id}: failed. {message}")
    if bundle.facts.synthetic:
        print("The model was trained on synthetic video: it means nothing clinically.")
    print("Research software, not a medical device.")
    print(f"Tables and pictures: {out}")
    print(f"Next: look at {out / 'predictions.json'} and {out / 'timeline-*.svg'}.")
    if failed:
        raise typer.Exit(1)


def describe(prediction: "Prediction", bundle: "Bundle") -> str:
    """Return a prediction in words."""
    classes = bundle.facts.classes
    name = classes[prediction.y_predicted]
    score = prediction.y_score[prediction.y_predicted]
    calibrated = prediction.calibrated[prediction.y_predicted]
    views = ", ".join(f"{view.view} {view.y_score[prediction.y_predicted]:.2f}" for view in prediction.views)
    first = prediction.views[0]
    lines = [
        f"{prediction.event_id}: {name}, probability {score:.2f} (calibrated {calibrated:.2f}; views: {views}); "
        f"judged from {first.interval.start_seconds:.1f} s to {first.interval.end_seconds:.1f} s."
    ]
    replaced = sum(view.num_replaced_clips for view in prediction.views)
    if replaced:
        lines.append(f"  {replaced} clips lacked frames; their neighbours were used.")
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
    from semioscope.core.formats import SEIZURES
    from semioscope.core.tables import read_table
    from semioscope.core.times import parse_seconds
    from semioscope.runs import PredictionRequest

    by_name = {video.stem: video for video in videos} | {video.name: video for video in videos}
    rows, problems = read_table(table, SEIZURES)
    faults = [str(problem) for problem in problems if problem.severity == "error"]
    if faults:
        raise CohortError("\n".join(faults))
    requests: dict[str, PredictionRequest] = {}
    for row in rows:
        named = str(row.values["recording_id"]).replace(",", " ").split()
        found = [by_name[name] for name in named if name in by_name]
        if not found:
            continue
        event_id = str(row.values["seizure_id"])
        try:
            start, end = parse_seconds(row.text("onset") or ""), parse_seconds(row.text("offset") or "")
        except ValueError as err:
            msg = f"{table.name} row {row.number} (seizure {event_id}): a time {err}."
            raise CohortError(msg) from err
        before = requests[event_id].videos if event_id in requests else ()
        requests[event_id] = PredictionRequest(
            event_id=event_id,
            videos=tuple(dict.fromkeys([*before, *found])),
            onset_seconds=start,
            offset_seconds=end,
        )
    if not requests:
        msg = (
            f"{table.name} must name the videos in recording_id (their names without the ending), but none of "
            f"{', '.join(sorted(video.stem for video in videos)[:5])} is there. Correct recording_id."
        )
        raise CohortError(msg)
    return list(requests.values())


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
    counts: dict[str, int] = {}
    result = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
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
