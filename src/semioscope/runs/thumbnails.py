"""Pictures of the clips that mattered, for the report. Faces are patients: blurred unless asked for."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from semioscope.core.errors import SemioscopeError
from semioscope.core.files import write_bytes
from semioscope.preprocess import base_picture, view_picture
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import ViewScore
from semioscope.video import open_reader

PICTURES_PER_VIEW = 4
BLUR_CELLS = 24
"""A blurred picture keeps so many cells along its width: posture can be seen, a face cannot."""
JPEG_QUALITY = 80


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
    starts = np.array(view.row["start_seconds"])[segments]
    centres = starts + plan.clips.clip_seconds / 2
    times, slot = np.unique(centres, return_inverse=True)
    with open_reader(plan.cohort.video_path(recording)) as reader:
        frames = [frame.picture for frame in reader.read(times)]
    found = {}
    for segment, position in zip(segments.tolist(), slot.tolist(), strict=True):
        picture = frames[position]
        if picture is not None:
            seen = view_picture(picture, region=recording.region, blank=recording.blank)
            found[segment] = base_picture(seen, plan.config.preprocess)
    return found


def _jpeg(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
