"""Layers that count as Keras does, in which the classifiers of Karácsony were trained.

They fill their own weights from a generator, carry no random state and draw none: what dropout keeps is an
argument. Held against Keras 3 by a test.
"""

import abc

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional, init

MOVING_SHARE = 0.01
"""What a batch adds to the moving averages: one minus the momentum of Keras, 0.99."""

VARIANCE_FLOOR = 1e-3
"""Added to every variance before the root is taken; the default of Keras."""


class SeededLayer(nn.Module, abc.ABC):
    """A layer that fills its own weights (and buffers), which are made empty."""

    @abc.abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Fill everything; equal generators, equal bits."""


class Dense(SeededLayer):
    """A fully-connected layer; its biases begin with 0.

    Args:
        num_inputs: Size of a vector that comes in.
        num_outputs: Size of a vector that goes out.
        he: He uniform weights, even within sqrt(6 / inputs); otherwise Glorot uniform, within
            sqrt(6 / (inputs + outputs)).
    """

    def __init__(self, num_inputs: int, num_outputs: int, *, he: bool) -> None:
        super().__init__()
        self.he = he
        self.weight = nn.Parameter(torch.empty(num_outputs, num_inputs))
        self.bias = nn.Parameter(torch.empty(num_outputs))

    def initialise(self, generator: torch.Generator) -> None:
        """Fill weights and biases."""
        if self.he:
            init.kaiming_uniform_(self.weight, nonlinearity="relu", generator=generator)
        else:
            init.xavier_uniform_(self.weight, generator=generator)
        init.zeros_(self.bias)

    def forward(self, x: Float[torch.Tensor, "*rows num_inputs"]) -> Float[torch.Tensor, "*rows num_outputs"]:
        """Return ``x W' + b``."""
        return functional.linear(x, self.weight, self.bias)


class MaskedBatchNorm(SeededLayer):
    """Batch normalisation whose statistics leave masked rows out.

    In training a batch is normalised by its own mean and its own variance (divided by the number of rows), and
    the moving averages take a hundredth of both; in evaluation the moving averages take their place. PyTorch's
    own layer knows no mask, and moves the average of the variance divided by one less.

    Args:
        size: Size of a row.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.bias = nn.Parameter(torch.empty(size))
        self.register_buffer("running_mean", torch.empty(size))
        self.register_buffer("running_var", torch.empty(size))

    def initialise(self, generator: torch.Generator) -> None:
        """Begin with the identity (but for the floor of the variance); nothing is drawn."""
        init.ones_(self.weight)
        init.zeros_(self.bias)
        init.zeros_(self.running_mean)
        init.ones_(self.running_var)

    def forward(
        self, x: Float[torch.Tensor, "*rows size"], real: Bool[torch.Tensor, "*rows"] | None = None
    ) -> Float[torch.Tensor, "*rows size"]:
        """Return normalised rows; masked ones are brought along.

        Args:
            x: Rows.
            real: Which rows count; None means all. In training at least one.
        """
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = _moments(x, real)
            with torch.no_grad():
                self.running_mean.lerp_(mean, MOVING_SHARE)
                self.running_var.lerp_(variance, MOVING_SHARE)
        return (x - mean) * (self.weight * torch.rsqrt(variance + VARIANCE_FLOOR)) + self.bias


class MaskedLstm(SeededLayer):
    """One LSTM layer over sequences with masked steps.

    A masked step changes nothing: both states are carried over, and its output is that of the step before (0 if
    there was none). The gates lie in the order in, forget, new, out, in PyTorch's layout with one bias. Weights
    from the inputs are Glorot uniform over all four gates together, those from the state have orthonormal
    columns, biases are 0 but 1 for the forget gate.

    Args:
        num_inputs: Size of a step.
        num_units: Size of the state.
    """

    def __init__(self, num_inputs: int, num_units: int) -> None:
        super().__init__()
        self.num_units = num_units
        self.weight_ih = nn.Parameter(torch.empty(4 * num_units, num_inputs))
        self.weight_hh = nn.Parameter(torch.empty(4 * num_units, num_units))
        self.bias = nn.Parameter(torch.empty(4 * num_units))

    def initialise(self, generator: torch.Generator) -> None:
        """Fill weights and biases."""
        init.xavier_uniform_(self.weight_ih, generator=generator)
        init.orthogonal_(self.weight_hh, generator=generator)
        init.zeros_(self.bias)
        with torch.no_grad():
            self.bias[self.num_units : 2 * self.num_units] = 1

    def forward(
        self,
        x: Float[torch.Tensor, "batch num_steps num_inputs"],
        real: Bool[torch.Tensor, "batch num_steps"],
        keep: Float[torch.Tensor, "4 batch num_units"] | None = None,
    ) -> Float[torch.Tensor, "batch num_steps num_units"]:
        """Return the hidden state after every step.

        Args:
            x: Sequences; masked steps hold finite numbers that do not matter.
            real: Which steps count.
            keep: Recurrent dropout: per gate, what the hidden state is multiplied with on its way into that
                gate, the same at every step. None means no dropout.
        """
        from_input = functional.linear(x, self.weight_ih, self.bias).unbind(1)
        hidden = cell = x.new_zeros(x.shape[0], self.num_units)
        outputs = []
        for into_gates, counts in zip(from_input, real.unsqueeze(2).unbind(1), strict=True):
            gates = into_gates + self._from_hidden(hidden, keep)
            into, forget, new, out = gates.chunk(4, dim=1)
            next_cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(new)
            next_hidden = torch.sigmoid(out) * torch.tanh(next_cell)
            cell, hidden = torch.where(counts, next_cell, cell), torch.where(counts, next_hidden, hidden)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1)

    def _from_hidden(
        self,
        hidden: Float[torch.Tensor, "batch num_units"],
        keep: Float[torch.Tensor, "4 batch num_units"] | None,
    ) -> Float[torch.Tensor, "batch num_gates"]:
        if keep is None:
            return functional.linear(hidden, self.weight_hh)
        weights = self.weight_hh.view(4, self.num_units, self.num_units)
        return torch.bmm(hidden * keep, weights.transpose(1, 2)).transpose(0, 1).flatten(1)


def kept_by_dropout(
    shape: tuple[int, ...], *, rate: float, generator: torch.Generator, like: torch.Tensor
) -> torch.Tensor:
    """Draw what inverted dropout multiplies with: 0 with probability ``rate``, else ``1 / (1 - rate)``.

    Args:
        shape: Shape of the result.
        rate: In [0, 1).
        generator: Where the numbers come from.
        like: Gives the result its type and device.
    """
    drawn = torch.rand(shape, generator=generator, device=generator.device).to(like.device)
    return (drawn >= rate).to(like.dtype) / (1 - rate)


def _moments(
    x: Float[torch.Tensor, "*rows size"], real: Bool[torch.Tensor, "*rows"] | None
) -> tuple[Float[torch.Tensor, " size"], Float[torch.Tensor, " size"]]:
    over = tuple(range(x.ndim - 1))
    if real is None:
        return x.mean(dim=over), x.var(dim=over, correction=0)
    counts = real.unsqueeze(-1).to(x.dtype)
    total = counts.sum()
    mean = (x * counts).sum(dim=over) / total
    return mean, ((x - mean).square() * counts).sum(dim=over) / total
