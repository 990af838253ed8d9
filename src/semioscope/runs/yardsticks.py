"""The motion yardsticks: every recording is looked at in its own frame rate, up to 25 per second.

Methods: section 5. Band power needs windows of at least 2 s and a rate that shows 6 Hz.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from semioscope.cohort import Cohort
from semioscope.core.errors import SemioscopeError
from semioscope.core.records import Event
from semioscope.core.wording import counted
from semioscope.features import EventFeatures, ExtractionPlan
from semioscope.networks import FEATURE_NAMES, band_limit
from semioscope.networks.motion import CLIP_SECONDS, CONVULSION_HZ, MIN_FRAMES
from semioscope.plans import ClipPlan, clip_range
from semioscope.runs.results import Failure
from semioscope.runs.stored import StoredFeatures
from semioscope.video import probe

YARDSTICK_FPS = 25.0
"""Rate at which movement is looked at; a video of fewer frames per second is seen at its own rate."""
MIN_BAND_FPS = 2 * CONVULSION_HZ[1]
"""Below this rate 2-6 Hz cannot be seen, and there is no band power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YardstickGroup:
    """Views of one frame rate.

    Args:
        clips: Windows of 2 s, one per second.
        events: The events, each with its views of this rate only.
    """

    clips: ClipPlan
    events: tuple[Event, ...]

    @property
    def has_band_power(self) -> bool:
        """Whether the rate shows the band at all."""
        return self.clips.fps >= MIN_BAND_FPS


def motion_frames(fps: float) -> int:
    """Return how many frames a window of 2 s has, at least as many as the motion network needs."""
    return max(MIN_FRAMES, round(CLIP_SECONDS * fps))


def yardstick_groups(cohort: Cohort, events: Sequence[Event]) -> tuple[YardstickGroup, ...]:
    """Return the views of events by frame rate, the highest first.

    Views without a video are in none, nor those that hold no whole window. A video that cannot be opened counts as
    one of the usual rate; its failure is told when it is read.
    """
    rates: dict[Path | str, float] = {}
    by_rate: dict[float, list[Event]] = defaultdict(list)
    for event in events:
        views: dict[float, list[int]] = defaultdict(list)
        for position, view in enumerate(event.views):
            if cohort.recording(view.recording_id).path is None:
                continue
            rate = _rate(cohort, view.recording_id, rates)
            if clip_range(_windows(rate), view.interval).num_clips:
                views[rate].append(position)
        for rate, positions in views.items():
            by_rate[rate].append(replace(event, views=tuple(event.views[i] for i in positions)))
    return tuple(
        YardstickGroup(clips=_windows(rate), events=tuple(by_rate[rate]))
        for rate in sorted(by_rate, reverse=True)
    )


def yardstick_notes(groups: Sequence[YardstickGroup]) -> list[str]:
    """Return what the report must say about videos of low frame rate."""
    notes = []
    for group in groups:
        names = sorted({view.recording_id for event in group.events for view in event.views})
        which = "" if len(groups) == 1 else f" ({counted(len(names), 'recording')}, such as {names[0]})"
        if not group.has_band_power:
            notes.append(
                f"At {group.clips.fps:g} frames per second 2-6 Hz cannot be seen, so there is no band power{which}."
            )
        elif band_limit(group.clips.fps)[1]:
            notes.append(band_limit(group.clips.fps)[1].rstrip(".") + f"{which}.")
    return notes


def short_notes(cohort: Cohort, events: Sequence[Event], groups: Sequence[YardstickGroup]) -> list[str]:
    """Return what the report must say of events that have a video but hold no window, where others hold one."""
    seen = {event.event_id for group in groups for event in group.events}
    short = [
        event
        for event in events
        if event.event_id not in seen
        and any(cohort.recording(view.recording_id).path is not None for view in event.views)
    ]
    if not short or not groups:
        return []
    return [
        f"{counted(len(short), 'event holds', 'events hold')} no whole window of {CLIP_SECONDS:g} s, of which one "
        f"starts every second of a recording (such as {short[0].event_id}, "
        f"{max(view.duration_seconds for view in short[0].views):.1f} s): the yardsticks of movement give such the "
        "class frequencies."
    ]


def yardstick_features(
    groups: Sequence[YardstickGroup], plans: Sequence[ExtractionPlan], failures: list[Failure]
) -> dict[tuple[str, str], EventFeatures]:
    """Return the features of the motion yardsticks by event and recording; views without them join the failures."""
    seen: dict[tuple[str, str], EventFeatures] = {}
    for group, plan in zip(groups, plans, strict=True):
        found = StoredFeatures(plan, failures, stage="yardsticks")
        for name in found:
            features = found.get(name)
            if features is not None:
                seen[name] = features if group.has_band_power else without_band_power(features)
    return seen


def without_band_power(features: EventFeatures) -> EventFeatures:
    """Return features whose band power is undefined, for a video of too low a rate."""
    changed = features.features.copy()
    changed[..., FEATURE_NAMES.index("band_ratio")] = np.nan
    return replace(features, features=changed)


def _windows(rate: float) -> ClipPlan:
    return ClipPlan(fps=rate, frames_per_clip=motion_frames(rate), stride=max(1, round(rate)))


def _rate(cohort: Cohort, recording_id: str, rates: dict[Path | str, float]) -> float:
    try:
        path = cohort.video_path(recording_id)
        if path not in rates:
            fps = probe(path).fps
            rates[path] = max(1.0, round(min(YARDSTICK_FPS, fps), 3)) if fps > 0 else YARDSTICK_FPS
        return rates[path]
    except SemioscopeError:
        return YARDSTICK_FPS
