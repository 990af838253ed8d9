"""Is there a graphics card that can be used, and if not, why not, in words."""

import os
import shutil
import warnings
from dataclasses import dataclass

OLDEST_CAPABILITY = (7, 5)
"""The oldest cards that the default PyTorch wheels run on (Turing: GTX 16xx, RTX 20xx, T4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The verdict on the graphics card.

    Args:
        usable: Whether networks can run on it.
        sentence: What was found and what follows, for ``doctor``.
    """

    usable: bool
    sentence: str


def judge_accelerator(
    *,
    cuda_available: bool,
    capability: tuple[int, int] | None,
    name: str | None,
    built_for_cuda: bool = True,
    driver_found: bool = True,
) -> Accelerator:
    """Decide from what PyTorch and the system say; nothing is looked up here.

    Args:
        cuda_available: PyTorch says that CUDA works.
        capability: Compute capability of the first card, if it could be asked.
        name: Its name.
        built_for_cuda: Whether this PyTorch was built with CUDA.
        driver_found: Whether an NVIDIA driver is installed.
    """
    if not built_for_cuda:
        return Accelerator(
            usable=False, sentence="This PyTorch was built without CUDA. Networks run on the CPU."
        )
    card = name or "NVIDIA card"
    if capability is not None and capability < OLDEST_CAPABILITY:
        have, need = (".".join(map(str, pair)) for pair in (capability, OLDEST_CAPABILITY))
        sentence = (
            f"{card} has compute capability {have}, this PyTorch needs {need} or newer: the card is too old. "
            "Networks run on the CPU."
        )
        return Accelerator(usable=False, sentence=sentence)
    if cuda_available:
        have = "" if capability is None else f" (compute capability {capability[0]}.{capability[1]})"
        return Accelerator(usable=True, sentence=f"{card}{have} is used.")
    if driver_found:
        sentence = (
            "An NVIDIA driver is installed, but PyTorch cannot use a card: the driver may be too old, or no "
            "card "
            "is visible (CUDA_VISIBLE_DEVICES). Networks run on the CPU."
        )
        return Accelerator(usable=False, sentence=sentence)
    return Accelerator(
        usable=False, sentence="No NVIDIA driver and no graphics card were found. Networks run on the CPU."
    )


def find_accelerator() -> Accelerator:
    """Ask PyTorch and the system, and judge. Loads PyTorch."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of old cards and drivers; the sentence says it
        available = torch.cuda.is_available()
        capability = torch.cuda.get_device_capability(0) if available else None
        name = torch.cuda.get_device_name(0) if available else None
    return judge_accelerator(
        cuda_available=available,
        capability=capability,
        name=name,
        built_for_cuda=torch.version.cuda is not None,
        driver_found=shutil.which("nvidia-smi") is not None or os.path.exists("/proc/driver/nvidia/version"),
    )


def describe_accelerator() -> str:
    """Return in words whether networks can run on a graphics card, and if not, why not."""
    return find_accelerator().sentence
