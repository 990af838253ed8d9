"""Give a video to a model that looks at every clip: the way of a run, on a cohort that is thrown away afterwards."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from semioscope.cohort import Cohort
from semioscope.core.config import Config
from semioscope.core.errors import ConfigError, VideoError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Patient, Recording
from semioscope.evaluation import ExampleTable, ViewExample, build_examples, level_of
from semioscope.execution import make_executor
from semioscope.features import (
    EventFeatures,
    ExtractionPlan,
    FeatureStore,
    extract,
    load_features,
    plan_extraction,
    shortest_clip,
)
from semioscope.plans import ClipPlan, SlicePlan
from semioscope.preprocess import CropPlan
from semioscope.runs.bundle import Bundle, ViewShape
from semioscope.runs.predict_crops import event_crops
from semioscope.runs.prediction import (
    JudgedVideo,
    ModelBackbone,
    PredictionRequest,
    ViewPrediction,
    judged_interval,
)
from semioscope.training import predict_representations, single_thread
from semioscope.video import DecodeReport, is_gray16

PATIENT = "patient"
"""Whoever is seen; only one is."""


def predict_whole(
    video: Path,
    video_name: str,
    request: PredictionRequest,
    shapes: dict[str, ViewShape],
    bundle: Bundle,
    backbone: ModelBackbone,
) -> JudgedVideo:
    """Return what a model of slices or excerpts says about one video: crops, clips and features as in a run.

    A crop that would wait for a person is not used, and told.

    Raises:
        VideoError: If the video cannot be read, every clip lacks frames, or the depth does not fit.
        ConfigError: If the event does not fit the video, or is shorter than the shortest clip.
        WeightsError: If the detector that finds the crop cannot be loaded.
    """
    plan, segments = bundle.facts.clips, bundle.facts.segments
    interval, notes = judged_interval(request, video)
    if bundle.facts.gray is not None and not is_gray16(video):
        notes.append(
            f"{video.name} does not keep 16 bits: the brightness of its pictures was used. A model that was trained "
            "on raw infrared may not know such pictures."
        )
    with tempfile.TemporaryDirectory(prefix="semioscope-predict-") as folder:
        cohort, event = _cohort(Path(folder), video, video_name, request, shapes, interval)
        crops = event_crops(cohort, event, request, bundle)
        extraction = plan_extraction(
            cohort,
            [event],
            plan,
            backbone=backbone.choice,
            store=FeatureStore(Path(folder) / "features"),
            picture=bundle.facts.picture,
            crops=crops.plans,
            moving=crops.moving,
        )
        found = _features(extraction, video, plan)
    table = _examples(found, event, cohort, plan, video)
    level, chosen = level_of(segments), list(range(len(table.views)))
    with single_thread():
        rows = level.rows(bundle.model, table, chosen, segments=segments, clips=plan)
        vectors = predict_representations(bundle.model, level.examples(table, chosen, plan), segments)
    counts = [level.examples(table, [i], plan).num_examples for i in chosen]
    views = [
        _view(view, row, own.mean(axis=0), interval)
        for view, row, own in zip(table.views, rows, np.split(vectors, np.cumsum(counts)[:-1]), strict=True)
    ]
    return JudgedVideo(
        views=tuple(views),
        num_frames=extraction.num_frames,
        frames=_counted(found, plan),
        notes=(*notes, *crops.notes, *_remarks(extraction, crops.plans), *_lost_notes(table, plan)),
    )


def _cohort(
    folder: Path,
    video: Path,
    video_name: str,
    request: PredictionRequest,
    shapes: dict[str, ViewShape],
    interval: Interval,
) -> tuple[Cohort, Event]:
    """Return a cohort with one event: every view of the file is a recording."""
    recordings = {}
    for view, shape in shapes.items():
        region, blank = shape.regions()
        name = f"{video_name}-{view}"
        recordings[name] = Recording(
            recording_id=name,
            patient_id=PATIENT,
            view=view,
            path=str(video.absolute()),
            region=region,
            blank=blank,
            depth_path=None if request.depth is None else str(request.depth.absolute()),
            depth_offset_seconds=request.depth_offset_seconds,
        )
    views = tuple(
        EventView(
            recording_id=name, onset_seconds=interval.start_seconds, offset_seconds=interval.end_seconds
        )
        for name in recordings
    )
    event = Event(event_id=request.event_id, patient_id=PATIENT, y_true=None, views=views)
    cohort = Cohort(
        folder=folder, patients=(Patient(patient_id=PATIENT),), recordings=recordings, seizures=()
    )
    return cohort, event


def _features(
    extraction: ExtractionPlan, video: Path, plan: ClipPlan | SlicePlan
) -> dict[tuple[str, str], EventFeatures]:
    if extraction.failures:
        raise VideoError(extraction.failures[0].message)
    for one in extraction.events:
        if len(one.clip_index) == 0:
            has = "none" if one.slices is None else one.slices.num_event_frames
            msg = (
                f"The event in {video.name} must hold at least {shortest_clip(plan)}, but has {has}. Check --onset "
                "and --offset."
            )
            raise ConfigError(msg)
    report = extract(extraction, executor=make_executor("local", workers=1))
    if report.failures:
        raise VideoError(report.failures[0].message)
    return {
        (one.event_id, one.recording_id): load_features(extraction.store, one, plan)
        for one in extraction.events
    }


def _examples(
    found: Mapping[tuple[str, str], EventFeatures],
    event: Event,
    cohort: Cohort,
    plan: ClipPlan | SlicePlan,
    video: Path,
) -> ExampleTable:
    names = {name: recording.view for name, recording in cohort.recordings.items()}
    table, left_out = build_examples([event], found, plan=plan, view_names=names)
    if left_out:
        view = cohort.recording(left_out[0].recording_id).view
        msg = (
            f"{video.name}, view {view}: {_LOST[type(plan)].every}. Check the file, or choose another stretch with "
            "--onset and --offset."
        )
        raise VideoError(msg)
    return table


def _counted(found: Mapping[tuple[str, str], EventFeatures], plan: ClipPlan | SlicePlan) -> DecodeReport:
    """Return how many frames of all clips were missing, held or damaged; clips that overlap count each."""
    missing, held, damaged = (
        sum(int(getattr(one, f"num_{kind}_frames").sum()) for one in found.values())
        for kind in ("missing", "held", "damaged")
    )
    total = sum(
        len(one.clip_index) * plan.frames_per_clip
        if isinstance(plan, ClipPlan)
        else sum(one.slices.num_frames.tolist() if one.slices else ())
        for one in found.values()
    )
    return DecodeReport(
        num_requested=total,
        num_ok=total - missing - held - damaged,
        num_held=held,
        num_damaged=damaged,
        num_missing=missing,
    )


def _remarks(extraction: ExtractionPlan, crops: Sequence[CropPlan]) -> list[str]:
    """Return what to know of slices, and of pictures whose accepted crop could not be used as it is."""
    accepted = {(crop.event_id, crop.recording_id) for crop in crops if crop.status == "accepted"}
    of_pictures = [
        flag.message for flag in extraction.flags if (flag.event_id, flag.recording_id) in accepted
    ]
    everything = frozenset((flag.event_id, flag.recording_id) for flag in extraction.flags)
    return [*dict.fromkeys(of_pictures), *extraction.remarks(without=everything)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """How clips that cannot be used are told.

    Args:
        every: Where all are lost.
        clips: Several of them.
        was: What is said of one.
        were: What is said of several.
    """

    every: str
    clips: str
    was: str
    were: str


_LOST: dict[type[Config], _Lost] = {
    SlicePlan: _Lost(
        every="every slice lacks frames",
        clips="slices",
        was="lacks frames and was",
        were="lack frames and were",
    ),
    ClipPlan: _Lost(
        every="every frame is missing", clips="frames", was="is missing and was", were="are missing and were"
    ),
}


def _lost_notes(table: ExampleTable, plan: ClipPlan | SlicePlan) -> list[str]:
    words = _LOST[type(plan)]
    return [
        f"{view.num_missing_clips} of {view.num_clips + view.num_missing_clips} {words.clips} of {view.recording_id} "
        f"{words.was if view.num_missing_clips == 1 else words.were} left out."
        for view in table.views
        if view.num_missing_clips
    ]


def _view(
    example: ViewExample,
    row: Mapping[str, Any],
    representation: Float32[np.ndarray, " size"],
    interval: Interval,
) -> ViewPrediction:
    return ViewPrediction(
        recording_id=example.recording_id,
        view=example.view,
        interval=interval,
        y_score=np.array(row["scores"], dtype=np.float64),
        start_seconds=np.array(row["start_seconds"], dtype=np.float64),
        end_seconds=np.array(row["end_seconds"], dtype=np.float64),
        score_so_far=np.array(row["prefix"], dtype=np.float64),
        score_alone=np.array(row["clip"], dtype=np.float64),
        representation=representation,
        num_replaced_clips=example.num_missing_clips,
    )
