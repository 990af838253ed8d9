"""Aggregators without memory: the order of the clips does not matter.

Methods: GESTURES 2021, section 3.1 (fc) and 3.2 (mean).
"""

import torch
from jaxtyping import Float
from torch import nn

from semioscope.models.aggregator import Aggregator


class FcAggregator(Aggregator):
    """A fully-connected layer on each clip; the probabilities of the clips are averaged.

    With two classes there is one output unit and a sigmoid, as in the paper's classifier of clips (the
    logits are 0 and that unit); with more, one unit per class and a softmax. Over a sequence of one clip
    this is that classifier; over several, the mean of its probabilities.
    """

    def __init__(self, *, num_features: int, num_classes: int) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes)
        self.fc = nn.Linear(num_features, 1 if num_classes == 2 else num_classes)

    def _log_probabilities(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        logits = self.fc(x)
        if self.num_classes == 2:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=2)
        return torch.log_softmax(logits, dim=2)

    def _logits(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        each = self._log_probabilities(x)
        return each[:, 0] if x.shape[1] == 1 else _log_mean(each)

    def _represent(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch size"]:
        return x.mean(dim=1)

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        each = self._log_probabilities(x)
        return torch.logcumsumexp(each, dim=1) - torch.log(_counts(each))


class MeanAggregator(Aggregator):
    """The mean of the features, then a fully-connected layer and a softmax."""

    def __init__(self, *, num_features: int, num_classes: int) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes)
        self.fc = nn.Linear(num_features, num_classes)

    def _logits(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        logits: torch.Tensor = self.fc(self._represent(x))
        return logits

    def _represent(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch size"]:
        return x.mean(dim=1)

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_classes"]:
        logits: torch.Tensor = self.fc(torch.cumsum(x, dim=1) / _counts(x))
        return logits


def _counts(x: Float[torch.Tensor, "batch num_segments size"]) -> Float[torch.Tensor, "num_segments 1"]:
    return torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device).unsqueeze(1)


def _log_mean(
    x: Float[torch.Tensor, "batch num_segments num_classes"],
) -> Float[torch.Tensor, "batch num_classes"]:
    return torch.logsumexp(x, dim=1) - torch.log(_counts(x)[-1])
