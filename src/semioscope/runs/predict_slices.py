"""Give a video to a model of slices: the way of a run, on a cohort of one event that is thrown away afterwards."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError, VideoError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Patient, Recording
from semioscope.evaluation import ExampleTable, build_examples, level_of
from semioscope.execution import make_executor
from semioscope.features import (
    BackboneChoice,
    ExtractionPlan,
    FeatureStore,
    clip_seconds,
    extract,
    load_features,
    plan_extraction,
)
from semioscope.networks import Backbone
from semioscope.plans import SlicePlan, StepPlan
from semioscope.preprocess import CropPlan
from semioscope.preprocess.crop_plans import ensure_crops
from semioscope.runs.bundle import Bundle, ViewShape
from semioscope.runs.prediction import JudgedVideo, PredictionRequest, ViewPrediction, judged_interval
from semioscope.training import predict_representations, single_thread
from semioscope.video import DecodeReport, open_gray16
from semioscope.video.gray16 import gray16_kind

PATIENT = "patient"
"""Whoever is seen; only one is."""


def predict_slices(
    video: Path,
    video_name: str,
    request: PredictionRequest,
    shapes: dict[str, ViewShape],
    bundle: Bundle,
    backbone: Backbone,
) -> JudgedVideo:
    """Return what a model of slices says about one video: crops, slices and features as a run makes them.

    A crop that would wait for a person is not used, and told.

    Raises:
        VideoError: If the video cannot be read, or every slice lacks frames.
        ConfigError: If the event does not fit the video, or is shorter than the shortest slice.
        WeightsError: If the weights of the detector that finds the crop are absent.
    """
    plan, segments = bundle.facts.clips, bundle.facts.segments
    assert isinstance(plan, SlicePlan)
    assert isinstance(segments, StepPlan)
    if request.depth is not None and len(request.videos) > 1:
        msg = f"A depth recording belongs to one video, but {len(request.videos)} were given. Give them one by one."
        raise ConfigError(msg)
    interval, notes = _interval(request, video)
    with tempfile.TemporaryDirectory(prefix="semioscope-predict-") as folder:
        cohort, event = _cohort(Path(folder), video, video_name, request, shapes, interval)
        crops, said = _crops(cohort, event, request, bundle)
        extraction = plan_extraction(
            cohort,
            [event],
            plan,
            backbone=_choice(bundle, backbone),
            store=FeatureStore(Path(folder) / "features"),
            picture=bundle.facts.gray or bundle.facts.preprocess,
            crops=crops,
        )
        table = _examples(extraction, event, cohort, plan)
    with single_thread():
        rows = level_of(segments).rows(
            bundle.model, table, list(range(len(table.views))), segments=segments, clips=plan
        )
        of_slices = predict_representations(
            bundle.model, table.slices(list(range(len(table.views)))), segments
        )
    views = []
    for number, (view, row) in enumerate(zip(table.views, rows, strict=True)):
        first = int(table.first_clip[number])
        views.append(
            _view(view.recording_id, view.view, row, of_slices[first : first + view.num_clips], interval, plan,
                  num_lost=view.num_missing_clips)
        )  # fmt: skip
    return JudgedVideo(
        views=tuple(views),
        num_frames=extraction.num_frames,
        frames=DecodeReport(),
        notes=(*notes, *said, *extraction.remarks(), *_lost_notes(table)),
    )


def _interval(request: PredictionRequest, video: Path) -> tuple[Interval, list[str]]:
    if gray16_kind(video) == "video":
        return judged_interval(request, video)
    with open_gray16(video) as reader:
        end = reader.source.duration_seconds
    onset = request.onset_seconds or 0.0
    offset = end if request.offset_seconds is None else min(request.offset_seconds, end)
    if not onset < offset:
        msg = (
            f"The event must begin inside {video.name}, which lasts {end:.2f} s, and end after that, got onset "
            f"{onset:g} s. Correct --onset."
        )
        raise ConfigError(msg)
    return Interval(start_seconds=onset, end_seconds=offset), []


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


def _crops(
    cohort: Cohort, event: Event, request: PredictionRequest, bundle: Bundle
) -> tuple[Sequence[CropPlan], list[str]]:
    wanted = request.crops or bundle.facts.crops
    done = ensure_crops(
        cohort,
        [event],
        method=wanted.method,
        detector_name=wanted.detector,
        weights=wanted.weights,
        check=wanted.check,
    )
    notes = [*done.notes]
    notes += [f"The raw picture was used: no crop could be planned ({one.message})" for one in done.failures]
    for crop in done.flagged:
        why = " ".join(filter(None, (crop.depth_reason, crop.box_reason)))
        notes.append(f"The raw picture was used, as nobody has looked at a crop that is in doubt: {why}")
    return done.plans, notes


def _choice(bundle: Bundle, backbone: Backbone) -> BackboneChoice:
    wanted = bundle.facts.backbone
    return BackboneChoice(
        name=wanted.name,
        weights=wanted.weights,
        engine=wanted.engine,
        precision=wanted.precision,
        input_size=wanted.input_size,
    )


def _examples(extraction: ExtractionPlan, event: Event, cohort: Cohort, plan: SlicePlan) -> ExampleTable:
    report = extract(extraction, executor=make_executor("local", workers=1))
    lost = [*extraction.failures, *report.failures]
    if lost:
        raise VideoError(lost[0].message)
    found = {
        (one.event_id, one.recording_id): load_features(extraction.store, one, plan)
        for one in extraction.events
    }
    names = {name: recording.view for name, recording in cohort.recordings.items()}
    table, left_out = build_examples([replace(event, y_true=None)], found, plan=plan, view_names=names)
    if left_out:
        raise VideoError(left_out[0].message)
    return table


def _lost_notes(table: ExampleTable) -> list[str]:
    return [
        f"{view.num_missing_clips} of {view.num_clips + view.num_missing_clips} slices of {view.recording_id} lack "
        "frames and were left out."
        for view in table.views
        if view.num_missing_clips
    ]


def _view(
    recording_id: str,
    view: str,
    row: dict[str, list[float]],
    of_slices: Float32[np.ndarray, "num_slices size"],
    interval: Interval,
    plan: SlicePlan,
    *,
    num_lost: int,
) -> ViewPrediction:
    starts: Float[np.ndarray, " num_slices"] = np.array(row["start_seconds"], dtype=np.float64)
    return ViewPrediction(
        recording_id=recording_id,
        view=view,
        interval=interval,
        y_score=np.array(row["scores"], dtype=np.float64),
        start_seconds=starts,
        end_seconds=np.minimum(starts + clip_seconds(plan), interval.end_seconds),
        score_so_far=np.array(row["prefix"], dtype=np.float64),
        score_alone=np.array(row["clip"], dtype=np.float64),
        representation=of_slices.mean(axis=0),
        num_replaced_clips=num_lost,
    )
