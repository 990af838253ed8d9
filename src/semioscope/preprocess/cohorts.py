"""Write a cohort of small videos: every view in a file of its own, on an even grid, in the base size.

The new folder is a cohort with the same patients, seizures and times. A file is decoded once for all its
views. Only whole pictures are written: where the source has a gap, the small video has the same gap.

Methods: GESTURES 2021, section 3 (15 fps, 320x180, HEVC); as in the paper.
"""

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.errors import CohortError, ConfigError, SemioscopeError, VideoError, unknown_name
from semioscope.core.files import digest, sweep_temporaries, write_json
from semioscope.core.locks import locked
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.records import Recording, Region
from semioscope.core.wording import counted
from semioscope.execution import Executor, Ledger, LocalExecutor, StageResult, Unit, run_stage
from semioscope.preprocess.crops import CropPlan, read_crops, write_crops
from semioscope.preprocess.pictures import PictureConfig, base_picture, view_picture
from semioscope.video import (
    CODECS,
    DECODER_VERSION,
    VideoWriter,
    fingerprint,
    index_packets,
    open_reader,
    probe,
)

_DONE = Path("derived", "preprocess")
"""What was written already, in the new cohort folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenVideo:
    """A small video and what its source lacked.

    Args:
        recording_id: The recording.
        num_written: Pictures in the new file.
        num_damaged: Written pictures that the decoder marked as damaged.
        num_left_out: Times of the grid at which the source has no picture of its own; they are gaps.
    """

    recording_id: str
    num_written: int
    num_damaged: int
    num_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessReport:
    """What became of a cohort.

    Args:
        folder: The new cohort.
        videos: One entry per recording that was written, now or before.
        failures: Recording and message of what could not be read; the new cohort is without them.
    """

    folder: Path
    videos: tuple[WrittenVideo, ...]
    failures: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        """Return what happened, in sentences."""
        lines = [f"{counted(len(self.videos), 'recording')} in {self.folder}."]
        for video in self.videos:
            if video.num_damaged or video.num_left_out:
                lines.append(
                    f"Recording {video.recording_id}: of "
                    f"{counted(video.num_written + video.num_left_out, 'picture')} "
                    f"{counted(video.num_left_out, 'is', 'are')} missing in the source and "
                    f"{counted(video.num_damaged, 'is', 'are')} damaged."
                )
        lines.extend(
            f"Recording {name} failed and was left out: {message}" for name, message in self.failures
        )
        return "\n".join(lines)


def preprocess_cohort(
    cohort: Cohort,
    out: Path,
    *,
    picture: PictureConfig | None = None,
    fps: float = 15.0,
    codec: str = "hevc",
    quality: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> PreprocessReport:
    """Write the small videos of a cohort and the tables that go with them.

    What was written before is kept, so the same command goes on after an interruption.

    Args:
        cohort: The source; left as it is.
        out: Folder of the new cohort: new, empty, or left by the same command.
        picture: The base size; side crop and square belong to the network and are not applied here.
        fps: Pictures per second of the grid, which begins at the first displayed frame.
        codec: An entry of ``CODECS``.
        quality: Of the codec, lower is better; None takes its default.
        executor: What runs the units.
        progress: Where it is reported.

    Raises:
        ConfigError: If the codec does not exist or the grid has no rate.
        CohortError: If ``out`` holds another cohort.
        VideoError: If no recording could be read at all.
        StoreError: If the disk is full, or another process is writing the same cohort.
    """
    _check(cohort, out, fps, codec)
    picture = picture or PictureConfig()
    settings = {
        "fps": fps,
        "codec": codec,
        "quality": quality,
        "base": [picture.base_width, picture.base_height],
    }
    taken = f"Another preprocess is working in {out}. Wait for its end, stop it, or choose another folder."
    with locked(out / _DONE / "lock", wait=False, taken=taken):
        sweep_temporaries(out)
        return _preprocess(
            cohort, out, picture, settings, executor or LocalExecutor(), progress or QuietProgress()
        )


def _preprocess(
    cohort: Cohort,
    out: Path,
    picture: PictureConfig,
    settings: dict[str, Any],
    executor: Executor,
    progress: Progress,
) -> PreprocessReport:
    by_file: dict[Path, list[Recording]] = defaultdict(list)
    for recording in cohort.recordings.values():
        if recording.path is not None:
            by_file[cohort.video_path(recording)].append(recording)
    failures: dict[str, str] = {}
    units = []
    for path, recordings in by_file.items():
        try:
            units.append(_unit(path, recordings, out, picture, settings))
        except SemioscopeError as err:
            failures |= {recording.recording_id: str(err) for recording in recordings}
    if units:
        write_json(out / _DONE / "settings.json", settings)  # from now on the folder is known as ours
    result = run_stage(
        "preprocess",
        write_views,
        units,
        ledger=Ledger(out / _DONE),
        executor=executor,
        progress=progress,
        unit_name="s of video",
    )
    failures |= {name: unit.message for unit in result.failed for name in unit.unit.payload["recording_ids"]}
    videos = _videos(result)
    if not videos and failures:
        told = "\n".join(f"{name}: {message}" for name, message in failures.items())
        msg = f"At least one recording must be readable, but none is:\n{told}"
        raise VideoError(msg)
    _write_tables(cohort, out, failures, _suffix(settings["codec"]))
    return PreprocessReport(folder=out, videos=videos, failures=tuple(failures.items()))


def write_views(work: dict[str, Any]) -> list[dict[str, Any]]:
    """Write the small videos of the views of one file; return counts as plain data, one entry per view."""
    picture: PictureConfig = work["picture"]
    counts = [
        {"recording_id": name, "num_written": 0, "num_damaged": 0, "num_left_out": 0}
        for name in work["recording_ids"]
    ]
    with open_reader(work["path"]) as reader, ExitStack() as stack:
        times = np.arange(_num_pictures(work["path"], work["fps"])) / work["fps"]
        writers: list[VideoWriter | None] = [None] * len(counts)
        for frame in reader.read(times):
            for number, (region, blank) in enumerate(work["views"]):
                if frame.picture is None or frame.status in ("held", "missing"):
                    counts[number]["num_left_out"] += 1
                    continue
                small = base_picture(view_picture(frame.picture, region=region, blank=blank), picture)
                writer = writers[number]
                if writer is None:
                    _check_size(small, work["codec"], work["recording_ids"][number])
                    writer = writers[number] = stack.enter_context(
                        VideoWriter(
                            work["outputs"][number],
                            width=small.shape[1],
                            height=small.shape[0],
                            fps=work["fps"],
                            codec=work["codec"],
                            quality=work["quality"],
                        )
                    )
                writer.write(small, pts_seconds=frame.time_seconds)
                counts[number]["num_written"] += 1
                counts[number]["num_damaged"] += frame.status == "damaged"
    if not all(count["num_written"] for count in counts):
        msg = f"{work['path'].name} must hold at least one picture, but none could be read. Replace the file."
        raise VideoError(msg)
    return counts


def _check_size(small: UInt8[np.ndarray, "height width 3"], codec: str, recording_id: str) -> None:
    height, width = small.shape[:2]
    least = CODECS[codec].smallest
    if width < least[0] or height < least[1]:
        msg = (
            f"Pictures of recording {recording_id} must be at least {least[0]}x{least[1]} pixels for {codec}, "
            f"got {width}x{height}. Use --codec h264."
        )
        raise VideoError(msg)


def _check(cohort: Cohort, out: Path, fps: float, codec: str) -> None:
    if codec not in CODECS:
        raise ConfigError(unknown_name("codec", codec, CODECS))
    if not (math.isfinite(fps) and fps > 0):
        msg = f"fps must be above 0 pictures per second, got {fps}."
        raise ConfigError(msg)
    if out.exists() and not out.is_dir():
        msg = f"{out} must be a folder for the new cohort, but is a file. Choose another name."
        raise CohortError(msg)
    if out.resolve() == cohort.folder.resolve():
        msg = f"The new cohort must have a folder of its own, got the source {out}. Choose another folder."
        raise CohortError(msg)
    if out.is_dir() and any(out.iterdir()) and not (out / _DONE).is_dir():
        msg = (
            f"{out} must be new, empty, or left by the same command, but holds other files. "
            "Choose another folder."
        )
        raise CohortError(msg)


def _suffix(codec: str) -> str:
    return CODECS[codec].suffixes[0]


def _unit(
    path: Path, recordings: Sequence[Recording], out: Path, picture: PictureConfig, settings: dict[str, Any]
) -> Unit:
    names = [recording.recording_id for recording in recordings]
    views = [(recording.region, recording.blank) for recording in recordings]
    outputs = tuple(out / "videos" / f"{name}{_suffix(settings['codec'])}" for name in names)
    info = probe(path)
    return Unit(
        name=", ".join(names),
        key=digest(
            [fingerprint(path), DECODER_VERSION, [[str(edge) for edge in view] for view in views], settings]
        ),
        outputs=outputs,
        payload={
            "path": path,
            "recording_ids": names,
            "views": views,
            "outputs": outputs,
            "picture": picture,
            **{name: settings[name] for name in ("fps", "codec", "quality")},
        },
        weight=max(1.0, round(info.duration_seconds)) if math.isfinite(info.duration_seconds) else 1.0,
    )


def _num_pictures(path: Path, fps: float) -> int:
    """Return how many times of the grid lie before the end of a video."""
    end = probe(path).duration_seconds
    if not math.isfinite(end):
        end = float(index_packets(path).pts_seconds[-1]) + 1 / fps
    return max(1, math.ceil((end - 1e-6) * fps))


def _videos(result: StageResult) -> tuple[WrittenVideo, ...]:
    counts = [count for unit in (*result.skipped, *result.done) for count in unit.value]
    return tuple(
        WrittenVideo(**count) for count in sorted(counts, key=lambda count: str(count["recording_id"]))
    )


def _write_tables(cohort: Cohort, out: Path, failed: dict[str, str], suffix: str) -> None:
    kept = {name: recording for name, recording in cohort.recordings.items() if name not in failed}
    recordings = {name: _rewritten(recording, cohort.folder, out, suffix) for name, recording in kept.items()}
    annotations = tuple(row for row in cohort.annotations if row.recording_id in kept)
    write_cohort(Cohort(folder=out, patients=cohort.patients, recordings=recordings, annotations=annotations))
    source = cohort.folder / "crops.tsv"
    if source.exists():
        crops = [crop for crop in read_crops(source) if crop.recording_id in kept]
        write_crops(out / "crops.tsv", [_within(crop, kept[crop.recording_id].region) for crop in crops])


def _rewritten(recording: Recording, source: Path, out: Path, suffix: str) -> Recording:
    depth = recording.depth_path
    if depth is not None:
        depth = Path(os.path.relpath(source / depth, out)).as_posix()
    if recording.path is None:
        return replace(recording, depth_path=depth)
    path = f"videos/{recording.recording_id}{suffix}"
    return replace(recording, path=path, region=None, blank=None, depth_path=depth)


def _within(crop: CropPlan, region: Region | None) -> CropPlan:
    """Return a crop plan in fractions of the view instead of the picture of the source file."""
    if crop.box is None or region is None:
        return crop
    box = crop.box
    left, top = (max(0.0, (box.x - region.x) / region.width), max(0.0, (box.y - region.y) / region.height))
    right = min(1.0, (box.x + box.width - region.x) / region.width)
    bottom = min(1.0, (box.y + box.height - region.y) / region.height)
    if right <= left or bottom <= top:
        return replace(crop, box=None, status="flagged")
    return replace(crop, box=Region(x=left, y=top, width=right - left, height=bottom - top))
