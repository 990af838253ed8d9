"""The Transformer as an aggregator: what it says of an excerpt of frames, whose other positions are masked.

Methods: Hou 2022, section 4, "Fine-tuning"; as in the paper: mean over the real positions, dropout, one
fully-connected layer.
"""

from typing import ClassVar

import torch
from jaxtyping import Float

from semioscope.models.seeded_layers import SeededLayer
from semioscope.models.steps import StepAggregator, split_mask
from semioscope.models.transformer import (
    Generators,
    TransformerClassifier,
    TransformerConfig,
    TransformerSize,
    dropout_generators,
    initialise,
)

_SEEDS = 2**62


class SeededClassifier(TransformerClassifier, SeededLayer):
    """The classifier, which fills its own weights as those of pre-training begin."""

    def initialise(self, generator: torch.Generator) -> None:
        """Fill everything; equal generators, equal bits."""
        initialise(self, generator)


class TransformerAggregator(StepAggregator):
    """A Transformer encoder; the mean of its states over the real steps goes through dropout to one layer.

    A step stands at its position in the sequence, masked ones included, so masked steps between others keep their
    places. The representation is the mean state. Results per step take one pass for every step.

    Each sequence of a training step has a generator of its own for its dropout, seeded from the step's generator.

    Args:
        num_features: Size of a feature vector.
        num_classes: At least 2.
        transformer: Size of the encoder.
        dropout: Share of the mean state that dropout leaves out, in [0, 1).
        frozen: The encoder is not trained, and computes without dropout.
    """

    sequences_at_once: ClassVar[int] = 16

    def __init__(
        self,
        *,
        num_features: int,
        num_classes: int,
        transformer: TransformerSize,
        dropout: float,
        frozen: bool,
    ) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes, dropout=dropout)
        size = TransformerConfig.of(transformer, num_features=num_features)
        self.frozen = frozen
        self.network = SeededClassifier(size, num_classes=num_classes, dropout=dropout)
        self.network.encoder.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> "TransformerAggregator":
        """Begin or end training; an encoder that is frozen stays as it predicts."""
        super().train(mode)
        if self.frozen:
            self.network.encoder.eval()
        return self

    def products(self, num_segments: int) -> float:
        """Return about how many numbers are multiplied in a step of training, per sequence, a third of them."""
        encoder = self.network.encoder
        size = encoder.config
        weights = sum(parameter.numel() for parameter in encoder.parameters()) - encoder.positions.numel()
        pairs = 2 * size.num_layers * num_segments * size.width
        whole = num_segments * (weights + pairs)
        return whole / 3 if self.frozen else float(whole)

    def _logits(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        features, real = split_mask(x)
        logits: torch.Tensor = self.network(features, real, self._generators(len(x)))
        return logits

    def _represent(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch size"]:
        features, real = split_mask(x)
        return self.network.mean_state(features, real, self._generators(len(x)))

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_steps num_classes"]:
        # every state has seen the whole sequence, so each prefix is a run of its own
        return torch.stack([self._logits(x[:, : step + 1]) for step in range(x.shape[1])], dim=1)

    def _generators(self, num_sequences: int) -> Generators | None:
        if not self.training:
            return None
        if self.step_generator is None:
            msg = "Dropout in training needs its random numbers: call set_step_generator before the step."
            raise RuntimeError(msg)
        seeds = torch.randint(_SEEDS, (num_sequences,), generator=self.step_generator)
        return dropout_generators(seeds.tolist(), device=self.device)
