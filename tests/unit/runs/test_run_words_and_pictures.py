"""Which clips are shown, and what is said of thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.evaluation import ViewExample
from semioscope.runs import thumbnails
from semioscope.runs.results import EventScores, ViewScore
from semioscope.runs.thresholds import inner_threshold
from semioscope.runs.thumbnails import PICTURES_PER_VIEW


@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=12).map(
        lambda rows: sorted(rows, key=lambda row: row[0])
    )
)
def test_no_clip_is_shown_twice_and_none_is_passed_over(rows):
    starts = np.array([float(start) for start, _ in rows])
    scores = np.array([score for _, score in rows])
    chosen = thumbnails._most_telling(scores, starts)
    shown = starts[chosen]
    assert len(set(shown.tolist())) == len(chosen) == min(PICTURES_PER_VIEW, len(set(starts.tolist())))
    assert (np.diff(chosen) > 0).all()
    for left_out in set(starts.tolist()) - set(shown.tolist()):
        assert scores[starts == left_out].max() <= scores[chosen].min()


def test_of_one_clip_the_first_highest_segment_is_named():
    chosen = thumbnails._most_telling(np.array([0.3, 0.9, 0.9, 0.1]), np.array([1.0, 1.0, 1.0, 4.0]))
    assert chosen.tolist() == [1, 3]


def view_of(event_id: str, fold: int) -> ViewScore:
    example = ViewExample(
        event_id=event_id, recording_id=f"{event_id}-ir", view="ir", patient_id="p", y_true=0, use="train",
        onset_seconds=0.0, clonic_onset_seconds=None, offset_seconds=9.0, num_frames=90, num_clips=1,
        num_missing_clips=0, num_held_clips=0, num_damaged_clips=0,
    )  # fmt: skip
    return ViewScore(fold=fold, example=example, row={})


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({0: 0.5, 1: None}, ""),
        ({0: 0.4972, 1: 0.5031}, ""),
        ({0: 0.42, 1: 0.4201}, "(0.42 instead of 0.50), accuracy is "),
        ({0: 0.42, 1: 0.503}, "(0.42 to 0.50 instead of 0.50), accuracy is "),
        ({0: None, 1: None}, ""),
    ],
)
def test_thresholds_that_round_to_the_usual_one_are_not_told(chosen, said):
    events = EventScores(
        event_ids=("a", "b", "c", "d"),
        patients=("p", "p", "q", "q"),
        folds=(0, 0, 1, 1),
        y_true=np.array([0, 1, 0, 1]),
        y_score=np.array([[0.6, 0.4], [0.3, 0.7], [0.55, 0.45], [0.2, 0.8]]),
    )
    results = {fold: {"threshold": value} for fold, value in chosen.items()}
    views = [view_of(event_id, fold) for event_id, fold in zip(events.event_ids, events.folds, strict=True)]
    scores, note = inner_threshold(views, events, ("FOS", "TCS"), results, seed=0)
    assert bool(scores) == any(value is not None for value in chosen.values())
    assert (said in note) if said else note == ""


@pytest.mark.parametrize(("second", "accuracy"), [(0.9, 1.0), (0.7, 0.5)])
def test_an_event_that_two_folds_tested_has_the_mean_of_their_thresholds(second, accuracy):
    """0.45 is below the mean of 0.1 and 0.9, and above that of 0.1 and 0.7; each alone would say otherwise."""
    events = EventScores(
        event_ids=("a", "b"),
        patients=("p", "q"),
        folds=(0, 1),
        y_true=np.array([0, 1]),
        y_score=np.array([[0.55, 0.45], [0.05, 0.95]]),
    )
    views = [view_of("a", 0), view_of("a", 1), view_of("b", 1)]
    results = {0: {"threshold": 0.1}, 1: {"threshold": second}}
    scores, _ = inner_threshold(views, events, ("FLE", "TLE"), results, seed=0)
    assert scores["accuracy"]["value"] == accuracy
