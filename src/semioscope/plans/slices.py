"""Slices: an event is cut into clips of 60 stored frames, counted from its first frame.

```
frame of the event   0        60       120      180  206       K = 207 frames
stride 60           [   0    )[   1    )[   2    )[ 3 )        three full windows and a leftover of 27
stride 30           [   0    )    [   2    )                   full windows only: 0, 30, 60, 90, 120
                        [   1    )    [   3    )  ...
```

Frames are counted as they are stored. Nothing is resampled, and a frame that is missing is not filled: a slice with a
gap lasts longer, which :func:`off_pace` finds.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError

PAPER_FPS = 30.0
"""Frames per second of the Kinect, of which the papers' 60 frames are 2 s."""


class SlicePlan(Config):
    """Which slices an event has. Methods: Karácsony 2020 and 2022 (data sets A and B); as in the papers."""

    slice_frames: int = Field(default=60, ge=2, le=100_000)
    """Stored frames of a full slice."""
    stride: int = Field(default=60, ge=1, le=1_000_000)
    """Stored frames between the starts of neighbouring slices (A and B: 60, B0.5: 30)."""
    leftovers: bool = True
    """Keep what no full slice covers at the end of an event (A and B: true, B0.5: false)."""
    min_frames: int = Field(default=10, ge=2, le=100_000)
    """A shorter leftover is dropped. I3D needs 9 frames. Without meaning where leftovers are not kept."""
    nominal_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How long a full slice lasts when no frame is missing; None: its frames at 30 per second, the rate of the
    papers' camera."""
    tolerance: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """Slices that are longer or shorter by more than this share are counted and reported."""

    @property
    def seconds(self) -> float:
        """How long a full slice lasts when no frame is missing."""
        return self.slice_frames / PAPER_FPS if self.nominal_seconds is None else self.nominal_seconds

    @model_validator(mode="after")
    def _leftover_fits(self) -> "SlicePlan":
        if self.leftovers and self.min_frames > self.slice_frames:
            msg = (
                "slice_frames must be at least min_frames, as a leftover is shorter than a slice, got slice_frames "
                f"{self.slice_frames} and min_frames {self.min_frames}. Set both, or leftovers=false"
            )
            raise ValueError(msg)
        return self


def slices_of(num_frames: int, plan: SlicePlan) -> Int[np.ndarray, "num_slices 2"]:
    """Return first frame and number of frames of every slice of an event; ascending, possibly none.

    Full slices start at every multiple of the stride and end inside. The leftover is what lies behind the last full
    slice, or after its stride where that is longer than a slice: no frame of it is in a full slice. It is kept if it
    has at least ``min_frames`` frames. An event that is shorter than a slice is one leftover.

    Args:
        num_frames: Stored frames of the event.
        plan: The slice plan.

    Raises:
        ConfigError: If ``num_frames`` is below 0.

    References:
        Methods: Karácsony 2020, section 3.3.3, and 2022, "Training strategy": a leftover of "less than 60 frames,
        but more than 9" is a sample. For overlapping slices the papers do not say; the published counts (2333 and
        2666 slices of 73,444 and 81,592 frames in 78 and 37 seizures) fit full slices only, so B0.5 has
        ``leftovers=False``. With leftovers, overlapping slices here have the frames that no full one covers, as
        those of A and B have: the papers have no such set.

    Examples:
        >>> slices_of(130, SlicePlan())
        array([[  0,  60],
               [ 60,  60],
               [120,  10]])
        >>> slices_of(130, SlicePlan(stride=30, leftovers=False))[:, 0]
        array([ 0, 30, 60])
    """
    if num_frames < 0:
        msg = f"An event must have 0 frames or more, got {num_frames}."
        raise ConfigError(msg)
    num_full = max(0, (num_frames - plan.slice_frames) // plan.stride + 1)
    first = np.arange(num_full, dtype=np.int64) * plan.stride
    count = np.full(num_full, plan.slice_frames, dtype=np.int64)
    if plan.leftovers:
        begin = int(first[-1]) + max(plan.stride, plan.slice_frames) if num_full else 0
        rest = num_frames - begin
        if rest >= plan.min_frames:
            first, count = np.append(first, begin), np.append(count, rest)
    return np.stack([first, count], axis=1)


def off_pace(
    times_seconds: Float[np.ndarray, " num_frames"],
    slices: Int[np.ndarray, "num_slices 2"],
    plan: SlicePlan,
) -> Bool[np.ndarray, " num_slices"]:
    """Return which slices last too long or too short; they are counted and reported, never filled.

    A slice of n frames lasts n times the mean distance of its frames. It should last ``plan.seconds``, a leftover its
    share of that. Slices that differ by exactly the tolerance are on pace.

    Args:
        times_seconds: When each stored frame of the event is shown, ascending.
        slices: What :func:`slices_of` gave.
        plan: The slice plan.

    Raises:
        ValueError: If a slice ends behind the last time, has fewer than 2 frames, or a time is not finite.
    """
    first, count = slices[:, 0], slices[:, 1]
    last = first + count - 1
    if len(slices) == 0:
        return np.zeros(0, dtype=np.bool_)
    if last.max() >= len(times_seconds) or first.min() < 0 or count.min() < 2:
        msg = (
            f"Slices need 2 frames or more, and a time for each of them; got {len(times_seconds)} times, a last "
            f"frame {last.max()} and a shortest slice of {count.min()}."
        )
        raise ValueError(msg)
    lasts = (times_seconds[last] - times_seconds[first]) * (count / (count - 1))
    if not np.isfinite(lasts).all():
        msg = "Times of frames must be finite, in seconds from the first displayed frame."
        raise ValueError(msg)
    nominal = plan.seconds * count / plan.slice_frames
    outside: np.ndarray = np.abs(lasts / nominal - 1) > plan.tolerance + 1e-9
    return outside
