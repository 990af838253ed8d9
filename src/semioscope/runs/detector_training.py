"""Training a detector of patients: one per fold of patients, each trained without those whom it looks at.

A detector is a unit: its file and what it found are kept, so the same command goes on where it was stopped.

References:
    Hou et al. (2022), section 4, train an SSD detector on their seizure videos and crop the same videos with it.
    As in the paper under the rule ``paper``. Differs under ``patient``: nobody is looked at by a detector that has
    seen their pictures. Settings of the training are ours; the paper tells none.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from semioscope.core.errors import StoreError
from semioscope.core.files import digest, file_sha256
from semioscope.core.formats import DETECTOR_PICTURES
from semioscope.core.locks import locked
from semioscope.core.progress import Progress, QuietProgress, format_seconds, stage
from semioscope.core.provenance import provenance
from semioscope.core.records import Region
from semioscope.core.tables import write_table
from semioscope.core.wording import counted
from semioscope.execution import Ledger, Unit
from semioscope.networks import Detection, fit_detector
from semioscope.networks.detector_files import read_detector
from semioscope.networks.detector_folder import FACTS, TrainedDetector, write_detector_folder
from semioscope.networks.detector_start import start_digest
from semioscope.networks.detector_training import measured_picture_seconds
from semioscope.networks.detectors import load_own_detector
from semioscope.preprocess.detector_quality import (
    DetectionQuality,
    PictureFinding,
    look_at,
    mean_box,
    summarize_findings,
)
from semioscope.recipes.published_hou import HOU_2022
from semioscope.runs.detector_plan import DetectorPlan, PlannedDetector, planned_detectors, training_pictures

_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorReport:
    """What came of a training.

    Args:
        plan: What was asked for.
        detectors: What was trained.
        findings: All pictures that were looked at.
        quality: Their figures.
        num_done_before: Detectors that an earlier command had trained.
        seconds: Time of each training by name.
        started: Where they started, as a sentence.
    """

    plan: DetectorPlan
    detectors: tuple[TrainedDetector, ...]
    findings: tuple[PictureFinding, ...]
    quality: DetectionQuality
    num_done_before: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    started: str = ""


def train_detectors(plan: DetectorPlan, *, progress: Progress | None = None) -> DetectorReport:
    """Train the detectors of a plan, measure them, and write their folder.

    Args:
        plan: What is trained.
        progress: Where it is reported.

    Raises:
        ConfigError: If there are too few patients or pictures.
        WeightsError: If the weights to start from cannot be had.
        CohortError: If a picture cannot be read any more.
        StoreError: If the folder cannot be written, or another process works in it.
    """
    display = progress or QuietProgress()
    planned = planned_detectors(plan)
    taken = f"{plan.folder} must be free, but another process trains detectors in it. Wait for its end."
    with locked(plan.folder / "units" / ".lock", wait=False, taken=taken):
        ledger = Ledger(plan.folder / "units")
        units = _units(plan, planned, display)
        records = {unit.name: ledger.record(unit) for unit in units}
        waiting = [unit for unit in units if records[unit.name] is None]
        if len(waiting) < len(units):
            display.message(f"{len(units) - len(waiting)} of {counted(len(units), 'detector')} done before.")
        if waiting and (plan.folder / FACTS).exists():
            msg = (
                f"{plan.folder} holds finished detectors of other pictures or other settings, or lacks some of its "
                "files. Choose another --out, or delete it."
            )
            raise StoreError(msg)
        if waiting:
            display.message(estimate(plan, [unit.payload for unit in waiting]))
        for unit in waiting:
            value, seconds = _train(
                plan, unit.payload, place=f"{units.index(unit) + 1} of {len(units)}", progress=display
            )
            ledger.mark_done(unit, seconds, value=value)
            records[unit.name] = ledger.record(unit)
        done = {name: record for name, record in records.items() if record is not None}
        report = _report(plan, planned, done, num_done_before=len(units) - len(waiting))
        _write(report, done)
    return report


def estimate(plan: DetectorPlan, waiting: Sequence[PlannedDetector]) -> str:
    """Return how long the trainings will take, as a sentence; two steps are trained to find out."""
    examples = [picture.example for picture in plan.pictures.pictures]
    each = measured_picture_seconds(examples, design=plan.design, training=plan.training)
    total = sum(len(training_pictures(plan, one)) for one in waiting)
    what = (
        f"{counted(len(waiting), 'training')} of {plan.training.epochs} epochs over {total} pictures together"
    )
    return f"Detectors: {what}, about {format_seconds(each * total * plan.training.epochs)}."


def _units(plan: DetectorPlan, planned: Sequence[PlannedDetector], display: Progress) -> list[Unit]:
    started = start_digest(plan.start, plan.design, progress=display)
    pictures = plan.pictures.pictures
    content = {}
    with stage(display, "read pictures", len(pictures), unit="pictures"):
        for picture in pictures:
            boxes = [[item.label, str(item.box)] for item in picture.boxes]
            content[picture.file_name] = [picture.patient_id, file_sha256(picture.path), boxes]
            display.advance(1)
    common = {
        "version": _VERSION,
        "content": content,
        "design": plan.design.model_dump(),
        "training": plan.training.model_dump(),
        "start": started,
        "rule": plan.rule,
        "label": plan.pictures.label,
        "min_score": plan.min_score,
        "seed": plan.seed,
    }
    return [
        Unit(
            name=one.name,
            key=digest([common, one.name, one.without, one.measured_on]),
            outputs=(plan.folder / f"{one.name}.safetensors", plan.folder / f"{one.name}.json"),
            payload=one,
        )
        for one in planned
    ]


def _train(
    plan: DetectorPlan, one: PlannedDetector, *, place: str, progress: Progress
) -> tuple[dict[str, Any], float]:
    """Train a detector and look at the pictures that it is measured on; return plain facts and the time."""
    began = time.perf_counter()
    own = training_pictures(plan, one)
    fit = fit_detector(
        [picture.example for picture in own],
        design=plan.design,
        training=plan.training,
        seed=plan.seed,
        start=plan.start,
        fold=one.name,
        progress=progress,
        title=f"detector {place}",
    )
    patients = sorted({picture.patient_id for picture in own})
    path = plan.folder / f"{one.name}.safetensors"
    fit.save(
        path,
        training={
            "rule": plan.rule,
            "trained_on": patients,
            "trained_without": list(one.without),
            "num_pictures": len(own),
            "seed": plan.seed,
            "epochs": plan.training.epochs,
            "started": fit.started,
            "synthetic": plan.is_synthetic,
        },
    )
    measured = [picture for picture in plan.pictures.pictures if picture.patient_id in one.measured_on]
    findings = []
    if measured:
        detector, constant = load_own_detector(path), mean_box(own, label=plan.pictures.label)
        with stage(progress, f"measure {place}", len(measured), unit="pictures"):
            for picture in measured:
                finding = look_at(
                    detector,
                    picture,
                    name=one.name,
                    label=plan.pictures.label,
                    min_score=plan.min_score,
                    constant=constant,
                )
                findings.append(asdict(finding))
                progress.advance(1)
    value = {
        "weights_hash": read_detector(path).weights_hash,
        "train_loss": fit.train_loss.tolist(),
        "started": fit.started,
        "findings": findings,
    }
    return value, time.perf_counter() - began


def _report(
    plan: DetectorPlan,
    planned: Sequence[PlannedDetector],
    done: Mapping[str, Mapping[str, Any]],
    *,
    num_done_before: int,
) -> DetectorReport:
    number = {
        patient: sum(picture.patient_id == patient for picture in plan.pictures.pictures)
        for patient in plan.pictures.patients
    }
    everybody = frozenset(plan.pictures.patients)
    detectors = tuple(
        TrainedDetector(
            name=one.name,
            weights_hash=done[one.name]["value"]["weights_hash"],
            num_pictures=number,
            trained_on=everybody - set(one.without),
            trained_without=frozenset(one.without),
        )
        for one in planned
    )
    order = {picture.file_name: place for place, picture in enumerate(plan.pictures.pictures)}
    findings = [_finding(plain) for one in planned for plain in done[one.name]["value"]["findings"]]
    findings.sort(key=lambda finding: order[finding.file_name])
    return DetectorReport(
        plan=plan,
        detectors=detectors,
        findings=tuple(findings),
        quality=summarize_findings(findings, seed=plan.seed),
        num_done_before=num_done_before,
        seconds={name: float(record["seconds"]) for name, record in done.items()},
        started=str(done[planned[0].name]["value"]["started"]),
    )


def _write(report: DetectorReport, done: Mapping[str, Mapping[str, Any]]) -> None:
    plan, quality = report.plan, report.quality
    rows = []
    for finding in report.findings:
        box = None if finding.found is None else finding.found.box
        rows.append(
            {
                "file_name": finding.file_name,
                "patient_id": finding.patient_id,
                "detector": finding.detector,
                "has_box": "yes" if finding.has_box else "no",
                "iou": finding.iou,
                "constant_iou": finding.constant_iou,
                "left": None if box is None else box.x,
                "top": None if box is None else box.y,
                "right": None if box is None else box.x + box.width,
                "bottom": None if box is None else box.y + box.height,
                "score": None if finding.found is None else finding.found.score,
            }
        )
    write_table(plan.folder / DETECTOR_PICTURES.file, DETECTOR_PICTURES, rows)
    scores = {
        "measured_on": "pictures that were trained on" if plan.rule == "paper" else "patients held out",
        "flattered": plan.rule == "paper",
        "mean_iou_over_pictures": asdict(quality.over_pictures),
        "mean_iou_over_patients": asdict(quality.over_patients),
        "constant_box_over_pictures": asdict(quality.constant),
        "difference_over_pictures": asdict(quality.difference),
        "beats_constant_box": quality.beats_constant,
        "num_pictures": quality.num_pictures,
        "num_missed": quality.num_missed,
        "share_missed": quality.share_missed,
        "num_without_patient": quality.num_without,
        "num_false": quality.num_false,
        "per_patient": [asdict(patient) for patient in quality.patients],
        "published": {
            "source": HOU_2022.source,
            "mean_iou": HOU_2022.detector_iou,
            "measured_on": HOU_2022.detector_measured_on,
        },
    }
    facts = {
        "synthetic": plan.is_synthetic,
        "label": plan.pictures.label,
        "design": plan.design.model_dump(mode="json"),
        "training": plan.training.model_dump(mode="json"),
        "start": report.started,
        "min_score": plan.min_score,
        "seed": plan.seed,
        "left_out": list(plan.pictures.left_out),
        "scores": scores,
        "detectors": {
            name: {"train_loss": record["value"]["train_loss"], "seconds": record["seconds"]}
            for name, record in done.items()
        },
        "provenance": provenance(),
    }
    write_detector_folder(plan.folder, report.detectors, rule=plan.rule, facts=facts)


def _finding(plain: Mapping[str, Any]) -> PictureFinding:
    found = plain["found"]
    overlaps = {
        name: math.nan if plain[name] is None else float(plain[name]) for name in ("iou", "constant_iou")
    }
    return PictureFinding(
        file_name=plain["file_name"],
        patient_id=plain["patient_id"],
        detector=plain["detector"],
        has_box=plain["has_box"],
        found=None if found is None else Detection(**{**found, "box": Region(**found["box"])}),
        **overlaps,
    )
