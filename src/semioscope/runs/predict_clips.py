"""Give a video to a model of drawn clips: only the frames of the clips that it looks at are decoded."""

from pathlib import Path

import numpy as np

from semioscope.core.errors import ConfigError, VideoError
from semioscope.core.intervals import Interval
from semioscope.features import ClipFeatures, StreamStatistics, ViewClips, stream_features
from semioscope.plans import (
    ClipPlan,
    SegmentPlan,
    bounds_of_clips,
    clip_range,
    clip_start_seconds,
    draw_positions,
)
from semioscope.runs.bundle import Bundle, ViewShape
from semioscope.runs.prediction import (
    JudgedVideo,
    ModelBackbone,
    PredictionRequest,
    ViewPrediction,
    judged_interval,
)
from semioscope.video import DecodeReport

MAX_ROUNDS = 8
"""How often clips with missing frames are replaced by their neighbours before a view is given up."""


def predict_clips(
    video: Path,
    video_name: str,
    request: PredictionRequest,
    shapes: dict[str, ViewShape],
    bundle: Bundle,
    backbone: ModelBackbone,
) -> JudgedVideo:
    """Return what a model of drawn clips says about one video: only the clips that it looks at are decoded.

    Raises:
        VideoError: If the video cannot be read, or too many frames are missing.
        ConfigError: If the event does not fit the video, or is shorter than a clip.
    """
    plan, segments = bundle.facts.clips, bundle.facts.segments
    assert isinstance(plan, ClipPlan)
    assert isinstance(segments, SegmentPlan)
    statistics = StreamStatistics()
    interval, notes = judged_interval(request, video)
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
            video, wanted, backbone=backbone.network, picture=bundle.facts.preprocess, statistics=statistics
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
    views = [
        _view_prediction(
            video_name, name, interval, chosen[number], known[number], len(lost[number]), bundle, plan
        )
        for number, name in enumerate(shapes)
    ]
    return JudgedVideo(
        views=tuple(views),
        num_frames=statistics.num_frames,
        frames=statistics.frames or DecodeReport(),
        notes=tuple(notes),
    )


def _view_prediction(
    video_name: str,
    view: str,
    interval: Interval,
    chosen: np.ndarray,
    known: dict[int, ClipFeatures],
    num_lost: int,
    bundle: Bundle,
    plan: ClipPlan,
) -> ViewPrediction:
    import torch

    from semioscope.training import single_thread

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
