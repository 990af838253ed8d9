"""Crop plans for the events of a cohort: one per event, recording and cropper.

A recording that cannot be read is listed and the others go on. What a person wrote into ``crops.tsv`` is never
overwritten, and no cropper touches the rows of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, SemioscopeError, StoreError
from semioscope.core.files import check_folder, digest
from semioscope.core.formats import CROPS
from semioscope.core.locks import locked
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted
from semioscope.execution import Unit, make_executor, run_stage
from semioscope.networks.detections import AnyDetector, PatientDetector
from semioscope.networks.detector_folder import detector_identity
from semioscope.networks.detectors import load_detector
from semioscope.preprocess.box_crop import BoxCropConfig
from semioscope.preprocess.crop_failures import CropFailure, keep_failures
from semioscope.preprocess.crop_finding import NO_CROPS, CropChoice, crop_method, plan_crop
from semioscope.preprocess.crop_frames import recording_window
from semioscope.preprocess.cropper_rows import (
    other_detector_notes,
    row_notes,
    rows_of,
    to_plan,
    usable,
    views_of,
)
from semioscope.preprocess.crops import (
    LOCKS,
    WHERE_CROPS_LIE,
    CropPlan,
    crops_lock,
    standing_crops,
    write_crops,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlanning:
    """What became of the events.

    Args:
        plans: Those of the cropper, as ``crops.tsv`` holds them now, of the events that were asked for: one per
            event and recording, sorted. Automatic ones that were made for other times are not among them.
        failures: Events without a plan.
        num_kept: Plans that a person had made before, and that stayed.
        num_made: Plans that were made now.
        notes: What else a person should know of the plans, as sentences; the same however often it is asked.
        news: What happened while plans were made, as sentences.
    """

    plans: tuple[CropPlan, ...] = ()
    failures: tuple[CropFailure, ...] = ()
    num_kept: int = 0
    num_made: int = 0
    notes: tuple[str, ...] = ()
    news: tuple[str, ...] = ()

    @property
    def flagged(self) -> tuple[CropPlan, ...]:
        """The plans that wait for a person."""
        return tuple(plan for plan in self.plans if plan.status == "flagged")


def make_crop_plans(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    method: str = "depth_box",
    detector: AnyDetector | None = None,
    box: BoxCropConfig | None = None,
    check: bool = True,
    detector_name: str = "",
    workers: int = 1,
    progress: Progress | None = None,
) -> CropPlanning:
    """Make the crop plans of events anew and write them to the ``crops.tsv`` of the cohort; rows by hand stay.

    Args:
        cohort: The cohort; its streams are opened at the begin of each event only.
        events: For which.
        method: A key of ``CROP_METHODS``.
        detector: Finds people and beds, for the methods that need it; it works in this process.
        box: How the box is made; None: as in the method's paper.
        check: Whether depth crops are flagged that seem to cut the patient, on five frames of the event.
        detector_name: What the rows call the detector, see ``detector_identity``.
        workers: Processes, where there is no detector.
        progress: Where it is reported.

    Raises:
        ConfigError: If there is no such method, or it needs a detector.
        CohortError: If ``crops.tsv`` is there and not valid.
        LeakageError: If every detector that there is for a patient was trained on this patient.
        StoreError: If the table cannot be written; a folder without write access is refused before the work.
    """
    choice = CropChoice(method=method, detector=detector, box=box, check=check, detector_name=detector_name)
    path = cohort.folder / CROPS.file
    listed = tuple(events)
    views = views_of(listed)
    by_hand = {plan.place for plan in rows_of(standing_crops(path), method) if plan.origin == "manual"}
    wanted: dict[str, list[tuple[str, EventView]]] = {}
    for (event_id, recording_id), view in views.items():
        if (event_id, recording_id) not in by_hand:
            wanted.setdefault(recording_id, []).append((event_id, view))
    if isinstance(detector, PatientDetector):  # one that saw its patient is no fault of an event
        for patient in sorted({cohort.recording(name).patient_id for name in wanted}):
            detector.for_patient(patient)
    units = [
        Unit(
            name=name,
            key=digest([name]),
            payload={
                "cohort": cohort, "recording": cohort.recording(name), "events": seen, "choice": choice,
            },
            weight=float(len(seen)),
        )
        for name, seen in wanted.items()
    ]  # fmt: skip
    if units:
        check_folder(cohort.folder, what="The folder of the cohort", remedy=WHERE_CROPS_LIE)
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
            _failure(event_id, view, choice, unit.message) for event_id, view in unit.unit.payload["events"]
        ]
    plans = [outcome for outcome in outcomes if isinstance(outcome, CropPlan)]
    if plans or failures:
        with crops_lock(cohort.folder):
            if plans:
                write_crops(path, plans)
            keep_failures(cohort.folder, failures, planned={plan.key for plan in plans})
    done = CropPlanning(
        failures=tuple(sorted(failures, key=lambda failure: failure.key)), num_made=len(plans)
    )
    return _as_they_stand(done, listed, path, method)


def ensure_crops(
    cohort: Cohort,
    events: Iterable[Event],
    *,
    method: str,
    detector_name: str = "maskrcnn",
    weights: str | Path = "pretrained",
    weights_sha256: str = "",
    check: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> CropPlanning:
    """Return the crop plans of events: what the cropper has in ``crops.tsv`` stays, what is missing is planned.

    An automatic row that was made for other times of its event counts as missing. Where nothing is missing nothing
    is opened, neither a video nor the weights of the detector. Of several processes that ask for one cohort, the
    others wait for the one that plans.

    Args:
        cohort: The cohort.
        events: For which.
        method: A key of ``CROP_METHODS``, or ``none``: no plans, whatever ``crops.tsv`` holds.
        detector_name: A key of ``DETECTORS``, for the methods that need one.
        weights: Of the detector, as in ``load_detector``.
        weights_sha256: Of their file, where it is known already.
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
    done, named = CropPlanning(), ""
    if chosen.needs_detector:
        named = detector_identity(detector_name, str(weights), sha256=weights_sha256)
    if to_plan(listed, standing_crops(path), method):
        check_folder(cohort.folder, what="The folder of the cohort", remedy=WHERE_CROPS_LIE)
        with locked(cohort.folder / LOCKS / ".planning", wait=True):
            standing = standing_crops(path)  # another process may have planned meanwhile
            if missing := to_plan(listed, standing, method):
                display = progress or QuietProgress()
                detector: AnyDetector | None = None
                if chosen.needs_detector:
                    detector = load_detector(detector_name, weights=weights, progress=display)
                done = make_crop_plans(
                    cohort, missing, method=method, detector=detector, check=check, detector_name=named,
                    workers=workers, progress=display,
                )  # fmt: skip
                moved = {plan.place for plan in rows_of(standing, method)} & {
                    plan.place for plan in done.plans
                }
                news = (*getattr(detector, "notes", ()), *_made_anew(len(moved)))
                done = replace(done, news=news)
    done = _as_they_stand(done, listed, path, method)
    return replace(done, notes=(*done.notes, *other_detector_notes(done.plans, named, method)))


def _made_anew(number: int) -> list[str]:
    told = counted(
        number,
        "crop had been planned for other times of its event, and was",
        "crops had been planned for other times of their events, and were",
    )
    return [f"{told} planned anew."] if number else []


def _as_they_stand(done: CropPlanning, events: Iterable[Event], path: Path, method: str) -> CropPlanning:
    """Return a planning with the plans of events as the table holds them now."""
    views = views_of(events)
    plans = usable(standing_crops(path), views, method)
    return replace(
        done,
        plans=tuple(plans),
        num_kept=sum(plan.origin == "manual" for plan in plans),
        notes=tuple(row_notes(plans, views, method)),
    )


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
            outcomes.append(_failure(event_id, view, choice, str(err)))
    return outcomes


def _failure(event_id: str, view: EventView, choice: CropChoice, message: str) -> CropFailure:
    return CropFailure(
        event_id=event_id,
        recording_id=view.recording_id,
        cropper=choice.method,
        onset_seconds=view.onset_seconds,
        offset_seconds=view.offset_seconds,
        message=message,
    )
