"""I3D on one clip of 60x224x224: OpenVINO, f32 and bf16, against a usual PyTorch port, on the CPU.

The port is the yardstick: the network layer by layer in eager f32, an explicit padding module before every
convolution and pool, batch normalisation and ReLU as modules. The weights are the same in all, and random. The
rate of a matrix product, measured beside it in PyTorch and in OpenVINO (the faster counts), says how much of the
machine is used.
"""

import numpy as np
import torch
from timing import interleaved_medians
from torch import nn

from semioscope import backbones
from semioscope.core.randomness import stream
from semioscope.networks import BACKBONES
from semioscope.networks.backbones.i3d_network import BATCH_NORM_EPS, MIXED, STEM, same_padding
from semioscope.networks.engines import make_runner
from semioscope.networks.random_weights import fill_random
from semioscope.networks.torch_engine import torch_cpu_has_bf16

GOALS = {
    "openvino_f32_speedup": (">=", 3.0),
    "openvino_f32_relative_error": ("<", 1e-5),
    "openvino_bf16_speedup": (">=", 5.5),
    "openvino_bf16_relative_error": ("<", 0.03),
}
FRAMES, SIDE = 60, 224
_MATRIX = 2048
_MATRIX_ROUNDS = 5
"""Products per turn."""


class PortUnit(nn.Sequential):
    """Padding, convolution, normalisation, ReLU."""

    def __init__(
        self, given: int, wanted: int, size: tuple[int, int, int], kernel: int, stride: int = 1
    ) -> None:
        super().__init__(
            padding(size, (kernel,) * 3, (stride,) * 3),
            nn.Conv3d(given, wanted, kernel, stride=stride, bias=False),
            nn.BatchNorm3d(wanted, eps=BATCH_NORM_EPS),
            nn.ReLU(),
        )


