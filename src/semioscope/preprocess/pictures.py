"""From the picture of a camera to the picture that a network sees; a pure function at every step.

```
 file          view              base            sides cut     square         network
┌──┬────┐    ┌───────┐         ┌───────┐         ┌─────┐      ┌█████┐        ┌─────┐
│in│    │ ─▶ │       │  ──▶    │320x180│  ──▶    │     │ ──▶  │     │  ──▶   │ 112 │
└──┘    │    └───────┘ fit in  └───────┘ 5 % off └─────┘ bars └█████┘ resize └─────┘
└───────┘ blank, cut             each side
```
``semioscope preprocess`` writes the base picture to a file; reading that file and going on gives the same as
doing all steps on the fly.

Methods: GESTURES 2021, section 3; as in the paper for cameras of 16:9. Differs: another aspect ratio is kept.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.records import Region

if TYPE_CHECKING:
    import torch


class PictureConfig(Config):
    """What is done to a picture before a network sees it."""

    base_width: int | None = Field(default=320, ge=2)
    """Pictures are made to fit this width, in pixels; null leaves them as they are."""
    base_height: int | None = Field(default=180, ge=2)
    """Pictures are made to fit this height, in pixels; null leaves them as they are."""
    side_crop: float = Field(default=0.05, ge=0, lt=0.5)
    """Fraction of the columns that is cut off at the left, and again at the right."""
    square: bool = True
    """Whether black bars make the picture square (above and below a wide one); else it is stretched."""


def view_picture(
    picture: UInt8[np.ndarray, "height width 3"], *, region: Region | None, blank: Region | None
) -> UInt8[np.ndarray, "view_height view_width 3"]:
    """Return the part of a picture that is one view.

    Args:
        picture: RGB, as the file shows it; left as it is.
        region: The view, in fractions of the picture; None means all of it.
        blank: What is blackened first, in fractions of the picture; None means nothing.

    Returns:
        The view; shares memory with the picture where nothing is blackened.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = (
        region.pixels(width=width, height=height) if region is not None else (0, 0, width, height)
    )
    view = picture[top:bottom, left:right]
    if blank is None:
        return view
    view = view.copy()
    blank_left, blank_top, blank_right, blank_bottom = blank.pixels(width=width, height=height)
    view[
        max(0, blank_top - top) : max(0, blank_bottom - top),
        max(0, blank_left - left) : max(0, blank_right - left),
    ] = 0
    return view


def base_size(height: int, width: int, config: PictureConfig) -> tuple[int, int]:
    """Return the height and width of the base picture of a view.

    The largest even size of the same aspect ratio that fits the configured one. A smaller view of even size
    stays as it is: nothing is gained by enlarging it, and video formats need even sizes.

    Examples:
        >>> base_size(1080, 1920, PictureConfig())
        (180, 320)
        >>> base_size(480, 640, PictureConfig())
        (180, 240)
        >>> base_size(90, 160, PictureConfig())
        (90, 160)
    """
    scale = min(1.0, (config.base_width or width) / width, (config.base_height or height) / height)
    if config.base_width is None and config.base_height is None:
        return height, width
    return max(2, 2 * round(height * scale / 2)), max(2, 2 * round(width * scale / 2))


def base_picture(
    picture: UInt8[np.ndarray, "height width 3"], config: PictureConfig
) -> UInt8[np.ndarray, "base_height base_width 3"]:
    """Return a view in the base size; the same array when it has that size."""
    size = base_size(picture.shape[0], picture.shape[1], config)
    return picture if picture.shape[:2] == size else resized(picture, height=size[0], width=size[1])


def network_picture(
    picture: UInt8[np.ndarray, "height width 3"], config: PictureConfig, *, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Return a base picture as a network takes it, before normalisation.

    ``round(side_crop * width)`` columns go at each side, black bars centre what is left in a square, and the
    square is resized.

    Args:
        picture: A base picture; left as it is.
        config: What is done.
        size: Side of the square that the network takes, in pixels.
    """
    height, width = picture.shape[:2]
    cut = min(round(config.side_crop * width), (width - 1) // 2)
    cropped = picture[:, cut : width - cut]
    width -= 2 * cut
    if config.square and height != width:
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        padded = np.zeros((side, side, 3), np.uint8)
        padded[top : top + height, left : left + width] = cropped
        cropped = padded
    if cropped.shape[:2] == (size, size):
        return np.ascontiguousarray(cropped)
    return resized(cropped, height=size, width=size)


def resized(
    picture: UInt8[np.ndarray, "height width 3"], *, height: int, width: int
) -> UInt8[np.ndarray, "new_height new_width 3"]:
    """Return a picture in another size: bilinear, antialiased, in 8-bit arithmetic."""
    from torch.nn.functional import interpolate

    pixels = _channels_last(picture)
    out = interpolate(pixels, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    return np.ascontiguousarray(out[0].permute(1, 2, 0).numpy())


def _channels_last(picture: UInt8[np.ndarray, "height width 3"]) -> "torch.Tensor":
    import torch

    # a read-only array is only read here, but torch warns about it
    writable = picture if picture.flags.writeable and min(picture.strides) > 0 else picture.copy()
    return torch.from_numpy(writable).permute(2, 0, 1)[None]
