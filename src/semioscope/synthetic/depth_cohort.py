"""Makes a synthetic cohort of depth recordings: one camera per patient, infrared and depth, truth beside them.

It is a test instrument. The pictures are of capsules, not of people; scores on them mean nothing clinically.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.files import digest, write_text
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.randomness import stream
from semioscope.core.records import EventView, Patient, Recording, Seizure
from semioscope.execution import Unit
from semioscope.synthetic.cohort_folder import HELD_OUT, SyntheticCohort, claim, count_faults, render
from semioscope.synthetic.depth_detections import write_true_detections
from semioscope.synthetic.depth_plan import DEPTH_TASKS, SYNDROMES, DepthPlan, draw_depth_plan
from semioscope.synthetic.depth_recording import DepthJob, depth_offset_seconds, make_depth_recording
from semioscope.synthetic.depth_room import DEPTH_SIZE, PLACEMENTS, draw_depth_camera, draw_depth_style

DEPTH_VERSION = 1
"""Rises when the same seed gives other pictures."""

_SEIZURES_PER_PATIENT = 3


def make_depth_cohort(
    folder: Path,
    *,
    task: str = "fle-vs-tle-vs-nonepileptic",
    num_patients: int = 12,
    seed: int = 0,
    size: tuple[int, int] = DEPTH_SIZE,
    fps: float = 30.0,
    num_seizures: int | None = None,
    min_seconds: float = 10.0,
    max_seconds: float = 40.0,
    preictal_seconds: float = 15.0,
    postictal_seconds: float = 15.0,
    drop_share: float = 0.0005,
    mask_every: int = 15,
    hold_out: int = 0,
    workers: int = 2,
    progress: Progress | None = None,
) -> SyntheticCohort:
    """Make a synthetic cohort of depth recordings; the same command again goes on after an interruption.

    Equal arguments give the same bytes of tables, truth and videos, whatever the number of workers. Both streams
    are lossless (FFV1, 16-bit gray); at full size they take about 7 MB per second together.

    Args:
        folder: Absent, empty, or the unfinished cohort of the same command.
        task: Key of ``DEPTH_TASKS``; the non-epileptic class is cut from the parts before and after seizures.
        num_patients: Patients in the tables, 1 or more; frontal and temporal ones in turn.
        seed: Seed of everything.
        size: Width and height in pixels, from 64x52 to 1024x848.
        fps: Frames per second, in [5, 60].
        num_seizures: Seizures of all patients together, at least one each, each in a recording of its own; None
            means three per patient.
        min_seconds: Shortest seizure, at least 0.5.
        max_seconds: Longest seizure.
        preictal_seconds: Mean length of the part before a seizure, at least 0.5. The paper took up to 78 s.
        postictal_seconds: Mean length of the part after it, at least 0.5.
        drop_share: Share of depth frames that are lost, in [0, 0.5].
        mask_every: Every so-manieth frame has a label picture among the truth, 1 or more.
        hold_out: Further patients, with one seizure each; their videos are in ``FOLDER/held-out``, with
            their truth in ``held-out.tsv``, and the tables do not name them.
        workers: Processes.
        progress: Where to report to.

    Returns:
        What was made.

    Raises:
        ConfigError: If an argument is outside its range.
        CohortError: If the folder holds something else, or a recording could not be made.
        StoreError: If the disk is full or the folder cannot be written.

    References:
        Streams, camera and classes after Karacsony 2022 (methods, section 3); movements, rooms and sensor are ours.
    """
    num_seizures = _SEIZURES_PER_PATIENT * num_patients if num_seizures is None else num_seizures
    lengths = {
        "min_seconds": float(min_seconds),
        "max_seconds": float(max_seconds),
        "preictal_seconds": float(preictal_seconds),
        "postictal_seconds": float(postictal_seconds),
    }
    if task not in DEPTH_TASKS:
        raise ConfigError(unknown_name("task of a synthetic depth cohort", task, DEPTH_TASKS))
    faults = [
        *count_faults(num_patients, num_seizures, hold_out),
        *_picture_faults(size, fps, drop_share, mask_every),
        *_length_faults(**lengths),
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    settings = {
        "synthetic": True,
        "depth": True,
        "note": "A test instrument: scores on this cohort mean nothing clinically.",
        "version": DEPTH_VERSION,
        "task": task,
        "num_patients": num_patients,
        "seed": seed,
        "size": list(size),
        "fps": float(fps),
        "num_seizures": num_seizures,
        **lengths,
        "drop_share": float(drop_share),
        "mask_every": mask_every,
        "hold_out": hold_out,
    }
    claim(folder, settings, readme=_README)
    plans = plan_depth_cohort(num_patients=num_patients, num_seizures=num_seizures, seed=seed, **lengths)
    held = [
        _plan(f"h{number:02d}", 1, SYNDROMES[number % 2], placement, seed=seed, **lengths)
        for number, placement in zip(range(1, hold_out + 1), _placements(hold_out, seed=seed), strict=True)
    ]
    jobs = [
        _job(plan, folder / place, size=size, fps=fps, drop_share=drop_share, mask_every=mask_every)
        for place, group in (("", plans), (HELD_OUT, held))
        for plan in group
    ]
    made_of = {
        key: settings[key] for key in settings if key not in ("num_patients", "num_seizures", "hold_out")
    }
    units = [
        Unit(
            name=job.plan.recording_id,
            key=digest([made_of, job.plan.recording_id, job.plan.label, job.plan.placement]),
            outputs=(job.infrared, job.depth, job.truth, job.masks),
            payload=job,
            weight=job.plan.duration_seconds,
        )
        for job in jobs
    ]
    render(folder, make_depth_recording, units, workers=workers, progress=progress or QuietProgress())
    cohort = _tables(folder, plans, column=DEPTH_TASKS[task], fps=fps)
    write_cohort(cohort)
    write_true_detections(cohort, plans, size=size, fps=float(fps))
    if held:
        write_text(folder / HELD_OUT / "held-out.tsv", _held_out_table(held, DEPTH_TASKS[task], fps=fps))
    return SyntheticCohort(
        folder=folder,
        task=task,
        seed=seed,
        num_patients=num_patients,
        num_seizures=len(plans),
        class_counts={name: sum(plan.label == name for plan in plans) for name in SYNDROMES},
        total_seconds=round(sum(plan.duration_seconds for plan in plans), 2),
        held_out_videos=tuple(job.infrared for job in jobs[len(plans) :]),
    )


def plan_depth_cohort(
    *,
    num_patients: int,
    num_seizures: int,
    seed: int,
    min_seconds: float,
    max_seconds: float,
    preictal_seconds: float,
    postictal_seconds: float,
) -> list[DepthPlan]:
    """Return the plans of a cohort's recordings; nothing is rendered."""
    rng = stream(seed, "synthetic-depth-cohort")
    counts = 1 + rng.multinomial(num_seizures - num_patients, rng.dirichlet(np.full(num_patients, 4.0)))
    first = int(rng.integers(2))
    placements = _placements(num_patients, seed=seed)
    return [
        _plan(
            f"p{index + 1:02d}", number, SYNDROMES[(index + first) % 2], placements[index], seed=seed,
            min_seconds=min_seconds, max_seconds=max_seconds, preictal_seconds=preictal_seconds,
            postictal_seconds=postictal_seconds,
        )
        for index in range(num_patients)
        for number in range(1, int(counts[index]) + 1)
    ]  # fmt: skip


