"""Writes 16-bit frames in every way that is read."""

import numpy as np
from PIL import Image

from semioscope.video import VideoWriter


def write_video(path, frames, *, fps=30, times=None):
    path = path.with_suffix(".mkv")
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:]
    with VideoWriter(
        path, width=width, height=height, fps=fps, codec="ffv1", pixel_format="gray16le"
    ) as writer:
        for number, frame in enumerate(frames):
            writer.write(frame, pts_seconds=None if times is None else float(times[number]))
    return path


def write_folder(path, frames, *, fps=30, times=None, suffix=".png"):
    path.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(path / f"depth_{number}{suffix}")
    _write_times(path / "fps.txt", path / "timestamps.txt", fps, times)
    return path


def write_tiffs(path, frames, *, fps=30, times=None):
    return write_folder(path, frames, fps=fps, times=times, suffix=".tif")


def write_array(path, frames, *, fps=30, times=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_suffix(".npy")
    np.save(path, frames)
    _write_times(path.with_suffix(".fps.txt"), path.with_suffix(".timestamps.txt"), fps, times)
    return path


def _write_times(rate_path, times_path, fps, times):
    if times is None:
        rate_path.write_text(f"{fps}\n")
    else:
        times_path.write_text("".join(f"{time}\n" for time in times))


WRITERS = {"video": write_video, "folder": write_folder, "array": write_array}
"""One writer per entry of ``GRAY16_KINDS``."""


def drawn(num_frames=9, *, height=6, width=8, seed=0):
    """Frames with values of all 16 bits, the extremes among them."""
    frames = np.random.default_rng(seed).integers(0, 65536, (num_frames, height, width), dtype=np.uint16)
    frames[:, 0, 0], frames[:, 0, 1] = 0, 65535
    return frames
