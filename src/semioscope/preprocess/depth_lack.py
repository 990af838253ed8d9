"""When too many frames of an event have no depth of their own to be cropped by it."""

import numpy as np
from jaxtyping import Bool

from semioscope.plans import SlicePlan, slices_of

MOST_LACKING = 0.5
"""Where more of the frames of an event, or of its slices, would be lost, its depth is not used."""


def lack_of_depth(
    depth_name: str,
    has_depth: Bool[np.ndarray, " num_frames"],
    is_whole: Bool[np.ndarray, " num_slices"] | None = None,
) -> str:
    """Return why depth cannot be used for an event; empty if it can.

    A slice with a frame that has no depth has no features. So depth of half the frame rate, which half of the frames
    have, would lose every slice.

    Args:
        depth_name: Name of the depth recording.
        has_depth: Which stored infrared frames of the event have a depth frame within half a frame.
        is_whole: Which slices have depth in all of their frames; None: the slices of Karácsony 2020 and 2022.
    """
    num_frames, num_without = len(has_depth), int(np.count_nonzero(~has_depth))
    if num_without > MOST_LACKING * num_frames:
        return (
            f"{depth_name} must give depth for most frames, but {num_without} of {num_frames} have none within half "
            "a frame. Check depth_offset_seconds, the length and the frame rate of the depth."
        )
    if is_whole is None:
        slices = slices_of(num_frames, SlicePlan())
        whole = [has_depth[first : first + count].all() for first, count in slices.tolist()]
        is_whole = np.array(whole, dtype=bool)
    num_slices, num_lost = len(is_whole), int(np.count_nonzero(~is_whole))
    if num_lost > MOST_LACKING * num_slices:
        return (
            f"{depth_name} must give depth for all frames of most slices, but {num_without} of {num_frames} frames "
            f"have none within half a frame, and {num_lost} of {num_slices} slices hold such a frame. Export the "
            "depth again with the frame rate of the infrared, and whole."
        )
    return ""
