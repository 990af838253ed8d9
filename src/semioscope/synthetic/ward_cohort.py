"""Makes a synthetic cohort of a ward camera: epileptic and psychogenic seizures, and contextual video; truth beside.

It is a test instrument. The pictures are of capsules, not of people; scores on them mean nothing clinically.
"""

from pathlib import Path

import numpy as np

from semioscope.cohort import write_cohort
from semioscope.core.errors import ConfigError, unknown_name
from semioscope.core.files import digest, write_text
from semioscope.core.progress import Progress, QuietProgress
from semioscope.core.randomness import stream
from semioscope.execution import Unit
from semioscope.networks import write_coco
from semioscope.synthetic.cohort_folder import HELD_OUT, SyntheticCohort, claim, count_faults, render
from semioscope.synthetic.contextual_plan import LEAST_SECONDS, deal_contextual
from semioscope.synthetic.style import draw_style
from semioscope.synthetic.ward_plan import ES_VS_PNES, WardPlan, draw_seizure_plan
from semioscope.synthetic.ward_recording import WardJob, make_ward_recording
from semioscope.synthetic.ward_tables import held_out_table, ward_boxes, ward_tables
from semioscope.video import CODECS

WARD_VERSION = 1
"""Rises when the same seed gives other pictures."""

WARD_TASKS = (ES_VS_PNES.task,)
"""Tasks that cohorts of a ward camera are made for."""

WARD_SIZE = (480, 270)
"""Width and height where nothing else is asked for."""

BOXES = Path("truth", "boxes.json")
"""Where the boxes for a detector are in a cohort; pictures are named relative to its folder."""

_SEIZURES_PER_PATIENT = 3


