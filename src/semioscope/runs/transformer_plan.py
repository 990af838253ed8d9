"""What is checked and told of the Transformer before work begins."""

from semioscope.core.errors import ConfigError
from semioscope.recipes import RunConfig
from semioscope.training import planned_pretraining, training_device


def check_transformer(config: RunConfig) -> None:
    """Refuse more steps than the Transformer has positions, and what only it can have.

    Raises:
        ConfigError: With what to change.
    """
    training_device(config.training.device)
    aggregator = config.aggregator
    if aggregator.name != "transformer":
        if aggregator.frozen:
            msg = (
                f"aggregator.frozen is for the aggregator transformer, got {aggregator.name}. Use --set "
                "aggregator.frozen=false."
            )
            raise ConfigError(msg)
        return
    positions = aggregator.transformer.num_positions
    shown, key = config.segments.num_segments, "segments.num_segments"
    if config.has_excerpts:
        shown, key = config.examples.excerpt_frames, "examples.excerpt_frames"
    if not config.has_slices and shown > positions:
        msg = (
            f"The Transformer has {positions} positions (aggregator.transformer.num_positions), so {key} must be at "
            f"most that, got {shown}. Use --set {key}={positions}."
        )
        raise ConfigError(msg)


def begun(config: RunConfig, *, num_features: int) -> RunConfig:
    """Return the settings with the hash of the pre-training that the Transformer begins with; checked that it fits.

    Args:
        config: The settings.
        num_features: Size of a feature vector of the backbone.

    Raises:
        ConfigError: If it is of another architecture, or another file than the settings say.
        StoreError: If it cannot be read.
    """
    found = planned_pretraining(config.aggregator, num_features=num_features)
    return config if found is config.aggregator else config.model_copy(update={"aggregator": found})


def transformer_notes(config: RunConfig) -> list[str]:
    """Return sentences about how the Transformer begins, for the report."""
    aggregator = config.aggregator
    if aggregator.name != "transformer":
        return []
    if aggregator.pretrained_sha256 is not None:
        what = "and stays so: only its last layer is trained" if aggregator.frozen else "and is trained on"
        told = f"(SHA-256 {aggregator.pretrained_sha256[:16]})"
        return [f"The Transformer begins as its pre-training left it {told} {what}."]
    if aggregator.frozen:
        return [
            "The encoder of the Transformer has random weights and is not trained (aggregator.frozen without "
            "aggregator.pretrained): what it sees means little; for trials only."
        ]
    return [
        "The Transformer begins with random weights. The paper pre-trains it on video without seizures: semioscope "
        f"pretrain {config.recipe} --cohort COHORT --out PRETRAINING, then this command with --pretrained "
        "PRETRAINING, which also says whether it helps."
    ]
