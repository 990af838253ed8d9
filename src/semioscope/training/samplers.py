"""Which rows of the features an example shows: clips drawn from its segments, all its steps, or its excerpts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Int

from semioscope.core.errors import ConfigError
from semioscope.plans import (
    ExcerptStepPlan,
    SegmentPlan,
    StepPlan,
    draw_phase,
    draw_positions,
    seizure_excerpts,
)
from semioscope.training.sequences import MASKED_ROW, SequenceSet

ExamplePlan: TypeAlias = SegmentPlan | StepPlan | ExcerptStepPlan
"""How examples are seen; each names its sampler."""

MIDDLE_GAMMA = math.inf
"""Validation and prediction take the clip in the middle of each segment, whatever training drew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSequences:
    """The sequences that the examples of a set show: one of each, or as many as it has excerpts.

    Args:
        rows: Rows of the features; :data:`MASKED_ROW` is a masked step.
        owner: The example that each sequence belongs to; ascending, and every example has one or more.
    """

    rows: Int[np.ndarray, "num_sequences num_steps"]
    owner: Int[np.ndarray, " num_sequences"]

    @property
    def is_one_each(self) -> bool:
        """Whether every example shows a single sequence."""
        return bool((self.owner == np.arange(self.owner.size)).all())


def _one_each(rows: Int[np.ndarray, "num_examples num_steps"]) -> ShownSequences:
    return ShownSequences(rows=rows, owner=np.arange(len(rows)))


@runtime_checkable
class Sampler(Protocol):
    """What the examples of a set show; what depends on the data only is found once, when it is made."""

    num_short: int
    """Segments that held no whole clip."""

    def drawn(self, plan: Any, rng: np.random.Generator) -> ShownSequences:
        """Return what is shown in training, drawn afresh."""
        ...

    def fixed(self) -> ShownSequences:
        """Return what is shown in validation and prediction, the same in every call."""
        ...


class SegmentSampler:
    """One clip from each segment; the middle one where nothing is drawn.

    Args:
        data: The examples.
        plan: The segments; its gamma is not used.
    """

    def __init__(self, data: SequenceSet, plan: SegmentPlan) -> None:
        self._data = data
        self._bounds = data.bounds(plan)
        self.num_short = int(self._bounds.num_short.sum())

    def drawn(self, plan: SegmentPlan, rng: np.random.Generator) -> ShownSequences:
        """Return clips that spread as the gamma of the plan says."""
        return _one_each(self._data.rows(draw_positions(self._bounds, gamma=plan.gamma, rng=rng)))

    def fixed(self) -> ShownSequences:
        """Return the middle clips."""
        return _one_each(self._data.rows(draw_positions(self._bounds, gamma=MIDDLE_GAMMA, rng=None)))


class StepSampler:
    """All steps of an example in their order, behind as many masked ones as it lacks.

    Args:
        data: The examples.
        plan: How many steps there should be.

    Raises:
        ConfigError: If an example has more.

    References:
        Methods: Karácsony 2020, section 3.4, and 2022, "Feature extraction"; as in the papers.
    """

    def __init__(self, data: SequenceSet, plan: StepPlan) -> None:
        self.num_short = 0
        long = np.flatnonzero(data.num_clips > plan.num_steps)
        if long.size:
            msg = (
                f"An example may have {plan.num_steps} steps, but {data.names[long[0]]} has "
                f"{data.num_clips[long[0]]} ({long.size} such examples). Raise num_steps, or use shorter slices."
            )
            raise ConfigError(msg)
        position = np.arange(plan.num_steps) - (plan.num_steps - data.num_clips[:, None])
        self._shown = _one_each(np.where(position >= 0, data.first_clip[:, None] + position, MASKED_ROW))

    def drawn(self, plan: StepPlan, rng: np.random.Generator) -> ShownSequences:
        """Return all steps; nothing is drawn."""
        del plan, rng
        return self._shown

    def fixed(self) -> ShownSequences:
        """Return all steps."""
        return self._shown


class ExcerptSampler:
    """The consecutive excerpts of every example, short ones filled up behind with masked positions.

    A frame keeps its place: where a frame has no features its position is masked, so that those behind it do not
    move up. An excerpt without any frame is left out.

    Args:
        data: The examples; their clips are frames.
        plan: How long an excerpt is.

    References:
        Methods: Hou 2022, section 4, "Fine-tuning": consecutive, random phase in training.
    """

    def __init__(self, data: SequenceSet, plan: ExcerptStepPlan) -> None:
        self.num_short = 0
        self._data = data
        self._num_positions = plan.num_positions

    def drawn(self, plan: ExcerptStepPlan, rng: np.random.Generator) -> ShownSequences:
        """Return excerpts whose first cut is drawn anew for every example."""
        size = plan.num_positions
        return self._cut(
            [draw_phase(count, rng, num_positions=size) for count in self._data.num_frames.tolist()]
        )

    def fixed(self) -> ShownSequences:
        """Return excerpts cut from the first frame on."""
        return self._cut([0] * self._data.num_examples)

    def _cut(self, phases: list[int]) -> ShownSequences:
        data, size = self._data, self._num_positions
        parts = [np.zeros((0, size), dtype=np.int64)]
        for index, phase in enumerate(phases):
            row = data.first_clip[index] + np.arange(data.num_clips[index])
            frame = data.start_frames[row]
            excerpts = seizure_excerpts(int(data.num_frames[index]), phase=phase, num_positions=size)
            number = np.searchsorted(excerpts[:, 0], frame, side="right") - 1
            rows = np.full((len(excerpts), size), MASKED_ROW)
            rows[number, frame - excerpts[number, 0]] = row
            parts.append(rows[np.unique(number)])
        owner = np.repeat(np.arange(len(phases)), [len(part) for part in parts[1:]])
        return ShownSequences(rows=np.concatenate(parts), owner=owner)


SAMPLERS: dict[str, Callable[[SequenceSet, Any], Sampler]] = {
    "segments": SegmentSampler,
    "all_steps": StepSampler,
    "excerpts": ExcerptSampler,
}


def sampler_of(data: SequenceSet, plan: ExamplePlan) -> Sampler:
    """Return what the plan asks for.

    Raises:
        ConfigError: If a segment is short and the plan says ``error``, or an example has too many steps.
    """
    return SAMPLERS[plan.sampler](data, plan)
