"""Scores of trained aggregators: middle clips, all steps or excerpts from the first frame on; nothing is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int, Shaped

from semioscope.models import Aggregator
from semioscope.plans import SegmentPlan, draw_positions
from semioscope.training.samplers import MIDDLE_GAMMA, ExamplePlan, ShownSequences, sampler_of
from semioscope.training.sequences import MASKED_ROW, SequenceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceScores:
    """What was said of every sequence that the examples show.

    Args:
        shown: The sequences, example after example.
        scores: Their class probabilities.
    """

    shown: ShownSequences
    scores: Float64[np.ndarray, "num_sequences num_classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScores:
    """How a prediction came about over the time of each sequence; of most plans an example shows one.

    Args:
        position: The clip of each segment (or the step), counted from 0 among those the example has; -1 if masked.
        start_frame: Where that clip starts, in frames from the first frame of the event; -1 if masked.
        score_so_far: Class probabilities had the sequence ended with this clip; NaN if masked.
        score_alone: Class probabilities of this clip alone; NaN if masked.
    """

    position: Int[np.ndarray, "num_sequences num_segments"]
    start_frame: Int[np.ndarray, "num_sequences num_segments"]
    score_so_far: Float64[np.ndarray, "num_sequences num_segments num_classes"]
    score_alone: Float64[np.ndarray, "num_sequences num_segments num_classes"]


def middle_positions(
    data: SequenceSet, segments: SegmentPlan
) -> Int[np.ndarray, "num_examples num_segments"]:
    """Return the clip in the middle of each segment, counted from 0 among the example's available clips."""
    return draw_positions(data.bounds(segments), gamma=MIDDLE_GAMMA, rng=None)


def predict_scores(
    model: Aggregator, data: SequenceSet, segments: ExamplePlan
) -> Float64[np.ndarray, "num_examples num_classes"]:
    """Return the class probabilities of every example: the mean over the sequences that it shows.

    Computed on the device that the model is on.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; a gamma is not used.

    Raises:
        ConfigError: If the features are of another size, or a segment is short and the plan says ``error``, or an
            example has more steps than the plan.
    """
    found = predict_sequences(model, data, segments)
    return _mean_of_examples(found.scores, found.shown, data)


def predict_sequences(model: Aggregator, data: SequenceSet, segments: ExamplePlan) -> SequenceScores:
    """Return the class probabilities of every sequence that the examples show, such as their excerpts.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; a gamma is not used.

    Raises:
        ConfigError: As :func:`predict_scores`.
    """
    shown = sampler_of(data, segments).fixed()
    return SequenceScores(shown=shown, scores=_probabilities(logits_of_rows(model, data, shown.rows)))


def predict_steps(model: Aggregator, data: SequenceSet, segments: ExamplePlan) -> StepScores:
    """Return how the prediction of every sequence came about.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; a gamma is not used.

    Raises:
        ConfigError: As :func:`predict_scores`.
    """
    shown = sampler_of(data, segments).fixed()
    rows, is_real = shown.rows, shown.rows != MASKED_ROW
    so_far, alone = [], []
    with torch.inference_mode():
        for x in batches_of_rows(model, data, rows):
            so_far.append(model.eval().logits_per_step(x))
            alone.append(model.logits_per_clip(x))
    return StepScores(
        position=np.where(is_real, rows - data.first_clip[shown.owner, None], -1),
        start_frame=np.where(is_real, data.start_frames[rows], -1),
        score_so_far=_probabilities(torch.cat(so_far)),
        score_alone=_probabilities(torch.cat(alone)),
    )


def predict_representations(
    model: Aggregator, data: SequenceSet, segments: ExamplePlan
) -> Float32[np.ndarray, "num_examples size"]:
    """Return one vector per example: what the aggregator knows when it decides, the mean over its sequences.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; a gamma is not used.

    Raises:
        ConfigError: As :func:`predict_scores`.
    """
    shown = sampler_of(data, segments).fixed()
    with torch.inference_mode():
        parts = [model.eval().representation(x) for x in batches_of_rows(model, data, shown.rows)]
    return _mean_of_examples(torch.cat(parts).cpu().numpy(), shown, data)


def logits_of_rows(
    model: Aggregator, data: SequenceSet, rows: Int[np.ndarray, "num_sequences num_segments"]
) -> Float[torch.Tensor, "num_sequences num_classes"]:
    """Return the logits of sequences of rows of the features, in batches of bounded size."""
    with torch.inference_mode():
        return torch.cat([model.eval()(x) for x in batches_of_rows(model, data, rows)])


def batches_of_rows(
    model: Aggregator,
    data: SequenceSet,
    rows: Int[np.ndarray, "num_sequences num_segments"],
    batch_size: int | None = None,
) -> Iterator[Float[torch.Tensor, "batch num_segments num_features"]]:
    """Yield the features of sequences of rows, in their order; at least one batch, which may be empty.

    Args:
        model: Says on which device they are needed, and how many sequences at most.
        data: The examples.
        rows: Rows of the features.
        batch_size: Sequences per batch, in place of what the model says.
    """
    size = batch_size or model.sequences_at_once
    for begin in range(0, max(1, rows.shape[0]), size):
        yield torch.from_numpy(data.gathered(rows[begin : begin + size])).to(model.device)


def _mean_of_examples(
    values: Shaped[np.ndarray, "num_sequences size"], shown: ShownSequences, data: SequenceSet
) -> Shaped[np.ndarray, "num_examples size"]:
    if shown.is_one_each:
        return values
    total = np.zeros((data.num_examples, values.shape[1]), dtype=values.dtype)
    np.add.at(total, shown.owner, values)
    mean: np.ndarray = total / np.bincount(shown.owner, minlength=data.num_examples)[:, None]
    return mean.astype(values.dtype, copy=False)


def _probabilities(
    logits: Float[torch.Tensor, "*shape num_classes"],
) -> Float64[np.ndarray, "*shape num_classes"]:
    return torch.softmax(logits.cpu().double(), dim=-1).numpy()
