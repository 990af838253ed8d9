"""A tiny cohort of depth recordings, made in a second: one event each, streams of 128x106 pixels, 10 fps."""

import numpy as np
from depth_scene import scene
from gray16 import write_video

from semioscope.cohort import Cohort, write_cohort
from semioscope.core.records import EventView, Patient, Recording, Seizure

FPS = 10
ONSET, OFFSET = 0.4, 2.0
"""Of every event; its frames are the stored ones from 4 to 19."""
WIDTH, HEIGHT = 128, 106


def tiny_depth_cohort(folder, names=("e1", "e2", "e3"), *, change=None, **recording):
    """Make and return a cohort; ``change(name, infrared, depth)`` may alter the frames (21, 106, 128) in place."""
    folder.mkdir(parents=True)
    recordings, seizures = {}, []
    for number, name in enumerate(names):
        infrared, depth = frames(seed=number)
        if change is not None:
            change(name, infrared, depth)
        write_video(folder / "videos" / f"{name}-infrared", infrared, fps=FPS)
        write_video(folder / "videos" / f"{name}-depth", depth, fps=FPS)
        recordings[name] = Recording(
            recording_id=name, patient_id=f"p{number}", view="infrared", path=f"videos/{name}-infrared.mkv",
            **{"depth_path": f"videos/{name}-depth.mkv"} | recording,
        )  # fmt: skip
        view = EventView(recording_id=name, onset_seconds=ONSET, offset_seconds=OFFSET)
        seizures.append(
            Seizure(seizure_id=name, patient_id=f"p{number}", views=(view,), labels={"syndrome": "FLE"})
        )
    cohort = Cohort(
        folder=folder,
        patients=tuple(Patient(patient_id=f"p{number}") for number in range(len(names))),
        recordings=recordings,
        seizures=tuple(seizures),
    )
    write_cohort(cohort)
    return cohort


def frames(*, seed=0, num_frames=21):
    """Return infrared and depth of a still scene whose noise changes and whose left edge counts the frames."""
    depth, infrared = scene(width=WIDTH, height=HEIGHT, seed=seed)
    rng = np.random.default_rng(seed)
    all_depth = np.repeat(depth[None], num_frames, axis=0)
    all_depth[rng.random(all_depth.shape) < 0.02] = 0
    all_infrared = np.repeat(infrared[None], num_frames, axis=0)
    all_infrared[:, 0, 0] = 1000 + np.arange(num_frames)
    return all_infrared, all_depth
