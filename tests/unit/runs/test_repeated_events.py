"""Events that several folds test: scores, yardsticks and tables take all folds of an event."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from semioscope.evaluation import EventTraits, ViewExample, baseline_scores
from semioscope.plans import SlicePlan
from semioscope.runs.results import (
    ViewScore,
    baseline_event_scores,
    event_scores,
    one_per_view,
    shown_classes,
    write_predictions,
    write_segments,
)
from semioscope.splits import Fold, FoldPlan

SLICES = SlicePlan(slice_frames=20, stride=20, nominal_seconds=2.0)
THREE = ("FLE", "TLE", "nonepileptic")


def scored(fold: int, event_id: str, *rows: tuple[float, ...]) -> ViewScore:
    """Return what a fold says of the only view of an event, slice by slice."""
    clip = np.array(rows)
    example = ViewExample(
        event_id=event_id, recording_id=f"{event_id}-ir", view="ir", patient_id=f"p-{event_id}", y_true=0,
        use="train", onset_seconds=1.0, clonic_onset_seconds=None, offset_seconds=4.5, num_frames=35,
        num_clips=len(rows), num_missing_clips=0, num_held_clips=0, num_damaged_clips=0,
    )  # fmt: skip
    row = {
        "scores": clip.mean(axis=0).tolist(),
        "clip": clip.tolist(),
        "prefix": (np.cumsum(clip, axis=0) / np.arange(1, len(rows) + 1)[:, None]).tolist(),
        "start_seconds": [1.0 + 2 * k for k in range(len(rows))],
        "end_seconds": [min(3.0 + 2 * k, 4.5) for k in range(len(rows))],
    }
    return ViewScore(fold=fold, example=example, row=row)


TWICE = [scored(0, "a", (0.2, 0.8), (0.4, 0.6)), scored(2, "a", (0.6, 0.4), (0.8, 0.2))]
ONCE = scored(1, "b", (0.1, 0.9), (0.3, 0.7))


def test_a_view_that_two_folds_tested_has_the_mean_of_both():
    views = [*TWICE, ONCE]
    mean, same = one_per_view(views)
    assert same is ONCE
    assert (mean.fold, mean.example) == (0, TWICE[0].example)
    assert np.array(mean.row["clip"]) == pytest.approx(np.array([[0.4, 0.6], [0.6, 0.4]]))
    assert np.array(mean.row["prefix"]) == pytest.approx(np.array([[0.4, 0.6], [0.5, 0.5]]))
    assert mean.scores == pytest.approx([0.5, 0.5])
    assert mean.row["start_seconds"] == [1.0, 3.0]
    events = event_scores(views, num_classes=2)
    assert events.folds == (0, 1)
    assert events.y_score[0] == pytest.approx(mean.scores)


def folds_of(*tests: tuple[str, ...], everyone: tuple[str, ...]) -> FoldPlan:
    return FoldPlan(
        rule="patients-per-class", seed=0, selection="none", cohort_hash="",
        folds=tuple(
            Fold(index=k, train=tuple(sorted({*everyone} - {*test})), validation=(), test=test)
            for k, test in enumerate(tests)
        ),
        patient_of={name: name for name in everyone},
    )  # fmt: skip


@pytest.fixture
def ward() -> tuple[tuple[str, ...], EventTraits]:
    values = np.arange(8) + 10.0
    traits = EventTraits(
        y_true=np.array([0, 0, 1, 1, 0, 1, 1, 0]),
        duration_seconds=values,
        motion_energy=values[::-1].copy(),
        band_power=values,
    )
    return tuple(f"e{k}" for k in range(8)), traits


def test_a_yardstick_has_the_mean_of_the_folds_that_test_an_event(ward):
    ids, traits = ward
    plan = folds_of(("e0", "e1", "e2"), ("e1", "e3", "e4"), everyone=ids)
    scores = replace(
        event_scores([], num_classes=2),
        event_ids=ids,
        patients=ids,
        folds=(0,) * 8,
        y_true=traits.y_true,
        y_score=np.full((8, 2), 0.5),
    )
    for name, found in baseline_event_scores(
        ("majority", "duration"), plan, ids, traits, scores, num_classes=2
    ).items():
        by_fold = [
            baseline_scores(
                name,
                traits.at(np.array([k for k, own in enumerate(ids) if own in fold.train])),
                traits.at(np.array([ids.index("e1")])),
                num_classes=2,
            )[0]
            for fold in plan.folds
        ]
        assert found.y_score[1] == pytest.approx(np.mean(by_fold, axis=0))
        assert np.isfinite(found.y_score[:5]).all()
        assert np.isnan(found.y_score[5:]).all(), "no fold tests them"
        alone = baseline_event_scores(
            (name,), replace(plan, folds=plan.folds[:1]), ids, traits, scores, num_classes=2
        )[name]
        assert alone.y_score[[0, 2]].tolist() == found.y_score[[0, 2]].tolist()


def table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_predictions_have_a_row_per_slice_and_fold(tmp_path):
    views = [*TWICE, ONCE]
    events = event_scores(views, num_classes=2)
    write_predictions(tmp_path / "p.tsv", views, events, classes=("FLE", "TLE"), with_slices=True)
    rows = table(tmp_path / "p.tsv")
    assert [row["level"] for row in rows] == ["clip"] * 6 + ["view"] * 3 + ["event"] * 2
    of_a = [row for row in rows if row["level"] == "clip" and row["event_id"] == "a"]
    assert [row["fold"] for row in of_a] == ["0", "0", "2", "2"]
    assert [float(row["y_score_TLE"]) for row in of_a] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert [(row["start_seconds"], row["end_seconds"]) for row in of_a[:2]] == [
        ("1.0", "3.0"),
        ("3.0", "4.5"),
    ]
    for view, row in zip(views, [row for row in rows if row["level"] == "view"], strict=True):
        own = [
            float(one["y_score_TLE"])
            for one in rows
            if one["level"] == "clip"
            and (one["event_id"], one["fold"]) == (view.example.event_id, row["fold"])
        ]
        assert float(row["y_score_TLE"]) == pytest.approx(np.mean(own))


def test_segments_of_three_classes_show_the_class_that_the_event_got(tmp_path):
    views = [
        scored(0, "a", (0.2, 0.5, 0.3), (0.1, 0.8, 0.1)),
        scored(0, "b", (0.6, 0.1, 0.3), (0.2, 0.1, 0.7)),
        scored(1, "c", (0.5, 0.2, 0.3)),
    ]
    events = event_scores(views, num_classes=3)
    assert shown_classes(events) == {"a": 1, "b": 2, "c": 0}
    write_segments(tmp_path / "s.tsv", views, events)
    rows = table(tmp_path / "s.tsv")
    assert [float(row["y_score_clip"]) for row in rows] == pytest.approx([0.5, 0.8, 0.3, 0.7, 0.5])
    assert [float(row["y_score_prefix"]) for row in rows] == pytest.approx([0.5, 0.65, 0.3, 0.5, 0.5])
    assert set(shown_classes(event_scores(TWICE, num_classes=2)).values()) == {1}, "of two the positive one"
