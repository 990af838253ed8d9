"""Finds the box tracks of a cohort: a detector looks at every event once a second.

A track that is in the cohort's table already and depends on the same things is used again, so nothing is opened for
it. A recording that cannot be read is listed and the others go on; an event in which nothing is found is flagged.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import Field

from semioscope.cohort import Cohort
from semioscope.core.config import Config
from semioscope.core.errors import LeakageError, SemioscopeError, StoreError
from semioscope.core.files import digest
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.records import Event, EventView, Recording, Region
from semioscope.core.wording import counted
from semioscope.execution import Unit, UnitResult, make_executor, run_stage
from semioscope.networks.detections import AnyDetector, detector_of
from semioscope.networks.detector_folder import PatientDetectors
from semioscope.preprocess.box_crop import in_file, widened
from semioscope.preprocess.box_track import BoxTrack
from semioscope.preprocess.crop_frames import EventFrames, open_event, recording_window, shown
from semioscope.preprocess.detector_quality import LEAST_SCORE, best_detection
from semioscope.preprocess.pictures import view_picture
from semioscope.preprocess.track_files import EventTrack, read_tracks, tracks_path, write_tracks
from semioscope.video import DECODER_VERSION, GreyWindow, fingerprint

_DIGITS = 5
"""Digits of an edge, in fractions of the picture: a fiftieth of a pixel of a large one."""
_NOTHING: tuple[float, ...] = (math.nan,) * 4
_VERSION = 1


class TrackConfig(Config):
    """How a patient is looked for along an event."""

    every_seconds: float = Field(default=1.0, ge=0.04, le=3600, allow_inf_nan=False)
    """Time between two looks, from the event's first frame; its last frame is looked at too."""
    label: str = Field(default="patient", min_length=1)
    """What the detector calls the patient."""
    min_score: float = Field(default=LEAST_SCORE, ge=0, le=1)
    """What is less sure counts as not found."""
    margin: float = Field(default=0.0, ge=0, le=5, allow_inf_nan=False)
    """Each side of a box is moved outward by this share of its width or height; the paper tells none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFailure:
    """An event for which no track could be made, and why."""

    event_id: str
    recording_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTracking:
    """What became of the events.

    Args:
        tracks: Of the events that were asked for, sorted by event and recording.
        failures: Events without a track.
        num_kept: Tracks that stood in the table and were used again.
        num_made: Tracks that were made now.
        notes: What else a person should know, as sentences.
    """

    tracks: tuple[EventTrack, ...] = ()
    failures: tuple[TrackFailure, ...] = ()
    num_kept: int = 0
    num_made: int = 0
    notes: tuple[str, ...] = ()

    @property
    def flagged(self) -> tuple[EventTrack, ...]:
        """Tracks in which nothing was found; their events keep the raw picture."""
        return tuple(one for one in self.tracks if one.status == "flagged")


def find_box_track(
    cohort: Cohort,
    recording: Recording,
    event_id: str,
    view: EventView,
    detector: AnyDetector,
    *,
    config: TrackConfig | None = None,
    window: GreyWindow | None = None,
) -> BoxTrack:
    """Return where the patient is along one event in one recording.

    The detector sees the recording's part of the picture only, and boxes stay in it. A frame that is missing counts
    as a look that found nothing.

    Args:
        cohort: Whose video is read.
        recording: Which.
        event_id: The event.
        view: Its times in the recording.
        detector: Finds the patient; one that asks for the event or the patient is told.
        config: None is the default.
        window: Grey window of the recording; None for colour.

    Raises:
        VideoError: If the recording cannot be read.
        CohortError: If it has no video.
        LeakageError: If every detector that there is was trained on the patient.
    """
    config = config or TrackConfig()
    eye = detector_of(
        detector, event_id=event_id, recording_id=recording.recording_id, patient_id=recording.patient_id
    )
    times: list[float] = []
    edges: list[tuple[float, ...]] = []
    scores: list[float] = []
    with open_event(cohort, recording, view.interval, with_depth=False) as frames:
        for frame in frames.read(look_places(frames, every_seconds=config.every_seconds)):
            box, score = _NOTHING, math.nan
            if frame.picture is not None:
                seen = view_picture(shown(frame.picture, window), region=recording.region, blank=None)
                found = best_detection(eye.detect(seen), label=config.label, min_score=config.min_score)
                if found is not None:
                    height, width = frame.picture.shape[:2]
                    wide = widened(found.box, config.margin)
                    box = _rounded(in_file(wide, recording.region, height=height, width=width))
                    score = math.nan if box is _NOTHING else round(found.score, _DIGITS)
            times.append(frame.time_seconds)
            edges.append(box)
            scores.append(score)
    return BoxTrack(times_seconds=np.array(times), edges=np.array(edges), scores=np.array(scores))


def look_places(frames: EventFrames, *, every_seconds: float) -> Int[np.ndarray, " num_looks"]:
    """Return the numbers of the frames that are looked at: every so many seconds the next one, and the last."""
    elapsed = frames.times_seconds - frames.times_seconds[0]
    wanted = np.arange(0.0, elapsed[-1] + 1e-9, every_seconds)
    places = np.searchsorted(elapsed, wanted - 1e-9)
    looks: Int[np.ndarray, " num_looks"] = np.unique(np.append(places, len(elapsed) - 1)).astype(np.int64)
    return looks


def ensure_box_tracks(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    detector: AnyDetector,
    config: TrackConfig | None = None,
    progress: Progress | None = None,
) -> BoxTracking:
    """Return the box tracks of events: what the cohort's table holds is used, the rest is found and written.

    Each recording's tracks are written when they are found, so the same command goes on after an interruption.

    Args:
        cohort: The cohort.
        events: For which.
        detector: Finds the patient; it works in this process.
        config: None is the default.
        progress: Where it is reported.

    Raises:
        LeakageError: If every detector that there is was trained on one of the patients.
        WeightsError: If the file of a patient's detector is absent, damaged or another one.
        StoreError: If the table is not valid or cannot be written.
    """
    config = config or TrackConfig()
    path = tracks_path(cohort.folder)
    standing = read_tracks(path)
    keys: dict[tuple[str, str], str] = {}
    failures: list[TrackFailure] = []
    wanted: dict[str, list[tuple[str, EventView, str]]] = {}
    prints: dict[Path, str] = {}
    for event in events:
        for view in event.views:
            name = event.event_id, view.recording_id
            try:
                key = _key(
                    cohort,
                    cohort.recording(view.recording_id),
                    event.event_id,
                    view,
                    detector,
                    config,
                    prints,
                )
            except (StoreError, LeakageError):
                raise
            except SemioscopeError as err:
                failures.append(TrackFailure(event_id=name[0], recording_id=name[1], message=str(err)))
                continue
            keys[name] = key
            if name not in standing or standing[name].key != key:
                wanted.setdefault(view.recording_id, []).append((event.event_id, view, key))
                detector_of(  # loaded here: without it, or with a leak, nothing is found for anybody
                    detector,
                    event_id=event.event_id,
                    recording_id=view.recording_id,
                    patient_id=cohort.recording(view.recording_id).patient_id,
                )
    made, failed = _found(cohort, wanted, detector, config, path, progress or QuietProgress())
    failures += failed
    every = standing | {(one.event_id, one.recording_id): one for one in made}
    tracks = tuple(every[name] for name in sorted(keys) if name in every and every[name].key == keys[name])
    return BoxTracking(
        tracks=tracks,
        failures=tuple(sorted(failures, key=lambda one: (one.event_id, one.recording_id))),
        num_kept=len(tracks) - len(made),
        num_made=len(made),
        notes=_notes(cohort, tracks, detector),
    )


def find_recording_tracks(work: dict[str, Any]) -> list[EventTrack | TrackFailure]:
    """Return the tracks of the events of one recording; what fails is in their place."""
    cohort, recording = work["cohort"], work["recording"]
    window = recording_window(cohort, recording)
    outcomes: list[EventTrack | TrackFailure] = []
    for event_id, view, key in work["events"]:
        try:
            track = find_box_track(
                cohort, recording, event_id, view, work["detector"], config=work["config"], window=window
            )
        except StoreError:
            raise
        except SemioscopeError as err:
            outcomes.append(
                TrackFailure(event_id=event_id, recording_id=recording.recording_id, message=str(err))
            )
        else:
            outcomes.append(
                EventTrack(event_id=event_id, recording_id=recording.recording_id, track=track, key=key)
            )
    return outcomes


def _found(
    cohort: Cohort,
    wanted: dict[str, list[tuple[str, EventView, str]]],
    detector: AnyDetector,
    config: TrackConfig,
    path: Path,
    progress: Progress,
) -> tuple[list[EventTrack], list[TrackFailure]]:
    units = [
        Unit(
            name=name,
            key=digest([name]),
            payload={
                "cohort": cohort, "recording": cohort.recording(name), "events": events, "detector": detector,
                "config": config,
            },
            weight=sum(view.duration_seconds / config.every_seconds + 1 for _, view, _ in events),
        )
        for name, events in wanted.items()
    ]  # fmt: skip

    def keep(result: UnitResult) -> None:
        found = [one for one in result.value or () if isinstance(one, EventTrack)]
        if found:
            write_tracks(path, found)

    result = run_stage(
        "box tracks",
        find_recording_tracks,
        units,
        ledger=None,
        executor=make_executor("local", workers=1),
        progress=progress,
        unit_name="looks",
        on_result=keep,
    )
    outcomes = [outcome for unit in result.done for outcome in unit.value]
    failures = [outcome for outcome in outcomes if isinstance(outcome, TrackFailure)]
    failures += [
        TrackFailure(event_id=event_id, recording_id=unit.unit.name, message=unit.message)
        for unit in result.failed
        for event_id, _, _ in unit.unit.payload["events"]
    ]
    return [outcome for outcome in outcomes if isinstance(outcome, EventTrack)], failures


def _key(
    cohort: Cohort,
    recording: Recording,
    event_id: str,
    view: EventView,
    detector: AnyDetector,
    config: TrackConfig,
    prints: dict[Path, str],
) -> str:
    """Return the digest of everything that a track depends on."""
    if isinstance(detector, PatientDetectors):
        eye = detector.record.choose(recording.patient_id).weights_hash
    else:
        own = detector_of(
            detector, event_id=event_id, recording_id=recording.recording_id, patient_id=recording.patient_id
        )
        eye = str(getattr(own, "weights_hash", ""))
    video = cohort.video_path(recording)
    if video not in prints:
        prints[video] = fingerprint(video)
    parts = [None if part is None else str(part) for part in (recording.region, recording.blank)]
    times = [view.onset_seconds, view.offset_seconds]
    return digest([_VERSION, DECODER_VERSION, prints[video], parts, times, eye, config.model_dump()])


def _notes(cohort: Cohort, tracks: Iterable[EventTrack], detector: AnyDetector) -> tuple[str, ...]:
    notes = list(getattr(detector, "notes", ()))
    if isinstance(detector, PatientDetectors):
        patients = {cohort.recording(one.recording_id).patient_id for one in tracks}
        strangers = sorted(patients - detector.record.patients)
        if strangers:
            notes.append(
                f"{counted(len(strangers), 'patient is', 'patients are')} not among those of the detectors "
                f"({', '.join(strangers[:5])}{', ...' if len(strangers) > 5 else ''}) and looked at by one that was "
                "trained on others. That holds if the ids of patients are the same in the cohort and in the boxes."
            )
    return tuple(notes)


def _rounded(box: Region) -> tuple[float, ...]:
    """Return the edges of a box as they stand in the table; nothing if the box is narrower than they can say."""
    left, top = round(box.x, _DIGITS), round(box.y, _DIGITS)
    right, bottom = (round(min(edge, 1.0), _DIGITS) for edge in (box.x + box.width, box.y + box.height))
    return (left, top, right, bottom) if left < right and top < bottom else _NOTHING
