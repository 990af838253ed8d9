"""What an extraction will do: which clips of which recording, what the store has, how many frames are left.

Planning opens the videos only for their fingerprints, and writes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, SemioscopeError, StoreError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Recording, Region
from semioscope.features.clips import EventClips as EventClips
from semioscope.features.imported_plan import any_video, imported_clips, imported_features, only_stored
from semioscope.features.key import BackboneChoice, FeatureKey, load_backbone
from semioscope.features.store import FeatureStore
from semioscope.networks import Backbone
from semioscope.plans import ClipPlan, blocks_of, clips_in, frame_times
from semioscope.preprocess import CropPlan, PictureConfig
from semioscope.video import DECODER_VERSION, fingerprint

BLOCKS_PER_UNIT = 8
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
        region: Part of the file's picture; None means all of it.
        blank: What is blackened first; None means nothing.
        wanted: All clips that the events need.
        missing: Those of them that the store lacks.
        event_start_seconds: Where the grid begins, for a plan that is anchored at the event; else 0.
        damaged_blocks: Numbers of blocks whose files cannot be trusted.
    """

    key: FeatureKey
    recording_ids: tuple[str, ...]
    region: Region | None
    blank: Region | None
    wanted: Int64[np.ndarray, " num_wanted"]
    missing: Int64[np.ndarray, " num_missing"]
    event_start_seconds: float = 0.0
    damaged_blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRead:
    """The views of one file that are decoded together, because their grids agree.

    Args:
        path: The video file.
        views: At least one.
        num_frames: Pictures that have to be read for what is missing; shared ones count once.
    """

    path: Path
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
class ExtractionPlan:
    """What an extraction will do.

    Args:
        store: Where the features are kept.
        backbone: The network.
        clip_plan: Which clips exist.
        picture: What is done to the pictures.
        events: One entry per view of every event whose video could be opened.
        reads: What is left to do, by file.
        failures: Recordings that cannot be read.
        num_clips: Clips that the events need; those that events share count once.
        num_stored: How many of them the store has.
    """

    store: FeatureStore
    backbone: BackboneChoice
    clip_plan: ClipPlan
    picture: PictureConfig
    events: tuple[EventClips, ...]
    reads: tuple[SharedRead, ...]
    failures: tuple[ExtractionFailure, ...]
    num_clips: int
    num_stored: int

    @property
    def num_missing(self) -> int:
        """Clips that have to be computed."""
        return self.num_clips - self.num_stored

    @property
    def num_frames(self) -> int:
        """Pictures that have to be read."""
        return sum(read.num_frames for read in self.reads)

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
        return "\n".join(line.rstrip() for line in lines)


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
    clip_plan: ClipPlan,
    *,
    backbone: BackboneChoice,
    store: FeatureStore,
    picture: PictureConfig | None = None,
    crops: Iterable[CropPlan] = (),
    choose: Callable[[ClipPlan, Interval], Int64[np.ndarray, " num_clips"]] = clips_in,
) -> ExtractionPlan:
    """Return what has to be computed so that the store has every clip of the events.

    Recordings without a video take their clips from the features that were imported for them
    (``features.tsv``); a network is loaded only if some recording has a video.

    Args:
        cohort: Where the recordings are.
        events: What is needed; views of ``use`` no are left out.
        clip_plan: Which clips exist; as long as the network takes.
        backbone: The network; its weights are part of the key of what is computed.
        store: What is there already.
        picture: What is done to the pictures.
        crops: Accepted boxes replace the region of a recording for one event.
        choose: Which clips of an event are wanted; all that lie wholly inside by default.

    Returns:
        The plan. A video that cannot be opened, and imported features that do not fit, are its failures.

    Raises:
        ConfigError: If the backbone, its engine or precision does not exist.
        WeightsError: If the weights are absent or damaged.
        CohortError: If ``features.tsv`` breaks a rule.
    """
    picture = picture or PictureConfig()
    events = list(events)
    imported = imported_features(cohort, events)
    network = load_backbone(backbone, fps=clip_plan.fps) if any_video(cohort, events) else None
    boxes = {(crop.event_id, crop.recording_id): crop for crop in crops}
    prints: dict[str, str] = {}
    collected: dict[str, _Collected] = {}
    wanted: list[EventClips] = []
    failed: dict[str, tuple[str, list[str]]] = {}
    for event in events:
        for view in event.views:
            if view.use == "no":
                continue
            clips = np.unique(choose(clip_plan, view.interval))
            try:
                recording = cohort.recording(view.recording_id)
                if recording.recording_id in imported:
                    wanted.append(imported_clips(imported, event, view, clips, clip_plan, backbone))
                    continue
                path = _single_file(cohort, recording)
                video = _print_of(path, prints)
            except SemioscopeError as err:
                failed.setdefault(view.recording_id, (str(err), []))[1].append(event.event_id)
                continue
            assert network is not None
            crop = boxes.get((event.event_id, view.recording_id))
            region = crop.region_of(recording) if crop is not None else recording.region
            start = view.onset_seconds if clip_plan.anchor == "event" else None
            key = feature_key(video, region, recording.blank, network, clip_plan, picture, start)
            entry = collected.setdefault(key.digest, _Collected(key, path, region, recording.blank, start))
            entry.add(view, clips)
            wanted.append(
                EventClips(
                    event_id=event.event_id,
                    recording_id=view.recording_id,
                    key_digest=key.digest,
                    clip_index=clips,
                    event_start_seconds=view.onset_seconds,
                )
            )
    wanted, num_imported = only_stored(wanted, collected, store, failed)
    reads = _shared_reads(collected.values(), store, clip_plan)
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
    )


