"""Crop plans for the events of a cohort: one per event and recording.

A recording that cannot be read is listed and the others go on. What a person wrote into ``crops.tsv`` is never
overwritten.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, SemioscopeError, StoreError
from semioscope.core.files import digest
from semioscope.core.formats import CROPS
from semioscope.core.locks import locked
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.records import Event, EventView
from semioscope.execution import Unit, make_executor, run_stage
from semioscope.networks.detections import Detector, EventDetector
from semioscope.networks.detectors import load_detector
from semioscope.preprocess.box_crop import BoxCropConfig
from semioscope.preprocess.crop_finding import NO_CROPS, CropChoice, crop_method, plan_crop
from semioscope.preprocess.crop_frames import recording_window
from semioscope.preprocess.crops import LOCKS, CropPlan, crops_lock, read_crops, write_crops


@dataclass(frozen=True, slots=True, kw_only=True)
class CropFailure:
    """An event for which no plan could be made, and why."""

    event_id: str
    recording_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlanning:
    """What became of the events.

    Args:
        plans: As ``crops.tsv`` holds them now, of the events that were asked for, sorted by event and recording.
        failures: Events without a plan.
        num_kept: Plans that a person had made before, and that stayed.
        num_made: Plans that were made now.
        notes: What else a person should know, as sentences.
    """

    plans: tuple[CropPlan, ...] = ()
    failures: tuple[CropFailure, ...] = ()
    num_kept: int = 0
    num_made: int = 0
    notes: tuple[str, ...] = ()

    @property
    def flagged(self) -> tuple[CropPlan, ...]:
        """The plans that wait for a person."""
        return tuple(plan for plan in self.plans if plan.status == "flagged")


def make_crop_plans(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    method: str = "depth_box",
    detector: Detector | EventDetector | None = None,
    box: BoxCropConfig | None = None,
    check: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> CropPlanning:
    """Make the crop plans of events and write them to the ``crops.tsv`` of the cohort.

    Args:
        cohort: The cohort; its streams are opened at the begin of each event only.
        events: For which.
        method: A key of ``CROP_METHODS``.
        detector: Finds people and beds, for the methods that need it; it works in this process.
        box: How the box is made; None: as in the method's paper.
        check: Whether depth crops are flagged that seem to cut the patient, on five frames of the event.
        workers: Processes, where there is no detector.
        progress: Where it is reported.

    Raises:
        ConfigError: If there is no such method, or it needs a detector.
        CohortError: If ``crops.tsv`` is there and not valid.
        StoreError: If the table cannot be written.
    """
    choice = CropChoice(method=method, detector=detector, box=box, check=check)
    path = cohort.folder / CROPS.file
    by_hand = {_key(plan) for plan in _standing(path) if plan.origin == "manual"}
    wanted: dict[str, list[tuple[str, EventView]]] = {}
    keys = set()
    for event in events:
        for view in event.views:
            keys.add((event.event_id, view.recording_id))
            if (event.event_id, view.recording_id) not in by_hand:
                wanted.setdefault(view.recording_id, []).append((event.event_id, view))
    units = [
        Unit(
            name=name,
            key=digest([name]),
            payload={
                "cohort": cohort, "recording": cohort.recording(name), "events": views, "choice": choice,
            },
            weight=float(len(views)),
        )
        for name, views in wanted.items()
    ]  # fmt: skip
    result = run_stage(
        "crop plans",
        plan_recording,
        units,
        ledger=None,
        executor=make_executor("local", workers=workers if detector is None else 1),
        progress=progress or QuietProgress(),
        unit_name="events",
    )
    outcomes = [outcome for unit in result.done for outcome in unit.value]
    failures = [outcome for outcome in outcomes if isinstance(outcome, CropFailure)]
    for unit in result.failed:
        failures += [
            CropFailure(event_id=event_id, recording_id=unit.unit.name, message=unit.message)
            for event_id, _ in unit.unit.payload["events"]
        ]
    plans = [outcome for outcome in outcomes if isinstance(outcome, CropPlan)]
    if plans:
        with crops_lock(cohort.folder):
            standing = write_crops(path, plans)
    else:
        standing = _standing(path)
    return CropPlanning(
        plans=tuple(plan for plan in standing if _key(plan) in keys),
        failures=tuple(sorted(failures, key=lambda failure: (failure.event_id, failure.recording_id))),
        num_kept=len(by_hand & keys),
        num_made=len(plans),
    )


def ensure_crops(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    method: str,
    detector_name: str = "maskrcnn",
    weights: str | Path = "pretrained",
    check: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> CropPlanning:
    """Return the crop plans of events: what ``crops.tsv`` holds stays, what is missing there is planned and written.

    Where nothing is missing nothing is opened, neither a video nor the weights of the detector. Of several
    processes that ask for one cohort, the others wait for the one that plans.

    Args:
        cohort: The cohort.
        events: For which.
        method: A key of ``CROP_METHODS``, or ``none``: no plans, whatever ``crops.tsv`` holds.
        detector_name: A key of ``DETECTORS``, for the methods that need one.
        weights: Of the detector, as in ``load_detector``.
        check: As in ``make_crop_plans``.
        workers: As in ``make_crop_plans``.
        progress: Where it is reported.

    Raises:
        ConfigError: If there is no such method or detector.
        WeightsError: If a plan is missing and the weights of its detector are absent.
        CohortError: If ``crops.tsv`` or recorded detections are not valid.
        StoreError: If the table cannot be written.
    """
    if method == NO_CROPS:
        return CropPlanning()
    chosen, listed, path = crop_method(method), tuple(events), cohort.folder / CROPS.file
    keys = {(event.event_id, view.recording_id) for event in listed for view in event.views}
    done = CropPlanning()
    if _without_plan(listed, path):
        with locked(cohort.folder / LOCKS / ".planning", wait=True):
            if missing := _without_plan(listed, path):  # another process may have planned meanwhile
                display = progress or QuietProgress()
                detector: Detector | None = None
                if chosen.needs_detector:
                    detector = load_detector(detector_name, weights=weights, progress=display)
                done = make_crop_plans(
                    cohort, missing, method=method, detector=detector, check=check, workers=workers,
                    progress=display,
                )  # fmt: skip
                done = replace(done, notes=tuple(getattr(detector, "notes", ())))
    plans = tuple(plan for plan in _standing(path) if _key(plan) in keys)
    return replace(
        done,
        plans=plans,
        num_kept=sum(plan.origin == "manual" for plan in plans),
        notes=(*done.notes, *_of_other_croppers(plans, method)),
    )


def _of_other_croppers(plans: Iterable[CropPlan], method: str) -> list[str]:
    """Return what to know of automatic rows that another method made."""
    others = [plan.cropper for plan in plans if plan.origin == "auto" and plan.cropper not in ("", method)]
    if not others:
        return []
    rows = "1 row" if len(others) == 1 else f"{len(others)} rows"
    return [
        f"{rows} of {CROPS.file} made by the cropper {' and '.join(sorted(set(others)))} instead of {method} "
        f"{'is' if len(others) == 1 else 'are'} used as written. semioscope crop plan --cropper {method} makes them "
        "anew."
    ]


def _without_plan(events: Iterable[Event], path: Path) -> list[Event]:
    """Return the events with those of their views that have no row in ``crops.tsv``."""
    planned = set(map(_key, _standing(path)))
    wanted = []
    for event in events:
        views = tuple(view for view in event.views if (event.event_id, view.recording_id) not in planned)
        if views:
            wanted.append(replace(event, views=views))
    return wanted


def _standing(path: Path) -> list[CropPlan]:
    return read_crops(path) if path.exists() else []


def plan_recording(work: dict[str, Any]) -> list[CropPlan | CropFailure]:
    """Return the plans of the events of one recording; what fails is in their place."""
    cohort, recording, choice = work["cohort"], work["recording"], work["choice"]
    method = crop_method(choice.method)
    if method.uses_depth and recording.depth_path is None:
        msg = (
            f"Recording {recording.recording_id} must have depth for the cropper {choice.method}, but its "
            "depth_path in recordings.tsv is n/a. Write the path of its depth, or use the cropper box."
        )
        raise CohortError(msg)
    window = recording_window(cohort, recording) if method.needs_detector else None
    outcomes: list[CropPlan | CropFailure] = []
    for event_id, view in work["events"]:
        try:
            outcomes.append(plan_crop(cohort, recording, event_id, view, choice, window=window))
        except StoreError:
            raise
        except SemioscopeError as err:
            outcomes.append(
                CropFailure(event_id=event_id, recording_id=recording.recording_id, message=str(err))
            )
    return outcomes


def _key(plan: CropPlan) -> tuple[str, str]:
    return plan.event_id, plan.recording_id
