"""Random search: what is drawn, that order and interruption do not matter, and that no patient is on both sides."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import ValidationError
from search_material import AGGREGATOR, FIXED, SPACE, TRAINING, examples, material

from semioscope.core.errors import ConfigError, LeakageError
from semioscope.models import AggregatorConfig
from semioscope.plans import StepPlan
from semioscope.training import (
    SEARCH_SPACES,
    SearchConfig,
    TrainingConfig,
    TrialResult,
    best_over_folds,
    best_trial,
    fit,
    run_trial,
    single_thread,
    space_of,
    trial,
)
from semioscope.training.search_space import Choice, Uniform, WholeNumber


def run_one(number, data=None, **changes):
    with single_thread():
        return run_trial(number, data or material(), plan=StepPlan(num_steps=3), **(FIXED | changes))


@pytest.mark.parametrize("name", sorted(SEARCH_SPACES))
def test_every_space_gives_settings_that_are_possible_and_fill_its_ranges(name):
    drawn = [trial(number, SEARCH_SPACES[name], seed=0) for number in range(400)]
    for settings in drawn:
        AggregatorConfig.model_validate({"name": name} | settings["aggregator"])
        TrainingConfig.model_validate(settings["training"])
    for key, distribution in SEARCH_SPACES[name].items():
        section, setting = key.split(".")
        values = [settings[section][setting] for settings in drawn]
        if isinstance(distribution, Choice):
            assert set(values) == set(distribution.values)
            continue
        values = np.array(values)
        low, high = distribution.low, distribution.high
        assert values.min() >= low
        assert values.max() <= high
        place = (values - low) / (high - low)
        if isinstance(distribution, Uniform) and distribution.log:
            place = np.log(values / low) / np.log(high / low)
        assert place.min() < 0.03
        assert place.max() > 0.97
        assert abs(place.mean() - 0.5) < 0.06


def test_ranges_are_those_of_the_papers():
    space = SEARCH_SPACES["lstm_fc"]
    ranges = {key: (space[key].low, space[key].high) for key in space if key != "training.loss"}
    assert ranges == {
        "aggregator.lstm_sizes": (32, 256),
        "aggregator.fc_sizes": (16, 128),
        "aggregator.dropout": (0, 0.5),
        "aggregator.recurrent_dropout": (0, 0.5),
        "aggregator.l2": (1e-6, 1e-2),
        "training.epochs": (50, 2000),
        "training.batch_size": (50, 2000),
    }
    assert set(space["training.loss"].values) == {"weighted_mse", "bce"}


def test_whole_numbers_include_both_ends():
    drawn = [WholeNumber(low=1, high=3).draw(np.random.default_rng(seed)) for seed in range(50)]
    assert set(drawn) == {1, 2, 3}
    assert all(type(value) is int for value in drawn)


def test_a_trial_follows_from_its_number_alone():
    space = SEARCH_SPACES["lstm_fc"]
    again = {number: trial(number, space, seed=3) for number in (7, 2, 5)}
    for number, settings in again.items():
        assert settings == trial(number, space, seed=3)
        assert json.loads(json.dumps(settings)) == settings
        assert settings != trial(number, space, seed=4)
        assert settings != trial(number + 1, space, seed=3)
    fewer = {key: value for key, value in space.items() if key != "aggregator.l2"}
    for number, settings in again.items():
        less = trial(number, fewer, seed=3)
        assert less["training"] == settings["training"]
        assert less["aggregator"] == {k: v for k, v in settings["aggregator"].items() if k != "l2"}


@pytest.mark.parametrize("key", ["epochs", "folds.rule", "training."])
def test_other_sections_are_not_searched(key):
    with pytest.raises(ConfigError, match=r"aggregator\.NAME and training\.NAME, got"):
        trial(0, {key: Uniform(low=0, high=1)}, seed=0)


@pytest.mark.parametrize("wrong", ["training.epoch", "training.learning_rate"])
def test_settings_that_do_not_exist_or_are_not_possible_are_refused(wrong):
    with pytest.raises(ConfigError, match="must give settings that are possible"):
        run_one(0, space={wrong: Uniform(low=-2, high=-1)})


def test_order_and_interruption_do_not_matter():
    whole = [run_one(number) for number in range(3)]
    kept = {number: TrialResult(**json.loads(json.dumps(asdict(run_one(number))))) for number in (2, 0)}
    kept[1] = run_one(1)
    assert [kept[number] for number in range(3)] == whole
    assert best_trial(list(kept.values())) == best_trial(whole)


def test_score_is_the_best_f1_over_the_inner_split():
    data, result = material(), run_one(1)
    settings = trial(1, SPACE, seed=0)
    assert result.settings == settings
    with single_thread():
        wanted = fit(
            data.train,
            data.validation,
            aggregator=AGGREGATOR.model_copy(update=settings["aggregator"]),
            training=TRAINING.model_copy(update=settings["training"] | {"best_epoch": "best_f1"}),
            segments=StepPlan(num_steps=3),
            num_classes=2,
            seed=0,
            fold="0, trial 1",
        )
    assert result.score == wanted.history["validation_f1"].max()
    assert result.best_epoch == wanted.best_epoch <= settings["training"]["epochs"]


def test_best_trial_is_the_first_of_the_highest():
    def result(number, score):
        return TrialResult(
            number=number, settings={}, score=score, best_epoch=1, failure=None if score else "no"
        )

    results = [result(4, 0.5), result(3, 0.7), result(1, 0.7), result(0, None)]
    assert best_trial(results).number == 1
    assert best_trial(results[::-1]).number == 1
    with pytest.raises(ConfigError, match=r"got none of 1: no"):
        best_trial(results[3:])


def test_best_over_folds_is_the_first_of_the_highest_mean():
    def fold(*scores):
        results = [
            TrialResult(number=k, settings={}, score=score, best_epoch=k + 1)
            for k, score in enumerate(scores)
        ]
        return results[::-1]

    def chosen(*folds):
        return {result.number for result in best_over_folds(folds)}

    assert chosen(fold(0.9, 0.6, 0.7), fold(0.2, 0.6, 0.6)) == {2}
    assert chosen(fold(0.5, 0.75, 0.5), fold(0.5, 0.5, 0.75)) == {1}
    assert chosen(fold(0.9, None, 0.1), fold(None, 0.9, 0.1)) == {2}  # the others failed in a fold
    assert [result.score for result in best_over_folds([fold(0.5), fold(0.25)])] == [0.5, 0.25]
    with pytest.raises(ConfigError, match=r"trained in all of 2 folds, got none of 2\. Use more trials"):
        best_over_folds([fold(0.5, None), fold(None, 0.5)])


def test_space_follows_the_number_of_classes():
    whole, more = (space_of("lstm_fc", aggregator="lstm_fc", num_classes=n) for n in (2, 3))
    assert whole == SEARCH_SPACES["lstm_fc"]
    assert set(whole) - set(more) == {"training.loss"}
    for number in range(5):  # the rest is drawn as with two classes
        two, three = trial(number, whole, seed=1), trial(number, more, seed=1)
        assert two["aggregator"] == three["aggregator"]
        assert {key: value for key, value in two["training"].items() if key != "loss"} == three["training"]


def test_a_space_is_that_of_its_aggregator():
    with pytest.raises(ConfigError, match=r"Unknown value of search.space 'lstm_f'\. Did you mean lstm_fc"):
        space_of("lstm_f", aggregator="lstm_fc", num_classes=2)
    with pytest.raises(
        ConfigError, match=r"got search.space lstm_fc and aggregator.name blstm\. Use --set agg"
    ):
        space_of("lstm_fc", aggregator="blstm", num_classes=2)


@pytest.mark.parametrize("bad", [{"num_trials": -1}, {"trials": 3}])
def test_search_settings_are_checked(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        SearchConfig(**bad)


def test_a_trial_whose_loss_is_lost_is_a_failure_and_other_faults_are_errors():
    data = material()
    data.train.features[0] = np.inf
    found = run_one(0, data)
    assert found.score is None
    assert "features of slice 0 are not finite" in found.failure
    with pytest.raises(ConfigError, match="Unknown loss 'x'"):
        run_one(0, space={"training.loss": Choice(values=("x",))})


def test_no_patient_is_on_both_sides():
    with pytest.raises(LeakageError, match=r"but p3 is on both sides \(1 such patient\)\. Split by patient"):
        material(validation_patients=frozenset({"p3", "p4"}))
    nothing = examples().subset(np.zeros(30, bool))
    with pytest.raises(
        ConfigError, match="examples to learn from and others to compare trials on, got 0 and 10"
    ):
        material(train=nothing)
    with pytest.raises(ConfigError, match=r"got 20 and 0\. Use more"):
        material(validation=nothing)
