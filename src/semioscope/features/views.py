"""What is done to the pictures of each view of an event, found before anything is computed.

A choice of a person (``PictureConfig``, ``GrayPictureConfig``) meets a recording and its crop plan here and becomes
what the key of the features says. What falls short of the choice is flagged, never silent.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import UInt8

from semioscope.cohort import Cohort
from semioscope.core.config import Config
from semioscope.core.errors import CohortError, SemioscopeError
from semioscope.core.files import digest, read_json
from semioscope.core.records import EventView, Recording, Region
from semioscope.features.gray_reader import judge_depth, open_gray
from semioscope.features.layout import FrameTimes, Layout
from semioscope.features.store import FeatureStore
from semioscope.preprocess import CropPlan, PictureConfig, base_picture, network_picture, view_picture
from semioscope.preprocess.frame_pictures import FramePicture, FramePictureConfig, base_of, cut_of
from semioscope.preprocess.gray_pictures import (
    DepthClearing,
    GrayPicture,
    GrayPictureConfig,
    gray_picture,
)
from semioscope.preprocess.moving_region import MovingRegion
from semioscope.video import (
    DECODER_VERSION,
    GreyWindow,
    fingerprint,
    grey_window,
    is_gray16,
    open_gray16,
    open_reader,
)
from semioscope.video.gray16 import gray16_kind

Pictures: TypeAlias = PictureConfig | GrayPictureConfig | FramePictureConfig
"""What a person chooses."""
ViewPicture: TypeAlias = PictureConfig | GrayPicture | FramePicture
"""What it comes to for one view of one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenView:
    """How one view of an event is seen.

    Args:
        picture: What is done to its pictures.
        region: Part of the file's picture, which may move; None means all of it.
        depth_path: The depth that clears them; None if nothing is cleared.
        flags: What a person should look at, in sentences.
    """

    picture: ViewPicture
    region: Region | MovingRegion | None
    depth_path: Path | None = None
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class ViewFinder:
    """Finds how views are seen; remembers what it has learnt of files.

    Args:
        cohort: Where the recordings are.
        pictures: What a person chose.
        store: Keeps the windows of recordings that were found before.
        times: When frames are shown.
        prints: Fingerprints that are known, by path.
        new_windows: Windows that were found now, by the file that keeps them.
    """

    cohort: Cohort
    pictures: Any
    store: FeatureStore
    times: FrameTimes = field(default_factory=FrameTimes)
    prints: dict[Path, str] = field(default_factory=dict)
    new_windows: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def path_of(self, recording: Recording) -> Path:
        """Return the file (of a 16-bit recording: or folder) of a recording.

        Raises:
            CohortError: If there is none, or a folder where only a file will do.
        """
        path = self.cohort.video_path(recording)
        if not isinstance(self.pictures, GrayPictureConfig) and gray16_kind(path) != "video":
            what = "a folder" if path.is_dir() else "an array"
            msg = (
                f"Recording {recording.recording_id}: path must be a video file, but is {what}. Folders of pictures "
                "and arrays are read by recipes for raw infrared only: choose such a recipe, or correct "
                "recordings.tsv."
            )
            raise CohortError(msg)
        return path

    def print_of(self, path: Path) -> str:
        """Return the fingerprint of a file.

        Raises:
            VideoError: If it cannot be read.
        """
        if path not in self.prints:
            self.prints[path] = fingerprint(path)
        return self.prints[path]

    def see(
        self, recording: Recording, view: EventView, crop: CropPlan | None, layout: Layout | None = None
    ) -> SeenView:
        """Return how a view of an event is seen.

        Args:
            recording: Which.
            view: The times of the event in it.
            crop: Its crop plan.
            layout: Its clips: depth that would lose most of them is not used. None: they have no say.

        Raises:
            SemioscopeError: If its recording cannot be used.
        """
        return VIEW_KINDS[type(self.pictures)](self, recording, view, crop, layout)


def _colour_view(
    finder: ViewFinder, recording: Recording, view: EventView, crop: CropPlan | None, layout: Layout | None
) -> SeenView:
    del view, layout
    region = crop.region_of(recording) if crop is not None else recording.region
    return SeenView(picture=finder.pictures, region=region)


def _frame_view(
    finder: ViewFinder, recording: Recording, view: EventView, crop: CropPlan | None, layout: Layout | None
) -> SeenView:
    del view, layout
    config: FramePictureConfig = finder.pictures
    cut = config.random_cut(finder.print_of(finder.path_of(recording)))
    return SeenView(
        picture=FramePicture(base_height=config.base_height, base_width=config.base_width, cut=cut),
        region=crop.region_of(recording) if crop is not None else recording.region,
    )


def _gray_view(
    finder: ViewFinder, recording: Recording, view: EventView, crop: CropPlan | None, layout: Layout | None
) -> SeenView:
    config: GrayPictureConfig = finder.pictures
    path = finder.path_of(recording)
    window = _window(finder, path, config) if is_gray16(path) else None
    flags = (
        []
        if window is None or not window.is_flat
        else [f"{path.name} holds one value only. Export it again."]
    )
    if crop is None or crop.status != "accepted":  # an accepted plan may be without a box
        flags.append(f"No box crop: {_why_not(crop)}; the whole picture is used.")
    depth, depth_path = None, None
    if config.depth_crop:
        depth, depth_path, said = _clearing(finder, recording, path, view, crop, layout)
        flags += said
    return SeenView(
        picture=GrayPicture(window=window, depth=depth),
        region=recording.region if crop is None else crop.region_of(recording),
        depth_path=depth_path,
        flags=tuple(flags),
    )


