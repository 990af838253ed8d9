"""Reading files of weights without ever running what is in them, and fitting them to a network."""

import hashlib
import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semioscope.core.errors import WeightsError
from semioscope.networks.tensorflow_bundle import bundle_index, read_bundle

if TYPE_CHECKING:
    import torch
    from torch import nn

    from semioscope.networks.backbones import Translate

    State = dict[str, torch.Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_NOT_NEEDED = ("fc.",)
"""The classification layer: backbones end before it."""
_VARIANCE = "running_var"
"""How the names of the variances of a batch normalisation end."""
_KERAS_TRAINING = "optimizer_weights/"
"""What a Keras file of a whole model has beside the weights."""


def is_checkpoint(path: Path) -> bool:
    """Return whether something is there to read: a file, or the files of a TensorFlow checkpoint of that name."""
    return path.exists() or bundle_index(path) is not None


def read_state(
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    *,
    network: str,
    translate: "Translate | None" = None,
) -> "State":
    """Read a file and return exactly the tensors that a network needs, in single precision.

    Args:
        path: As in ``read_checkpoint``.
        expected: Name and shape of what the network needs.
        network: Its name, for messages.
        translate: Turns published names into those of the network.

    Raises:
        WeightsError: If the file cannot be read or does not fit.
    """
    state = read_checkpoint(path)
    if translate is not None:
        state = translate(state, expected, where=path)
    return fit_state(state, expected, network=network, where=path)


def read_checkpoint(path: Path) -> "State":
    """Read the named tensors of a file.

    Accepts safetensors, PyTorch checkpoints of plain tensors, also when they are wrapped in ``state_dict`` or
    their names begin with ``module.``, HDF5 as Keras writes it, and TensorFlow checkpoints (the ``.index``, the
    ``.data`` beside it, what their names have in common, or a folder that holds one of them).

    Raises:
        WeightsError: If the file is absent, damaged, not a checkpoint, or holds anything but tensors.
    """
    index = bundle_index(path)
    if index is not None:
        return _plain_state(_tensors(read_bundle(index)), path)
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as err:
        msg = f"{path} must be a file of weights that can be read: {err.strerror}. Check the path."
        raise WeightsError(msg) from err
    for begins_so, read in _READERS.values():
        if begins_so(path, start):
            return _plain_state(read(path), path)
    msg = (
        f"{path} must be a file of weights (.pth, .pt, .safetensors, .h5 or a TensorFlow .index), but it is "
        "something else. Download it again; a page of a login or a proxy may have been saved in its place."
    )
    raise WeightsError(msg)


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
        WeightsError: If names are missing or left over, shapes differ, or as :func:`check_finite`; the message names
            the tensors.
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
    fitted = {name: state[name].detach().float().contiguous() for name in sorted(expected)}
    check_finite(fitted, where=where)
    return fitted


def check_finite(state: "Mapping[str, torch.Tensor]", *, where: object) -> None:
    """Refuse weights of which a number is not finite in single precision, or a variance is negative.

    Engines give different nonsense for them, and some say nothing.

    Raises:
        WeightsError: Naming the tensors.
    """
    import torch

    lost = {name: int((~torch.isfinite(tensor.float())).sum()) for name, tensor in sorted(state.items())}
    if any(lost.values()):
        named = _some(f"{name} {count} of {state[name].numel()}" for name, count in lost.items() if count)
        msg = (
            f"{where} must hold finite numbers only, but some are NaN or infinite: {named}. The file is damaged, or "
            "its training diverged; bring another."
        )
        raise WeightsError(msg)
    below = [
        name
        for name, tensor in sorted(state.items())
        if name.endswith(_VARIANCE) and bool((tensor < 0).any())
    ]
    if below:
        msg = (
            f"{where} must hold variances of 0 or more, but these have some below: {_some(below)}. The file is "
            "damaged; bring another."
        )
        raise WeightsError(msg)


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


def _read_hdf5(path: Path) -> Any:
    import h5py

    found: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and not name.startswith(_KERAS_TRAINING):
            found[name] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except (OSError, RuntimeError, KeyError, ValueError) as err:
        raise WeightsError(_damaged(path, err)) from err
    return _tensors(found)


def _tensors(arrays: "Mapping[str, np.ndarray]") -> "State":
    import torch

    return {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in arrays.items()}


_READERS: dict[str, tuple[Callable[[Path, bytes], bool], Callable[[Path], Any]]] = {
    "safetensors": (
        lambda path, start: path.suffix == ".safetensors" or start[8:9] == b"{",
        _read_safetensors,
    ),
    "torch": (lambda path, start: start[:2] == b"PK" or start[:1] == b"\x80", _read_torch),
    "hdf5": (lambda path, start: start.startswith(b"\x89HDF\r\n\x1a\n"), _read_hdf5),
}
"""How files begin that hold all their tensors, and who reads them."""


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
