"""Where a patient is along an event: boxes that were looked for once a second, and a box at any time between.

```
 looks       0 s      1 s      2 s      3 s      4 s
             hit      hit     missed   missed    hit
 box at      ├ moves ──┤        as at 1 s  ├ moves ─┤     before the first and behind the last hit: as there
 a frame is  interpolated   held          held
```
A look that missed takes the box of the last hit before it (in front of the first hit: of the first), and between two
looks the box moves evenly. A frame counts as interpolated between two hits, and as held where one of them missed.

References:
    Hou et al. (2022), section 4, crop the patient that a detector finds. The paper does not say how often it looks;
    once a second, boxes between looks and the median are ours.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.files import digest
from semioscope.core.records import Region

Edges = Float64[np.ndarray, "num_times 4"]
"""Left, top, right and bottom in fractions of the picture of the file."""
WHOLE = Region(x=0.0, y=0.0, width=1.0, height=1.0)
_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackCounts:
    """How the boxes of frames came about.

    Args:
        num_hits: Frames at the very time of a look that found the patient.
        num_interpolated: Frames between two such looks.
        num_held: Frames beside a look that missed, before the first or behind the last look.
        num_raw: Frames of a track in which nothing was found at all: they keep the raw picture.
    """

    num_hits: int
    num_interpolated: int
    num_held: int
    num_raw: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxTrack:
    """The boxes of one event in one recording. Made by :func:`box_track`.

    Args:
        times_seconds: Of the looks, ascending, from the first displayed frame of the recording; one at least.
        edges: What was found at each; NaN four times where nothing was.
        scores: How sure the detector was, in [0, 1]; NaN where nothing was found.
    """

    times_seconds: Float64[np.ndarray, " num_looks"]
    edges: Float64[np.ndarray, "num_looks 4"]
    scores: Float64[np.ndarray, " num_looks"]

    def __post_init__(self) -> None:
        found = np.isfinite(self.edges)
        if not len(self.times_seconds) or not (np.diff(self.times_seconds) > 0).all():
            msg = "A track needs one look at least, and looks whose times ascend."
            raise ValueError(msg)
        if (found.any(axis=1) != found.all(axis=1)).any():
            msg = "A box of a track needs left, top, right and bottom, or none of them."
            raise ValueError(msg)
        left, top, right, bottom = self.edges[self.is_hit].T
        inside = (left >= 0) & (top >= 0) & (left < right) & (top < bottom)
        if not (inside & (right <= 1 + _TINY) & (bottom <= 1 + _TINY)).all():
            msg = "Boxes of a track must lie inside the picture: 0 <= left < right <= 1, 0 <= top < bottom <= 1."
            raise ValueError(msg)

    @property
    def is_hit(self) -> Bool[np.ndarray, " num_looks"]:
        """Which looks found the patient."""
        hit: Bool[np.ndarray, " num_looks"] = np.isfinite(self.edges[:, 0])
        return hit

    @property
    def num_looks(self) -> int:
        """How often the detector looked."""
        return len(self.times_seconds)

    @property
    def num_missed(self) -> int:
        """How often it found nothing."""
        return int((~self.is_hit).sum())

    @property
    def found_nothing(self) -> bool:
        """Whether no look found the patient: the event keeps its raw picture and needs a person's eye."""
        return not self.is_hit.any()

    def box_at(
        self,
        times_seconds: Float64[np.ndarray, " num_times"],
        *,
        rule: str = "interpolated",
        raw: Region | None = None,
    ) -> Float64[np.ndarray, "num_times 4"]:
        """Return the box at any times.

        Args:
            times_seconds: From the first displayed frame of the recording; any order.
            rule: A key of ``BOX_RULES``.
            raw: What is used where nothing was found at all, such as the recording's region; None is the whole
                picture.

        Returns:
            Left, top, right and bottom in fractions of the picture of the file; never NaN.

        Raises:
            ConfigError: If there is no such rule.
        """
        if rule not in BOX_RULES:
            raise ConfigError(unknown_name("rule of boxes", rule, BOX_RULES))
        if self.found_nothing:
            part = WHOLE if raw is None else raw
            edges = np.array([part.x, part.y, part.x + part.width, part.y + part.height])
            return np.repeat(edges[None], len(times_seconds), axis=0)
        return BOX_RULES[rule](self, times_seconds)

    def counts_at(self, times_seconds: Float64[np.ndarray, " num_times"]) -> TrackCounts:
        """Return how the boxes of frames come about under the rule ``interpolated``."""
        if self.found_nothing:
            return TrackCounts(num_hits=0, num_interpolated=0, num_held=0, num_raw=len(times_seconds))
        first = np.searchsorted(self.times_seconds, times_seconds, side="right") - 1
        inside = (first >= 0) & (times_seconds <= self.times_seconds[-1])
        first = np.clip(first, 0, self.num_looks - 1)
        exact = inside & (self.times_seconds[first] == times_seconds)
        second = np.clip(first + 1, 0, self.num_looks - 1)
        hits = exact & self.is_hit[first]
        between = inside & ~exact & self.is_hit[first] & self.is_hit[second]
        held = len(times_seconds) - int(hits.sum()) - int(between.sum())
        return TrackCounts(
            num_hits=int(hits.sum()), num_interpolated=int(between.sum()), num_held=held, num_raw=0
        )

    def digest(self, *, rule: str = "interpolated") -> str:
        """Return what names the boxes at any time, for keys of features."""
        return digest(["box-track", rule, self.times_seconds.tolist(), self.edges.tolist()])


