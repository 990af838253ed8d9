"""Examples as arrays: which rows of a table of features belong to which event, in the order of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from semioscope.core.errors import ConfigError
from semioscope.models import MASK_VALUE
from semioscope.plans import SegmentBounds, SegmentPlan, bounds_of_clips

MASKED_ROW = -1
"""In place of a row: a step that is masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceSet:
    """Examples over one shared table of features; subsets share the table and copy nothing.

    Args:
        features: One row per available clip; the rows of an example lie together in the order of time.
        start_frames: Start of each clip, in frames from the first frame of its event.
        first_clip: First row of each example.
        num_clips: Rows of each example, at least 1.
        num_frames: Frames of each event.
        frames_per_clip: Frames that a clip covers.
        y_true: Class of each example, from 0.
        names: Name of each example, for messages.
    """

    features: Float32[np.ndarray, "total_clips num_features"]
    start_frames: Int[np.ndarray, " total_clips"]
    first_clip: Int[np.ndarray, " num_examples"]
    num_clips: Int[np.ndarray, " num_examples"]
    num_frames: Int[np.ndarray, " num_examples"]
    frames_per_clip: int
    y_true: Int[np.ndarray, " num_examples"]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = [array.size for array in (self.first_clip, self.num_clips, self.num_frames, self.y_true)]
        if set(lengths) != {len(self.names)} or self.features.shape[0] != self.start_frames.size:
            msg = (
                f"Every example needs a name, and every clip a start frame; got {len(self.names)} names for "
                f"{lengths} examples and {self.start_frames.size} starts for {self.features.shape[0]} clips."
            )
            raise ValueError(msg)
        empty = np.flatnonzero(self.num_clips < 1)
        if empty.size:
            msg = (
                f"Every example needs a clip whose features could be computed, but {self.names[empty[0]]} "
                f"has none ({empty.size} such examples). Leave it out, or repair its video and extract again."
            )
            raise ConfigError(msg)

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self.names)

    @property
    def num_features(self) -> int:
        """Size of a feature vector."""
        return int(self.features.shape[1])

    @property
    def clip_rows(self) -> Int[np.ndarray, " num_clips_of_all"]:
        """Rows of all clips of these examples, example after example."""
        before = np.cumsum(self.num_clips) - self.num_clips
        rows: np.ndarray = np.arange(self.num_clips.sum()) + np.repeat(
            self.first_clip - before, self.num_clips
        )
        return rows

    def subset(
        self, examples: Int[np.ndarray, " num_chosen"] | Bool[np.ndarray, " num_examples"]
    ) -> "SequenceSet":
        """Return some of the examples, in the order that is given; the features are shared."""
        index = np.flatnonzero(examples) if examples.dtype == np.bool_ else examples
        return replace(
            self,
            first_clip=self.first_clip[index],
            num_clips=self.num_clips[index],
            num_frames=self.num_frames[index],
            y_true=self.y_true[index],
            names=tuple(self.names[i] for i in index.tolist()),
        )

    def bounds(self, plan: SegmentPlan) -> SegmentBounds:
        """Return which clips lie in the segments of every example.

        Raises:
            ConfigError: If a segment is short and the plan says ``error``.
        """
        return bounds_of_clips(
            self.start_frames[self.clip_rows],
            np.concatenate([[0], np.cumsum(self.num_clips)]),
            self.num_frames,
            num_segments=plan.num_segments,
            frames_per_clip=self.frames_per_clip,
            short=plan.short,
            names=self.names,
        )

    def rows(
        self, positions: Int[np.ndarray, "num_examples num_segments"]
    ) -> Int[np.ndarray, "num_examples num_segments"]:
        """Return the rows of the table that positions within each example mean."""
        rows: np.ndarray = self.first_clip[:, None] + positions
        return rows

    def gathered(self, rows: Int[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape num_features"]:
        """Return a copy of rows of the table; steps that are masked are :data:`semioscope.models.MASK_VALUE`."""
        taken: np.ndarray = self.features[rows]
        masked = rows < 0
        if masked.any():
            taken[masked] = MASK_VALUE
        return taken


def sequence_set(
    features: Sequence[Float[np.ndarray, "_ num_features"]],
    *,
    start_frames: Sequence[Int[np.ndarray, " _"]],
    num_frames: Sequence[int],
    frames_per_clip: int,
    y_true: Sequence[int],
    names: Sequence[str],
) -> SequenceSet:
    """Join the features of events into one set. Clips with features that are not finite count as missing.

    Args:
        features: Per example the features of its clips, in the order of time; NaN where a frame was missing.
        start_frames: Per example the start of each clip, in frames from the first frame of the event.
        num_frames: Frames of each event.
        frames_per_clip: Frames that a clip covers.
        y_true: Class of each example.
        names: Name of each example, for messages.

    Raises:
        ConfigError: If an example has no clip that is not missing.
    """
    there = [np.isfinite(part).all(axis=1) for part in features]
    num_clips = np.array([int(mask.sum()) for mask in there], dtype=np.int64)
    if not features:
        msg = "A set needs at least one example, got none. Check which events the task and the folds leave."
        raise ConfigError(msg)
    return SequenceSet(
        features=np.concatenate([part[mask] for part, mask in zip(features, there, strict=True)]).astype(
            np.float32, copy=False
        ),
        start_frames=np.concatenate([part[mask] for part, mask in zip(start_frames, there, strict=True)]),
        first_clip=np.cumsum(num_clips) - num_clips,
        num_clips=num_clips,
        num_frames=np.array(num_frames, dtype=np.int64),
        frames_per_clip=frames_per_clip,
        y_true=np.array(y_true, dtype=np.int64),
        names=tuple(names),
    )


def clip_set(
    features: Float32[np.ndarray, "num_examples num_features"],
    y_true: Int[np.ndarray, " num_examples"],
    *,
    names: Sequence[str] | None = None,
) -> SequenceSet:
    """Return a set in which every clip is an example of its own; use it with ``num_segments=1``.

    Args:
        features: One row per clip, finite.
        y_true: Class of each clip.
        names: Names of the clips, for messages; None means their number.
    """
    count = features.shape[0]
    return SequenceSet(
        features=features,
        start_frames=np.zeros(count, dtype=np.int64),
        first_clip=np.arange(count, dtype=np.int64),
        num_clips=np.ones(count, dtype=np.int64),
        num_frames=np.ones(count, dtype=np.int64),
        frames_per_clip=1,
        y_true=y_true,
        names=tuple(f"clip {i}" for i in range(count)) if names is None else tuple(names),
    )


def step_set(
    features: Float32[np.ndarray, "num_examples num_steps num_features"],
    num_valid_steps: Int[np.ndarray, " num_examples"],
    y_true: Int[np.ndarray, " num_examples"],
    *,
    frames_per_step: int = 8,
    names: Sequence[str] | None = None,
) -> SequenceSet:
    """Return a set in which every slice is an example and its steps are its clips; use it with ``StepPlan``.

    The features are not copied. Masked steps are put in front when a batch is made, so what stands before the valid
    steps does not matter.

    Args:
        features: Steps of each slice; the last ``num_valid_steps`` of them count.
        num_valid_steps: Steps that each slice has, 1 to ``num_steps``.
        y_true: Class of each slice.
        frames_per_step: Frames between the starts of neighbouring steps; 8 for I3D.
        names: Names of the slices, for messages; None means their number.

    Raises:
        ConfigError: If a slice has no step, or one that is not finite or looks like a masked one.

    References:
        Methods: Karácsony 2020, section 3.4, and 2022, "Feature extraction"; as in the papers.
    """
    count, num_steps, num_features = features.shape
    called = tuple(f"slice {i}" for i in range(count)) if names is None else tuple(names)
    counts = np.asarray(num_valid_steps, dtype=np.int64)
    if np.any(counts > num_steps) or len(counts) != count or len(called) != count:
        msg = (
            f"{count} slices of {num_steps} steps need as many names and counts of at most {num_steps}; got "
            f"{len(called)} names, {len(counts)} counts and a largest of {counts.max(initial=0)}."
        )
        raise ValueError(msg)
    _check_steps(features, counts, called)
    step = np.arange(num_steps) - (num_steps - counts[:, None])
    return SequenceSet(
        features=features.reshape(count * num_steps, num_features),
        start_frames=(step * frames_per_step).ravel(),
        first_clip=np.arange(count, dtype=np.int64) * num_steps + num_steps - counts,
        num_clips=counts,
        num_frames=counts * frames_per_step,
        frames_per_clip=frames_per_step,
        y_true=y_true,
        names=called,
    )


def _check_steps(
    features: Float32[np.ndarray, "num_examples num_steps num_features"],
    num_valid_steps: Int[np.ndarray, " num_examples"],
    names: Sequence[str],
) -> None:
    """Refuse a slice one of whose valid steps cannot be used."""
    for index, (slice_steps, count) in enumerate(zip(features, num_valid_steps.tolist(), strict=True)):
        valid = slice_steps[len(slice_steps) - count :]
        if not np.isfinite(valid).all():
            msg = (
                f"Every step needs features that are finite, but {names[index]} has some that are not: a frame was "
                "missing. Leave the slice out and count it, or repair its video and extract again."
            )
            raise ConfigError(msg)
        masked = np.flatnonzero((valid == MASK_VALUE).all(axis=1))
        if masked.size:
            whole = "nothing but" if masked.size == count else f"{masked.size} of {count}"
            msg = (
                f"A step that counts must not be {MASK_VALUE:g} throughout, but {names[index]} has {whole} such "
                "steps, which would be masked. Give the number of steps that it has, or leave it out."
            )
            raise ConfigError(msg)
