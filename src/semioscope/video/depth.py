"""Pairs the frames of an infrared and a depth stream by time."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which depth frame belongs to each infrared frame.

    Args:
        depth_indices: Per infrared frame the number of its depth frame, or -1. Those of 0 and above ascend and
            never repeat.
        distance_seconds: Per infrared frame how far the depth frame lies from it in time; NaN where there is none.
        num_depth: Frames of the depth stream.
        offset_seconds: Was added to the depth times.
        half_frame_seconds: The largest distance of a pair.
    """

    depth_indices: Int[np.ndarray, " num_infrared"]
    distance_seconds: Float[np.ndarray, " num_infrared"]
    num_depth: int
    offset_seconds: float
    half_frame_seconds: float

    @property
    def num_infrared(self) -> int:
        """Frames of the infrared stream."""
        return int(self.depth_indices.shape[0])

    @property
    def num_paired(self) -> int:
        """Pairs."""
        return int(np.count_nonzero(self.depth_indices >= 0))

    @property
    def num_unpaired_infrared(self) -> int:
        """Infrared frames without depth."""
        return self.num_infrared - self.num_paired

    @property
    def num_unpaired_depth(self) -> int:
        """Depth frames that serve no infrared frame."""
        return self.num_depth - self.num_paired

    @property
    def unpaired_share(self) -> float:
        """Share of the infrared frames without depth, from 0 to 1; NaN without frames."""
        return self.num_unpaired_infrared / self.num_infrared if self.num_infrared else math.nan


def pair_streams(
    infrared_times: Float[np.ndarray, " num_infrared"],
    depth_times: Float[np.ndarray, " num_depth"],
    *,
    offset_seconds: float,
    half_frame_seconds: float | None = None,
) -> Pairing:
    """Give each infrared frame the depth frame nearest to it in time, at most half an infrared frame away.

    Of two depth frames at the same distance the earlier is taken. A depth frame serves once: where it is the
    nearest of several infrared frames, the nearest of them keeps it (of equal ones the earlier), and the others
    stay without depth, for a frame that is shown twice would be invented. So order is kept.

    Args:
        infrared_times: Strictly ascending; zero is the first infrared frame of the recording.
        depth_times: Strictly ascending, on the depth stream's own axis.
        offset_seconds: Added to the depth times (``depth_offset_seconds``), which puts them on the infrared axis.
        half_frame_seconds: The largest distance of a pair, included. None: half the median distance of two infrared
            frames.

    Raises:
        ValueError: If times are not finite and strictly ascending, or half an infrared frame is not known.

    Examples:
        >>> times = np.array([0.0, 0.1, 0.2])
        >>> pair_streams(times, times, offset_seconds=0.1).depth_indices
        array([-1,  0,  1])
    """
    for name, times in (("infrared_times", infrared_times), ("depth_times", depth_times)):
        if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
            msg = f"{name} must be finite and ascend strictly. Drop frames that share a time."
            raise ValueError(msg)
    if not math.isfinite(offset_seconds):
        msg = f"offset_seconds must be a finite number of seconds, got {offset_seconds}."
        raise ValueError(msg)
    half = half_frame_seconds
    if half is None:
        half = float(np.median(np.diff(infrared_times))) / 2 if len(infrared_times) > 1 else math.nan
    if not half >= 0:
        msg = f"half_frame_seconds must be 0 or more, got {half}. Give it where there are fewer than two frames."
        raise ValueError(msg)
    indices = np.full(len(infrared_times), -1, dtype=np.int64)
    distances = np.full(len(infrared_times), np.nan)
    if len(infrared_times) and len(depth_times):
        shifted = depth_times + offset_seconds
        after = np.searchsorted(shifted, infrared_times).clip(0, len(shifted) - 1)
        before = (after - 1).clip(0)
        to_before, to_after = (
            np.abs(shifted[before] - infrared_times),
            np.abs(shifted[after] - infrared_times),
        )
        nearest = np.where(to_before <= to_after, before, after)
        distance = np.minimum(to_before, to_after)
        wanting = np.flatnonzero(distance <= half)
        order = np.lexsort((wanting, distance[wanting], nearest[wanting]))
        _, first = np.unique(nearest[wanting][order], return_index=True)
        kept = wanting[order[first]]
        indices[kept], distances[kept] = nearest[kept], distance[kept]
    return Pairing(
        depth_indices=indices,
        distance_seconds=distances,
        num_depth=len(depth_times),
        offset_seconds=float(offset_seconds),
        half_frame_seconds=half,
    )


def missing_share(depth: UInt16[np.ndarray, "*frames height width"]) -> float:
    """Return the share of pixels without depth (value 0), from 0 to 1; NaN of no pixels."""
    return int(np.count_nonzero(depth == 0)) / depth.size if depth.size else math.nan
