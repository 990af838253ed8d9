"""Excerpts: up to 256 single frames at 25 frames per second, which the Transformer sees at once.

```
contextual recording   0        250       500       750   ...     frames at multiples of 1/25 s
excerpts              [   0    )[   1    )[   2    )[   3    )    whole ones, on a grid anchored to the recording
seizure and margin               ####                             excerpt 1 is left out
positions              0 ................. 249 | 250 ... 255      250 real frames, 6 PAD

seizure                0        256       512    600              cut into 256 frames, nothing lost
phase 0               [   0    )[   1    )[  2  )PAD              as it is scored
phase 100             [0)PAD [   1    )[   2    )[3)PAD           as it may be trained on
```
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from pydantic import Field, model_validator

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval, union
from semioscope.plans.clips import TIME_TOLERANCE_SECONDS, ClipPlan, clips_in


class ExcerptPlan(Config):
    """Which excerpts are cut from long recordings. Methods: Hou 2022, section 4."""

    fps: float = Field(default=25.0, gt=0, allow_inf_nan=False)
    """Frames per second of the grid. As in the paper."""
    num_frames: int = Field(default=250, ge=1, le=100_000)
    """Frames of a full excerpt. As in the paper: clips of 10 seconds."""
    num_positions: int = Field(default=256, ge=1, le=100_000)
    """Positions of the Transformer; those without a frame are PAD. As in the paper."""
    min_frames: int = Field(default=125, ge=1, le=100_000)
    """What is left at the end of a recording is an excerpt if it has so many frames. Not in the paper."""
    margin_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    """Kept away from annotated seizures, before and after. Not in the paper, whose videos hold none."""
    num_clips: int | None = Field(default=None, ge=1)
    """How many excerpts are taken, evenly over the time that is free; null = all. About 13,000 in the paper."""

    @model_validator(mode="after")
    def _fits(self) -> "ExcerptPlan":
        if not self.min_frames <= self.num_frames <= self.num_positions:
            msg = (
                "min_frames, num_frames and num_positions must not fall, got "
                f"{self.min_frames}, {self.num_frames} and {self.num_positions}. An excerpt has at least "
                "min_frames frames, at most num_frames, and a position for each of them."
            )
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpts:
    """Excerpts of several recordings, in the order of the recordings and of time.

    Args:
        recording_index: Which recording each of them is from.
        first_frame: Its first grid frame, counted from the recording's first displayed frame.
        num_frames: Its real frames.
    """

    recording_index: Int[np.ndarray, " num_excerpts"]
    first_frame: Int[np.ndarray, " num_excerpts"]
    num_frames: Int[np.ndarray, " num_excerpts"]

    def __len__(self) -> int:
        return len(self.first_frame)

    def taken(self, chosen: Int[np.ndarray, " num_chosen"]) -> "Excerpts":
        """Return some of them, in the order that is given."""
        return Excerpts(
            recording_index=self.recording_index[chosen],
            first_frame=self.first_frame[chosen],
            num_frames=self.num_frames[chosen],
        )

    def times_seconds(self, index: int, *, fps: float) -> Float[np.ndarray, " num_frames"]:
        """Return when the frames of one excerpt are shown, in seconds from the first displayed frame."""
        times: np.ndarray = (self.first_frame[index] + np.arange(self.num_frames[index])) / fps
        return times


def contextual_excerpts(
    durations_seconds: Sequence[float], seizures: Sequence[Sequence[Interval]], plan: ExcerptPlan
) -> Excerpts:
    """Cut excerpts from long recordings, away from their seizures.

    Excerpts follow one another on a grid anchored to the recording, so an annotation that is added or moved changes
    the excerpts near it only. One that touches a seizure or its margin is left out as a whole. The frames behind the
    last full excerpt of a recording are an excerpt too where there are ``min_frames`` of them.

    Of more excerpts than ``num_clips`` every so many-th is taken, over all recordings together: uniform in the time
    that is free, nothing drawn, none twice.

    Args:
        durations_seconds: Length of each recording.
        seizures: For each recording, its annotated seizures (and whatever else is to be kept out), in seconds from
            its first displayed frame.
        plan: How excerpts are cut.

    Raises:
        ConfigError: If the two sequences differ in length, a duration is not a finite number of 0 or more, or fewer
            excerpts than ``num_clips`` are free.

    References:
        Hou et al. (2022), sections 3.1.1 and 4, "Dataset and pre-processing": about 13,000 clips of 10 seconds out
        of more than 1000 hours without seizures; how they were chosen is not published.
    """
    if len(durations_seconds) != len(seizures):
        msg = (
            f"Every recording needs a duration and a list of seizures, got {len(durations_seconds)} durations and "
            f"{len(seizures)} lists. Give an empty list where no seizure is annotated."
        )
        raise ConfigError(msg)
    parts = []
    for number, (duration, own) in enumerate(zip(durations_seconds, seizures, strict=True)):
        if not (np.isfinite(duration) and duration >= 0):
            msg = f"Recording {number} must last 0 seconds or more, got {duration}. Measure it by decoding."
            raise ConfigError(msg)
        first, count = _free_excerpts(duration, own, plan)
        parts.append((np.full(len(first), number, dtype=np.int64), first, count))
    recording, first, count = (
        np.concatenate([part[axis] for part in parts] or [np.zeros(0, dtype=np.int64)]) for axis in range(3)
    )
    free = Excerpts(recording_index=recording, first_frame=first, num_frames=count)
    return free.taken(evenly(len(free), plan.num_clips))


def seizure_excerpts(
    num_frames: int, *, phase: int = 0, num_positions: int = 256
) -> Int[np.ndarray, "num_excerpts 2"]:
    """Return first frame and number of frames of the consecutive excerpts of a seizure; every frame is in one.

    Args:
        num_frames: Frames of the seizure on its 25 fps grid, at least 1.
        phase: Where the first cut lies, in frames; 0 when a seizure is scored. In training draw it with
            :func:`draw_phase`. With a phase the first excerpt is short as well.
        num_positions: Longest excerpt.

    Raises:
        ConfigError: If there is no frame, or the phase is not in [0, num_positions).

    References:
        Hou et al. (2022), section 4, tests whole videos by averaging over time and does not say how they are cut.
        Methods, section 4, "Fine-tuning": consecutive, the last one padded, random phase in training.

    Examples:
        >>> seizure_excerpts(600).tolist()
        [[0, 256], [256, 256], [512, 88]]
        >>> seizure_excerpts(600, phase=100).tolist()
        [[0, 100], [100, 256], [356, 244]]
    """
    if num_frames < 1:
        msg = f"A seizure must have 1 frame or more to be cut, got {num_frames}. Leave it out."
        raise ConfigError(msg)
    if not 0 <= phase < num_positions:
        msg = f"phase must be in [0, {num_positions}), got {phase}. Draw it with draw_phase."
        raise ConfigError(msg)
    cuts = np.arange(phase, num_frames, num_positions, dtype=np.int64)
    first = np.unique(np.concatenate([[0], cuts]))
    return np.stack([first, np.diff(first, append=num_frames)], axis=1)


def draw_phase(num_frames: int, rng: np.random.Generator, *, num_positions: int = 256) -> int:
    """Draw where the first cut of a seizure lies in one epoch of training; 0 for one that needs no cut.

    Args:
        num_frames: Frames of the seizure.
        rng: The stream of this seed, fold, epoch and seizure. One number is drawn, whatever the length.
        num_positions: Longest excerpt.
    """
    phase = int(rng.integers(num_positions))
    return phase if num_frames > num_positions else 0


def padded(
    features: Float32[np.ndarray, "num_frames num_features"],
    pad: Float32[np.ndarray, " num_features"],
    *,
    num_positions: int = 256,
) -> tuple[Float32[np.ndarray, "num_positions num_features"], Bool[np.ndarray, " num_positions"]]:
    """Return the features of an excerpt with PAD behind them, and which positions are real.

    Args:
        features: Of the frames, in the order of time.
        pad: Features of the PAD picture, which is filled with 0.0 after normalisation.
        num_positions: Positions of the Transformer.

    Raises:
        ConfigError: If there are no frames, or more than positions.
    """
    num_real = len(features)
    if not 1 <= num_real <= num_positions:
        msg = f"An excerpt must have 1 to {num_positions} frames, got {num_real}. Cut it with a plan."
        raise ConfigError(msg)
    filled = np.concatenate([features, np.broadcast_to(pad, (num_positions - num_real, len(pad)))])
    return filled, np.arange(num_positions) < num_real


def _free_excerpts(
    duration_seconds: float, seizures: Sequence[Interval], plan: ExcerptPlan
) -> tuple[Int[np.ndarray, " num_excerpts"], Int[np.ndarray, " num_excerpts"]]:
    """Return first frame and number of frames of every excerpt of one recording that may be taken."""
    grid = ClipPlan(fps=plan.fps, frames_per_clip=plan.num_frames, stride=plan.num_frames)
    margin = plan.margin_seconds
    kept_out = union(
        seizure.extended(margin, margin) for seizure in seizures if seizure.end_seconds + margin > 0
    )
    starts = [0.0, *(interval.end_seconds for interval in kept_out)]
    ends = [*(interval.start_seconds for interval in kept_out), duration_seconds]
    num_stored = int(np.ceil((duration_seconds - TIME_TOLERANCE_SECONDS) * plan.fps))
    begin = max(0, num_stored) // plan.num_frames * plan.num_frames
    first: list[int] = []
    for start, end in zip(starts, ends, strict=True):
        if start < min(end, duration_seconds):
            free = Interval(start_seconds=start, end_seconds=min(end, duration_seconds))
            first += [int(clip) * plan.num_frames for clip in clips_in(grid, free)]
    count = [plan.num_frames] * len(first)
    last = Interval(  # from its first frame to its last one, as clips are judged
        start_seconds=begin / plan.fps + TIME_TOLERANCE_SECONDS,
        end_seconds=max(num_stored - 1, begin) / plan.fps + 2 * TIME_TOLERANCE_SECONDS,
    )
    if num_stored - begin >= plan.min_frames and not any(last.overlaps(interval) for interval in kept_out):
        first, count = [*first, begin], [*count, num_stored - begin]
    return np.array(first, dtype=np.int64), np.array(count, dtype=np.int64)


def evenly(num_free: int, num_clips: int | None) -> Int[np.ndarray, " num_chosen"]:
    """Return every so many-th of ``num_free`` numbers from 0, ascending, ``num_clips`` of them; None: all.

    Raises:
        ConfigError: If there are fewer.

    Examples:
        >>> evenly(10, 2).tolist()
        [2, 7]
    """
    if num_clips is None:
        return np.arange(num_free, dtype=np.int64)
    if num_clips > num_free:
        msg = (
            f"num_clips must be at most the number of excerpts that are free, which is {num_free}, got {num_clips}. "
            "Give more recordings, a smaller number, or none to take all."
        )
        raise ConfigError(msg)
    return (2 * np.arange(num_clips, dtype=np.int64) + 1) * num_free // (2 * num_clips)