def _placements(num_patients: int, *, seed: int) -> list[str]:
    """One placement per patient, all in turn in an order of the seed's own."""
    order = stream(seed, "synthetic-depth-placements").permutation(len(PLACEMENTS))
    names = list(PLACEMENTS)
    return [names[int(order[index % len(order)])] for index in range(num_patients)]


def _plan(
    patient_id: str,
    number: int,
    label: str,
    placement: str,
    *,
    seed: int,
    min_seconds: float,
    max_seconds: float,
    preictal_seconds: float,
    postictal_seconds: float,
) -> DepthPlan:
    return draw_depth_plan(
        draw_depth_style(patient_id, seed=seed), label, recording_id=f"{patient_id}-s{number}",
        placement=placement, camera=draw_depth_camera(patient_id, placement, seed=seed), seed=seed,
        min_seconds=min_seconds, max_seconds=max_seconds, preictal_seconds=preictal_seconds,
        postictal_seconds=postictal_seconds,
    )  # fmt: skip


def _job(
    plan: DepthPlan, place: Path, *, size: tuple[int, int], fps: float, drop_share: float, mask_every: int
) -> DepthJob:
    videos = place if place.name == HELD_OUT else place / "videos"
    name = plan.recording_id
    return DepthJob(
        plan=plan, infrared=videos / f"{name}-infrared.mkv", depth=videos / f"{name}-depth.mkv",
        truth=place / "truth" / f"{name}.json", masks=place / "truth" / f"{name}.npz", width=size[0],
        height=size[1], fps=float(fps), drop_share=float(drop_share), mask_every=mask_every,
    )  # fmt: skip


