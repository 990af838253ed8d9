"""A Transformer that begins as a pre-training left it: checked when a run is planned, read when a fold is trained."""

from collections.abc import Sequence
from pathlib import Path

from semioscope.core.errors import ConfigError
from semioscope.core.files import file_sha256
from semioscope.models import Aggregator, AggregatorConfig, TransformerAggregator, TransformerConfig
from semioscope.training.pretraining_checkpoint import check_settings, load_encoder, read_checkpoint


def planned_pretraining(config: AggregatorConfig, *, num_features: int) -> AggregatorConfig:
    """Return the configuration with the hash of the checkpoint in it; one without a checkpoint stays as it is.

    Args:
        config: Names the checkpoint.
        num_features: Size of a feature vector of the backbone.

    Raises:
        ConfigError: If the aggregator has no encoder, the checkpoint is of another architecture, or not the one whose
            hash the configuration has.
        StoreError: If it is absent, damaged or no checkpoint of pre-training.
    """
    path = _place(config)
    if path is None:
        return config
    size = TransformerConfig.of(config.transformer, num_features=num_features)
    found = read_checkpoint(path, prefix="network.encoder.positions")
    check_settings(path, found.settings, {"transformer": size.model_dump(mode="json")})
    return config.model_copy(update={"pretrained_sha256": _hash_of(path, config)})


def begin_pretrained(models: Sequence[Aggregator], config: AggregatorConfig) -> None:
    """Put the encoder of a checkpoint into aggregators that were just made; without one they stay as they are.

    Raises:
        ConfigError: As :func:`planned_pretraining`.
        StoreError: As :func:`planned_pretraining`.
    """
    path = _place(config)
    if path is None:
        return
    encoders = [model.network.encoder for model in models if isinstance(model, TransformerAggregator)]
    state = load_encoder(path, config=encoders[0].config).state_dict()
    _hash_of(path, config)
    for encoder in encoders:
        encoder.load_state_dict(state)


def _place(config: AggregatorConfig) -> Path | None:
    if config.pretrained is None:
        if config.pretrained_sha256 is not None:
            msg = (
                f"aggregator.pretrained_sha256 is {config.pretrained_sha256[:16]}, but no checkpoint is given. Give "
                "its file (--set aggregator.pretrained=FILE), or set both to null to begin with random weights."
            )
            raise ConfigError(msg)
        return None
    if config.name != "transformer":
        msg = (
            f"aggregator.pretrained is for the aggregator transformer, got {config.name}. Use --set "
            "aggregator.name=transformer, or leave the checkpoint out."
        )
        raise ConfigError(msg)
    return Path(config.pretrained)


def _hash_of(path: Path, config: AggregatorConfig) -> str:
    found, wanted = file_sha256(path), config.pretrained_sha256
    if wanted is not None and found != wanted:
        msg = (
            f"{path} must be the checkpoint with SHA-256 {wanted[:16]} (aggregator.pretrained_sha256), but has "
            f"{found[:16]}: another pre-training, or a later step of it. Give the file that the run began with, or "
            "set aggregator.pretrained_sha256 to null in a new run."
        )
        raise ConfigError(msg)
    return found
