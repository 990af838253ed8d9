"""Execute an extraction plan: units of work that leave blocks of features in the store.

A unit is a stretch of one file, with all views that are wanted from it. A block is written as soon as its
clips are there, so a killed extraction loses at most one block per view, and the same command goes on.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from semioscope.core.errors import ConfigError
from semioscope.core.files import check_folder, digest, write_json
from semioscope.core.progress import Progress, QuietProgress, format_seconds
from semioscope.core.records import Region
from semioscope.execution import Executor, LocalExecutor, Unit, UnitResult, run_stage
from semioscope.features.clips import EventClips
from semioscope.features.key import BackboneChoice, load_backbone
from semioscope.features.layout import plan_fps
from semioscope.features.planned import (
    ExtractionFailure,
    ExtractionPlan,
    SharedRead,
    ViewWork,
    shortened,
)
from semioscope.features.store import OTHER_STORE, Block, FeatureStore
from semioscope.features.stream import ClipFeatures, StreamStatistics, ViewClips, stream_features
from semioscope.features.views import ViewPicture
from semioscope.plans import blocks_of
from semioscope.preprocess.moving_region import MovingRegion

BLOCKS_PER_UNIT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionReport:
    """What an extraction did.

    Args:
        num_clips: Clips that the events need.
        num_stored: Clips that were in the store before.
        num_computed: Clips that were computed.
        num_incomplete: Computed clips that have no features because frames are missing.
        num_held_clips: Computed clips in which an older picture stands in for a frame.
        num_damaged_clips: Computed clips in which the decoder marked a frame as damaged.
        incomplete: Per recording, how many of its computed clips have no features.
        failures: Recordings that could not be read, with their messages.
        remarks: What a person should know of slices and pictures.
        seconds: Wall time.
        decode_seconds: Time spent reading and resizing, summed over units.
        network_seconds: Time spent in the network, summed over units.
    """

    num_clips: int
    num_stored: int
    num_computed: int
    num_incomplete: int
    num_held_clips: int
    num_damaged_clips: int
    incomplete: dict[str, int]
    failures: tuple[ExtractionFailure, ...]
    seconds: float
    decode_seconds: float
    network_seconds: float
    remarks: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return what happened, in sentences; what needs attention comes last."""
        lines = [
            f"{self.num_clips} clips: {self.num_stored} were in the store, {self.num_computed} computed in "
            f"{format_seconds(self.seconds)} (decoding {format_seconds(self.decode_seconds)}, network "
            f"{format_seconds(self.network_seconds)})."
        ]
        clips = {
            "with missing frames": self.num_incomplete,
            "with a picture held over a gap": self.num_held_clips,
            "with damaged pictures": self.num_damaged_clips,
        }
        if any(clips.values()):
            told = ", ".join(f"{count} {name}" for name, count in clips.items() if count)
            lines.append(f"Of the computed clips: {told}.")
        for recording, count in self.incomplete.items():
            lines.append(
                f"Recording {recording}: {count} clips have no features, because frames are missing. "
                "Check the times of its seizures and whether the file is complete."
            )
        lines += self.remarks
        lines.extend(
            f"Recording {failure.recording_id} failed ({', '.join(failure.event_ids)}): {failure.message}"
            for failure in self.failures
        )
        return "\n".join(lines)


