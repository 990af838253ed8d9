"""Recordings without a container: folders of 16-bit pictures and arrays, whose times stand in a file beside them."""

from pathlib import Path

from semioscope.core.intervals import Interval
from semioscope.video.arrays import ArrayFile, is_array, open_array
from semioscope.video.images import ImageFolder, holds_pictures, open_images


def open_loose(path: Path, interval: Interval | None = None) -> ImageFolder | ArrayFile | None:
    """Open a recording that is a folder of pictures or an array; None for any other path.

    Args:
        path: Whatever a cohort names.
        interval: Only frames shown inside it; None for all.

    Raises:
        VideoError: If it is one of these, but breaks a rule.
    """
    if holds_pictures(path):
        return open_images(path, interval)
    return open_array(path, interval) if is_array(path) else None
