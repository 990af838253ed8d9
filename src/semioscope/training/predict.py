"""Scores of trained aggregators: the middle clip of every segment, no random numbers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int

from semioscope.models import Aggregator
from semioscope.plans import SegmentPlan, draw_positions
from semioscope.training.sequences import SequenceSet

MIDDLE_GAMMA = math.inf
"""Validation and prediction take the clip in the middle of each segment, whatever training drew."""

EXAMPLES_PER_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScores:
    """How a prediction came about over the time of each example.

    Args:
        position: The clip of each segment, counted from 0 among the example's available clips.
        start_frame: Where that clip starts, in frames from the first frame of the event.
        score_so_far: Class probabilities had the event ended with this clip.
        score_alone: Class probabilities of this clip alone.
    """

    position: Int[np.ndarray, "num_examples num_segments"]
    start_frame: Int[np.ndarray, "num_examples num_segments"]
    score_so_far: Float64[np.ndarray, "num_examples num_segments num_classes"]
    score_alone: Float64[np.ndarray, "num_examples num_segments num_classes"]


def middle_positions(
    data: SequenceSet, segments: SegmentPlan
) -> Int[np.ndarray, "num_examples num_segments"]:
    """Return the clip in the middle of each segment, counted from 0 among the example's available clips."""
    return draw_positions(data.bounds(segments), gamma=MIDDLE_GAMMA, rng=None)


def predict_scores(
    model: Aggregator, data: SequenceSet, segments: SegmentPlan
) -> Float64[np.ndarray, "num_examples num_classes"]:
    """Return the class probabilities of every example.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; its gamma is not used.

    Raises:
        ConfigError: If the features are of another size, or a segment is short and the plan says ``error``.
    """
    logits = logits_of_rows(model, data, data.rows(middle_positions(data, segments)))
    return _probabilities(logits)


def predict_steps(model: Aggregator, data: SequenceSet, segments: SegmentPlan) -> StepScores:
    """Return how the prediction of every example came about.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; its gamma is not used.

    Raises:
        ConfigError: As :func:`predict_scores`.
    """
    position = middle_positions(data, segments)
    rows = data.rows(position)
    so_far, alone = [], []
    with torch.inference_mode():
        for x in batches_of_rows(data, rows):
            so_far.append(model.eval().logits_per_step(x))
            alone.append(model.logits_per_clip(x))
    return StepScores(
        position=position,
        start_frame=data.start_frames[rows],
        score_so_far=_probabilities(torch.cat(so_far)),
        score_alone=_probabilities(torch.cat(alone)),
    )


def predict_representations(
    model: Aggregator, data: SequenceSet, segments: SegmentPlan
) -> Float32[np.ndarray, "num_examples size"]:
    """Return one vector per example: what the aggregator knows when it decides.

    Args:
        model: A trained aggregator.
        data: Examples; their classes are not used.
        segments: The plan that the aggregator was trained with; its gamma is not used.

    Raises:
        ConfigError: As :func:`predict_scores`.
    """
    rows = data.rows(middle_positions(data, segments))
    with torch.inference_mode():
        parts = [model.eval().representation(x) for x in batches_of_rows(data, rows)]
    return torch.cat(parts).numpy()


def logits_of_rows(
    model: Aggregator, data: SequenceSet, rows: Int[np.ndarray, "num_examples num_segments"]
) -> Float[torch.Tensor, "num_examples num_classes"]:
    """Return the logits of sequences of rows of the features, in batches of bounded size."""
    with torch.inference_mode():
        return torch.cat([model.eval()(x) for x in batches_of_rows(data, rows)])


def batches_of_rows(
    data: SequenceSet,
    rows: Int[np.ndarray, "num_examples num_segments"],
    batch_size: int = EXAMPLES_PER_BATCH,
) -> Iterator[Float[torch.Tensor, "batch num_segments num_features"]]:
    """Yield the features of sequences of rows, in their order; at least one batch, which may be empty."""
    for begin in range(0, max(1, rows.shape[0]), batch_size):
        yield torch.from_numpy(data.features[rows[begin : begin + batch_size]])


def _probabilities(
    logits: Float[torch.Tensor, "*shape num_classes"],
) -> Float64[np.ndarray, "*shape num_classes"]:
    return torch.softmax(logits.double(), dim=-1).numpy()
