"""A part of a recording's picture that follows the patient over the time of an event."""

from dataclasses import dataclass

import numpy as np

from semioscope.core.records import Region
from semioscope.preprocess.box_track import BoxTrack, regions_of

FOLLOWED = "track"
"""In place of a key of ``CROP_METHODS``: pictures follow the patient, whom a detector looks for along the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingRegion:
    """A region that is another one at every time.

    Args:
        track: Where the patient was found.
        rule: A key of ``BOX_RULES``.
    """

    track: BoxTrack
    rule: str = "interpolated"

    def at(self, time_seconds: float) -> Region:
        """Return the region at a time, in seconds from the first displayed frame of the recording."""
        [region] = regions_of(self.track.box_at(np.array([time_seconds]), rule=self.rule))
        return region

    @property
    def digest(self) -> str:
        """What names the regions of all times, for keys of features."""
        return self.track.digest(rule=self.rule)


def region_at(region: Region | MovingRegion | None, time_seconds: float) -> Region | None:
    """Return the part of a picture that is used at a time; None means all of it."""
    return region.at(time_seconds) if isinstance(region, MovingRegion) else region
