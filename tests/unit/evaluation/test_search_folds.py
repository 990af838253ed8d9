"""A random search as a stage: what it sees, that order and interruption do not matter, and what it chooses."""

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semioscope.core.errors import ConfigError, LeakageError, StoreError
from semioscope.core.progress import QuietProgress
from semioscope.core.records import Event, EventView
from semioscope.evaluation import (
    FINAL,
    ExampleTable,
    FoldTask,
    TrialTask,
    ViewExample,
    chosen_settings,
    examples_digest,
    read_trial,
    run_search_trial,
    search_estimate,
    searched,
    searched_final,
    trial_tasks,
    write_examples,
)
from semioscope.evaluation.search_folds import search_sides
from semioscope.execution import Ledger, make_executor, run_stage
from semioscope.models import AggregatorConfig
from semioscope.plans import SlicePlan, StepPlan
from semioscope.splits import Fold, FoldConfig, FoldPlan, SelectionConfig, make_folds
from semioscope.training import SEARCH_SPACES, SearchConfig, TrainingConfig, TrialPace, TrialResult, trial
from semioscope.training.search_space import Choice, Uniform, WholeNumber

NUM_PATIENTS, FRACTION = 10, 0.3
SMALL = {
    "aggregator.lstm_sizes": WholeNumber(low=2, high=4, count=2),
    "aggregator.dropout": Uniform(low=0.0, high=0.5),
    "training.loss": Choice(values=("weighted_mse", "bce")),
    "training.epochs": WholeNumber(low=1, high=3),
}


@pytest.fixture(autouse=True)
def small_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEARCH_SPACES, "lstm_fc", SMALL)


def cohort(num_classes: int = 2) -> list[Event]:
    """Return two or three events of each patient, the last of which is for evaluation only."""
    events = []
    for patient in range(NUM_PATIENTS):
        for k in range(2 + patient % 2):
            name, use = f"p{patient}-e{k}", "evaluate" if k == 2 else "train"
            view = EventView(recording_id=f"{name}-r", onset_seconds=1.0, offset_seconds=9.0 + k, use=use)
            y_true = (patient + k) % num_classes if num_classes > 2 else patient % 2
            events.append(Event(event_id=name, patient_id=f"p{patient}", y_true=y_true, views=(view,)))
    return events


def table_of(events: Sequence[Event], changed: Sequence[str] = ()) -> ExampleTable:
    """Return two to four slices of three steps per event; those of some events are other ones."""
    views, features, counts = [], [], []
    for number, event in enumerate(events):
        rng = np.random.default_rng([number, event.event_id in changed])
        num_clips, view = 2 + number % 3, event.views[0]
        own = rng.exponential(size=(num_clips, 3, 4)).astype(np.float32)
        own[:, :, event.y_true] += 1
        features.append(own)
        counts.append(np.full(num_clips, 3 - number % 2))
        views.append(
            ViewExample(
                event_id=event.event_id,
                recording_id=view.recording_id,
                view="front",
                patient_id=event.patient_id,
                y_true=int(event.y_true or 0),
                use=view.use,
                onset_seconds=view.onset_seconds,
                clonic_onset_seconds=None,
                offset_seconds=view.offset_seconds,
                num_frames=60 * num_clips,
                num_clips=num_clips,
                num_missing_clips=0,
                num_held_clips=0,
                num_damaged_clips=0,
            )
        )
    total = sum(map(len, features))
    return ExampleTable(
        views=tuple(views),
        features=np.concatenate(features),
        num_valid_steps=np.concatenate(counts).astype(np.int64),
        start_frames=np.arange(total, dtype=np.int64) * 60,
        start_seconds=np.arange(total) * 2.0,
        end_seconds=np.arange(total) * 2.0 + 2.0,
    )


def plan_of(events: Sequence[Event], on: str, num_classes: int = 2) -> FoldPlan:
    selection = SelectionConfig.model_validate({"on": on, "fraction": FRACTION})
    return make_folds(events, FoldConfig(num_folds=2), selection, seed=3, num_classes=num_classes)