def _tables(folder: Path, plans: list[DepthPlan], *, column: str, fps: float) -> Cohort:
    recordings = {
        plan.recording_id: Recording(
            recording_id=plan.recording_id,
            patient_id=plan.style.patient_id,
            view="infrared",
            path=f"videos/{plan.recording_id}-infrared.mkv",
            depth_path=f"videos/{plan.recording_id}-depth.mkv",
            depth_offset_seconds=depth_offset_seconds(plan, fps=fps),
        )
        for plan in plans
    }
    seizures = tuple(
        Seizure(
            seizure_id=plan.recording_id,
            patient_id=plan.style.patient_id,
            views=(
                EventView(
                    recording_id=plan.recording_id,
                    onset_seconds=plan.onset_seconds,
                    offset_seconds=plan.offset_seconds,
                ),
            ),
            labels={"semiology": plan.semiology},
        )
        for plan in plans
    )
    labels = {plan.style.patient_id: plan.label for plan in plans}
    patients = tuple(Patient(patient_id=name, labels={column: label}) for name, label in labels.items())
    return Cohort(folder=folder, patients=patients, recordings=recordings, seizures=seizures)


def _held_out_table(plans: Iterable[DepthPlan], column: str, *, fps: float) -> str:
    header = [
        "path",
        "depth_path",
        "depth_offset_seconds",
        "patient_id",
        "onset",
        "offset",
        column,
        "semiology",
    ]
    lines = ["\t".join(header)]
    for plan in plans:
        name = plan.recording_id
        lines.append("\t".join([
            f"{name}-infrared.mkv", f"{name}-depth.mkv", f"{depth_offset_seconds(plan, fps=fps):g}",
            plan.style.patient_id, f"{plan.onset_seconds:g}", f"{plan.offset_seconds:g}", plan.label,
            plan.semiology,
        ]))  # fmt: skip
    return "\n".join(lines) + "\n"


def _picture_faults(size: tuple[int, int], fps: float, drop_share: float, mask_every: int) -> list[str]:
    faults = []
    if not (64 <= size[0] <= 1024 and 52 <= size[1] <= 848):
        faults.append(
            f"size of a depth cohort must be from 64x52 to 1024x848, got {size[0]}x{size[1]}. Use 512x424, "
            "or 128x106 for trials."
        )
    if not 5 <= fps <= 60:
        faults.append(f"fps of a depth cohort must be in [5, 60], got {fps:g}. Use 30 as on the ward.")
    if not 0 <= drop_share <= 0.5:
        faults.append(f"drop_share must be in [0, 0.5], got {drop_share:g}. Use 0 to lose no frame.")
    if mask_every < 1:
        faults.append(
            f"mask_every must be 1 or more, got {mask_every}. Use 15 for two label pictures a second."
        )
    return faults


def _length_faults(**lengths: float) -> list[str]:
    faults = [
        f"{name} of a depth cohort must be at least 0.5, got {seconds:g}. Use 10 or more."
        for name, seconds in lengths.items()
        if name != "max_seconds" and not seconds >= 0.5
    ]
    if not lengths["min_seconds"] <= lengths["max_seconds"] < np.inf:
        faults.append(
            "min_seconds must be at most max_seconds, got "
            f"{lengths['min_seconds']:g} and {lengths['max_seconds']:g}. Use 10 and 40."
        )
    return faults


_README = """This cohort is synthetic.

Its pictures show capsules that move, drawn by a program (semioscope synth --depth). It is a test instrument: it
shows whether a chain of programs runs, and whether the result is what was put in. Scores on it mean nothing
clinically, neither good ones nor bad ones.

patients.tsv, recordings.tsv, seizures.tsv   the tables (docs/formats.md)
videos/NAME-infrared.mkv                     infrared, 16 bit, lossless
videos/NAME-depth.mkv                        depth in millimetres, 0 = missing, lossless; it begins
                                             depth_offset_seconds after the infrared, and may lack a frame
truth/NAME.json                              what was drawn: phases, carers, camera, planes of the bed, boxes
truth/NAME.npz                               label pictures (labels) of some frames (frame_indices); the
                                             numbers are explained in NAME.json (parts)
truth/detections.json                        bed and person in the first frame of each seizure and of the parts
                                             before and after it, for crops without weights (semioscope crop
                                             plan --detector recorded --weights truth/detections.json)
held-out/                                    patients that the tables do not name, with held-out.tsv as truth
synthetic.json                               the settings; the same settings give the same cohort
.units/                                      which recordings are done; the same command goes on from here
"""
