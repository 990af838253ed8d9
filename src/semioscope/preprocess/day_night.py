"""Whether a stretch of video is by day or by night: in colour and bright, or infrared (grey) or dark.

Ward cameras switch to infrared at night, and then show greys, some of them in one tint. Colours and darkness are
measured on the mean of a few pictures, so that noise and a movement do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.intervals import Interval
from semioscope.core.records import Region
from semioscope.preprocess.pictures import view_picture
from semioscope.video import open_reader

DayOrNight = Literal["day", "night"]

_BRIGHTNESS = np.array([0.299, 0.587, 0.114])
_LEAST_LEVEL = 24.0
_LEAST_PIXELS = 64


class NightRule(Config):
    """When a stretch counts as night. The values are ours."""

    least_colour: float = Field(default=0.025, ge=0, le=1)
    """Below this spread of colours the picture is grey: infrared."""
    least_brightness: float = Field(default=30.0, ge=0, le=255)
    """Below this mean grey level the picture is dark."""
    num_pictures: int = Field(default=5, ge=1, le=1000)
    """So many pictures, evenly over the stretch, are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightFinding:
    """What the light of a stretch is.

    Args:
        colour: Spread of the shares of red and of blue in the light over the picture, in [0, 1]: the distance from
            the 10th to the 90th percentile of the pixels that are not black, the larger of the two; 0 for greys,
            also in one tint.
        brightness: Mean grey level, in [0, 255].
        num_pictures: Pictures that could be looked at.
        light: ``night`` if the picture is grey or dark, else ``day``; None without a picture.
    """

    colour: float
    brightness: float
    num_pictures: int
    light: DayOrNight | None


def light_of_pictures(
    pictures: Sequence[UInt8[np.ndarray, "height width 3"]], rule: NightRule | None = None
) -> LightFinding:
    """Return the light of pictures of one view.

    Args:
        pictures: RGB, all of one size; none gives NaN and no light.
        rule: None is the default.
    """
    rule = rule or NightRule()
    if not len(pictures):
        return LightFinding(colour=np.nan, brightness=np.nan, num_pictures=0, light=None)
    total = np.zeros(pictures[0].shape, dtype=np.float64)
    for picture in pictures:
        total += picture
    mean = total / len(pictures)
    colour, brightness = _colour(mean), float((mean @ _BRIGHTNESS).mean())
    is_night = colour < rule.least_colour or brightness < rule.least_brightness
    return LightFinding(
        colour=colour,
        brightness=brightness,
        num_pictures=len(pictures),
        light="night" if is_night else "day",
    )


def light_of_stretch(
    path: Path,
    interval: Interval,
    *,
    region: Region | None = None,
    blank: Region | None = None,
    rule: NightRule | None = None,
) -> LightFinding:
    """Return the light of a stretch of a recording; only the pictures that are looked at are decoded.

    Args:
        path: A video file or a parts list.
        interval: In seconds from the first displayed frame.
        region: The view, in fractions of the picture; None means all of it.
        blank: What is blackened first; it is left out of the view's light as far as it is black.
        rule: None is the default.

    Raises:
        VideoError: If the file cannot be opened. Pictures that are missing are left out.
    """
    rule = rule or NightRule()
    step = (interval.end_seconds - interval.start_seconds) / rule.num_pictures
    times = interval.start_seconds + (np.arange(rule.num_pictures) + 0.5) * step
    with open_reader(path) as reader:
        pictures = [
            view_picture(frame.picture, region=region, blank=blank)
            for frame in reader.read(times)
            if frame.picture is not None
        ]
    return light_of_pictures(pictures, rule)


def _colour(mean: Float[np.ndarray, "height width 3"]) -> float:
    whole = mean.sum(axis=2)
    seen = whole > 3 * _LEAST_LEVEL
    if seen.sum() < _LEAST_PIXELS:
        return 0.0
    shares = mean[seen][:, [0, 2]] / whole[seen][:, None]
    low, high = np.percentile(shares, [10, 90], axis=0)
    return float((high - low).max())
