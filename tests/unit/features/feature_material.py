"""A small montage, a cohort of it, and a backbone whose numbers can be checked by hand."""

from pathlib import Path

import numpy as np

from semioscope.cohort import Cohort
from semioscope.core.records import Event, EventView, Patient, Recording, Region
from semioscope.features import BackboneChoice
from semioscope.networks import Backbone, BackboneSpec
from semioscope.plans import ClipPlan
from semioscope.preprocess import PictureConfig
from semioscope.video import VideoWriter

FPS = 15
SECONDS = 44
INSET = Region(x=0.0, y=0.0, width=0.5, height=0.5)
PLAN = ClipPlan(frames_per_clip=8, stride=4)
PICTURE = PictureConfig()
CHOICE = BackboneChoice(name="counting")
MOTION = BackboneChoice(name="motion")
SPEC = BackboneSpec(
    name="counting",
    kind="3d",
    frames_per_clip=8,
    min_frames=8,
    input_size=24,
    num_features=10,
    num_parameters=0,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    weights=None,
    paper="none",
    preprocessing="values to [0, 1]",
    batch_size=3,
)


class CountingRunner:
    """Gives numbers that differ for every clip, and remembers how many it saw."""

    engine, precision, device, on_accelerator, notes = "torch", "f32", "cpu", False, ()

    def __init__(self):
        self.num_clips = self.num_calls = 0
        self.before_call = lambda: None

    def run(self, batch):
        self.before_call()
        self.num_calls += 1
        self.num_clips += int(np.any(batch != 0, axis=(1, 2, 3, 4)).sum())
        means = batch.mean(axis=(3, 4))[:, :, :8].mean(axis=1)
        return np.concatenate(
            [means, batch.std(axis=(1, 2, 3, 4))[:, None], batch[:, 0, 0, 12, 12, None]], axis=1
        )


def counting_backbone(batch_size=3):
    runner = CountingRunner()
    return Backbone(SPEC, weights_hash="counting-1", runner=runner, batch_size=batch_size), runner


def picture_at(number):
    """Return a montage picture that tells its number: noise that moves, the inset another noise."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    whole = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    return np.roll(whole, number, axis=1)


def write_video(path, *, seconds=SECONDS, first=0, fps=FPS, codec="h264", skip=()):
    with VideoWriter(path, width=128, height=72, fps=fps, codec=codec) as writer:
        for number in range(round(seconds * fps)):
            if number not in skip:
                writer.write(picture_at(first + number), pts_seconds=number / fps)
    return path


def make_cohort(folder: Path, videos: dict[str, str], *, montage=True) -> Cohort:
    """Return a cohort in which every video (name -> relative path) gives the views NAME-large and NAME-small."""
    patients = tuple(Patient(patient_id=f"p-{name}") for name in videos)
    recordings = {}
    for name, path in videos.items():
        views = (("large", None, INSET), ("small", INSET, None)) if montage else (("large", None, None),)
        for view, region, blank in views:
            recordings[f"{name}-{view}"] = Recording(
                recording_id=f"{name}-{view}",
                patient_id=f"p-{name}",
                view=view,
                path=path,
                region=region,
                blank=blank,
            )
    return Cohort(folder=folder, patients=patients, recordings=recordings)


def event(cohort, name, start, end, *, event_id=None, use="train"):
    views = tuple(
        EventView(recording_id=recording_id, onset_seconds=start, offset_seconds=end, use=use)
        for recording_id, recording in cohort.recordings.items()
        if recording.patient_id == f"p-{name}"
    )
    return Event(event_id=event_id or f"sz-{name}", patient_id=f"p-{name}", y_true=0, views=views)


def block_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
