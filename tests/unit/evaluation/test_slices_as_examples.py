"""Slices as examples: what a table keeps of them, and how their scores become those of views."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tiny_transformer import tiny_size

from semioscope.core.files import read_json
from semioscope.core.records import Event, EventView
from semioscope.evaluation import (
    LEVELS,
    ExampleTable,
    FoldTask,
    build_examples,
    examples_digest,
    level_of,
    read_examples,
    run_fold,
    write_examples,
)
from semioscope.features import EventFeatures, EventSlices
from semioscope.models import AGGREGATORS, AggregatorConfig, build
from semioscope.plans import ExcerptStepPlan, SegmentPlan, SlicePlan, StepPlan, slices_of
from semioscope.splits import Fold
from semioscope.training import SAMPLERS, ExamplePlan, TrainingConfig, predict_scores

PLAN = SlicePlan()
STEPS = StepPlan(num_steps=7)
NUM_FEATURES = 5


def steps_of(num_frames: int) -> int:
    """As I3D has them."""
    return int(np.ceil(num_frames / 8)) - 1


def features(event_id: str, num_frames: int, *, seed: int, missing: tuple[int, ...] = ()) -> EventFeatures:
    """Features of the slices of an event, NaN before short ones and in slices with a missing frame."""
    slices = slices_of(num_frames, PLAN)
    first, count = slices[:, 0], slices[:, 1]
    valid = np.array([steps_of(n) for n in count], np.int32)
    values = np.random.default_rng(seed).normal(size=(len(slices), 7, NUM_FEATURES)).astype(np.float32)
    values[np.arange(7) < 7 - valid[:, None]] = np.nan
    lost = np.zeros(len(slices), np.int32)
    lost[list(missing)] = 1
    values[lost > 0] = np.nan
    none = np.zeros(len(slices), np.int32)
    return EventFeatures(
        event_id=event_id,
        recording_id=f"r-{event_id}",
        features=values,
        clip_index=np.arange(len(slices)),
        start_seconds=10 + first / 30,
        end_seconds=10 + (first + count) / 30,
        num_missing_frames=lost,
        num_held_frames=none,
        num_damaged_frames=none,
        num_valid_steps=valid,
        slices=EventSlices(
            first_frame=first,
            num_frames=count,
            step=30,
            keys={},
            start_seconds=10 + first / 30,
            end_seconds=10 + (first + count) / 30,
            is_off_pace=np.arange(len(slices)) == 1,
            num_event_frames=num_frames,
            num_dropped_frames=num_frames - int((first + count).max()),
            num_steps=7,
        ),
    )


def material(num_frames: tuple[int, ...]) -> tuple[list[Event], dict[tuple[str, str], EventFeatures]]:
    events, found = [], {}
    for k, frames in enumerate(num_frames):
        name = f"e{k}"
        view = EventView(recording_id=f"r-{name}", onset_seconds=10.0, offset_seconds=10 + frames / 30)
        events.append(Event(event_id=name, patient_id=f"p{k // 2}", y_true=k % 2, views=(view,)))
        found[name, f"r-{name}"] = features(name, frames, seed=k)
    return events, found


def table_of(num_frames: tuple[int, ...]) -> ExampleTable:
    events, found = material(num_frames)
    names = {f"r-e{k}": "infrared" for k in range(len(num_frames))}
    table, left_out = build_examples(events, found, plan=PLAN, view_names=names)
    assert left_out == []
    return table


def test_a_table_keeps_every_step_and_counts_what_is_odd() -> None:
    events, found = material((130, 207, 40))
    found["e1", "r-e1"] = features("e1", 207, seed=1, missing=(0,))
    table, _ = build_examples(
        events, found, plan=PLAN, view_names=dict.fromkeys(("r-e0", "r-e1", "r-e2"), "x")
    )
    assert table.features.shape == (3 + 3 + 1, 7, NUM_FEATURES)
    assert table.num_valid_steps.tolist() == [7, 7, 1, 7, 7, 3, 4]
    assert np.isfinite(table.features).all()
    assert (table.features[2, :6] == 0).all()
    assert np.array_equal(table.features[2, 6], found["e0", "r-e0"].features[2, 6])
    assert [view.num_frames for view in table.views] == [130, 207, 40]
    assert [view.num_missing_clips for view in table.views] == [0, 1, 0]
    assert [view.num_off_pace_clips for view in table.views] == [1, 1, 0]
    assert [view.num_dropped_frames for view in table.views] == [0, 0, 0]
    assert table.start_frames.tolist() == [0, 60, 120, 60, 120, 180, 0]


def test_slices_are_examples_of_their_steps_in_the_order_that_is_asked_for() -> None:
    table = table_of((130, 207, 40))
    data = table.slices([2, 0])
    assert data.names == ("slice 0 of e2/r-e2", *(f"slice {k} of e0/r-e0" for k in range(3)))
    assert data.y_true.tolist() == [0, 0, 0, 0]
    assert data.num_clips.tolist() == [4, 7, 7, 1]
    rows = SAMPLERS["all_steps"](data, STEPS).fixed().rows
    batch = data.gathered(rows)
    assert (batch[0, :3] == -1).all()
    assert np.array_equal(batch[0, 3:], table.features[7, 3:])
    assert np.array_equal(batch[1], table.features[0])
    assert table.slices([]).num_examples == 0


def test_files_give_the_table_back(tmp_path: Path) -> None:
    table = table_of((130, 207))
    write_examples(table, tmp_path)
    again = read_examples(tmp_path)
    assert again.views == table.views
    for name in ("features", "num_valid_steps", "start_frames", "start_seconds", "end_seconds"):
        assert np.array_equal(getattr(again, name), getattr(table, name))


def test_a_short_event_is_told_in_stored_frames() -> None:
    events, found = material((130, 207))
    found["e1", "r-e1"] = replace(
        found["e1", "r-e1"],
        features=np.full_like(found["e1", "r-e1"].features, np.nan),
        num_missing_frames=np.ones_like(found["e1", "r-e1"].num_missing_frames),
    )
    table, left_out = build_examples(
        events, found, plan=PLAN, view_names=dict.fromkeys(("r-e0", "r-e1"), "infrared")
    )
    assert [view.event_id for view in table.views] == ["e0"]
    assert "clips from 10 s to 16.9 s have missing frames" in left_out[0].message


def test_every_plan_of_examples_has_a_level() -> None:
    assert set(LEVELS) == set(get_args(ExamplePlan))
    for plan, size in (
        (StepPlan(num_steps=3), 3),
        (SegmentPlan(num_segments=5), 5),
        (ExcerptStepPlan(num_positions=9), 9),
    ):
        assert level_of(plan).num_steps(plan) == size


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_the_score_of_a_view_is_the_mean_of_its_slices(name: str) -> None:
    table = table_of((130, 207, 180))
    if name not in ("lstm_fc", "i3d_head", "transformer"):  # the others do not know of masked steps
        table = table_of((180, 240, 120))
    config = AggregatorConfig(name=name, transformer=tiny_size())
    model = build(config, num_features=NUM_FEATURES, num_classes=3, seed=1).eval()
    level = level_of(STEPS)
    rows = level.rows(model, table, [2, 0], segments=STEPS, clips=PLAN)
    alone = predict_scores(model, table.slices([2, 0]), STEPS)
    assert [row["event_id"] for row in rows] == ["e2", "e0"]
    count = table.views[2].num_clips
    np.testing.assert_allclose(rows[0]["clip"], alone[:count], atol=1e-12)
    np.testing.assert_allclose(rows[0]["scores"], alone[:count].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(rows[0]["prefix"][-1], rows[0]["scores"], atol=1e-12)
    np.testing.assert_allclose(rows[0]["prefix"][1], alone[:2].mean(axis=0), atol=1e-12)
    assert rows[1]["start_seconds"] == pytest.approx(table.start_seconds[: table.views[0].num_clips])
    assert rows[1]["end_seconds"] == pytest.approx(table.end_seconds[: table.views[0].num_clips])
    scores = level.scores(model, table, [2, 0], segments=STEPS, clips=PLAN)
    np.testing.assert_allclose(scores, [row["scores"] for row in rows], atol=1e-12)
    assert level.rows(model, table, [], segments=STEPS, clips=PLAN) == []


def test_a_fold_trains_on_slices_and_scores_them(tmp_path: Path) -> None:
    table = table_of((130, 207, 180, 95, 100, 140, 220, 300))
    write_examples(table, tmp_path)
    fold = Fold(index=0, train=("e0", "e1", "e2", "e3"), validation=("e4", "e5"), test=("e6", "e7"))
    task = FoldTask(
        folder=tmp_path,
        examples_digest=examples_digest(tmp_path),
        fold=fold,
        num_classes=2,
        clips=PLAN,
        segments=STEPS,
        aggregator=AggregatorConfig(name="lstm_fc", lstm_sizes=(8, 4), fc_sizes=(4,)),
        training=TrainingConfig(
            epochs=3, batch_size=8, loss="weighted_mse", best_epoch="best_f1", optimizer="adam"
        ),
        epochs=None,
        seed=3,
        weights=tmp_path / "fold.safetensors",
        result=tmp_path / "fold.json",
    )
    facts = run_fold(task)
    first = task.result.read_bytes()
    content = read_json(task.result)
    assert [row["event_id"] for row in content["views"]] == ["e6", "e7"]
    assert [len(row["clip"]) for row in content["views"]] == [4, 5]
    assert 1 <= facts["best_epoch"] <= 3
    assert 0 <= facts["threshold"] <= 1
    assert len(content["history"]["validation_f1"]) == 3
    run_fold(replace(task))
    assert task.result.read_bytes() == first
    assert replace(task, segments=StepPlan(num_steps=8)).unit().key != task.unit().key
    assert task.cost > 0