def feature_key(
    video: str,
    region: Region | None,
    blank: Region | None,
    network: Backbone,
    clip_plan: ClipPlan,
    picture: PictureConfig,
    event_start_seconds: float | None = None,
) -> FeatureKey:
    """Return the key of the features of one view.

    Args:
        video: Fingerprint of the file.
        region: Part of its picture; None means all of it.
        blank: What is blackened first; None means nothing.
        network: The loaded backbone.
        clip_plan: Which clips exist.
        picture: What is done to the pictures.
        event_start_seconds: Where the grid begins, for a plan that is anchored at the event; else None.
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


@dataclass(slots=True)
class _Collected:
    """The clips of one key, while events are gone through."""

    key: FeatureKey
    path: Path
    region: Region | None
    blank: Region | None
    start: float | None
    recording_ids: dict[str, None] = field(default_factory=dict)
    clips: list[Int64[np.ndarray, " num_clips"]] = field(default_factory=list)

    def add(self, view: EventView, clips: Int64[np.ndarray, " num_clips"]) -> None:
        self.recording_ids.setdefault(view.recording_id)
        self.clips.append(clips)


def _shared_reads(collected: Iterable[_Collected], store: FeatureStore, plan: ClipPlan) -> list[SharedRead]:
    by_file: Mapping[tuple[Path, float | None], list[ViewWork]] = defaultdict(list)
    for entry in collected:
        clips = np.unique(np.concatenate(entry.clips))
        stored = store.stored_clips(entry.key.digest, blocks_of(clips))
        work = ViewWork(
            key=entry.key,
            recording_ids=tuple(entry.recording_ids),
            region=entry.region,
            blank=entry.blank,
            wanted=clips,
            missing=np.setdiff1d(clips, stored.clip_index),
            event_start_seconds=entry.start or 0.0,
            damaged_blocks=stored.damaged_blocks,
        )
        by_file[entry.path, entry.start].append(work)
    return [
        SharedRead(path=path, views=tuple(views), num_frames=_num_frames(views, plan))
        for (path, _), views in by_file.items()
    ]


def _num_frames(views: Sequence[ViewWork], plan: ClipPlan) -> int:
    times = [
        np.unique(frame_times(plan, view.missing, event_start_seconds=view.event_start_seconds))
        for view in views
    ]
    return len(np.unique(np.concatenate(times)))


def _single_file(cohort: Cohort, recording: Recording) -> Path:
    path = cohort.video_path(recording)
    if path.is_dir():
        msg = (
            f"Recording {recording.recording_id}: path must be a video file, but is a folder. "
            "Correct recordings.tsv."
        )
        raise CohortError(msg)
    return path


def _print_of(path: Path, prints: dict[str, str]) -> str:
    name = str(path)
    if name not in prints:
        prints[name] = fingerprint(path)
    return prints[name]
