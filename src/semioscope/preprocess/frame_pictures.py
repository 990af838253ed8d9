"""From the picture of a ward camera to the small picture of one frame: stretched to a base, then cut.

```
 view or box      base            network
┌──────────┐    ┌─────────┐      ┌─────┐
│          │ ─▶ │ 171x128 │ cut  │ 112 │   in the middle, or where it was drawn for the excerpt
└──────────┘    └─────────┘ ─▶   └─────┘
```
``FramePictureConfig`` is what a person chooses; ``FramePicture`` is what it came to for one view, and part of the
key of its features.

References:
    Hou et al. (2022), sections 3.1.1, 3.1.2 and 4: pictures of 128 x 171, a random cut of 112 x 112 per clip for
    contextual video, the middle one for seizures; as in the paper. Mean and deviation of ImageNet afterwards, which
    the paper does not tell.
"""

import functools
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from semioscope.core.config import Config
from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream
from semioscope.core.records import Region
from semioscope.preprocess.pictures import resized, view_picture


class RandomCut(Config):
    """Where pictures are cut, drawn once for all frames of an excerpt.

    The place depends on what stands here and on the number of the excerpt only, so any frame can be computed alone.
    """

    seed: int
    """Seed of the places."""
    video: str
    """Fingerprint of the recording."""
    number: int
    """Of several cuts of the same frames, from 0."""
    excerpt_frames: int
    """Frames of an excerpt: frame g of the recording's grid is in excerpt ``g // excerpt_frames``."""

    def place(self, frame: int) -> tuple[float, float]:
        """Return where a frame is cut, as shares of the room above and left of it, each in [0, 1)."""
        return _drawn(self.seed, self.video, self.number, frame // self.excerpt_frames)


@functools.lru_cache(maxsize=64)
def _drawn(seed: int, video: str, number: int, excerpt: int) -> tuple[float, float]:
    down, right = stream(seed, "random-cut", video=video, number=number, excerpt=excerpt).random(2).tolist()
    return down, right


class FramePictureConfig(Config):
    """What is done to the pictures of single frames before a network sees them."""

    base_height: int = Field(default=128, ge=8, le=4096)
    """Height that the view or box is stretched to, in pixels. As in the paper."""
    base_width: int = Field(default=171, ge=8, le=4096)
    """Width that it is stretched to. As in the paper."""
    cut_seed: int = Field(default=0, ge=0)
    """Seed of random cuts."""
    cut_number: int | None = Field(default=None, ge=0)
    """Which of several random cuts; null: the middle is cut. As in the paper random before training without labels,
    in the middle for seizures."""
    excerpt_frames: int = Field(default=250, ge=1, le=100_000)
    """Frames that have one random cut together."""

    def random_cut(self, video: str) -> RandomCut | None:
        """Return where the pictures of a recording are cut; None: in the middle.

        Args:
            video: Fingerprint of the recording.
        """
        if self.cut_number is None:
            return None
        return RandomCut(
            seed=self.cut_seed, video=video, number=self.cut_number, excerpt_frames=self.excerpt_frames
        )

    def check_size(self, size: int) -> None:
        """Refuse a network whose pictures are larger than the base.

        Raises:
            ConfigError: If they are.
        """
        if size > min(self.base_height, self.base_width):
            msg = (
                f"Pictures of {size} x {size} cannot be cut from {self.base_width} x {self.base_height}. Choose a "
                "smaller backbone.input_size (112 in the paper), or larger frame.base_height and frame.base_width."
            )
            raise ConfigError(msg)


class FramePicture(Config):
    """What is done to the pictures of one view; everything that their values depend on."""

    kind: Literal["frame"] = "frame"
    base_height: int
    """As in :class:`FramePictureConfig`."""
    base_width: int
    """As in :class:`FramePictureConfig`."""
    cut: RandomCut | None = None
    """Where the pictures are cut; null: in the middle."""

    @property
    def uncut(self) -> "FramePicture":
        """The same without its cut: what several cuts of a frame share."""
        return self.model_copy(update={"cut": None})


def base_of(
    frame: UInt8[np.ndarray, "height width 3"],
    picture: FramePicture,
    *,
    region: Region | None,
    blank: Region | None,
) -> UInt8[np.ndarray, "base_height base_width 3"]:
    """Return the view or box of a frame, stretched to the base size; bilinear, antialiased.

    Args:
        frame: RGB, as the file shows it.
        picture: What is done.
        region: The part that is used, in fractions of the frame; None means all of it.
        blank: What is blackened first, in fractions of the frame.
    """
    seen = view_picture(frame, region=region, blank=blank)
    if seen.shape[:2] == (picture.base_height, picture.base_width):
        return seen
    return resized(np.ascontiguousarray(seen), height=picture.base_height, width=picture.base_width)


def cut_of(
    base: UInt8[np.ndarray, "base_height base_width 3"], picture: FramePicture, *, number: int, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Return the square that a network sees.

    Every place where the square lies wholly inside the base is equally likely. In the middle an odd line more is
    below or at the right.

    Args:
        base: From :func:`base_of`.
        picture: What is done.
        number: Number of the frame on the recording's grid; it counts for random cuts only.
        size: In pixels; fits in the base.
    """
    rooms = base.shape[0] - size, base.shape[1] - size
    if picture.cut is None:
        top, left = (room // 2 for room in rooms)
    else:
        top, left = (
            int(share * (room + 1)) for share, room in zip(picture.cut.place(number), rooms, strict=True)
        )
    return np.ascontiguousarray(base[top : top + size, left : left + size])
