"""What an extraction plan is: plain data, which can be shown before anything is done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from semioscope.core.records import Region
from semioscope.core.wording import counted
from semioscope.features.clips import EventClips
from semioscope.features.key import BackboneChoice, FeatureKey
from semioscope.features.layout import clip_times
from semioscope.features.store import FeatureStore
from semioscope.features.views import Pictures, ViewPicture
from semioscope.plans import ClipPlan, SlicePlan
from semioscope.preprocess.moving_region import MovingRegion

MAX_FILES_SHOWN = 20


def shortened(names: Sequence[str]) -> str:
    """Return names for a person: the first two, and how many more."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:2]) + (f" and {len(distinct) - 2} more" if len(distinct) > 2 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewWork:
    """What is left to do for one key.

    Args:
        key: The feature key.
        recording_ids: Recordings that show this very view; more than one if a row was entered twice.
        region: Part of the file's picture, which may move; None means all of it.
        blank: What is blackened first; None means nothing.
        wanted: All clips that the events need.
        missing: Those of them that the store lacks.
        event_start_seconds: Where the grid begins, for a plan that is anchored at the event; else 0.
        frame_seconds: When the event's stored frames are shown, for slices; None on a grid in time.
        damaged_blocks: Numbers of blocks whose files cannot be trusted.
    """

    key: FeatureKey
    recording_ids: tuple[str, ...]
    region: Region | MovingRegion | None
    blank: Region | None
    wanted: Int64[np.ndarray, " num_wanted"]
    missing: Int64[np.ndarray, " num_missing"]
    event_start_seconds: float = 0.0
    frame_seconds: Float[np.ndarray, " num_frames"] | None = None
    damaged_blocks: tuple[int, ...] = ()

    def times_of(
        self, clips: Int64[np.ndarray, " num_clips"]
    ) -> Float[np.ndarray, "num_clips frames_per_clip"]:
        """Return when the frames of some of its clips are shown."""
        return clip_times(
            self.key.plan,
            clips,
            origin_seconds=self.event_start_seconds,
            frame_seconds=self.frame_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRead:
    """The views of one file that are decoded together, because their grids agree.

    Args:
        path: The video file.
        picture: What is done to its pictures.
        depth_path: The depth that clears them; None if nothing is cleared.
        views: At least one.
        num_frames: Pictures that have to be read for what is missing; shared ones count once.
    """

    path: Path
    picture: ViewPicture
    depth_path: Path | None
    views: tuple[ViewWork, ...]
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionFailure:
    """A recording whose features could not be computed.

    Args:
        recording_id: The recording.
        event_ids: The events that lose this view.
        message: Why, and what to do.
    """

    recording_id: str
    event_ids: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFlag:
    """A view of an event that is not seen as was asked for; its features are computed all the same.

    Args:
        event_id: The event.
        recording_id: The view.
        message: What falls short, and what is done instead.
    """

    event_id: str
    recording_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionPlan:
    """What an extraction will do.

    Args:
        store: Where the features are kept.
        backbone: The network.
        clip_plan: Which clips exist.
        picture: What is done to the pictures, as a person chose it.
        events: One entry per view of every event whose video could be opened.
        reads: What is left to do, by file.
        failures: Recordings that cannot be read.
        num_clips: Clips that the events need; those that events share count once.
        num_stored: How many of them the store has.
        flags: Views that are not seen as was asked for.
        new_windows: Windows of 16-bit values that were found now, by the file of the store that keeps them.
    """

    store: FeatureStore
    backbone: BackboneChoice
    clip_plan: ClipPlan | SlicePlan
    picture: Pictures
    events: tuple[EventClips, ...]
    reads: tuple[SharedRead, ...]
    failures: tuple[ExtractionFailure, ...]
    num_clips: int
    num_stored: int
    flags: tuple[ViewFlag, ...] = ()
    new_windows: Mapping[Path, dict[str, Any]] = field(default_factory=dict)

    @property
    def num_missing(self) -> int:
        """Clips that have to be computed."""
        return self.num_clips - self.num_stored

    @property
    def num_frames(self) -> int:
        """Pictures that have to be read."""
        return sum(read.num_frames for read in self.reads)

    @property
    def num_off_pace(self) -> int:
        """Slices of all events that last too long or too short for their frames."""
        return sum(int(event.slices.is_off_pace.sum()) for event in self.events if event.slices is not None)

    @property
    def num_dropped_ends(self) -> int:
        """Views with slices whose last frames are in none, being too few."""
        return sum(
            event.slices is not None and event.slices.num_dropped_frames > 0 and len(event.clip_index) > 0
            for event in self.events
        )

    def remarks(self, *, without: Set[tuple[str, str]] = frozenset()) -> list[str]:
        """Return what a person should know of the slices and pictures, in sentences.

        Args:
            without: Events and recordings whose pictures are told of elsewhere.
        """
        said = []
        if self.num_off_pace:
            names = [
                e.recording_id for e in self.events if e.slices is not None and e.slices.is_off_pace.any()
            ]
            slices = counted(
                self.num_off_pace,
                "slice lasts longer or shorter than it should",
                "slices last longer or shorter than they should",
            )
            said.append(
                f"{slices} (in {shortened(names)}): frames are lacking there, or the frame rate is another one. "
                "Nothing is filled in."
            )
        if self.num_dropped_ends:
            videos = counted(self.num_dropped_ends, "video")
            said.append(f"The last frames of {videos} are too few for a slice and are left out.")
        by_message: dict[str, list[str]] = defaultdict(list)
        for flag in self.flags:
            if (flag.event_id, flag.recording_id) in without:
                continue
            by_message[flag.message].append(f"{flag.event_id} in {flag.recording_id}")
        said += [f"Look at {shortened(views)}: {message}" for message, views in by_message.items()]
        return said

    def describe(self) -> str:
        """Return the plan as a table: per file and view the clips that are wanted, stored and missing.

        Of long plans only the sums.
        """
        reads = self.reads if len(self.reads) <= MAX_FILES_SHOWN else ()
        rows: list[tuple[str, ...]] = [("recording", "clips", "in store", "to compute", "frames to read")]
        for read in reads:
            for number, view in enumerate(read.views):
                frames = str(read.num_frames) if number == 0 else "(same file)"
                counts = (len(view.wanted), len(view.wanted) - len(view.missing), len(view.missing))
                rows.append((shortened(view.recording_ids), *map(str, counts), frames))
        total = (self.num_clips, self.num_stored, self.num_missing, self.num_frames)
        rows.append(("all", *map(str, total)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in rows
        ]  # fmt: skip
        if self.failures:
            names = ", ".join(failure.recording_id for failure in self.failures)
            lines.append(f"Cannot be read and will be left out: {names}.")
        lines += self.remarks()
        return "\n".join(line.rstrip() for line in lines)
