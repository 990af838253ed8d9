"""Folds of a classifier of clips as units of work."""

import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import LogisticRegression

from semioscope.core.errors import ConfigError, SemioscopeError, StoreError
from semioscope.evaluation import (
    ClipFoldTask,
    build_clip_table,
    clip_table_digest,
    read_clip_fold,
    read_clip_table,
    run_clip_fold,
    write_clip_table,
)
from semioscope.execution import Ledger, make_executor, run_stage
from semioscope.models import AggregatorConfig
from semioscope.splits import Fold
from semioscope.training import TrainingConfig

sys.path.insert(0, str(Path(__file__).parent))
from clip_material import SEGMENT_FRAMES, all_features, clip_events, clip_plan, view_names

PLAN = clip_plan()
IDS = [f"e{k}" for k in range(12)]


def write_table(folder: Path, events=None, **changes) -> Path:
    events = clip_events(12) if events is None else events
    table, _ = build_clip_table(
        events,
        all_features(events, PLAN, **changes),
        plan=PLAN,
        segment_frames=SEGMENT_FRAMES,
        window_stride=4,
        view_names=view_names(events),
    )
    write_clip_table(table, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("clips"))


def fold_of(index: int, *, on: str = "inner") -> Fold:
    test = tuple(IDS[4 * index : 4 * index + 4])
    others = [name for name in IDS if name not in test]
    if on == "inner":
        return Fold(index=index, train=tuple(others[2:]), validation=tuple(others[:2]), test=test)
    return Fold(index=index, train=tuple(others), validation=test if on == "test" else (), test=test)


def task(folder: Path, out: Path, index: int = 0, **changes) -> ClipFoldTask:
    chosen = {
        "folder": folder,
        "table_digest": clip_table_digest(folder),
        "fold": fold_of(index),
        "aggregator": AggregatorConfig(name="fc"),
        "training": TrainingConfig(epochs=6, batch_size=16, learning_rate=0.05),
        "epochs": None,
        "seed": 0,
        "result": out / f"fold-{index}.safetensors",
    }
    return ClipFoldTask(**{**chosen, **changes})


class Quiet:
    def start(self, stage: str, total: float, *, unit: str = "") -> None: ...
    def advance(self, amount: float = 1.0, *, note: str = "") -> None: ...
    def message(self, text: str, *, level: str = "info") -> None: ...
    def finish(self, *, stopped: bool = False) -> None: ...


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("fold*"))}


@pytest.mark.parametrize(
    ("workers", "order"),
    [(1, (2, 0, 1)), pytest.param(2, (1, 2, 0), marks=pytest.mark.slow)],
)
def test_folds_give_the_same_bytes_in_any_order_and_number_of_processes(folder, tmp_path, workers, order):
    for index in range(3):
        run_clip_fold(task(folder, tmp_path / "one", index))
    done = run_stage(
        "clips",
        run_clip_fold,
        [task(folder, tmp_path / "other", index).unit() for index in order],
        ledger=Ledger(tmp_path / "ledger"),
        executor=make_executor("local", workers=workers, threads_per_worker=1),
        progress=Quiet(),
    )
    assert not done.failed
    assert outputs(tmp_path / "other") == outputs(tmp_path / "one")


def test_what_a_fold_leaves_behind(folder, tmp_path):
    one = task(folder, tmp_path, 1)
    facts = run_clip_fold(one)
    found, table = read_clip_fold(one.result), read_clip_table(folder)
    assert (found.fold, found.best_epoch) == (facts["fold"], facts["best_epoch"]) == (1, found.best_epoch)
    assert 1 <= found.best_epoch <= 6
    assert found.validation_loss == pytest.approx(facts["validation_loss"])
    for counts, names in ((found.num_train, one.fold.train), (found.num_validation, one.fold.validation)):
        y_clip = table.y_clip[table.training_rows(names)]
        assert counts == (int((y_clip == 0).sum()), int((y_clip == 1).sum()))
    assert [(view.event_id, view.recording_id) for view in found.views] == [
        (view.event_id, view.recording_id) for view in table.views if view.event_id in one.fold.test
    ]
    for view, position in zip(found.views, table.positions(one.fold.test), strict=True):
        own = table.rows_of(position)
        scored = np.arange(own.start, own.stop)[table.is_window[own]]
        np.testing.assert_array_equal(view.windows.window_number, table.window_number[scored])
        np.testing.assert_array_equal(view.windows.y_true, table.y_clip[scored])
        np.testing.assert_array_equal(view.start_seconds, table.start_seconds[scored])
        onset = table.views[position].onset_seconds
        np.testing.assert_allclose(view.windows.start_seconds, view.start_seconds - onset)
        assert view.last.num_windows == view.windows.num_windows


