"""Excerpts of a seizure as a classifier sees them: every frame of a view, cut into stretches of 256."""

from typing import ClassVar

from pydantic import Field

from semioscope.core.config import Config


class ExcerptStepPlan(Config):
    """A view is seen as its consecutive excerpts: where the first cut lies is drawn in training, 0 otherwise.

    Methods: Hou 2022, section 4, "Fine-tuning"; how a video is cut is not published.
    """

    sampler: ClassVar[str] = "excerpts"
    """Its entry in ``semioscope.training.SAMPLERS``."""

    num_positions: int = Field(default=256, ge=1, le=100_000)
    """Frames of a full excerpt. Shorter ones are filled up behind, with positions that are masked."""
