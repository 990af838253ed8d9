"""Reads the 16-bit pictures of an infrared camera, cleared by depth where an event has planes for it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Bool, Float

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.preprocess import NoiseFilter, PlaneCrop
from semioscope.preprocess.depth_lack import lack_of_depth
from semioscope.preprocess.gray_pictures import DepthClearing, GrayPicture
from semioscope.video import (
    DecodeReport,
    Frame,
    Gray16Reader,
    PairedStreams,
    Reader,
    missing_share,
    open_gray16,
    open_paired,
    open_reader,
)

_MARGIN_SECONDS = 1.0
"""Listed on either side of what is read, so that the pairing of a frame does not depend on what is read with it."""
_MOST_MISSING = 0.5
_NUM_LOOKED_AT = 3


class GrayReader:
    """Reads frames at given times, as ``FrameReader`` does; a frame whose depth is lacking is missing.

    Args:
        infrared: Open.
        streams: The same with its depth; None if nothing is cleared.
        depth: What is cleared.
    """

    def __init__(
        self, infrared: Gray16Reader, streams: PairedStreams | None, depth: DepthClearing | None
    ) -> None:
        self._infrared, self._streams = infrared, streams
        self.report = DecodeReport()
        width, height = infrared.size
        if depth is not None:
            self._noise = NoiseFilter(height=height, width=width)
            self._crop = PlaneCrop(depth.planes, height=height, width=width)

    def __enter__(self) -> "GrayReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self._streams or self._infrared).close()

    def read(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[Frame]:
        """Yield the frame that is shown at each time, in order."""
        indices = self._infrared.indices_at(times_seconds).tolist()
        for frame, index in zip(self._infrared.frames_at(times_seconds), indices, strict=True):
            made = frame if self._streams is None else self._cleared(frame, index, self._streams)
            self.report = self.report.counting(made)
            yield made

    def _cleared(self, frame: Frame, index: int, streams: PairedStreams) -> Frame:
        partner = int(streams.pairing.depth_indices[index]) if frame.picture is not None else -1
        depth = next(streams.depth.frames(np.array([partner]))) if partner >= 0 else None
        if frame.picture is None or depth is None or depth.picture is None:
            return Frame(
                time_seconds=frame.time_seconds, pts_seconds=math.nan, picture=None, status="missing"
            )
        picture = frame.picture.copy()
        self._crop.clear(self._noise(depth.picture), picture)
        status = "damaged" if depth.status == "damaged" else frame.status
        return Frame(
            time_seconds=frame.time_seconds, pts_seconds=frame.pts_seconds, picture=picture, status=status
        )


def open_gray(
    path: Path,
    picture: GrayPicture,
    depth_path: Path | None,
    times_seconds: Float[np.ndarray, " num_times"],
) -> GrayReader | Reader:
    """Open a recording for the pictures of a view.

    Args:
        path: The recording: an ordinary video, or a 16-bit source of ``GRAY16_KINDS``.
        picture: What is done to its pictures.
        depth_path: Its depth; needed where the picture is cleared by it.
        times_seconds: What will be read; ascending, at least one.

    Raises:
        VideoError: If it cannot be read.
    """
    if picture.window is None:
        return open_reader(path)
    around = _around(times_seconds)
    if picture.depth is None:
        return GrayReader(open_gray16(path, around), None, None)
    assert depth_path is not None
    streams = open_paired(
        path, depth_path, depth_offset_seconds=picture.depth.offset_seconds, interval=around
    )
    return GrayReader(streams.infrared, streams, picture.depth)


def judge_depth(
    path: Path,
    depth_path: Path,
    *,
    offset_seconds: float,
    times_seconds: Float[np.ndarray, " num_frames"],
    clips: Sequence[Float[np.ndarray, "_ _"]] = (),
) -> tuple[str, str]:
    """Return why the depth of an event cannot clear its pictures, and what a person should know if it can.

    It cannot where it does not fit the infrared (size, bits, time), where more than half of the frames have no
    depth of their own, or more than half of the clips a frame without, or where more than half of the pixels have
    none (median of three frames).

    Args:
        path: The infrared recording.
        depth_path: Its depth.
        offset_seconds: Added to the times of the depth.
        times_seconds: Of the event's frames; at least one.
        clips: When the frames of its clips are shown, in arrays (clips, frames).
    """
    name = depth_path.name
    try:
        with open_paired(
            path, depth_path, depth_offset_seconds=offset_seconds, interval=_around(times_seconds)
        ) as streams:
            partners = streams.pairing.depth_indices[streams.infrared.indices_at(times_seconds)]
            paired = partners[partners >= 0]
            without = len(partners) - len(paired)
            if fault := lack_of_depth(name, partners >= 0, _whole_clips(streams, clips)):
                return fault, ""
            places = np.unique(np.linspace(0, len(paired) - 1, _NUM_LOOKED_AT).round().astype(np.int64))
            pictures = [frame.picture for frame in streams.depth.frames(paired[places])]
            share = float(
                np.median([1.0 if picture is None else missing_share(picture) for picture in pictures])
            )
            if share > _MOST_MISSING:
                fault = (
                    f"{name} must give depth for at least half of the pixels, but {100 * share:.0f} % have none. "
                    "Check that the camera stood within its range, or export the depth again."
                )
                return fault, ""
    except (VideoError, OSError) as err:
        return str(err), ""
    if without:
        return "", (
            f"{without} of {len(partners)} frames have no depth in {name}; what they are part of has no features."
        )
    return "", ""


def _whole_clips(
    streams: PairedStreams, clips: Sequence[Float[np.ndarray, "_ _"]]
) -> Bool[np.ndarray, " num_clips"]:
    """Return which clips have depth wherever they have infrared."""
    shown = [streams.infrared.indices_at(times.ravel()).reshape(times.shape) for times in clips]
    whole = [((streams.pairing.depth_indices[places] >= 0) | (places < 0)).all(axis=1) for places in shown]
    return np.concatenate([np.zeros(0, dtype=bool), *whole])


def _around(times_seconds: Float[np.ndarray, " num_times"]) -> Interval:
    return Interval(
        start_seconds=max(0.0, float(times_seconds[0]) - _MARGIN_SECONDS),
        end_seconds=float(times_seconds[-1]) + _MARGIN_SECONDS,
    )
