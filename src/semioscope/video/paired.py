"""Reads an infrared and a depth recording together, frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Bool, Float, UInt16

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.core.wording import counted
from semioscope.video.decode import Frame, check_times
from semioscope.video.depth import Pairing, pair_streams
from semioscope.video.gray16 import Gray16Reader, is_gray16, open_gray16
from semioscope.video.timetable import TICK_SECONDS

MOST_UNPAIRED = 0.01
"""A larger share of infrared frames without depth is told."""
_SLOWER = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFrame:
    """An infrared frame with its depth.

    Args:
        time_seconds: Of the stored infrared frame, or the time that was asked for; from the first infrared frame.
        infrared: As stored; None where it is missing.
        depth: Millimetres, 0 where the camera saw none; None where no depth frame belongs to the infrared frame, or
            it cannot be read.
    """

    time_seconds: float
    infrared: UInt16[np.ndarray, "height width"] | None
    depth: UInt16[np.ndarray, "height width"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFrames:
    """Consecutive stored frames in arrays.

    Args:
        times_seconds: Of the infrared frames.
        infrared: 0 where the frame is missing.
        depth: Millimetres; 0, which is "no depth", in frames without any.
        has_infrared: Whether the infrared frame could be read.
        has_depth: Whether a depth frame belongs to it and could be read.
    """

    times_seconds: Float[np.ndarray, " num_frames"]
    infrared: UInt16[np.ndarray, "num_frames height width"]
    depth: UInt16[np.ndarray, "num_frames height width"]
    has_infrared: Bool[np.ndarray, " num_frames"]
    has_depth: Bool[np.ndarray, " num_frames"]


class PairedStreams:
    """Two open streams and their pairing; frames are counted as in ``infrared``.

    Args:
        infrared: Gives the zero of time and the frames.
        depth: Of the same picture size.
        pairing: Of the two.
    """

    def __init__(self, infrared: Gray16Reader, depth: Gray16Reader, pairing: Pairing) -> None:
        self.infrared, self.depth, self.pairing = infrared, depth, pairing

    def __enter__(self) -> "PairedStreams":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def num_frames(self) -> int:
        """Stored infrared frames."""
        return self.infrared.num_frames

    @property
    def times_seconds(self) -> Float[np.ndarray, " num_frames"]:
        """Of the stored infrared frames, from the first one of the recording."""
        return self.infrared.times_seconds

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of the pairing; empty when nearly all frames have their depth."""
        return pairing_remarks(
            self.pairing,
            self.depth.path.name,
            infrared_seconds=self.infrared.source.frame_seconds,
            depth_seconds=self.depth.source.frame_seconds,
        )

    def close(self) -> None:
        """Close both streams."""
        self.infrared.close()
        self.depth.close()

    def stored(self, first: int, last: int) -> Iterator[PairedFrame]:
        """Yield the stored infrared frames [first, last), each with its depth.

        Raises:
            ValueError: If they are not all there, or a stream is closed.
        """
        if not 0 <= first <= last <= self.num_frames:
            msg = f"Stored frames must lie in [0, {self.num_frames}), got [{first}, {last})."
            raise ValueError(msg)
        indices = np.arange(first, last)
        frames = self.infrared.frames(indices)
        return (self._paired(frame, index) for frame, index in zip(frames, indices.tolist(), strict=True))

    def at(self, times_seconds: Float[np.ndarray, " num_times"]) -> Iterator[PairedFrame]:
        """Yield the infrared frame that is shown at each time, with its depth.

        Args:
            times_seconds: Ascending, in seconds from the first infrared frame.

        Raises:
            ValueError: If the times are not finite and ascending, or a stream is closed.
        """
        check_times(times_seconds)
        indices = self.infrared.indices_at(times_seconds).tolist()
        frames = self.infrared.frames_at(times_seconds)
        return (self._paired(frame, index) for frame, index in zip(frames, indices, strict=True))

    def read(self, first: int, last: int) -> PairedFrames:
        """Return the stored frames [first, last) in arrays, with what is missing marked.

        Raises:
            ValueError: If they are not all there, or a stream is closed.
        """
        frames = self.stored(first, last)
        width, height = self.infrared.size
        infrared, depth = (np.zeros((last - first, height, width), dtype=np.uint16) for _ in range(2))
        has_infrared, has_depth = (np.zeros(last - first, dtype=bool) for _ in range(2))
        for place, frame in enumerate(frames):
            if frame.infrared is not None:
                infrared[place], has_infrared[place] = frame.infrared, True
            if frame.depth is not None:
                depth[place], has_depth[place] = frame.depth, True
        return PairedFrames(
            times_seconds=self.times_seconds[first:last],
            infrared=infrared,
            depth=depth,
            has_infrared=has_infrared,
            has_depth=has_depth,
        )

    def _paired(self, frame: Frame, index: int) -> PairedFrame:
        depth = None
        partner = -1 if frame.picture is None else int(self.pairing.depth_indices[index])
        if partner >= 0:
            depth = next(self.depth.frames(np.array([partner]))).picture
        return PairedFrame(time_seconds=frame.time_seconds, infrared=frame.picture, depth=depth)