def test_the_probabilities_are_those_of_the_weighted_logistic_regression(tmp_path):
    """Trained to its end without decay, the classifier is the one optimum of a convex loss."""
    folder = write_table(tmp_path / "table", shift=0.5)
    training = TrainingConfig(epochs=500, batch_size=1024, learning_rate=0.05, weight_decay=0.0)
    one = task(folder, tmp_path, fold=fold_of(0, on="none"), training=training)
    run_clip_fold(one)
    table = read_clip_table(folder)
    rows = table.training_rows(one.fold.train)
    x, y = np.asarray(table.features[rows]), table.y_clip[rows]
    weight = np.where(y == 1, (y == 0).sum() / (y == 1).sum(), 1.0)
    reference = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8).fit(x, y, sample_weight=weight)
    for view, position in zip(read_clip_fold(one.result).views, table.positions(one.fold.test), strict=True):
        own = table.rows_of(position)
        scored = np.asarray(table.features[own])[table.is_window[own]]
        wanted = reference.predict_proba(scored)[:, 1]
        np.testing.assert_allclose(view.windows.y_score, wanted, atol=2e-3)


def test_the_epoch_is_that_of_the_lowest_validation_loss(folder, tmp_path):
    training = TrainingConfig(epochs=12, batch_size=8, learning_rate=0.5)
    chosen = task(folder, tmp_path / "chosen", training=training)
    best = run_clip_fold(chosen)
    assert best["best_epoch"] < 12  # the step is far too long, so the loss goes up and down
    fixed = task(folder, tmp_path / "fixed", training=training, epochs=best["best_epoch"])
    assert run_clip_fold(fixed)["validation_loss"] is None
    a, b = read_clip_fold(chosen.result), read_clip_fold(fixed.result)
    assert math.isnan(b.validation_loss)
    assert b.num_validation == (0, 0)
    for one, other in zip(a.views, b.views, strict=True):
        np.testing.assert_array_equal(one.windows.y_score, other.windows.y_score)
        np.testing.assert_array_equal(other.windows.y_score, other.last.y_score)
        assert not np.array_equal(one.windows.y_score, one.last.y_score)


def test_without_validation_the_last_epoch_is_kept(folder, tmp_path):
    one = task(folder, tmp_path, fold=fold_of(0, on="none"))
    assert run_clip_fold(one)["best_epoch"] == 6
    for view in read_clip_fold(one.result).views:
        np.testing.assert_array_equal(view.windows.y_score, view.last.y_score)


def test_views_for_evaluation_are_not_trained_on_and_change_no_other_score(folder, tmp_path):
    events = clip_events(12)
    for k in (0, 6):  # one is tested, one would be trained on
        views = (events[k].views[0], replace(events[k].views[1], use="evaluate"))
        events[k] = replace(events[k], views=views)
    other = write_table(tmp_path / "evaluate", events)
    without = [
        replace(event, views=event.views[:1]) if k in (0, 6) else event for k, event in enumerate(events)
    ]
    gone = write_table(tmp_path / "gone", without)
    results = []
    for name in (other, gone):
        one = task(name, tmp_path / f"of-{name.name}", fold=fold_of(0, on="none"))
        run_clip_fold(one)
        results.append(read_clip_fold(one.result))
    assert results[0].num_train == results[1].num_train
    scores = {view.recording_id: view.windows.y_score for view in results[0].views}
    assert "e0-small" in scores
    for view in results[1].views:
        np.testing.assert_array_equal(scores[view.recording_id], view.windows.y_score)


