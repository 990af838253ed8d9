"""The class of a clip."""

import numpy as np
from jaxtyping import Float, Int


def clip_labels(
    centre_seconds: Float[np.ndarray, " num_clips"], *, clonic_onset_seconds: float | None
) -> Int[np.ndarray, " num_clips"]:
    """Return 1 for clips whose centre is at or after the clonic onset and 0 for the others.

    Args:
        centre_seconds: Centres of clips, in seconds from the recording's first displayed frame.
        clonic_onset_seconds: tG on the same clock; None for a seizure without a clonic phase (all 0).

    References:
        Methods: GESTURES 2021, section 2.3, equation 1; as in the paper. Clips before tG of a tonic-clonic
        seizure are 0.
    """
    if clonic_onset_seconds is None:
        return np.zeros(centre_seconds.shape, dtype=np.int64)
    return (centre_seconds >= clonic_onset_seconds).astype(np.int64)
