"""Aggregators with memory: the order of the clips matters.

Methods: GESTURES 2021, section 3.2; as in the paper: one layer of 64 units (per direction), then a
fully-connected layer on the last hidden state and a softmax.
"""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import nn

from semioscope.models.aggregator import Aggregator
from semioscope.models.last_state import last_hidden


class _RecurrentAggregator(Aggregator):
    """One LSTM layer; its last hidden states, one direction after the other, go to a fully-connected layer."""

    def __init__(
        self, *, num_features: int, num_classes: int, hidden_size: int, bidirectional: bool = False
    ) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes)
        self.lstm = nn.LSTM(num_features, hidden_size, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear((2 if bidirectional else 1) * hidden_size, num_classes)

    def _logits(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        logits: torch.Tensor = self.fc(self._represent(x))
        return logits

    def _represent(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch size"]:
        return self._represent_all([self], x.unsqueeze(0))[0]

    def _logits_side_by_side(
        self,
        models: Sequence[Aggregator],
        x: Float[torch.Tensor, "num_models batch num_segments num_features"],
    ) -> Float[torch.Tensor, "num_models batch num_classes"]:
        own = cast("Sequence[_RecurrentAggregator]", models)
        return torch.stack(
            [model.fc(hidden) for model, hidden in zip(own, self._represent_all(own, x), strict=True)]
        )

    @staticmethod
    def _represent_all(
        models: "Sequence[_RecurrentAggregator]",
        x: Float[torch.Tensor, "num_models batch num_segments num_features"],
    ) -> Float[torch.Tensor, "num_models batch size"]:
        return last_hidden([model.lstm for model in models], x).transpose(1, 2).flatten(2)


class LstmAggregator(_RecurrentAggregator):
    """One LSTM layer; its last hidden state goes to a fully-connected layer."""

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        logits: torch.Tensor = self.fc(self.lstm(x)[0])
        return logits


class BlstmAggregator(_RecurrentAggregator):
    """One LSTM layer per direction of time; their last hidden states, one after the other, go to a layer.

    The last state of the backward direction is the one at the first clip, after it has seen all others.
    """

    def __init__(self, *, num_features: int, num_classes: int, hidden_size: int) -> None:
        super().__init__(
            num_features=num_features, num_classes=num_classes, hidden_size=hidden_size, bidirectional=True
        )

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        # The backward direction begins at the end of each prefix, so every prefix is a run of its own.
        return torch.stack([self._logits(x[:, : step + 1]) for step in range(x.shape[1])], dim=1)
