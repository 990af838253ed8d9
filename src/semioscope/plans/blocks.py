"""Clips are stored in blocks: block b holds clips b*64 to b*64+63 of a recording's grid."""

import numpy as np
from jaxtyping import Int

CLIPS_PER_BLOCK = 64


def blocks_of(
    clip_index: Int[np.ndarray, " num_clips"],
) -> dict[int, Int[np.ndarray, " num_clips_of_block"]]:
    """Return the wanted clips of each block: block number -> clip indices; both ascending, no clip twice.

    Args:
        clip_index: Wanted clips in any order; repeats count once.

    Examples:
        >>> blocks_of(np.array([130, 3, 63, 64, 3]))
        {0: array([ 3, 63]), 1: array([64]), 2: array([130])}
    """
    clips = np.unique(clip_index)
    blocks, starts = np.unique(clips // CLIPS_PER_BLOCK, return_index=True)
    if clips.size == 0:
        return {}
    return dict(zip(blocks.tolist(), np.split(clips, starts[1:]), strict=True))
