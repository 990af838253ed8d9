"""The part of an extraction plan that needs no video: events whose features were imported."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError
from semioscope.core.records import Event, EventView
from semioscope.features.clips import EventClips
from semioscope.features.imported import ImportedFeatures, imported_of, read_imported, stored_grid
from semioscope.features.key import BackboneChoice
from semioscope.features.store import FeatureStore
from semioscope.plans import ClipPlan, blocks_of


def any_video(cohort: Cohort, events: Iterable[Event]) -> bool:
    """Return whether some recording of the events has a video."""
    views = (view for event in events for view in event.views if view.use != "no")
    recordings = (cohort.recordings.get(view.recording_id) for view in views)
    return any(recording is not None and recording.path is not None for recording in recordings)


def imported_features(cohort: Cohort, events: Iterable[Event]) -> dict[str, tuple[ImportedFeatures, ...]]:
    """Return what was imported for those recordings of the events that have no video."""
    names = {view.recording_id for event in events for view in event.views if view.use != "no"}
    recordings = [cohort.recordings[name] for name in names if name in cohort.recordings]
    without = {recording.recording_id for recording in recordings if recording.path is None}
    there = read_imported(cohort.folder) if without else {}
    return {name: entries for name, entries in there.items() if name in without}


def imported_clips(
    imported: Mapping[str, tuple[ImportedFeatures, ...]],
    event: Event,
    view: EventView,
    clips: Int64[np.ndarray, " num_clips"],
    plan: ClipPlan,
    backbone: BackboneChoice,
) -> EventClips:
    """Return the clips of a view as the store numbers them.

    Raises:
        CohortError: If what was imported does not fit what is wanted.
    """
    name = view.recording_id
    entry = imported_of(imported[name], recording_id=name, backbone=backbone.name)
    if backbone.weights != "pretrained":
        msg = (
            f"Recording {name} has imported features of {entry.backbone} with its published weights; other weights "
            f"need its video, got {backbone.weights}. Leave --weights out, or bring the video."
        )
        raise CohortError(msg)
    return EventClips(
        event_id=event.event_id,
        recording_id=name,
        key_digest=entry.key,
        clip_index=clips,
        event_start_seconds=view.onset_seconds,
        grid=stored_grid(entry, plan, clips, event_start_seconds=view.onset_seconds),
    )


def only_stored(
    wanted: Sequence[EventClips],
    computed: Container[str],
    store: FeatureStore,
    failed: dict[str, tuple[str, list[str]]],
) -> tuple[list[EventClips], int]:
    """Return the views without those whose imported clips the store lacks, and the number of imported clips.

    Args:
        wanted: The views of all events.
        computed: Keys of features that are computed from videos; they are not looked at.
        store: Where the imported ones must be.
        failed: What is lacking is written into it: message and events by recording.
    """
    by_key: dict[str, list[EventClips]] = defaultdict(list)
    for clips in wanted:
        if clips.key_digest not in computed:
            by_key[clips.key_digest].append(clips)
    lost: set[tuple[str, str]] = set()
    num_imported = 0
    for key, views in by_key.items():
        needed = np.unique(np.concatenate([clips.stored_index for clips in views]))
        there = store.stored_clips(key, blocks_of(needed)).clip_index
        for clips in views:
            lacking = int(np.sum(~np.isin(clips.stored_index, there)))
            if lacking:
                message = (
                    f"The store {store.folder} must hold the features that were imported for recording "
                    f"{clips.recording_id}, but lacks {lacking} of {len(clips.clip_index)} clips. Import them "
                    "again, or name the store that has them with --store."
                )
                lost.add((clips.event_id, clips.recording_id))
                failed.setdefault(clips.recording_id, (message, []))[1].append(clips.event_id)
        kept = [c.stored_index for c in views if (c.event_id, c.recording_id) not in lost]
        num_imported += len(np.unique(np.concatenate(kept))) if kept else 0
    return [clips for clips in wanted if (clips.event_id, clips.recording_id) not in lost], num_imported
