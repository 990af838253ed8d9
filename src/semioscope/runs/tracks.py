"""Box tracks of a run: a detector follows the patient along every event, and pictures are cut where it found him.

References:
    Hou et al. (2022), section 4: seizure videos are cropped by a detector; once a second, and the box between looks,
    are ours (``preprocess.box_track``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from semioscope.core.progress import Progress
from semioscope.core.wording import counted
from semioscope.networks.detectors import load_detector
from semioscope.preprocess.box_track import TrackCounts
from semioscope.preprocess.moving_region import MovingRegion
from semioscope.preprocess.track_files import EventTrack
from semioscope.preprocess.track_finding import BoxTracking, ensure_box_tracks
from semioscope.runs.crops import RunCrops, kept_raw
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import Failure


def track_stage(plan: RunPlan, *, progress: Progress, failures: list[Failure]) -> RunCrops:
    """Return where the pictures of a run are cut, time by time; what stands in the cohort's table is used again.

    An event in which nothing was found, or whose track could not be made, keeps the recording's picture and is
    listed.

    Raises:
        WeightsError: If the weights of the detector are absent.
        LeakageError: If every detector of the folder was trained on one of the patients.
        StoreError: If the table of tracks is not valid or cannot be written.
    """
    config = plan.config.crops
    done = ensure_box_tracks(
        plan.cohort,
        plan.events,
        detector=load_detector(config.detector, weights=config.weights, progress=progress),
        config=config.track,
        progress=progress,
    )
    for note in done.notes:
        progress.message(note, level="warning")
    failures += kept_raw(done.failures)
    return RunCrops(
        plans=(),
        facts=_facts(plan, done),
        notes=(*done.notes, *_told(plan, done)),
        moving={
            (one.event_id, one.recording_id): MovingRegion(track=one.track, rule=config.boxes)
            for one in done.tracks
            if one.status == "accepted"
        },
    )


def _facts(plan: RunPlan, done: BoxTracking) -> dict[str, Any]:
    flagged = [
        {"event_id": one.event_id, "recording_id": one.recording_id, "reason": one.reason}
        for one in done.flagged
    ]
    return {
        "cropper": plan.config.crops.method,
        "num_accepted": len(done.tracks) - len(flagged),
        "num_flagged": len(flagged),
        "num_rejected": 0,
        "num_manual": 0,
        "num_failed": len(done.failures),
        "flagged": flagged,
        "remarks": [],
    }


def _told(plan: RunPlan, done: BoxTracking) -> list[str]:
    """Return how the boxes of frames came about, in a sentence."""
    if not done.tracks:
        return []
    looks = sum(one.track.num_looks for one in done.tracks)
    missed = sum(one.track.num_missed for one in done.tracks)
    said = f"The patient was looked for in {counted(looks, 'picture')} and not found in {missed}."
    if plan.config.crops.boxes == "median":
        return [f"{said} All frames of an event have the median box."]
    counts = _counts(plan, done.tracks)
    return [
        f"{said} Of the frames {counts['num_hits']} have the box of a look, {counts['num_interpolated']} one between "
        f"two looks, {counts['num_held']} the last one that was found, {counts['num_raw']} the raw picture."
    ]


def _counts(plan: RunPlan, tracks: tuple[EventTrack, ...]) -> Mapping[str, int]:
    views = {(event.event_id, view.recording_id): view for event in plan.events for view in event.views}
    total = dict.fromkeys(TrackCounts.__dataclass_fields__, 0)
    for one in tracks:
        view = views[one.event_id, one.recording_id]
        times = np.arange(view.onset_seconds, view.offset_seconds, 1 / plan.grid_clips.fps)
        counts = one.track.counts_at(times)
        for name in total:
            total[name] += getattr(counts, name)
    return total
