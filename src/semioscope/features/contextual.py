"""Excerpts of contextual video, and their features in the store: what training without labels reads.

```
contextual recordings ──▶ excerpts (plan) ──▶ frames at 25 per second ──▶ store, one key per recording and cut
                                                                            │ read one excerpt at a time
                                                      StoredExcerpts  ◀─────┘
```
Nothing is copied or cut. Every frame is a clip of its own in the store, so excerpts may be chosen anew and share
what is computed. Of each excerpt there may be several random cuts.

References:
    Hou et al. (2022), sections 3.1.1 and 4; methods, section 4.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int

from semioscope.cohort import Cohort
from semioscope.cohort.contextual_video import ContextualVideo, contextual_videos
from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.progress import format_seconds
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted
from semioscope.features.clips import EventClips
from semioscope.features.constant_pictures import constant_features
from semioscope.features.excerpt_light import Light, balanced
from semioscope.features.key import BackboneChoice, load_backbone
from semioscope.features.plan import plan_extraction
from semioscope.features.planned import ExtractionFailure, ExtractionPlan, shortened
from semioscope.features.reading import EventFeatures, load_features
from semioscope.features.store import FeatureStore
from semioscope.plans import ClipPlan, ExcerptPlan, Excerpts, contextual_excerpts, evenly
from semioscope.preprocess.frame_pictures import FramePictureConfig

Balance = Literal["none", "day-night"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualPlan:
    """Which excerpts are trained on, and what has to be computed for them.

    Args:
        names: A name per excerpt: recording and first frame of its grid.
        recording_ids: The recording of each excerpt.
        patient_ids: Whose recording it is.
        num_frames: Real frames of each excerpt.
        extractions: The features, one plan per random cut; ``joined`` reads each file once for all of them.
        picture: What is done to the pictures; its number of the cut is not used.
        failures: Recordings that are not used, and why.
        notes: What a person should know, as sentences.
        num_seconds: Length of the recordings that can be read, together.
        num_recordings: How many of them have an excerpt that is free of seizures.
        num_free: Excerpts that are free of seizures, of which these were taken.
        num_night: Excerpts by night; None where day and night were not told apart.
    """

    names: tuple[str, ...]
    recording_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    num_frames: Int[np.ndarray, " num_excerpts"]
    extractions: tuple[ExtractionPlan, ...]
    picture: FramePictureConfig
    failures: tuple[ExtractionFailure, ...]
    notes: tuple[str, ...]
    num_seconds: float
    num_recordings: int
    num_free: int
    num_night: int | None = None

    @property
    def patients(self) -> tuple[str, ...]:
        """Patients whose video is used, sorted."""
        return tuple(sorted(set(self.patient_ids)))

    @property
    def joined(self) -> ExtractionPlan:
        """All extractions as one, in which every file is decoded once for all its cuts."""
        return joined_extractions(self.extractions)

    def describe(self) -> str:
        """Return the plan in a few lines."""
        lines = [
            f"{len(self.names)} of {self.num_free} excerpts ({int(self.num_frames.sum())} frames) from "
            f"{counted(self.num_recordings, 'contextual recording')} of {counted(len(self.patients), 'patient')}, "
            f"{format_seconds(self.num_seconds)} in all; {counted(len(self.extractions), 'random cut')} of each."
        ]
        if self.num_night is not None:
            lines.append(f"{len(self.names) - self.num_night} by day, {self.num_night} by night.")
        joined = self.joined
        lines.append(
            f"Features: {joined.num_stored} of {joined.num_clips} pictures are in the store, {joined.num_missing} "
            f"have to be computed ({joined.num_frames} frames to read)."
        )
        lines += [f"Note: {note}" for note in self.notes]
        lines += [f"Not used: {failure.recording_id}. {failure.message}" for failure in self.failures]
        return "\n".join(lines)


def plan_contextual(
    cohort: Cohort,
    plan: ExcerptPlan,
    *,
    backbone: BackboneChoice,
    store: FeatureStore,
    picture: FramePictureConfig,
    num_crops: int = 1,
    balance: Balance = "none",
) -> ContextualPlan:
    """Choose excerpts of the contextual recordings of a cohort, and plan their features. Writes nothing.

    Args:
        cohort: The cohort.
        plan: Which excerpts exist, and how many are taken.
        backbone: The network; one that sees single pictures.
        store: Where features are kept.
        picture: What is done to the pictures; the seed of the cuts is used, their number is 0 to ``num_crops - 1``.
        num_crops: Random cuts of each excerpt, at least 1.
        balance: ``day-night`` takes as many excerpts by night as by day, as far as there are (see ``balanced``); a
            few pictures of many excerpts are decoded for it.

    Raises:
        ConfigError: If ``num_crops`` is below 1, more excerpts are wanted than there are, or the network or the
            pictures do not fit.
        CohortError: If the cohort has no contextual recording, or none that can be used.
        WeightsError: If the weights of the network are absent or damaged.
    """
    if num_crops < 1:
        msg = f"num_crops must be 1 or more, got {num_crops}. 1 is the least work."
        raise ConfigError(msg)
    network = load_backbone(backbone, fps=plan.fps)
    if network.spec.kind != "2d":
        msg = (
            f"The network must see single pictures (2d), but {network.spec.name} sees clips. Use resnet152, as in "
            "the paper."
        )
        raise ConfigError(msg)
    picture.check_size(network.spec.input_size)
    videos, faults = contextual_videos(cohort)
    free = _free(videos, plan)
    light: Light | None = None
    if balance == "none" or not videos:
        chosen = free.taken(evenly(len(free), plan.num_clips))
    else:
        chosen, light = balanced(cohort, videos, free, plan)
    clips = ClipPlan(fps=plan.fps, frames_per_clip=1, stride=1)
    events = _events(videos, chosen, plan.fps)
    extractions = tuple(
        plan_extraction(
            cohort,
            events,
            clips,
            backbone=backbone,
            store=store,
            picture=picture.model_copy(update={"cut_number": number, "excerpt_frames": plan.num_frames}),
        )
        for number in range(num_crops)
    )
    kept = {entry.event_id for entry in extractions[0].events}
    index = [number for number, event in enumerate(events) if event.event_id in kept]
    named = [
        ExtractionFailure(recording_id=name, event_ids=(), message=text) for name, text in faults.items()
    ]
    if not index:
        said = " ".join(failure.message for failure in (*named, *extractions[0].failures))
        msg = f"At least one excerpt of contextual video is needed, got none. {said}".strip()
        raise ConfigError(msg)
    return ContextualPlan(
        names=tuple(events[number].event_id for number in index),
        recording_ids=tuple(events[number].views[0].recording_id for number in index),
        patient_ids=tuple(events[number].patient_id for number in index),
        num_frames=chosen.num_frames[index],
        extractions=extractions,
        picture=picture,
        failures=(*named, *extractions[0].failures),
        notes=(*_without_excerpt(videos, free, plan), *(light.notes if light is not None else ())),
        num_seconds=sum(video.duration_seconds for video in videos),
        num_recordings=len(set(free.recording_index.tolist())),
        num_free=len(free),
        num_night=None if light is None else int(light.is_night[index].sum()),
    )


def joined_extractions(plans: Sequence[ExtractionPlan]) -> ExtractionPlan:
    """Return extractions of the same recordings as one: what can be decoded together is."""
    reads: dict[Any, Any] = {}
    for plan in plans:
        for read in plan.reads:
            name = (read.path, read.picture, read.depth_path, read.views[0].event_start_seconds)
            before = reads.get(name)
            reads[name] = (
                read
                if before is None
                else replace(
                    before,
                    views=(*before.views, *read.views),
                    num_frames=max(before.num_frames, read.num_frames),
                )
            )
    return replace(
        plans[0],
        events=tuple(event for plan in plans for event in plan.events),
        reads=tuple(reads.values()),
        num_clips=sum(plan.num_clips for plan in plans),
        num_stored=sum(plan.num_stored for plan in plans),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredExcerpts:
    """Excerpts whose features lie in a store; one is read when it is asked for. An ``ExcerptSource``.

    Args:
        names: A name per excerpt.
        num_frames: Real frames of each.
        mask: Features of the MASK picture.
        pad: Features of the PAD picture.
        patients: Whose excerpts they are, sorted.
        left_out: Names of excerpts that could not be had, in the order of the plan.
        notes: Why, and what is doubtful in the others, as sentences.
        plans: One extraction per random cut.
        entries: Per cut the clips of every excerpt.
    """

    names: tuple[str, ...]
    num_frames: Int[np.ndarray, " num_excerpts"]
    mask: Float32[np.ndarray, " num_features"]
    pad: Float32[np.ndarray, " num_features"]
    patients: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    plans: tuple[ExtractionPlan, ...]
    entries: tuple[tuple[EventClips, ...], ...]

    @property
    def num_crops(self) -> int:
        """Random cuts of each excerpt."""
        return len(self.plans)

    def read(self, index: int, crop: int) -> Float32[np.ndarray, "num_frames num_features"]:
        """Return the features of the frames of one cut of one excerpt, in the order of time."""
        plan = self.plans[crop]
        found = load_features(plan.store, self.entries[crop][index], plan.clip_plan)
        return found.features[:, 0]


def stored_excerpts(plan: ContextualPlan) -> StoredExcerpts:
    """Return the excerpts of a plan after their features were computed.

    Every excerpt is read once: one that the store lacks, or with a frame that the video lacks, is left out and named.

    Raises:
        ConfigError: If none is left.
        WeightsError: If the features of MASK and PAD are not in the store, and the network has no weights.
    """
    entries = [{entry.event_id: entry for entry in one.events} for one in plan.extractions]
    there, reasons, doubts = [], Counter[str](), _Doubts()
    for number, name in enumerate(plan.names):
        reason = _fault(plan, [own[name] for own in entries], int(plan.num_frames[number]), doubts)
        if reason:
            reasons[f"{plan.recording_ids[number]}: {reason}"] += 1
        else:
            there.append(number)
    notes = tuple(f"Left out: {counted(count, 'excerpt')} of {reason}" for reason, count in reasons.items())
    notes += doubts.notes()
    if not there:
        msg = f"At least one excerpt must have features, got none. {' '.join(notes)}"
        raise ConfigError(msg)
    kept = [plan.names[number] for number in there]
    first = plan.extractions[0]
    mask, pad = constant_features(first.backbone, first.store, fps=_fps(first))
    return StoredExcerpts(
        names=tuple(kept),
        num_frames=plan.num_frames[there],
        mask=mask,
        pad=pad,
        patients=tuple(sorted({plan.patient_ids[number] for number in there})),
        left_out=tuple(sorted(set(plan.names) - set(kept), key=plan.names.index)),
        notes=notes,
        plans=plan.extractions,
        entries=tuple(tuple(own[name] for name in kept) for own in entries),
    )


def _fps(plan: ExtractionPlan) -> float:
    assert isinstance(plan.clip_plan, ClipPlan)
    return plan.clip_plan.fps


@dataclass(slots=True)
class _Doubts:
    """Frames of excerpts that are used all the same, and in how many excerpts, by recording."""

    damaged: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def look_at(self, found: EventFeatures) -> None:
        self.damaged[found.recording_id] += int((found.num_damaged_frames > 0).sum())
        self.held[found.recording_id] += int((found.num_held_frames > 0).sum())

    def notes(self) -> tuple[str, ...]:
        kinds = (
            (self.damaged, "that the decoder marked as damaged"),
            (self.held, "for which an older picture is shown, as the video has a gap there"),
        )
        return tuple(
            f"Trained on: {counted(counts.total(), 'frame')} {what} ({shortened(list(+counts))})."
            for counts, what in kinds
            if counts.total()
        )


def _fault(plan: ContextualPlan, entries: Sequence[EventClips], num_frames: int, doubts: _Doubts) -> str:
    """Return why an excerpt cannot be used; empty if it can, and then what is doubtful in it is noted."""
    first: EventFeatures | None = None
    for extraction, entry in zip(plan.extractions, entries, strict=True):
        try:
            found = load_features(extraction.store, entry, extraction.clip_plan)
        except (StoreError, ConfigError):
            return "its features could not be computed."
        if not found.is_whole.all():
            return "frames are missing in the video."
        if len(found.features) != num_frames:
            return f"{len(found.features)} frames instead of {num_frames}."
        first = first or found
    if first is not None:
        doubts.look_at(first)
    return ""


def _free(videos: Sequence[ContextualVideo], plan: ExcerptPlan) -> Excerpts:
    """Return every excerpt that may be taken, however many are wanted."""
    return contextual_excerpts(
        [video.duration_seconds for video in videos],
        [video.seizures for video in videos],
        plan.model_copy(update={"num_clips": None}),
    )


def _without_excerpt(videos: Sequence[ContextualVideo], free: Excerpts, plan: ExcerptPlan) -> tuple[str, ...]:
    """Return a sentence that names recordings of which nothing can be taken; nothing if there are none."""
    taken = set(free.recording_index.tolist())
    without = [video.recording.recording_id for number, video in enumerate(videos) if number not in taken]
    if not without:
        return ()
    return (
        f"{counted(len(without), 'recording')} without an excerpt ({shortened(without)}): shorter than "
        f"{plan.min_frames / plan.fps:g} s, or within {plan.margin_seconds:g} s of seizures all along.",
    )


def _events(videos: Sequence[ContextualVideo], chosen: Excerpts, fps: float) -> list[Event]:
    events = []
    for number in range(len(chosen)):
        recording = videos[chosen.recording_index[number]].recording
        first, count = int(chosen.first_frame[number]), int(chosen.num_frames[number])
        view = EventView(
            recording_id=recording.recording_id,
            onset_seconds=first / fps,
            offset_seconds=(first + count) / fps,
        )
        name = f"{recording.recording_id}@{first}"
        events.append(Event(event_id=name, patient_id=recording.patient_id, y_true=None, views=(view,)))
    return events
