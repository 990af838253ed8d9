"""Which rows of the features an example shows: clips drawn from its segments, or all its steps."""

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Int

from semioscope.core.errors import ConfigError
from semioscope.plans import SegmentPlan, StepPlan, draw_positions
from semioscope.training.sequences import MASKED_ROW, SequenceSet

ExamplePlan: TypeAlias = SegmentPlan | StepPlan
"""How examples are seen; each names its sampler."""

MIDDLE_GAMMA = math.inf
"""Validation and prediction take the clip in the middle of each segment, whatever training drew."""

Rows: TypeAlias = Int[np.ndarray, "num_examples num_steps"]


@runtime_checkable
class Sampler(Protocol):
    """Rows of the features of a set; what depends on the data only is found once, when it is made."""

    num_short: int
    """Segments that held no whole clip."""

    def drawn(self, plan: Any, rng: np.random.Generator) -> Rows:
        """Return rows for training, drawn afresh; :data:`MASKED_ROW` is a masked step."""
        ...

    def fixed(self) -> Rows:
        """Return rows for validation and prediction, the same in every call."""
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

    def drawn(self, plan: SegmentPlan, rng: np.random.Generator) -> Rows:
        """Return clips that spread as the gamma of the plan says."""
        return self._data.rows(draw_positions(self._bounds, gamma=plan.gamma, rng=rng))

    def fixed(self) -> Rows:
        """Return the middle clips."""
        return self._data.rows(draw_positions(self._bounds, gamma=MIDDLE_GAMMA, rng=None))


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
        self._rows: Rows = np.where(position >= 0, data.first_clip[:, None] + position, MASKED_ROW)

    def drawn(self, plan: StepPlan, rng: np.random.Generator) -> Rows:
        """Return all steps; nothing is drawn."""
        del plan, rng
        return self._rows

    def fixed(self) -> Rows:
        """Return all steps."""
        return self._rows


SAMPLERS: dict[str, Callable[[SequenceSet, Any], Sampler]] = {
    "segments": SegmentSampler,
    "all_steps": StepSampler,
}


def sampler_of(data: SequenceSet, plan: ExamplePlan) -> Sampler:
    """Return what the plan asks for.

    Raises:
        ConfigError: If a segment is short and the plan says ``error``, or an example has too many steps.
    """
    return SAMPLERS[plan.sampler](data, plan)
