"""What pre-training spoils in an excerpt: a span of frames is moved, then frames are replaced by MASK.

```
real frames      0 1 2 3 4 5 6 7 8 9 | PAD PAD      ten real frames, span_frames = 3
moved            0 1 5 6 7 2 3 4 8 9 | PAD PAD      span 5 6 7 put before 2
masked           0 1 5 M 7 2 3 4 M 9 | PAD PAD      round(0.15 * 10) = 2 frames
```

What is drawn depends on seed, epoch and the name of the excerpt only: not on the order of excerpts, the batch, or
how many processes share the work.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream


class CorruptionPlan(Config):
    """How much is spoilt. Methods: Hou 2022, section 4; as in the paper."""

    span_frames: int = Field(default=30, ge=1, le=100_000)
    """Consecutive frames that are moved together."""
    mask_share: float = Field(default=0.15, ge=0, le=1)
    """Share of the real frames that MASK replaces; all of those chosen, not eight of ten as in BERT."""

    @property
    def least_frames(self) -> int:
        """Real frames that an excerpt must have, so that the span has another place to go to."""
        return self.span_frames + 1

    def num_masked(self, num_real: int) -> int:
        """Return how many of so many real frames are masked (halves go to the even number)."""
        return round(self.mask_share * num_real)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """What happens to one excerpt.

    Args:
        order: For each position, the frame that comes to stand there; PAD stays where it is.
        is_masked: Positions (after the move) that hold MASK; never PAD.
    """

    order: Int[np.ndarray, " num_positions"]
    is_masked: Bool[np.ndarray, " num_positions"]

    def apply(
        self, x: Float32[np.ndarray, "num_positions num_features"], mask: Float32[np.ndarray, " num_features"]
    ) -> Float32[np.ndarray, "num_positions num_features"]:
        """Return the spoilt excerpt.

        Args:
            x: Features of the excerpt with PAD behind them; left as it is.
            mask: Features of the MASK picture, which is filled with -1.0 after normalisation.
        """
        spoilt: np.ndarray = x[self.order]
        spoilt[self.is_masked] = mask
        return spoilt


def draw_corruption(
    num_real: int, plan: CorruptionPlan, *, num_positions: int = 256, seed: int, epoch: int, clip: int | str
) -> Corruption:
    """Draw what is spoilt in one excerpt in one epoch.

    The span is uniform among all that lie in the real frames, its new place among all others, and so are the
    positions that are masked.

    Args:
        num_real: Real frames of the excerpt, which come first.
        plan: How much is spoilt.
        num_positions: Positions with PAD.
        seed: Seed of the run.
        epoch: From 1.
        clip: Names the excerpt.

    Raises:
        ConfigError: If the span has no other place among the real frames, or there are more than positions.

    References:
        Hou et al. (2022), section 4, "Corrupt the input for pre-training"; as in the paper.
    """
    if not plan.least_frames <= num_real <= num_positions:
        msg = (
            f"Excerpt {clip} must have {plan.least_frames} to {num_positions} real frames, so that a span of "
            f"{plan.span_frames} can be moved to another place, got {num_real}. Leave it out (min_frames), or move "
            "a shorter span (span_frames)."
        )
        raise ConfigError(msg)
    rng = stream(seed, "corruption", epoch=epoch, clip=clip)
    num_places = num_real - plan.span_frames + 1
    start = int(rng.integers(num_places))
    place = int(rng.integers(num_places - 1))
    place += place >= start  # any place but its own
    frames = np.arange(num_positions, dtype=np.int64)
    span = frames[start : start + plan.span_frames]
    others = np.delete(frames, span)
    masked = rng.choice(num_real, size=plan.num_masked(num_real), replace=False)
    return Corruption(order=np.insert(others, place, span), is_masked=np.isin(frames, masked))
