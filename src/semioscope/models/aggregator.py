"""What every aggregator is: a small trained network from a sequence of features to one class."""

import abc
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import nn

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.models.transformer import TransformerSize

LayerSize = Annotated[int, Field(ge=1, le=4096)]


class AggregatorConfig(Config):
    """Which aggregator, and how large."""

    name: str = "blstm"
    """fc, mean, lstm, blstm, lstm_fc, i3d_head or transformer."""
    hidden_size: LayerSize = 64
    """Units of the recurrent layer of lstm and, per direction, of blstm."""
    lstm_sizes: tuple[LayerSize, ...] = Field(default=(128, 64), min_length=1, max_length=8)
    """Units of the LSTM layers of lstm_fc, first to last."""
    fc_sizes: tuple[LayerSize, ...] = Field(default=(64, 32), max_length=8)
    """Units of the fully-connected layers of lstm_fc before its output."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share that dropout leaves out while lstm_fc, i3d_head or the last layer of transformer is trained."""
    recurrent_dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share that dropout leaves out of the recurrent states while lstm_fc is trained."""
    l2: float = Field(default=0.01, ge=0, le=1e3, allow_inf_nan=False)
    """How strongly the weights of lstm_fc and the outputs of its LSTM layers are kept small."""
    transformer: TransformerSize = TransformerSize()
    """Size of transformer."""
    pretrained: str | None = None
    """Checkpoint of a pre-training with which the encoder of transformer begins; null = random weights."""
    pretrained_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Hash of that file; found when a run is planned."""
    frozen: bool = False
    """Train the last layer of transformer only, and leave its encoder as it began."""

    @property
    def without_place(self) -> "AggregatorConfig":
        """The same without the path of the checkpoint: what a result depends on is its hash."""
        return self.model_copy(update={"pretrained": None})


class Aggregator(nn.Module, abc.ABC):
    """Maps the features of the clips of an event, in the order of time, to class logits.

    Scores are the softmax of the logits. The result of an example does not depend on the others of its
    batch. Sequences may be of any length from 1.

    Args:
        num_features: Size of a feature vector.
        num_classes: At least 2.
    """

    sequences_at_once: ClassVar[int] = 1024
    """Sequences of a batch in prediction, so that memory stays bounded."""

    feature_mean: torch.Tensor | None
    feature_scale: torch.Tensor | None
    step_generator: torch.Generator | None = None

    def __init__(self, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.num_classes = num_classes
        self.register_buffer("feature_mean", None)
        self.register_buffer("feature_scale", None)

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def products(self, num_segments: int) -> float:
        """Return about how many numbers are multiplied in a step of training, per sequence, a third of them.

        A third, because the gradients take two passes more.
        """
        return float(num_segments * self.num_parameters)

    def set_step_generator(self, generator: torch.Generator | None) -> None:
        """Let the next forward passes in training draw their dropout from this; no global state is used.

        Set to one that is seeded by the epoch and the step, a training step does not depend on what ran before
        it. Aggregators without dropout draw nothing. Not part of the state.
        """
        self.step_generator = generator

    def penalty(self) -> Float[torch.Tensor, ""]:
        """Return what a training step adds to its loss, after the forward pass; 0 for most aggregators."""
        return torch.zeros(())

    def forward(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        """Return the logits of whole sequences."""
        return self._logits(self._inputs(x))

    def _logits_side_by_side(
        self,
        models: "Sequence[Aggregator]",
        x: Float[torch.Tensor, "num_models batch num_segments num_features"],
    ) -> Float[torch.Tensor, "num_models batch num_classes"]:
        """Return the logits of several models of one kind, each with sequences of its own."""
        return torch.stack([model._logits(own) for model, own in zip(models, x, strict=True)])

    def representation(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch size"]:
        """Return one vector per sequence: the last hidden state(s) or the mean feature vector."""
        return self._represent(self._inputs(x))

    def logits_per_step(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        """Return the logits had the sequence ended at each step; those of the last step are the whole's."""
        return self._logits_of_prefixes(self._inputs(x))

    def logits_per_clip(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        """Return the logits of each clip alone, as a sequence of one."""
        alone = self._inputs(x).flatten(0, 1).unsqueeze(1)
        return self._logits(alone).reshape(x.shape[0], x.shape[1], self.num_classes)

    def standardize(
        self, mean: Float[np.ndarray, " num_features"], scale: Float[np.ndarray, " num_features"]
    ) -> None:
        """Make ``(x - mean) / scale`` the first step; both become part of the state.

        Raises:
            ConfigError: If they are of another size, or a scale is not above 0.
        """
        if mean.shape != (self.num_features,) or scale.shape != (self.num_features,) or not np.all(scale > 0):
            msg = (
                f"Mean and scale must be {self.num_features} numbers each and scales above 0, got "
                f"shapes {mean.shape} and {scale.shape} with "
                f"a smallest scale of {scale.min(initial=np.inf):g}. Fit them on the training features."
            )
            raise ConfigError(msg)
        self.feature_mean = torch.tensor(mean, dtype=torch.float32)
        self.feature_scale = torch.tensor(scale, dtype=torch.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Return a copy of everything that was learnt, by name."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` gave.

        Raises:
            ConfigError: If the state is of another aggregator.
        """
        if "feature_mean" in state and "feature_scale" in state:
            self.standardize(state["feature_mean"], state["feature_scale"])
        else:
            self.feature_mean = self.feature_scale = None
        wanted = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}
        given = {name: array.shape for name, array in state.items()}
        if wanted != given:
            differing = sorted(
                name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)
            )
            parts = [
                f"{name}: {given.get(name, 'absent')}, not {wanted.get(name, 'absent')}"
                for name in differing[:4]
            ]
            msg = (
                f"The weights must be of a {type(self).__name__} of {self.num_features} features and "
                f"{self.num_classes} classes, but some sizes differ: {'; '.join(parts)}. Use the "
                "configuration that they were trained with."
            )
            raise ConfigError(msg)
        self.load_state_dict({name: torch.tensor(array) for name, array in state.items()})

    def _inputs(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_features"]:
        check_shape(tuple(x.shape), num_features=self.num_features)
        if self.feature_mean is None or self.feature_scale is None:
            return x
        return (x - self.feature_mean) / self.feature_scale

    @abc.abstractmethod
    def _logits(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_classes"]: ...

    @abc.abstractmethod
    def _represent(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch size"]: ...

    @abc.abstractmethod
    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]: ...


def logits_side_by_side(
    models: Sequence[Aggregator], x: Float[torch.Tensor, "num_models batch num_segments num_features"]
) -> Float[torch.Tensor, "num_models batch num_classes"]:
    """Return the logits of whole sequences, of several models of one kind and size in less time than one by one.

    Args:
        models: All made from one configuration.
        x: For each of them, sequences of its own.
    """
    each = x.unbind()
    inputs = [model._inputs(own) for model, own in zip(models, each, strict=True)]
    unchanged = all(new is old for new, old in zip(inputs, each, strict=True))
    return models[0]._logits_side_by_side(models, x if unchanged else torch.stack(inputs))


def check_shape(shape: tuple[int, ...], *, num_features: int) -> None:
    """Refuse input of another shape than (batch, num_segments, num_features) with at least one segment.

    Raises:
        ConfigError: If it is.
    """
    if len(shape) != 3 or shape[1] < 1 or shape[2] != num_features:
        msg = (
            f"An aggregator for {num_features} features needs input of shape (batch, num_segments >= 1, "
            f"{num_features}), got {shape}. Features and aggregator must come from the same backbone."
        )
        raise ConfigError(msg)
