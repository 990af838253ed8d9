"""What is asked of a trained model about an event, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from semioscope.core.errors import ConfigError, VideoError
from semioscope.core.intervals import Interval
from semioscope.features import BackboneChoice
from semioscope.networks import Backbone
from semioscope.recipes import CropsConfig
from semioscope.video import DecodeReport, VideoInfo, probe

END_TOLERANCE_SECONDS = 0.5
"""An offset this little behind the end of the video is the end of the video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRequest:
    """What is asked about one event.

    Args:
        event_id: Name of the event in the results.
        videos: Files that show it: one, or one per camera.
        onset_seconds: Beginning; None means the beginning of the video.
        offset_seconds: End; None means the end of the video.
        times: Onset and offset in single videos, in place of these, where the clocks of cameras differ.
        depth: Depth recording that belongs to the only video, for models that crop by depth.
        depth_offset_seconds: Added to its times; zero is the first frame of the video.
        crops: How the part of the picture is found, in place of the model's own way.
    """

    event_id: str
    videos: tuple[Path, ...]
    onset_seconds: float | None = None
    offset_seconds: float | None = None
    times: Mapping[Path, tuple[float, float]] = field(default_factory=dict)
    depth: Path | None = None
    depth_offset_seconds: float = 0.0
    crops: CropsConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBackbone:
    """The backbone of a model: which one was chosen, and the network."""

    choice: BackboneChoice
    network: Backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPrediction:
    """What one view says.

    Args:
        recording_id: The file's stem and the view.
        view: Name of the view.
        interval: The stretch that was judged, in seconds from the first displayed frame.
        y_score: Class probabilities.
        start_seconds: Start of each segment's clip, or of each slice.
        end_seconds: End of it.
        score_so_far: Class probabilities had the event ended with this clip.
        score_alone: Class probabilities of this clip alone.
        representation: One vector for the whole view.
        num_replaced_clips: Clips that lacked frames and were replaced by neighbours, or slices that were left out.
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
class JudgedVideo:
    """What a model says about one video of an event.

    Args:
        views: At least one.
        num_frames: Pictures that were read.
        frames: What the readers say about them.
        notes: Sentences about what was not as asked.
    """

    views: tuple[ViewPrediction, ...]
    num_frames: int
    frames: DecodeReport
    notes: tuple[str, ...] = ()


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


def judged_interval(request: PredictionRequest, video: Path) -> tuple[Interval, list[str]]:
    """Return the stretch of a video that is judged, and sentences about what was not as asked.

    Raises:
        VideoError: If the video cannot be read, or its end cannot be told.
        ConfigError: If the event does not fit the video.
    """
    info = probe(video)
    promise = f" (its header promises {info.header_duration_seconds:.1f} s: it was cut off)"
    interval = _asked_interval(
        request,
        video,
        duration_seconds=info.duration_seconds,
        cut_off=promise if info.is_cut_off else "",
    )
    _, end = _asked(request, video)
    return interval, end_notes(info, end) or _late_notes(
        request, video, duration_seconds=info.duration_seconds
    )


def _asked_interval(
    request: PredictionRequest, video: Path, *, duration_seconds: float, cut_off: str = ""
) -> Interval:
    """Return the stretch of a recording that is asked for, up to its end.

    Args:
        request: The event.
        video: Of whatever kind.
        duration_seconds: How long it lasts; NaN where that is not known.
        cut_off: What is said of a recording that is not whole.

    Raises:
        VideoError: If the end is neither given nor known.
        ConfigError: If the event does not fit.
    """
    begin, end = _asked(request, video)
    onset = begin or 0.0
    offset = duration_seconds if end is None else end
    if np.isfinite(duration_seconds) and onset >= duration_seconds:
        told = f"{video.name} lasts {duration_seconds:.2f} s{cut_off} and onset is {onset:g} s"
        remedy = "Copy the video again from its source." if cut_off else "Correct --onset."
        msg = f"The event must begin inside the video, but {told}. {remedy}"
        raise ConfigError(msg)
    if not np.isfinite(offset):
        msg = f"The length of {video.name} cannot be told from the file. Give the end of the event with --offset."
        raise VideoError(msg)
    if offset <= onset:
        msg = f"The event in {video.name} must end after it begins, got onset {onset:g} s and offset {offset:g} s."
        raise ConfigError(msg)
    end_seconds = min(offset, duration_seconds) if np.isfinite(duration_seconds) else offset
    return Interval(start_seconds=onset, end_seconds=end_seconds)


def _late_notes(request: PredictionRequest, video: Path, *, duration_seconds: float) -> list[str]:
    """Return what must be known where a recording ends before the event does."""
    _, end = _asked(request, video)
    if end is None or not end > duration_seconds + END_TOLERANCE_SECONDS:  # nor where it is not known
        return []
    return [
        f"{video.name} ends at {duration_seconds:.1f} s, before the offset {end:.1f} s: "
        "check whether the file is complete and the times are right."
    ]


def _asked(request: PredictionRequest, video: Path) -> tuple[float | None, float | None]:
    return request.times.get(video, (request.onset_seconds, request.offset_seconds))


def end_notes(info: VideoInfo, asked_end: float | None) -> list[str]:
    """Return what must be known of a video that is incomplete; ``asked_end`` is the event's offset, if given."""
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
    return []
