"""A 16-bit gray video (FFV1 in .mkv, or a parts list of such) as a source of stored frames."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from semioscope.core.intervals import Interval
from semioscope.video.index import index_packets
from semioscope.video.readers import Reader, open_reader
from semioscope.video.stored import StoredFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayVideo:
    """The frames that the container lists, each read by its own time; see ``StoredFrames``."""

    path: Path
    reader: Reader
    width: int
    height: int
    times_seconds: Float[np.ndarray, " num_frames"]
    frame_seconds: float
    tick_seconds: float
    duration_seconds: float
    num_lacking: int

    def stored(self, index: int) -> StoredFrame:
        """Return one frame; one that is listed but cannot be decoded is missing."""
        time_seconds = float(self.times_seconds[index])
        frame = next(self.reader.read(np.array([time_seconds])))
        if frame.picture is None or abs(frame.pts_seconds - time_seconds) > self.tick_seconds:
            fault = (
                f"{self.path.name} lists a frame at {time_seconds:.3f} s that cannot be decoded. Copy the file again "
                "from its source."
            )
            return StoredFrame(picture=None, fault=fault)
        return StoredFrame(picture=frame.picture, is_damaged=frame.status == "damaged")

    def close(self) -> None:
        """Close the file."""
        self.reader.close()


def open_gray_video(path: Path, interval: Interval | None = None) -> GrayVideo:
    """Open a 16-bit gray video or a parts list of such.

    Args:
        path: The file.
        interval: Only frames shown inside it: of a long recording, only that stretch of the file is listed. None
            lists all, which reads the file once.

    Raises:
        VideoError: If it is not a video, or not 16-bit gray.
    """
    reader = open_reader(path, pixel_format="gray16le")
    info = reader.info
    half_tick = float(info.time_base) / 2
    try:
        index = index_packets(path, None if interval is None else _earlier(interval, half_tick))
    except BaseException:
        reader.close()
        raise
    lacking = sum(max(1, round(gap.duration_seconds / info.frame_seconds)) for gap in index.gaps)
    return GrayVideo(
        path=path,
        reader=reader,
        width=info.width,
        height=info.height,
        times_seconds=index.pts_seconds,
        frame_seconds=info.frame_seconds,
        tick_seconds=float(info.time_base),
        duration_seconds=info.duration_seconds,
        num_lacking=lacking,
    )


def _earlier(interval: Interval, seconds: float) -> Interval:
    """Return an interval moved to earlier times, but not before 0."""
    start = max(0.0, interval.start_seconds - seconds)
    return Interval(start_seconds=start, end_seconds=max(interval.end_seconds - seconds, start + seconds))
