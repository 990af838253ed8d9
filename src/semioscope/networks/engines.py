"""What computes a network: PyTorch (a graphics card or the CPU) or OpenVINO (the CPU at its speed).

Every run has a fixed shape, so the result of a clip never depends on what shares its batch, and an exported
network is never fed another length than it was exported for.
"""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.networks.accelerator import Accelerator, find_accelerator
from semioscope.networks.openvino_engine import OpenVinoRunner, import_openvino
from semioscope.networks.runner import PRECISIONS, Runner
from semioscope.networks.torch_engine import TorchRunner, torch_cpu_has_bf16

if TYPE_CHECKING:
    from torch import nn

ENGINES: dict[str, Callable[..., Runner]] = {"openvino": OpenVinoRunner, "torch": TorchRunner}


def choose_engine(engine: str, *, accelerator: Accelerator | None = None) -> str:
    """Return the engine that a choice means; ``auto`` is torch on a usable graphics card, else openvino.

    Args:
        engine: ``auto`` or a key of ``ENGINES``.
        accelerator: What is known of the card; None asks.

    Raises:
        ConfigError: If there is no such engine.
    """
    if engine == "auto":
        card = accelerator or find_accelerator()
        return "torch" if card.usable or importlib.util.find_spec("openvino") is None else "openvino"
    if engine not in ENGINES:
        raise ConfigError(unknown_name("engine", engine, ["auto", *ENGINES]))
    return engine


def make_runner(
    module: "nn.Module", *, engine: str = "auto", precision: str = "f32", num_threads: int | None = None
) -> Runner:
    """Return a network ready to run.

    Args:
        module: In evaluation mode, on the CPU; taken over.
        engine: ``auto`` or a key of ``ENGINES``.
        precision: A key of ``PRECISIONS``. A processor without bf16 computes in f32, and the notes say so.
        num_threads: Of the CPU, 1 or more; None leaves it to the engine.

    Raises:
        ConfigError: If engine, precision or number of threads are not valid, or OpenVINO is not installed.
    """
    check_choices(engine=engine, precision=precision, num_threads=num_threads)
    return ENGINES[choose_engine(engine)](module, precision=precision, num_threads=num_threads)


def check_choices(*, engine: str, precision: str, num_threads: int | None) -> None:
    """Refuse an engine, precision or number of threads that does not exist.

    Raises:
        ConfigError: Naming the allowed ones.
    """
    if engine != "auto" and engine not in ENGINES:
        raise ConfigError(unknown_name("engine", engine, ["auto", *ENGINES]))
    if precision not in PRECISIONS:
        raise ConfigError(unknown_name("precision", precision, PRECISIONS))
    if num_threads is not None and num_threads < 1:
        msg = f"num_threads must be 1 or more, got {num_threads}. Leave it out to use every core."
        raise ConfigError(msg)


def describe_engines() -> list[str]:
    """Return one sentence per engine for ``doctor``: version, processors, precisions. Loads both."""
    import torch

    lines = []
    try:
        openvino = import_openvino()
        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        version = openvino.__version__.split("-")[0]
        precisions = "f32, bf16" if "BF16" in capabilities else "f32 (this CPU has no bf16)"
        name = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        lines.append(f"openvino {version}: CPU ({name}), {precisions}")
    except ConfigError as err:
        lines.append(f"openvino: {err}")
    card = find_accelerator()
    on_cpu = "f32, bf16" if torch_cpu_has_bf16() else "f32 (this CPU has no bf16)"
    where = "GPU, f32, bf16" if card.usable else f"CPU, {on_cpu}"
    lines.append(f"torch {torch.__version__}: {where}. {card.sentence}")
    return lines
