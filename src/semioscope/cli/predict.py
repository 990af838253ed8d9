"""``semioscope predict``: what a trained model says about videos of any length."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semioscope.cli.options import ProgressOption
from semioscope.cli.predict_requests import asked_crops, event_name, make_requests
from semioscope.cli.saying import say, say_next

if TYPE_CHECKING:
    from semioscope.runs import Bundle, Prediction


def command(
    videos: Annotated[
        list[Path],
        typer.Argument(
            help="Video files; raw infrared also as a folder of pictures or .npy.", metavar="VIDEO"
        ),
    ],
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
    depth: Annotated[
        Path | None,
        typer.Option(
            help="Depth recording of the only video, for models that crop by depth.", metavar="FILE"
        ),
    ] = None,
    depth_offset: Annotated[
        float | None, typer.Option(help="Added to the times of the depth [default: 0].", metavar="SECONDS")
    ] = None,
    cropper: Annotated[
        str | None,
        typer.Option(help="How the part of the picture is found [default: as in training].", metavar="NAME"),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(help="What finds bed and person for it [default: as in training].", metavar="NAME"),
    ] = None,
    detector_weights: Annotated[
        str | None, typer.Option(help="File of the detector: weights or detections.", metavar="FILE")
    ] = None,
    progress: ProgressOption = "auto",
) -> None:
    """Give class, probability and the course over time of seizures in videos."""
    from semioscope.core.files import check_folder
    from semioscope.core.progress import make_progress, stage
    from semioscope.runs import predict_all, read_bundle, write_predictions_folder

    check_folder(out, what="--out", remedy="Choose another --out.")
    bundle = read_bundle(model)
    requests = make_requests(
        videos,
        onset=onset,
        offset=offset,
        seizures=seizures,
        same_event=same_event,
        depth=depth,
        depth_offset=depth_offset,
        crops=asked_crops(bundle, cropper=cropper, detector=detector, weights=detector_weights),
    )
    display = make_progress(progress)
    done: list[Prediction] = []
    asked = {video for request in requests for video in request.videos}
    failed = [
        (event_name(video), "no row of the seizures table asks for this video. Add one, or leave it out.")
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


def has_several_videos(prediction: "Prediction") -> bool:
    """Return whether views of one name are of several videos, so that their names do not tell them apart."""
    return len({view.view for view in prediction.views}) < len(prediction.views)


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
    several = has_several_videos(prediction)
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
    if replaced and not bundle.sees_all:  # of others a note says that they were left out
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


def _draw(prediction: "Prediction", bundle: "Bundle", out: Path) -> None:
    from semioscope.core.files import write_text
    from semioscope.report.timeline import TimelineView, timeline_figure

    classes = bundle.facts.classes
    shown = 1 if len(classes) == 2 else prediction.y_predicted
    several = has_several_videos(prediction)
    views = [
        TimelineView(
            name=view.recording_id if several else view.view,
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
        threshold=bundle.facts.threshold if len(classes) == 2 else None,
        name=f"timeline-{prediction.event_id}",
    )
    write_text(out / f"timeline-{prediction.event_id}.svg", svg)
