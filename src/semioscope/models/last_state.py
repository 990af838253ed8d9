"""The last hidden state of an LSTM layer with its gradients, in less time than the general layer takes.

A study of hundreds of small fits spends its time here (1.4 million steps in figure 2 of GESTURES). ``torch.nn.LSTM``
returns all hidden states, keeps every result in between as a node of the graph and takes fresh memory at each step.
This function computes the same numbers for the one thing that is needed, in memory that is used again, and the
gradient of a weight as one product over all steps. The weights stay those of the ``torch.nn.LSTM``.

Inside, the values of a step lie as (units, batch), so that each gate is one piece of memory. Both directions advance
together: forward at time ``s``, backward at time ``n - 1 - s``.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn


def last_hidden(
    lstm: nn.LSTM, x: Float[torch.Tensor, "batch num_segments num_features"]
) -> Float[torch.Tensor, "num_directions batch hidden_size"]:
    """Return the last hidden state of each direction of a one-layer LSTM that starts from zeros.

    The backward direction's last state is the one at the first step. Gradients reach the weights of the layer, not
    ``x``. Equal to ``lstm(x)[1][0]`` but for rounding; that is what runs when no gradient is wanted, or for
    anything other than float32 on the CPU.

    Args:
        lstm: One layer, ``batch_first``, with biases and without projection or dropout.
        x: Sequences of at least one step.
    """
    plain = x.requires_grad or x.dtype != torch.float32 or x.device.type != "cpu"
    if plain or not torch.is_grad_enabled():
        hidden: torch.Tensor = lstm(x)[1][0]
        return hidden
    suffixes = ("", "_reverse") if lstm.bidirectional else ("",)
    weights = [
        getattr(lstm, f"{kind}_l0{suffix}")
        for suffix in suffixes
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    states: torch.Tensor = _LastHidden.apply(x, *weights)
    return states


@dataclass(slots=True)
class _Space:
    """Memory of one pass, laid out as (direction, time, units, batch), and a view of it for every step.

    Args:
        gates: Input, forget, cell and output gate, after their non-linearity.
        errors: Gradients before the non-linearities.
        hidden: Hidden states.
        cell: Cell states.
        squashed: tanh of the cell states.
        by_unit: ``errors`` with units before time, for the products of the weight gradients.
        buffers: Small memory: gradients of hidden and cell state, and two for in between.
    """

    gates: torch.Tensor
    errors: torch.Tensor
    hidden: torch.Tensor
    cell: torch.Tensor
    squashed: torch.Tensor
    by_unit: torch.Tensor
    buffers: tuple[torch.Tensor, ...]

    @classmethod
    def make(cls, directions: int, steps: int, units: int, batch: int) -> "_Space":
        state = (directions, steps, units, batch)
        wide = (directions, steps, 4 * units, batch)
        return cls(
            gates=torch.empty(wide),
            errors=torch.empty(wide),
            hidden=torch.empty(state),
            cell=torch.empty(state),
            squashed=torch.empty(state),
            by_unit=torch.empty(directions, 4 * units, steps, batch),
            buffers=tuple(torch.empty(directions, units, batch) for _ in range(3)),
        )


_SPACES: dict[tuple[int, int, int, int], list[_Space]] = {}
"""Memory that no pass uses now, by shape. A pass takes its own and gives it back when its gradients are done."""


def _at(whole: torch.Tensor, step: int) -> torch.Tensor:
    """Return a step of both directions as one view: time ``step`` and, of the backward direction, its mirror."""
    directions, steps, rows, batch = whole.shape
    size = rows * batch
    apart = (2 * steps - 1 - 2 * step) * size
    return whole.as_strided((directions, rows, batch), (apart, batch, 1), step * size)


class _LastHidden(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        directions = len(weights) // 4
        batch, steps, _ = x.shape
        units = weights[1].shape[1]
        shape = (directions, steps, units, batch)
        free = _SPACES.setdefault(shape, [])
        space = free.pop() if free else _Space.make(*shape)
        columns = x.permute(1, 2, 0)
        for direction in range(directions):
            w_ih = weights[4 * direction]
            torch.bmm(w_ih.expand(steps, -1, -1), columns, out=space.gates[direction])
        bias = torch.stack([weights[4 * d + 2] + weights[4 * d + 3] for d in range(directions)]).unsqueeze(2)
        w_hh = torch.stack([weights[4 * d + 1] for d in range(directions)])
        for step in range(steps):
            gates, cell, hidden = (_at(one, step) for one in (space.gates, space.cell, space.hidden))
            gates += bias
            if step:
                gates.baddbmm_(w_hh, _at(space.hidden, step - 1))
            gates[:, : 2 * units].sigmoid_()
            gates[:, 2 * units : 3 * units].tanh_()
            gates[:, 3 * units :].sigmoid_()
            torch.mul(gates[:, :units], gates[:, 2 * units : 3 * units], out=cell)
            if step:
                cell.addcmul_(gates[:, units : 2 * units], _at(space.cell, step - 1))
            squashed = torch.tanh(cell, out=_at(space.squashed, step))
            torch.mul(gates[:, 3 * units :], squashed, out=hidden)
        ctx.save_for_backward(x, w_hh)
        ctx.space, ctx.shape = space, shape
        return hidden.transpose(1, 2).clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, w_hh = ctx.saved_tensors
        space, (directions, steps, units, batch) = ctx.space, ctx.shape
        d_hidden, d_cell, between = space.buffers
        d_hidden.copy_(grads[0].transpose(1, 2))
        d_cell.zero_()
        w_back = w_hh.transpose(1, 2)
        for step in reversed(range(steps)):
            gates, errors, squashed = (_at(one, step) for one in (space.gates, space.errors, space.squashed))
            inward, forget = gates[:, :units], gates[:, units : 2 * units]
            new, outward = gates[:, 2 * units : 3 * units], gates[:, 3 * units :]
            torch.mul(d_hidden, outward, out=between)
            d_cell += torch.ops.aten.tanh_backward(between, squashed)
            torch.mul(d_cell, new, out=errors[:, :units])
            if step:
                torch.mul(d_cell, _at(space.cell, step - 1), out=errors[:, units : 2 * units])
            else:
                errors[:, units : 2 * units].zero_()
            torch.mul(d_cell, inward, out=errors[:, 2 * units : 3 * units])
            torch.mul(d_hidden, squashed, out=errors[:, 3 * units :])
            for back, part, values in (
                (torch.ops.aten.sigmoid_backward, slice(2 * units), gates[:, : 2 * units]),
                (torch.ops.aten.tanh_backward, slice(2 * units, 3 * units), new),
                (torch.ops.aten.sigmoid_backward, slice(3 * units, None), outward),
            ):
                back.grad_input(errors[:, part], values, grad_input=errors[:, part])
            if step:
                d_cell *= forget
                torch.bmm(w_back, errors, out=d_hidden)
        space.by_unit.copy_(space.errors.transpose(1, 2))
        found: list[torch.Tensor | None] = [None]
        rows = x.transpose(0, 1).reshape(steps * batch, -1)
        states = space.hidden.transpose(2, 3).contiguous()
        for direction in range(directions):
            errors = space.by_unit[direction]
            # the state before a step is the one at the time before it, or after it for the backward direction
            later, before = slice(1, None), slice(steps - 1)
            if direction:
                later, before = before, later
            d_bias = errors.sum(dim=(1, 2))
            found += [
                errors.reshape(4 * units, -1) @ rows,
                errors[:, later].reshape(4 * units, -1) @ states[direction, before].reshape(-1, units),
                d_bias,
                d_bias.clone(),
            ]
        _SPACES[ctx.shape].append(space)
        ctx.space = None
        return tuple(found)
