"""Recipes of pre-training: the Transformer of Hou 2022 learns from video without labels.

Hou et al. (2022), A Self-Supervised Pre-Training Framework for Vision-Based Seizure Classification, ICASSP.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.models import TRANSFORMER_SIZES, TransformerConfig
from semioscope.networks import backbone_spec
from semioscope.plans import CorruptionPlan, ExcerptPlan
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.recipes.config import BackboneConfig
from semioscope.recipes.edit import apply_overrides, given_settings, read_settings
from semioscope.training import PRECISIONS, PRETRAININGS, PretrainingConfig


class PretrainingRunConfig(Config):
    """Every setting of a pre-training. Written to config.yaml; that file can be run again."""

    recipe: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The recipe that this configuration began as."""
    seed: int = Field(default=0, ge=0)
    """Weights, masks and dropout follow from it. Where pictures are cut follows from frame.cut_seed, so that other
    seeds use the same features."""
    frame: FramePictureConfig = FramePictureConfig()
    backbone: BackboneConfig = BackboneConfig(name="resnet152", input_size=112)
    excerpts: ExcerptPlan = ExcerptPlan()
    num_crops: int = Field(default=1, ge=1, le=1000)
    """Random cuts that are kept of every excerpt; each epoch takes one of them. The paper draws a new one every time,
    for which the backbone would have to see every picture in every epoch."""
    balance: Literal["none", "day-night"] = "none"
    """day-night: as many excerpts by night as by day. Not in the paper, which has both."""
    without_patients: tuple[str, ...] = ()
    """Patients whose contextual video is left out, such as those who will be tested. Not in the paper."""
    corruption: CorruptionPlan = CorruptionPlan()
    transformer: TransformerConfig = TransformerConfig()
    training: PretrainingConfig = PretrainingConfig()


def hou_2022() -> PretrainingRunConfig:
    """Return the configuration of the paper.

    As in the paper (sections 3 and 4): clips of 10 s at 25 fps in 256 positions, pictures of 128 x 171 cut to 112,
    ResNet-152, a span of 30 frames moved and 15 % masked, 6 layers of width 1024, 60 epochs, AdamW with a step size
    of 0.01 that falls linearly, weight decay 1e-4. Differs: one random cut of each clip, kept, in place of a new one
    in every epoch (``num_crops``). Not told there: batches of 16, no warm-up, no clipping of gradients.
    """
    return PretrainingRunConfig(recipe="hou-2022")


def hou_2022_small() -> PretrainingRunConfig:
    """Return the configuration for small machines: 2 layers of width 256, warm-up, shortened gradients.

    Excerpts, pictures, backbone and corruption are those of the paper, so both share their features.
    """
    return PretrainingRunConfig(
        recipe="hou-2022-small",
        transformer=TRANSFORMER_SIZES["small"],
        training=PRETRAININGS["small"],
    )


PRETRAIN_RECIPES: dict[str, Callable[[], PretrainingRunConfig]] = {
    "hou-2022": hou_2022,
    "hou-2022-small": hou_2022_small,
}
"""Recipes of pre-training."""


def make_pretraining_config(recipe: str, settings: Sequence[str] = ()) -> PretrainingRunConfig:
    """Return the configuration of a recipe, or of a file, with ``key=value`` settings applied.

    The Transformer takes features of the size that the backbone gives, unless that is set.

    Args:
        recipe: A key of ``PRETRAIN_RECIPES``, or the config.yaml of a pre-training.
        settings: As for ``apply_overrides``.

    Raises:
        ConfigError: If the name is unknown, a setting is not valid, or settings do not fit together.
    """
    for setting in settings:
        if setting.partition("=")[0].strip() == "recipe":
            msg = f"--set {setting} would change the name only. Give the recipe first."
            raise ConfigError(msg)
    is_file = recipe.endswith((".yaml", ".yml"))
    if is_file:
        config = read_settings(Path(recipe), PretrainingRunConfig)
    elif recipe in PRETRAIN_RECIPES:
        config = PRETRAIN_RECIPES[recipe]()
    else:
        raise ConfigError(unknown_name("recipe of pre-training", recipe, PRETRAIN_RECIPES))
    config = apply_overrides(config, settings)
    num_features = backbone_spec(config.backbone.name).num_features
    given = given_settings(settings)
    if "transformer.num_features" not in given and (not is_file or "backbone.name" in given):
        config = apply_overrides(config, [f"transformer.num_features={num_features}"])
    if config.training.precision not in PRECISIONS:
        raise ConfigError(unknown_name("precision", config.training.precision, PRECISIONS))
    _check_sizes(config, num_features=num_features)
    return config


def _check_sizes(config: PretrainingRunConfig, *, num_features: int) -> None:
    """Refuse sizes that do not fit together.

    Args:
        config: The configuration.
        num_features: Size of a feature vector of its backbone.

    Raises:
        ConfigError: If they do not.
    """
    found, wanted = config.transformer.num_features, num_features
    if found != wanted:
        msg = (
            f"transformer.num_features must be what {config.backbone.name} gives, {wanted}, got {found}. "
            "Leave it out."
        )
        raise ConfigError(msg)
    if config.excerpts.num_positions != config.transformer.num_positions:
        msg = (
            f"excerpts.num_positions ({config.excerpts.num_positions}) and transformer.num_positions "
            f"({config.transformer.num_positions}) must be equal: every frame has its position. Set both."
        )
        raise ConfigError(msg)
    if config.excerpts.min_frames < config.corruption.least_frames:
        msg = (
            f"excerpts.min_frames must be at least {config.corruption.least_frames}, so that a span of "
            f"corruption.span_frames ({config.corruption.span_frames}) can be moved, got "
            f"{config.excerpts.min_frames}. Raise the one or lower the other."
        )
        raise ConfigError(msg)
