"""Files of the weights of I3D as they are published, and a network that is run step by step from their names.

The names are spelled out here a second time, after the published sources, so that a slip in the package shows.
"""

import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from semioscope.networks.backbones.i3d_network import I3D, MIXED
from semioscope.networks.crc32c import crc32c

Arrays = dict[str, np.ndarray]

BLOCKS = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
NARROW = 128
"""Features of the narrow network: an eighth of the published one."""


def narrow_i3d() -> nn.Module:
    """Return I3D with an eighth of its channels, in evaluation mode."""
    mixed = {block: tuple(width // 8 for width in widths) for block, widths in MIXED.items()}
    return I3D(stem=(8, 8, 24), mixed=mixed).eval()  # type: ignore[arg-type]


def piergiaj_state(*, seed: int = 0, in_channels: int = 3) -> Arrays:
    """Return random weights of the narrow network, named as in pytorch-i3d, with a classification layer."""
    rng = np.random.default_rng(seed)
    state: Arrays = {}

    def unit(name: str, given: int, wanted: int, kernel: int) -> int:
        shape = (wanted, given, kernel, kernel, kernel)
        bound = np.sqrt(6 / np.prod(shape[1:]))
        state[f"{name}.conv3d.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
        state[f"{name}.bn.weight"] = np.ones(wanted, np.float32)
        state[f"{name}.bn.bias"] = rng.normal(0.2, 0.3, wanted).astype(np.float32)
        state[f"{name}.bn.running_mean"] = rng.normal(0, 0.2, wanted).astype(np.float32)
        state[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, wanted).astype(np.float32)
        return wanted

    channels = unit("Conv3d_1a_7x7", in_channels, 8, 7)
    channels = unit("Conv3d_2b_1x1", channels, 8, 1)
    channels = unit("Conv3d_2c_3x3", channels, 24, 3)
    for block in BLOCKS:
        b0, b1a, b1b, b2a, b2b, b3 = (width // 8 for width in MIXED[block])
        name = f"Mixed_{block}"
        unit(f"{name}.b0", channels, b0, 1)
        unit(f"{name}.b1b", unit(f"{name}.b1a", channels, b1a, 1), b1b, 3)
        unit(f"{name}.b2b", unit(f"{name}.b2a", channels, b2a, 1), b2b, 3)
        unit(f"{name}.b3b", channels, b3, 1)
        channels = b0 + b1b + b2b + b3
    state["logits.conv3d.weight"] = rng.random((400, channels, 1, 1, 1), dtype=np.float32)
    state["logits.conv3d.bias"] = rng.random(400, dtype=np.float32)
    return state


def reference_steps(state: Mapping[str, np.ndarray], clips: np.ndarray) -> np.ndarray:
    """Run the network of a ``piergiaj_state`` in double precision, with every zero of the padding written out."""
    weights = {name: torch.from_numpy(array).double() for name, array in state.items()}

    def padded(
        x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], value: float
    ) -> torch.Tensor:
        sides: list[int] = []
        for size, k, s in reversed(list(zip(x.shape[2:], kernel, stride, strict=True))):
            total = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
            sides += [total // 2, total - total // 2]
        return functional.pad(x, sides, value=value)

    def unit(name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.conv3d.weight"]
        x = padded(x, tuple(kernel.shape[2:]), (stride,) * 3, 0.0)
        x = functional.conv3d(x, kernel, stride=stride)
        mean, variance, scale, shift = (
            weights[f"{name}.bn.{part}"].reshape(1, -1, 1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return torch.clamp(scale * (x - mean) / torch.sqrt(variance + 1e-3) + shift, min=0)

    def pool(x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
        return functional.max_pool3d(padded(x, kernel, stride, -np.inf), kernel, stride)

    x = unit("Conv3d_1a_7x7", torch.from_numpy(clips).double(), stride=2)
    x = unit("Conv3d_2b_1x1", pool(x, (1, 3, 3), (1, 2, 2)))
    x = pool(unit("Conv3d_2c_3x3", x), (1, 3, 3), (1, 2, 2))
    for block in BLOCKS:
        if block == "4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if block == "5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        name = f"Mixed_{block}"
        branches = [
            unit(f"{name}.b0", x),
            unit(f"{name}.b1b", unit(f"{name}.b1a", x)),
            unit(f"{name}.b2b", unit(f"{name}.b2a", x)),
            unit(f"{name}.b3b", pool(x, (3, 3, 3), (1, 1, 1))),
        ]
        x = torch.cat(branches, dim=1)
    x = functional.avg_pool3d(x, (2, *x.shape[3:]), stride=1)
    return x[..., 0, 0].transpose(1, 2).numpy()


def deepmind_arrays(state: Mapping[str, np.ndarray], *, prefix: str = "RGB/inception_i3d/") -> Arrays:
    """Return the same numbers as in DeepMind's checkpoints; the published slip in Mixed_5b is there."""
    branches = {
        "b0": "Branch_0/Conv3d_0a_1x1",
        "b1a": "Branch_1/Conv3d_0a_1x1",
        "b1b": "Branch_1/Conv3d_0b_3x3",
        "b2a": "Branch_2/Conv3d_0a_1x1",
        "b2b": "Branch_2/Conv3d_0b_3x3",
        "b3b": "Branch_3/Conv3d_0b_1x1",
    }
    found: Arrays = {}
    for name, array in state.items():
        unit, kind, part = name.rsplit(".", 2)
        if unit == "logits":
            place = "Logits/Conv3d_0c_1x1"
        elif "." in unit:
            block, branch = unit.split(".")
            place = f"{block}/{branches[branch]}"
            if (block, branch) == ("Mixed_5b", "b2b"):
                place = "Mixed_5b/Branch_2/Conv3d_0a_3x3"
        else:
            place = unit
        if kind == "conv3d":
            leaf = "conv_3d/w" if part == "weight" else "conv_3d/b"
            array = array.transpose(2, 3, 4, 1, 0) if part == "weight" else array
        elif part == "weight":
            continue
        else:
            leaf = {
                "bias": "batch_norm/beta",
                "running_mean": "batch_norm/moving_mean",
                "running_var": "batch_norm/moving_variance",
            }[part]
            array = array.reshape(1, 1, 1, 1, -1)
        found[f"{prefix}{place}/{leaf}"] = np.ascontiguousarray(array)
    return found


def keras_arrays(state: Mapping[str, np.ndarray]) -> Arrays:
    """Return the same numbers as in the Keras files."""
    branches = {
        "b0": "0a_1x1",
        "b1a": "1a_1x1",
        "b1b": "1b_3x3",
        "b2a": "2a_1x1",
        "b2b": "2b_3x3",
        "b3b": "3b_1x1",
    }
    found: Arrays = {}
    for name, array in state.items():
        unit, kind, part = name.rsplit(".", 2)
        if unit == "logits":
            layer = "Conv3d_6a_1x1"
        elif "." in unit:
            block, branch = unit.removeprefix("Mixed_").split(".")
            layer = f"Conv3d_{block}_{branches[branch]}"
        else:
            layer = unit
        if kind == "conv3d":
            layer += "_conv"
            leaf = "kernel:0" if part == "weight" else "bias:0"
            array = array.transpose(2, 3, 4, 1, 0) if part == "weight" else array
        elif part == "weight":
            continue
        else:
            layer += "_bn"
            leaf = {
                "bias": "beta:0",
                "running_mean": "moving_mean:0",
                "running_var": "moving_variance:0",
            }[part]
        found[f"{layer}/{layer}/{leaf}"] = np.ascontiguousarray(array)
    return found


def hassony2_arrays(state: Mapping[str, np.ndarray]) -> Arrays:
    """Return the same numbers as in kinetics_i3d_pytorch."""
    branches = {
        "b0": "branch_0",
        "b1a": "branch_1.0",
        "b1b": "branch_1.1",
        "b2a": "branch_2.0",
        "b2b": "branch_2.1",
        "b3b": "branch_3.1",
    }
    found: Arrays = {}
    for name, array in state.items():
        unit, kind, part = name.rsplit(".", 2)
        if unit == "logits":
            unit = "conv3d_0c_1x1"
        elif "." in unit:
            block, branch = unit.split(".")
            unit = f"{block.lower()}.{branches[branch]}"
        else:
            unit = unit.replace("Conv3d", "conv3d")
        found[f"{unit}.{'batch3d' if kind == 'bn' else kind}.{part}"] = array
    return found


def own_arrays(state: Mapping[str, np.ndarray]) -> Arrays:
    """Return the same numbers under the names of the network of the package."""
    found: Arrays = {}
    for name, array in state.items():
        unit, kind, part = name.rsplit(".", 2)
        if unit == "logits" or (kind, part) == ("bn", "weight"):
            continue
        if "." in unit:
            unit = unit.replace("Mixed_", "mixed.").replace(".b3b", ".b3")
        else:
            unit = f"conv_{unit.split('_')[1]}"
        found[f"{unit}.{'norm' if kind == 'bn' else 'conv'}.{part}"] = array
    return found


def write_torch(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a PyTorch checkpoint in the old format, in which both were published, with counters of batches."""
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    counters = {name.replace("running_var", "num_batches_tracked"): torch.tensor(0) for name in arrays}
    torch.save(counters | state, path, _use_new_zipfile_serialization=False)
    return path


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a safetensors file."""
    from safetensors.numpy import save_file

    save_file(dict(arrays), path)
    return path


def write_h5(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write what Keras writes: datasets in groups, names as attributes, and beside them an optimizer's state."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        for name, array in arrays.items():
            file[name] = array
        file["optimizer_weights/Adam/m:0"] = np.zeros(3, np.float32)
        file["iterations"] = np.int64(7)
    return path


def write_bundle(base: Path, arrays: Mapping[str, np.ndarray], *, per_block: int = 40) -> Path:
    """Write a TensorFlow checkpoint: ``<base>.index`` and its data file; returns the index."""
    data = bytearray()
    records: list[tuple[bytes, bytes]] = [(b"", _field(1, 1) + _field(3, _field(1, 1)))]
    everything = dict(arrays) | {"global_step": np.array(1234, dtype=np.int64)}
    for name in sorted(everything, key=str.encode):
        array = everything[name]
        content = array.tobytes()
        shape = b"".join(_field(2, _field(1, size)) for size in array.shape)
        checksum = struct.pack("<BI", 6 << 3 | 5, masked_crc32c(content))
        kind = 1 if array.dtype == np.float32 else 9
        place = (_field(4, len(data)) if data else b"") + _field(5, len(content))
        records.append((name.encode(), _field(1, kind) + _field(2, shape) + place + checksum))
        data += content
    index = bytearray()
    handles: list[tuple[bytes, bytes]] = []
    for start in range(0, len(records), per_block):
        part = records[start : start + per_block]
        handles.append((part[-1][0], _append_block(index, part)))
    names = _append_block(index, [])
    blocks = _append_block(index, handles)
    index += (names + blocks).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    base.with_name(f"{base.name}.data-00000-of-00001").write_bytes(data)
    path = base.with_name(f"{base.name}.index")
    path.write_bytes(index)
    return path


def _append_block(file: bytearray, records: list[tuple[bytes, bytes]]) -> bytes:
    """Append a block, every 16th key whole, and return its handle."""
    block, restarts, before = bytearray(), [0], b""
    for number, (key, value) in enumerate(records):
        shared = 0
        if number % 16 == 0:
            restarts = restarts if number == 0 else [*restarts, len(block)]
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value)) + key[shared:] + value
        before = key
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    handle = _varint(len(file)) + _varint(len(block))
    file += bytes(block) + b"\0" + struct.pack("<I", masked_crc32c(bytes(block) + b"\0"))
    return handle


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def plain_crc32c(content: bytes) -> int:
    """Return CRC-32C, byte by byte."""
    table, register = _crc_table(), 0xFFFFFFFF
    for byte in content:
        register = table[(register ^ byte) & 255] ^ register >> 8
    return register ^ 0xFFFFFFFF


def masked_crc32c(content: bytes) -> int:
    """Return a check sum as TensorFlow stores it."""
    checksum = plain_crc32c(content) if len(content) < 1000 else crc32c(content)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


WRITERS: dict[str, tuple[Callable[[Mapping[str, np.ndarray]], Arrays], str, Callable[..., Path]]] = {
    "semioscope": (own_arrays, "i3d.safetensors", write_safetensors),
    "deepmind": (deepmind_arrays, "model.ckpt", write_bundle),
    "keras": (keras_arrays, "rgb_inception_i3d.h5", write_h5),
    "piergiaj": (dict, "rgb_imagenet.pt", write_torch),
    "hassony2": (hassony2_arrays, "model_rgb.pth", write_torch),
}
"""For every form: the names of its arrays, the name of its file, and who writes it."""