def fold_tasks(
    folder: Path,
    on: str = "inner",
    *,
    table: ExampleTable | None = None,
    num_classes: int = 2,
    **changes: Any,
) -> list[FoldTask]:
    events = cohort(num_classes)
    folder.mkdir(parents=True, exist_ok=True)
    write_examples(table_of(events) if table is None else table, folder)
    options: dict[str, Any] = {
        "folder": folder,
        "examples_digest": examples_digest(folder),
        "num_classes": num_classes,
        "clips": SlicePlan(),
        "segments": StepPlan(num_steps=3),
        "aggregator": AggregatorConfig(name="lstm_fc", lstm_sizes=(3, 2), fc_sizes=(2,)),
        "training": TrainingConfig(
            epochs=2, batch_size=10, loss="bce" if num_classes == 2 else "weighted_nll", optimizer="adam"
        ),
        "epochs": 2 if on == "none" else None,
        "seed": 3,
        "weights": None,
    }
    return [
        FoldTask(fold=fold, result=folder / f"fold-{fold.index}.json", **(options | changes))
        for fold in plan_of(events, on, num_classes).folds
    ]


def trials(folds: Sequence[FoldTask], num_trials: int = 3, folder: str = "search") -> list[TrialTask]:
    made = trial_tasks(
        folds, SearchConfig(num_trials=num_trials), fraction=FRACTION, folder=folds[0].folder / folder
    )
    return [task for own in made.values() for task in own]


def run(tasks: Sequence[TrialTask], ledger: Ledger) -> tuple[int, int]:
    """Run a stage of trials; return how many were done and how many had been done before."""
    stage = run_stage(
        "search",
        run_search_trial,
        [task.unit() for task in tasks],
        ledger=ledger,
        executor=make_executor("local", workers=1),
        progress=QuietProgress(),
    )
    assert stage.failed == ()
    return len(stage.done), len(stage.skipped)


def contents(tasks: Sequence[TrialTask]) -> list[bytes]:
    return [task.result.read_bytes() for task in sorted(tasks, key=lambda task: task.unit().name)]


def test_order_and_interruption_do_not_matter(tmp_path: Path) -> None:
    folds = fold_tasks(tmp_path)
    whole = trials(folds)
    assert run(whole, Ledger(tmp_path / "ledger")) == (6, 0)
    parts = trials(folds, folder="again")
    ledger = Ledger(tmp_path / "ledger again")
    assert run(parts[4:1:-1], ledger) == (3, 0)
    parts[3].result.write_text("{")  # cut off while it was written
    assert run(parts[::-1], ledger) == (4, 2)
    assert contents(parts) == contents(whole)
    # more trials later: those that are there stay
    assert run(trials(folds, 4, folder="again"), ledger) == (2, 6)


def test_a_trial_depends_on_what_it_is_made_of(tmp_path: Path) -> None:
    folds = fold_tasks(tmp_path)
    task = trials(folds)[0]
    others = [
        replace(task, number=1),
        replace(task, fraction=0.2),
        replace(task, of=folds[1]),
        replace(task, of=replace(folds[0], training=TrainingConfig(epochs=9))),
        replace(task, of=replace(folds[0], seed=4)),
    ]
    assert len({one.unit().key for one in (task, *others)}) == 6
    assert task.unit().name == "fold 0, trial 0"
    assert task.unit().weight == task.cost > 0


@pytest.mark.parametrize("on", ["inner", "test", "none"])
def test_tested_patients_are_not_seen(tmp_path: Path, on: str) -> None:
    """Whatever the tested events look like, a trial gives the same; the training events do matter."""
    for index, fold in enumerate(plan_of(cohort(), on).folds):
        found = []
        for name, changed in (("a", ()), ("b", fold.test), ("c", fold.train)):
            table = table_of(cohort(), changed)
            task = trials(fold_tasks(tmp_path / f"{name}{index}", on, table=table))[3 * index]
            assert task.of.fold == fold
            sides = [{table.views[i].patient_id for i in side} for side in search_sides(task, table)]
            tested = {name.partition("-")[0] for name in fold.test}
            assert sides[0]
            assert sides[1]
            assert not sides[0] & sides[1]
            assert not (sides[0] | sides[1]) & tested
            run_search_trial(task)
            found.append(read_trial(task.result))
        assert found[0] == found[1]
        scores = [result.score for result in found]
        assert scores[0] is not None
        assert scores[2] is not None


def test_training_events_matter(tmp_path: Path) -> None:
    """The counterpart of the test above: other training events, other scores in some trial."""
    fold = plan_of(cohort(), "test").folds[0]
    scores = []
    for name, changed in (("a", ()), ("b", fold.train)):
        tasks = trials(fold_tasks(tmp_path / name, "test", table=table_of(cohort(), changed)))[:3]
        scores.append([run_search_trial(task)["score"] for task in tasks])
    assert scores[0] != scores[1]