def test_views_without_windows_and_events_without_views_are_passed_over(tmp_path, folder):
    table = read_clip_table(folder)
    own = table.rows_of(1)
    number = table.window_number.copy()
    number[own] = -1
    views = list(table.views)
    views[1] = replace(views[1], num_windows=0)
    write_clip_table(replace(table, views=tuple(views), window_number=number), tmp_path / "table")
    one = task(tmp_path / "table", tmp_path)
    one = replace(one, fold=replace(one.fold, test=("absent", *one.fold.test)))
    run_clip_fold(one)
    assert [view.recording_id for view in read_clip_fold(one.result).views][:2] == ["e0-large", "e1-large"]
    nobody = replace(one, fold=replace(one.fold, test=()), result=tmp_path / "nobody.safetensors")
    run_clip_fold(nobody)
    assert read_clip_fold(nobody.result).views == ()


def test_the_key_of_a_fold_changes_with_what_counts_and_with_nothing_else(folder, tmp_path):
    first = task(folder, tmp_path)
    key = first.unit().key
    for changes in (
        {"seed": 1},
        {"epochs": 5},
        {"table_digest": "other"},
        {"training": TrainingConfig(epochs=3)},
        {"aggregator": AggregatorConfig(name="mean")},
        {"fold": replace(first.fold, test=("e0",))},
    ):
        assert replace(first, **changes).unit().key != key, changes
    elsewhere = replace(first, folder=tmp_path / "moved", result=tmp_path / "r", name="resnet34, fold 0")
    assert elsewhere.unit().key == key
    assert (first.unit().name, elsewhere.unit().name) == ("fold 0", "resnet34, fold 0")
    assert first.unit().outputs == (first.result,)


def test_folds_that_cannot_be_trained_are_named(folder, tmp_path):
    focal = Fold(index=2, train=("e0", "e2", "e4"), validation=(), test=("e1",))
    with pytest.raises(
        ConfigError,
        match=r"Fold 2 cannot be trained: its training clips must .* and 0 of class 1\. Use fewer",
    ):
        run_clip_fold(task(folder, tmp_path, fold=focal))
    with pytest.raises(
        ConfigError, match=r"Resnet34, fold 0 cannot be trained: .* got 0 of class 0 and 0 of"
    ):
        run_clip_fold(task(folder, tmp_path, fold=replace(focal, train=("absent",)), name="resnet34, fold 0"))
    with pytest.raises(ConfigError, match="Fold 0 cannot be trained: Unknown loss"):
        run_clip_fold(task(folder, tmp_path, training=TrainingConfig(loss="other")))


def test_an_absent_table_is_an_error_of_ours(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "table")
    one = replace(task(tmp_path / "table", tmp_path), table_digest="of a table that was not read yet")
    shutil.rmtree(tmp_path / "table")
    with pytest.raises(SemioscopeError, match="does not exist"):
        run_clip_fold(one)


def test_results_that_cannot_be_read_are_told(folder, tmp_path):
    one = task(folder, tmp_path)
    with pytest.raises(StoreError, match=r"must hold the clips that a fold scored: .* Delete it and give"):
        read_clip_fold(one.result)
    run_clip_fold(one)
    whole = one.result.read_bytes()
    one.result.write_bytes(whole[:100])
    with pytest.raises(StoreError, match="must hold the clips that a fold scored"):
        read_clip_fold(one.result)
    one.result.write_bytes(whole.replace(b'schema_version\\":1', b'schema_version\\":9'))
    with pytest.raises(
        StoreError, match=r"has format version 9, but this program reads .* Update semioscope"
    ):
        read_clip_fold(one.result)
    safetensors.numpy.save_file({"other": np.zeros(3)}, one.result)
    with pytest.raises(StoreError, match="must hold the clips that a fold scored"):
        read_clip_fold(one.result)
