"""What a pre-training will do: which excerpts, how many steps. Writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semioscope.cohort import read_cohort
from semioscope.core.wording import counted
from semioscope.features import BackboneChoice, default_store, load_backbone
from semioscope.features.contextual import ContextualPlan, plan_contextual
from semioscope.models import TransformerRegressor
from semioscope.recipes import PretrainingRunConfig
from semioscope.synthetic import is_synthetic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainingPlan:
    """Everything that is known before a pre-training begins.

    Args:
        config: Settings.
        contextual: The excerpts and their features.
        synthetic: Whether the cohort is a drawn one.
    """

    config: PretrainingRunConfig
    contextual: ContextualPlan
    synthetic: bool

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every excerpt is seen once."""
        return -(-len(self.contextual.names) // self.config.training.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the whole pre-training."""
        return self.steps_per_epoch * self.config.training.epochs

    def describe(self) -> str:
        """Return the plan in sentences."""
        training, transformer = self.config.training, self.config.transformer
        lines = [
            self.contextual.describe(),
            f"Pre-training: {counted(self.num_steps, 'step')} of {counted(training.batch_size, 'excerpt')}, "
            f"{counted(training.epochs, 'epoch')}. Transformer: {counted(transformer.num_layers, 'layer')} of width "
            f"{transformer.width}, {_millions(num_parameters(self.config))} numbers, {training.precision}.",
        ]
        if self.synthetic:
            lines.append("Synthetic cohort: what is learnt here means nothing clinically.")
        return "\n".join(lines)


def _millions(number: int) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e6 else str(number)


def num_parameters(config: PretrainingRunConfig) -> int:
    """Return how many numbers are trained, with the head that is used in pre-training only."""
    with torch.device("meta"):
        network = TransformerRegressor(config.transformer)
    return sum(parameter.numel() for parameter in network.parameters())


def plan_pretraining(
    config: PretrainingRunConfig, cohort_folder: Path, *, store: Path | None = None
) -> PretrainingPlan:
    """Make the plan of a pre-training; opens the videos for their lengths and fingerprints.

    Args:
        config: Settings.
        cohort_folder: The cohort with contextual recordings.
        store: Feature store; None is the cohort's own.

    Raises:
        CohortError: If the tables have errors, or there is no contextual video that can be used.
        ConfigError: If settings do not fit the network or the video.
        WeightsError: If the weights of the backbone are absent or damaged.
    """
    backbone = config.backbone
    choice = BackboneChoice(
        name=backbone.name,
        weights=backbone.weights,
        engine=backbone.engine,
        precision=backbone.precision,
        input_size=backbone.input_size,
    )
    contextual = plan_contextual(
        read_cohort(cohort_folder),
        config.excerpts,
        backbone=choice,
        store=default_store(cohort_folder, store=store),
        picture=config.frame,
        num_crops=config.num_crops,
        balance=config.balance,
    )
    return PretrainingPlan(config=config, contextual=contextual, synthetic=is_synthetic(cohort_folder))


def excerpt_facts(plan: PretrainingPlan) -> Mapping[str, Any]:
    """Return what the report tells of the excerpts and the backbone, as plain data."""
    contextual = plan.contextual
    first = contextual.extractions[0]
    network = load_backbone(first.backbone, fps=plan.config.excerpts.fps)
    return {
        "recordings": {"used": contextual.num_recordings, "hours": contextual.num_seconds / 3600},
        "excerpts": {
            "free": contextual.num_free,
            "planned": len(contextual.names),
            "by_night": contextual.num_night,
            "num_crops": len(contextual.extractions),
        },
        "backbone": {
            "name": network.spec.name,
            "input_size": network.spec.input_size,
            "num_features": network.spec.num_features,
            "precision": network.precision,
            "weights_hash": network.weights_hash,
        },
        "num_parameters": num_parameters(plan.config),
        "synthetic": plan.synthetic,
    }
