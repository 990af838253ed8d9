"""PyTorch as an engine: a graphics card, or the CPU where that is asked for."""

import contextlib
import copy
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from semioscope.networks.accelerator import find_accelerator
from semioscope.networks.runner import supported_precision

if TYPE_CHECKING:
    from torch import nn


class TorchRunner:
    """Runs a network in PyTorch, on a usable graphics card or on the CPU.

    f32 is IEEE single precision on every device (no TF32). bf16 has weights and activations in bfloat16,
    batch normalisation folded into the convolutions before rounding, and channels last.

    Args:
        module: In evaluation mode; taken over.
        precision: ``f32`` or ``bf16``.
        num_threads: Of the CPU; None leaves it to PyTorch.
    """

    engine = "torch"

    def __init__(
        self, module: "nn.Module", *, precision: str = "f32", num_threads: int | None = None
    ) -> None:
        import torch

        self.on_accelerator = find_accelerator().usable
        self.device = "cuda" if self.on_accelerator else "cpu"
        self.precision, self.notes = supported_precision(
            precision, self.on_accelerator or torch_cpu_has_bf16()
        )
        self._type = torch.bfloat16 if self.precision == "bf16" else torch.float32
        if self.precision == "bf16":
            module = fold_batch_norm(module)
        self._module = module.to(device=self.device, dtype=self._type)
        self._num_threads = num_threads
        self._lock = threading.Lock()

    def run(
        self, batch: Float32[np.ndarray, "batch channels *rest"]
    ) -> Float32[np.ndarray, "batch *steps num_features"]:
        """Compute one batch."""
        import torch

        with self._lock, _torch_threads(self._num_threads), torch.inference_mode(), _exact_convolutions():
            x = torch.from_numpy(batch).to(device=self.device, dtype=self._type)
            if self.precision == "bf16":
                layout = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
                x = x.contiguous(memory_format=layout)
            out: np.ndarray = self._module(x).float().cpu().numpy()
            return out


def fold_batch_norm(module: "nn.Module") -> "nn.Module":
    """Return a copy of a network in evaluation mode whose batch normalisation is part of its convolutions.

    A normalisation is folded when the layer registered right before it is a convolution with as many channels,
    which is how all networks of this package are written; any other stays.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    folded = copy.deepcopy(module).eval()
    leaves = [(name, layer) for name, layer in folded.named_modules() if not list(layer.children())]
    for (conv_name, conv), (norm_name, norm) in itertools.pairwise(leaves):
        fits = isinstance(conv, (nn.Conv2d, nn.Conv3d)) and isinstance(norm, _BatchNorm)
        if fits and conv.out_channels == norm.num_features:
            folded.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
            folded.set_submodule(norm_name, nn.Identity())
    return folded


def torch_cpu_has_bf16() -> bool:
    """Return whether this CPU has bf16 arithmetic, as PyTorch sees it."""
    import torch

    ask: Callable[[], dict[str, Any]] | None = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        return any(bool(value) for key, value in ask().items() if "bf16" in key)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextlib.contextmanager
def _torch_threads(num_threads: int | None) -> Iterator[None]:
    """Use so many threads inside the block; the number belongs to the calling thread."""
    import torch

    if num_threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _exact_convolutions() -> "contextlib.AbstractContextManager[None]":
    """Return a block in which cuDNN neither rounds to TF32 nor picks algorithms by racing them."""
    import torch

    made: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return made
