"""How long noise removal and the depth crop take per frame of a 512x424 camera, on one core.

A frame is one picture of depth and one of infrared: depth is dilated, and both are cleared outside the planes.
Reading one lossless 16-bit stream (FFV1) stands beside it, as the cost that cannot be avoided.

Run ``python benchmarks/depth_crop.py``; figures are medians of interleaved runs on one thread.
"""

import json
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from timing import interleaved_medians

from semioscope.preprocess import NoiseFilter, PlaneCrop, plan_depth_crop
from semioscope.video import FrameReader, VideoWriter

HEIGHT, WIDTH, FPS = 424, 512, 30
GOALS = {"times_real_time": (">=", 10.0)}


def stream(num_frames: int, *, seed: int = 0) -> np.ndarray:
    """Make depth of a bed between floors, 1.5 to 3 m away, with noise and 3 % holes (frames, height, width)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    clean = 1600 + 0.4 * x + 0.02 * (y - HEIGHT / 2) ** 2
    frames = (clean + rng.normal(0, 6, (num_frames, HEIGHT, WIDTH))).astype(np.uint16)
    frames[rng.random(frames.shape) < 0.03] = 0
    return frames


def measure(*, quick: bool = False, num_frames: int = 60) -> dict[str, float]:
    """Time a stream of frames in turn, and return milliseconds per frame and the ratio to real time."""
    depth = stream(num_frames)
    infrared, clean = depth.copy(), np.empty_like(depth)
    noise = NoiseFilter(height=HEIGHT, width=WIDTH)
    plan = plan_depth_crop(noise(depth[0]))
    if plan.planes is None:
        msg = f"The frame of this benchmark must give planes, but: {plan.reason}"
        raise RuntimeError(msg)
    crop = PlaneCrop(plan.planes, height=HEIGHT, width=WIDTH)

    def noise_only() -> None:
        noise(depth, clean)

    def crop_only() -> None:
        crop.clear(clean, infrared)

    def both() -> None:
        for index in range(num_frames):
            noise(depth[index], clean[index])
            crop.clear(clean[index], infrared[index])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "depth.mkv"
        with VideoWriter(
            path, width=WIDTH, height=HEIGHT, fps=Fraction(FPS), codec="ffv1", pixel_format="gray16le"
        ) as writer:
            for frame in depth:
                writer.write(frame)
        times = np.arange(num_frames) / FPS

        def decode() -> None:
            with FrameReader(path, pixel_format="gray16le") as reader:
                for _ in reader.read(times):
                    pass

        def planning() -> None:
            plan_depth_crop(clean[0])

        seconds = interleaved_medians(
            {"noise": noise_only, "crop": crop_only, "both": both, "decode": decode},
            rounds=3 if quick else 9,
        )
        planned = interleaved_medians({"plan": planning}, rounds=5)
    per_frame = {name: 1000 * value / num_frames for name, value in seconds.items()}
    return {
        "noise_ms_per_frame": per_frame["noise"],
        "crop_ms_per_frame": per_frame["crop"],
        "both_ms_per_frame": per_frame["both"],
        "times_real_time": 1000 / FPS / per_frame["both"],
        "ffv1_decode_ms_per_frame": per_frame["decode"],
        "plan_ms_per_event": 1000 * planned["plan"],
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
