"""The classifier of I3D, trained anew on its features.

Methods: Karácsony 2022, "I3D classifier"; as in the paper. Its weights begin Glorot uniform and its biases with 0,
the defaults of Keras; the paper does not say.
"""

import torch
from jaxtyping import Float

from semioscope.models.seeded_layers import Dense
from semioscope.models.steps import StepAggregator, defined, split_mask


class I3dHeadAggregator(StepAggregator):
    """Dropout, a 1x1x1 convolution with bias on every step, the mean of the logits over the real steps.

    The features are already averaged over the picture, so the convolution is a fully-connected layer that all steps
    share; one unit per class and a softmax. The representation is the mean of the features over the real steps.

    Args:
        num_features: Size of a feature vector.
        num_classes: At least 2.
        dropout: Share of the features left out, in [0, 1).
    """

    def __init__(self, *, num_features: int, num_classes: int, dropout: float) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes, dropout=dropout)
        self.conv = Dense(num_features, num_classes, he=False)

    def _logits(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        return self._logits_of_prefixes(x)[:, -1]

    def _represent(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch size"]:
        features, real = split_mask(x)
        count = real.sum(dim=1, keepdim=True)
        return defined(features.sum(dim=1) / count.clamp(min=1), count[:, 0] > 0)

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_steps num_classes"]:
        features, real = split_mask(x)
        each = torch.where(real.unsqueeze(2), self.conv(self._dropped(features)), 0)
        count = real.cumsum(dim=1)
        return defined(each.cumsum(dim=1) / count.clamp(min=1).unsqueeze(2), count > 0)
