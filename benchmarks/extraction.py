"""Does extraction waste time? Its wall time against network time plus decode and resize time, each alone.

The video is as in the paper: 1920x1080, 30 frames per second, MPEG-2, two views of one montage. The network is
R(2+1)D-34 of 8 frames with random weights.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from material import write_video

from semioscope import backbones
from semioscope.core.intervals import Interval
from semioscope.core.records import Region
from semioscope.features import ViewClips, stream_features
from semioscope.plans import ClipPlan, clips_in
from semioscope.preprocess import PictureConfig

GOALS = {"wall_over_sum": ("<=", 1.10)}
INSET = Region(x=0.0, y=0.0, width=800 / 1920, height=450 / 1080)


class NoNetwork:
    """Has the face of a backbone and does nothing: what is left is decoding, resizing and normalising."""

    def __init__(self, backbone: Any) -> None:
        self._backbone = backbone
        self.spec, self.min_frames, self.batch_size = backbone.spec, backbone.min_frames, backbone.batch_size

    def num_steps(self, num_frames: int) -> int:
        """Return as the backbone does."""
        return self._backbone.num_steps(num_frames)

    def preprocess(self, frames: np.ndarray) -> np.ndarray:
        """Return as the backbone does."""
        return self._backbone.preprocess(frames)

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Return zeros."""
        return np.zeros((len(clips), 1, self.spec.num_features), np.float32)


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return the seconds of each part and the ratio of the wall time to their sum."""
    seconds = 4.0 if quick else 16.0
    backbone = backbones.load("r2plus1d_34_8", weights="random", engine="auto")
    plan = ClipPlan(fps=15.0, frames_per_clip=8, stride=4)
    clips = clips_in(plan, Interval(start_seconds=0.0, end_seconds=seconds))
    views = [ViewClips.of(plan, clips, blank=INSET), ViewClips.of(plan, clips, region=INSET)]
    sample = np.zeros((backbone.batch_size, 3, 8, 112, 112), np.float32)
    num_batches = -(-2 * len(clips) // backbone.batch_size)
    times: dict[str, list[float]] = {"network": [], "decode_and_resize": [], "wall": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "montage.mpg"
        write_video(path, seconds=seconds, size=(1920, 1080), fps=30.0, codec="mpeg2")

        def run(network: Any) -> None:
            for _ in stream_features(path, views, backbone=network, picture=PictureConfig()):
                pass

        parts = {
            "network": lambda: [backbone(sample) for _ in range(num_batches)],
            "decode_and_resize": lambda: run(NoNetwork(backbone)),
            "wall": lambda: run(backbone),
        }
        for turn in range(2 if quick else 4):
            for name, part in parts.items():
                began = time.perf_counter()
                part()
                if turn:
                    times[name].append(time.perf_counter() - began)
    result = {f"{name}_seconds": statistics.median(values) for name, values in times.items()}
    alone = result["network_seconds"] + result["decode_and_resize_seconds"]
    result["wall_over_sum"] = result["wall_seconds"] / alone
    result["clips_per_second"] = 2 * len(clips) / result["wall_seconds"]
    return result
