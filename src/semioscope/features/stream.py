"""Turn a recording and clip indices into features: the one way, for extraction and for prediction.

```
decoder thread:  read ─▶ view, base, network picture (once per frame) ─▶ ring of pictures ─▶ whole clips
                                                                               bounded queue │
caller's thread:                             features  ◀─ network, batches of one size ◀─────┘
```
Only frames that a clip needs are asked for. Pictures live until the last clip that shares them has gone, so
the memory does not depend on the length of the recording.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from semioscope.core.errors import ConfigError
from semioscope.core.records import Region
from semioscope.features.views import PICTURE_KINDS, ViewPicture
from semioscope.networks import Backbone
from semioscope.plans import ClipPlan, frame_times
from semioscope.preprocess.frame_pictures import FramePicture
from semioscope.preprocess.moving_region import MovingRegion, region_at
from semioscope.video import DecodeReport, Frame

QUEUED_BATCHES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewClips:
    """The clips that are wanted from one view of a file.

    Args:
        clip_index: Their indices; strictly ascending, near each other or far apart.
        times_seconds: When their frames are shown, in seconds from the recording's first displayed frame.
        region: Part of the file's picture, which may move; None means all of it.
        blank: What is blackened first; None means nothing.
        picture: What is done to its pictures, where views differ in it; None: as the stream says.
    """

    clip_index: Int[np.ndarray, " num_clips"]
    times_seconds: Float[np.ndarray, "num_clips frames_per_clip"]
    region: Region | MovingRegion | None = None
    blank: Region | None = None
    picture: ViewPicture | None = None

    def __post_init__(self) -> None:
        if not np.all(np.diff(self.clip_index) > 0):
            msg = f"Wanted clips must ascend, got {self.clip_index.tolist()}."
            raise ValueError(msg)

    @classmethod
    def of(
        cls,
        plan: ClipPlan,
        clip_index: Int[np.ndarray, " num_clips"],
        *,
        region: Region | None = None,
        blank: Region | None = None,
        event_start_seconds: float = 0.0,
    ) -> "ViewClips":
        """Return the wanted clips of a plan."""
        times = frame_times(plan, clip_index, event_start_seconds=event_start_seconds)
        return cls(clip_index=clip_index, times_seconds=times, region=region, blank=blank)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFeatures:
    """The features of one clip.

    Args:
        view: Position of its view among those asked for.
        clip_index: Which clip.
        features: NaN if a frame was missing.
        num_missing_frames: Frames that the video does not have.
        num_held_frames: Frames that repeat an older picture, because nothing newer was there.
        num_damaged_frames: Frames that the decoder marked as damaged.
    """

    view: int
    clip_index: int
    features: Float32[np.ndarray, "num_steps num_features"]
    num_missing_frames: int
    num_held_frames: int
    num_damaged_frames: int


@dataclass(slots=True)
class StreamStatistics:
    """Where the time went; filled in while a stream runs.

    Args:
        decode_seconds: Reading and resizing pictures.
        network_seconds: Inside the backbone.
        num_frames: Pictures read; a picture that several clips or views share counts once.
        num_clips: Clips yielded.
        num_backbone_clips: Clips that the backbone saw.
        frames: What the reader says about the frames it was asked for; several streams are added up.
    """

    decode_seconds: float = 0.0
    network_seconds: float = 0.0
    num_frames: int = 0
    num_clips: int = 0
    num_backbone_clips: int = 0
    frames: DecodeReport | None = field(default=None)


def stream_features(
    path: Path,
    views: Sequence[ViewClips],
    *,
    backbone: Backbone,
    picture: ViewPicture,
    depth_path: Path | None = None,
    statistics: StreamStatistics | None = None,
    reader: Callable[[Path], Any] | None = None,
) -> Iterator[ClipFeatures]:
    """Yield the features of clips of one file, each as soon as it is there; clips of a view ascend.

    The file is decoded once, whatever the number of views. The result of a clip depends on nothing but its
    own frames: not on the other clips, nor on whether they are asked for together.

    Args:
        path: The video, or the list of its parts.
        views: What is wanted from each view; their clips may differ in length.
        backbone: The network.
        picture: What is done to the pictures before it; says how the file is opened, too.
        depth_path: The depth recording, where pictures are cleared by it.
        statistics: Is filled with where the time went.
        reader: Opens the video in place of what the kind of picture says; for tests.

    Raises:
        VideoError: If the video cannot be opened.
        ConfigError: If the clips are shorter than the network takes.
    """
    _check_lengths(views, backbone)
    statistics = statistics if statistics is not None else StreamStatistics()
    producer = _Producer(path, views, backbone, picture, depth_path, statistics, reader)
    pending: list[_Clip] = []
    try:
        for clip in producer.clips():
            pending.append(clip)
            if sum(waiting.pixels is not None for waiting in pending) == backbone.batch_size:
                yield from _run(pending, backbone, statistics)
                pending = []
        yield from _run(pending, backbone, statistics)
    finally:
        producer.stop()


@dataclass(slots=True)
class _Clip:
    """A clip on its way to the network; without pixels if a frame was missing."""

    view: int
    clip_index: int
    num_frames: int
    pixels: Float32[np.ndarray, "3 num_frames size size"] | None
    counts: dict[str, int]


def _run(pending: list[_Clip], backbone: Backbone, statistics: StreamStatistics) -> Iterator[ClipFeatures]:
    by_length: dict[int, dict[int, np.ndarray]] = {}
    for number, clip in enumerate(pending):
        if clip.pixels is not None:
            by_length.setdefault(clip.num_frames, {})[number] = clip.pixels
    began = time.perf_counter()
    rows: dict[int, np.ndarray] = {}
    for pixels in by_length.values():
        rows.update(zip(pixels, backbone(np.stack(list(pixels.values()))), strict=True))
    statistics.network_seconds += time.perf_counter() - began
    statistics.num_backbone_clips += len(rows)
    for number, clip in enumerate(pending):
        if number in rows:
            features = rows[number]
        else:
            steps = backbone.num_steps(clip.num_frames)
            features = np.full((steps, backbone.spec.num_features), np.nan, np.float32)
        statistics.num_clips += 1
        yield ClipFeatures(
            view=clip.view,
            clip_index=clip.clip_index,
            features=features,
            num_missing_frames=clip.counts["missing"],
            num_held_frames=clip.counts["held"],
            num_damaged_frames=clip.counts["damaged"],
        )


class _Ring:
    """The pictures of one view that a clip still waits for."""

    def __init__(self, view: ViewClips, times: Float[np.ndarray, " num_times"]) -> None:
        self.view = view
        self._slots = np.searchsorted(times, view.times_seconds)
        self._needed = np.unique(self._slots)
        self._next_needed = self._next_clip = 0
        self._pictures: dict[int, tuple[UInt8[np.ndarray, "size size 3"] | None, str]] = {}

    def needs(self, slot: int) -> bool:
        """Return whether a clip needs the frame; frames are asked about in ascending order."""
        while self._next_needed < len(self._needed) and self._needed[self._next_needed] < slot:
            self._next_needed += 1
        return self._next_needed < len(self._needed) and bool(self._needed[self._next_needed] == slot)

    def frame_number(self) -> int:
        """Return the number of the frame that was asked about last; 0 where clips have several."""
        is_frame = self.view.times_seconds.shape[1] == 1
        return int(self.view.clip_index[self._next_needed]) if is_frame else 0

    def add(self, slot: int, picture: UInt8[np.ndarray, "size size 3"] | None, status: str) -> None:
        self._pictures[slot] = (picture, status)

    def whole_clips(self, slot: int) -> Iterator[tuple[int, list[tuple[Any, str]]]]:
        """Yield the clips whose last frame this is, then forget pictures that no later clip needs."""
        while self._next_clip < len(self._slots) and self._slots[self._next_clip, -1] <= slot:
            yield (
                self._next_clip,
                [self._pictures[wanted] for wanted in self._slots[self._next_clip].tolist()],
            )
            self._next_clip += 1
        last = self._next_clip == len(self._slots)
        first = slot + 1 if last else int(self._slots[self._next_clip, 0])
        for old in [held for held in self._pictures if held < first]:
            del self._pictures[old]


class _Producer:
    """Decodes in a thread of its own and hands over whole clips."""

    def __init__(
        self,
        path: Path,
        views: Sequence[ViewClips],
        backbone: Backbone,
        picture: ViewPicture,
        depth_path: Path | None,
        statistics: StreamStatistics,
        reader: Callable[[Path], Any] | None,
    ) -> None:
        self._path, self._views, self._backbone, self._picture = path, views, backbone, picture
        self._depth_path, self._statistics, self._reader = depth_path, statistics, reader
        self._kind = PICTURE_KINDS[type(picture)]
        self._queue: queue.Queue[_Clip | BaseException | None] = queue.Queue(
            QUEUED_BATCHES * backbone.batch_size
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)

    def clips(self) -> Iterator[_Clip]:
        """Yield the clips as they become whole."""
        self._thread.start()
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        """End the thread, at work or not."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.02)
            except queue.Empty:
                continue
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._decode()
        except BaseException as err:  # every error belongs to the caller's thread
            self._put(err)
        else:
            self._put(None)

    def _put(self, item: _Clip | BaseException | None) -> None:
        self._queue.put(item)  # stop() empties the queue, so this never waits for ever

    def _decode(self) -> None:
        wanted = [view.times_seconds.ravel() for view in self._views]
        times = np.unique(np.concatenate(wanted)) if wanted else np.zeros(0)
        rings = [_Ring(view, times) for view in self._views]
        if len(times) == 0:
            return
        with self._opened(times) as reader:
            began = time.perf_counter()
            for slot, frame in enumerate(reader.read(times)):
                self._statistics.num_frames += 1
                made: dict[tuple[Region | None, Region | None], Any] = {}
                for number, ring in enumerate(rings):
                    if not ring.needs(slot):
                        continue
                    ring.add(slot, self._prepared(frame, float(times[slot]), ring, made), frame.status)
                    for position, pictures in ring.whole_clips(slot):
                        clip = self._clip(number, int(ring.view.clip_index[position]), pictures)
                        self._statistics.decode_seconds += time.perf_counter() - began
                        self._put(clip)
                        began = time.perf_counter()
                        if self._stopped.is_set():
                            return
                if self._stopped.is_set():
                    return
            self._statistics.decode_seconds += time.perf_counter() - began
            before = self._statistics.frames
            self._statistics.frames = reader.report if before is None else before.merged(reader.report)

    def _opened(self, times: Float[np.ndarray, " num_times"]) -> Any:
        if self._reader is not None:
            return self._reader(self._path)
        return self._kind.opens(self._path, self._picture, self._depth_path, times)

    def _prepared(
        self,
        frame: Frame,
        time_seconds: float,
        ring: _Ring,
        made: dict[tuple[Region | None, Region | None], Any],
    ) -> UInt8[np.ndarray, "size size 3"] | None:
        """Return the network's picture of a frame; what several views share is made once."""
        if frame.picture is None:
            return None
        view, size = ring.view, self._backbone.spec.input_size
        region = region_at(view.region, time_seconds)
        part = (region, view.blank)
        if part not in made:
            made[part] = self._kind.makes(
                frame.picture, self._picture, region=region, blank=view.blank, size=size
            )
        if self._kind.cuts is None:
            whole: UInt8[np.ndarray, "size size 3"] = made[part]
            return whole
        return self._kind.cuts(
            made[part], view.picture or self._picture, number=ring.frame_number(), size=size
        )

    def _clip(self, view: int, clip_index: int, pictures: list[tuple[Any, str]]) -> _Clip:
        counts = {"missing": 0, "held": 0, "damaged": 0}
        for picture, status in pictures:
            kind = "missing" if picture is None else status
            if kind in counts:
                counts[kind] += 1
        pixels = None
        if counts["missing"] == 0:
            pixels = self._backbone.preprocess(np.stack([picture for picture, _ in pictures]))
        return _Clip(view=view, clip_index=clip_index, num_frames=len(pictures), pixels=pixels, counts=counts)


def _check_lengths(views: Sequence[ViewClips], backbone: Backbone) -> None:
    for view in views:
        if view.times_seconds.shape[1] < backbone.min_frames:
            msg = (
                f"Clips for {backbone.spec.name} must have at least {backbone.min_frames} frames, got "
                f"{view.times_seconds.shape[1]}. Set frames_per_clip to {backbone.spec.frames_per_clip}."
            )
            raise ConfigError(msg)
        picture = view.picture
        if isinstance(picture, FramePicture) and picture.cut and view.times_seconds.shape[1] > 1:
            msg = (
                f"Pictures are cut at random only where every clip is one frame, got clips of "
                f"{view.times_seconds.shape[1]}. Set frames_per_clip to 1, or cut in the middle."
            )
            raise ConfigError(msg)
