"""From a gray frame of a camera to the picture of a network: 16 bits until a named window makes 8 of them.

```
 infrared 16 bit ─┐                                   part of the view       network
 depth ▶ no noise ┴▶ cleared by two planes ▶ 8 bit ▶  ┌──────┐  RGB by      ┌█████┐
                     (where an event has them)        │ box  │  repeating ▶ │     │ 224
 ordinary video ──────▶ luma ───────────────────────▶ └──────┘              └█████┘
```
``GrayPictureConfig`` is what a person chooses; ``GrayPicture`` is what it came to for one view of one event, and
part of the key of its features.

References:
    Karácsony et al. (2020, 2022), data pre-processing; as in the papers: box crop, longest side to 224 by a bilinear
    filter, padded with 0 before values are rescaled. They do not say how 16 bits become 8, nor where the picture
    sits in its square: a recorded window of values, and the middle.
"""

from typing import Literal

import numpy as np
from jaxtyping import UInt8, UInt16
from pydantic import Field, model_validator

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.records import Region
from semioscope.preprocess.depth_planes import DepthPlanes
from semioscope.preprocess.pictures import resized, view_picture
from semioscope.video import GreyRule, GreyWindow, to_8bit

_LUMA = (77, 150, 29)
"""Weights of red, green and blue in 256ths (ITU-R BT.601); they sum to 256, so gray stays as it is."""


class GrayPictureConfig(Config):
    """What is done to the pictures of an infrared camera before a network sees them."""

    window: Literal["percentiles", "fixed"] = "percentiles"
    """How 16-bit values become 8-bit ones: between two percentiles of the recording, or two given values."""
    low: float | None = Field(default=None, ge=0, le=65535)
    """Becomes black. percentiles: a percentile (0 to 100) of the values above 0; null = 1. fixed: a value of the
    16-bit pictures (0 to 65535), which must be given."""
    high: float | None = Field(default=None, gt=0, le=65535)
    """Becomes white; above low. percentiles: null = 99. fixed: must be given."""
    depth_crop: bool = True
    """Clear what does not lie between the accepted depth planes of an event (data sets B; A does not)."""

    @model_validator(mode="after")
    def _window_is_possible(self) -> "GrayPictureConfig":
        if self.window == "fixed" and (self.low is None or self.high is None):
            told = " and ".join(
                f"{name} {'none' if value is None else f'{value:g}'}"
                for name, value in (("low", self.low), ("high", self.high))
            )
            msg = (
                f"a fixed window must be given low and high, as values of the 16-bit pictures (0 to 65535), got "
                f"{told}. Set both, or window=percentiles"
            )
            raise ValueError(msg)
        try:
            _ = self.rule
        except ConfigError as err:
            raise ValueError(str(err)) from err
        return self

    @property
    def rule(self) -> GreyRule:
        """How the window of a recording is found."""
        usual = GreyRule()
        return GreyRule(
            rule=self.window,
            low=usual.low if self.low is None else self.low,
            high=usual.high if self.high is None else self.high,
        )


class DepthClearing(Config):
    """What of a recording's depth is used to clear its pictures."""

    video: str
    """Fingerprint of the depth recording."""
    offset_seconds: float
    """Added to its times."""
    planes: DepthPlanes
    """What lies between them is kept."""
    noise: Literal["maximum 7x7"] = "maximum 7x7"
    """How its holes were closed before."""


class GrayPicture(Config):
    """What is done to the pictures of one view of an event; everything that their values depend on."""

    kind: Literal["gray"] = "gray"
    window: GreyWindow | None = None
    """Of a 16-bit recording; null of an ordinary video, whose luma is taken."""
    depth: DepthClearing | None = None
    """What is cleared by depth; null clears nothing."""
    shape: Literal["letterbox"] = "letterbox"
    """The longest side fills the square of the network, black bars the rest."""


def gray_picture(
    frame: UInt8[np.ndarray, "height width 3"] | UInt16[np.ndarray, "height width"],
    picture: GrayPicture,
    *,
    region: Region | None,
    blank: Region | None,
    size: int,
) -> UInt8[np.ndarray, "size size 3"]:
    """Return a frame as a network takes it, before normalisation: gray, repeated in three channels.

    Args:
        frame: Of a 16-bit recording (already cleared by depth, where that is wanted), or RGB; left as it is.
        picture: What is done; its window is that of the recording, None for RGB.
        region: The part that is used, in fractions of the frame; None means all of it.
        blank: What is blackened first, in fractions of the frame; None means nothing.
        size: Side of the square that the network takes, in pixels.

    Raises:
        ValueError: If a 16-bit frame has no window, or an RGB frame has one.
    """
    if (frame.ndim == 2) != (picture.window is not None):
        msg = "A window of values belongs to 16-bit frames, and they need one; RGB frames have none."
        raise ValueError(msg)
    gray = to_8bit(frame, picture.window) if picture.window is not None else luma(frame)
    repeated = np.broadcast_to(gray[..., None], (*gray.shape, 3))
    return letterbox(view_picture(repeated, region=region, blank=blank), size=size)


def luma(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width"]:
    """Return the brightness of an RGB picture, rounded; a gray picture stays exactly as it is."""
    sums = np.full(picture.shape[:2], 128, np.uint32)
    for channel, weight in enumerate(_LUMA):
        sums += picture[..., channel].astype(np.uint32) * weight
    return (sums >> 8).astype(np.uint8)


def letterbox(picture: UInt8[np.ndarray, "height width 3"], *, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Return a picture whose longest side is ``size``, bilinear and antialiased, in the middle of a black square.

    An odd number of black lines has the extra one below or at the right.

    Args:
        picture: Of any size; left as it is.
        size: In pixels.
    """
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    inside = picture if (new_height, new_width) == (height, width) else resized(
        picture, height=new_height, width=new_width
    )  # fmt: skip
    square = np.zeros((size, size, 3), np.uint8)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = inside
    return square