def extract(
    plan: ExtractionPlan,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
    blocks_per_unit: int = BLOCKS_PER_UNIT,
    stage: str = "features",
) -> ExtractionReport:
    """Compute what a plan lacks.

    One broken video does not stop the others; it is listed in the report.

    Args:
        plan: What to do.
        executor: What runs the units; this process by default.
        progress: Where it is reported.
        blocks_per_unit: Blocks that one unit computes at most.
        stage: Its name, for the display.

    Raises:
        StoreError: If the disk is full or the store cannot be written. What was computed is kept, and the
            same command goes on.
        ConfigError: If ``blocks_per_unit`` is less than 1.
    """
    if blocks_per_unit < 1:
        msg = f"blocks_per_unit must be 1 or more, got {blocks_per_unit}."
        raise ConfigError(msg)
    progress = progress or QuietProgress()
    if plan.num_stored < plan.num_clips:
        check_folder(plan.store.folder, what="The feature store", remedy=OTHER_STORE)
    for file, content in plan.new_windows.items():
        if not file.exists():
            write_json(file, content)
    for read in plan.reads:
        _prepare(read, plan, progress)
    units = list(_units(plan, blocks_per_unit))
    result = run_stage(
        stage,
        compute_unit,
        units,
        ledger=None,
        executor=executor or LocalExecutor(),
        progress=progress,
        unit_name="clips",
    )
    done = [unit.value for unit in result.done]
    incomplete: dict[str, int] = {}
    for value in done:
        for name, count in value["incomplete"].items():
            incomplete[name] = incomplete.get(name, 0) + count
    return ExtractionReport(
        num_clips=plan.num_clips,
        num_stored=plan.num_stored,
        num_computed=sum(value["num_clips"] for value in done),
        num_incomplete=sum(incomplete.values()),
        num_held_clips=sum(value["num_held_clips"] for value in done),
        num_damaged_clips=sum(value["num_damaged_clips"] for value in done),
        incomplete=incomplete,
        failures=(*plan.failures, *_failures(result.failed, plan.events)),
        seconds=result.seconds,
        decode_seconds=sum(value["decode_seconds"] for value in done),
        network_seconds=sum(value["network_seconds"] for value in done),
        remarks=tuple(plan.remarks()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnitView:
    """The part of a unit that belongs to one key."""

    key_digest: str
    recording_ids: tuple[str, ...]
    clip_index: Int64[np.ndarray, " num_clips"]
    times_seconds: Float[np.ndarray, "num_clips frames_per_clip"]
    region: Region | MovingRegion | None
    blank: Region | None
    picture: ViewPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnitWork:
    """Everything that a process needs to compute a unit."""

    path: Path
    store: Path
    backbone: BackboneChoice
    fps: float
    picture: ViewPicture
    depth_path: Path | None
    views: tuple[_UnitView, ...] = field(default=())


def compute_unit(work: _UnitWork) -> dict[str, Any]:
    """Compute the clips of one unit and write their blocks; return counts and times as plain data."""
    backbone = load_backbone(work.backbone, fps=work.fps, num_threads=_threads_of_this_process())
    store = FeatureStore(work.store)
    views = [
        ViewClips(
            clip_index=view.clip_index,
            times_seconds=view.times_seconds,
            region=view.region,
            blank=view.blank,
            picture=view.picture,
        )
        for view in work.views
    ]
    waiting = [
        {number: (len(clips), list[ClipFeatures]()) for number, clips in blocks_of(view.clip_index).items()}
        for view in work.views
    ]
    statistics = StreamStatistics()
    num_held = num_damaged = 0
    incomplete: dict[str, int] = {}
    stream = stream_features(
        work.path,
        views,
        backbone=backbone,
        picture=work.picture,
        depth_path=work.depth_path,
        statistics=statistics,
    )
    for clip in stream:
        number = next(iter(waiting[clip.view]))  # clips of a view ascend, so do their blocks
        size, clips = waiting[clip.view][number]
        clips.append(clip)
        num_held += clip.num_held_frames > 0
        num_damaged += clip.num_damaged_frames > 0
        if clip.num_missing_frames:
            name = ", ".join(work.views[clip.view].recording_ids)
            incomplete[name] = incomplete.get(name, 0) + 1
        if len(clips) == size:
            store.write_block(work.views[clip.view].key_digest, number, _block(clips, backbone.engine))
            del waiting[clip.view][number]
    return {
        "num_clips": statistics.num_clips,
        "num_held_clips": num_held,
        "num_damaged_clips": num_damaged,
        "incomplete": incomplete,
        "decode_seconds": statistics.decode_seconds,
        "network_seconds": statistics.network_seconds,
    }


def _block(clips: list[ClipFeatures], engine: str) -> Block:
    return Block(
        clip_index=np.array([clip.clip_index for clip in clips], np.int64),
        features=np.stack([clip.features for clip in clips]).astype(np.float32, copy=False),
        num_missing_frames=np.array([clip.num_missing_frames for clip in clips], np.int32),
        num_held_frames=np.array([clip.num_held_frames for clip in clips], np.int32),
        num_damaged_frames=np.array([clip.num_damaged_frames for clip in clips], np.int32),
        engines=(engine,),
    )


def _prepare(read: SharedRead, plan: ExtractionPlan, progress: Progress) -> None:
    for view in read.views:
        if len(view.missing):
            plan.store.register(view.key)
        for number in view.damaged_blocks:
            names = ", ".join(view.recording_ids)
            progress.message(
                f"Block {number} of recording {names} was damaged and is computed again.", level="warning"
            )


def _units(plan: ExtractionPlan, blocks_per_unit: int) -> Iterator[Unit]:
    """Yield the units of a plan; the first one is a single block, so that the time can be estimated early."""
    most = 1
    for read in plan.reads:
        blocks = [blocks_of(view.missing) for view in read.views]
        numbers = sorted({number for own in blocks for number in own})
        while numbers:
            run = _first_run(numbers, most)
            numbers = numbers[len(run) :]
            most = blocks_per_unit
            views = tuple(
                _unit_view(view, np.concatenate([own[number] for number in run if number in own]))
                for view, own in zip(read.views, blocks, strict=True)
                if any(number in own for number in run)
            )
            yield _unit(plan, read, run, views)


def _first_run(numbers: list[int], most: int) -> list[int]:
    """Return the first blocks that follow each other without a gap, at most so many."""
    length = 1
    while length < min(most, len(numbers)) and numbers[length] == numbers[length - 1] + 1:
        length += 1
    return numbers[:length]


def _unit(plan: ExtractionPlan, read: SharedRead, run: list[int], views: tuple[_UnitView, ...]) -> Unit:
    names = shortened([name for view in views for name in view.recording_ids])
    start = min(float(view.times_seconds[0, 0]) for view in views)
    work = _UnitWork(
        path=read.path,
        store=plan.store.folder,
        backbone=plan.backbone,
        fps=plan_fps(plan.clip_plan),
        picture=read.picture,
        depth_path=read.depth_path,
        views=views,
    )
    key = digest([[view.key_digest, view.clip_index.tolist()] for view in views])
    return Unit(
        name=f"{names} from {start:.1f} s, block {run[0]} ({key[:6]})",
        key=key,
        payload=work,
        weight=float(sum(len(view.clip_index) for view in views)),
    )


def _unit_view(view: ViewWork, clip_index: Int64[np.ndarray, " num_clips"]) -> _UnitView:
    return _UnitView(
        key_digest=view.key.digest,
        recording_ids=view.recording_ids,
        clip_index=clip_index,
        times_seconds=view.times_of(clip_index),
        region=view.region,
        blank=view.blank,
        picture=view.key.picture,
    )


def _failures(failed: Iterable[UnitResult], events: Iterable[EventClips]) -> list[ExtractionFailure]:
    """Return one failure per recording and message of the units that failed."""
    messages: dict[tuple[str, str], dict[str, None]] = {}
    listed = list(events)
    for result in failed:
        for view in result.unit.payload.views:
            for event in listed:
                own = event.by_key.get(view.key_digest)
                if own is not None and len(np.intersect1d(own, view.clip_index, assume_unique=True)):
                    messages.setdefault((event.recording_id, result.message), {})[event.event_id] = None
    return [
        ExtractionFailure(recording_id=recording_id, event_ids=tuple(events), message=message)
        for (recording_id, message), events in messages.items()
    ]


def _threads_of_this_process() -> int | None:
    """Return how many threads a worker process may use; None in the process of the command."""
    import multiprocessing

    if multiprocessing.parent_process() is None:
        return None
    return int(os.environ.get("OMP_NUM_THREADS") or 1)
