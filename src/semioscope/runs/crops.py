"""The crops of a run: what stands in ``crops.tsv`` is used, what is missing there is planned first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from semioscope.core.progress import Progress
from semioscope.preprocess import NO_CROPS, CropPlan, crop_method
from semioscope.preprocess.crop_failures import CropFailure
from semioscope.preprocess.crop_plans import CropPlanning, ensure_crops
from semioscope.preprocess.moving_region import MovingRegion
from semioscope.preprocess.track_finding import TrackFailure
from semioscope.recipes import CropsConfig
from semioscope.runs.planning import RunPlan
from semioscope.runs.results import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCrops:
    """The crops of a run.

    Args:
        plans: One per event and recording, of the run's cropper, as far as they could be made; only accepted ones are
            used.
        facts: What the report says of them; empty where the run has no crops.
        notes: Sentences about them for the report; the same however often the run is taken up.
        moving: By event and recording, the part of the picture that follows the patient, where a detector did.
    """

    plans: tuple[CropPlan, ...]
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    moving: Mapping[tuple[str, str], MovingRegion] = field(default_factory=dict)

    @property
    def not_accepted(self) -> frozenset[tuple[str, str]]:
        """Events and recordings that keep the raw picture, as the report lists them."""
        return frozenset(
            (crop.event_id, crop.recording_id) for crop in self.plans if crop.status != "accepted"
        )


def crop_stage(plan: RunPlan, *, workers: int, progress: Progress, failures: list[Failure]) -> RunCrops:
    """Return the crops of a run; those that could not be planned join the failures, and their views stay raw.

    Raises:
        WeightsError: If a crop has to be planned and the weights of its detector are absent.
        CohortError: If ``crops.tsv`` is not valid.
    """
    config = plan.config.crops
    done = ensure_crops(
        plan.cohort,
        plan.events,
        method=config.method,
        detector_name=config.detector,
        weights=config.weights,
        weights_sha256=config.weights_sha256,
        check=config.check,
        workers=workers,
        progress=progress,
    )
    for note in (*done.news, *done.notes):
        progress.message(note, level="warning")
    failures += kept_raw(done.failures)
    return RunCrops(
        plans=done.plans,
        facts=_facts(done, config.method),
        notes=(*done.notes, *_of_detector(config)),
    )


def kept_raw(failed: Iterable[CropFailure | TrackFailure]) -> list[Failure]:
    """Return the failures of a run for events that keep the raw picture, because their crop could not be made."""
    return [
        Failure(
            recording_id=one.recording_id,
            event_id=one.event_id,
            stage="crops",
            message=f"{one.message} There is no crop, so what can be read of it is seen as the raw picture.",
        )
        for one in failed
    ]


def _of_detector(config: CropsConfig) -> list[str]:
    uses = config.method != NO_CROPS and crop_method(config.method).needs_detector
    if not uses or config.weights != "random":
        return []
    return [f"The detector {config.detector} has random weights: its boxes mean nothing; for trials only."]


def _facts(done: CropPlanning, method: str) -> dict[str, Any]:
    if not (done.plans or done.failures):
        return {}
    states = [crop.status for crop in done.plans]
    return {
        "cropper": method,
        "num_accepted": states.count("accepted"),
        "num_flagged": states.count("flagged"),
        "num_rejected": states.count("rejected"),
        "num_manual": sum(crop.origin == "manual" for crop in done.plans),
        "num_failed": len(done.failures),
        "flagged": _told(done.flagged),
        "remarks": _told([crop for crop in done.plans if crop.status == "accepted" and _reason(crop)]),
    }


def _told(crops: Sequence[CropPlan]) -> list[dict[str, str]]:
    return [
        {"event_id": crop.event_id, "recording_id": crop.recording_id, "reason": _reason(crop)}
        for crop in crops
    ]


def _reason(crop: CropPlan) -> str:
    return " ".join(filter(None, (crop.depth_reason, crop.box_reason)))
