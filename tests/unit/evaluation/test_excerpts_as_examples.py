"""Whole views as examples that are seen as their excerpts: tables, scores over time, and folds."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pretraining_work import CORRUPTION, tiny_excerpts, tiny_training
from tiny_transformer import tiny_size

from semioscope.core.files import read_json
from semioscope.core.progress import format_seconds
from semioscope.core.records import Event, EventView
from semioscope.core.wording import counted
from semioscope.evaluation import (
    FINAL,
    ExampleTable,
    FoldTask,
    build_examples,
    examples_digest,
    fold_estimate,
    level_of,
    run_fold,
    write_examples,
)
from semioscope.features import EventFeatures
from semioscope.models import AggregatorConfig, TransformerConfig, build, load
from semioscope.plans import ClipPlan, ExcerptStepPlan, clip_start_seconds, clips_in, seizure_excerpts
from semioscope.splits import Fold
from semioscope.training import TrainingConfig, planned_pretraining, pretrain, single_thread

CLIPS = ClipPlan(fps=25, frames_per_clip=1, stride=1, anchor="event")
PLAN = ExcerptStepPlan(num_positions=8)
NUM_FEATURES = 6
CONFIG = AggregatorConfig(name="transformer", transformer=tiny_size())


def material(
    num_frames: tuple[int, ...], missing: dict[int, list[int]]
) -> tuple[list[Event], dict[tuple[str, str], EventFeatures]]:
    events, found = [], {}
    for k, count in enumerate(num_frames):
        name = f"e{k}"
        view = EventView(recording_id=f"r-{name}", onset_seconds=10.0 + k, offset_seconds=10 + k + count / 25)
        clips = clips_in(CLIPS, view.interval)
        assert len(clips) == count
        values = np.random.default_rng(k).normal(size=(count, 1, NUM_FEATURES)).astype(np.float32)
        values[missing.get(k, [])] = np.nan
        none = np.zeros(count, np.int32)
        starts = clip_start_seconds(CLIPS, clips, event_start_seconds=view.onset_seconds)
        found[name, view.recording_id] = EventFeatures(
            event_id=name,
            recording_id=view.recording_id,
            features=values,
            clip_index=clips,
            start_seconds=starts,
            end_seconds=starts + CLIPS.clip_seconds,
            num_missing_frames=none,
            num_held_frames=none,
            num_damaged_frames=none,
        )
        events.append(Event(event_id=name, patient_id=f"p{k // 2}", y_true=k % 2, views=(view,)))
    return events, found


def table_of(num_frames: tuple[int, ...], missing: dict[int, list[int]] | None = None) -> ExampleTable:
    events, found = material(num_frames, missing or {})
    names = {f"r-e{k}": "bed" for k in range(len(num_frames))}
    table, left_out = build_examples(events, found, plan=CLIPS, view_names=names)
    assert left_out == []
    return table


def test_a_row_tells_every_excerpt_with_its_time() -> None:
    table = table_of((20, 8, 30), {0: [0, 15], 2: list(range(8, 16))})
    model = build(CONFIG, num_features=NUM_FEATURES, num_classes=3, seed=1).eval()
    level = level_of(PLAN)
    rows = level.rows(model, table, [2, 0], segments=PLAN, clips=CLIPS)
    assert [row["event_id"] for row in rows] == ["e2", "e0"]
    # the second excerpt of e2 has no frame, the first frame of e0 and the last of its second excerpt are missing
    frames = [[(0, 8), (16, 24), (24, 30)], [(1, 8), (8, 15), (16, 20)]]
    for row, onset, wanted in zip(rows, (12.0, 10.0), frames, strict=True):
        assert row["start_seconds"] == pytest.approx([onset + first / 25 for first, _ in wanted])
        assert row["end_seconds"] == pytest.approx([onset + end / 25 for _, end in wanted])
        assert len(row["clip"]) == len(row["prefix"]) == 3
    for row, i in zip(rows, (2, 0), strict=True):
        parts = []
        first_row = int(table.first_clip[i])
        own = np.arange(first_row, first_row + table.views[i].num_clips)
        for first, count in seizure_excerpts(table.views[i].num_frames, num_positions=8):
            inside = own[(table.start_frames[own] >= first) & (table.start_frames[own] < first + count)]
            if len(inside) == 0:
                continue
            x = np.full((1, 8, NUM_FEATURES), -1, np.float32)
            x[0, table.start_frames[inside] - first] = table.features[inside, 0]
            with torch.no_grad():
                parts.append(torch.softmax(model(torch.tensor(x)).double(), dim=1)[0].numpy())
        np.testing.assert_allclose(row["clip"], parts, atol=1e-6)
        np.testing.assert_allclose(row["scores"], np.mean(parts, axis=0), atol=1e-6)
        np.testing.assert_allclose(row["prefix"][1], np.mean(parts[:2], axis=0), atol=1e-6)
        np.testing.assert_allclose(row["prefix"][-1], row["scores"], atol=1e-12)
    scores = level.scores(model, table, [2, 0], segments=PLAN, clips=CLIPS)
    np.testing.assert_allclose(scores, [row["scores"] for row in rows], atol=1e-9)
    assert level.rows(model, table, [], segments=PLAN, clips=CLIPS) == []


def fold_task(folder: Path, **changes: object) -> FoldTask:
    table = table_of((20, 8, 30, 17, 9, 40, 22, 12))
    write_examples(table, folder)
    task = FoldTask(
        folder=folder,
        examples_digest=examples_digest(folder),
        fold=Fold(index=0, train=("e0", "e1", "e2", "e3"), validation=("e4", "e5"), test=("e6", "e7")),
        num_classes=2,
        clips=CLIPS,
        segments=PLAN,
        aggregator=CONFIG,
        training=TrainingConfig(
            epochs=2, batch_size=4, learning_rate=1e-3, schedule="linear", class_weights="inverse_count"
        ),
        epochs=None,
        seed=3,
        weights=folder / "fold.safetensors",
        result=folder / "fold.json",
    )
    return replace(task, **changes)


def test_a_fold_trains_on_excerpts_and_scores_views(tmp_path: Path) -> None:
    task = fold_task(tmp_path)
    facts = run_fold(task)
    first, weights = task.result.read_bytes(), (tmp_path / "fold.safetensors").read_bytes()
    content = read_json(task.result)
    assert [row["event_id"] for row in content["views"]] == ["e6", "e7"]
    assert [len(row["clip"]) for row in content["views"]] == [3, 2]
    assert 0 <= facts["threshold"] <= 1
    assert len(content["history"]["validation_loss"]) == 2
    run_fold(replace(task))
    assert task.result.read_bytes() == first
    assert (tmp_path / "fold.safetensors").read_bytes() == weights
    assert replace(task, segments=ExcerptStepPlan(num_positions=9)).unit().key != task.unit().key
    assert task.cost > 0


def test_a_fold_without_weights_leaves_the_same_scores(tmp_path: Path) -> None:
    task = fold_task(tmp_path)
    run_fold(task)
    scores = task.result.read_bytes()
    without = replace(task, weights=None)
    (tmp_path / "fold.safetensors").unlink()
    run_fold(without)
    assert task.result.read_bytes() == scores
    assert not (tmp_path / "fold.safetensors").exists()
    assert without.unit().key == task.unit().key
    assert without.unit().outputs == (task.result,)


def test_a_result_depends_on_the_pretraining_and_not_on_where_it_lies(tmp_path: Path) -> None:
    with single_thread():
        for name, steps in (("first", 1), ("second", 2)):
            pretrain(
                tiny_excerpts(),
                transformer=TransformerConfig.of(tiny_size(), num_features=NUM_FEATURES),
                training=tiny_training(epochs=1),
                corruption=CORRUPTION,
                seed=1,
                checkpoint=tmp_path / f"{name}.safetensors",
                stop_after=steps,
            )
    (tmp_path / "copy.safetensors").write_bytes((tmp_path / "first.safetensors").read_bytes())
    written: dict[str, tuple[str, bytes, bytes]] = {}
    folder = tmp_path / "units"
    folder.mkdir()
    for name in ("first", "second", "copy"):
        path = tmp_path / f"{name}.safetensors"
        aggregator = planned_pretraining(
            CONFIG.model_copy(update={"pretrained": str(path)}), num_features=NUM_FEATURES
        )
        task = fold_task(folder, aggregator=aggregator)
        run_fold(task)
        path.unlink()
        model = load(folder / "fold.safetensors")  # without the checkpoint
        assert model.num_features == NUM_FEATURES
        written[name] = (
            task.unit().key,
            task.result.read_bytes(),
            (folder / "fold.safetensors").read_bytes(),
        )
    assert written["first"] == written["copy"]
    assert all(one != other for one, other in zip(written["first"], written["second"], strict=True))
    assert str(tmp_path).encode() not in written["first"][2]


def test_a_pretraining_whose_content_is_not_known_is_refused(tmp_path: Path) -> None:
    task = fold_task(tmp_path, aggregator=CONFIG.model_copy(update={"pretrained": "somewhere"}))
    with pytest.raises(ValueError, match="needs the hash of its pre-training"):
        task.unit()


@pytest.mark.parametrize("workers", [1, 3])
def test_the_time_of_folds_is_told_from_one_step(tmp_path: Path, workers: int) -> None:
    task = fold_task(tmp_path)
    # 3 + 1 + 4 + 3 excerpts in 3 steps of 4, twice; 5 + 3 + 2 in 3 steps, twice: 12 steps
    other = replace(task, fold=Fold(index=1, train=("e5", "e6", "e7"), validation=(), test=("e0",)))
    seen = []

    def step_seconds(one: FoldTask) -> float:
        seen.append(one)
        return 10.0

    told = fold_estimate([task, other], workers=workers, step_seconds=step_seconds)
    at_once = min(workers, 2)
    assert told == (
        "Folds: 2 trainings of 2 epochs with about 10 excerpts each, about "
        f"{format_seconds(120 / at_once)} on {counted(at_once, 'core')}"
    )
    assert seen == [task]
    assert fold_estimate([], workers=1) == "Folds: nothing is left to do"
    fixed = fold_estimate([replace(task, epochs=1)], workers=1, step_seconds=step_seconds)
    assert "1 training of 1 epoch with about 11 excerpts each, about 30 s on 1 core" in fixed


def test_a_step_is_measured_without_the_pretraining(tmp_path: Path) -> None:
    gone = CONFIG.model_copy(update={"pretrained": "gone", "pretrained_sha256": "0" * 64})
    task = fold_task(tmp_path, aggregator=gone)
    assert re.search(r"about \d+ s on 1 core$", fold_estimate([task], workers=1))


def test_the_final_model_takes_all_views(tmp_path: Path) -> None:
    everyone = tuple(f"e{k}" for k in range(8))
    task = fold_task(tmp_path, fold=Fold(index=FINAL, train=everyone, validation=(), test=()), epochs=1)
    facts = run_fold(task)
    assert facts["best_epoch"] == 1
    assert read_json(task.result)["views"] == []
