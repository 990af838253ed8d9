"""Closing the holes of a depth stream: grey dilation, fast enough to keep up with several cameras.

The camera writes 0 where it knows no distance. A pixel becomes the largest value around it, so lone holes
vanish, and so do thin near things. What is done twice with a 4x4 square is done once with a 7x7 window:

```
one pass    x-2 .. x+1        two passes    x-4 .. x+2        the same for y
```
The maximum over seven is made of three maxima over two (1, 2 and 3 apart), along rows, then along columns.

References:
    Karácsony et al. (2022), data pre-processing, depth video noise reduction; as in the paper. The paper does
    not say where the 4x4 square sits: its anchor is (2, 2), and what lies outside the frame has no say.
"""

import numpy as np
from jaxtyping import UInt16

from semioscope.core.errors import VideoError

_BEFORE, _AFTER = 4, 2
_REACH = _BEFORE + _AFTER


class NoiseFilter:
    """Removes the holes of frames of one size; keeps its working memory from frame to frame.

    One filter serves one thread at a time.

    Args:
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
    """

    def __init__(self, *, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._padded = np.zeros((height + _REACH, width + _REACH), np.uint16)  # its border stays 0
        self._first, self._second = np.empty_like(self._padded), np.empty_like(self._padded)

    def __call__(
        self,
        frames: UInt16[np.ndarray, "*frames height width"],
        out: UInt16[np.ndarray, "..."] | None = None,
    ) -> UInt16[np.ndarray, "*frames height width"]:
        """Return the dilated frames.

        Args:
            frames: One frame or several; 0 is missing. Left as they are, unless ``out`` is the same array.
            out: Where the result goes; None makes a new array.

        Raises:
            VideoError: If the frames or ``out`` have another size than the filter.
        """
        result = np.empty_like(frames) if out is None else out
        if frames.shape[-2:] != (self.height, self.width) or result.shape != frames.shape:
            msg = (
                f"Frames of this filter must be {self.height} rows of {self.width} pixels, and out must be as "
                f"large, got {frames.shape} and {result.shape}. Make a filter for this size."
            )
            raise VideoError(msg)
        for index in np.ndindex(frames.shape[:-2]):
            self._dilate(frames[index], result[index])
        return result

    def _dilate(
        self, frame: UInt16[np.ndarray, "height width"], out: UInt16[np.ndarray, "height width"]
    ) -> None:
        height, width = self.height, self.width
        self._padded[_BEFORE : _BEFORE + height, _BEFORE : _BEFORE + width] = frame
        # Rows stand one behind the other with zeros between them, so a step along a row and a step to the
        # next row are both steps along one long line, and each maximum is one pass over memory.
        row = width + _REACH
        padded, first, second = self._padded.reshape(-1), self._first.reshape(-1), self._second.reshape(-1)
        size = _larger_of_two(padded, first, step=1, size=padded.size)
        size = _larger_of_two(first, second, step=2, size=size)
        size = _larger_of_two(second, first, step=3, size=size)
        size = _larger_of_two(first, second, step=row, size=size)
        _larger_of_two(second, first, step=2 * row, size=size)
        np.maximum(self._first[:height, :width], self._first[3 : 3 + height, :width], out=out)


def denoised(
    frames: UInt16[np.ndarray, "*frames height width"],
) -> UInt16[np.ndarray, "*frames height width"]:
    """Return frames without holes: each value is the largest of the 7x7 around it, as ``NoiseFilter`` says.

    Examples:
        >>> denoised(np.array([[0, 0, 0, 0, 5, 0, 0, 0, 0, 0]], np.uint16))
        array([[0, 0, 5, 5, 5, 5, 5, 5, 5, 0]], dtype=uint16)
    """
    return NoiseFilter(height=frames.shape[-2], width=frames.shape[-1])(frames)


def _larger_of_two(
    source: UInt16[np.ndarray, " num"], target: UInt16[np.ndarray, " num"], *, step: int, size: int
) -> int:
    """Write the larger of each value and the one ``step`` further; return how many there are."""
    left = max(0, size - step)
    np.maximum(source[:left], source[step:size], out=target[:left])
    return left
