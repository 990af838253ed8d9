"""Give videos to a trained model: only the frames of the clips that it looks at are decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from semioscope.core.errors import ConfigError, SemioscopeError, VideoError, WeightsError
from semioscope.core.intervals import Interval
from semioscope.features import (
    BackboneChoice,
    ClipFeatures,
    StreamStatistics,
    ViewClips,
    load_backbone,
    stream_features,
)
from semioscope.networks import Backbone
from semioscope.plans import bounds_of_clips, clip_range, clip_start_seconds, draw_positions
from semioscope.runs.bundle import Bundle, ViewShape
from semioscope.scoring import predict_classes
from semioscope.video import DecodeReport, VideoInfo, probe

END_TOLERANCE_SECONDS = 0.5
"""An offset this little behind the end of the video is the end of the video."""

MAX_ROUNDS = 8
"""How often clips with missing frames are replaced by their neighbours before a view is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRequest:
    """What is asked about one event.

    Args:
        event_id: Name of the event in the results.
        videos: Files that show it: one, or one per camera.
        onset_seconds: Beginning; None means the beginning of the video.
        offset_seconds: End; None means the end of the video.
        times: Onset and offset in single videos, in place of these, where the clocks of cameras differ.
    """

    event_id: str
    videos: tuple[Path, ...]
    onset_seconds: float | None = None
    offset_seconds: float | None = None
    times: Mapping[Path, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPrediction:
    """What one view says.

    Args:
        recording_id: The file's stem and the view.
        view: Name of the view.
        interval: The stretch that was judged, in seconds from the first displayed frame.
        y_score: Class probabilities.
        start_seconds: Start of each segment's clip.
        end_seconds: End of it.
        score_so_far: Class probabilities had the event ended with this clip.
        score_alone: Class probabilities of this clip alone.
        representation: One vector for the whole view.
        num_replaced_clips: Clips that lacked frames and were replaced by neighbours.
    """

    recording_id: str
    view: str
    interval: Interval
    y_score: Float[np.ndarray, " num_classes"]
    start_seconds: Float[np.ndarray, " num_segments"]
    end_seconds: Float[np.ndarray, " num_segments"]
    score_so_far: Float[np.ndarray, "num_segments num_classes"]
    score_alone: Float[np.ndarray, "num_segments num_classes"]
    representation: Float32[np.ndarray, " size"]
    num_replaced_clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model says about one event.

    Args:
        event_id: The event.
        views: At least one.
        y_score: Class probabilities, mean over views.
        y_predicted: Index of the class.
        calibrated: Class probabilities after the calibration of the bundle.
        num_frames: Pictures that were read.
        frames: What the readers of the videos say about them; a picture that clips or views share counts once.
        notes: Sentences about what was not as asked.
    """

    event_id: str
    views: tuple[ViewPrediction, ...]
    y_score: Float[np.ndarray, " num_classes"]
    y_predicted: int
    calibrated: Float[np.ndarray, " num_classes"]
    num_frames: int
    frames: DecodeReport
    notes: tuple[str, ...] = ()


def predict_event(
    request: PredictionRequest,
    bundle: Bundle,
    *,
    engine: str | None = None,
    weights: str | None = None,
    whole_picture: bool = False,
) -> Prediction:
    """Return what a model says about one event.

    The video is split as the bundle says and the probabilities of its views are averaged.

    Args:
        request: The event.
        bundle: The model.
        engine: In place of the bundle's engine.
        weights: In place of the bundle's choice of backbone weights; they must be the same weights.
        whole_picture: The video is one view, whatever the bundle's montage.

    Raises:
        VideoError: If a video cannot be read, or no clip of a view has all its frames.
        ConfigError: If the event does not fit the video, or is shorter than a clip.
        WeightsError: If the weights of the backbone are absent or others than the model was trained with.
    """
    backbone = bundle_backbone(bundle, engine=engine, weights=weights)
    shapes = {"whole": ViewShape()} if whole_picture else bundle.facts.views
    separate = len(request.videos) > 1
    if separate:
        shapes = {"whole": ViewShape()}
    statistics = StreamStatistics()
    num_frames, frames = 0, DecodeReport()
    views: list[ViewPrediction] = []
    notes: list[str] = []
    for video, name in zip(request.videos, _names(request.videos), strict=True):
        interval, video_notes = _interval(request, video)
        notes += video_notes
        views += _predict_views(video, name, interval, shapes, bundle, backbone, statistics)
        num_frames += statistics.num_frames
        frames = frames.merged(statistics.frames or DecodeReport())
        statistics = StreamStatistics()
    y_score = np.mean([view.y_score for view in views], axis=0)
    calibrated = bundle.facts.calibration.calibration().apply(y_score[None])[0]
    return Prediction(
        event_id=request.event_id,
        views=tuple(views),
        y_score=y_score,
        y_predicted=int(predict_classes(y_score[None], threshold=bundle.facts.threshold)[0]),
        calibrated=calibrated,
        num_frames=num_frames,
        frames=frames,
        notes=tuple(notes),
    )


def bundle_backbone(bundle: Bundle, *, engine: str | None = None, weights: str | None = None) -> Backbone:
    """Return the backbone that a bundle needs.

    Raises:
        WeightsError: If its weights are absent, or others than the model was trained with.
    """
    wanted = bundle.facts.backbone
    choice = BackboneChoice(
        name=wanted.name,
        weights=weights or wanted.weights,
        engine=engine or wanted.engine,
        precision=wanted.precision,
    )
    backbone = load_backbone(choice, fps=bundle.facts.clips.fps)
    if backbone.weights_hash != bundle.facts.backbone_weights_hash:
        msg = (
            f"The model in {bundle.path.name} needs {wanted.name} with weights "
            f"{bundle.facts.backbone_weights_hash[:16]}, but these are {backbone.weights_hash[:16]}. "
            "Bring the weights that it was trained with (--weights FILE)."
        )
        raise WeightsError(msg)
    return backbone


def _names(videos: Sequence[Path]) -> list[str]:
    """Return the stems of videos, with a number behind those that occur before."""
    names: list[str] = []
    for video in videos:
        name, number = video.stem, 1
        while name in names:
            number += 1
            name = f"{video.stem}-{number}"
        names.append(name)
    return names


def _interval(request: PredictionRequest, video: Path) -> tuple[Interval, list[str]]:
    """Return the stretch of a video that is judged, and sentences about what was not as asked."""
    info = probe(video)
    duration = info.duration_seconds
    begin, end = request.times.get(video, (request.onset_seconds, request.offset_seconds))
    onset = begin or 0.0
    offset = duration if end is None else end
    if np.isfinite(duration) and onset >= duration:
        promise = f" (its header promises {info.header_duration_seconds:.1f} s: it was cut off)"
        told = f"{video.name} lasts {duration:.2f} s{promise if info.is_cut_off else ''} and onset is {onset:g} s"
        remedy = "Copy the video again from its source." if info.is_cut_off else "Correct --onset."
        msg = f"The event must begin inside the video, but {told}. {remedy}"
        raise ConfigError(msg)
    if not np.isfinite(offset):
        msg = f"The length of {video.name} cannot be told from the file. Give the end of the event with --offset."
        raise VideoError(msg)
    if offset <= onset:
        msg = f"The event in {video.name} must end after it begins, got onset {onset:g} s and offset {offset:g} s."
        raise ConfigError(msg)
    end_seconds = min(offset, duration) if np.isfinite(duration) else offset
    return Interval(start_seconds=onset, end_seconds=end_seconds), _end_notes(info, end)


def _end_notes(info: VideoInfo, asked_end: float | None) -> list[str]:
    """Return what must be known about the end of a video; ``asked_end`` is the event's offset, if given."""
    name, left = info.path.name, info.duration_seconds
    is_late = asked_end is not None and asked_end > left + END_TOLERANCE_SECONDS
    if info.is_cut_off:
        begins = (
            f"{name} is incomplete: by its header it lasted {info.header_duration_seconds:.1f} s, but only the first "
            f"{left:.1f} s are left"
        )
        if asked_end is not None and not is_late:
            return [f"{begins}. The seizure ends before that, so what was judged is not affected."]
        until = "" if asked_end is None else f" (the offset is {asked_end:.1f} s)"
        return [
            f"{begins}. Only these were judged; the seizure may go on in the lost part{until}. Copy the video again "
            "from its source and predict again."
        ]
    if is_late:
        return [
            f"{name} ends at {left:.1f} s, before the offset {asked_end:.1f} s: "
            "check whether the file is complete and the times are right."
        ]
    return []


def _predict_views(
    video: Path,
    video_name: str,
    interval: Interval,
    shapes: dict[str, ViewShape],
    bundle: Bundle,
    backbone: Backbone,
    statistics: StreamStatistics,
) -> list[ViewPrediction]:
    plan, segments = bundle.facts.clips, bundle.facts.segments
    span = clip_range(plan, interval)
    if span.num_clips == 0:
        msg = (
            f"The event in {video.name} must hold at least one clip of {plan.clip_seconds:.2f} s, but lasts "
            f"{interval.duration_seconds:.2f} s."
        )
        raise ConfigError(msg)
    known: list[dict[int, ClipFeatures]] = [{} for _ in shapes]
    lost: list[set[int]] = [set() for _ in shapes]
    chosen: list[np.ndarray] = [np.zeros(0, np.int64) for _ in shapes]
    for _ in range(MAX_ROUNDS):
        wanted: list[ViewClips] = []
        for number, shape in enumerate(shapes.values()):
            there = np.array(
                [clip for clip in span.clip_index.tolist() if clip not in lost[number]], np.int64
            )
            if there.size == 0:
                break
            bounds = bounds_of_clips(
                (there - span.first_clip) * plan.stride + span.phase,
                np.array([0, there.size]),
                np.array([span.num_frames]),
                num_segments=segments.num_segments,
                frames_per_clip=plan.frames_per_clip,
                short=segments.short,
            )
            chosen[number] = there[draw_positions(bounds, gamma=float("inf"), rng=None)[0]]
            new = np.array(sorted(set(chosen[number].tolist()) - set(known[number])), np.int64)
            region, blank = shape.regions()
            start = interval.start_seconds
            wanted.append(ViewClips.of(plan, new, region=region, blank=blank, event_start_seconds=start))
        if len(wanted) < len(shapes) or not any(view.clip_index.size for view in wanted):
            break
        for clip in stream_features(
            video, wanted, backbone=backbone, picture=bundle.facts.preprocess, statistics=statistics
        ):
            if np.isfinite(clip.features).all():
                known[clip.view][clip.clip_index] = clip
            else:
                lost[clip.view].add(clip.clip_index)
    for number, name in enumerate(shapes):
        if any(clip not in known[number] for clip in chosen[number].tolist()) or not chosen[number].size:
            msg = (
                f"{video.name}, view {name}: too many frames are missing between {interval.start_seconds:.1f} s and "
                f"{interval.end_seconds:.1f} s ({len(lost[number])} clips without all their frames). "
                "Check the file, or choose another stretch with --onset and --offset."
            )
            raise VideoError(msg)
    return [
        _view_prediction(video_name, name, interval, chosen[number], known[number], len(lost[number]), bundle)
        for number, name in enumerate(shapes)
    ]


def _view_prediction(
    video_name: str,
    view: str,
    interval: Interval,
    chosen: np.ndarray,
    known: dict[int, ClipFeatures],
    num_lost: int,
    bundle: Bundle,
) -> ViewPrediction:
    import torch

    from semioscope.training import single_thread

    plan = bundle.facts.clips
    rows = np.stack([known[clip].features.mean(axis=0) for clip in chosen.tolist()]).astype(np.float32)
    with torch.inference_mode(), single_thread():
        x = torch.from_numpy(rows[None])
        scores, so_far, alone = (
            torch.softmax(logits.double(), dim=-1)[0].numpy()
            for logits in (
                bundle.model(x),
                bundle.model.logits_per_step(x),
                bundle.model.logits_per_clip(x),
            )
        )
        representation = bundle.model.representation(x)[0].numpy()
    starts = clip_start_seconds(plan, chosen, event_start_seconds=interval.start_seconds)
    return ViewPrediction(
        recording_id=f"{video_name}-{view}",
        view=view,
        interval=interval,
        y_score=scores,
        start_seconds=starts,
        end_seconds=starts + plan.clip_seconds,
        score_so_far=so_far,
        score_alone=alone,
        representation=representation,
        num_replaced_clips=num_lost,
    )


def predict_all(
    requests: Sequence[PredictionRequest], bundle: Bundle, **options: Any
) -> tuple[list[Prediction], list[tuple[str, str]]]:
    """Predict several events; one that fails does not stop the others.

    Raises:
        WeightsError: If the weights of the backbone are absent: nothing could be predicted.
    """
    bundle_backbone(bundle, engine=options.get("engine"), weights=options.get("weights"))
    done: list[Prediction] = []
    failed: list[tuple[str, str]] = []
    for request in requests:
        try:
            done.append(predict_event(request, bundle, **options))
        except SemioscopeError as err:
            failed.append((request.event_id, str(err)))
    return done, failed