def make_ward_cohort(
    folder: Path,
    *,
    num_patients: int = 12,
    seed: int = 0,
    size: tuple[int, int] = WARD_SIZE,
    fps: float = 25.0,
    num_seizures: int | None = None,
    min_seconds: float = 8.0,
    max_seconds: float = 40.0,
    contextual_hours: float = 0.0,
    codec: str = "h264",
    hold_out: int = 0,
    workers: int = 2,
    progress: Progress | None = None,
) -> SyntheticCohort:
    """Make a synthetic cohort of a ward camera; the same command again goes on after an interruption.

    Equal arguments give the same bytes of tables, truth and videos, whatever the number of workers.

    Args:
        folder: Absent, empty, or the unfinished cohort of the same command.
        num_patients: Patients in the tables, 1 or more; each has seizures of one kind, two of three epileptic ones.
        seed: Seed of everything.
        size: Width and height in pixels, both even, from 160x90 to 1920x1080.
        fps: Frames per second, in [5, 60].
        num_seizures: Seizures of all patients together, at least one each, each in a recording of its own; None
            means three per patient.
        min_seconds: Shortest seizure, at least 5.
        max_seconds: Longest seizure.
        contextual_hours: Contextual video of all patients together, in recordings of about two minutes; 0 or at
            least 10 s per patient.
        codec: A key of ``semioscope.video.CODECS``.
        hold_out: Further patients, with one seizure each; their videos are in ``FOLDER/held-out``, with
            their truth in ``held-out.tsv``, and the tables do not name them.
        workers: Processes.
        progress: Where to report to.

    Raises:
        ConfigError: If an argument is outside its range.
        CohortError: If the folder holds something else, or a recording could not be made.
        StoreError: If the disk is full or the folder cannot be written.

    References:
        Kinds and share of patients after Hou et al. (2022), section 3.1; movements, rooms and colours are ours.
    """
    num_seizures = _SEIZURES_PER_PATIENT * num_patients if num_seizures is None else num_seizures
    faults = [
        *count_faults(num_patients, num_seizures, hold_out),
        *_contextual_faults(contextual_hours, num_patients),
        *_picture_faults(size, fps, codec),
        *_length_faults(min_seconds, max_seconds),
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    settings = {
        "synthetic": True,
        "note": "A test instrument: scores on this cohort mean nothing clinically.",
        "version": WARD_VERSION,
        "task": ES_VS_PNES.task,
        "num_patients": num_patients,
        "seed": seed,
        "size": list(size),
        "fps": float(fps),
        "num_seizures": num_seizures,
        "min_seconds": float(min_seconds),
        "max_seconds": float(max_seconds),
        "contextual_hours": float(contextual_hours),
        "codec": codec,
        "hold_out": hold_out,
    }
    claim(folder, settings, readme=_README)

    def seizure(patient_id: str, label: str, number: int) -> WardPlan:
        return draw_seizure_plan(
            draw_style(patient_id, seed=seed), label, recording_id=f"{patient_id}-s{number}", seed=seed,
            min_seconds=float(min_seconds), max_seconds=float(max_seconds),
        )  # fmt: skip

    dealt = deal_seizures(num_patients, num_seizures, seed=seed)
    plans = [
        seizure(name, label, number)
        for name, (label, count) in dealt.items()
        for number in range(1, count + 1)
    ]
    if contextual_hours:
        plans += deal_contextual(list(dealt), total_seconds=contextual_hours * 3600, seed=seed)
    classes = ES_VS_PNES.classes
    held = [seizure(f"h{number:02d}", classes[number % 2], 1) for number in range(1, hold_out + 1)]
    made_of = {
        key: settings[key]
        for key in ("version", "seed", "size", "fps", "min_seconds", "max_seconds", "codec")
    }
    jobs = [
        _job(plan, folder / place, size=size, fps=float(fps), codec=codec)
        for place, group in (("", plans), (HELD_OUT, held))
        for plan in group
    ]
    units = [
        Unit(
            name=job.plan.recording_id,
            key=digest([made_of, job.plan.recording_id, job.plan.label, job.plan.content, job.plan.light,
                        job.plan.duration_seconds]),
            outputs=(job.video, job.truth, *job.picture_frames.values()),
            payload=job,
            weight=job.plan.duration_seconds,
        )
        for job in jobs
    ]  # fmt: skip
    render(folder, make_ward_recording, units, workers=workers, progress=progress or QuietProgress())
    write_cohort(ward_tables(folder, plans, suffix=CODECS[codec].suffixes[0]))
    write_coco(folder / BOXES, ward_boxes(jobs[: len(plans)], folder / BOXES.parent))
    if held:
        write_text(folder / HELD_OUT / "held-out.tsv", held_out_table(held, suffix=CODECS[codec].suffixes[0]))
    with_seizures = [plan for plan in plans if plan.role == "seizures"]
    return SyntheticCohort(
        folder=folder,
        task=ES_VS_PNES.task,
        seed=seed,
        num_patients=num_patients,
        num_seizures=len(with_seizures),
        class_counts={name: sum(plan.label == name for plan in with_seizures) for name in classes},
        total_seconds=round(sum(plan.duration_seconds for plan in plans), 2),
        contextual_seconds=round(
            sum(plan.duration_seconds for plan in plans if plan.role == "contextual"), 2
        ),
        held_out_videos=tuple(job.video for job in jobs[len(plans) :]),
    )


def deal_seizures(num_patients: int, num_seizures: int, *, seed: int) -> dict[str, tuple[str, int]]:
    """Return the class and the number of seizures of each patient; some patients have more of them than others."""
    rng = stream(seed, "synthetic-ward-cohort")
    counts = 1 + rng.multinomial(num_seizures - num_patients, rng.dirichlet(np.full(num_patients, 4.0)))
    order = rng.permutation(num_patients)
    profiles = ES_VS_PNES.profiles
    return {
        f"p{index + 1:02d}": (profiles[int(order[index]) % len(profiles)][0], int(counts[index]))
        for index in range(num_patients)
    }


def _job(plan: WardPlan, place: Path, *, size: tuple[int, int], fps: float, codec: str) -> WardJob:
    videos = place if place.name == HELD_OUT else place / "videos"
    return WardJob(
        plan=plan,
        video=videos / f"{plan.recording_id}{CODECS[codec].suffixes[0]}",
        truth=place / "truth" / f"{plan.recording_id}.json",
        pictures=place / "truth" / "pictures" / plan.style.patient_id,
        width=size[0],
        height=size[1],
        fps=fps,
        codec=codec,
    )


def _contextual_faults(contextual_hours: float, num_patients: int) -> list[str]:
    faults = []
    if contextual_hours and not contextual_hours * 3600 >= LEAST_SECONDS * num_patients:
        faults.append(
            f"contextual_hours must be 0, or at least {LEAST_SECONDS:g} s for each of {num_patients} patients, got "
            f"{contextual_hours:g} h ({contextual_hours * 3600:g} s). Ask for --contextual-hours 0.5."
        )
    elif not contextual_hours <= 1000:
        faults.append(f"contextual_hours must be at most 1000, got {contextual_hours:g}. Ask for 1.")
    return faults


def _picture_faults(size: tuple[int, int], fps: float, codec: str) -> list[str]:
    width, height = size
    faults = []
    if not (160 <= width <= 1920 and 90 <= height <= 1080) or width % 2 or height % 2:
        faults.append(
            f"size of a ward cohort must be two even numbers from 160x90 to 1920x1080, got {width}x{height}. "
            "Use 480x270, or 192x108 for trials."
        )
    if not 5 <= fps <= 60:
        faults.append(f"fps of a ward cohort must be in [5, 60], got {fps:g}. Use 25, or 12.5 for trials.")
    if codec not in CODECS:
        faults.append(unknown_name("codec", codec, CODECS))
    return faults


def _length_faults(min_seconds: float, max_seconds: float) -> list[str]:
    if 5 <= min_seconds <= max_seconds < np.inf:
        return []
    return [
        f"min_seconds must be at least 5 and at most max_seconds, got {min_seconds:g} and {max_seconds:g}. Use 8 "
        "and 40."
    ]


_README = """This cohort is synthetic.

Its pictures show capsules that move, drawn by a program (semioscope synth --task es-vs-pnes). It is a test
instrument: it shows whether a chain of programs runs, and whether the result is what was put in. Scores on it mean
nothing clinically, neither good ones nor bad ones.

patients.tsv, recordings.tsv, seizures.tsv   the tables (docs/formats.md); recordings with the role contextual
                                             are free of seizures
videos/                                      the recordings: NAME-s1 a seizure, NAME-c1 contextual
truth/NAME.json                              what was drawn: phases, light, visits, the patient's box at 1 Hz
truth/boxes.json                             boxes of the patient in the pictures of truth/pictures/PATIENT, as
                                             COCO JSON, for training a detector: one picture a second of
                                             recordings with a seizure, one in 30 s of the others
held-out/                                    patients that the tables do not name, with held-out.tsv as truth
synthetic.json                               the settings; the same settings give the same cohort
.units/                                      which recordings are done; the same command goes on from here
"""