@pytest.mark.parametrize("on", ["test", "none"])
def test_where_the_fold_has_no_inner_split_it_is_the_one_that_it_would_have(tmp_path: Path, on: str) -> None:
    table = table_of(cohort())
    for task, inner in zip(
        trials(fold_tasks(tmp_path, on), 1), plan_of(cohort(), "inner").folds, strict=True
    ):
        sides = [{table.views[i].event_id for i in side} for side in search_sides(task, table)]
        assert sides == [set(inner.train), set(inner.validation)]


def test_only_views_to_train_on_take_part(tmp_path: Path) -> None:
    table = table_of(cohort())
    for on in ("inner", "test"):
        for task in trials(fold_tasks(tmp_path, on), 1):
            assert {table.views[i].use for side in search_sides(task, table) for i in side} == {"train"}


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_tested_event_is_refused(tmp_path: Path, side: str) -> None:
    task = trials(fold_tasks(tmp_path))[0]
    fold, name = task.of.fold, task.of.fold.test[0]
    leaky = replace(fold, **{side: (*getattr(fold, side), name)})
    task = replace(task, of=replace(task.of, fold=leaky))
    with pytest.raises(
        LeakageError, match=rf"but fold 0 also trains or chooses on {name} \(1 such event\)\. Make"
    ):
        run_search_trial(task)


@pytest.mark.parametrize("train", [("p0-e0", "p2-e0", "p3-e0"), ("gone",)])
def test_patients_that_cannot_be_divided(tmp_path: Path, train: tuple[str, ...]) -> None:
    task = trials(fold_tasks(tmp_path, "test"))[0]
    few = Fold(index=0, train=train, validation=(), test=("p1-e0",))
    task = replace(task, of=replace(task.of, fold=few))
    with pytest.raises(
        ConfigError, match=r"Trial 0 of fold 0 cannot .* those of fold 0 cannot be divided so that"
    ):
        run_search_trial(task)


def test_a_trial_that_fails_is_kept_with_its_reason(tmp_path: Path) -> None:
    wild = {
        "aggregator": AggregatorConfig(name="lstm_fc", lstm_sizes=(3, 2), fc_sizes=(2,), l2=1e3),
        "training": TrainingConfig(batch_size=1, optimizer="sgd", learning_rate=1e3),
    }
    task = trials(fold_tasks(tmp_path, **wild))[0]
    assert run_search_trial(task) == {"fold": 0, "number": 0, "score": None}
    result = read_trial(task.result)
    assert result.failure is not None
    assert "The loss must stay finite" in result.failure
    with pytest.raises(
        ConfigError, match=r"Fold 0: A search needs a trial .* got none of 1: The loss must stay"
    ):
        searched(task.of, [result])


def test_with_three_classes_the_loss_of_the_run_stays(tmp_path: Path) -> None:
    task = trials(fold_tasks(tmp_path, num_classes=3))[0]
    assert run_search_trial(task)["score"] is not None
    result = read_trial(task.result)
    assert set(result.settings["training"]) == {"epochs"}
    assert searched(task.of, [result]).training.loss == "weighted_nll"


def result_of(number: int, score: float | None, best_epoch: int = 1) -> TrialResult:
    settings = trial(number, SMALL, seed=0)
    return TrialResult(
        number=number, settings=settings, score=score, best_epoch=best_epoch, failure="no" * (score is None)
    )


def test_the_best_trial_gives_the_settings_of_the_fold(tmp_path: Path) -> None:
    fold = fold_tasks(tmp_path)[0]
    results = [result_of(2, 0.7), result_of(3, None), result_of(1, 0.7), result_of(0, 0.6)]
    drawn = trial(1, SMALL, seed=0)
    aggregator, training = chosen_settings(results, aggregator=fold.aggregator, training=fold.training)
    assert aggregator == fold.aggregator.model_copy(
        update={
            "lstm_sizes": tuple(drawn["aggregator"]["lstm_sizes"]),
            "dropout": drawn["aggregator"]["dropout"],
        }
    )
    assert training == fold.training.model_copy(update=drawn["training"])
    for order in (results, results[::-1]):
        assert searched(fold, order) == replace(fold, aggregator=aggregator, training=training)
    fixed = replace(fold, epochs=7)
    assert searched(fixed, results).epochs == drawn["training"]["epochs"]


