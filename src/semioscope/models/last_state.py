"""The last hidden state of LSTM layers with its gradients, in less time than the general layer takes.

A study of hundreds of small fits spends its time here (1.4 million steps in figure 2 of GESTURES). ``torch.nn.LSTM``
returns all hidden states, keeps every result in between as a node of the graph and takes fresh memory at each step.
This function computes the same numbers for the one thing that is needed, in memory that is used again, and the
gradient of a weight as one product over all steps. Several layers of one size, each with inputs of its own, go side
by side, so that what a step costs apart from its products is paid once. The weights stay those of the
``torch.nn.LSTM``.

Inside, the values of a step lie as (units, batch), so that each gate is one piece of memory. Both directions advance
together: forward at time ``s``, backward at time ``n - 1 - s``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_STATES_PER_UNIT = 12
"""Numbers that a pass keeps for each unit, step and sequence: four gates, their errors, four states."""
_NUMBERS_AT_ONCE = 4_000_000
"""Layers go side by side as long as what they keep (16 MB) stays in the cache of a core."""


def last_hidden(
    layers: Sequence[nn.LSTM], x: Float[torch.Tensor, "num_layers batch num_steps num_features"]
) -> Float[torch.Tensor, "num_layers num_directions batch hidden_size"]:
    """Return the last hidden state of each direction of one-layer LSTMs that start from zeros.

    The backward direction's last state is the one at the first step. Gradients reach the weights of the layers, not
    ``x``. Equal to ``layer(x)[1][0]`` for each layer but for rounding; that is what runs in inference mode, or for
    anything other than float32 on the CPU.

    Args:
        layers: Each of one layer, ``batch_first``, with biases and without projection or dropout; all of one size.
        x: For each of them, sequences of at least one step.
    """
    plain = x.requires_grad or x.dtype != torch.float32 or x.device.type != "cpu"
    if plain or torch.is_inference_mode_enabled():
        return torch.stack([layer(own)[1][0] for layer, own in zip(layers, x, strict=True)])
    suffixes = ("", "_reverse") if layers[0].bidirectional else ("",)
    numbers = len(suffixes) * x.shape[2] * layers[0].hidden_size * x.shape[1] * _STATES_PER_UNIT
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, numbers))
    found = []
    for begin in range(0, len(layers), at_once):
        weights = [
            getattr(layer, f"{part}_l0{suffix}")
            for layer in layers[begin : begin + at_once]
            for suffix in suffixes
            for part in _PARTS
        ]
        run = _LastHidden.apply if torch.is_grad_enabled() else _states_only
        found.append(run(x[begin : begin + at_once], len(suffixes), *weights))
    return found[0] if len(found) == 1 else torch.cat(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Views of the memory of one step, each (layer, direction, units, batch) if not said otherwise.

    Args:
        gates: (layer, direction, 4 units, batch): in, forget, new, out.
        into_and_forget: Two of them, (layer, direction, 2 units, batch).
        into: Gate.
        forget: Gate.
        new: Gate.
        out: Gate.
        cell: Cell state.
        squashed: Its tanh.
        hidden: Hidden state.
        errors: As ``gates``: gradients before the non-linearities.
        from_cell: Those of in, forget and new, (layer, direction, 3, units, batch).
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
    """Memory of one pass, laid out as (layer, direction, time, units, batch), and views of it for every step.

    Args:
        layers: How many go side by side.
        directions: 1 or 2.
        steps: Length of the sequences.
        units: Hidden units per direction.
        batch: Sequences.
    """

    def __init__(self, layers: int, directions: int, steps: int, units: int, batch: int) -> None:
        state = (layers, directions, steps, units, batch)
        wide = (layers, directions, steps, 4 * units, batch)
        self.gates, self.errors = torch.empty(wide), torch.empty(wide)
        self.hidden, self.cell, self.squashed, self.cell_per_hidden = (torch.empty(state) for _ in range(4))
        # errors of one layer, for the products over all steps
        self.by_unit = torch.empty(directions, 4 * units, steps, batch)
        self.d_hidden, self.d_cell = (torch.empty(layers, directions, units, batch) for _ in range(2))
        self.steps = [self._step(step, units) for step in range(steps)]
        self.shape = (layers, directions, steps, units, batch)

    @classmethod
    def take(cls, *shape: int) -> "_Space":
        """Return memory of a shape that no pass uses now."""
        free = _FREE.setdefault(shape, [])
        return free.pop() if free else cls(*shape)

    def free(self) -> None:
        """Let another pass use the memory."""
        _FREE.setdefault(self.shape, []).append(self)

    def last_hidden(self) -> torch.Tensor:
        """Return a copy of the last hidden states, (layer, direction, batch, units)."""
        return self.steps[-1].hidden.transpose(2, 3).clone()

    def _step(self, step: int, units: int) -> _Step:
        gates, errors = _at(self.gates, step), _at(self.errors, step)
        into, forget, new, out = gates.chunk(4, dim=2)
        return _Step(
            gates=gates,
            into_and_forget=gates[:, :, : 2 * units],
            into=into,
            forget=forget,
            new=new,
            out=out,
            cell=_at(self.cell, step),
            squashed=_at(self.squashed, step),
            hidden=_at(self.hidden, step),
            errors=errors,
            from_cell=errors[:, :, : 3 * units].view(*errors.shape[:2], 3, units, errors.shape[3]),
            from_hidden=errors[:, :, 3 * units :],
            cell_per_hidden=_at(self.cell_per_hidden, step),
        )

    def fill_slopes(self) -> None:
        """Put into ``errors`` what a change before each gate does to the cell (the last gate: hidden) state."""
        into, forget, new, out = self.gates.chunk(4, dim=3)
        of_into, of_forget, of_new, of_out = self.errors.chunk(4, dim=3)
        sigmoid, tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward.grad_input
        sigmoid(new, into, grad_input=of_into)
        tanh(into, new, grad_input=of_new)
        sigmoid(self.squashed, out, grad_input=of_out)
        tanh(out, self.squashed, grad_input=self.cell_per_hidden)
        for direction in range(self.gates.shape[1]):
            later, earlier = _around(direction, len(self.steps))
            here = of_forget[:, direction]
            sigmoid(self.cell[:, direction, earlier], forget[:, direction, later], grad_input=here[:, later])
            here[:, -1 if direction else 0].zero_()  # no state before the first step


def _around(direction: int, steps: int) -> tuple[slice, slice]:
    """Return the times that have a state before them, and the times of these states."""
    later, earlier = slice(1, None), slice(steps - 1)
    return (earlier, later) if direction else (later, earlier)


_FREE: dict[tuple[int, ...], list[_Space]] = {}
"""Memory that no pass uses now, by shape. A pass takes its own and gives it back when its gradients are done."""


def forget_memory() -> None:
    """Give back the memory that is kept for passes of the shapes seen so far; whoever trains calls it at the end."""
    _FREE.clear()


def _at(whole: torch.Tensor, step: int) -> torch.Tensor:
    """Return a step of both directions as one view: time ``step`` and, of the backward direction, its mirror."""
    layers, directions, steps, rows, batch = whole.shape
    size = rows * batch
    apart = (2 * steps - 1 - 2 * step) * size
    strides = (directions * steps * size, apart, batch, 1)
    return whole.as_strided((layers, directions, rows, batch), strides, step * size)


def _squash(values: torch.Tensor, *, out: torch.Tensor) -> None:
    """Put the tanh of values into memory, as 2 sigmoid(2 v) - 1: within 2e-7, in a third of the time of PyTorch's."""
    torch.mul(values, 2, out=out)
    out.sigmoid_().mul_(2).sub_(1)


