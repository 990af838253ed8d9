"""A Transformer encoder over the frames of an excerpt, and its two heads.

Methods: Hou 2022, section 4, "Specification of the Transformer": 8 heads, width 1024, 256 positions, 6 layers, about
78 million trained numbers, written with the Huggingface library. What that leaves open follows BERT: normalisation
after each residual sum, feed-forward four times the width, exact GELU, learnt positions, dropout of 0.1 on the
inputs, the attention weights and the output of both blocks, weights drawn with a deviation of 0.02. Differs from
BERT: no normalisation of the inputs, 1e-5 under the root.

Dropout draws from one generator per excerpt, so an excerpt meets the same dropout whatever batch it is in and
however many processes share a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import nn
from torch.nn import functional, init

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.randomness import torch_seed

_DEVIATION = 0.02

Generators = Sequence[torch.Generator]
Network = TypeVar("Network", bound=nn.Module)


class TransformerSize(Config):
    """How large the Transformer is, whatever the features. The defaults are the paper's."""

    num_positions: int = Field(default=256, ge=1, le=65_536)
    """Most frames of an excerpt."""
    num_layers: int = Field(default=6, ge=1, le=100)
    """Layers of the encoder."""
    num_heads: int = Field(default=8, ge=1, le=256)
    """Heads of each attention."""
    width: int = Field(default=1024, ge=1, le=65_536)
    """Size of a state; a multiple of the heads."""
    feedforward: int = Field(default=4096, ge=1, le=262_144)
    """Size of the layer inside each feed-forward block."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share that dropout leaves out in training."""

    @model_validator(mode="after")
    def _heads_fit(self) -> "TransformerSize":
        if self.width % self.num_heads:
            msg = (
                f"width must be a multiple of num_heads ({self.num_heads}), got {self.width}. "
                f"Choose {self.width // self.num_heads * self.num_heads or self.num_heads}."
            )
            raise ValueError(msg)
        return self


class TransformerConfig(TransformerSize):
    """How large the Transformer is, and which features it takes. The defaults are the paper's."""

    num_features: int = Field(default=2048, ge=1, le=65_536)
    """Size of the feature vector of a frame."""

    @classmethod
    def of(cls, size: TransformerSize, *, num_features: int) -> "TransformerConfig":
        """Return a size for features of so many numbers."""
        return cls(**(size.model_dump() | {"num_features": num_features}))

    @property
    def size(self) -> TransformerSize:
        """How large it is, whatever the features."""
        return TransformerSize(**self.model_dump(exclude={"num_features"}))


TRANSFORMER_SIZES: dict[str, TransformerConfig] = {
    "full": TransformerConfig(),
    "small": TransformerConfig(num_layers=2, width=256, feedforward=1024),
}
"""The paper's size, and one that a small machine trains in an evening."""


