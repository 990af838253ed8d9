"""All steps of an example in their order: nothing is drawn."""

from typing import ClassVar

from pydantic import Field

from semioscope.core.config import Config


class StepPlan(Config):
    """Which steps of a slice are seen: all. Methods: Karácsony 2020 and 2022; as in the papers."""

    sampler: ClassVar[str] = "all_steps"
    """Its entry in ``semioscope.training.SAMPLERS``."""

    num_steps: int = Field(default=7, ge=1, le=10_000)
    """Steps of a full slice. Shorter ones are filled up in front, with steps that are masked."""