def box_track(
    times_seconds: Sequence[float] | Float64[np.ndarray, " num_looks"],
    boxes: Sequence[Region | None],
    *,
    scores: Sequence[float] | None = None,
) -> BoxTrack:
    """Return the track of looks.

    Args:
        times_seconds: When it was looked; ascending.
        boxes: What was found, in fractions of the picture of the file; None where nothing was.
        scores: How sure each hit is; None knows nothing.

    Raises:
        ValueError: If there is no look, times do not ascend, or numbers of them differ.

    Examples:
        >>> left = Region(x=0.0, y=0.0, width=0.5, height=1.0)
        >>> right = Region(x=0.5, y=0.0, width=0.5, height=1.0)
        >>> track = box_track([0.0, 1.0, 2.0], [left, right, None])
        >>> track.box_at(np.array([0.5, 1.5])).tolist()
        [[0.25, 0.0, 0.75, 1.0], [0.5, 0.0, 1.0, 1.0]]
        >>> track.counts_at(np.array([0.0, 0.5, 1.5]))
        TrackCounts(num_hits=1, num_interpolated=1, num_held=1, num_raw=0)
    """
    if len(boxes) != len(times_seconds) or (scores is not None and len(scores) != len(boxes)):
        msg = f"Every look needs a time and a box or None, got {len(times_seconds)} times and {len(boxes)} boxes."
        raise ValueError(msg)
    nothing = (math.nan,) * 4
    edges = [
        nothing if box is None else (box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes
    ]
    sure = [math.nan] * len(boxes) if scores is None else scores
    return BoxTrack(
        times_seconds=np.array(times_seconds, dtype=np.float64),
        edges=np.array(edges, dtype=np.float64).reshape(-1, 4),
        scores=np.array(sure, dtype=np.float64),
    )


def regions_of(edges: Edges) -> list[Region]:
    """Return boxes as regions of the picture, as ``BoxTrack.box_at`` gives them."""
    return [
        Region(x=left, y=top, width=right - left, height=bottom - top)
        for left, top, right, bottom in edges.tolist()
    ]


def _interpolated(track: BoxTrack, times_seconds: Float64[np.ndarray, " num_times"]) -> Edges:
    places = np.arange(track.num_looks)
    last = np.maximum.accumulate(np.where(track.is_hit, places, -1))
    held = track.edges[np.where(last < 0, int(np.argmax(track.is_hit)), last)]
    columns = [np.interp(times_seconds, track.times_seconds, column) for column in held.T]
    return np.stack(columns, axis=1)


def _median(track: BoxTrack, times_seconds: Float64[np.ndarray, " num_times"]) -> Edges:
    median = np.median(track.edges[track.is_hit], axis=0)
    return np.repeat(median[None], len(times_seconds), axis=0)


BOX_RULES: dict[str, Callable[[BoxTrack, Float64[np.ndarray, " num_times"]], Edges]] = {
    "interpolated": _interpolated,
    "median": _median,
}
"""How the box at a time comes from the looks: it moves between them, or is the median of all hits, edge by edge."""
