"""The classifier of slices: LSTM layers, then fully-connected ones.

Methods: Karácsony 2020, section 3.5, and 2022, "Implemented classifier architectures"; as in the papers. What
they leave open follows the defaults of Keras, in which they were written: masked steps, momentum and floor of the
batch normalisation, biases, and the weights of the LSTM layers.
"""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import nn

from semioscope.models.seeded_layers import Dense, MaskedBatchNorm, MaskedLstm
from semioscope.models.steps import StepAggregator, defined, split_mask


class LstmFcAggregator(StepAggregator):
    """LSTM layers over the steps; the last state of the last one goes through fully-connected layers.

    After every LSTM layer and after every fully-connected layer (with a ReLU) come batch normalisation and then
    dropout. The output is one unit z and a sigmoid for two classes, that is, logits (0, z), whose softmax is that
    sigmoid; else one unit per class. The representation is the last state of the last LSTM layer.

    Batch normalisation within the sequences counts real steps only. Recurrent dropout is that of Keras: the hidden
    state is multiplied, on its way into each of the four gates, with a mask of its own, drawn once per sequence and
    the same at every step.

    Args:
        num_features: Size of a feature vector.
        num_classes: At least 2.
        lstm_sizes: Units of the LSTM layers, at least one. 128 and 64 in the papers; the extended one has 128, 128.
        fc_sizes: Units of the fully-connected layers before the output. 64 and 32; the extended one has 128, 64.
        dropout: Share left out, in [0, 1).
        recurrent_dropout: Share left out of the recurrent states, in [0, 1).
        l2: Strength of the penalty.
    """

    def __init__(
        self,
        *,
        num_features: int,
        num_classes: int,
        lstm_sizes: tuple[int, ...],
        fc_sizes: tuple[int, ...],
        dropout: float,
        recurrent_dropout: float,
        l2: float,
    ) -> None:
        super().__init__(num_features=num_features, num_classes=num_classes, dropout=dropout)
        self.recurrent_dropout = recurrent_dropout
        self.l2 = l2
        num_outputs = 1 if num_classes == 2 else num_classes
        into_lstm = (num_features, *lstm_sizes[:-1])
        into_fc = (lstm_sizes[-1], *fc_sizes)
        # lists of modules, whose entries PyTorch's own types do not tell
        self.lstms = cast(
            "Sequence[MaskedLstm]",
            nn.ModuleList(MaskedLstm(*sizes) for sizes in zip(into_lstm, lstm_sizes, strict=True)),
        )
        self.lstm_norms = nn.ModuleList(MaskedBatchNorm(size) for size in lstm_sizes)
        self.fcs = cast(
            "Sequence[Dense]",
            nn.ModuleList(
                Dense(*sizes, he=True) for sizes in zip(into_fc, (*fc_sizes, num_outputs), strict=True)
            ),
        )
        self.fc_norms = nn.ModuleList(MaskedBatchNorm(size) for size in fc_sizes)
        self._activity: torch.Tensor | None = None

    def penalty(self) -> Float[torch.Tensor, ""]:
        """Return ``l2`` times the sum of squares of what is to stay small.

        These are the weights of the LSTM layers (not their biases), weights and biases of the fully-connected
        layers (the output's too), and, of the last forward pass in training, the outputs of the LSTM layers over
        the number of sequences: all steps of the inner layers, the last step of the last one. So counts Keras.
        """
        weights = [weight for lstm in self.lstms for weight in (lstm.weight_ih, lstm.weight_hh)]
        weights += [weight for fc in self.fcs for weight in (fc.weight, fc.bias)]
        total = torch.stack([weight.square().sum() for weight in weights]).sum()
        return self.l2 * (total if self._activity is None else total + self._activity)

    def _states(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_steps num_units"]:
        """Return the states of the last LSTM layer."""
        states, real = split_mask(x)
        squares = []
        for index, lstm in enumerate(self.lstms):
            if index:
                states = self._dropped(self.lstm_norms[index - 1](states, real))
            keep = self._keep((4, x.shape[0], lstm.num_units), self.recurrent_dropout, states)
            states = lstm(states, real, keep)
            last = index == len(self.lstms) - 1
            squares.append((states[:, -1] if last else states).square().sum())
        self._activity = torch.stack(squares).sum() / x.shape[0] if self.training else None
        return states

    def _classify(
        self, state: Float[torch.Tensor, "rows num_units"]
    ) -> Float[torch.Tensor, "rows num_classes"]:
        values = self._dropped(self.lstm_norms[-1](state))
        for fc, norm in zip(self.fcs[:-1], self.fc_norms, strict=True):
            values = self._dropped(norm(torch.relu(fc(values))))
        logits: torch.Tensor = self.fcs[-1](values)
        return torch.cat([torch.zeros_like(logits), logits], dim=1) if self.num_classes == 2 else logits

    def _logits(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_classes"]:
        return defined(self._classify(self._states(x)[:, -1]), split_mask(x)[1].any(dim=1))

    def _represent(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch size"]:
        return defined(self._states(x)[:, -1], split_mask(x)[1].any(dim=1))

    def _logits_of_prefixes(
        self, x: Float[torch.Tensor, "batch num_steps columns"]
    ) -> Float[torch.Tensor, "batch num_steps num_classes"]:
        logits = self._classify(self._states(x).flatten(0, 1))
        logits = logits.reshape(x.shape[0], x.shape[1], self.num_classes)
        return defined(logits, split_mask(x)[1].cumsum(dim=1) > 0)
