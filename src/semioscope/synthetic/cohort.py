"""Makes a whole synthetic cohort: tables, videos, truth, and patients that are held out.

It is a test instrument. The pictures are of capsules, not of people; scores on them mean nothing clinically.
"""

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
from semioscope.synthetic.depth_cohort import make_depth_cohort
from semioscope.synthetic.depth_plan import DEPTH_TASKS
from semioscope.synthetic.depth_room import DEPTH_SIZE
from semioscope.synthetic.recording import (
    RecordingJob,
    inset_region,
    make_recording,
    recording_id,
)
from semioscope.synthetic.scenario import SCENARIOS, VIEWS, RecordingPlan, Scenario, draw_recording
from semioscope.synthetic.style import draw_style
from semioscope.synthetic.ward_cohort import WARD_SIZE, WARD_TASKS, make_ward_cohort
from semioscope.video import CODECS

SYNTHETIC_VERSION = 1
"""Rises when the same seed gives other pictures."""

_SEIZURES_PER_PATIENT = 3


def make_cohort(
    folder: Path,
    *,
    task: str = "fos-vs-tcs",
    num_patients: int = 12,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    num_seizures: int | None = None,
    min_seconds: float | None = None,
    max_seconds: float = 40.0,
    contextual_hours: float | None = None,
    codec: str | None = None,
    hold_out: int = 0,
    depth: bool = False,
    preictal_seconds: float | None = None,
    postictal_seconds: float | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> SyntheticCohort:
    """Make a synthetic cohort folder; the same command again goes on after an interruption.

    Equal arguments give the same tables, truth and decoded pictures, whatever the number of workers. Scores
    on the result mean nothing clinically.

    Args:
        folder: Absent, empty, or the unfinished cohort of the same command.
        task: Key of ``SCENARIOS``, one of ``WARD_TASKS`` (``make_ward_cohort``), or with ``depth`` of
            ``DEPTH_TASKS``.
        num_patients: Patients in the tables, 1 or more.
        seed: Seed of everything.
        size: Width and height of the montage in pixels, both even, from 160x90 to 3840x2160; None means
            1920x1080. With ``depth`` that of both streams, from 64x52 to 1024x848; None means 512x424. Of a ward
            camera up to 1920x1080; None means 480x270.
        fps: Frames per second, in [10, 60]; None means 30. With ``depth`` and of a ward camera in [5, 60]; of a
            ward camera None means 25.
        num_seizures: Seizures of all patients together, at least one each; None means three per patient.
        min_seconds: Shortest seizure, at least 5, None means 15, of a ward camera 8; with ``depth`` at
            least 0.5, None means 10.
        max_seconds: Longest seizure.
        contextual_hours: Of a ward camera only: video without seizures; None means none.
        codec: A key of ``semioscope.video.CODECS``; None means mpeg2, of a ward camera h264. With ``depth`` it is
            always ffv1.
        hold_out: Further patients, with one seizure each; their videos are in ``FOLDER/held-out``, with
            their truth in ``held-out.tsv``, and the tables do not name them.
        depth: Make infrared and depth recordings of one camera (``make_depth_cohort``) instead of montages.
        preictal_seconds: With ``depth`` only: mean length of the part before a seizure; None means 15.
        postictal_seconds: With ``depth`` only: mean length of the part after it; None means 15.
        workers: Processes.
        progress: Where to report to.

    Returns:
        What was made.

    Raises:
        ConfigError: If an argument is outside its range.
        CohortError: If the folder holds something else, or a recording could not be made.
        StoreError: If the disk is full or the folder cannot be written.

    References:
        Montage, lengths and share of the clonic phase after GESTURES (2021), sections 2.1 and 3.1; the movements
        are ours.
    """
    _check_kind(
        task, codec, depth=depth, parts=(preictal_seconds, postictal_seconds), contextual=contextual_hours
    )
    if task in WARD_TASKS:
        return make_ward_cohort(
            folder, num_patients=num_patients, seed=seed, size=size or WARD_SIZE, fps=25.0 if fps is None else fps,
            num_seizures=num_seizures, min_seconds=8.0 if min_seconds is None else min_seconds,
            max_seconds=max_seconds, contextual_hours=contextual_hours or 0.0, codec=codec or "h264",
            hold_out=hold_out, workers=workers, progress=progress,
        )  # fmt: skip
    fps = 30.0 if fps is None else fps
    if depth:
        return make_depth_cohort(
            folder, task=task, num_patients=num_patients, seed=seed, size=size or DEPTH_SIZE, fps=fps,
            num_seizures=num_seizures, min_seconds=10.0 if min_seconds is None else min_seconds,
            max_seconds=max_seconds, preictal_seconds=15.0 if preictal_seconds is None else preictal_seconds,
            postictal_seconds=15.0 if postictal_seconds is None else postictal_seconds, hold_out=hold_out,
            workers=workers, progress=progress,
        )  # fmt: skip
    size, codec = size or (1920, 1080), codec or "mpeg2"
    min_seconds = 15.0 if min_seconds is None else min_seconds
    scenario = SCENARIOS[task]
    num_seizures = _SEIZURES_PER_PATIENT * num_patients if num_seizures is None else num_seizures
    _check(num_patients, num_seizures, size, fps, min_seconds, max_seconds, codec, hold_out)
    settings = {
        "synthetic": True,
        "note": "A test instrument: scores on this cohort mean nothing clinically.",
        "version": SYNTHETIC_VERSION,
        "task": task,
        "num_patients": num_patients,
        "seed": seed,
        "size": list(size),
        "fps": float(fps),
        "num_seizures": num_seizures,
        "min_seconds": float(min_seconds),
        "max_seconds": float(max_seconds),
        "codec": codec,
        "hold_out": hold_out,
    }
    claim(folder, settings, readme=_README)

    def plan(patient_id: str, label: str, number: int) -> RecordingPlan:
        return draw_recording(
            scenario, draw_style(patient_id, seed=seed), label, seizure_id=f"{patient_id}-s{number}", seed=seed,
            min_seconds=float(min_seconds), max_seconds=float(max_seconds),
        )  # fmt: skip

    plans = [
        plan(patient_id, label, number)
        for patient_id, labels in _deal(scenario, num_patients, num_seizures, seed=seed).items()
        for number, label in enumerate(labels, 1)
    ]
    names = [f"h{number:02d}" for number in range(1, hold_out + 1)]
    first = len(scenario.classes) - 1
    held = [
        plan(name, scenario.classes[(first + k) % len(scenario.classes)], 1) for k, name in enumerate(names)
    ]
    suffix = CODECS[codec].suffixes[0]
    jobs = [
        RecordingJob(
            plan=item,
            video=folder / place / f"{item.seizure_id}{suffix}",
            truth=folder
            / (f"{HELD_OUT}/truth" if place == HELD_OUT else "truth")
            / f"{item.seizure_id}.json",
            width=size[0],
            height=size[1],
            fps=float(fps),
            codec=codec,
        )
        for place, group in (("videos", plans), (HELD_OUT, held))
        for item in group
    ]
    made_of = {
        key: settings[key]
        for key in ("version", "task", "seed", "size", "fps", "min_seconds", "max_seconds", "codec")
    }
    units = [
        Unit(
            name=job.plan.seizure_id,
            key=digest([made_of, job.plan.seizure_id, job.plan.label]),
            outputs=(job.video, job.truth),
            payload=job,
            weight=job.plan.duration_seconds,
        )
        for job in jobs
    ]
    render(folder, make_recording, units, workers=workers, progress=progress or QuietProgress())
    cohort = _tables(folder, plans, scenario, size=size, suffix=suffix)
    write_cohort(cohort)
    if held:
        write_text(
            folder / HELD_OUT / "held-out.tsv", _held_out_table(held, scenario, size=size, suffix=suffix)
        )
    return SyntheticCohort(
        folder=folder,
        task=task,
        seed=seed,
        num_patients=num_patients,
        num_seizures=len(plans),
        class_counts={name: sum(item.label == name for item in plans) for name in scenario.classes},
        total_seconds=round(sum(item.duration_seconds for item in plans), 2),
        held_out_videos=tuple(job.video for job in jobs[len(plans) :]),
    )


def _check_kind(
    task: str,
    codec: str | None,
    *,
    depth: bool,
    parts: tuple[float | None, float | None],
    contextual: float | None,
) -> None:
    if contextual is not None and task not in WARD_TASKS:
        msg = (
            f"Contextual video is made for {' or '.join(WARD_TASKS)} only, got task {task}. Leave contextual_hours "
            "out, or ask for that task."
        )
        raise ConfigError(msg)
    if depth and codec not in (None, "ffv1"):
        msg = f"A depth cohort is always written with ffv1, got codec {codec}. Leave the codec out."
        raise ConfigError(msg)
    if depth and task in (*SCENARIOS, *WARD_TASKS):
        msg = (
            f"Task {task} is made of videos without depth, but depth was asked for. Ask for "
            f"{' or '.join(DEPTH_TASKS)}, or leave depth out."
        )
        raise ConfigError(msg)
    if not depth and task in DEPTH_TASKS:
        others = " or ".join((*SCENARIOS, *WARD_TASKS))
        msg = f"Task {task} is made of depth recordings. Ask for depth (--depth), or for {others}."
        raise ConfigError(msg)
    if not depth and parts != (None, None):
        msg = "preictal_seconds and postictal_seconds have a meaning for depth cohorts only. Leave them out."
        raise ConfigError(msg)
    if not depth and task not in (*SCENARIOS, *WARD_TASKS):
        raise ConfigError(unknown_name("task of a synthetic cohort", task, (*SCENARIOS, *WARD_TASKS)))


def _check(
    num_patients: int,
    num_seizures: int,
    size: tuple[int, int],
    fps: float,
    min_seconds: float,
    max_seconds: float,
    codec: str,
    hold_out: int,
) -> None:
    width, height = size
    faults = count_faults(num_patients, num_seizures, hold_out)
    if not (160 <= width <= 3840 and 90 <= height <= 2160) or width % 2 or height % 2:
        faults.append(
            f"size must be two even numbers from 160x90 to 3840x2160, got {width}x{height}. Use 480x270."
        )
    if not 10 <= fps <= 60:
        faults.append(f"fps must be in [10, 60], got {fps:g}. Use 15 for small cohorts, 30 as on the ward.")
    if not 5 <= min_seconds <= max_seconds:
        faults.append(
            f"min_seconds must be at least 5 and at most max_seconds, got {min_seconds:g} and {max_seconds:g}. "
            "Use 15 and 40."
        )
    if codec not in CODECS:
        faults.append(unknown_name("codec", codec, CODECS))
    if faults:
        raise ConfigError("\n".join(faults))


def _deal(scenario: Scenario, num_patients: int, num_seizures: int, *, seed: int) -> dict[str, list[str]]:
    """Return the labels of each patient's seizures; some patients have more of them, some have one class only."""
    rng = stream(seed, "synthetic-cohort")
    shares = rng.dirichlet(np.full(num_patients, 4.0))
    counts = 1 + rng.multinomial(num_seizures - num_patients, shares)
    order = rng.permutation(num_patients)
    dealt = {}
    for index in range(num_patients):
        profile = scenario.profiles[int(order[index]) % len(scenario.profiles)]
        dealt[f"p{index + 1:02d}"] = [profile[k % len(profile)] for k in range(int(counts[index]))]
    return dealt


def _tables(
    folder: Path, plans: list[RecordingPlan], scenario: Scenario, *, size: tuple[int, int], suffix: str
) -> Cohort:
    inset = inset_region(*size)
    recordings, seizures = {}, []
    for plan in plans:
        for view in VIEWS:
            name = recording_id(plan, view)
            recordings[name] = Recording(
                recording_id=name,
                patient_id=plan.style.patient_id,
                view=view,
                path=f"videos/{plan.seizure_id}{suffix}",
                region=inset if view == "small" else None,
                blank=inset if view == "large" else None,
            )
        views = tuple(
            EventView(
                recording_id=recording_id(plan, view),
                onset_seconds=plan.onset_seconds,
                offset_seconds=plan.offset_seconds,
                clonic_onset_seconds=plan.clonic_onset_seconds,
                use=plan.use(view),
            )
            for view in VIEWS
        )
        seizures.append(
            Seizure(
                seizure_id=plan.seizure_id,
                patient_id=plan.style.patient_id,
                views=views,
                labels={scenario.column: plan.label, "semiology": plan.semiology},
            )
        )
    patients = tuple(
        Patient(patient_id=name) for name in dict.fromkeys(plan.style.patient_id for plan in plans)
    )
    return Cohort(folder=folder, patients=patients, recordings=recordings, seizures=tuple(seizures))


def _held_out_table(
    plans: list[RecordingPlan], scenario: Scenario, *, size: tuple[int, int], suffix: str
) -> str:
    header = ["path", "patient_id", "onset", "clonic_onset", "offset", scenario.column, "semiology", "inset"]
    lines = ["\t".join(header)]
    for plan in plans:
        clonic = "n/a" if plan.clonic_onset_seconds is None else f"{plan.clonic_onset_seconds:g}"
        lines.append("\t".join([
            f"{plan.seizure_id}{suffix}", plan.style.patient_id, f"{plan.onset_seconds:g}", clonic,
            f"{plan.offset_seconds:g}", plan.label, plan.semiology, str(inset_region(*size)),
        ]))  # fmt: skip
    return "\n".join(lines) + "\n"


_README = """This cohort is synthetic.

Its pictures show capsules that move, drawn by a program (semioscope synth). It is a test instrument: it shows
whether a chain of programs runs, and whether the result is what was put in. Scores on it mean nothing
clinically, neither good ones nor bad ones.

patients.tsv, recordings.tsv, seizures.tsv   the tables (docs/formats.md); each video is a montage of two views
videos/                                      the recordings
truth/NAME.json                              what was drawn: phases, rates, the patient's box in each view at
                                             1 Hz, light, camera moves, the carer's visit
held-out/                                    patients that the tables do not name, with held-out.tsv as truth
synthetic.json                               the settings; the same settings give the same cohort
.units/                                      which recordings are done; the same command goes on from here
"""
