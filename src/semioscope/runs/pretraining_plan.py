"""What a pre-training will do: which excerpts, how many steps. Writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from semioscope.cohort import Cohort, read_cohort
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.wording import counted, join_words
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
        without_video_of(config.without_patients, read_cohort(cohort_folder)),
        config.excerpts,
        backbone=choice,
        store=default_store(cohort_folder, store=store),
        picture=config.frame,
        num_crops=config.num_crops,
        balance=config.balance,
    )
    if config.without_patients:
        left_out = (
            f"Contextual video of {join_words(config.without_patients)} is left out (without_patients)."
        )
        contextual = replace(contextual, notes=(left_out, *contextual.notes))
    return PretrainingPlan(config=config, contextual=contextual, synthetic=is_synthetic(cohort_folder))


def without_video_of(patients: Sequence[str], cohort: Cohort) -> Cohort:
    """Return a cohort without the contextual recordings of some patients.

    Raises:
        ConfigError: If one is no patient of the cohort, or nobody has contextual video then.
    """
    known = [patient.patient_id for patient in cohort.patients]
    for name in patients:
        if name not in known:
            raise ConfigError(unknown_name("patient (without_patients)", name, known))
    kept = {
        name: one
        for name, one in cohort.recordings.items()
        if one.role != "contextual" or one.patient_id not in patients
    }
    if patients and not any(one.role == "contextual" for one in kept.values()):
        msg = (
            f"Somebody must have contextual video, but without {join_words(patients)} nobody has. Import video of "
            "others, or leave fewer patients out."
        )
        raise ConfigError(msg)
    return replace(cohort, recordings=kept)


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