def test_the_final_model_has_the_settings_that_are_best_over_all_folds(tmp_path: Path) -> None:
    final = replace(
        fold_tasks(tmp_path)[0], fold=Fold(index=FINAL, train=("a",), validation=(), test=()), epochs=1
    )
    results = {
        1: [result_of(0, 0.4, 5), result_of(1, 0.5, 3)],
        0: [result_of(1, 0.6, 8), result_of(0, 0.65, 9)],
    }
    found = searched_final(final, results)
    assert found.training == final.training.model_copy(update=trial(1, SMALL, seed=0)["training"])
    assert found.epochs == 6  # between 3 and 8
    with pytest.raises(ConfigError, match="in all of 2 folds"):
        searched_final(final, {0: [result_of(0, None)], 1: [result_of(0, 0.5)]})


def test_a_result_that_is_none(tmp_path: Path) -> None:
    for content in ("[1]", '{"number": 1}'):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(StoreError, match=r"a\.json must hold the result of a trial: .*Delete it"):
            read_trial(tmp_path / "a.json")


def test_results_say_what_was_drawn(tmp_path: Path) -> None:
    tasks = trials(fold_tasks(tmp_path))
    for task in tasks[2:4]:
        run_search_trial(task)
        content = json.loads(task.result.read_text())
        assert content["fold"] == task.of.fold.index
        assert content["settings"] == trial(task.number, SMALL, seed=3)


def test_a_space_of_another_aggregator_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    folds = fold_tasks(tmp_path, aggregator=AggregatorConfig(name="blstm"))
    with pytest.raises(ConfigError, match=r"search\.space lstm_fc and aggregator\.name blstm"):
        trials(folds)


def test_estimate_counts_epochs_and_examples_of_every_fold(tmp_path: Path) -> None:
    folds = fold_tasks(tmp_path)
    tasks, table = trials(folds, 20), table_of(cohort())
    sizes = [sum(table.views[i].num_clips for i in search_sides(task, table)[0]) for task in tasks[::20]]
    assert sizes[0] != sizes[1]
    epochs = sum(trial(number, SMALL, seed=3)["training"]["epochs"] for number in range(20))
    seconds = 7200 / (epochs * (1 + sizes[1] / sizes[0]))
    asked = []

    def measure(number: int, busy: float = 1.0) -> TrialPace:
        asked.append(number)
        return TrialPace(begin_seconds=(0.0, 0.0), epoch_seconds=(seconds, busy * seconds))

    options: dict[str, Any] = {"measure": measure}
    assert (
        search_estimate(tasks, workers=1, **options)
        == f"Search: 20 trials x 2 folds, about 2 h 00 min on 1 core ({len(asked)} trials measured)"
    )
    assert 2 <= len(asked) <= 5
    assert "about 1 h 00 min on 2 cores (" in search_estimate(tasks, workers=2, **options)
    assert search_estimate(tasks[20:], workers=9, **options).startswith("Search: 20 trials x 1 fold, about ")
    assert search_estimate(tasks[15:25], workers=2, **options).startswith(
        "Search: 10 trials left in 2 folds, about "
    )
    assert search_estimate(tasks[:1], workers=4, **options).endswith("on 1 core (1 trial measured)")
    assert search_estimate([], workers=2) == "Search: nothing is left to do"
    options = {"measure": functools.partial(measure, busy=1.5)}
    assert (
        ", about 2 h 00 min to 3 h 00 min on 1 core, the longer if this machine stays as busy as now ("
        in search_estimate(tasks, workers=1, **options)
    )


def test_a_trial_is_not_shared_among_cores(tmp_path: Path) -> None:
    """Two trials on two cores take as long as the longer one."""
    tasks = trials(fold_tasks(tmp_path), 20)
    by_epochs = {trial(task.number, SMALL, seed=3)["training"]["epochs"]: task for task in tasks[:20]}
    options: dict[str, Any] = {
        "measure": lambda _: TrialPace(begin_seconds=(0.0, 0.0), epoch_seconds=(60.0, 60.0))
    }
    told = search_estimate([by_epochs[1], by_epochs[3]], workers=2, **options)
    assert told == "Search: 2 trials x 1 fold, about 3 min 00 s on 2 cores (2 trials measured)"


def test_estimate_is_measured(tmp_path: Path) -> None:
    found = search_estimate(trials(fold_tasks(tmp_path)), workers=2)
    assert re.fullmatch(
        r"Search: 3 trials x 2 folds, about \d+ s( to \d+ s)? on 2 cores(, the longer .* as now)? "
        r"\([23] trials measured\)",
        found,
    )
