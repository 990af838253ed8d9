"""From stored features to examples, and folds as units of work."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import Tiny

from semioscope.core.errors import ConfigError, SemioscopeError, StoreError
from semioscope.core.files import read_json
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView
from semioscope.evaluation import (
    FINAL,
    ExampleTable,
    FoldGroup,
    FoldTask,
    build_examples,
    examples_digest,
    read_examples,
    run_fold,
    run_fold_group,
    score_views,
    write_examples,
)
from semioscope.execution import Ledger, make_executor, run_stage
from semioscope.features import EventFeatures
from semioscope.models import AggregatorConfig, load
from semioscope.plans import ClipPlan, SegmentPlan, clip_start_seconds, clips_in
from semioscope.splits import Fold
from semioscope.training import TrainingConfig

PLAN = ClipPlan(fps=10, frames_per_clip=8, stride=2)
NUM_FEATURES = 5


def features(view: EventView, seed: int, *, missing: tuple[int, ...] = (), steps: int = 2) -> EventFeatures:
    clips = clips_in(PLAN, view.interval)
    values = np.random.default_rng(seed).normal(size=(len(clips), steps, NUM_FEATURES)).astype(np.float32)
    values[list(missing)] = np.nan
    zeros = np.zeros(len(clips), np.int32)
    lacking = zeros.copy()
    lacking[list(missing)] = 1
    return EventFeatures(
        event_id=view.recording_id.partition("-")[0],
        recording_id=view.recording_id,
        features=values,
        clip_index=clips,
        start_seconds=clip_start_seconds(PLAN, clips),
        end_seconds=clip_start_seconds(PLAN, clips) + PLAN.clip_seconds,
        num_missing_frames=lacking,
        num_held_frames=zeros + 1,
        num_damaged_frames=zeros,
    )


def material(
    num_patients: int = 6,
) -> tuple[list[Event], dict[tuple[str, str], EventFeatures], dict[str, str]]:
    """Return two events per patient, each with two views, and their features."""
    events, found, names = [], {}, {}
    for k in range(2 * num_patients):
        patient, views = f"p{k // 2}", []
        for name in ("large", "small"):
            recording = f"e{k}-{name}"
            names[recording] = name
            view = EventView(recording_id=recording, onset_seconds=1.05 + k, offset_seconds=5.0 + 1.3 * k)
            views.append(view)
            found[f"e{k}", recording] = features(view, seed=k)
        events.append(Event(event_id=f"e{k}", patient_id=patient, y_true=k % 2, views=tuple(views)))
    return events, found, names


def table_of(num_patients: int = 6) -> ExampleTable:
    events, found, names = material(num_patients)
    table, left_out = build_examples(events, found, plan=PLAN, view_names=names)
    assert left_out == []
    return table


def test_one_example_per_event_and_view_in_order() -> None:
    events, found, names = material()
    table, _ = build_examples(events[::-1], found, plan=PLAN, view_names=names)
    listed = [(view.event_id, view.recording_id) for view in table.views]
    assert listed == sorted(found)
    row = 0
    for view in table.views:
        own = found[view.event_id, view.recording_id]
        rows = slice(row, row + view.num_clips)
        assert np.allclose(table.features[rows, 0], own.features.mean(axis=1))
        assert np.array_equal(table.start_seconds[rows], own.start_seconds)
        interval = Interval(start_seconds=view.onset_seconds, end_seconds=view.offset_seconds)
        first_frame = np.ceil(interval.start_seconds * PLAN.fps - 1e-6)
        assert np.allclose(table.start_frames[rows], own.start_seconds * PLAN.fps - first_frame)
        assert (view.num_held_clips, view.num_damaged_clips) == (view.num_clips, 0)
        row += view.num_clips
    assert row == len(table.features)


def test_clips_with_missing_frames_are_left_out() -> None:
    events, found, names = material()
    whole, _ = build_examples(events, found, plan=PLAN, view_names=names)
    view = events[0].views[0]
    found["e0", "e0-large"] = features(view, seed=0, missing=(0, 3))
    table, left_out = build_examples(events, found, plan=PLAN, view_names=names)
    assert left_out == []
    assert (table.views[0].num_clips, table.views[0].num_missing_clips) == (whole.views[0].num_clips - 2, 2)
    kept = np.delete(np.arange(whole.views[0].num_clips), [0, 3])
    assert np.array_equal(table.features[: len(kept)], whole.features[kept])
    assert np.array_equal(table.start_frames[: len(kept)], whole.start_frames[kept])
    assert np.isfinite(table.features).all()


def test_clips_with_held_or_damaged_frames_are_counted_once_and_only_if_used() -> None:
    events, found, names = material()
    own = features(events[0].views[0], seed=0, missing=(0,))
    held, damaged = np.zeros_like(own.num_held_frames), np.zeros_like(own.num_held_frames)
    held[:4] = [8, 8, 1, 0]  # the first clip is left out
    damaged[3:5] = [3, 8]
    found["e0", "e0-large"] = replace(own, num_held_frames=held, num_damaged_frames=damaged)
    table, _ = build_examples(events, found, plan=PLAN, view_names=names)
    view = table.views[0]
    assert (view.num_missing_clips, view.num_held_clips, view.num_damaged_clips) == (1, 2, 2)


def test_views_without_a_clip_are_told_and_those_without_features_were_told() -> None:
    events, found, names = material()
    view = events[0].views[0]
    found["e0", "e0-large"] = features(view, seed=0, missing=tuple(range(len(clips_in(PLAN, view.interval)))))
    del found["e1", "e1-small"]
    short = EventView(recording_id="e2-large", onset_seconds=3.0, offset_seconds=3.4)
    events[2] = replace(events[2], views=(short, events[2].views[1]))
    found["e2", "e2-large"] = features(short, seed=2)
    events[3] = replace(events[3], views=tuple(replace(view, use="no") for view in events[3].views))
    table, left_out = build_examples(events, found, plan=PLAN, view_names=names)
    assert [item.recording_id for item in left_out] == ["e0-large", "e2-large"]
    assert (
        "clips from 1.05 s to 5 s have missing frames. Check that the video covers this time"
        in left_out[0].message
    )
    assert "An event must hold at least one clip of 0.8 s, but this one lasts 0.40 s" in left_out[1].message
    gone = {"e0-large", "e1-small", "e2-large", "e3-large", "e3-small"}
    assert {view.recording_id for view in table.views} == set(names) - gone


def test_features_that_are_not_finite_are_no_missing_frames() -> None:
    events, found, names = material()
    view = events[0].views[0]
    found["e0", "e0-large"] = replace(
        features(view, seed=0), features=np.full_like(features(view, seed=0).features, np.nan)
    )
    _, (left_out,) = build_examples(events, found, plan=PLAN, view_names=names)
    assert "are not finite, though no frame is missing there. Check the weights" in left_out.message


def test_no_example_at_all() -> None:
    events, _, names = material()
    table, left_out = build_examples(events, {}, plan=PLAN, view_names=names)
    assert (table.views, left_out, len(table.features)) == ((), [], 0)


def test_positions() -> None:
    events, found, names = material()
    events[1] = replace(events[1], views=tuple(replace(view, use="evaluate") for view in events[1].views))
    table, _ = build_examples(events, found, plan=PLAN, view_names=names)
    both = table.positions(["e0", "e1"])
    assert [table.views[i].event_id for i in both] == ["e0", "e0", "e1", "e1"]
    assert [table.views[i].event_id for i in table.positions(["e0", "e1"], only_training=True)] == [
        "e0",
        "e0",
    ]


def test_a_table_needs_one_row_per_clip() -> None:
    table = table_of()
    with pytest.raises(ValueError, match=r"Examples of \d+ clips need as many rows"):
        replace(table, views=table.views[1:])


def test_written_examples_read_back_the_same_and_equal_ones_are_equal_bytes(tmp_path: Path) -> None:
    table = table_of()
    for name in ("a", "b"):
        write_examples(table, tmp_path / name)
    again = read_examples(tmp_path / "a")
    assert again.views == table.views
    for array in ("features", "start_frames", "start_seconds", "end_seconds"):
        assert np.array_equal(getattr(again, array), getattr(table, array))
        assert getattr(again, array).dtype == getattr(table, array).dtype
    assert examples_digest(tmp_path / "a") == examples_digest(tmp_path / "b")
    write_examples(replace(table, features=table.features + 1), tmp_path / "b")
    assert examples_digest(tmp_path / "a") != examples_digest(tmp_path / "b")


def test_damaged_examples_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"examples\.json does not exist"):
        read_examples(tmp_path)
    write_examples(table_of(), tmp_path)
    numbers = tmp_path / "examples.npy"
    numbers.write_bytes(numbers.read_bytes()[:200])
    with pytest.raises(
        StoreError, match=r"must hold the examples of this run: .* Delete it and give the same"
    ):
        read_examples(tmp_path)


def task(folder: Path, out: Path, index: int, *, epochs: int | None = None, **changes: Any) -> FoldTask:
    events = [f"e{k}" for k in range(12)]
    test = events[4 * index : 4 * index + 4] if index != FINAL else []
    train = tuple(sorted(set(events) - set(test)))
    chosen = {
        "folder": folder,
        "examples_digest": examples_digest(folder),
        "fold": Fold(index=index, train=train, validation=(), test=tuple(test)),
        "num_classes": 2,
        "clips": PLAN,
        "segments": SegmentPlan(num_segments=4),
        "aggregator": AggregatorConfig(name="blstm", hidden_size=8),
        "training": TrainingConfig(epochs=2),
        "epochs": epochs,
        "seed": 0,
        "weights": out / f"fold{index}.safetensors",
        "result": out / f"fold{index}.json",
    }
    return FoldTask(**{**chosen, **changes})


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    write_examples(table_of(), tmp_path / "examples")
    return tmp_path / "examples"


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("fold*"))}


@pytest.mark.parametrize(
    ("workers", "order"),
    [(1, (0, 1, 2)), (1, (2, 0, 1)), pytest.param(2, (1, 2, 0), marks=pytest.mark.slow)],
)
def test_folds_give_the_same_bytes_in_any_order_and_number_of_processes(
    examples: Path, tmp_path: Path, workers: int, order: tuple[int, ...]
) -> None:
    for index in range(3):
        run_fold(task(examples, tmp_path / "one", index))
    done = run_stage(
        "folds",
        run_fold,
        [task(examples, tmp_path / "other", index).unit() for index in order],
        ledger=Ledger(tmp_path / "ledger"),
        executor=make_executor("local", workers=workers, threads_per_worker=1),
        progress=_Quiet(),
    )
    assert not done.failed
    assert outputs(tmp_path / "other") == outputs(tmp_path / "one")


class _Quiet:
    def start(self, stage: str, total: float, *, unit: str = "") -> None: ...
    def advance(self, amount: float = 1.0, *, note: str = "") -> None: ...
    def message(self, text: str, *, level: str = "info") -> None: ...
    def finish(self, *, stopped: bool = False) -> None: ...


def test_what_a_fold_leaves_behind(examples: Path, tmp_path: Path) -> None:
    one = task(examples, tmp_path, 1)
    run_fold(one)
    result, table = read_json(one.result), read_examples(examples)
    assert (result["fold"], result["best_epoch"]) == (1, 2)
    assert len(result["history"]["train_loss"]) == 2
    assert [row["event_id"] for row in result["views"]] == ["e4", "e4", "e5", "e5", "e6", "e6", "e7", "e7"]
    again = score_views(
        load(one.weights), table, table.positions(one.fold.test), segments=one.segments, clips=one.clips
    )
    for row, wanted in zip(result["views"], again, strict=True):
        assert sum(row["scores"]) == pytest.approx(1)
        assert row["scores"] == pytest.approx(wanted["scores"], abs=1e-6)
        assert np.shape(row["prefix"]) == np.shape(row["clip"]) == (4, 2)
        assert row["prefix"][-1] == pytest.approx(row["scores"], abs=1e-5)
        assert row["start_seconds"] == sorted(row["start_seconds"])


def test_the_final_model_scores_nothing(examples: Path, tmp_path: Path) -> None:
    final = task(examples, tmp_path, FINAL, epochs=3)
    assert run_fold(final)["best_epoch"] == 3
    assert read_json(final.result)["views"] == []
    assert final.unit().name == "final model"


def test_the_key_of_a_fold_changes_with_what_counts_and_with_nothing_else(
    examples: Path, tmp_path: Path
) -> None:
    first = task(examples, tmp_path, 0)
    key = first.unit().key
    for changes in (
        {"seed": 1},
        {"epochs": 5},
        {"num_classes": 3},
        {"examples_digest": "other"},
        {"training": TrainingConfig(epochs=3)},
        {"segments": SegmentPlan(num_segments=5)},
        {"aggregator": AggregatorConfig(name="mean")},
        {"fold": replace(first.fold, test=("e0",))},
    ):
        assert replace(first, **changes).unit().key != key, changes
    elsewhere = replace(first, folder=tmp_path / "moved", weights=tmp_path / "w", result=tmp_path / "r")
    assert elsewhere.unit().key == key


def test_folds_that_cannot_be_trained_are_named(examples: Path, tmp_path: Path) -> None:
    of_one_class = Fold(index=2, train=("e0", "e2", "e4"), validation=(), test=("e1",))
    with pytest.raises(ConfigError, match=r"Fold 2 cannot be trained: .*class"):
        run_fold(task(examples, tmp_path, 2, fold=of_one_class))
    nobody = Fold(index=FINAL, train=("unknown",), validation=(), test=())
    with pytest.raises(
        ConfigError, match="The final model cannot be trained: no training event has features"
    ):
        run_fold(task(examples, tmp_path, FINAL, fold=nobody))


def test_one_bad_fold_does_not_stop_the_others(examples: Path, tmp_path: Path) -> None:
    bad = task(examples, tmp_path, 0, fold=Fold(index=0, train=("e0",), validation=(), test=("e1",)))
    units = [bad.unit(), task(examples, tmp_path, 1).unit()]
    done = run_stage(
        "folds", run_fold, units, ledger=None, executor=make_executor("local"), progress=_Quiet()
    )
    assert [result.unit.name for result in done.failed] == ["fold 0"]
    assert [result.unit.name for result in done.done] == ["fold 1"]


def group(folder: Path, out: Path, *, gammas: tuple[float, ...], **changes: object) -> FoldGroup:
    tasks = tuple(
        task(
            folder,
            out / f"{gamma:g}",
            1,
            segments=SegmentPlan(num_segments=4, gamma=gamma),
            name=f"gamma {gamma:g} fold 1",
            weights=None,
            brief=True,
            **changes,
        )
        for gamma in gammas
    )
    return FoldGroup(name="fold 1", tasks=tasks)


def test_a_group_leaves_behind_what_its_folds_would_alone(examples: Path, tmp_path: Path) -> None:
    together = group(examples, tmp_path / "together", gammas=(1.0, 4.0, np.inf))
    summaries = run_fold_group(together)
    alone = group(examples, tmp_path / "alone", gammas=(1.0, 4.0, np.inf))
    for summary, ours, theirs in zip(summaries, together.tasks, alone.tasks, strict=True):
        assert summary["best_epoch"] == run_fold(theirs)["best_epoch"]
        found, wanted = read_json(ours.result), read_json(theirs.result)
        assert found.keys() == wanted.keys()
        for one, two in zip(found["views"], wanted["views"], strict=True):
            assert one["event_id"] == two["event_id"]
            assert one["scores"] == pytest.approx(two["scores"], abs=1e-5)
    unit = together.unit()
    assert unit.outputs == tuple(one.result for one in together.tasks)
    assert unit.key == alone.unit().key
    assert unit.key != group(examples, tmp_path, gammas=(1.0, 4.0, 8.0)).unit().key
    assert together.cost == pytest.approx(sum(one.cost for one in together.tasks))


def test_a_group_goes_on_without_a_fold_that_cannot_be_trained(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semioscope.evaluation import fold

    plain = fold.fit_side_by_side

    def fails_for_4(*args: object, segments: list[SegmentPlan], **options: object) -> object:
        if any(plan.gamma == 4 for plan in segments):
            msg = "the loss was lost with gamma 4."
            raise ConfigError(msg)
        return plain(*args, segments=segments, **options)

    monkeypatch.setattr(fold, "fit_side_by_side", fails_for_4)
    three = group(examples, tmp_path, gammas=(1.0, 4.0, np.inf))
    summaries = run_fold_group(three)
    assert ["failed" in summary for summary in summaries] == [False, True, False]
    assert read_json(three.tasks[1].result) == {
        "failed": "Gamma 4 fold 1 cannot be trained: the loss was lost with gamma 4."
    }
    assert len(read_json(three.tasks[0].result)["views"]) == 8
    with pytest.raises(ConfigError, match=r"Fold 1 cannot be trained: the loss was lost with gamma 4\."):
        run_fold_group(group(examples, tmp_path, gammas=(4.0,)))


def test_absent_examples_are_an_error_of_ours(tmp_path: Path, examples: Path) -> None:
    one = task(examples, tmp_path, 0)
    shutil.rmtree(examples)
    with pytest.raises(SemioscopeError, match="does not exist"):
        run_fold(one)


def test_the_examples_of_a_run_are_those_that_its_predictions_were_made_from(tiny: Tiny) -> None:
    table = read_examples(tiny.run / "units")
    scored = [row for k in (0, 1) for row in read_json(tiny.run / "units" / f"fold-{k}.json")["views"]]
    assert sorted(f"{row['event_id']}/{row['recording_id']}" for row in scored) == [
        view.name for view in table.views
    ]
