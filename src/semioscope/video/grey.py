"""The one step that makes 8 bits of 16: a named rule finds a window of values, and the window is recorded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8, UInt16

from semioscope.core.errors import ConfigError, VideoError, unknown_name
from semioscope.video.gray16 import Gray16Reader

_NUM_VALUES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyRule:
    """How the window of a recording is found.

    Args:
        rule: A key of ``GREY_WINDOWS``.
        low: Becomes black: a percentile (0 to 100) under ``percentiles``, a value (0 to 65535) under ``fixed``.
        high: Becomes white; above ``low``.
        ignores_zeros: Leave values of 0 out of the percentiles: there the camera saw nothing.
        most_frames: So many frames at most, evenly spaced from the first to the last, are looked at.
    """

    rule: str = "percentiles"
    low: float = 1.0
    high: float = 99.0
    ignores_zeros: bool = True
    most_frames: int = 64

    def __post_init__(self) -> None:
        if self.rule not in GREY_WINDOWS:
            raise ConfigError(unknown_name("grey window", self.rule, GREY_WINDOWS))
        most = 100 if self.rule == "percentiles" else _NUM_VALUES - 1
        if not 0 <= self.low < self.high <= most:
            remedy = {
                "percentiles": "Give percentiles, or choose the window fixed for values of 16-bit pictures.",
                "fixed": "Give two values of the 16-bit pictures.",
            }[self.rule]
            msg = (
                f"low and high of the grey window {self.rule} must hold 0 <= low < high <= {most}, got {self.low:g} "
                f"and {self.high:g}. {remedy}"
            )
            raise ConfigError(msg)
        if self.rule == "fixed" and (self.low % 1 or self.high % 1):
            msg = (
                f"low and high of a fixed grey window must be whole, got {self.low:g} and {self.high:g}. Give two "
                "values of the 16-bit pictures, or choose the window percentiles."
            )
            raise ConfigError(msg)
        if self.most_frames < 1:
            msg = f"most_frames must be at least 1, got {self.most_frames}."
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyWindow:
    """The values between which 16-bit pictures are spread over 8 bits; recorded with whatever is made of them.

    Args:
        rule: How it was found, a key of ``GREY_WINDOWS``.
        low: This value and those below become 0.
        high: This value and those above become 255; at least ``low``.
    """

    rule: str
    low: int
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < _NUM_VALUES:
            msg = f"A grey window must hold 0 <= low <= high <= 65535, got {self.low} and {self.high}."
            raise ValueError(msg)

    @property
    def is_flat(self) -> bool:
        """Whether it spans nothing, as of a constant recording: pictures become black and white without greys."""
        return self.low == self.high


def percentile_window(frames: Iterable[UInt16[np.ndarray, "height width"]], choice: GreyRule) -> GreyWindow:
    """Return the window between two percentiles of all pixels: the least values that so many do not exceed.

    All zero where zeros are ignored: a flat window at 0.

    Raises:
        VideoError: If there is no frame.
    """
    counts = np.zeros(_NUM_VALUES, dtype=np.int64)
    num_frames = 0
    for frame in frames:
        counts += np.bincount(frame.ravel(), minlength=_NUM_VALUES)
        num_frames += 1
    if num_frames == 0:
        msg = "A grey window must be found on at least one frame, but none can be read. Give a fixed window."
        raise VideoError(msg)
    if choice.ignores_zeros:
        counts[0] = 0
    total = int(counts.sum())
    if total == 0:
        return GreyWindow(rule="percentiles", low=0, high=0)
    below: Int[np.ndarray, " 65536"] = np.cumsum(counts)
    low, high = (
        int(np.searchsorted(below, max(1, np.ceil(percent / 100 * total))))
        for percent in (choice.low, choice.high)
    )
    return GreyWindow(rule="percentiles", low=low, high=high)


def fixed_window(frames: Iterable[UInt16[np.ndarray, "height width"]], choice: GreyRule) -> GreyWindow:
    """Return the window that was given; no frame is looked at."""
    del frames
    return GreyWindow(rule="fixed", low=int(choice.low), high=int(choice.high))


GREY_WINDOWS: dict[str, Callable[[Iterable[UInt16[np.ndarray, "height width"]], GreyRule], GreyWindow]] = {
    "percentiles": percentile_window,
    "fixed": fixed_window,
}


def grey_window(reader: Gray16Reader, choice: GreyRule | None = None) -> GreyWindow:
    """Return the grey window of a recording.

    Args:
        reader: Only the sampled frames are decoded; missing ones are left out.
        choice: None: percentiles 1 and 99 of up to 64 frames without zeros.

    Raises:
        VideoError: If the rule needs a frame and none can be read.
    """
    choice = choice or GreyRule()
    return GREY_WINDOWS[choice.rule](_sampled(reader, choice.most_frames), choice)


def to_8bit(
    frames: UInt16[np.ndarray, "*frames height width"], window: GreyWindow
) -> UInt8[np.ndarray, "*frames height width"]:
    """Spread a window of 16-bit values over 0 to 255.

    A value v becomes (v - low) * 255 / (high - low), rounded to the nearest whole number (half to even), below 0
    clipped to 0 and above 255 to 255. In a flat window values up to ``low`` become 0, others 255.

    Examples:
        >>> to_8bit(
        ...     np.array([[0, 100, 150, 200, 999]], np.uint16), GreyWindow(rule="fixed", low=100, high=200)
        ... )
        array([[  0,   0, 128, 255, 255]], dtype=uint8)
    """
    values = np.arange(_NUM_VALUES)
    if window.is_flat:
        table = np.where(values > window.low, 255, 0)
    else:
        inside = values.clip(window.low, window.high) - window.low
        table = np.rint(inside * 255 / (window.high - window.low))
    spread: np.ndarray = table.astype(np.uint8)[frames]
    return spread


def _sampled(reader: Gray16Reader, most_frames: int) -> Iterator[np.ndarray]:
    places = (
        np.linspace(0, reader.num_frames - 1, min(most_frames, reader.num_frames)).round().astype(np.int64)
    )
    for frame in reader.frames(places):
        if frame.picture is not None:
            yield frame.picture
