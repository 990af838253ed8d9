"""Events, their features, and tables of clips for the tests of clips as examples."""

import weakref
from collections.abc import Iterator, Mapping

import numpy as np

from semioscope.core.records import Event, EventView
from semioscope.evaluation import wanted_clips
from semioscope.features import EventFeatures
from semioscope.plans import ClipPlan, clip_centre_seconds, clip_start_seconds, clips_in

SEGMENT_FRAMES = 12
NUM_FEATURES = 5


def clip_plan(frames: int = 8, stride: int = 1) -> ClipPlan:
    return ClipPlan(fps=10, frames_per_clip=frames, stride=stride)


def clip_features(event_id, view, plan, *, seed=0, missing=(), steps=2, shift=3.0, size=NUM_FEATURES):
    """Features in which a clip after the clonic onset looks different."""
    clips = clips_in(plan, view.interval)
    values = np.random.default_rng(seed).normal(size=(len(clips), steps, size)).astype(np.float32)
    if view.clonic_onset_seconds is not None:
        values[clip_centre_seconds(plan, clips) >= view.clonic_onset_seconds, :, 0] += shift
    values[np.isin(clips, list(missing))] = np.nan
    zeros = np.zeros(len(clips), np.int32)
    return EventFeatures(
        event_id=event_id,
        recording_id=view.recording_id,
        features=values,
        clip_index=clips,
        start_seconds=clip_start_seconds(plan, clips),
        end_seconds=clip_start_seconds(plan, clips) + plan.clip_seconds,
        num_missing_frames=zeros,
        num_held_frames=zeros + 1,
        num_damaged_frames=zeros,
    )


def clip_events(num_events: int = 8, *, num_views: int = 2) -> list[Event]:
    """Events of two classes in turn, those of class 1 with a clonic onset; two events per patient."""
    events = []
    for k in range(num_events):
        onset, offset = 1.05 + k, 9.0 + 1.3 * k
        clonic = onset + 0.6 * (offset - onset) if k % 2 else None
        views = tuple(
            EventView(
                recording_id=f"e{k}-{name}",
                onset_seconds=onset,
                offset_seconds=offset,
                clonic_onset_seconds=clonic,
            )
            for name in ("large", "small")[:num_views]
        )
        events.append(Event(event_id=f"e{k}", patient_id=f"p{k // 2}", y_true=k % 2, views=views))
    return events


def all_features(events, plan, **changes):
    return {
        (event.event_id, view.recording_id): clip_features(event.event_id, view, plan, seed=k, **changes)
        for k, event in enumerate(events)
        for view in event.views
    }


def view_names(events):
    return {
        view.recording_id: view.recording_id.partition("-")[2] for event in events for view in event.views
    }


class Lazy(Mapping):
    """Features that are made when they are asked for; holds wanted clips only, and sees what is kept."""

    def __init__(self, events, plan, *, segment_frames, window_stride):
        self.plan, self.frames = plan, {"segment_frames": segment_frames, "window_stride": window_stride}
        self.views = {
            (event.event_id, view.recording_id): (k, view)
            for k, event in enumerate(events)
            for view in event.views
        }
        self.asked: list[tuple[str, str]] = []
        self.given: list[weakref.ref[np.ndarray]] = []
        self.most_alive = 0

    def __getitem__(self, key):
        seed, view = self.views[key]
        self.asked.append(key)
        self.most_alive = max(self.most_alive, sum(given() is not None for given in self.given))
        whole = clip_features(key[0], view, self.plan, seed=seed)
        wanted = wanted_clips(self.plan, view.interval, **self.frames)
        there = np.isin(whole.clip_index, wanted)
        columns = {
            name: getattr(whole, name)[there]
            for name in (
                "features",
                "clip_index",
                "start_seconds",
                "end_seconds",
                "num_missing_frames",
                "num_held_frames",
                "num_damaged_frames",
            )
        }
        self.given.append(weakref.ref(columns["features"]))
        return EventFeatures(event_id=whole.event_id, recording_id=whole.recording_id, **columns)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.views)

    def __len__(self) -> int:
        return len(self.views)