def _clearing(
    finder: ViewFinder,
    recording: Recording,
    path: Path,
    view: EventView,
    crop: CropPlan | None,
    layout: Layout | None,
) -> tuple[DepthClearing | None, Path | None, list[str]]:
    """Return what is cleared by depth, where the depth is, and what a person should know."""
    planes = None if crop is None else crop.accepted_planes
    if recording.depth_path is None or planes is None:
        why = "the recording has no depth_path" if recording.depth_path is None else _why_not(crop)
        return None, None, [f"No depth crop: {why}; nothing is cleared."]
    depth_path = finder.cohort.folder / recording.depth_path
    times = finder.times.inside(path, view.interval)
    if len(times) == 0:
        return None, None, []
    offset = float(recording.depth_offset_seconds)
    fault, remark = judge_depth(
        path,
        depth_path,
        offset_seconds=offset,
        times_seconds=times,
        clips=() if layout is None else layout.times_seconds,
    )
    if fault:
        return None, None, [f"No depth crop: nothing is cleared. {fault}"]
    clearing = DepthClearing(video=finder.print_of(depth_path), offset_seconds=offset, planes=planes)
    return clearing, depth_path, [remark] if remark else []


def _why_not(crop: CropPlan | None) -> str:
    if crop is None:
        return "there is no crop plan"
    if crop.status != "accepted":
        return f"the crop plan is {crop.status}" + (f" ({crop.depth_reason})" if crop.depth_reason else "")
    return "the crop plan has none"


def _window(finder: ViewFinder, path: Path, config: GrayPictureConfig) -> GreyWindow:
    """Return the window of a recording: computed once, then kept beside its features."""
    rule = config.rule
    if rule.rule == "fixed":
        return GreyWindow(rule="fixed", low=int(rule.low), high=int(rule.high))
    what = {"video": finder.print_of(path), "decoder": DECODER_VERSION, "rule": asdict(rule)}
    file = finder.store.folder / "grey-windows" / f"{digest(what)}.json"
    known = finder.new_windows.get(file) or _kept(file)
    if known is None:
        with open_gray16(path) as reader:
            known = {**what, "window": asdict(grey_window(reader, rule))}
        finder.new_windows[file] = known
    return GreyWindow(**known["window"])


def _kept(file: Path) -> dict[str, Any] | None:
    try:
        content = read_json(file) if file.exists() else None
        return None if content is None or not GreyWindow(**content["window"]) else content
    except (SemioscopeError, ValueError, TypeError, KeyError):
        return None


VIEW_KINDS: dict[
    type[Config], Callable[[ViewFinder, Recording, EventView, CropPlan | None, Layout | None], SeenView]
] = {
    PictureConfig: _colour_view,
    GrayPictureConfig: _gray_view,
    FramePictureConfig: _frame_view,
}
"""How every kind of choice meets a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureKind:
    """How the pictures of a view are read and made ready for a network.

    Args:
        opens: Opens a recording, given what is done to it, its depth, and the times that will be read.
        makes: Makes the network's picture of a frame, or what its cuts share.
        cuts: Makes the network's picture of that; None where nothing is left to do. It may depend on the number of
            the frame, so every clip is one frame.
        shared: What of the choice several views of a file may share when they are read together.
    """

    opens: Callable[..., Any]
    makes: Callable[..., UInt8[np.ndarray, "height width 3"]]
    cuts: Callable[..., UInt8[np.ndarray, "size size 3"]] | None = None
    shared: Callable[[Any], ViewPicture] = lambda picture: picture


def _open_colour(path: Path, picture: ViewPicture, depth_path: Path | None, times_seconds: Any) -> Any:
    del picture, depth_path, times_seconds
    return open_reader(path)


def _base_picture(
    frame: UInt8[np.ndarray, "height width 3"],
    picture: FramePicture,
    *,
    region: Region | None,
    blank: Region | None,
    size: int,
) -> UInt8[np.ndarray, "base_height base_width 3"]:
    del size
    return base_of(frame, picture, region=region, blank=blank)


def _colour_picture(
    frame: UInt8[np.ndarray, "height width 3"],
    picture: PictureConfig,
    *,
    region: Region | None,
    blank: Region | None,
    size: int,
) -> UInt8[np.ndarray, "size size 3"]:
    seen = view_picture(frame, region=region, blank=blank)
    return network_picture(base_picture(seen, picture), picture, size=size)


PICTURE_KINDS: dict[type[Config], PictureKind] = {
    PictureConfig: PictureKind(opens=_open_colour, makes=_colour_picture),
    GrayPicture: PictureKind(opens=open_gray, makes=gray_picture),
    FramePicture: PictureKind(
        opens=_open_colour, makes=_base_picture, cuts=cut_of, shared=lambda picture: picture.uncut
    ),
}
"""How the pictures of every kind of view are made."""
