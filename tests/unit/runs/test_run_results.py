"""Tables of a run, from what the folds wrote."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semioscope.core.records import Event, EventView
from semioscope.evaluation import EventTraits, ExampleTable, ViewExample
from semioscope.features import EventFeatures
from semioscope.networks import FEATURE_NAMES
from semioscope.runs import finish
from semioscope.runs.results import (
    Failure,
    baseline_event_scores,
    collect,
    event_scores,
    event_traits,
    write_failures,
    write_predictions,
    write_segments,
)
from semioscope.splits import Fold, FoldPlan

CLASSES = ("FOS", "TCS")


def example(event: str, view: str) -> ViewExample:
    return ViewExample(
        event_id=event,
        recording_id=f"{event}-{view}",
        view=view,
        patient_id=f"p-{event}",
        y_true=int(event[-1]) % 2,
        use="train",
        onset_seconds=1.0,
        clonic_onset_seconds=None,
        offset_seconds=9.0,
        num_frames=80,
        num_clips=1,
        num_missing_clips=0,
        num_held_clips=0,
        num_damaged_clips=0,
    )


def row(event: str, view: str, score: float) -> dict[str, object]:
    pair = [1 - score, score]
    return {
        "event_id": event,
        "recording_id": f"{event}-{view}",
        "scores": pair,
        "start_seconds": [1.0, 3.0],
        "end_seconds": [3.0, 5.0],
        "prefix": [[0.5, 0.5], pair],
        "clip": [pair, [0.25, 0.75]],
    }


VIEWS = [("e1", "large"), ("e1", "small"), ("e2", "large")]
RESULTS = {
    1: {"views": [row("e2", "large", 0.9)]},
    0: {"views": [row("e1", "small", 0.2), row("e1", "large", 0.4)]},
}


def table() -> ExampleTable:
    none = np.zeros(3)
    return ExampleTable(
        views=tuple(example(*view) for view in VIEWS),
        features=np.zeros((3, 1, 2), np.float32),
        num_valid_steps=np.ones(3, np.int64),
        start_frames=none.astype(np.int64),
        start_seconds=none,
        end_seconds=none + 2,
    )


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_events_get_the_mean_of_their_views() -> None:
    views = collect(table(), RESULTS)
    assert [(view.fold, view.example.name) for view in views] == [
        (0, "e1/e1-large"), (0, "e1/e1-small"), (1, "e2/e2-large"),
    ]  # fmt: skip
    events = event_scores(views, num_classes=2)
    assert (events.event_ids, events.folds, events.patients) == (("e1", "e2"), (0, 1), ("p-e1", "p-e2"))
    assert events.y_true.tolist() == [1, 0]
    assert events.y_score == pytest.approx(np.array([[0.7, 0.3], [0.1, 0.9]]))
    assert event_scores([], num_classes=2).y_score.shape == (0, 2)


def test_predictions_have_views_then_events(tmp_path: Path) -> None:
    views = collect(table(), RESULTS)
    path = tmp_path / "predictions.tsv"
    write_predictions(path, views, event_scores(views, num_classes=2), classes=CLASSES)
    rows = read(path)
    assert [line["level"] for line in rows] == ["view", "view", "view", "event", "event"]
    assert [line["event_id"] for line in rows] == ["e1", "e1", "e2", "e1", "e2"]
    assert [line["y_true"] for line in rows] == ["1", "1", "0", "1", "0"]
    assert rows[0]["start_seconds"] == "1.0"
    assert rows[3]["start_seconds"] == rows[3]["recording_id"] == "n/a"
    assert [float(line["y_score_TCS"]) for line in rows] == pytest.approx([0.4, 0.2, 0.9, 0.3, 0.9])


def test_an_unlabelled_view_has_no_class(tmp_path: Path) -> None:
    found = replace(table(), views=tuple(replace(view, y_true=-1) for view in table().views))
    views = collect(found, RESULTS)
    write_predictions(tmp_path / "p.tsv", views, event_scores(views[:0], num_classes=2), classes=CLASSES)
    assert {line["y_true"] for line in read(tmp_path / "p.tsv")} == {"n/a"}


def test_segments_have_times_and_both_courses(tmp_path: Path) -> None:
    views = collect(table(), RESULTS)
    write_segments(tmp_path / "s.tsv", views, event_scores(views, num_classes=2))
    rows = read(tmp_path / "s.tsv")
    assert len(rows) == 6
    assert [rows[1][key] for key in ("segment", "start_seconds", "end_seconds")] == ["1", "3.0", "5.0"]
    assert (float(rows[1]["y_score_clip"]), float(rows[1]["y_score_prefix"])) == (0.75, 0.4)


def test_failures_are_told_once_in_a_fixed_order(tmp_path: Path) -> None:
    failures = [
        Failure(recording_id="b", event_id="e", stage="features", message="Two\nlines\tand a tab."),
        Failure(recording_id="", event_id="", stage="folds", message="fold 1: x"),
        Failure(recording_id="a", event_id="e", stage="features", message="x"),
    ]
    for name, listed in (("one", failures), ("two", [*failures[::-1], failures[0]])):
        write_failures(tmp_path / name, listed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    rows = read(tmp_path / "one")
    assert [line["recording_id"] for line in rows] == ["n/a", "a", "b"]
    assert rows[2]["message"] == "Two lines and a tab."


@pytest.mark.parametrize(
    ("clips", "outside", "notes"),
    [
        ([0, 0, 0], 0, []),
        (
            [1, 0, 0],
            1,
            [
                "1 clip with missing frames was left out of 1 view: e1/e1-large.",
                "1 view was scored but not trained on (use = evaluate).",
            ],
        ),
        (
            [1, 0, 2],
            2,
            [
                "3 clips with missing frames were left out of 2 views: e1/e1-large, e2/e2-large.",
                "2 views were scored but not trained on (use = evaluate).",
            ],
        ),
    ],
)
def test_what_is_noted_of_views(clips: list[int], outside: int, notes: list[str]) -> None:
    views = tuple(
        replace(view, num_missing_clips=missing, use="evaluate" if number < outside else "train")
        for number, (view, missing) in enumerate(zip(table().views, clips, strict=True))
    )
    assert finish._notes(replace(table(), views=views)) == notes


def test_clips_of_a_run_are_summed_over_its_views() -> None:
    views = tuple(
        replace(view, num_missing_clips=2, num_held_clips=1, num_damaged_clips=number)
        for number, view in enumerate(table().views)
    )
    assert finish._decode_facts(replace(table(), views=views)) == {
        "num_clips": 9,
        "num_missing_clips": 6,
        "num_held_clips": 3,
        "num_damaged_clips": 3,
    }


def motion(event: str, view: str, values: list[float]) -> EventFeatures:
    features = np.zeros((len(values), 1, len(FEATURE_NAMES)), np.float32)
    features[:, 0, FEATURE_NAMES.index("energy_mean")] = values
    features[:, 0, FEATURE_NAMES.index("band_ratio")] = np.array(values) / 10
    counts = np.zeros(len(values), np.int32)
    return EventFeatures(
        event_id=event,
        recording_id=f"{event}-{view}",
        features=features,
        clip_index=np.arange(len(values)),
        start_seconds=np.arange(len(values), dtype=float),
        end_seconds=np.arange(len(values), dtype=float) + 2,
        num_missing_frames=counts,
        num_held_frames=counts,
        num_damaged_frames=counts,
    )


def events(count: int = 3) -> list[Event]:
    return [
        Event(
            event_id=f"e{k}",
            patient_id=f"p{k}",
            y_true=k % 2,
            views=tuple(
                EventView(recording_id=f"e{k}-{view}", onset_seconds=0, offset_seconds=10 + k)
                for view in ("large", "small")
            ),
        )
        for k in range(count)
    ]


def test_traits_are_means_over_the_windows_of_all_views() -> None:
    yardsticks = {
        ("e0", "e0-large"): motion("e0", "large", [1, 2, np.nan]),
        ("e0", "e0-small"): motion("e0", "small", [6]),
        ("e1", "e1-large"): motion("e1", "large", [np.nan]),
    }
    event_ids, traits = event_traits(events()[::-1], yardsticks)
    assert event_ids == ("e0", "e1", "e2")
    assert traits.duration_seconds.tolist() == [10, 11, 12]
    assert traits.y_true.tolist() == [0, 1, 0]
    assert traits.motion_energy[0] == pytest.approx(3)
    assert traits.band_power[0] == pytest.approx(0.3)
    assert np.isnan(traits.motion_energy[1:]).all()


def test_yardsticks_learn_from_no_event_that_they_are_tested_on() -> None:
    """Turning the labels of the tested events over changes nothing in their own scores."""
    ids = tuple(f"e{k}" for k in range(8))
    folds = tuple(
        Fold(
            index=index,
            train=tuple(name for k, name in enumerate(ids) if k % 2 != index),
            validation=tuple(name for k, name in enumerate(ids) if k % 2 == index),
            test=tuple(name for k, name in enumerate(ids) if k % 2 == index),
        )
        for index in (0, 1)
    )
    plan = FoldPlan(
        rule="seizure",
        seed=0,
        selection="test",
        cohort_hash="",
        folds=folds,
        patient_of={name: name for name in ids},
    )
    y_true = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    values = np.arange(8) + 10.0
    traits = EventTraits(
        y_true=y_true, duration_seconds=values, motion_energy=values, band_power=values[::-1].copy()
    )
    views = collect(table(), RESULTS)
    scored = replace(
        event_scores(views, num_classes=2),
        event_ids=ids,
        patients=ids,
        folds=tuple(k % 2 for k in range(8)),
        y_true=y_true,
        y_score=np.full((8, 2), 0.5),
    )
    names = ("majority", "duration", "band_power")
    first = baseline_event_scores(names, plan, ids, traits, scored, num_classes=2)
    assert list(first) == list(names)
    turned = np.where(np.arange(8) % 2 == 0, 1 - y_true, y_true)
    again = baseline_event_scores(names, plan, ids, replace(traits, y_true=turned), scored, num_classes=2)
    for name in names:
        assert np.array_equal(first[name].y_score[::2], again[name].y_score[::2])
        assert np.isfinite(first[name].y_score).all()
    missing = baseline_event_scores(names, replace(plan, folds=folds[:1]), ids, traits, scored, num_classes=2)
    assert np.isnan(missing["duration"].y_score[1::2]).all()
