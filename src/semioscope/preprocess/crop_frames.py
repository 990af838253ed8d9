"""The stored frames of one event as one recording sees them, whatever kind of recording it is.

Crop plans are made on them and shown on them. Frames are counted from 0, the event's first stored frame.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt16

from semioscope.cohort import Cohort
from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.core.records import Recording, Region
from semioscope.video import (
    Gray16Reader,
    GreyWindow,
    PairedStreams,
    Reader,
    grey_window,
    is_gray16,
    open_gray16,
    open_paired,
    open_reader,
    to_8bit,
)

Picture = UInt16[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrame:
    """One stored frame.

    Args:
        index: Its place in the event.
        time_seconds: From the first displayed frame of the recording.
        picture: Of the whole file, with the recording's blank blackened: 16-bit gray or RGB; None where it is
            missing.
        depth: As stored, in millimetres, 0 is missing; None where the recording or the frame has none.
    """

    index: int
    time_seconds: float
    picture: Picture | None
    depth: UInt16[np.ndarray, "height width"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrames:
    """The frames of an open event.

    Args:
        source: What reads them.
        first: Number of the event's first frame in the source; 0 for colour.
        times_seconds: Of the event's frames, from the first displayed frame of the recording.
        blank: A rectangle that is blackened, or None.
        remarks: What a person should know of the pairing with the depth.
    """

    source: PairedStreams | Gray16Reader | Reader
    first: int
    times_seconds: Float[np.ndarray, " num_frames"]
    blank: Region | None = None
    remarks: tuple[str, ...] = ()

    @property
    def num_frames(self) -> int:
        """How many stored frames the event has, 1 or more."""
        return len(self.times_seconds)

    @property
    def depth_name(self) -> str:
        """Name of the depth recording; empty without depth."""
        return self.source.depth.path.name if isinstance(self.source, PairedStreams) else ""

    @property
    def has_depth(self) -> Bool[np.ndarray, " num_frames"]:
        """Which frames have a depth frame of their own, as far as the times tell."""
        if not isinstance(self.source, PairedStreams):
            return np.zeros(self.num_frames, dtype=bool)
        partners = self.source.pairing.depth_indices[self.first : self.first + self.num_frames]
        has: Bool[np.ndarray, " num_frames"] = partners >= 0
        return has

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, in pixels."""
        if isinstance(self.source, PairedStreams):
            return self.source.infrared.size
        if isinstance(self.source, Gray16Reader):
            return self.source.size
        return self.source.info.width, self.source.info.height

    def read(self, indices: Int[np.ndarray, " num_wanted"]) -> Iterator[EventFrame]:
        """Yield frames of the event; ascending numbers are fastest."""
        for index in indices.tolist():
            picture, depth = self._read(index)
            yield EventFrame(
                index=index,
                time_seconds=float(self.times_seconds[index]),
                picture=None if picture is None else _blackened(picture, self.blank),
                depth=depth,
            )

    def _read(self, index: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        place = self.first + index
        if isinstance(self.source, PairedStreams):
            pair = next(self.source.stored(place, place + 1))
            return pair.infrared, pair.depth
        if isinstance(self.source, Gray16Reader):
            return next(self.source.frames(np.array([place]))).picture, None
        return next(self.source.read(self.times_seconds[index : index + 1])).picture, None


@contextmanager
def open_event(
    cohort: Cohort, recording: Recording, interval: Interval, *, with_depth: bool = True
) -> Iterator[EventFrames]:
    """Open the frames of an event; only that stretch of a long recording is listed.

    A recording with depth is read as two paired streams of 16 bits, one without as what its file holds. Colour
    is read on an even grid of the file's frame rate, from the onset on.

    Args:
        cohort: Where the recording is.
        recording: Which.
        interval: The times of the event in it.
        with_depth: Whether its depth is read, too, where it has some. Without, infrared may have 8 bits.

    Raises:
        VideoError: If a stream cannot be read, depth and infrared do not fit, or the event has no frame.
        CohortError: If the recording has no video.
    """
    path = cohort.video_path(recording)
    with ExitStack() as stack:
        if recording.depth_path is not None and with_depth:
            streams = stack.enter_context(
                open_paired(
                    path,
                    cohort.folder / recording.depth_path,
                    depth_offset_seconds=recording.depth_offset_seconds,
                    interval=interval,
                )
            )
            first, last = streams.infrared.span(interval)
            times, remarks = streams.times_seconds[first:last], streams.remarks
            yield _checked(EventFrames(source=streams, first=first, times_seconds=times, remarks=remarks,
                                       blank=recording.blank), recording, interval)  # fmt: skip
        elif is_gray16(path):
            gray = stack.enter_context(open_gray16(path, interval))
            first, last = gray.span(interval)
            times = gray.times_seconds[first:last]
            yield _checked(EventFrames(source=gray, first=first, times_seconds=times, blank=recording.blank),
                           recording, interval)  # fmt: skip
        else:
            colour = open_reader(path)
            stack.callback(colour.close)
            step = colour.info.frame_seconds
            usual = step if math.isfinite(step) and step > 0 else interval.duration_seconds
            num_frames = max(1, math.ceil(interval.duration_seconds / usual - 1e-6))
            times = interval.start_seconds + usual * np.arange(num_frames)
            yield EventFrames(source=colour, first=0, times_seconds=times, blank=recording.blank)


def recording_window(cohort: Cohort, recording: Recording) -> GreyWindow | None:
    """Return the grey window of a whole recording of 16 bits; None for colour."""
    path = cohort.video_path(recording)
    if not is_gray16(path):
        return None
    with open_gray16(path) as reader:
        return grey_window(reader)


def shown(picture: Picture, window: GreyWindow | None) -> UInt8[np.ndarray, "height width 3"]:
    """Return a picture as RGB; 16-bit gray through the window of its recording.

    Raises:
        ValueError: If a picture of 16 bits comes without a window.
    """
    if picture.dtype == np.uint8:
        return picture
    if window is None:
        msg = "A picture of 16 bits needs the grey window of its recording."
        raise ValueError(msg)
    return np.repeat(to_8bit(picture, window)[..., None], 3, axis=-1)


def spread_places(num_frames: int, *, num_wanted: int) -> Int[np.ndarray, " num_places"]:
    """Return numbers of evenly spread frames, the first and the last among them; fewer where there are fewer.

    Examples:
        >>> spread_places(100, num_wanted=5)
        array([ 0, 25, 50, 74, 99])
        >>> spread_places(2, num_wanted=5)
        array([0, 1])
    """
    places: Int[np.ndarray, " num_places"] = np.unique(
        np.linspace(0, num_frames - 1, min(num_wanted, num_frames)).round().astype(np.int64)
    )
    return places


def _checked(frames: EventFrames, recording: Recording, interval: Interval) -> EventFrames:
    if frames.num_frames == 0:
        msg = (
            f"Recording {recording.recording_id} must show frames from {interval.start_seconds:g} to "
            f"{interval.end_seconds:g} s, but has none there. Correct the times in seizures.tsv, or the file."
        )
        raise VideoError(msg)
    return frames


def _blackened(picture: np.ndarray, blank: Region | None) -> np.ndarray:
    if blank is None:
        return picture
    left, top, right, bottom = blank.pixels(width=picture.shape[1], height=picture.shape[0])
    result = picture.copy()
    result[top:bottom, left:right] = 0
    return result
