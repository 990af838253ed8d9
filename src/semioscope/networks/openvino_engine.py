"""OpenVINO as an engine: the CPU at its speed, and silent about it."""

import importlib
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from semioscope.core.errors import ConfigError
from semioscope.networks.runner import supported_precision

if TYPE_CHECKING:
    from torch import nn

MOST_SHAPES = 4
"""Compiled shapes that are kept; each holds a copy of the weights and room for its activations."""


class OpenVinoRunner:
    """Runs a network in OpenVINO on the CPU.

    The network is exported and compiled for each input shape: an exported network holds the padding of its
    shape, and would be silently wrong for another. The shapes that were used last are kept in memory.

    Args:
        module: In evaluation mode; taken over.
        precision: ``f32`` or ``bf16``.
        num_threads: Of the CPU; None leaves it to OpenVINO.
    """

    engine = "openvino"
    device = "cpu"
    on_accelerator = False

    def __init__(
        self, module: "nn.Module", *, precision: str = "f32", num_threads: int | None = None
    ) -> None:
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision, self.notes = supported_precision(precision, has_bf16)
        self._module = module
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            # Several processes may share the machine; pinned threads would all stand on the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        if num_threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = num_threads
        self._requests: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()

    def run(
        self, batch: Float32[np.ndarray, "batch channels *rest"]
    ) -> Float32[np.ndarray, "batch *steps num_features"]:
        """Compute one batch; a shape that is not kept takes seconds longer."""
        with self._lock:
            request = self._requests.pop(batch.shape, None)
            if request is None:
                while len(self._requests) >= MOST_SHAPES:  # the first one was used the longest time ago
                    del self._requests[next(iter(self._requests))]
                request = self._compile(batch.shape)
            self._requests[batch.shape] = request
            request.infer({0: np.ascontiguousarray(batch)})
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    def _compile(self, shape: tuple[int, ...]) -> Any:
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporters' notes to their own developers
            with torch.no_grad():
                exported = torch.export.export(self._module, (torch.zeros(shape),))
            model = self._openvino.convert_model(exported)
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()


def import_openvino() -> Any:
    """Return the module ``openvino`` with its usage reports made impossible.

    Its converter reports to the maker by default and writes an identifier into the home folder. The package
    that does it is never installed with semioscope; where it is there all the same, it is blocked.

    Raises:
        ConfigError: If OpenVINO is not installed.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as err:
        msg = (
            f"The engine openvino needs the package openvino, which could not be loaded ({err}). Install it "
            "with 'pip install openvino', or use engine torch."
        )
        raise ConfigError(msg) from err
    # Somebody may have imported OpenVINO before: its converter then holds the reporting package already.
    stub = importlib.import_module("openvino.tools.ovc.telemetry_stub")
    for name, loaded in list(sys.modules.items()):
        if name.startswith("openvino.tools.ovc") and hasattr(loaded, "tm"):
            vars(loaded)["tm"] = stub
    return openvino
