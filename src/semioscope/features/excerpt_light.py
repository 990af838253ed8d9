"""As many excerpts by night as by day, by what their pictures show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from semioscope.cohort import Cohort
from semioscope.cohort.contextual_video import ContextualVideo
from semioscope.core.errors import ConfigError, SemioscopeError
from semioscope.core.intervals import Interval
from semioscope.plans import ExcerptPlan, Excerpts, evenly
from semioscope.preprocess.day_night import light_of_stretch

CANDIDATES_PER_EXCERPT = 4
"""Of long video so many candidates per wanted excerpt are looked at; so night may be a fifth of the video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What is known of the light of the excerpts that were chosen.

    Args:
        is_night: Which excerpts are by night.
        notes: What a person should know, as sentences.
    """

    is_night: Bool[np.ndarray, " num_excerpts"]
    notes: tuple[str, ...] = ()


def balanced(
    cohort: Cohort, videos: Sequence[ContextualVideo], free: Excerpts, plan: ExcerptPlan
) -> tuple[Excerpts, Light]:
    """Choose as many excerpts by night as by day, each evenly over the time that is free.

    Of many free excerpts four per wanted one are looked at, evenly. Where one kind is short, all of it is taken, and
    without ``num_clips`` as many of the other; with it, the other fills up.

    Args:
        cohort: Whose files are opened.
        videos: The recordings of the excerpts.
        free: All excerpts that may be taken.
        plan: How many are wanted.

    Raises:
        ConfigError: If fewer excerpts are there than wanted.
    """
    wanted = plan.num_clips
    looked_at = np.arange(len(free))
    if wanted is not None and len(free) > CANDIDATES_PER_EXCERPT * wanted:
        looked_at = evenly(len(free), CANDIDATES_PER_EXCERPT * wanted)
    found: dict[str, list[int]] = {"day": [], "night": []}
    num_unknown = 0
    for number in looked_at.tolist():
        kind = _light(cohort, videos, free, number, plan.fps)
        if kind is None:
            num_unknown += 1
        else:
            found[kind].append(number)
    day, night = (np.array(found[kind], dtype=np.int64) for kind in ("day", "night"))
    num_day, num_night = _shares(len(day), len(night), wanted)
    taken = np.sort(np.concatenate([day[evenly(len(day), num_day)], night[evenly(len(night), num_night)]]))
    notes = []
    if num_day != num_night:
        notes.append(
            f"Day and night cannot be balanced: among {len(looked_at)} excerpts that were looked at, {len(day)} are "
            f"by day and {len(night)} by night."
        )
    if num_unknown:
        notes.append(f"{num_unknown} excerpts have no picture to tell day from night, and are left out.")
    return free.taken(taken), Light(is_night=np.isin(taken, night), notes=tuple(notes))


def _shares(num_day: int, num_night: int, wanted: int | None) -> tuple[int, int]:
    """Return how many are taken by day and by night."""
    if wanted is None:
        least = min(num_day, num_night) or max(num_day, num_night)
        return min(least, num_day), min(least, num_night)
    if wanted > num_day + num_night:
        msg = (
            f"num_clips must be at most the number of excerpts that are free and can be seen, which is "
            f"{num_day + num_night}, got {wanted}. Give more recordings, or a smaller number."
        )
        raise ConfigError(msg)
    by_night = min(num_night, wanted // 2)
    by_day = min(num_day, wanted - by_night)
    return by_day, wanted - by_day


def _light(
    cohort: Cohort, videos: Sequence[ContextualVideo], free: Excerpts, number: int, fps: float
) -> str | None:
    recording = videos[free.recording_index[number]].recording
    first: Int[np.ndarray, ""] = free.first_frame[number]
    start = float(first) / fps
    stretch = Interval(start_seconds=start, end_seconds=start + float(free.num_frames[number]) / fps)
    try:
        found = light_of_stretch(
            cohort.video_path(recording), stretch, region=recording.region, blank=recording.blank
        )
    except SemioscopeError:  # the extraction says it again, with the name of the recording
        return None
    return found.light
