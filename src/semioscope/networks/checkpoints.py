"""Reading files of weights without ever running what is in them, and fitting them to a network."""

import hashlib
import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semioscope.core.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

    State = dict[str, torch.Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_NOT_NEEDED = ("fc.",)
"""The classification layer: backbones end before it."""


def read_checkpoint(path: Path) -> "State":
    """Read the named tensors of a file.

    Accepts safetensors and PyTorch checkpoints of plain tensors, also when they are wrapped in ``state_dict``
    or their names begin with ``module.``.

    Raises:
        WeightsError: If the file is absent, damaged, not a checkpoint, or holds anything but tensors.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as err:
        msg = f"{path} must be a file of weights that can be read: {err.strerror}. Check the path."
        raise WeightsError(msg) from err
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        content = _read_safetensors(path)
    elif start[:2] == b"PK" or start[:1] == b"\x80":
        content = _read_torch(path)
    else:
        msg = (
            f"{path} must be a file of weights (.pth, .pt or .safetensors), but it is something else. "
            "Download it again; a page of a login or a proxy may have been saved in its place."
        )
        raise WeightsError(msg)
    return _plain_state(content, path)


def expected_shapes(module: "nn.Module") -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that a network needs; counters of batches are not."""
    return {
        name: tuple(tensor.shape)
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def fit_state(
    state: "Mapping[str, torch.Tensor]",
    expected: Mapping[str, tuple[int, ...]],
    *,
    network: str,
    where: object,
) -> "State":
    """Return exactly the tensors that a network needs, in single precision.

    The classification layer and counters of batches are left out.

    Raises:
        WeightsError: If names are missing or left over, or shapes differ; the message names them.
    """
    given = {
        name
        for name in state
        if not name.startswith(_NOT_NEEDED) and not name.endswith("num_batches_tracked")
    }
    problems = []
    if missing := sorted(expected.keys() - given):
        problems.append(f"missing: {_some(missing)}")
    if extra := sorted(given - expected.keys()):
        problems.append(f"not known to it: {_some(extra)}")
    shapes = [
        f"{name} {_shape(state[name].shape)} instead of {_shape(expected[name])}"
        for name in sorted(given & expected.keys())
        if tuple(state[name].shape) != expected[name]
    ]
    if shapes:
        problems.append(f"wrong shape: {_some(shapes)}")
    if problems:
        msg = (
            f"{where} must hold the weights of {network}, but they do not fit: {'; '.join(problems)}. "
            "Bring the file that the backbone names (semioscope weights list), or choose the backbone that "
            "it is of."
        )
        raise WeightsError(msg)
    return {name: state[name].detach().float().contiguous() for name in sorted(expected)}


def tensors_digest(state: "Mapping[str, torch.Tensor]") -> str:
    """Return 32 hexadecimal digits that name the numbers themselves, whatever file they came in."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().float().contiguous()
        total.update(f"{name}{list(tensor.shape)}".encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()[:32]


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as err:
        raise WeightsError(_damaged(path, err)) from err


def _read_torch(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as err:
        msg = (
            f"{path} must hold plain tensors only, but it asks for Python code to be run, and was refused. "
            "Nothing of it was run. Get the weights from their publisher, or as .safetensors."
        )
        raise WeightsError(msg) from err
    except (RuntimeError, EOFError, KeyError, ValueError, OSError, AttributeError) as err:
        raise WeightsError(_damaged(path, err)) from err


def _plain_state(content: Any, path: Path) -> "State":
    import torch

    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        msg = (
            f"{path} must hold tensors with names, got {type(content).__name__}. Save the state_dict of the "
            "network."
        )
        raise WeightsError(msg)
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        msg = (
            f"{path} must hold tensors only, but these are something else: {_some(others)}. Save the "
            "state_dict of the network."
        )
        raise WeightsError(msg)
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _damaged(path: Path, err: Exception) -> str:
    reason = (str(err).strip() or type(err).__name__).splitlines()[0][:120]
    return f"{path} is damaged or cut short ({reason}). Download or copy it again."


def _some(names: Iterable[str], *, most: int = 5) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "one number"
