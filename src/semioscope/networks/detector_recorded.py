"""Detections that were made elsewhere: a JSON file by event and recording, for hospitals with their own detector.

``{"schema_version": 1, "detections": {"EVENT": {"RECORDING": [{"label": "person", "score": 0.98, "box": [0.2, 0.3,
0.5, 0.6]}]}}}``: the box is left, top, right and bottom in fractions of the picture that the recording shows (of
its region, where it has one), at the first frame of the event. An empty list says that nothing was found.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from semioscope.core.errors import CohortError, StoreError
from semioscope.core.files import GIVEN, digest, read_json, write_json
from semioscope.networks.detections import Detection, clipped_detection

_VERSION = 1
_MOST_NAMED = 5
_EXAMPLE = '{"schema_version": 1, "detections": {"EVENT": {"RECORDING": []}}}'


class RecordedDetector:
    """Finds what a file says. ``for_event`` chooses the event; ``detect`` then answers for it.

    Args:
        path: For messages.
        detections: By event and recording.
        notes: Sentences about what was left out.
        event: The event and recording that ``detect`` answers for; None for none yet.
        weights_hash: Names what the file says of all events; empty to find it out.
    """

    def __init__(
        self,
        path: Path,
        detections: Mapping[tuple[str, str], tuple[Detection, ...]],
        *,
        notes: tuple[str, ...] = (),
        event: tuple[str, str] | None = None,
        weights_hash: str = "",
    ) -> None:
        self.notes, self.weights_hash = notes, weights_hash or _hash(detections)
        self._path, self._detections, self._event = path, detections, event

    def for_event(self, event_id: str, recording_id: str) -> "RecordedDetector":
        """Return the detector of one event as one recording sees it."""
        return RecordedDetector(
            self._path,
            self._detections,
            notes=self.notes,
            event=(event_id, recording_id),
            weights_hash=self.weights_hash,
        )

    def detect(self, picture: UInt8[np.ndarray, "height width 3"]) -> Sequence[Detection]:
        """Return what the file says of the event, best first; the picture is not looked at.

        Raises:
            CohortError: If the file says nothing about it, not even an empty list.
        """
        del picture
        if self._event is None:
            msg = f"Recorded detections ({self._path.name}) belong to events. Ask for_event first."
            raise CohortError(msg)
        found = self._detections.get(self._event)
        if found is None:
            event, recording = self._event
            msg = (
                f"{self._path.name} has no entry for event {event} in recording {recording}. Add one, with an "
                "empty list if nothing was found."
            )
            raise CohortError(msg)
        return found


def read_recorded(path: Path) -> RecordedDetector:
    """Read a file of recorded detections.

    A box that reaches out of the picture is cut at its edge; one that is outside is left out, with a note.

    Raises:
        CohortError: If the file is not valid; the message names the entries.
    """
    try:
        content: Any = read_json(path, remedy=GIVEN)
    except StoreError as err:
        raise CohortError(str(err)) from err
    by_event = content.get("detections") if isinstance(content, dict) else None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(by_event, dict) or not isinstance(version, int):
        msg = f"{path} must hold detections by event and recording, such as {_EXAMPLE}."
        raise CohortError(msg)
    if version > _VERSION:
        msg = f"{path} has schema_version {version}, this semioscope knows {_VERSION}. Update semioscope."
        raise CohortError(msg)
    found: dict[tuple[str, str], tuple[Detection, ...]] = {}
    notes: list[str] = []
    problems: list[str] = []
    for event, by_recording in by_event.items():
        if not isinstance(by_recording, dict):
            problems.append(f"event {event} must hold recordings")
            continue
        for recording, items in by_recording.items():
            where = f"event {event}, recording {recording}"
            kept = []
            for number, item in enumerate(items if isinstance(items, list) else [None], start=1):
                try:
                    detection = _detection(item)
                except (KeyError, TypeError, ValueError) as err:
                    said = f"{err} is missing" if isinstance(err, KeyError) else str(err).rstrip(".")
                    problems.append(f"{where}, detection {number}: {said}")
                    continue
                if detection is None:
                    notes.append(
                        f"{where}: a box of {item['label']} lies outside of the picture and is left out."
                    )
                else:
                    kept.append(detection)
            found[str(event), str(recording)] = tuple(sorted(kept, key=lambda one: -one.score))
    if problems:
        more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        msg = f"{path}: {'; '.join(problems[:_MOST_NAMED])}{more}. Correct the entries."
        raise CohortError(msg)
    return RecordedDetector(path, found, notes=tuple(notes))


def write_recorded(path: Path, detections: Mapping[tuple[str, str], Sequence[Detection]]) -> None:
    """Write detections by event and recording, as ``read_recorded`` reads them."""
    by_event: dict[str, dict[str, list[dict[str, object]]]] = {}
    for (event, recording), found in sorted(detections.items()):
        by_event.setdefault(event, {})[recording] = [
            {
                "label": item.label,
                "score": item.score,
                "box": [
                    item.box.x,
                    item.box.y,
                    item.box.x + item.box.width,
                    item.box.y + item.box.height,
                ],
            }
            for item in found
        ]
    write_json(path, {"schema_version": _VERSION, "detections": by_event})


def _hash(detections: Mapping[tuple[str, str], Sequence[Detection]]) -> str:
    return digest(
        [
            [*event, [[item.label, item.score, str(item.box)] for item in found]]
            for event, found in sorted(detections.items())
        ]
    )


def _detection(item: Any) -> Detection | None:
    if not isinstance(item, dict):
        msg = "must be a list of objects with label, score and box"
        raise TypeError(msg)
    box = item["box"]
    if not isinstance(box, list) or len(box) != 4:
        msg = f"box must be left, top, right and bottom in fractions of the picture, got {box!r}"
        raise ValueError(msg)
    left, top, right, bottom = (_number("an edge of box", edge) for edge in box)
    return clipped_detection(str(item["label"]), _number("score", item["score"]), (left, top, right, bottom))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{name} must be a number, got {value!r}"
        raise TypeError(msg)
    return float(value)
