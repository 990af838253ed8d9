"""OpenVINO against eager PyTorch for R(2+1)D-34 of 8 frames, f32 and bf16, on the CPU."""

import numpy as np
from timing import interleaved_medians

from semioscope import backbones
from semioscope.core.randomness import stream

GOALS = {
    "openvino_f32_speedup": (">=", 1.4),
    "openvino_f32_relative_error": ("<", 1e-5),
    "bf16_speedup": (">=", 3.0),
    "bf16_cosine": (">=", 0.9999),
}


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return the ratios and errors; bf16 entries are NaN on a processor without bf16."""
    frames = stream(0, "benchmark").integers(0, 256, (8, 112, 112, 3), dtype=np.uint8)
    eager = backbones.load("r2plus1d_34_8", weights="random", engine="torch")
    fast = backbones.load("r2plus1d_34_8", weights="random", engine="openvino")
    clip = eager.preprocess(frames)[None]
    networks = {"eager_f32": eager, "openvino_f32": fast}
    half_precision = backbones.load("r2plus1d_34_8", weights="random", engine="openvino", precision="bf16")
    if half_precision.precision == "bf16":  # else the processor has none, and f32 was taken instead
        networks["openvino_bf16"] = half_precision
    outputs = {name: network(clip).ravel() for name, network in networks.items()}
    seconds = interleaved_medians(
        {name: (lambda network=network: network(clip)) for name, network in networks.items()},
        rounds=3 if quick else 15,
    )
    reference = outputs["eager_f32"]
    error = np.abs(outputs["openvino_f32"] - reference).max() / np.abs(reference).max()
    result = {f"{name}_seconds": value for name, value in seconds.items()}
    result["openvino_f32_speedup"] = seconds["eager_f32"] / seconds["openvino_f32"]
    result["openvino_f32_relative_error"] = float(error)
    result["bf16_speedup"] = result["bf16_cosine"] = float("nan")
    if "openvino_bf16" in outputs:
        half = outputs["openvino_bf16"]
        result["bf16_speedup"] = seconds["eager_f32"] / seconds["openvino_bf16"]
        cosine = half @ reference / (np.linalg.norm(half) * np.linalg.norm(reference))
        result["bf16_cosine"] = float(cosine)
    return result
