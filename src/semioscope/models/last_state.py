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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Views of the memory of one step, each (direction, units, batch) if not said otherwise.

    Args:
        gates: (direction, 4 units, batch): in, forget, new, out.
        into_and_forget: Two of them, (direction, 2 units, batch).
        into: Gate.
        forget: Gate.
        new: Gate.
        out: Gate.
        cell: Cell state.
        squashed: Its tanh.
        hidden: Hidden state.
        errors: As ``gates``: gradients before the non-linearities.
        from_cell: Those of in, forget and new, (direction, 3, units, batch).
        from_hidden: That of out.
        cell_per_hidden: What a change of the cell state does to the hidden state.
    """

    gates: torch.Tensor
    into_and_forget: torch.Tensor
    into: torch.Tensor
    forget: torch.Tensor
    new: torch.Tensor
    out: torch.Tensor
    cell: torch.Tensor
    squashed: torch.Tensor
    hidden: torch.Tensor
    errors: torch.Tensor
    from_cell: torch.Tensor
    from_hidden: torch.Tensor
    cell_per_hidden: torch.Tensor


class _Space:
    """Memory of one pass, laid out as (direction, time, units, batch), and views of it for every step.

    Args:
        directions: 1 or 2.
        steps: Length of the sequences.
        units: Hidden units per direction.
        batch: Sequences.
    """

    def __init__(self, directions: int, steps: int, units: int, batch: int) -> None:
        state, wide = (directions, steps, units, batch), (directions, steps, 4 * units, batch)
        self.gates, self.errors = torch.empty(wide), torch.empty(wide)
        self.hidden, self.cell, self.squashed, self.cell_per_hidden = (torch.empty(state) for _ in range(4))
        self.by_unit = torch.empty(
            directions, 4 * units, steps, batch
        )  # errors, for the products over all steps
        self.d_hidden, self.d_cell = (torch.empty(directions, units, batch) for _ in range(2))
        self.steps = [self._step(step, units) for step in range(steps)]

    def _step(self, step: int, units: int) -> _Step:
        gates, errors = _at(self.gates, step), _at(self.errors, step)
        into, forget, new, out = gates.chunk(4, dim=1)
        return _Step(
            gates=gates,
            into_and_forget=gates[:, : 2 * units],
            into=into,
            forget=forget,
            new=new,
            out=out,
            cell=_at(self.cell, step),
            squashed=_at(self.squashed, step),
            hidden=_at(self.hidden, step),
            errors=errors,
            from_cell=errors[:, : 3 * units].view(len(errors), 3, units, errors.shape[2]),
            from_hidden=errors[:, 3 * units :],
            cell_per_hidden=_at(self.cell_per_hidden, step),
        )

    def fill_slopes(self) -> None:
        """Put into ``errors`` what a change before each gate does to the cell (the last gate: hidden) state."""
        into, forget, new, out = self.gates.chunk(4, dim=2)
        of_into, of_forget, of_new, of_out = self.errors.chunk(4, dim=2)
        sigmoid, tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward.grad_input
        sigmoid(new, into, grad_input=of_into)
        tanh(into, new, grad_input=of_new)
        sigmoid(self.squashed, out, grad_input=of_out)
        tanh(out, self.squashed, grad_input=self.cell_per_hidden)
        for direction in range(len(self.gates)):
            later, earlier = _around(direction, len(self.steps))
            here = of_forget[direction]
            sigmoid(self.cell[direction, earlier], forget[direction, later], grad_input=here[later])
            here[-1 if direction else 0].zero_()  # no state before the first step


def _around(direction: int, steps: int) -> tuple[slice, slice]:
    """Return the times that have a state before them, and the times of these states."""
    later, earlier = slice(1, None), slice(steps - 1)
    return (earlier, later) if direction else (later, earlier)


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
        shape = (directions, steps, weights[1].shape[1], batch)
        free = _SPACES.setdefault(shape, [])
        space = free.pop() if free else _Space(*shape)
        columns = x.permute(1, 2, 0)
        for direction in range(directions):
            w_ih = weights[4 * direction]
            torch.bmm(w_ih.expand(steps, -1, -1), columns, out=space.gates[direction])
            space.gates[direction] += (weights[4 * direction + 2] + weights[4 * direction + 3])[:, None]
        w_hh = torch.stack([weights[4 * direction + 1] for direction in range(directions)])
        before: _Step | None = None
        for now in space.steps:
            if before is not None:
                now.gates.baddbmm_(w_hh, before.hidden)
            now.into_and_forget.sigmoid_()
            now.new.tanh_()
            now.out.sigmoid_()
            torch.mul(now.into, now.new, out=now.cell)
            if before is not None:
                now.cell.addcmul_(now.forget, before.cell)
            torch.tanh(now.cell, out=now.squashed)
            torch.mul(now.out, now.squashed, out=now.hidden)
            before = now
        ctx.save_for_backward(x, w_hh)
        ctx.space, ctx.shape = space, shape
        return space.steps[-1].hidden.transpose(1, 2).clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, w_hh = ctx.saved_tensors
        space: _Space = ctx.space
        directions, steps, units, batch = ctx.shape
        d_hidden, d_cell = space.d_hidden, space.d_cell
        d_hidden.copy_(grads[0].transpose(1, 2))
        d_cell.zero_()
        d_cell_per_gate = d_cell.unsqueeze(1)
        w_back = w_hh.transpose(1, 2)
        space.fill_slopes()
        for step in reversed(range(steps)):
            now = space.steps[step]
            d_cell.addcmul_(d_hidden, now.cell_per_hidden)
            now.from_cell.mul_(d_cell_per_gate)
            now.from_hidden.mul_(d_hidden)
            if step:
                d_cell.mul_(now.forget)
                torch.bmm(w_back, now.errors, out=d_hidden)
        space.by_unit.copy_(space.errors.transpose(1, 2))
        rows = x.transpose(0, 1).reshape(steps * batch, -1)
        d_inputs = space.by_unit.view(directions * 4 * units, steps * batch) @ rows
        states = space.hidden.transpose(2, 3).contiguous()
        found: list[torch.Tensor | None] = [None]
        for direction in range(directions):
            errors = space.by_unit[direction]
            later, earlier = _around(direction, steps)
            d_bias = errors.sum(dim=(1, 2))
            found += [
                d_inputs[4 * units * direction : 4 * units * (direction + 1)],
                errors[:, later].reshape(4 * units, -1) @ states[direction, earlier].reshape(-1, units),
                d_bias,
                d_bias.clone(),
            ]
        _SPACES[ctx.shape].append(space)
        ctx.space = None
        return tuple(found)
