"""The tables of a cohort of a ward camera, and the boxes for a detector, from its plans and its truth."""

from collections.abc import Iterable
from pathlib import Path

from semioscope.cohort import Cohort
from semioscope.core.files import read_json
from semioscope.core.records import EventView, Patient, Recording, Region, Seizure
from semioscope.networks import LabelledBox, PictureBoxes
from semioscope.synthetic.ward_plan import ES_VS_PNES, WardPlan
from semioscope.synthetic.ward_recording import WardJob

PATIENT_LABEL = "patient"
"""Label of the boxes. Carers are persons too, so the patient is not called one."""


def ward_boxes(jobs: Iterable[WardJob], root: Path) -> list[PictureBoxes]:
    """Return the pictures with their boxes, from the truth of each recording.

    Args:
        jobs: Recordings that were made.
        root: The folder that the names of the pictures are relative to.
    """
    found = []
    for job in jobs:
        for shown in read_json(job.truth)["pictures"]:
            box = shown["box"]
            labelled = () if box is None else (LabelledBox(label=PATIENT_LABEL, box=_region(box)),)
            path = (job.pictures / shown["file"]).relative_to(root).as_posix()
            found.append(
                PictureBoxes(
                    file_name=path,
                    width=job.width,
                    height=job.height,
                    boxes=labelled,
                    patient_id=job.plan.style.patient_id,
                )
            )
    return found


def _region(box: list[float]) -> Region:
    left, top, right, bottom = box
    return Region(x=left, y=top, width=right - left, height=bottom - top)


def ward_tables(folder: Path, plans: list[WardPlan], *, suffix: str) -> Cohort:
    """Return the cohort of plans; nothing is written.

    Args:
        folder: Of the cohort.
        plans: One per recording.
        suffix: Of the videos.
    """
    recordings = {
        plan.recording_id: Recording(
            recording_id=plan.recording_id,
            patient_id=plan.style.patient_id,
            view="ward",
            path=f"videos/{plan.recording_id}{suffix}",
            role="contextual" if plan.role == "contextual" else "seizures",
        )
        for plan in plans
    }
    seizures = []
    for plan in plans:
        if plan.label is None or plan.onset_seconds is None or plan.offset_seconds is None:
            continue
        view = EventView(
            recording_id=plan.recording_id,
            onset_seconds=plan.onset_seconds,
            offset_seconds=plan.offset_seconds,
            clonic_onset_seconds=plan.clonic_onset_seconds,
        )
        seizures.append(
            Seizure(
                seizure_id=plan.recording_id,
                patient_id=plan.style.patient_id,
                views=(view,),
                labels={ES_VS_PNES.column: plan.label, "semiology": plan.content},
            )
        )
    names = dict.fromkeys(plan.style.patient_id for plan in plans)
    patients = tuple(Patient(patient_id=name) for name in names)
    return Cohort(folder=folder, patients=patients, recordings=recordings, seizures=tuple(seizures))


def held_out_table(plans: Iterable[WardPlan], *, suffix: str) -> str:
    """Return the text of ``held-out.tsv``, the truth about patients whom the tables do not name."""
    lines = ["\t".join(["path", "patient_id", "onset", "offset", ES_VS_PNES.column, "semiology"])]
    lines += [
        f"{plan.recording_id}{suffix}\t{plan.style.patient_id}\t{plan.onset_seconds:g}\t{plan.offset_seconds:g}\t"
        f"{plan.label}\t{plan.content}"
        for plan in plans
    ]
    return "\n".join(lines) + "\n"
