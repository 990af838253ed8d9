"""Box tracks of a cohort as a table, ``COHORT/derived/crops/box-tracks.tsv``: one row per look.

A key stands in every row of a track: what the boxes depend on. It says whether a track can be used again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semioscope.core.errors import StoreError
from semioscope.core.formats import BOX_TRACKS
from semioscope.core.locks import locked
from semioscope.core.tables import read_rows, write_table
from semioscope.preprocess.box_track import BoxTrack
from semioscope.preprocess.crops import LOCKS

TrackKey = tuple[str, str]
"""Event and recording."""
_EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrack:
    """The track of one event in one recording.

    Args:
        event_id: The event.
        recording_id: The recording that sees it.
        track: Its boxes.
        key: Digest of what they depend on: detector, settings, video, times.
    """

    event_id: str
    recording_id: str
    track: BoxTrack
    key: str

    @property
    def status(self) -> str:
        """``accepted``, or ``flagged`` where nothing was found: the event keeps its raw picture."""
        return "flagged" if self.track.found_nothing else "accepted"

    @property
    def reason(self) -> str:
        """Why a person should look; empty if there is no reason."""
        if not self.track.found_nothing:
            return ""
        return f"Nothing was found in any of {self.track.num_looks} looks; the raw picture is used."


def tracks_path(cohort_folder: Path) -> Path:
    """Return where a cohort keeps its box tracks."""
    return cohort_folder / LOCKS / BOX_TRACKS.file


def read_tracks(path: Path) -> dict[TrackKey, EventTrack]:
    """Return the tracks of a table by event and recording; none where there is no table.

    Raises:
        StoreError: If the table is not valid.
    """
    if not path.exists():
        return {}
    rows: dict[TrackKey, list[Mapping[str, object]]] = {}
    for row in read_rows(path, BOX_TRACKS):
        rows.setdefault((str(row["event_id"]), str(row["recording_id"])), []).append(row)
    found = {}
    for (event_id, recording_id), own in rows.items():
        keys = {str(row["key"]) for row in own}
        try:
            track = BoxTrack(
                times_seconds=_column(own, "time_seconds"),
                edges=np.stack([_column(own, name) for name in _EDGES], axis=1),
                scores=_column(own, "score"),
            )
        except ValueError as err:
            msg = (
                f"{path} (event {event_id} in {recording_id}): {err} Delete the table to have it made again."
            )
            raise StoreError(msg) from err
        if len(keys) > 1:
            msg = (
                f"{path} (event {event_id} in {recording_id}) must have one key in all rows, but has {len(keys)}. "
                "Delete the table to have it made again."
            )
            raise StoreError(msg)
        found[event_id, recording_id] = EventTrack(
            event_id=event_id, recording_id=recording_id, track=track, key=keys.pop()
        )
    return found


def write_tracks(path: Path, tracks: Iterable[EventTrack]) -> None:
    """Write tracks into a table; those of other events and recordings stay. One process at a time.

    Raises:
        StoreError: If the table that is there is not valid, or the folder cannot be written.
    """
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        merged = read_tracks(path) | {(one.event_id, one.recording_id): one for one in tracks}
        rows = [
            {
                "event_id": one.event_id,
                "recording_id": one.recording_id,
                "time_seconds": float(time),
                **dict(zip(_EDGES, map(float, edges), strict=True)),
                "score": float(score),
                "key": one.key,
            }
            for _, one in sorted(merged.items())
            for time, edges, score in zip(
                one.track.times_seconds, one.track.edges, one.track.scores, strict=True
            )
        ]
        write_table(path, BOX_TRACKS, rows)


def _column(rows: Iterable[Mapping[str, object]], name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)
