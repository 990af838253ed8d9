"""Pictures of the clips that mattered, for the report. Faces are patients: blurred unless asked for."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from semioscope.core.config import Config
from semioscope.core.errors import SemioscopeError
from semioscope.core.files import write_bytes
from semioscope.core.records import EventView, Recording
from semioscope.features import PICTURE_KINDS, ViewFinder
from semioscope.preprocess import PictureConfig, base_picture, view_picture
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.preprocess.gray_pictures import GrayPictureConfig
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import ViewScore
from semioscope.video import open_reader

PICTURES_PER_VIEW = 4
BLUR_CELLS = 24
"""A blurred picture keeps so many cells along its width: posture can be seen, a face cannot."""
JPEG_QUALITY = 80
GRAY_PICTURE_SIZE = 320
"""Side of the square in which a picture of an infrared camera is shown, in pixels."""


def write_thumbnails(
    run: Path, plan: RunPlan, scores: Mapping[str, Any], views: Sequence[ViewScore]
) -> list[Path]:
    """Write ``thumbnails/<event>__<recording>__<segment>.jpg`` for the events that the report shows.

    The clips that mattered are those whose own score is the most extreme in the direction of the decision; none
    is shown twice. A picture that cannot be read is left out; the failure of its recording has been told.
    """
    mode = plan.config.report.thumbnails
    written: list[Path] = []
    if mode != "off":
        written = _written(run, plan, scores, views)
    for path in set((run / "thumbnails").glob("*.jpg")) - set(written):
        path.unlink(missing_ok=True)  # of an earlier call, before a failed recording was mended
    return written


def _written(run: Path, plan: RunPlan, scores: Mapping[str, Any], views: Sequence[ViewScore]) -> list[Path]:
    mode = plan.config.report.thumbnails
    wanted = {event_id for chosen in scores["examples"].values() for event_id in chosen}
    predicted = {event["event_id"]: event["y_predicted"] for event in scores["events"]}
    written: list[Path] = []
    for view in views:
        event_id = view.example.event_id
        if event_id not in wanted:
            continue
        own = np.array(view.row["clip"])[:, predicted[event_id]]
        segments = _most_telling(own, np.array(view.row["start_seconds"]))
        try:
            pictures = _pictures(plan, view, segments)
        except SemioscopeError:
            continue
        for segment, picture in pictures.items():
            name = f"{event_id}__{view.example.recording_id}__{segment}.jpg"
            path = run / "thumbnails" / name
            write_bytes(path, _jpeg(blurred(picture) if mode == "blurred" else picture))
            written.append(path)
    return written


def _most_telling(
    scores: Float64[np.ndarray, " num_segments"], start_seconds: Float64[np.ndarray, " num_segments"]
) -> Int64[np.ndarray, " num_pictures"]:
    """Return the segments of the highest scores, in the order of time; a clip counts once.

    The segments of a short event, or of one with holes, can share a clip.
    """
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(start_seconds[order], return_index=True)
    chosen: Int64[np.ndarray, " num_pictures"] = np.sort(order[np.sort(first)[:PICTURES_PER_VIEW]])
    return chosen


def blurred(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Return a picture of the same size in which no face can be recognised."""
    from PIL import Image

    height, width = picture.shape[:2]
    rows = max(1, round(BLUR_CELLS * height / width))
    small = Image.fromarray(picture).resize((BLUR_CELLS, rows), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _pictures(plan: RunPlan, view: ViewScore, segments: np.ndarray) -> dict[int, np.ndarray]:
    recording = plan.cohort.recordings[view.example.recording_id]
    starts, ends = np.array(view.row["start_seconds"]), np.array(view.row["end_seconds"])
    centres = ((starts + ends) / 2)[segments]
    times, slot = np.unique(np.minimum(centres, view.example.offset_seconds), return_inverse=True)
    frames = SHOWN_PICTURES[type(plan.config.picture)](plan, recording, times)
    found = {}
    for segment, position in zip(segments.tolist(), slot.tolist(), strict=True):
        picture = frames[position]
        if picture is not None:
            found[segment] = picture
    return found


Pictures: TypeAlias = list[UInt8[np.ndarray, "height width 3"] | None]


def _colour_pictures(
    plan: RunPlan, recording: Recording, times_seconds: Float64[np.ndarray, " num_times"]
) -> Pictures:
    with open_reader(plan.cohort.video_path(recording)) as reader:
        frames = [frame.picture for frame in reader.read(times_seconds)]
    return [
        None
        if frame is None
        else base_picture(
            view_picture(frame, region=recording.region, blank=recording.blank), plan.config.preprocess
        )
        for frame in frames
    ]


def _gray_pictures(
    plan: RunPlan, recording: Recording, times_seconds: Float64[np.ndarray, " num_times"]
) -> Pictures:
    """Return pictures of an infrared recording as its camera saw them: no depth crop, no box."""
    uncleared = plan.config.gray.model_copy(update={"depth_crop": False})
    finder = ViewFinder(cohort=plan.cohort, pictures=uncleared, store=plan.store)
    span = EventView(
        recording_id=recording.recording_id,
        onset_seconds=float(times_seconds.min()),
        offset_seconds=float(times_seconds.max()) + 1.0,
    )
    seen = finder.see(recording, span, None)
    kind = PICTURE_KINDS[type(seen.picture)]
    with kind.opens(finder.path_of(recording), seen.picture, None, times_seconds) as reader:
        frames = [frame.picture for frame in reader.read(times_seconds)]
    return [
        None
        if frame is None
        else kind.makes(
            frame, seen.picture, region=seen.region, blank=recording.blank, size=GRAY_PICTURE_SIZE
        )
        for frame in frames
    ]


SHOWN_PICTURES: dict[type[Config], Callable[..., Pictures]] = {
    PictureConfig: _colour_pictures,
    GrayPictureConfig: _gray_pictures,
    FramePictureConfig: _colour_pictures,
}
"""What a person is shown of a recording, by what the network is shown of it."""


def _jpeg(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