class PortMixed(nn.Module):
    """Four branches."""

    def __init__(self, given: int, widths: tuple[int, ...], size: tuple[int, int, int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3 = widths
        self.b0 = PortUnit(given, b0, size, 1)
        self.b1 = nn.Sequential(PortUnit(given, b1a, size, 1), PortUnit(b1a, b1b, size, 3))
        self.b2 = nn.Sequential(PortUnit(given, b2a, size, 1), PortUnit(b2a, b2b, size, 3))
        self.b3 = nn.Sequential(pool(size, (3, 3, 3), (1, 1, 1)), PortUnit(given, b3, size, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the branches, joined."""
        return torch.cat([self.b0(x), self.b1(x), self.b2(x), self.b3(x)], dim=1)


def padding(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> nn.ConstantPad3d:
    """Return the zeros of SAME padding as a module."""
    sides = [same_padding(*axis) for axis in zip(size, kernel, stride, strict=True)]
    return nn.ConstantPad3d([zeros for side in reversed(sides) for zeros in side], 0.0)


def pool(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> nn.Sequential:
    """Return padding and pool."""
    return nn.Sequential(padding(size, kernel, stride), nn.MaxPool3d(kernel, stride))


def port() -> nn.Module:
    """Return the port for clips of one size: (B, 3, 60, 224, 224) -> (B, 1024, 7, 1, 1)."""
    size = (FRAMES, SIDE, SIDE)

    def smaller(by: tuple[int, int, int]) -> tuple[int, int, int]:
        return tuple(-(-n // step) for n, step in zip(size, by, strict=True))  # type: ignore[return-value]

    layers: list[nn.Module] = [PortUnit(3, STEM[0], size, 7, 2)]
    size = smaller((2, 2, 2))
    layers.append(pool(size, (1, 3, 3), (1, 2, 2)))
    size = smaller((1, 2, 2))
    layers += [PortUnit(STEM[0], STEM[1], size, 1), PortUnit(STEM[1], STEM[2], size, 3)]
    layers.append(pool(size, (1, 3, 3), (1, 2, 2)))
    size = smaller((1, 2, 2))
    channels = STEM[2]
    for name, widths in MIXED.items():
        if name in ("4b", "5b"):
            kernel = (3, 3, 3) if name == "4b" else (2, 2, 2)
            layers.append(pool(size, kernel, (2, 2, 2)))
            size = smaller((2, 2, 2))
        layers.append(PortMixed(channels, widths, size))
        channels = widths[0] + widths[2] + widths[4] + widths[5]
    layers.append(nn.AvgPool3d((2, 7, 7), stride=1))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give one network the weights of another one with the same layers in the same order."""
    for kind in (nn.Conv3d, nn.BatchNorm3d):
        pairs = zip(of_kind(source, kind), of_kind(target, kind), strict=True)
        for given, wanted in pairs:
            wanted.load_state_dict(given.state_dict(), strict=False)


def of_kind(module: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    """Return the layers of a kind, in order."""
    return [layer for layer in module.modules() if isinstance(layer, kind)]


def operations(module: nn.Module, clip: torch.Tensor) -> float:
    """Return the billions of multiplications and additions of the convolutions for a clip."""
    total = 0.0

    def count(layer: nn.Module, given: object, out: torch.Tensor) -> None:
        nonlocal total
        total += 2.0 * out.numel() * layer.weight[0].numel() / 1e9

    hooks = [layer.register_forward_hook(count) for layer in of_kind(module, nn.Conv3d)]
    module(clip)
    for hook in hooks:
        hook.remove()
    return total


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return times, speed-ups, errors and shares of the matrix product's rate; NaN where there is no bf16."""
    frames = stream(0, "benchmark").integers(0, 256, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    entry = BACKBONES["i3d"]
    source = entry.build()
    fill_random(source, entry.spec, seed=0)
    yardstick = port()
    copy_weights(source, yardstick)
    networks = {"openvino_f32": backbones.load("i3d", weights="random", engine="openvino")}
    half = backbones.load("i3d", weights="random", engine="openvino", precision="bf16")
    if half.precision == "bf16":  # else the processor has none, and f32 was taken instead
        networks["openvino_bf16"] = half
    clip = networks["openvino_f32"].preprocess(frames)[None]
    tensor = torch.from_numpy(clip)
    types = {"f32": torch.float32} | ({"bf16": torch.bfloat16} if torch_cpu_has_bf16() else {})
    matrices = {name: torch.ones(_MATRIX, _MATRIX, dtype=kind) for name, kind in types.items()}
    plain = np.ones((_MATRIX, _MATRIX), dtype=np.float32)
    products = {
        name: make_runner(nn.Linear(_MATRIX, _MATRIX, bias=False).eval(), engine="openvino", precision=name)
        for name in matrices
    }

    with torch.inference_mode():
        reference = yardstick(tensor).flatten(2).transpose(1, 2).numpy().ravel()
        billions = operations(yardstick, tensor)
        functions = {"port_f32": lambda: yardstick(tensor)}
        functions |= {name: (lambda network=network: network(clip)) for name, network in networks.items()}
        functions |= {
            f"matrix_{name}": (lambda matrix=matrix: [matrix @ matrix for _ in range(_MATRIX_ROUNDS)])
            for name, matrix in matrices.items()
        }
        functions |= {
            f"matrix_openvino_{name}": (lambda run=runner.run: [run(plain) for _ in range(_MATRIX_ROUNDS)])
            for name, runner in products.items()
        }
        outputs = {name: network(clip).ravel() for name, network in networks.items()}
        seconds = interleaved_medians(functions, rounds=3 if quick else 9)

    result = {f"{name}_seconds": value for name, value in seconds.items() if not name.startswith("matrix")}
    result["operations_billions"] = billions
    for name in ("f32", "bf16"):
        key = f"openvino_{name}"
        for what in ("speedup", "relative_error", "cosine", "share_of_peak"):
            result[f"{key}_{what}"] = float("nan")
        result[f"matrix_{name}_billions_per_second"] = float("nan")
        if name in matrices:
            done = 2 * _MATRIX**3 * _MATRIX_ROUNDS / 1e9
            quickest = min(seconds[f"matrix_{name}"], seconds[f"matrix_openvino_{name}"])
            result[f"matrix_{name}_billions_per_second"] = done / quickest
        if key in outputs:
            found = outputs[key]
            norms = np.linalg.norm(found), np.linalg.norm(reference)
            result[f"{key}_speedup"] = seconds["port_f32"] / seconds[key]
            result[f"{key}_relative_error"] = float(np.linalg.norm(found - reference) / norms[1])
            result[f"{key}_cosine"] = float(found @ reference / (norms[0] * norms[1]))
            rate = billions / seconds[key]
            result[f"{key}_share_of_peak"] = rate / result[f"matrix_{name}_billions_per_second"]
    return result