def transformer_size(name: str) -> TransformerConfig:
    """Return a size by its name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in TRANSFORMER_SIZES:
        raise ConfigError(unknown_name("size of the Transformer", name, TRANSFORMER_SIZES))
    return TRANSFORMER_SIZES[name]


class TransformerLayer(nn.Module):
    """Self-attention, then a feed-forward block; each is added to its input and the sum normalised."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads, self.dropout = config.num_heads, config.dropout
        self.attention_in = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width)
        self.feedforward_in = nn.Linear(config.width, config.feedforward)
        self.feedforward_out = nn.Linear(config.feedforward, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width)

    def forward(
        self,
        x: Float[torch.Tensor, "batch num_frames width"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None,
    ) -> Float[torch.Tensor, "batch num_frames width"]:
        """Return the states after this layer."""
        x = self.attention_norm(x + self._dropped(self._attended(x, real, generators), generators))
        inner = functional.gelu(self.feedforward_in(x))
        out: torch.Tensor = self.feedforward_norm(x + self._dropped(self.feedforward_out(inner), generators))
        return out

    def _attended(
        self,
        x: Float[torch.Tensor, "batch num_frames width"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None,
    ) -> Float[torch.Tensor, "batch num_frames width"]:
        batch, frames, width = x.shape
        qkv_SBHTD = (
            self.attention_in(x)
            .view(batch, frames, 3, self.num_heads, width // self.num_heads)
            .permute(2, 0, 3, 1, 4)
        )
        query, key, value = qkv_SBHTD.unbind()
        # the query is scaled, not the scores, and PAD left out by adding: fewer passes over the largest tensors
        scores = query * (width // self.num_heads) ** -0.5 @ key.transpose(2, 3)
        left_out = torch.zeros_like(real, dtype=scores.dtype).masked_fill_(~real, -torch.inf)
        scores.add_(left_out[:, None, None, :])
        weights = self._dropped(scores.softmax(dim=3), generators)
        out: torch.Tensor = self.attention_out((weights @ value).transpose(1, 2).flatten(2))
        return out

    def _dropped(
        self, x: Float[torch.Tensor, "*shape"], generators: Generators | None
    ) -> Float[torch.Tensor, "*shape"]:
        return dropped(x, self.dropout if self.training else 0, generators)


class TransformerEncoder(nn.Module):
    """Maps the features of the frames of an excerpt to one state per frame.

    A state depends on the real frames of its excerpt only: neither on what stands at padded positions, nor on the
    other excerpts of a batch. States at padded positions mean nothing.

    Args:
        config: Its size. The paper's has 77,937,664 trained numbers.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.inputs = nn.Linear(config.num_features, config.width)
        self.positions = nn.Parameter(torch.empty(config.num_positions, config.width))
        # a list of modules, whose entries PyTorch's own types do not tell
        self.layers = cast(
            "Sequence[TransformerLayer]",
            nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers)),
        )

    def forward(
        self,
        x: Float[torch.Tensor, "batch num_frames num_features"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None = None,
    ) -> Float[torch.Tensor, "batch num_frames width"]:
        """Return the states after the last layer.

        Args:
            x: Excerpts of 1 to ``num_positions`` frames.
            real: Which positions hold a frame (or MASK), not PAD; at least one per excerpt, or its states are NaN.
            generators: In training with dropout, one per excerpt, on the device of the network.

        Raises:
            ConfigError: If features or frames do not fit the configuration.
            RuntimeError: If dropout is to be drawn and there are no generators.
        """
        if not 1 <= x.shape[1] <= self.config.num_positions or x.shape[2] != self.config.num_features:
            msg = (
                f"This Transformer needs input of shape (batch, 1 to {self.config.num_positions}, "
                f"{self.config.num_features}), got {tuple(x.shape)}. Cut excerpts with a plan, and take features of "
                "the backbone that it was trained with."
            )
            raise ConfigError(msg)
        states: torch.Tensor = self.inputs(x)
        states = states + self.positions[: x.shape[1]].to(states.dtype)
        states = dropped(states, self.config.dropout if self.training else 0, generators)
        for layer in self.layers:
            states = layer(states, real, generators)
        return states


class TransformerRegressor(nn.Module):
    """The encoder with a head that gives features back, for pre-training."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.encoder = TransformerEncoder(config)
        self.head = nn.Linear(config.width, config.num_features)

    def forward(
        self,
        x: Float[torch.Tensor, "batch num_frames num_features"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None = None,
    ) -> Float[torch.Tensor, "batch num_frames num_features"]:
        """Return one feature vector per position; arguments as those of the encoder."""
        features: torch.Tensor = self.head(self.encoder(x, real, generators))
        return features


class TransformerClassifier(nn.Module):
    """The encoder with a head that tells classes apart: mean over the real frames, dropout, fully-connected.

    Args:
        config: Size of the encoder.
        num_classes: At least 2.
        dropout: Share of the mean state that dropout leaves out in training. 0.5 in the paper.
    """

    def __init__(self, config: TransformerConfig, *, num_classes: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = dropout
        self.encoder = TransformerEncoder(config)
        self.head = nn.Linear(config.width, num_classes)

    def forward(
        self,
        x: Float[torch.Tensor, "batch num_frames num_features"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None = None,
    ) -> Float[torch.Tensor, "batch num_classes"]:
        """Return logits; NaN for an excerpt without a real frame. Arguments as those of the encoder."""
        mean = dropped(self.mean_state(x, real, generators), self.dropout if self.training else 0, generators)
        logits: torch.Tensor = self.head(mean)
        return logits

    def mean_state(
        self,
        x: Float[torch.Tensor, "batch num_frames num_features"],
        real: Bool[torch.Tensor, "batch num_frames"],
        generators: Generators | None = None,
    ) -> Float[torch.Tensor, "batch width"]:
        """Return the mean of the encoder's states over the real frames; NaN where there is none."""
        states = self.encoder(x, real, generators)
        total = torch.where(real.unsqueeze(2), states, 0).sum(dim=1, dtype=torch.float32)
        mean: torch.Tensor = total / real.sum(dim=1, keepdim=True)
        return mean


def dropped(
    x: Float[torch.Tensor, "*shape"], rate: float, generators: Generators | None
) -> Float[torch.Tensor, "*shape"]:
    """Return what inverted dropout leaves of each excerpt, drawn from the excerpt's own generator."""
    if rate == 0:
        return x
    if generators is None or len(generators) != len(x):
        msg = (
            f"Dropout in training needs one generator per excerpt ({len(x)}), got "
            f"{'none' if generators is None else len(generators)}. Give generators, or call eval()."
        )
        raise RuntimeError(msg)
    # 16 random bits per number, not the 24 of seeded_layers.kept_by_dropout: a quarter of the time, and there are
    # millions of attention weights per excerpt; the share is met within 1/65536
    size = x[0].numel()
    bits = torch.empty(len(x), -(-size // 4), dtype=torch.int64, device=x.device)
    for row, generator in zip(bits, generators, strict=True):
        row.random_(-(2**63), None, generator=generator)
    least = round(rate * 2**16)
    keep = torch.empty(len(x), size, dtype=x.dtype, device=x.device)
    torch.ge(bits.view(torch.int16)[:, :size], least - 2**15, out=keep)
    left: torch.Tensor = _Dropout.apply(x, keep.view(x.shape), 2**16 / (2**16 - least))
    return left


class _Dropout(torch.autograd.Function):
    """``x * keep * scale`` in one pass each way; what is kept is 1 in the type of ``x``, else 0."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, keep: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(keep)
        ctx.scale = scale
        return torch.addcmul(x.new_zeros(()), x, keep, value=scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,) = gradients
        (keep,) = ctx.saved_tensors
        return torch.addcmul(gradient.new_zeros(()), gradient, keep, value=ctx.scale), None, None


def dropout_generators(seeds: Sequence[int], *, device: str | torch.device = "cpu") -> list[torch.Generator]:
    """Return one generator per excerpt, from what ``core.randomness.torch_seed`` gave for each."""
    return [torch.Generator(device).manual_seed(seed) for seed in seeds]


def build_transformer(make: Callable[[], Network], *, seed: int) -> Network:
    """Make an encoder, or one with a head, with seeded random weights; equal arguments, equal bits.

    Weights and positions are normal with a deviation of 0.02, biases 0, normalisations the identity, as in BERT.
    No global random state is read or changed.

    Args:
        make: Makes the network, such as ``lambda: TransformerRegressor(config)``.
        seed: Seed of the weights.
    """
    with torch.device("meta"):  # without numbers, so that making the layers draws none
        empty = make()
    network = empty.to_empty(device="cpu")
    initialise(network, torch.Generator().manual_seed(torch_seed(seed, "transformer")))
    return network


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Fill all weights as :func:`build_transformer` says; equal generators, equal bits."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=_DEVIATION, generator=generator)
            init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, TransformerEncoder):
            init.normal_(module.positions, std=_DEVIATION, generator=generator)