def open_paired(
    infrared_path: Path,
    depth_path: Path,
    *,
    depth_offset_seconds: float = 0.0,
    interval: Interval | None = None,
) -> PairedStreams:
    """Open an infrared and a depth recording that were made together.

    Lengths and rates may differ; what has no partner is counted in ``pairing``.

    Args:
        infrared_path: Any source of ``GRAY16_KINDS``.
        depth_path: Any source of ``GRAY16_KINDS``.
        depth_offset_seconds: Added to the depth times; zero is the first infrared frame.
        interval: Only infrared frames shown inside it, and the depth frames that may belong to them; frames are then
            counted from the first of these, and the depth frames at either end may belong to frames outside. None
            for all.

    Raises:
        VideoError: If one cannot be read, is not of 16 bits, the picture sizes differ, or no frame has a partner.
    """
    infrared = open_stream(infrared_path, "infrared", interval)
    try:
        half = infrared.source.frame_seconds / 2
        depth = open_stream(depth_path, "depth", _depth_interval(interval, depth_offset_seconds, half))
        try:
            check_sizes(infrared_path.name, infrared.size, depth_path.name, depth.size)
            if not half > 0:
                msg = (
                    f"{infrared_path.name} must hold more than one frame, or say its rate, to be paired with depth. "
                    "Give the whole recording."
                )
                raise VideoError(msg)
            pairing = pair_streams(
                infrared.times_seconds,
                depth.times_seconds,
                offset_seconds=depth_offset_seconds,
                half_frame_seconds=half,
            )
            if pairing.num_paired == 0:
                raise VideoError(_no_overlap(infrared, depth, depth_offset_seconds))
        except BaseException:
            depth.close()
            raise
    except BaseException:
        infrared.close()
        raise
    return PairedStreams(infrared, depth, pairing)


def open_stream(path: Path, stream: str, interval: Interval | None = None) -> Gray16Reader:
    """Open the infrared or the depth of a recording.

    Args:
        path: Any source of ``GRAY16_KINDS``.
        stream: ``infrared`` or ``depth``: which one it is, for messages.
        interval: Only frames shown inside it; None for all.

    Raises:
        VideoError: If it cannot be read or is not of 16 bits; it says which stream is wrong.
    """
    try:
        return open_gray16(path, interval)
    except VideoError as err:
        without = ""
        if stream == "infrared" and _has_fewer_bits(path):
            without = " It can be used as it is without depth: the cropper box needs none."
        msg = f"{stream.capitalize()}: {err}{without}"
        raise VideoError(msg) from err


def check_sizes(
    infrared_name: str, infrared_size: tuple[int, int], depth_name: str, depth_size: tuple[int, int]
) -> None:
    """Check that both streams have pictures of one size (width, height).

    Raises:
        VideoError: If they have not.
    """
    if infrared_size != depth_size:
        came = " and ".join(
            f"{name} {width}x{height}"
            for name, (width, height) in ((infrared_name, infrared_size), (depth_name, depth_size))
        )
        msg = (
            f"Infrared and depth must have pictures of one size, pixel on pixel, got {came}. Name the depth file "
            "of this recording, or export both from the camera without scaling."
        )
        raise VideoError(msg)


def pairing_remarks(
    pairing: Pairing, depth_name: str, *, infrared_seconds: float, depth_seconds: float
) -> tuple[str, ...]:
    """Return what a person should know of a pairing; empty where at most 1 % of the infrared frames have no depth.

    Args:
        pairing: Of the two streams.
        depth_name: Of the depth.
        infrared_seconds: Usual distance of two infrared frames.
        depth_seconds: Usual distance of two depth frames; NaN if unknown.
    """
    if not pairing.unpaired_share > MOST_UNPAIRED:
        return ()
    offset = f"depth_offset_seconds {pairing.offset_seconds:g}"
    if depth_seconds > _SLOWER * infrared_seconds:
        rates = f"{1 / depth_seconds:.4g} per second, the infrared {1 / infrared_seconds:.4g}"
        why = f"the depth has {rates}"
        remedy = f"Export the depth again with {1 / infrared_seconds:.4g} frames per second."
    else:
        why = f"with {offset}"
        remedy = "Check the offset, and whether the depth is whole."
    return (
        f"{depth_name} must give depth for every infrared frame, but {pairing.num_paired} of {pairing.num_infrared} "
        f"({100 * (1 - pairing.unpaired_share):.0f} %) have a depth frame within half a frame: {why}. A slice with a "
        "frame without depth has no features; an event that would lose more than half of its frames or slices keeps "
        f"its raw picture and is flagged. {remedy}",
    )


def _depth_interval(interval: Interval | None, offset_seconds: float, half_seconds: float) -> Interval | None:
    """Return the stretch of depth, on its own axis, whose frames may belong to an interval."""
    if interval is None:
        return None
    margin = (half_seconds if half_seconds > 0 else 0.0) + TICK_SECONDS
    start = max(0.0, interval.start_seconds - offset_seconds - margin)
    end = interval.end_seconds - offset_seconds + margin
    return Interval(start_seconds=start, end_seconds=max(end, start + margin))


def _has_fewer_bits(path: Path) -> bool:
    try:
        return not is_gray16(path)
    except VideoError:
        return False


def _no_overlap(infrared: Gray16Reader, depth: Gray16Reader, offset_seconds: float) -> str:
    spans = []
    for reader, shift in ((infrared, 0.0), (depth, offset_seconds)):
        times = reader.times_seconds + shift
        spans.append(
            f"{reader.path.name} shows {counted(reader.num_frames, 'frame')}"
            + (f" from {times[0]:.2f} to {times[-1]:.2f} s" if times.size else "")
        )
    return (
        f"Infrared and depth must overlap in time, but no frame has a partner: {spans[0]}, {spans[1]} after "
        f"depth_offset_seconds {offset_seconds:g} was added. Correct the offset, or name the depth of this recording."
    )
