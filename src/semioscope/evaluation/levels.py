"""What an example is: a whole view of an event, or every slice of it. Chosen by the type of the plan of a run.

```
 view of an event    clip clip clip ... clip         SegmentPlan: one example, a sequence of clips
                     slice  slice ... slice          StepPlan: as many examples, each a sequence of steps
                     [frame ... frame)[frame ...     ExcerptStepPlan: one example, as many sequences of frames
```
Scores roll up by the mean: slice or excerpt -> view -> event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64

from semioscope.core.config import Config
from semioscope.evaluation.example_table import ExampleTable
from semioscope.models import Aggregator
from semioscope.plans import ClipPlan, ExcerptStepPlan, SegmentPlan, SlicePlan, StepPlan
from semioscope.training import (
    ExamplePlan,
    SequenceSet,
    predict_scores,
    predict_sequences,
    predict_steps,
)
from semioscope.training.sequences import MASKED_ROW


@runtime_checkable
class ViewScorer(Protocol):
    """Gives the class probabilities of some views, by their position in the table."""

    def __call__(
        self,
        model: Aggregator,
        table: ExampleTable,
        chosen: Sequence[int],
        *,
        segments: Any,
        clips: Any,
    ) -> Any:
        """Return what the model says of the views."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One answer to what an example is.

    Args:
        examples: The examples of some views.
        scores: Class probabilities of some views, (num_views, num_classes).
        rows: The same as one plain dict per view, with its course over time: ``event_id``, ``recording_id``,
            ``scores``, and per segment, slice or excerpt ``start_seconds`` and ``end_seconds``, ``prefix``
            (probabilities had the event ended there) and ``clip`` (of that clip alone).
        num_steps: Steps of an example.
    """

    examples: Callable[[ExampleTable, Sequence[int], Any], SequenceSet]
    scores: ViewScorer
    rows: ViewScorer
    num_steps: Callable[[Any], int]


def level_of(plan: ExamplePlan) -> Level:
    """Return what an example is under a plan."""
    return LEVELS[type(plan)]


def _view_examples(table: ExampleTable, chosen: Sequence[int], clips: ClipPlan) -> SequenceSet:
    return table.sequences(chosen, frames_per_clip=clips.frames_per_clip)


def _view_scores(
    model: Aggregator,
    table: ExampleTable,
    chosen: Sequence[int],
    *,
    segments: SegmentPlan | ExcerptStepPlan,
    clips: ClipPlan,
) -> Float64[np.ndarray, "num_views num_classes"]:
    return predict_scores(model, _view_examples(table, chosen, clips), segments)


def score_views(
    model: Aggregator, table: ExampleTable, chosen: Sequence[int], *, segments: SegmentPlan, clips: ClipPlan
) -> list[dict[str, Any]]:
    """Return the scores of some views, one plain dict each, as :class:`Level` says.

    Clips are the middle ones of their segments (gamma = inf), as in the paper.
    """
    if not chosen:
        return []
    sequences = _view_examples(table, chosen, clips)
    scores = predict_scores(model, sequences, segments)
    steps = predict_steps(model, sequences, segments)
    rows = sequences.rows(steps.position)
    starts, ends = table.start_seconds[rows], table.end_seconds[rows]
    return [
        {
            "event_id": table.views[i].event_id,
            "recording_id": table.views[i].recording_id,
            "scores": scores[k].tolist(),
            "start_seconds": starts[k].tolist(),
            "end_seconds": ends[k].tolist(),
            "prefix": steps.score_so_far[k].tolist(),
            "clip": steps.score_alone[k].tolist(),
        }
        for k, i in enumerate(chosen)
    ]


def _slice_examples(table: ExampleTable, chosen: Sequence[int], clips: SlicePlan) -> SequenceSet:
    del clips
    return table.slices(chosen)


def _slice_scores(
    model: Aggregator, table: ExampleTable, chosen: Sequence[int], *, segments: StepPlan, clips: SlicePlan
) -> Float64[np.ndarray, "num_views num_classes"]:
    of_slices = predict_scores(model, _slice_examples(table, chosen, clips), segments)
    parts = _by_view(of_slices, table, chosen)
    return np.array([part.mean(axis=0) for part in parts]).reshape(len(chosen), model.num_classes)


def score_slices(
    model: Aggregator, table: ExampleTable, chosen: Sequence[int], *, segments: StepPlan, clips: SlicePlan
) -> list[dict[str, Any]]:
    """Return the scores of some views, one plain dict each, as :class:`Level` says; ``clip`` is a slice.

    The score of a view is the mean over its slices. Methods: Karácsony 2020 and 2022; the papers score slices only.
    """
    if not chosen:
        return []
    of_slices = predict_scores(model, _slice_examples(table, chosen, clips), segments)
    rows = []
    for i, part in zip(chosen, _by_view(of_slices, table, chosen), strict=True):
        own = slice(int(table.first_clip[i]), int(table.first_clip[i]) + len(part))
        rows.append(_row_of_parts(table, i, part, table.start_seconds[own], table.end_seconds[own]))
    return rows


def score_excerpts(
    model: Aggregator,
    table: ExampleTable,
    chosen: Sequence[int],
    *,
    segments: ExcerptStepPlan,
    clips: ClipPlan,
) -> list[dict[str, Any]]:
    """Return the scores of some views, one plain dict each, as :class:`Level` says; ``clip`` is an excerpt.

    The score of a view is the mean over its excerpts. Methods: Hou 2022, section 4: "temporally averaging".
    """
    if not chosen:
        return []
    found = predict_sequences(model, _view_examples(table, chosen, clips), segments)
    rows, owner = found.shown.rows, found.shown.owner
    begin, end = (
        np.where(rows == MASKED_ROW, np.nan, times[rows])
        for times in (table.start_seconds, table.end_seconds)
    )
    first, last = np.nanmin(begin, axis=1), np.nanmax(end, axis=1)
    return [
        _row_of_parts(
            table,
            i,
            found.scores[owner == k],
            first[owner == k],
            np.minimum(last[owner == k], table.views[i].offset_seconds),
        )
        for k, i in enumerate(chosen)
    ]


def _row_of_parts(
    table: ExampleTable,
    view: int,
    scores: Float64[np.ndarray, "num_parts num_classes"],
    start_seconds: Float[np.ndarray, " num_parts"],
    end_seconds: Float[np.ndarray, " num_parts"],
) -> dict[str, Any]:
    """Return what is told of a view whose score is the mean over its parts."""
    so_far = scores.cumsum(axis=0) / np.arange(1, len(scores) + 1)[:, None]
    return {
        "event_id": table.views[view].event_id,
        "recording_id": table.views[view].recording_id,
        "scores": scores.mean(axis=0).tolist(),
        "start_seconds": start_seconds.tolist(),
        "end_seconds": end_seconds.tolist(),
        "prefix": so_far.tolist(),
        "clip": scores.tolist(),
    }


def _by_view(
    of_slices: Float64[np.ndarray, "num_slices num_classes"], table: ExampleTable, chosen: Sequence[int]
) -> list[Float64[np.ndarray, "num_own num_classes"]]:
    counts = [table.views[i].num_clips for i in chosen]
    return np.split(of_slices, np.cumsum(counts)[:-1]) if counts else []


LEVELS: dict[type[Config], Level] = {
    SegmentPlan: Level(
        examples=_view_examples,
        scores=_view_scores,
        rows=score_views,
        num_steps=lambda plan: plan.num_segments,
    ),
    StepPlan: Level(
        examples=_slice_examples,
        scores=_slice_scores,
        rows=score_slices,
        num_steps=lambda plan: plan.num_steps,
    ),
    ExcerptStepPlan: Level(
        examples=_view_examples,
        scores=_view_scores,
        rows=score_excerpts,
        num_steps=lambda plan: plan.num_positions,
    ),
}
"""What an example is, by the type of the plan that it is seen with."""
