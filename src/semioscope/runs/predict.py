"""Give videos to a trained model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semioscope.core.config import Config
from semioscope.core.errors import SemioscopeError, WeightsError
from semioscope.features import BackboneChoice, load_backbone, plan_fps
from semioscope.plans import ExcerptStepPlan, SegmentPlan, StepPlan
from semioscope.runs.bundle import Bundle, ViewShape
from semioscope.runs.predict_clips import predict_clips
from semioscope.runs.predict_crops import check_crops
from semioscope.runs.predict_whole import predict_whole
from semioscope.runs.prediction import JudgedVideo, ModelBackbone, Prediction, PredictionRequest
from semioscope.scoring import predict_classes
from semioscope.video import DecodeReport

JUDGES: dict[type[Config], Callable[..., JudgedVideo]] = {
    SegmentPlan: predict_clips,
    StepPlan: predict_whole,
    ExcerptStepPlan: predict_whole,
}
"""How a video is judged, by how a model sees an event."""


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
        VideoError: If a video cannot be read, no clip of a view has all its frames, or its depth does not fit.
        ConfigError: If the event does not fit the video, is shorter than a clip, or the model has no use for what is
            asked.
        WeightsError: If the weights of the backbone are absent or others than the model was trained with, or the
            detector cannot be loaded.
    """
    check_crops(request, bundle)
    backbone = bundle_backbone(bundle, engine=engine, weights=weights)
    shapes = {"whole": ViewShape()} if whole_picture else bundle.facts.views
    if len(request.videos) > 1:
        shapes = {"whole": ViewShape()}
    judge = JUDGES[type(bundle.facts.segments)]
    judged = [
        judge(video, name, request, shapes, bundle, backbone)
        for video, name in zip(request.videos, _names(request.videos), strict=True)
    ]
    views = [view for one in judged for view in one.views]
    frames = DecodeReport()
    for one in judged:
        frames = frames.merged(one.frames)
    y_score = np.mean([view.y_score for view in views], axis=0)
    calibrated = bundle.facts.calibration.calibration().apply(y_score[None])[0]
    return Prediction(
        event_id=request.event_id,
        views=tuple(views),
        y_score=y_score,
        y_predicted=int(predict_classes(y_score[None], threshold=bundle.facts.threshold)[0]),
        calibrated=calibrated,
        num_frames=sum(one.num_frames for one in judged),
        frames=frames,
        notes=tuple(note for one in judged for note in one.notes),
    )


def bundle_backbone(
    bundle: Bundle, *, engine: str | None = None, weights: str | None = None
) -> ModelBackbone:
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
        input_size=wanted.input_size,
    )
    backbone = load_backbone(choice, fps=plan_fps(bundle.facts.clips))
    if backbone.weights_hash != bundle.facts.backbone_weights_hash:
        msg = (
            f"The model in {bundle.path.name} needs {wanted.name} with weights "
            f"{bundle.facts.backbone_weights_hash[:16]}, but these are {backbone.weights_hash[:16]}. "
            "Bring the weights that it was trained with (--weights FILE)."
        )
        raise WeightsError(msg)
    return ModelBackbone(choice=choice, network=backbone)


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


def predict_all(
    requests: Sequence[PredictionRequest], bundle: Bundle, **options: Any
) -> tuple[list[Prediction], list[tuple[str, str]]]:
    """Predict several events; one that fails does not stop the others.

    Raises:
        ConfigError: If the model has no use for the depth or the cropper that are asked for.
        WeightsError: If the weights of the backbone or of the detector are absent: nothing could be predicted.
    """
    for request in requests:
        check_crops(request, bundle)
    bundle_backbone(bundle, engine=options.get("engine"), weights=options.get("weights"))
    done: list[Prediction] = []
    failed: list[tuple[str, str]] = []
    for request in requests:
        try:
            done.append(predict_event(request, bundle, **options))
        except WeightsError:
            raise
        except SemioscopeError as err:
            failed.append((request.event_id, str(err)))
    return done, failed