def _products(into: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, add: bool) -> None:
    """Put the matrix product of every layer and direction into memory, or add it to what is there."""
    for layer in range(len(into)):
        if add:
            into[layer].baddbmm_(left[layer], right[layer])
        else:
            torch.bmm(left[layer], right[layer], out=into[layer])


def _recurrent(weights: Sequence[torch.Tensor], layers: int) -> torch.Tensor:
    """Return the weights from state to state, (layer, direction, 4 units, units)."""
    together = torch.stack(tuple(weights[1::4]))
    return together.view(layers, -1, *together.shape[1:])


def _through_time(x: torch.Tensor, directions: int, weights: Sequence[torch.Tensor]) -> _Space:
    """Run all layers over all steps and return the memory with what happened."""
    layers, batch, steps, _ = x.shape
    space = _Space.take(layers, directions, steps, weights[1].shape[1], batch)
    columns = x.permute(0, 2, 3, 1)
    for k in range(layers * directions):
        layer, direction = divmod(k, directions)
        w_ih, _, bias_ih, bias_hh = weights[4 * k : 4 * k + 4]
        torch.bmm(w_ih.expand(steps, -1, -1), columns[layer], out=space.gates[layer, direction])
        space.gates[layer, direction] += (bias_ih + bias_hh)[:, None]
    w_hh = _recurrent(weights, layers)
    before: _Step | None = None
    for now in space.steps:
        if before is not None:
            _products(now.gates, w_hh, before.hidden, add=True)
        now.into_and_forget.sigmoid_()
        _squash(now.new, out=now.new)
        now.out.sigmoid_()
        torch.mul(now.into, now.new, out=now.cell)
        if before is not None:
            now.cell.addcmul_(now.forget, before.cell)
        _squash(now.cell, out=now.squashed)
        torch.mul(now.out, now.squashed, out=now.hidden)
        before = now
    return space


def _states_only(x: torch.Tensor, directions: int, *weights: torch.Tensor) -> torch.Tensor:
    space = _through_time(x, directions, weights)
    states = space.last_hidden()
    space.free()
    return states


class _LastHidden(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, directions: int, *weights: torch.Tensor) -> torch.Tensor:
        space = ctx.space = _through_time(x, directions, weights)
        ctx.save_for_backward(x, *weights)
        return space.last_hidden()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        space: _Space = ctx.space
        layers, directions, steps, units, batch = space.shape
        d_hidden, d_cell = space.d_hidden, space.d_cell
        d_hidden.copy_(grads[0].transpose(2, 3))
        d_cell.zero_()
        d_cell_per_gate = d_cell.unsqueeze(2)
        w_back = _recurrent(weights, layers).transpose(2, 3)
        space.fill_slopes()
        for step in reversed(range(steps)):
            now = space.steps[step]
            d_cell.addcmul_(d_hidden, now.cell_per_hidden)
            now.from_cell.mul_(d_cell_per_gate)
            now.from_hidden.mul_(d_hidden)
            if step:
                d_cell.mul_(now.forget)
                _products(d_hidden, w_back, now.errors, add=False)
        found: list[torch.Tensor | None] = [None, None]
        for layer in range(layers):
            space.by_unit.copy_(space.errors[layer].transpose(1, 2))
            rows = x[layer].transpose(0, 1).reshape(steps * batch, -1)
            d_inputs = space.by_unit.view(directions * 4 * units, steps * batch) @ rows
            states = space.hidden[layer].transpose(2, 3).contiguous()
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
        space.free()
        ctx.space = None
        return tuple(found)
