"""Videos for the benchmarks: moving patterns, made on the spot and thrown away."""

from pathlib import Path

import numpy as np

from semioscope.core.randomness import stream
from semioscope.video import VideoWriter


def write_video(path: Path, *, seconds: float, size: tuple[int, int], fps: float, codec: str) -> None:
    """Write a noisy picture that drifts and brightens, so that the codec has something to do."""
    width, height = size
    noise = stream(0, "benchmark-video").integers(0, 256, (height, width + 256, 3), dtype=np.uint8)
    soft = (noise.astype(np.uint16) + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) // 3
    picture = soft.astype(np.uint8)
    with VideoWriter(path, width=width, height=height, fps=fps, codec=codec) as writer:
        for frame in range(round(seconds * fps)):
            shift = frame * 2 % 256
            writer.write(np.ascontiguousarray(picture[:, shift : shift + width]))
