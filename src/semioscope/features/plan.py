"""What an extraction will do: which clips of which recording, what the store has, how many frames are left.

Planning opens the videos only for their fingerprints, and writes nothing. For slices it lists the stored frames of
the events; for 16-bit pictures it also decodes a few frames, to find the window of values and to judge the depth.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, ConfigError, SemioscopeError, StoreError
from semioscope.core.records import Event, EventView, Region
from semioscope.features.clips import EventClips
from semioscope.features.imported import ImportedFeatures
from semioscope.features.imported_plan import any_video, imported_clips, imported_features, only_stored
from semioscope.features.key import BackboneChoice, FeatureKey, load_backbone
from semioscope.features.layout import (
    CLIP_KINDS,
    ChooseClips,
    KeyPlan,
    LaidClips,
    Layout,
    SliceGrid,
    plan_fps,
)
from semioscope.features.planned import ExtractionFailure, ExtractionPlan, SharedRead, ViewFlag, ViewWork
from semioscope.features.store import FeatureStore
from semioscope.features.views import PICTURE_KINDS, Pictures, SeenView, ViewFinder, ViewPicture
from semioscope.networks import Backbone
from semioscope.plans import ClipPlan, SlicePlan, blocks_of, clips_in
from semioscope.preprocess import CropPlan, PictureConfig
from semioscope.preprocess.cropper_rows import by_place
from semioscope.preprocess.moving_region import MovingRegion
from semioscope.video import DECODER_VERSION


def default_store(cohort_folder: Path, *, store: Path | None = None) -> FeatureStore:
    """Return the store that is asked for, else that of ``$SEMIOSCOPE_STORE``, else ``derived/features``.

    Raises:
        StoreError: If the place is a file.
    """
    import os

    named = os.environ.get("SEMIOSCOPE_STORE")
    folder = store or (Path(named) if named else cohort_folder / "derived" / "features")
    if folder.exists() and not folder.is_dir():
        msg = f"The feature store {folder} must be a folder, but is a file. Choose another --store."
        raise StoreError(msg)
    return FeatureStore(folder)


def plan_extraction(
    cohort: Cohort,
    events: Iterable[Event],
    clip_plan: ClipPlan | SlicePlan,
    *,
    backbone: BackboneChoice,
    store: FeatureStore,
    picture: Pictures | None = None,
    crops: Iterable[CropPlan] = (),
    moving: Mapping[tuple[str, str], MovingRegion] | None = None,
    choose: ChooseClips = clips_in,
) -> ExtractionPlan:
    """Return what has to be computed so that the store has every clip of the events.

    Recordings without a video take their clips from the features that were imported for them
    (``features.tsv``); a network is loaded only if some recording has a video.

    Args:
        cohort: Where the recordings are.
        events: What is needed; views of ``use`` no are left out.
        clip_plan: Which clips exist, on a grid in time or as slices of stored frames; as long as the network takes.
        backbone: The network; its weights are part of the key of what is computed.
        store: What is there already.
        picture: What is done to the pictures.
        crops: Those of one cropper. Accepted boxes replace the region of a recording for one event; of gray pictures
            what lies outside accepted depth planes is cleared.
        moving: By event and recording, a region that moves; it replaces any other.
        choose: Which clips of an event are wanted; all that lie wholly inside by default. All slices are.

    Returns:
        The plan. A video that cannot be opened, and imported features that do not fit, are its failures.

    Raises:
        ConfigError: If the backbone, its engine or precision does not exist, it takes no slices so short, or the
            window of gray pictures is not valid.
        WeightsError: If the weights are absent or damaged.
        CohortError: If ``features.tsv`` breaks a rule.
    """
    picture = picture or PictureConfig()
    events = list(events)
    imported = imported_features(cohort, events)
    network = load_backbone(backbone, fps=plan_fps(clip_plan)) if any_video(cohort, events) else None
    boxes = by_place(crops)
    finder = ViewFinder(cohort=cohort, pictures=picture, store=store)
    collected: dict[str, _Collected] = {}
    wanted: list[EventClips] = []
    flags: list[ViewFlag] = []
    failed: dict[str, tuple[str, list[str]]] = {}
    for event in events:
        for view in event.views:
            if view.use == "no":
                continue
            try:
                recording = cohort.recording(view.recording_id)
                if recording.recording_id in imported:
                    wanted.append(_imported(imported, event, view, clip_plan, backbone, choose))
                    continue
                path = finder.path_of(recording)
                video = finder.print_of(path)
                assert network is not None
                layout = CLIP_KINDS[type(clip_plan)](
                    clip_plan, view, path, choose=choose, network=network, times=finder.times
                )
                crop = boxes.get((event.event_id, view.recording_id))
                seen = finder.see(recording, view, crop, layout)
                followed = (moving or {}).get((event.event_id, view.recording_id))
                seen = seen if followed is None else replace(seen, region=followed)
            except ConfigError:
                raise
            except SemioscopeError as err:
                failed.setdefault(view.recording_id, (str(err), []))[1].append(event.event_id)
                continue
            keys = {}
            for part in layout.parts:
                key = feature_key(
                    video, seen.region, recording.blank, network, part.plan, seen.picture, part.origin_seconds
                )
                keys[part.plan] = key.digest
                entry = collected.setdefault(
                    key.digest, _Collected(key, path, recording.blank, seen, part.origin_seconds)
                )
                entry.add(view, part)
            wanted.append(_event_clips(event, view, layout, keys))
            flags += [
                ViewFlag(event_id=event.event_id, recording_id=view.recording_id, message=message)
                for message in seen.flags
            ]
    wanted, num_imported = only_stored(wanted, collected, store, failed)
    reads = _shared_reads(collected.values(), store)
    works = [view for read in reads for view in read.views]
    return ExtractionPlan(
        store=store,
        backbone=backbone,
        clip_plan=clip_plan,
        picture=picture,
        events=tuple(wanted),
        reads=tuple(reads),
        failures=tuple(
            ExtractionFailure(recording_id=name, event_ids=tuple(dict.fromkeys(ids)), message=message)
            for name, (message, ids) in failed.items()
        ),
        num_clips=num_imported + sum(len(work.wanted) for work in works),
        num_stored=num_imported + sum(len(work.wanted) - len(work.missing) for work in works),
        flags=tuple(flags),
        new_windows=finder.new_windows,
    )


def feature_key(
    video: str,
    region: Region | MovingRegion | None,
    blank: Region | None,
    network: Backbone,
    clip_plan: KeyPlan,
    picture: ViewPicture,
    event_start_seconds: float | None = None,
) -> FeatureKey:
    """Return the key of the features of one view.

    Args:
        video: Fingerprint of the file.
        region: Part of its picture, which may move; None means all of it.
        blank: What is blackened first; None means nothing.
        network: The loaded backbone.
        clip_plan: Which clips exist.
        picture: What is done to the pictures.
        event_start_seconds: Where the grid begins, for a plan that is anchored at the event; of slices, the time of
            the event's first stored frame; else None.
    """
    return FeatureKey(
        video=video,
        decoder=DECODER_VERSION,
        region=region,
        blank=blank,
        picture=picture,
        backbone=network.spec.name,
        input_size=network.spec.input_size,
        weights_hash=network.weights_hash,
        precision=network.precision,
        plan=clip_plan,
        event_start_seconds=event_start_seconds,
    )


def _imported(
    imported: Mapping[str, tuple[ImportedFeatures, ...]],
    event: Event,
    view: EventView,
    clip_plan: ClipPlan | SlicePlan,
    backbone: BackboneChoice,
    choose: ChooseClips,
) -> EventClips:
    if isinstance(clip_plan, SlicePlan):
        msg = (
            f"Recording {view.recording_id} must have a video to be cut into slices, but has imported features only. "
            "Write its path in recordings.tsv."
        )
        raise CohortError(msg)
    clips = np.unique(choose(clip_plan, view.interval))
    return imported_clips(imported, event, view, clips, clip_plan, backbone)


def _event_clips(event: Event, view: EventView, layout: Layout, keys: Mapping[KeyPlan, str]) -> EventClips:
    slices = layout.slices
    if slices is not None:
        digests = {plan.slice_frames: key for plan, key in keys.items() if isinstance(plan, SliceGrid)}
        slices = replace(slices, keys=digests)
    return EventClips(
        event_id=event.event_id,
        recording_id=view.recording_id,
        key_digest=keys[layout.parts[0].plan],
        clip_index=layout.clip_index,
        event_start_seconds=layout.event_start_seconds,
        slices=slices,
    )


@dataclass(slots=True)
class _Collected:
    """The clips of one key, while events are gone through."""

    key: FeatureKey
    path: Path
    blank: Region | None
    seen: SeenView
    start: float | None
    recording_ids: dict[str, None] = field(default_factory=dict)
    clips: list[Int64[np.ndarray, " num_clips"]] = field(default_factory=list)
    frame_seconds: Float[np.ndarray, " num_frames"] | None = None

    def add(self, view: EventView, part: LaidClips) -> None:
        self.recording_ids.setdefault(view.recording_id)
        self.clips.append(part.numbers)
        # events that begin together may end apart: the longer one knows the frames of both
        if part.frame_seconds is not None and (
            self.frame_seconds is None or len(part.frame_seconds) > len(self.frame_seconds)
        ):
            self.frame_seconds = part.frame_seconds


def _shared_reads(collected: Iterable[_Collected], store: FeatureStore) -> list[SharedRead]:
    by_file: Mapping[tuple[Path, float | None, ViewPicture, Path | None], list[ViewWork]] = defaultdict(list)
    for entry in collected:
        clips = np.unique(np.concatenate(entry.clips))
        stored = store.stored_clips(entry.key.digest, blocks_of(clips))
        work = ViewWork(
            key=entry.key,
            recording_ids=tuple(entry.recording_ids),
            region=entry.seen.region,
            blank=entry.blank,
            wanted=clips,
            missing=np.setdiff1d(clips, stored.clip_index),
            event_start_seconds=entry.start or 0.0,
            frame_seconds=entry.frame_seconds,
            damaged_blocks=stored.damaged_blocks,
        )
        shared = PICTURE_KINDS[type(entry.seen.picture)].shared(entry.seen.picture)
        by_file[entry.path, entry.start, shared, entry.seen.depth_path].append(work)
    return [
        SharedRead(
            path=path,
            picture=picture,
            depth_path=depth_path,
            views=tuple(views),
            num_frames=_num_frames(views),
        )
        for (path, _, picture, depth_path), views in by_file.items()
    ]


def _num_frames(views: Sequence[ViewWork]) -> int:
    return len(np.unique(np.concatenate([view.times_of(view.missing).ravel() for view in views])))
