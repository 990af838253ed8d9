"""What the classifiers of the steps of a clip share: masked steps, and dropout from a named stream."""

import torch
from jaxtyping import Bool, Float

from semioscope.models.aggregator import Aggregator
from semioscope.models.seeded_layers import kept_by_dropout

MASK_VALUE = -1.0
"""A step all of whose features are this is no step: it fills up a batch. Features of I3D are never below 0."""


def real_steps(
    x: Float[torch.Tensor, "batch num_steps num_features"],
) -> Bool[torch.Tensor, "batch num_steps"]:
    """Return which steps count: those with any feature other than :data:`MASK_VALUE`."""
    return (x != MASK_VALUE).any(dim=2)


class StepAggregator(Aggregator):
    """An aggregator of sequences that may hold masked steps, in front of the real ones or anywhere.

    The mask is read from the raw features, as Keras' masking layer does, before they are standardised; masked
    steps are then 0. Where there is no real step the result is NaN: of a sequence without any, of a masked step
    alone, and of the masked steps in front.

    In training, dropout draws from ``step_generator``. Only in evaluation mode does the result of an example
    not depend on the others of its batch; results per step and per clip are meant for that mode.

    Args:
        num_features: Size of a feature vector.
        num_classes: At least 2.
        dropout: Share of what dropout leaves out, in [0, 1).
    """

    def __init__(self, *, num_features: int, num_classes: int, dropout: float) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes)
        self.dropout = dropout

    def _inputs(
        self, x: Float[torch.Tensor, "batch num_segments num_features"]
    ) -> Float[torch.Tensor, "batch num_segments num_features_and_mask"]:
        """Return features with one more column, which is 1 where the step is real and 0 where it is masked."""
        standard = super()._inputs(x)
        real = real_steps(x).unsqueeze(2)
        return torch.cat([torch.where(real, standard, 0), real.to(standard.dtype)], dim=2)

    def _keep(self, shape: tuple[int, ...], rate: float, like: torch.Tensor) -> torch.Tensor | None:
        """Draw what dropout keeps; None if nothing is to be dropped."""
        if not self.training or rate == 0:
            return None
        if self.step_generator is None:
            msg = "Dropout in training needs its random numbers: call set_step_generator before the step."
            raise RuntimeError(msg)
        return kept_by_dropout(shape, rate=rate, generator=self.step_generator, like=like)

    def _dropped(self, x: Float[torch.Tensor, "*shape"]) -> Float[torch.Tensor, "*shape"]:
        keep = self._keep(tuple(x.shape), self.dropout, x)
        return x if keep is None else x * keep


def split_mask(
    x: Float[torch.Tensor, "batch num_steps num_features_and_mask"],
) -> tuple[Float[torch.Tensor, "batch num_steps num_features"], Bool[torch.Tensor, "batch num_steps"]]:
    """Return features and which steps are real."""
    return x[:, :, :-1], x[:, :, -1] > 0


def defined(
    x: Float[torch.Tensor, "*rows size"], where: Bool[torch.Tensor, "*rows"]
) -> Float[torch.Tensor, "*rows size"]:
    """Return the rows, NaN where they are not defined."""
    return torch.where(where.unsqueeze(-1), x, torch.nan)
